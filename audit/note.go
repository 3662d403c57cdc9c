package audit

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/note"

	"github.com/privet-gateway/privet/audit/evidence"
)

// Signer signs for the house; the keeper is one.
type Signer interface {
	// Sign signs with the newest Ed25519 key and says which version that was.
	Sign(ctx context.Context, message []byte) (signature []byte, version int, err error)
	// SignAs signs with an older version, for verifiers that hold that key.
	SignAs(ctx context.Context, version int, message []byte) (signature []byte, err error)
	// PublicKeys lists every version, newest last.
	PublicKeys(ctx context.Context) ([]PublicKey, error)
}

// PublicKey is one version of the signing key.
type PublicKey = struct {
	Version int
	Ed25519 []byte
}

// Vkey is the text by which others check signatures of a key under a name
// (C2SP signed-note).
func Vkey(name string, k PublicKey) (string, error) {
	return note.NewEd25519VerifierKey(name, ed25519.PublicKey(k.Ed25519))
}

// signed is a note.Signer whose signature exists already: asking the keeper for
// the key's hash first and for the signature later would mix two versions when
// the key is rotated in between.
type signed struct {
	name      string
	hash      uint32
	signature []byte
}

func (s *signed) Name() string                { return s.name }
func (s *signed) KeyHash() uint32             { return s.hash }
func (s *signed) Sign([]byte) ([]byte, error) { return s.signature, nil }

// signNote has the keeper sign a text, with its newest key and, so that those
// who hold the key before it can still check, with that one too.
func signNote(ctx context.Context, by Signer, name, text string) ([]byte, error) {
	signature, version, err := by.Sign(ctx, []byte(text))
	if err != nil {
		return nil, err
	}
	keys, err := by.PublicKeys(ctx)
	if err != nil {
		return nil, err
	}
	newest := slices.IndexFunc(keys, func(k PublicKey) bool { return k.Version == version })
	if newest < 0 {
		return nil, fmt.Errorf("signed with key version %d, which is not among the public keys", version)
	}
	line, err := signatureOf(keys[newest], name, text, signature)
	if err != nil {
		return nil, err
	}
	lines := []note.Signer{line}
	if newest > 0 {
		before := keys[newest-1]
		if signature, err = by.SignAs(ctx, before.Version, []byte(text)); err != nil {
			return nil, err
		}
		if line, err = signatureOf(before, name, text, signature); err != nil {
			return nil, err
		}
		lines = append(lines, line)
	}
	return note.Sign(&note.Note{Text: text}, lines...)
}

func signatureOf(key PublicKey, name, text string, signature []byte) (note.Signer, error) {
	vkey, err := Vkey(name, key)
	if err != nil {
		return nil, err
	}
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return nil, err
	}
	if !verifier.Verify([]byte(text), signature) {
		return nil, fmt.Errorf("signature of key version %d does not verify", key.Version)
	}
	return &signed{name, verifier.KeyHash(), signature}, nil
}

// keysOf are the keeper's public keys under a name.
func keysOf(ctx context.Context, by Signer, name string) (note.Verifiers, []string, error) {
	keys, err := by.PublicKeys(ctx)
	if err != nil {
		return nil, nil, err
	}
	var list []note.Verifier
	var texts []string
	for _, key := range keys {
		vkey, err := Vkey(name, key)
		if err != nil {
			return nil, nil, err
		}
		v, err := note.NewVerifier(vkey)
		if err != nil {
			return nil, nil, err
		}
		list, texts = append(list, v), append(texts, vkey)
	}
	return note.VerifierList(list...), texts, nil
}

// process is the key of one run: the keeper endorses it once, and it signs
// every batch without asking anybody.
type process struct {
	signer      note.Signer
	endorsement []byte
}

func newProcess(ctx context.Context, keeper Signer, name, origin string) (*process, error) {
	skey, vkey, err := note.GenerateKey(nil, origin)
	if err != nil {
		return nil, err
	}
	signer, err := note.NewSigner(skey)
	if err != nil {
		return nil, err
	}
	endorsement, err := signNote(ctx, keeper, name, evidence.EndorsementTitle+"\n"+origin+"\n"+vkey+"\n")
	if err != nil {
		return nil, fmt.Errorf("endorse process key: %w", err)
	}
	return &process{signer, endorsement}, nil
}
