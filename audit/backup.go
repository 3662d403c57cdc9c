package audit

import (
	"bufio"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"math"
	"os"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/privet-gateway/privet/audit/store"
)

// A backup is a gzip file of JSON lines: for each table its name and columns,
// then its rows, and in the end a signed note over all lines before. Text is
// "t:…", bytes are "b:…" in base64, numbers are numbers. It works on both
// engines, and from one to the other. It holds keys in wrapped form only.

// BackupTitle begins the note at the end of a backup.
const BackupTitle = "privet trail backup v1"

// restored is until when a lane is taken that a restore has closed: nobody writes it.
const restored = math.MaxInt64

// backupPatience bounds the one transaction that reads or writes it all.
const backupPatience = 6 * time.Hour

// tables are all of the trail's, in an order in which they can be written;
// trail_words follows from the entries.
func tables() []string {
	return []string{"trail_house", "trail_epochs", "trail_subjects", "trail_tags", "trail_erasures", "trail_lanes",
		"trail_tiles", "trail_cosigned", "trail_copies", "trail_entries", "trail_mentions"}
}

// lineWriter writes the lines of a backup and hashes them.
type lineWriter struct {
	out    *bufio.Writer
	hashed hash.Hash
}

func (w *lineWriter) line(v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	text = append(text, '\n')
	w.hashed.Write(text)
	_, err = w.out.Write(text)
	return err
}

