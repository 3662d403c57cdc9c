package rights

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"html/template"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/tink-crypto/tink-go/v2/streamingaead/subtle"
)

// Package is what is known of an access package; its key lies sealed under the
// subject's own key, so that erasing the person ends every package too.
type Package struct {
	Rows    int       `json:"rows"`
	Bytes   int64     `json:"bytes"`
	SHA256  string    `json:"sha256"` // of the ZIP
	Key     []byte    `json:"key"`    // sealed
	Expires time.Time `json:"expires"`
	Opened  int       `json:"opened,omitempty"`
}

const (
	packageLife = 30 * 24 * time.Hour
	batchRows   = 200
	htmlRows    = 100 // of one collection in the page; all are in JSON and CSV
)

// Redactor blanks what other people said or are named by in a transcript.
type Redactor interface {
	Others(ctx context.Context, text, language string) (string, error)
}

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

// sealedFile is a stream to disk that is never there in the clear.
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
	_, err = o.mine(ctx, r, func(tx *sql.Tx, r *Request) error {
		if rows != want {
			r.Status, r.nextAt = NeedsAttention, time.Time{}
			r.Facts.Findings = []string{fmt.Sprintf("%d of %d planned rows could be read", rows, want)}
			return o.tell(ctx, tx, r, "needs_attention", machine, string(receipt), nil)
		}
		if _, err := tx.ExecContext(ctx, "UPDATE rights_steps SET state = 'done' WHERE request = $1", r.ID); err != nil {
			return err
		}
		r.Facts.Package = &Package{Rows: rows, Bytes: int64(*size), SHA256: hex.EncodeToString(digest.Sum(nil)), Key: sealed, Expires: now.Add(packageLife)}
		r.Facts.Written, r.Status, r.nextAt = &now, Verifying, now
		return o.tell(ctx, tx, r, "compiled", machine, string(receipt), map[string]string{"rows": fmt.Sprint(rows)})
	})
	return err
}

type counter int64

func (c *counter) Write(b []byte) (int, error) { *c += counter(len(b)); return len(b), nil }

// archive writes files and remembers their digests for the manifest.
type archive struct {
	zip   *zip.Writer
	now   time.Time
	files []ManifestFile
	open  hash.Hash
	size  counter
}

var unsafeName = regexp.MustCompile(`[^A-Za-z0-9_.-]+`)

// safe makes a part of a path that stays inside the archive on every system.
func safe(name string) string {
	name = strings.Trim(unsafeName.ReplaceAllString(name, "_"), ".")
	return orElse(name, "_")
}

func (a *archive) create(name string) (io.Writer, error) {
	a.close()
	w, err := a.zip.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: a.now})
	if err != nil {
		return nil, err
	}
	a.files = append(a.files, ManifestFile{Name: name})
	a.open, a.size = sha256.New(), 0
	return io.MultiWriter(w, a.open, &a.size), nil
}

func (a *archive) close() {
	if a.open != nil {
		last := &a.files[len(a.files)-1]
		last.Bytes, last.SHA256 = int64(a.size), hex.EncodeToString(a.open.Sum(nil))
		a.open = nil
	}
}

func (a *archive) put(name string, content []byte) error {
	w, err := a.create(name)
	if err != nil {
		return err
	}
	_, err = w.Write(content)
	return err
}

// sign writes the manifest and its signature, and ends the archive.
func (a *archive) sign(ctx context.Context, by Signer, m Manifest) error {
	a.close()
	m.Files = a.files
	raw, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		return err
	}
	signature, version, err := by.Sign(ctx, raw)
	if err != nil {
		return fmt.Errorf("sign manifest: %w", err)
	}
	if err := a.put("manifest.json", raw); err != nil {
		return err
	}
	if err := a.put("manifest.sig", fmt.Appendf(nil, "ed25519 %d %s\n", version, base64.StdEncoding.EncodeToString(signature))); err != nil {
		return err
	}
	return a.zip.Close()
}

// writePackage streams all files; memory holds one batch of rows.
func (o *Office) writePackage(ctx context.Context, w io.Writer, r *Request, plan *Plan) (rows int, err error) {
	a := &archive{zip: zip.NewWriter(w), now: o.Now().UTC()}
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

// eachRow reads a step's rows again in batches and shows what may be shown.
func (o *Office) eachRow(ctx context.Context, s PlanStep, r *Request, f func(values map[string]any) error) error {
	c := o.Map.Collection(s.System, s.Collection)
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
			if v := Text(t.Keys[by]); !slices.Contains(values, v) {
				values = append(values, v)
			}
		}
		rows, err := o.Holders[s.System].Find(ctx, c, by, values)
		if err != nil {
			return fmt.Errorf("read %s.%s: %w", s.System, s.Collection, err)
		}
		for _, row := range rows {
			t, asked := want[row.Key]
			if !asked {
				continue
			}
			shown, err := o.shown(ctx, c, row.Values, t, r)
			if err != nil {
				return err
			}
			if err := f(shown); err != nil {
				return err
			}
		}
	}
	return nil
}

