package rights

import (
	"archive/zip"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/tink-crypto/tink-go/v2/streamingaead/subtle"

	"github.com/privet-gateway/privet/audit"
)

// Package is what is known of an access package; its key lies sealed under the
// subject's own key, so that erasing the person ends every package too.
type Package struct {
	Rows    int        `json:"rows"`
	Bytes   int64      `json:"bytes"`
	SHA256  string     `json:"sha256"` // of the ZIP
	Key     []byte     `json:"key"`    // sealed
	Expires time.Time  `json:"expires"`
	Deleted *time.Time `json:"deleted,omitempty"`
}

const (
	packageLife = 30 * 24 * time.Hour
	batchRows   = 200
	htmlRows    = 100 // of one collection in the page; all are in JSON and CSV
)

// Manifest lists a package's files. Its signature stands beside it.
type Manifest struct {
	Request string         `json:"request"`
	Made    time.Time      `json:"made"`
	Plan    string         `json:"plan_hash"`
	Files   []ManifestFile `json:"files"`
}

// ManifestFile is one file of an archive.
type ManifestFile struct {
	Name   string `json:"name"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

func (o *Office) packagePath(id string) string { return filepath.Join(o.Packages, id+".zip.sealed") }

// compile writes the access package. It may be interrupted and run again: the file
// gets its name only when it is whole.
func (o *Office) compile(ctx context.Context, r *Request, plan *Plan) error {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	sealed, err := o.Keys.Seal(ctx, r.Body.Subject, key)
	if err != nil {
		return fmt.Errorf("seal package key: %w", err)
	}
	if err := os.MkdirAll(o.Packages, 0o700); err != nil {
		return err
	}
	file, err := os.CreateTemp(o.Packages, ".making-*")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name()) // after the rename it does nothing
	defer file.Close()
	cipher, err := subtle.NewAESGCMHKDF(key, "SHA256", 32, 1<<20, 0)
	if err != nil {
		return err
	}
	sealing, err := cipher.NewEncryptingWriter(file, []byte(r.ID))
	if err != nil {
		return err
	}
	digest := sha256.New()
	size := new(counter)
	rows, err := o.writePackage(ctx, io.MultiWriter(sealing, digest, size), r, plan)
	if err := errors.Join(err, sealing.Close()); err != nil {
		return fmt.Errorf("write package: %w", err)
	}
	if err := errors.Join(file.Sync(), os.Rename(file.Name(), o.packagePath(r.ID))); err != nil {
		return err
	}
	want := 0
	for _, s := range plan.Steps {
		want += len(s.Targets)
	}
	now := o.Now().UTC()
	receipt, err := o.note(ctx, r, "rights.compiled", machine, "done", map[string]string{"rows": fmt.Sprint(rows)})
	if err != nil {
		return err
	}
	return o.mine(ctx, r, func(tx *sql.Tx, r *Request) error {
		if rows != want {
			r.Status, r.nextAt = NeedsAttention, time.Time{}
			r.Facts.Findings = []string{fmt.Sprintf("%d of %d planned rows could be read", rows, want)}
			return o.tell(ctx, tx, r, "needs_attention", machine, string(receipt), nil)
		}
		for i, s := range plan.Steps {
			facts := StepFacts{Rows: len(s.Targets), Receipt: string(receipt), At: now}
			if err := saveStep(ctx, tx, r.ID, Step{N: i + 1, State: StepDone, Attempts: 1, StepFacts: facts}); err != nil {
				return err
			}
		}
		r.Facts.Package = &Package{Rows: rows, Bytes: int64(*size), SHA256: hex.EncodeToString(digest.Sum(nil)), Key: sealed, Expires: now.Add(packageLife)}
		r.Facts.Written, r.Status, r.nextAt = &now, Verifying, now
		return o.tell(ctx, tx, r, "compiled", machine, string(receipt), map[string]string{"rows": fmt.Sprint(rows)})
	})
}

// writePackage streams all files; memory holds one batch of rows.
func (o *Office) writePackage(ctx context.Context, w io.Writer, r *Request, plan *Plan) (rows int, err error) {
	a := &archive{zip: zip.NewWriter(w), now: o.Now().UTC()}
	if r.veil, err = o.openVeil(ctx, r, plan); err != nil {
		return 0, err
	}
	if err := o.writePage(ctx, a, r, plan); err != nil {
		return 0, err
	}
	for _, s := range plan.Steps {
		base := "systems/" + safe(s.System) + "/" + safe(s.Collection)
		n, err := o.writeJSON(ctx, a, base+".json", s, r)
		if err != nil {
			return 0, err
		}
		rows += n
		if err := o.writeCSV(ctx, a, base+".csv", s, r); err != nil {
			return 0, err
		}
	}
	if err := a.put("withheld.json", []byte(mustJSON(withheld(plan)))); err != nil {
		return 0, err
	}
	return rows, a.sign(ctx, o.Signer, Manifest{Request: r.ID, Made: a.now, Plan: r.Facts.PlanHash})
}

// withheld sums up what is kept back, per field and law.
func withheld(plan *Plan) []Kept {
	var out []Kept
	for _, k := range plan.Kept {
		k.Key = ""
		i := slices.IndexFunc(out, func(o Kept) bool {
			return o.System == k.System && o.Collection == k.Collection && o.Field == k.Field && o.Why == k.Why
		})
		if i < 0 {
			out = append(out, k)
		} else {
			out[i].Rows++
		}
	}
	return out
}

// eachRow reads a step's rows again and shows what may be shown.
func (o *Office) eachRow(ctx context.Context, s PlanStep, r *Request, f func(values map[string]any) error) error {
	return o.eachTarget(ctx, s, func(row Row, t Target) error {
		shown, err := o.shown(ctx, s, row.Values, t, r)
		if err != nil {
			return err
		}
		return f(shown)
	})
}

// eachTarget reads a step's rows again, in batches, as they are.
func (o *Office) eachTarget(ctx context.Context, s PlanStep, f func(row Row, t Target) error) error {
	h, c, err := o.placed(s)
	if err != nil {
		return err
	}
	if len(c.Keys()) == 0 {
		return fmt.Errorf("%w: %s declares no key", ErrMap, s.Collection)
	}
	by := c.Keys()[0]
	if f := slices.IndexFunc(c.Fields, func(f Field) bool { return f.Key && f.Identity != "" }); f >= 0 {
		by = c.Fields[f].Name
	}
	for batch := range slices.Chunk(s.Targets, batchRows) {
		want := map[string]Target{}
		var values []string
		for _, t := range batch {
			want[t.Key] = t
			if v := c.Named(t.Key)[by]; !slices.Contains(values, v) {
				values = append(values, v)
			}
		}
		for row, err := range h.Find(ctx, c, by, values) {
			if err != nil {
				return fmt.Errorf("read %s.%s: %w", s.System, s.Collection, err)
			}
			t, asked := want[row.Key]
			if !asked {
				continue
			}
			if err := f(row, t); err != nil {
				return err
			}
		}
	}
	return nil
}

// shown is a row as its person may see it. Only fields the map names are shown.
func (o *Office) shown(ctx context.Context, s PlanStep, values map[string]any, t Target, r *Request) (out map[string]any, err error) {
	c := o.Map.Collection(s.System, s.Collection)
	out = map[string]any{}
	for _, f := range c.Fields {
		v, there := values[f.Name]
		if !there {
			continue
		}
		if why := t.Hidden[f.Name]; why != "" {
			v = "[" + why + "]"
		} else if f.Class == "transcript" && v != nil {
			if v, err = r.veil.lay(ctx, o.passageID(r.ID, s, t, f.Name), v); err != nil {
				return nil, err
			}
		}
		out[f.Name] = v
	}
	return out, nil
}

func (o *Office) writeJSON(ctx context.Context, a *archive, name string, s PlanStep, r *Request) (n int, err error) {
	w, err := a.create(name)
	if err != nil {
		return 0, err
	}
	enc := json.NewEncoder(w)
	sep := "["
	err = o.eachRow(ctx, s, r, func(values map[string]any) error {
		if _, err := w.WriteString(sep); err != nil {
			return err
		}
		n, sep = n+1, ","
		return enc.Encode(values) // ends the line
	})
	if err != nil {
		return n, err
	}
	if n == 0 {
		_, err = w.WriteString("[")
	}
	_, err2 := w.WriteString("]\n")
	return n, errors.Join(err, err2)
}

func (o *Office) writeCSV(ctx context.Context, a *archive, name string, s PlanStep, r *Request) error {
	w, err := a.create(name)
	if err != nil {
		return err
	}
	c := o.Map.Collection(s.System, s.Collection)
	out := csv.NewWriter(w)
	head := make([]string, len(c.Fields))
	for i, f := range c.Fields {
		head[i] = f.Name
	}
	if err := out.Write(head); err != nil {
		return err
	}
	err = o.eachRow(ctx, s, r, func(values map[string]any) error {
		line := make([]string, len(c.Fields))
		for i, f := range c.Fields {
			line[i] = audit.Harmless(Text(values[f.Name]))
		}
		return out.Write(line)
	})
	out.Flush()
	return errors.Join(err, out.Error())
}

// recipients are a system's, as people read them.
func recipients(s *System) (out []string) {
	for _, r := range s.Recipients {
		out = append(out, strings.TrimPrefix(r, "notify:"))
	}
	return out
}

// checkPackage reads the whole package back and compares it with what was written,
// and the holders with the plan: a row that came in meanwhile is not forgotten.
func (o *Office) checkPackage(ctx context.Context, r *Request, plan *Plan) error {
	var found []string
	digest := sha256.New()
	stream, err := o.openPackage(ctx, r)
	if err == nil {
		_, err = io.Copy(digest, stream)
		err = errors.Join(err, stream.Close())
	}
	if err != nil || r.Facts.Package == nil || hex.EncodeToString(digest.Sum(nil)) != r.Facts.Package.SHA256 {
		found = append(found, "the package cannot be read back as written")
	}
	fresh, err := o.plan(ctx, r)
	if err != nil {
		return fmt.Errorf("look again: %w", err)
	}
	if hash, err := fresh.Hash(); err != nil || hash != r.Facts.PlanHash {
		found = append(found, "rows have come or gone since the plan was made")
	}
	receipt, err := o.note(ctx, r, "rights.proof", machine, outcomeOf(found), nil)
	if err != nil {
		return err
	}
	if len(found) == 0 {
		if err := o.mine(ctx, r, func(tx *sql.Tx, r *Request) error {
			r.Facts.Proofs++
			return o.tell(ctx, tx, r, "proven", machine, string(receipt), nil)
		}); err != nil {
			return err
		}
		return o.complete(ctx, r, plan)
	}
	return o.mine(ctx, r, func(tx *sql.Tx, r *Request) error {
		r.Status, r.nextAt, r.Facts.Findings = NeedsAttention, time.Time{}, found
		return o.tell(ctx, tx, r, "needs_attention", machine, string(receipt), nil)
	})
}
