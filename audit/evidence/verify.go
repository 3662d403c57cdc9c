package evidence

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/klauspost/compress/flate"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"
)

// Options of a check.
type Options struct {
	Keys     note.Verifiers     // from the auditor, never from the archive
	Heads    [][]byte           // checkpoints that the auditor has kept, none newer than the export
	Progress func(leaves int64) // called now and then; may be nil
}

// maxSmall bounds what is read into memory at once: every file but the ones
// that are streamed.
const maxSmall = 256 << 20

// check is one run of Verify.
type check struct {
	ctx      context.Context
	options  Options
	report   *Report
	archive  *zip.Reader
	files    map[string]*zip.File
	manifest Manifest
	sums     map[string]string // SHA-256 of what was read
	heads    map[int64]Head    // of each lane
	outside  []Head
	erased   map[string]bool   // tags
	pruned   map[int64]int64   // lane → leaves before it are gone
	named    map[string]Naming // tag → what opened it before
	keyKnown bool              // something in the archive is signed by a key of the auditor
	partial  bool              // a whole file is missing, so others do not fit
}

// Verify checks an export of size bytes.
func Verify(ctx context.Context, r io.ReaderAt, size int64, o Options) *Report {
	c := &check{ctx: ctx, options: o, report: &Report{Verdict: Verified}, files: map[string]*zip.File{},
		sums: map[string]string{}, heads: map[int64]Head{}, erased: map[string]bool{}, pruned: map[int64]int64{}, named: map[string]Naming{}}
	if c.open(r, size) && c.authenticate(r, size) {
		c.readReceipts()
		c.walk()
		c.compareFiles()
	}
	return c.report
}

// open reads the archive's directory.
func (c *check) open(r io.ReaderAt, size int64) bool {
	archive, err := zip.NewReader(r, size)
	if err != nil {
		start := make([]byte, 4)
		if n, _ := r.ReadAt(start, 0); n == 4 && string(start) == "PK\x03\x04" {
			c.report.find(Incomplete, "", "the archive is cut off; get the whole file again")
		} else {
			c.report.find(Unreadable, "", "not a ZIP archive: %v", err)
		}
		return false
	}
	archive.RegisterDecompressor(zip.Deflate, func(r io.Reader) io.ReadCloser { return flate.NewReader(r) })
	c.archive = archive
	for _, f := range archive.File {
		if c.files[f.Name] != nil {
			c.report.find(Tampered, f.Name, "is there twice")
		}
		c.files[f.Name] = f
	}
	if c.files[ManifestFile] == nil {
		if c.files[EntriesFile] == nil && c.files["checkpoint"] == nil {
			c.report.find(Unreadable, "", "a ZIP archive, but not an export of a trail")
		} else {
			c.report.find(Incomplete, ManifestFile, "is missing")
		}
		return false
	}
	return true
}

// authenticate checks every signature: of the whole archive, the manifest, the
// checkpoints. What any of the auditor's keys has signed proves that the key is
// the right one; then a bad signature elsewhere is tampering.
func (c *check) authenticate(r io.ReaderAt, size int64) bool {
	raw, err := c.read(ManifestFile)
	if err == nil {
		err = json.Unmarshal(raw, &c.manifest)
	}
	manifestErr := err
	type signature struct {
		where string
		err   error
	}
	var all []signature
	if c.archive.Comment != "" {
		all = append(all, signature{"the archive's seal", c.sealed(r, size)})
	}
	sig, err := c.read(SignatureFile)
	if errors.Is(err, errMissing) {
		c.report.find(Incomplete, SignatureFile, "is missing")
	} else {
		if err == nil {
			err = c.says(sig, ManifestTitle, sha256.Sum256(raw))
		}
		all = append(all, signature{SignatureFile, err})
	}
	if manifestErr == nil {
		for i, lane := range c.manifest.Lanes {
			name := CheckpointFile(lane.Lane, i == 0)
			raw, err := c.read(name)
			if errors.Is(err, errMissing) {
				c.report.find(Incomplete, name, "is missing")
				continue
			}
			if err == nil {
				err = c.checkpoint(lane, raw)
			}
			all = append(all, signature{name, err})
		}
	}
	for _, s := range all {
		var unverified *note.UnverifiedNoteError
		switch {
		case s.err == nil:
		case errors.As(s.err, &unverified) && !c.keyKnown:
			c.report.find(UnknownKey, s.where, "is signed by none of the keys given; get trail.vkey from the house by another way than this archive")
		default:
			c.report.find(Tampered, s.where, "%v", s.err)
		}
	}
	if manifestErr != nil {
		c.report.find(Tampered, ManifestFile, "%v", manifestErr)
		return false
	}
	if c.manifest.Format != Format {
		c.report.find(Unreadable, ManifestFile, "format %q; this program knows %q", c.manifest.Format, Format)
		return false
	}
	c.report.Made = c.manifest.Made
	c.readOutside()
	return c.keyKnown && len(c.heads) == len(c.manifest.Lanes)
}