// shown is a row as its person may see it. Only fields the map names are shown.
func (o *Office) shown(ctx context.Context, c *Collection, values map[string]any, t Target, r *Request) (map[string]any, error) {
	out := map[string]any{}
	for _, f := range c.Fields {
		v, there := values[f.Name]
		if !there {
			continue
		}
		if why := t.Hidden[f.Name]; why != "" {
			v = "[" + why + "]"
		} else if f.Class == "transcript" && v != nil {
			if o.Transcript == nil {
				v = "[others]"
			} else {
				text, err := o.Transcript.Others(ctx, Text(v), r.Facts.Language)
				if err != nil {
					return nil, fmt.Errorf("redact transcript: %w", err)
				}
				v = text
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
	sep := "[\n"
	err = o.eachRow(ctx, s, r, func(values map[string]any) error {
		raw, err := json.Marshal(values)
		if err != nil {
			return err
		}
		n++
		_, err = fmt.Fprintf(w, "%s%s", sep, raw)
		sep = ",\n"
		return err
	})
	if err != nil {
		return n, err
	}
	if n == 0 {
		_, err = io.WriteString(w, "[]\n")
		return n, err
	}
	_, err = io.WriteString(w, "\n]\n")
	return n, err
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
			line[i] = cell(Text(values[f.Name]))
		}
		return out.Write(line)
	})
	out.Flush()
	return errors.Join(err, out.Error())
}

// cell keeps a spreadsheet from running a value as a formula.
func cell(v string) string {
	if v != "" && strings.ContainsRune("=+-@\t\r", rune(v[0])) {
		return "'" + v
	}
	return v
}

const pageHead = `<!doctype html><html lang="{{.Lang}}"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>{{.Title}}</title><style>
:root{color-scheme:light dark}body{font:1rem/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;width:100%;margin:.5rem 0 1.5rem}th,td{border:1px solid #8888;padding:.3rem .5rem;text-align:start;vertical-align:top;overflow-wrap:anywhere}
th{width:14rem;font-weight:600}h2{margin-top:2.5rem}dt{font-weight:600}dd{margin:0 0 .5rem}</style></head><body><main><h1>{{.Title}}</h1><p>{{.Intro}}</p><p>{{.Rights}}</p>`

const systemHead = `<h2>{{.Title}}</h2><dl>{{range .Facts}}<dt>{{index . 0}}</dt><dd>{{index . 1}}</dd>{{end}}</dl>`

const rowTable = `<table>{{range .}}<tr><th scope="row">{{index . 0}}</th><td>{{index . 1}}</td></tr>{{end}}</table>`

const withheldTable = `<h2>{{.Title}}</h2><table>{{range .Kept}}<tr><th scope="row">{{.System}} · {{.Collection}}{{if .Field}} · {{.Field}}{{end}}</th><td>{{.Why}} ({{.Cite}})</td></tr>{{end}}</table></main></body></html>`

// writePage writes index.html: readable offline, in the person's language, with the
// Article 15 statement. Every value is escaped where it stands.
func (o *Office) writePage(ctx context.Context, a *archive, r *Request, plan *Plan) error {
	w, err := a.create("index.html")
	if err != nil {
		return err
	}
	lang := r.Facts.Language
	regime := o.Laws.Regime(r.Facts.Regime, r.Received)
	show := func(text string, data any) error {
		t, err := template.New("").Parse(text)
		if err != nil {
			return err
		}
		return t.Execute(w, data)
	}
	if err := show(pageHead, map[string]string{"Lang": lang, "Title": say(lang, "package.title"),
		"Intro":  say(lang, "package.intro", a.now.Format("2006-01-02 15:04 UTC")),
		"Rights": say(lang, "package.rights", regime.Authority)}); err != nil {
		return err
	}
	last := ""
	for _, s := range plan.Steps {
		system, c := o.Map.System(s.System), o.Map.Collection(s.System, s.Collection)
		if s.System != last {
			last = s.System
			var facts [][2]string
			for _, f := range [][2]string{{"purpose", system.Purpose}, {"recipients", strings.Join(recipients(system), ", ")}, {"keep", system.Keep}, {"source", system.Source}} {
				if f[1] != "" {
					facts = append(facts, [2]string{say(lang, "package."+f[0]), f[1]})
				}
			}
			if err := show(systemHead, map[string]any{"Title": orElse(system.Title, system.Name), "Facts": facts}); err != nil {
				return err
			}
		}
		if err := show(`<h3>{{.}}</h3>`, orElse(c.Title, c.Name)); err != nil {
			return err
		}
		few := s
		few.Targets = s.Targets[:min(len(s.Targets), htmlRows)]
		err := o.eachRow(ctx, few, r, func(values map[string]any) error {
			var cells [][2]string
			for _, f := range c.Fields {
				if v, there := values[f.Name]; there && v != nil {
					cells = append(cells, [2]string{f.Name, Text(v)})
				}
			}
			return show(rowTable, cells)
		})
		if err != nil {
			return err
		}
		if rest := len(s.Targets) - len(few.Targets); rest > 0 {
			if err := show(`<p>{{.}}</p>`, say(lang, "package.more", rest)); err != nil {
				return err
			}
		}
	}
	return show(withheldTable, map[string]any{"Title": say(lang, "package.withheld"), "Kept": withheld(plan)})
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
	fresh, err := o.plan(ctx, r, plan.Salt)
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
		if _, err := o.mine(ctx, r, func(tx *sql.Tx, r *Request) error {
			r.Facts.Proofs++
			return o.tell(ctx, tx, r, "proven", machine, string(receipt), nil)
		}); err != nil {
			return err
		}
		return o.complete(ctx, r, plan)
	}
	_, err = o.mine(ctx, r, func(tx *sql.Tx, r *Request) error {
		r.Status, r.nextAt, r.Facts.Findings = NeedsAttention, time.Time{}, found
		return o.tell(ctx, tx, r, "needs_attention", machine, string(receipt), nil)
	})
	return err
}

