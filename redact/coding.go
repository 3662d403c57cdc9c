package redact

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// ErrCoding: a content coding that is unknown, stacked or broken, or that grows
// beyond measure. The body is withheld.
var ErrCoding = errors.New("content coding is refused")

const (
	maxGrowth   = 200     // a body may grow to this multiple when it is decoded …
	freeGrowth  = 1 << 20 // … once it is longer than this
	zstdWindow  = 8 << 20 // RFC 9659: what every decoder must accept, and no more
	zstdOut     = 512 << 10
	brotliLevel = 4
)

// Decode undoes one content coding (RFC 9110 §8.4): "", identity, gzip, br,
// zstd. Anything stacked or unknown is ErrCoding, and so is a body that grows
// more than two hundredfold.
func Decode(coding string, src io.Reader) (io.Reader, error) {
	packed := &tallyReader{r: src}
	var plain io.Reader
	switch strings.ToLower(strings.TrimSpace(coding)) {
	case "", "identity":
		return src, nil
	case "gzip", "x-gzip":
		z, err := gzip.NewReader(packed)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrCoding, err)
		}
		plain = z
	case "br":
		plain = brotli.NewReader(packed)
	case "zstd":
		z, err := zstd.NewReader(packed, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(zstdWindow), zstd.WithDecoderLowmem(true))
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrCoding, err)
		}
		plain = z.IOReadCloser()
	default:
		return nil, fmt.Errorf("%w: %q", ErrCoding, coding)
	}
	return &decoded{r: plain, packed: packed}, nil
}

// Encode puts a content coding on what is written; Close ends it and leaves
// dst open. Its Flush passes on what has been written so far.
func Encode(coding string, dst io.Writer) (io.WriteCloser, error) {
	switch strings.ToLower(strings.TrimSpace(coding)) {
	case "", "identity":
		return uncoded{dst}, nil
	case "gzip", "x-gzip":
		return gzip.NewWriterLevel(dst, gzip.BestSpeed)
	case "br":
		return brotli.NewWriterLevel(dst, brotliLevel), nil
	case "zstd":
		return zstd.NewWriter(dst, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithLowerEncoderMem(true), zstd.WithWindowSize(zstdOut))
	}
	return nil, fmt.Errorf("%w: %q", ErrCoding, coding)
}

type uncoded struct{ io.Writer }

func (uncoded) Close() error { return nil }

type tallyReader struct {
	r io.Reader
	n int64
}

func (t *tallyReader) Read(p []byte) (int, error) {
	n, err := t.r.Read(p)
	t.n += int64(n)
	return n, err
}

// decoded bounds the growth of a body.
type decoded struct {
	r      io.Reader
	packed *tallyReader
	n      int64
}

func (d *decoded) Read(p []byte) (int, error) {
	n, err := d.r.Read(p)
	if d.n += int64(n); d.n > freeGrowth && d.n > maxGrowth*d.packed.n {
		return 0, fmt.Errorf("%w: it grows more than %d times", ErrCoding, maxGrowth)
	}
	if err != nil && err != io.EOF {
		err = fmt.Errorf("%w: %w", ErrCoding, err)
	}
	return n, err
}
