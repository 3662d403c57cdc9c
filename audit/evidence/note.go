package evidence

import (
	"errors"
	"fmt"
	"strings"

	"github.com/transparency-dev/formats/log"
	"golang.org/x/mod/sumdb/note"
)

// Head is a signed size and root of one log.
type Head struct {
	Origin string
	Size   int64
	Root   []byte
}

// CheckpointText is what is signed (C2SP tlog-checkpoint).
func CheckpointText(origin string, size int64, root []byte) string {
	return string(log.Checkpoint{Origin: origin, Size: uint64(size), Hash: root}.Marshal())
}

// OpenHead checks a checkpoint's signature and reads it.
func OpenHead(raw []byte, known note.Verifiers) (Head, error) {
	n, err := note.Open(raw, known)
	if err != nil {
		return Head{}, err
	}
	var c log.Checkpoint
	if _, err := c.Unmarshal([]byte(n.Text)); err != nil {
		return Head{}, err
	}
	if c.Size > 1<<62 || len(c.Hash) != hashSize {
		return Head{}, fmt.Errorf("checkpoint of size %d with a root of %d bytes", c.Size, len(c.Hash))
	}
	return Head{c.Origin, int64(c.Size), c.Hash}, nil
}

// EndorsementTitle begins the note by which the keeper endorses the key of one
// run: title, origin, verifier key, one a line.
const EndorsementTitle = "privet process key v1"

// OpenEndorsed checks a head signed by a process whose key the keeper endorsed.
func OpenEndorsed(raw, endorsement []byte, keeper note.Verifiers) (Head, error) {
	n, err := note.Open(endorsement, keeper)
	if err != nil {
		return Head{}, fmt.Errorf("endorsement: %w", err)
	}
	lines := strings.Split(n.Text, "\n")
	if len(lines) != 4 || lines[0] != EndorsementTitle {
		return Head{}, errors.New("endorsement says something else")
	}
	verifier, err := note.NewVerifier(lines[2])
	if err != nil {
		return Head{}, fmt.Errorf("endorsement: %w", err)
	}
	h, err := OpenHead(raw, note.VerifierList(verifier))
	if err == nil && h.Origin != lines[1] {
		err = fmt.Errorf("head of %q signed by the process of %q", h.Origin, lines[1])
	}
	return h, err
}

// ParseKeys reads verifier keys, one a line; empty lines and # comments are skipped.
func ParseKeys(text string) (note.Verifiers, error) {
	list, err := parseKeys(text)
	if err != nil {
		return nil, err
	}
	return note.VerifierList(list...), nil
}

func parseKeys(text string) ([]note.Verifier, error) {
	var list []note.Verifier
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		v, err := note.NewVerifier(line)
		if err != nil {
			return nil, fmt.Errorf("no verifier key, which looks like NAME+HASH+KEY: %w", err) // its text may be a secret
		}
		list = append(list, v)
	}
	if len(list) == 0 {
		return nil, errors.New("no verifier key; give the trail.vkey that you got from the house beforehand")
	}
	return list, nil
}
