package audit

import (
	"bufio"
	"crypto/sha256"
	"encoding"
	"encoding/hex"
	"errors"
	"hash"
	"hash/crc32"
	"io"
	"os"

	"github.com/klauspost/compress/flate"
)

// part is one file of an export while it grows. Of an archive it is compressed
// as the ZIP will hold it, in blocks that know nothing of those before them: so
// a run that was cut short goes on behind the last whole block.
type part struct {
	partState
	file   *os.File
	out    *bufio.Writer
	zip    *flate.Writer // nil: kept as it is
	sha256 hash.Hash
	block  int64 // size at which the block at hand began
}

// partState is what the next run has to know of a part.
type partState struct {
	Size   int64  `json:"size"`   // of the content
	Stored int64  `json:"stored"` // of it in the file
	CRC    uint32 `json:"crc"`
	Hash   []byte `json:"hash"` // SHA-256 at work
}

// newPart makes a part in a file. What another run wrote behind its state is cut off.
func newPart(file *os.File, compress bool, from partState) (*part, error) {
	p := &part{partState: from, file: file, sha256: sha256.New(), block: from.Size}
	if from.Hash != nil {
		if err := p.sha256.(encoding.BinaryUnmarshaler).UnmarshalBinary(from.Hash); err != nil {
			return nil, err
		}
	}
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() < from.Stored {
		return nil, errors.New(file.Name() + " is shorter than it was; remove the directory and export again")
	}
	if err := file.Truncate(from.Stored); err != nil {
		return nil, err
	}
	if _, err := file.Seek(from.Stored, io.SeekStart); err != nil {
		return nil, err
	}
	p.out = bufio.NewWriterSize(stored{p}, 1<<16)
	if compress {
		p.zip, err = flate.NewWriter(p.out, 5)
	}
	return p, err
}

// stored counts what reaches the file.
type stored struct{ *part }

func (s stored) Write(b []byte) (int, error) {
	n, err := s.file.Write(b)
	s.Stored += int64(n)
	return n, err
}

func (p *part) Write(b []byte) (int, error) {
	p.sha256.Write(b)
	p.CRC = crc32.Update(p.CRC, crc32.IEEETable, b)
	p.Size += int64(len(b))
	if p.zip == nil {
		return p.out.Write(b)
	}
	return p.zip.Write(b)
}

// save ends a block; the state is what a later run begins from.
func (p *part) save() (partState, error) {
	if p.zip != nil && p.Size > p.block {
		if err := p.zip.Flush(); err != nil {
			return partState{}, err
		}
		p.zip.Reset(p.out)
		p.block = p.Size
	}
	if err := p.out.Flush(); err != nil {
		return partState{}, err
	}
	var err error
	p.Hash, err = p.sha256.(encoding.BinaryMarshaler).MarshalBinary()
	return p.partState, err
}

// finish ends the content and goes back to its start.
func (p *part) finish() error {
	var err error
	if p.zip != nil {
		err = p.zip.Close()
	}
	if err := errors.Join(err, p.out.Flush()); err != nil {
		return err
	}
	_, err = p.file.Seek(0, io.SeekStart)
	return err
}

func (p *part) sum() string { return hex.EncodeToString(p.sha256.Sum(nil)) }

// nameless is a temporary file without a name: nothing is left of it when the
// process ends, however it ends.
func nameless() (*os.File, error) {
	f, err := os.CreateTemp("", "privet-export-*")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