// Backup writes the whole trail as it is at one moment, for whoever asks.
func (t *Trail) Backup(ctx context.Context, to io.Writer, by string) (err error) {
	ctx = store.Patient(ctx, backupPatience)
	if _, err := t.Append(ctx, Event{Kind: "trail.backup", Agent: by, Outcome: "allowed"}); err != nil {
		return fmt.Errorf("back up trail: %w", err)
	}
	zipped := gzip.NewWriter(to)
	w := &lineWriter{bufio.NewWriterSize(zipped, 1<<16), sha256.New()}
	err = t.db.Read(ctx, func(tx *sql.Tx) error {
		for _, table := range tables() {
			if err := backupTable(ctx, tx, w, table); err != nil {
				return fmt.Errorf("%s: %w", table, err)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("back up trail: %w", err)
	}
	signed, err := signNote(ctx, t.cfg.Signer, t.cfg.Origin, backupText(w.hashed))
	if err == nil {
		err = w.line(map[string]string{"signed": string(signed)})
	}
	if err := errors.Join(err, w.out.Flush(), zipped.Close()); err != nil {
		return fmt.Errorf("back up trail: %w", err)
	}
	return nil
}

func backupText(h hash.Hash) string {
	return BackupTitle + "\n" + hex.EncodeToString(h.Sum(nil)) + "\n"
}

// backupHeader introduces the rows of a table.
type backupHeader struct {
	Table   string   `json:"table"`
	Columns []string `json:"columns"`
}

func backupTable(ctx context.Context, tx *sql.Tx, w *lineWriter, table string) error {
	rows, err := tx.QueryContext(ctx, "SELECT * FROM "+table)
	if err != nil {
		return err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return err
	}
	if err := w.line(backupHeader{table, columns}); err != nil {
		return err
	}
	cells, into := make([]any, len(columns)), make([]any, len(columns))
	for i := range cells {
		into[i] = &cells[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		row := make([]any, len(cells))
		for i, cell := range cells {
			switch v := cell.(type) {
			case []byte:
				row[i] = "b:" + base64.StdEncoding.EncodeToString(v)
			case string:
				row[i] = "t:" + v
			default:
				row[i] = v
			}
		}
		if err := w.line(row); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Restoring says where a backup goes and whose it must be.
type Restoring struct {
	Store  *store.DB
	Signer Signer
	Origin string
}

// Restore fills an empty database from a backup, which must be signed by the
// house's own key. The restored logs are closed: what happened after the backup
// may be known elsewhere, and to write on would be another history. The next
// start begins a new log. Call [Trail.Reerase] with the ledger afterwards.
func Restore(ctx context.Context, from io.Reader, r Restoring) error {
	err := restoreAll(store.Patient(ctx, backupPatience), from, r)
	if err != nil {
		err = fmt.Errorf("restore trail: %w", err)
	}
	return err
}

func restoreAll(ctx context.Context, from io.Reader, r Restoring) error {
	keys, _, err := keysOf(ctx, r.Signer, r.Origin)
	if err != nil {
		return err
	}
	zipped, err := gzip.NewReader(from)
	if err != nil {
		return fmt.Errorf("not a backup: %w", err)
	}
	return r.Store.Write(ctx, func(tx *sql.Tx) error {
		var n int64
		if err := tx.QueryRowContext(ctx, "SELECT COUNT(*) FROM trail_lanes WHERE size > 0").Scan(&n); err != nil {
			return err
		}
		if n > 0 {
			return errors.New("the database holds a trail already; restore into an empty one")
		}
		for _, table := range tables() {
			if _, err := tx.ExecContext(ctx, "DELETE FROM "+table); err != nil {
				return err
			}
		}
		if err := restoreRows(ctx, tx, bufio.NewReaderSize(zipped, 1<<16), keys); err != nil {
			return err
		}
		if err := insertAllWords(ctx, tx); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, "UPDATE trail_lanes SET holder = 'restored', until = $1", int64(restored))
		return err
	})
}

// Adopt is Restore for a database that was put back whole by other means: a copy
// of the file, pg_dump, a snapshot. Its logs are closed. No server may be running.
func Adopt(ctx context.Context, db *store.DB, now time.Time) error {
	err := db.Write(store.Patient(ctx, backupPatience), func(tx *sql.Tx) error {
		if err := unused(ctx, tx, now); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, "UPDATE trail_lanes SET holder = 'restored', until = $1", int64(restored))
		return err
	})
	if err != nil {
		err = fmt.Errorf("adopt restored trail: %w", err)
	}
	return err
}

// unused fails while a process writes the trail. Logs that a restore has closed
// are written by nobody.
func unused(ctx context.Context, tx *sql.Tx, now time.Time) error {
	var taken int
	err := tx.QueryRowContext(ctx, "SELECT COUNT(*) FROM trail_lanes WHERE until >= $1 AND until < $2", micros(now), int64(restored)).Scan(&taken)
	if err == nil && taken > 0 {
		err = fmt.Errorf("%d servers or commands have the trail open; stop them, wait %s and try again", taken, leaseTime)
	}
	return err
}

// restoreRows reads all lines; nothing is kept unless the signature is good.
func restoreRows(ctx context.Context, tx *sql.Tx, in *bufio.Reader, keys note.Verifiers) error {
	hashed := sha256.New()
	var header backupHeader
	var args []any
	flush := func() error {
		if len(args) == 0 {
			return nil
		}
		_, err := insertAll(store.StatementsOf(ctx, tx), header.Table+" ("+strings.Join(header.Columns, ", ")+")", len(header.Columns), args)
		args = args[:0]
		return err
	}
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return fmt.Errorf("the backup is cut off; get the whole file: %w", err)
		}
		if line[0] == '[' {
			if args, err = appendRow(args, line, len(header.Columns)); err == nil && len(args) >= chunk*len(header.Columns) {
				err = flush()
			}
			hashed.Write(line)
			if err != nil {
				return err
			}
			continue
		}
		if err := flush(); err != nil {
			return err
		}
		var special struct {
			backupHeader
			Signed string `json:"signed"`
		}
		if err := json.Unmarshal(line, &special); err != nil {
			return err
		}
		if special.Signed != "" {
			n, err := note.Open([]byte(special.Signed), keys)
			if err != nil {
				return fmt.Errorf("signature of the backup: %w", err)
			}
			if n.Text != backupText(hashed) {
				return errors.New("the backup was changed after it was made")
			}
			return nil
		}
		hashed.Write(line)
		if header = special.backupHeader; !known(header) {
			return fmt.Errorf("the backup holds an unknown table %q", header.Table)
		}
	}
}

// known keeps what is pasted into SQL to names that the trail has.
func known(h backupHeader) bool {
	ok := false
	for _, table := range tables() {
		ok = ok || table == h.Table
	}
	for _, column := range h.Columns {
		ok = ok && strings.Trim(column, "abcdefghijklmnopqrstuvwxyz_") == ""
	}
	return ok && len(h.Columns) > 0
}

func appendRow(args []any, line []byte, width int) ([]any, error) {
	decoder := json.NewDecoder(strings.NewReader(string(line)))
	decoder.UseNumber()
	var row []any
	if err := decoder.Decode(&row); err != nil || len(row) != width {
		return args, fmt.Errorf("the backup has a row of %d cells for %d columns (%v)", len(row), width, err)
	}
	for _, cell := range row {
		switch v := cell.(type) {
		case nil:
			args = append(args, []byte(nil))
		case json.Number:
			n, err := v.Int64()
			if err != nil {
				return args, err
			}
			args = append(args, n)
		case string:
			if text, ok := strings.CutPrefix(v, "t:"); ok {
				args = append(args, text)
				continue
			}
			b, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(v, "b:"))
			if err != nil {
				return args, err
			}
			args = append(args, b)
		default:
			return args, fmt.Errorf("the backup has a cell %v", v)
		}
	}
	return args, nil
}

// ledger writes an erasure down before its receipt: one tag a line, some perhaps
// twice. The ledger lies outside of the database and of its backups.
func (t *Trail) ledger(tag string) error {
	if t.cfg.Ledger == "" {
		return nil
	}
	f, err := os.OpenFile(t.cfg.Ledger, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(f, tag)
	return errors.Join(err, f.Sync(), f.Close())
}

// openLedger finds out now whether erasures can be written down later.
func (c *Config) openLedger() error {
	if c.Ledger == "" {
		return nil
	}
	f, err := os.OpenFile(c.Ledger, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

// Reerase erases again, after a restore, who was erased since the backup: a
// ledger says so by tags. It returns how many came back and are gone again.
func (t *Trail) Reerase(ctx context.Context, ledger io.Reader) (again int, err error) {
	scanner := bufio.NewScanner(ledger)
	for scanner.Scan() {
		tag := strings.TrimSpace(scanner.Text())
		if tag == "" {
			continue
		}
		keys, err := t.keys.get(ctx, want{tag: tag})
		if err != nil {
			return again, fmt.Errorf("erase again: %w", err)
		}
		if keys[0] == nil {
			continue
		}
		if _, err := t.Erase(ctx, keys[0].subject); err != nil {
			return again, fmt.Errorf("erase again: %w", err)
		}
		again++
	}
	return again, scanner.Err()
}
