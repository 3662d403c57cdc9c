package rights

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"
)

// Message is one letter between a person and the office, sealed under the request's key.
type Message struct {
	Seq    int       `json:"seq"`
	At     time.Time `json:"at"`
	Sender string    `json:"sender"` // "cardholder", "agent" (theirs) or an officer's name
	Text   string    `json:"text"`
	Files  []File    `json:"files,omitempty"`
}

// File is an attachment. Its type was looked at, not believed.
type File struct {
	Name  string `json:"name"`
	Type  string `json:"type"`
	Bytes []byte `json:"bytes,omitempty"`
}

// agentSender is whose message an agent's document is, filed with the request.
const agentSender = "agent"

// Limits of a message.
const (
	MostFileBytes = 5 << 20
	mostFiles     = 3
	mostMessages  = 50
)

// ErrLarge is an [ErrInvalid]: a form with more than its files may have.
var ErrLarge error = mend{"file_size", "the form is too large, or broke off"}

// CheckFile refuses what could act when opened: only pictures, plain text and PDF
// without scripts, forms that submit, or embedded files.
func CheckFile(name string, content []byte) (File, error) {
	if len(content) == 0 || len(content) > MostFileBytes {
		return File{}, invalid("file_size", "a file has between 1 byte and 5 MB")
	}
	kind, _, _ := strings.Cut(http.DetectContentType(content), ";")
	if !slices.Contains([]string{"application/pdf", "image/png", "image/jpeg", "text/plain"}, kind) {
		return File{}, invalid("file_kind", "%s is not taken; send PDF, PNG, JPEG or plain text", kind)
	}
	if kind == "application/pdf" {
		for _, active := range []string{"/JavaScript", "/JS", "/Launch", "/EmbeddedFile", "/SubmitForm", "/RichMedia", "/OpenAction", "/AA", "/ObjStm", "/Encrypt"} {
			if bytes.Contains(content, []byte(active)) {
				return File{}, invalid("file_active", "the PDF has active or hidden parts; print it to a new PDF, or send a picture")
			}
		}
	}
	if kind == "text/plain" && bytes.Contains(bytes.ToLower(content), []byte("<svg")) {
		return File{}, invalid("file_kind", "SVG is not taken; send PNG or JPEG")
	}
	return File{Name: safe(path.Base(strings.ReplaceAll(name, `\`, "/"))), Type: kind, Bytes: content}, nil
}

// Send adds a message to a request. An officer's is announced by e-mail, without its text.
func (o *Office) Send(ctx context.Context, id, sender, text string, files []File) error {
	if text = strings.TrimSpace(text); (text == "" && len(files) == 0) || len(text) > 4000 || len(files) > mostFiles {
		return invalid("message", "a message has between 1 and 4000 bytes and up to %d files", mostFiles)
	}
	r, err := o.Open(ctx, id)
	if err != nil {
		return err
	}
	sealed, err := o.Keys.Seal(ctx, "request/"+id, []byte(mustJSON(Message{Sender: sender, Text: text, Files: files})))
	if err != nil {
		return err
	}
	receipt, err := o.note(ctx, r, "rights.message", sender, "allowed", map[string]string{"files": fmt.Sprint(len(files))})
	if err != nil {
		return err
	}
	err = o.DB.Write(ctx, func(tx *sql.Tx) error {
		if _, err := lockRequest(ctx, tx, id); err != nil {
			return err
		}
		var n int
		if err := tx.QueryRowContext(ctx, "SELECT COUNT(*) FROM rights_messages WHERE request = $1", id).Scan(&n); err != nil {
			return err
		}
		if n >= mostMessages {
			return invalid("messages", "a request takes %d messages", mostMessages)
		}
		if _, err := tx.ExecContext(ctx, "INSERT INTO rights_messages (request, seq, at, sender, body) VALUES ($1, $2, $3, $4, $5)", id, n+1, o.Now().UnixMicro(), sender, sealed); err != nil {
			return err
		}
		return o.tell(ctx, tx, r, "message", sender, string(receipt), nil)
	})
	if err != nil || sender == cardholder {
		return err
	}
	return o.mail(ctx, r, "message")
}

// SendAsCardholder is Send from the person.
func (o *Office) SendAsCardholder(ctx context.Context, id, text string, files []File) error {
	return o.Send(ctx, id, cardholder, text, files)
}

// Messages reads a request's letters, oldest first.
func (o *Office) Messages(ctx context.Context, id string) ([]Message, error) {
	var out []Message
	var sealed [][]byte
	err := o.DB.Read(ctx, func(tx *sql.Tx) error {
		out, sealed = nil, nil
		rows, err := tx.QueryContext(ctx, "SELECT seq, at, sender, body FROM rights_messages WHERE request = $1 ORDER BY seq", id)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var m Message
			var at int64
			var body []byte
			if err := rows.Scan(&m.Seq, &at, &m.Sender, &body); err != nil {
				return err
			}
			m.At = time.UnixMicro(at).UTC()
			out, sealed = append(out, m), append(sealed, body)
		}
		return rows.Err()
	})
	if err != nil {
		return nil, err
	}
	for i := range out {
		plain, err := o.Keys.Open(ctx, "request/"+id, sealed[i])
		if err != nil {
			return nil, fmt.Errorf("open message: %w", err)
		}
		var m Message
		if err := json.Unmarshal(plain, &m); err != nil {
			return nil, err
		}
		out[i].Text, out[i].Files = m.Text, m.Files
	}
	return out, nil
}
