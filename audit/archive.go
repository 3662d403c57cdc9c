package audit

import (
	"archive/zip"
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"math"
	"time"

	"github.com/klauspost/compress/flate"

	"github.com/privet-gateway/privet/audit/evidence"
)

// archive writes a ZIP that ends in a signature over itself.
type archive struct {
	zip   *zip.Writer
	out   *sealer
	made  time.Time
	files map[string]evidence.File
	open  *hashed // the file being written
}

func newArchive(w io.Writer, made time.Time) *archive {
	out := &sealer{to: bufio.NewWriterSize(w, 1<<18), hashed: sha256.New()}
	z := zip.NewWriter(out)
	z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, 5) })
	return &archive{zip: z, out: out, made: made, files: map[string]evidence.File{}}
}

// hashed counts and hashes one file on its way into the archive.
type hashed struct {
	name string
	to   io.Writer
	hash hash.Hash
	n    int64
}

func (h *hashed) Write(b []byte) (int, error) {
	h.hash.Write(b)
	h.n += int64(len(b))
	return h.to.Write(b)
}

// create begins a file, and ends the one before it.
func (a *archive) create(name string) (io.Writer, error) {
	a.finish()
	w, err := a.zip.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: a.made})
	if err != nil {
		return nil, err
	}
	a.open = &hashed{name: name, to: w, hash: sha256.New()}
	return a.open, nil
}

func (a *archive) finish() {
	if a.open == nil {
		return
	}
	if name := a.open.name; name != evidence.ManifestFile && name != evidence.SignatureFile {
		a.files[name] = evidence.File{SHA256: hex.EncodeToString(a.open.hash.Sum(nil)), Bytes: a.open.n}
	}
	a.open = nil
}

func (a *archive) add(name string, content []byte) error {
	w, err := a.create(name)
	if err != nil {
		return err
	}
	_, err = w.Write(content)
	a.finish()
	return err
}

// addPart copies what is compressed already.
func (a *archive) addPart(name string, p *part) error {
	a.finish()
	if err := p.finish(); err != nil {
		return err
	}
	header := &zip.FileHeader{Name: name, Method: zip.Deflate, CRC32: p.CRC, CompressedSize64: uint64(p.Stored), UncompressedSize64: uint64(p.Size)}
	//lint:ignore SA1019 CreateRaw takes the time from the fields that only this sets
	header.SetModTime(a.made)
	w, err := a.zip.CreateRaw(header)
	if err != nil {
		return err
	}
	if _, err := io.Copy(w, p.file); err != nil {
		return err
	}
	a.files[name] = evidence.File{SHA256: p.sum(), Bytes: p.Size}
	return nil
}

// close ends the archive with a note over all bytes before it, in the comment.
// The note's length is among those bytes, so it must be known beforehand.
func (a *archive) close(length int, sign func(sum []byte) ([]byte, error)) error {
	a.finish()
	if err := a.zip.Close(); err != nil {
		return err
	}
	if length > math.MaxUint16 {
		return fmt.Errorf("signature of %d bytes does not fit", length)
	}
	sum, err := a.out.end(uint16(length))
	if err != nil {
		return err
	}
	comment, err := sign(sum)
	if err != nil {
		return err
	}
	if len(comment) != length {
		return errors.New("the signing key was rotated at this very moment; export again")
	}
	if _, err := a.out.to.Write(comment); err != nil {
		return err
	}
	return a.out.to.Flush()
}

// sealer hashes what passes, and withholds the last two bytes: the length of
// the archive's comment, which zip.Writer believes to be empty.
type sealer struct {
	to     *bufio.Writer
	hashed hash.Hash
	held   []byte
}

func (s *sealer) Write(b []byte) (int, error) {
	s.held = append(s.held, b...)
	if n := len(s.held) - 2; n > 0 {
		s.hashed.Write(s.held[:n])
		if _, err := s.to.Write(s.held[:n]); err != nil {
			return 0, err
		}
		s.held = append(s.held[:0], s.held[n:]...)
	}
	return len(b), nil
}

func (s *sealer) end(comment uint16) ([]byte, error) {
	length := binary.LittleEndian.AppendUint16(nil, comment)
	s.hashed.Write(length)
	_, err := s.to.Write(length)
	return s.hashed.Sum(nil), err
}
