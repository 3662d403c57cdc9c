package audit

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/privet-gateway/privet/audit/evidence"
)

// Wrapper wraps data keys; the keeper is one. Items answer in order. If only
// some fail, because their wrapping key is destroyed or is another, those
// answers are nil, and an error comes with the answers.
type Wrapper interface {
	Wrap(ctx context.Context, shard int, items []Item) ([][]byte, error)
	Unwrap(ctx context.Context, shard int, items []Item) ([][]byte, error)
	Rewrap(ctx context.Context, shard int, items []Item) ([][]byte, error)
	Rotate(ctx context.Context, shard int) (version int, err error)
	Trim(ctx context.Context, shard int) error
	// MACKey derives a 32-byte key for a purpose; the same purpose gives the same key.
	MACKey(ctx context.Context, purpose string) ([]byte, error)
}

// Item is one thing to wrap or unwrap; Context is bound to it.
type Item = struct {
	Context []byte
	Bytes   []byte // plaintext to wrap, or the wrapped form
}

// subjectKey is a subject's data key at work. It is never stored unwrapped.
type subjectKey struct {
	subject string
	tag     string
	shard   int
	dek     []byte
	tagKey  []byte
	seal    cipher.AEAD // nonce in front
	until   time.Time   // the end of its lease
}

// dekSize is the length of a data key, in bytes (AES-256).
const dekSize = 32

func newDEK() []byte {
	dek := make([]byte, dekSize)
	rand.Read(dek)
	return dek
}

func derive(dek []byte) (tagKey []byte, seal cipher.AEAD, err error) {
	if len(dek) != dekSize {
		return nil, nil, fmt.Errorf("data key of %d bytes", len(dek))
	}
	if tagKey, err = hkdf.Key(sha256.New, dek, nil, "privet tag v1", 32); err != nil {
		return nil, nil, err
	}
	sealKey, err := hkdf.Key(sha256.New, dek, nil, "privet seal v1", 32)
	if err != nil {
		return nil, nil, err
	}
	block, err := aes.NewCipher(sealKey)
	if err != nil {
		return nil, nil, err
	}
	seal, err = cipher.NewGCMWithRandomNonce(block)
	return tagKey, seal, err
}

func keyOf(dek []byte, subject string, shard int) (*subjectKey, error) {
	tagKey, seal, err := derive(dek)
	if err != nil {
		return nil, err
	}
	return &subjectKey{subject: subject, tag: evidence.Tag(tagKey, subject), shard: shard, dek: dek, tagKey: tagKey, seal: seal}, nil
}

// What a sealed text is for is bound to it.
const (
	forName  = "name"  // the subject's own name, beside its tag
	forEntry = "entry" // openings and values of one entry
	forBlob  = "blob"  // what others keep under the subject's key
)

func (k *subjectKey) close(purpose string, plaintext []byte) []byte {
	return k.seal.Seal(nil, nil, plaintext, []byte(purpose))
}

func (k *subjectKey) open(purpose string, sealed []byte) ([]byte, error) {
	plaintext, err := k.seal.Open(nil, nil, sealed, []byte(purpose))
	if err != nil {
		// The key of a subject is made anew after an erasure, and opens nothing older.
		return nil, fmt.Errorf("%w: its present key does not open this", ErrErased)
	}
	return plaintext, nil
}
