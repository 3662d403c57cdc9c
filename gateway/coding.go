package gateway

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/privet-gateway/privet/redact"
)

// codings are asked of a tool that compresses, and given to agents where the
// tool has: what it sent as it is, is never compressed here, as the length of
// a compressed answer can tell what stands in it (the BREACH attack).
const codings = "zstd, br, gzip"

// unpack undoes the one coding that was asked for.
func (v *visit) unpack(body io.Reader, coding string) (io.Reader, error) {
	coding = strings.ToLower(strings.TrimSpace(coding))
	switch coding {
	case "", "identity":
		return body, nil
	case "gzip", "x-gzip", "br", "zstd":
		if v.tool.Compress {
			return &unpacked{packed: body, coding: coding}, nil
		}
	}
	return nil, errPacked
}

// unpacked opens on the first read, which is where errors of the tool belong.
type unpacked struct {
	packed io.Reader
	coding string
	plain  io.Reader
}

func (u *unpacked) Read(p []byte) (n int, err error) {
	if u.plain == nil {
		if u.plain, err = redact.Decode(u.coding, u.packed); err != nil {
			return 0, fmt.Errorf("%w: %w", errAnswer, err)
		}
	}
	n, err = u.plain.Read(p)
	if errors.Is(err, redact.ErrCoding) {
		err = fmt.Errorf("%w: %w", errPacked, err)
	}
	return n, err
}

// codingFor is the coding of the answer to an agent: the tool's own if the
// agent takes it, else the one it likes best, "" for none (RFC 9110 §12.5.3).
func codingFor(accept []string, tools string) string {
	weight := map[string]float64{}
	for part := range strings.SplitSeq(strings.Join(accept, ","), ",") {
		name, params, _ := strings.Cut(part, ";")
		q := 1.0
		if _, value, given := strings.Cut(params, "="); given {
			var err error
			if q, err = strconv.ParseFloat(strings.TrimSpace(value), 64); err != nil {
				q = 0
			}
		}
		weight[strings.ToLower(strings.TrimSpace(name))] = q
	}
	best, most := "", 0.0
	for name := range strings.SplitSeq(strings.TrimPrefix(tools, "x-")+", "+codings, ", ") {
		q, named := weight[name]
		if !named {
			q = weight["*"]
		}
		if q > most {
			best, most = name, q
		}
	}
	if weight["identity"] > most {
		return ""
	}
	return best
}

// pack compresses what an agent is shown, each write of a stream at once.
func pack(coding string, w io.Writer, live bool) (io.WriteCloser, error) {
	packed, err := redact.Encode(coding, w)
	if f, ok := packed.(interface{ Flush() error }); ok && live && err == nil {
		return prompt{packed, f}, nil
	}
	return packed, err
}

// prompt keeps nothing back.
type prompt struct {
	io.WriteCloser
	f interface{ Flush() error }
}

func (p prompt) Write(b []byte) (int, error) {
	n, err := p.WriteCloser.Write(b)
	if err != nil {
		return n, err
	}
	return n, p.f.Flush()
}