type sealedStream struct {
	io.Reader
	io.Closer
}

func (o *Office) openPackage(ctx context.Context, r *Request) (io.ReadCloser, error) {
	p := r.Facts.Package
	if p == nil || o.Now().After(p.Expires) {
		return nil, fmt.Errorf("%w: there is no package, or it has expired", ErrUnknown)
	}
	key, err := o.Keys.Open(ctx, r.Body.Subject, p.Key)
	if err != nil {
		return nil, fmt.Errorf("open package key: %w", err)
	}
	file, err := os.Open(o.packagePath(r.ID))
	if err != nil {
		return nil, fmt.Errorf("%w: the package is gone", ErrUnknown)
	}
	cipher, err := subtle.NewAESGCMHKDF(key, "SHA256", 32, 1<<20, 0)
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	plain, err := cipher.NewDecryptingReader(file, []byte(r.ID))
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return sealedStream{plain, file}, nil
}

// Download opens a completed access request's package for somebody who has just
// proven who they are: by a session of the portal, a single-use link or a fresh code.
func (o *Office) Download(ctx context.Context, id string, proof Proof) (io.ReadCloser, *Package, error) {
	r, err := o.Open(ctx, id)
	if err != nil {
		return nil, nil, err
	}
	if r.Status != CompletedFull && r.Status != CompletedPartial {
		return nil, nil, fmt.Errorf("%w: the package is not ready", ErrTransition)
	}
	switch {
	case proof.Session != "" && o.InSession(ctx, id, proof.Session):
	case proof.Link != "" && o.useToken(ctx, id, forPackage, proof.Link) == nil:
	case proof.Code != "":
		if err := o.tryCode(ctx, id, forPackage, proof.Code); err != nil {
			return nil, nil, err
		}
	default:
		return nil, nil, ErrUnproven
	}
	if _, err := o.note(ctx, r, "rights.package", cardholder, "allowed", nil); err != nil {
		return nil, nil, err
	}
	stream, err := o.openPackage(ctx, r)
	return stream, r.Facts.Package, err
}

// Proof is how a person shows at the door of a package that it is theirs.
type Proof struct{ Session, Link, Code string }

// CheckArchive verifies a package or evidence archive offline: every file is listed
// with its digest, and the signature is the signer's.
func CheckArchive(raw []byte, verify func(message, signature []byte, version int) bool) (Manifest, error) {
	var m Manifest
	zr, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		return m, fmt.Errorf("%w: not a ZIP", ErrBroken)
	}
	files := map[string][]byte{}
	for _, f := range zr.File {
		rc, err := f.Open()
		if err != nil {
			return m, err
		}
		content, err := io.ReadAll(rc)
		if err := errors.Join(err, rc.Close()); err != nil {
			return m, fmt.Errorf("%w: %s: %w", ErrBroken, f.Name, err)
		}
		files[f.Name] = content
	}
	if err := json.Unmarshal(files["manifest.json"], &m); err != nil {
		return m, fmt.Errorf("%w: no manifest", ErrBroken)
	}
	var version int
	var signature string
	if _, err := fmt.Sscanf(string(files["manifest.sig"]), "ed25519 %d %s", &version, &signature); err != nil {
		return m, fmt.Errorf("%w: no signature", ErrBroken)
	}
	sig, err := base64.StdEncoding.DecodeString(signature)
	if err != nil || !verify(files["manifest.json"], sig, version) {
		return m, fmt.Errorf("%w: the signature does not fit", ErrBroken)
	}
	listed := map[string]bool{"manifest.json": true, "manifest.sig": true}
	for _, f := range m.Files {
		sum := sha256.Sum256(files[f.Name])
		if hex.EncodeToString(sum[:]) != f.SHA256 {
			return m, fmt.Errorf("%w: %s was changed", ErrBroken, f.Name)
		}
		listed[f.Name] = true
	}
	for name := range maps.Keys(files) {
		if !listed[name] {
			return m, fmt.Errorf("%w: %s is not listed", ErrBroken, name)
		}
	}
	return m, nil
}