// signed opens a note. The unused bits at the end of a signature's base64 must
// be zero, so that there is only one way to write it.
func (c *check) signed(raw []byte) (*note.Note, error) {
	n, err := note.Open(raw, c.options.Keys)
	if err != nil {
		return nil, err
	}
	c.keyKnown = true
	for _, s := range slices.Concat(n.Sigs, n.UnverifiedSigs) {
		if _, err := base64.StdEncoding.Strict().DecodeString(s.Base64); err != nil {
			return nil, fmt.Errorf("signature: %w", err)
		}
	}
	return n, nil
}

// says checks a signed note of a title and a SHA-256.
func (c *check) says(raw []byte, title string, sum [32]byte) error {
	n, err := c.signed(raw)
	if err != nil {
		return err
	}
	if n.Text != title+"\n"+hex.EncodeToString(sum[:])+"\n" {
		return errors.New("is signed for other content")
	}
	return nil
}

// sealed checks the note in the archive's comment over all bytes before it.
func (c *check) sealed(r io.ReaderAt, size int64) error {
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(r, 0, size-int64(len(c.archive.Comment)))); err != nil {
		return err
	}
	return c.says([]byte(c.archive.Comment), ArchiveTitle, [32]byte(h.Sum(nil)))
}

func (c *check) checkpoint(lane Lane, raw []byte) error {
	h, err := OpenHead(raw, c.options.Keys)
	if err != nil {
		return err
	}
	c.keyKnown = true
	if _, twice := c.heads[lane.Lane]; twice {
		return fmt.Errorf("is of log %d, which the manifest names twice", lane.Lane)
	}
	c.heads[lane.Lane] = h
	if h.Origin != lane.Origin || h.Size != lane.Size {
		return fmt.Errorf("is of %s with %d entries, the manifest says %s with %d", h.Origin, h.Size, lane.Origin, lane.Size)
	}
	if lane.Begin < 0 || lane.Begin > lane.End || lane.End > lane.Size {
		return fmt.Errorf("range %d to %d of %d", lane.Begin, lane.End, lane.Size)
	}
	return nil
}

// readOutside reads the heads that the auditor has kept.
func (c *check) readOutside() {
	for _, raw := range c.options.Heads {
		h, err := OpenHead(raw, c.options.Keys)
		if err != nil {
			c.report.find(UnknownKey, "the head given", "%v", err)
			continue
		}
		i := slices.IndexFunc(c.manifest.Lanes, func(l Lane) bool { return l.Origin == h.Origin })
		if i < 0 {
			c.report.find(Incomplete, h.Origin, "the head given is of a log that this export does not contain")
			continue
		}
		if lane := c.manifest.Lanes[i]; h.Size > lane.Size {
			c.report.find(RolledBack, h.Origin, "the head given covers %d entries, this export only %d", h.Size, lane.Size)
			continue
		}
		c.outside = append(c.outside, h)
	}
}

