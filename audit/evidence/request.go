package evidence

import (
	"archive/zip"
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// Files of the evidence of one privacy request. Its trail is an export like any other.
const (
	RequestFile   = "request.json"
	StepsFile     = "steps.json"
	TimelineFile  = "timeline.json"
	TrailFile     = "trail.zip"
	requestReadme = "README.txt"
)

// requestManifest lists the files; its signature is over its bytes.
type requestManifest struct {
	Request string `json:"request"`
	Files   []struct {
		Name   string `json:"name"`
		Bytes  int64  `json:"bytes"`
		SHA256 string `json:"sha256"`
	} `json:"files"`
}

// VerifyRequest checks the evidence of one privacy request, whole: the manifest is
// signed by one of keys, lists every file and nothing else, and each file is as it
// says; the trail in it verifies; and every receipt that request, steps and timeline
// name is an entry of that trail about that request.
func VerifyRequest(ctx context.Context, r io.ReaderAt, size int64, keys []note.Verifier, o Options) *Report {
	report := &Report{Verdict: Verified}
	archive, err := zip.NewReader(r, size)
	if err != nil {
		report.find(Unreadable, "", "not a ZIP archive: %v", err)
		return report
	}
	c := &requestCheck{report: report, size: size, files: map[string]*zip.File{}}
	for _, f := range archive.File {
		if c.files[f.Name] != nil {
			report.find(Tampered, f.Name, "is there twice")
		}
		c.files[f.Name] = f
	}
	if archive.Comment != "" {
		report.find(Tampered, "", "the archive has a comment, which nothing signs")
	}
	entries := c.trail(ctx, o) // first: whether the key is the right one decides what a bad signature means
	if c.manifest(keys); c.request != "" {
		c.receipts(entries)
	}
	return report
}

// isRequest tells the evidence of a request from an export.
func isRequest(r io.ReaderAt, size int64) bool {
	archive, err := zip.NewReader(r, size)
	return err == nil && slices.ContainsFunc(archive.File, func(f *zip.File) bool { return f.Name == RequestFile || f.Name == TrailFile })
}

// growth is how many times an archive's size its trail may have, unpacked.
const growth = 4

type requestCheck struct {
	report  *Report
	size    int64 // of the archive
	files   map[string]*zip.File
	request string // its id, as the manifest says
}

// read reads a small file; one that is missing is found once, by the manifest.
func (c *requestCheck) read(name string) ([]byte, error) {
	f := c.files[name]
	if f == nil {
		return nil, errMissing
	}
	in, err := f.Open()
	if err != nil {
		return nil, err
	}
	defer in.Close()
	raw, err := io.ReadAll(io.LimitReader(in, maxSmall+1))
	if err == nil && len(raw) > maxSmall {
		err = fmt.Errorf("more than %d bytes", maxSmall)
	}
	return raw, err
}

// trail checks the export inside, through a file, and lists its entries by receipt.
func (c *requestCheck) trail(ctx context.Context, o Options) map[string]string {
	in := c.files[TrailFile]
	if in == nil {
		c.report.find(Incomplete, TrailFile, "is missing")
		return nil
	}
	file, err := os.CreateTemp("", "privet-verify-*")
	if err != nil {
		c.report.find(Unreadable, TrailFile, "%v", err)
		return nil
	}
	defer os.Remove(file.Name())
	defer file.Close()
	content, err := in.Open()
	if err == nil {
		err = c.unpack(file, content)
		err = errors.Join(err, content.Close())
	}
	info, statErr := file.Stat()
	if err = errors.Join(err, statErr); err != nil {
		c.report.find(Tampered, TrailFile, "%v", err)
		return nil
	}
	inner := Verify(ctx, file, info.Size(), o)
	for _, f := range inner.Findings {
		if f.Verdict == Unreadable { // of what was signed as an export
			f.Verdict = Tampered
		}
		c.report.find(f.Verdict, strings.TrimSuffix(TrailFile+"/"+f.Where, "/"), "%s", f.What)
	}
	c.report.Entries, c.report.Headers, c.report.Erased, c.report.Pruned, c.report.Made = inner.Entries, inner.Headers, inner.Erased, inner.Pruned, inner.Made
	entries, err := entriesOf(file, info.Size())
	if err != nil {
		c.report.find(Tampered, TrailFile, "%v", err)
	}
	return entries
}

// unpack writes the export inside to a file. It is a ZIP archive already, which
// deflate makes no smaller: what unpacks to a multiple of the archive around it is
// none, and must not fill the disk of whoever checks it.
func (c *requestCheck) unpack(file io.Writer, content io.Reader) error {
	most := growth*c.size + 1<<20 // small ones have more head than content
	n, err := io.Copy(file, io.LimitReader(content, most+1))
	if err == nil && n > most {
		err = fmt.Errorf("unpacks to more than %d times the archive that holds it: this is no export", growth)
	}
	return err
}

// entriesOf reads which request each entry of an export is about, by receipt.
func entriesOf(r io.ReaderAt, size int64) (map[string]string, error) {
	archive, err := zip.NewReader(r, size)
	if err != nil {
		return nil, err
	}
	in, err := archive.Open(EntriesFile)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	out := map[string]string{}
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		var line struct {
			Receipt string `json:"receipt"`
			Leaf    struct {
				Request string `json:"request"`
			} `json:"leaf"`
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			return out, fmt.Errorf("%s: %w", EntriesFile, err)
		}
		out[line.Receipt] = line.Leaf.Request
	}
	if err := lines.Err(); err != nil {
		return out, fmt.Errorf("%s: %w", EntriesFile, err)
	}
	return out, nil
}

