package evidence

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
)

// maxLine bounds one line of a streamed file.
const maxLine = 16 << 20

// lineReader reads a streamed file line by line, hashing what it reads.
type lineReader struct {
	file   io.Closer
	in     *bufio.Reader
	hashed hash.Hash
	long   []byte
}

func (c *check) lines(name string) (*lineReader, error) {
	f, err := c.files[name].Open()
	if err != nil {
		return nil, err
	}
	h := sha256.New()
	return &lineReader{file: f, in: bufio.NewReaderSize(io.TeeReader(f, h), 1<<18), hashed: h}, nil
}

// errCut: the last line has no end.
var errCut = errors.New("the file ends in the middle of a line")

// next is the next line without its newline, valid until the next call.
func (l *lineReader) next() ([]byte, error) {
	l.long = l.long[:0]
	for {
		part, err := l.in.ReadSlice('\n')
		if err == nil && len(l.long) == 0 {
			return part[:len(part)-1], nil
		}
		if len(l.long)+len(part) > maxLine {
			return nil, fmt.Errorf("line of more than %d bytes", maxLine)
		}
		l.long = append(l.long, part...)
		switch {
		case err == nil:
			return l.long[:len(l.long)-1], nil
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && len(l.long) > 0:
			return nil, errCut
		default:
			return nil, err
		}
	}
}

// sum reads to the end and returns the SHA-256 of all.
func (l *lineReader) sum() string {
	_, err := io.Copy(io.Discard, l.in)
	if err != nil {
		return err.Error() // no file has this sum
	}
	return hex.EncodeToString(l.hashed.Sum(nil))
}