// readReceipts loads the proven explanations of what is absent.
func (c *check) readReceipts() {
	f := c.files[ReceiptsFile]
	if f == nil {
		c.report.find(Incomplete, ReceiptsFile, "is missing")
		return
	}
	lines, err := c.lines(ReceiptsFile)
	if err != nil {
		c.report.find(Tampered, ReceiptsFile, "%v", err)
		return
	}
	for {
		text, err := lines.next()
		if errors.Is(err, io.EOF) {
			break
		}
		var r Receipt
		if err == nil {
			err = json.Unmarshal(text, &r)
		}
		if err == nil {
			err = c.receipt(r)
		}
		if err != nil {
			c.report.find(Tampered, ReceiptsFile, "%v", err)
			break
		}
	}
	c.sums[ReceiptsFile] = lines.sum()
}

func (c *check) receipt(r Receipt) error {
	head, known := c.heads[r.Lane]
	if !known || r.Index < 0 || r.Index >= head.Size {
		return fmt.Errorf("receipt %d.%d is outside the logs of this export", r.Lane, r.Index)
	}
	err := proof.VerifyInclusion(rfc6962.DefaultHasher, uint64(r.Index), uint64(head.Size), LeafHash([]byte(r.Leaf)), r.Proof, head.Root)
	if err != nil {
		return fmt.Errorf("receipt %d.%d: %w", r.Lane, r.Index, err)
	}
	l, _, err := Decode([]byte(r.Leaf))
	if err != nil {
		return err
	}
	switch l.Kind {
	case KindErased:
		c.erased[l.Detail["tag"]] = true
	case KindPruned:
		lane, err1 := strconv.ParseInt(l.Detail["lane"], 10, 64)
		before, err2 := strconv.ParseInt(l.Detail["before"], 10, 64)
		if err := errors.Join(err1, err2); err != nil {
			return err
		}
		c.pruned[lane] = max(c.pruned[lane], before)
	default:
		return fmt.Errorf("receipt %d.%d is a %q", r.Lane, r.Index, l.Kind)
	}
	return nil
}

// compareFiles checks every file against the manifest, after its content was
// judged on its own: a better finding than "changed" stands already.
func (c *check) compareFiles() {
	for _, name := range slices.Sorted(maps.Keys(c.manifest.Files)) {
		f := c.files[name]
		if f == nil {
			c.report.find(Incomplete, name, "is missing")
			continue
		}
		sum, done := c.sums[name]
		if !done {
			h := sha256.New()
			if err := c.copy(h, f); err != nil {
				c.report.find(Tampered, name, "%v", err)
				continue
			}
			sum = hex.EncodeToString(h.Sum(nil))
		}
		streamed := name == EntriesFile || name == HeadersFile
		if sum != c.manifest.Files[name].SHA256 && !(streamed && c.report.Verdict != Verified) {
			c.report.find(Tampered, name, "was changed after the export")
		}
	}
	for name := range c.files {
		if _, listed := c.manifest.Files[name]; !listed && name != ManifestFile && name != SignatureFile {
			c.report.find(Tampered, name, "does not belong to this export")
		}
	}
}

var errMissing = errors.New("is missing")

// read reads a small file whole.
func (c *check) read(name string) ([]byte, error) {
	f := c.files[name]
	if f == nil {
		return nil, errMissing
	}
	if f.UncompressedSize64 > maxSmall {
		return nil, fmt.Errorf("%d bytes", f.UncompressedSize64)
	}
	var b bytes.Buffer
	if err := c.copy(&b, f); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(b.Bytes())
	c.sums[name] = hex.EncodeToString(sum[:])
	return b.Bytes(), nil
}

func (c *check) copy(w io.Writer, f *zip.File) error {
	r, err := f.Open()
	if err != nil {
		return err
	}
	_, err = io.Copy(w, io.LimitReader(r, int64(min(f.UncompressedSize64, 1<<62))))
	return errors.Join(err, r.Close())
}