// manifest checks the signature and every file against it.
func (c *requestCheck) manifest(keys []note.Verifier) {
	raw, err := c.read(ManifestFile)
	if errors.Is(err, errMissing) {
		c.report.find(Incomplete, ManifestFile, "is missing")
		return
	}
	var m requestManifest
	if err == nil {
		err = json.Unmarshal(raw, &m)
	}
	if err != nil {
		c.report.find(Tampered, ManifestFile, "%v", err)
		return
	}
	if c.request = m.Request; c.request == "" {
		c.report.find(Tampered, ManifestFile, "names no request")
	}
	c.signature(raw, keys)
	listed := map[string]bool{ManifestFile: true, SignatureFile: true}
	for _, f := range m.Files {
		if listed[f.Name] = true; c.files[f.Name] == nil {
			c.report.find(Incomplete, f.Name, "is missing")
			continue
		}
		size, sum, err := digest(c.files[f.Name], f.Bytes)
		if err != nil || size != f.Bytes || sum != f.SHA256 {
			c.report.find(Tampered, f.Name, "is not as the manifest says%s", because(err))
		}
	}
	for name := range c.files {
		if !listed[name] {
			c.report.find(Tampered, name, "is not in the manifest")
		}
	}
	for _, name := range []string{requestReadme, RequestFile, StepsFile, TimelineFile, TrailFile} {
		if !listed[name] {
			c.report.find(Tampered, ManifestFile, "does not list %s", name)
		}
	}
}

func because(err error) string {
	if err == nil {
		return ""
	}
	return ": " + err.Error()
}

// digest reads a file, and not much more of it than it is said to have.
func digest(f *zip.File, bytes int64) (size int64, sum string, err error) {
	in, err := f.Open()
	if err != nil {
		return 0, "", err
	}
	h := sha256.New()
	size, err = io.Copy(h, io.LimitReader(in, max(bytes, 0)+1))
	return size, hex.EncodeToString(h.Sum(nil)), errors.Join(err, in.Close())
}

func (c *requestCheck) signature(manifest []byte, keys []note.Verifier) {
	raw, err := c.read(SignatureFile)
	if errors.Is(err, errMissing) {
		c.report.find(Incomplete, SignatureFile, "is missing")
		return
	}
	fields := strings.Fields(string(raw))
	if err != nil || len(fields) != 3 || fields[0] != "ed25519" || !bytes.HasSuffix(raw, []byte("\n")) {
		c.report.find(Tampered, SignatureFile, `is not "ed25519 VERSION SIGNATURE"`)
		return
	}
	signature, err := base64.StdEncoding.DecodeString(fields[2])
	if err != nil || !slices.ContainsFunc(keys, func(k note.Verifier) bool { return k.Verify(manifest, signature) }) {
		c.report.find(Tampered, SignatureFile, "the manifest is signed by none of the keys given")
	}
}

// receipts looks for everything that the request's own files name in the trail.
func (c *requestCheck) receipts(entries map[string]string) {
	for _, name := range []string{RequestFile, StepsFile, TimelineFile} {
		raw, err := c.read(name)
		var content any
		if err == nil {
			err = json.Unmarshal(raw, &content)
		}
		if errors.Is(err, errMissing) {
			continue
		}
		if err != nil {
			c.report.find(Tampered, name, "%v", err)
			continue
		}
		if top, ok := content.(map[string]any); name == RequestFile && (!ok || top["id"] != c.request) {
			c.report.find(Tampered, name, "is about another request than the manifest")
		}
		for _, receipt := range receiptsIn(content) {
			if about, there := entries[receipt]; !there {
				c.report.find(Incomplete, name, "receipt %s is not in the trail", receipt)
			} else if about != c.request {
				c.report.find(Tampered, name, "receipt %s is of another request", receipt)
			}
		}
	}
}

// receiptsIn collects the receipts of intents and outcomes, wherever they stand.
func receiptsIn(v any) (all []string) {
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			all = append(all, receiptsIn(item)...)
		}
	case map[string]any:
		for name, item := range v {
			if text, ok := item.(string); ok && (name == "receipt" || name == "intent") && text != "" {
				all = append(all, text)
				continue
			}
			all = append(all, receiptsIn(item)...)
		}
	}
	return all
}
