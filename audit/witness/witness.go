// Package witness lets an outside party remember how far a log was, and say so
// in a signature: afterwards nobody can cut the log back or rewrite it unseen,
// not even its operator with all keys. It speaks C2SP tlog-witness, so that
// public witnesses work too.
//
// A witness sees origin, size and root of a log, and no entry.
package witness

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	f_note "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
)

// sizeType is the content type of a witness's answer that it knows another size.
const sizeType = "text/x.tlog.size"

// maxBody bounds requests and answers.
const maxBody = 64 << 10

// Errors of a witness.
var (
	// ErrConflict: the witness has seen a newer head, or one of the same size
	// with another root.
	ErrConflict = errors.New("witness has seen another history")
	// ErrRefused: the witness does not know the log or its key, or is not well.
	ErrRefused = errors.New("witness refused")
)

// Client asks one witness for cosignatures.
type Client struct {
	url      string
	verifier note.Verifier
	http     *http.Client
}

// NewClient takes the witness's address and its verifier key, with cosignature
// or plain Ed25519 key type.
func NewClient(url, vkey string) (*Client, error) {
	v, err := f_note.NewVerifierForCosignatureV1(vkey)
	if err != nil {
		return nil, fmt.Errorf("witness %s: %w", url, err)
	}
	return &Client{strings.TrimSuffix(url, "/"), v, &http.Client{Timeout: 5 * time.Second}}, nil
}

// Name is the witness's name.
func (c *Client) Name() string { return c.verifier.Name() }

// Known is returned by Cosign when the witness knows the log at another size
// than the caller believed: ask again with a proof from there.
type Known struct{ Size int64 }

func (k *Known) Error() string { return fmt.Sprintf("witness knows size %d", k.Size) }

// Cosign sends a checkpoint with the consistency proof from size old, and
// returns the witness's signature line.
func (c *Client) Cosign(ctx context.Context, checkpoint []byte, old int64, proof [][]byte) ([]byte, error) {
	var body bytes.Buffer
	fmt.Fprintf(&body, "old %d\n", old)
	for _, h := range proof {
		fmt.Fprintln(&body, base64.StdEncoding.EncodeToString(h))
	}
	body.WriteByte('\n')
	body.Write(checkpoint)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url+"/add-checkpoint", &body)
	if err != nil {
		return nil, err
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, fmt.Errorf("ask witness: %w", err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxBody))
	if err != nil {
		return nil, fmt.Errorf("ask witness: %w", err)
	}
	switch response.StatusCode {
	case http.StatusOK:
		return answer, c.check(checkpoint, answer)
	case http.StatusConflict:
		size, err := strconv.ParseInt(strings.TrimSpace(string(answer)), 10, 64)
		if err != nil || response.Header.Get("Content-Type") != sizeType {
			return nil, ErrConflict
		}
		return nil, &Known{size}
	case http.StatusUnprocessableEntity:
		return nil, ErrConflict
	}
	return nil, fmt.Errorf("%w: HTTP status %d", ErrRefused, response.StatusCode)
}

// check says whether the lines hold the witness's signature of the checkpoint.
func (c *Client) check(checkpoint, lines []byte) error {
	n, err := note.Open(append(bytes.Clone(checkpoint), lines...), note.VerifierList(c.verifier))
	if err != nil {
		return fmt.Errorf("%w: its signature: %w", ErrRefused, err)
	}
	if len(n.Sigs) == 0 {
		return fmt.Errorf("%w: it signed nothing", ErrRefused)
	}
	return nil
}
