package keeper

import (
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/aead/xaesgcm"
	"github.com/tink-crypto/tink-go/v2/insecuresecretdataaccess"
	"github.com/tink-crypto/tink-go/v2/key"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/prf"
	"github.com/tink-crypto/tink-go/v2/secretdata"
	tinked25519 "github.com/tink-crypto/tink-go/v2/signature/ed25519"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// rings is the local keeper's keys, opened; it never changes once prepared.
//
// A key's version is its tink key id, which tink writes into the first five
// bytes of everything it encrypts (0x01, big-endian id), so a wrapped key says
// which version it needs without a format of ours.
type rings struct {
	generation uint64
	handles    map[string]*keyset.Handle
	made       map[string]time.Time

	ciphers map[string]tink.AEAD
	mac     *prf.Set
	signers map[int]ed25519.PrivateKey
	spans   map[string]span
}

// span is the versions a key has.
type span struct{ oldest, newest int }

// newRings makes first versions of all keys.
func newRings(now time.Time) (*rings, error) {
	r := &rings{handles: map[string]*keyset.Handle{}, made: map[string]time.Time{}}
	for _, name := range keyNames() {
		if name == macName {
			continue
		}
		h, err := addVersion(keyset.NewManager(), name, 1)
		if err != nil {
			return nil, err
		}
		r.handles[name], r.made[name] = h, now
	}
	h, err := keyset.NewHandle(prf.HMACSHA256PRFKeyTemplate())
	if err != nil {
		return nil, fmt.Errorf("make the mac key: %w", err)
	}
	r.handles[macName], r.made[macName] = h, now
	return r, r.prepare()
}

// addVersion puts a new primary key with the given version into a keyset.
func addVersion(m *keyset.Manager, name string, version int) (*keyset.Handle, error) {
	secret, err := secretdata.NewBytesFromRand(32)
	if err != nil {
		return nil, err
	}
	var k key.Key
	if name == signName {
		var params tinked25519.Parameters
		if params, err = tinked25519.NewParameters(tinked25519.VariantTink); err == nil {
			k, err = tinked25519.NewPrivateKey(secret, uint32(version), params)
		}
	} else {
		// XAES: random nonces stay safe for far more than 2^32 wraps.
		var params *xaesgcm.Parameters
		if params, err = xaesgcm.NewParameters(xaesgcm.VariantTink, 12); err == nil {
			k, err = xaesgcm.NewKey(secret, uint32(version), params)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("make key %s: %w", name, err)
	}
	id, err := m.AddKey(k)
	if err != nil {
		return nil, fmt.Errorf("make key %s: %w", name, err)
	}
	if err := m.SetPrimary(id); err != nil {
		return nil, fmt.Errorf("make key %s: %w", name, err)
	}
	return m.Handle()
}

// prepare makes the ciphers and signers of the handles.
func (r *rings) prepare() (err error) {
	r.ciphers, r.signers = map[string]tink.AEAD{}, map[int]ed25519.PrivateKey{}
	r.spans = map[string]span{}
	for name, h := range r.handles {
		r.spans[name] = versions(name, h)
		switch name {
		case macName:
			r.mac, err = prf.NewPRFSet(h)
		case signName:
			err = r.prepareSigners(h)
		default:
			r.ciphers[name], err = aead.New(h)
		}
		if err != nil {
			return fmt.Errorf("keyset %s: %w", name, err)
		}
	}
	if r.mac == nil || len(r.signers) == 0 || len(r.ciphers) != Shards+1 {
		return fmt.Errorf("keeper file holds %d of %d keysets", len(r.handles), Shards+3)
	}
	return nil
}

func (r *rings) prepareSigners(h *keyset.Handle) error {
	for i := range h.Len() {
		e, err := h.Entry(i)
		if err != nil {
			return err
		}
		k, ok := e.Key().(*tinked25519.PrivateKey)
		if !ok {
			return fmt.Errorf("holds a %T, not an Ed25519 key", e.Key())
		}
		seed := k.PrivateKeyBytes().Data(insecuresecretdataaccess.Token{})
		r.signers[int(e.KeyID())] = ed25519.NewKeyFromSeed(seed)
	}
	return nil
}

// versions reads the versions of a keyset; the mac key has one, with an id of tink's.
func versions(name string, h *keyset.Handle) span {
	if name == macName {
		return span{1, 1}
	}
	var s span
	for _, k := range h.KeysetInfo().GetKeyInfo() {
		v := int(k.GetKeyId())
		if s.oldest == 0 || v < s.oldest {
			s.oldest = v
		}
		s.newest = max(s.newest, v)
	}
	return s
}

// with is a copy of r in which one key is another handle, one generation on.
func (r *rings) with(name string, h *keyset.Handle, made time.Time) (*rings, error) {
	next := &rings{generation: r.generation + 1, handles: map[string]*keyset.Handle{}, made: map[string]time.Time{}}
	for n := range r.handles {
		next.handles[n], next.made[n] = r.handles[n], r.made[n]
	}
	next.handles[name], next.made[name] = h, made
	return next, next.prepare()
}

func (r *rings) encrypt(name string, it Item) ([]byte, error) {
	return r.ciphers[name].Encrypt(it.Bytes, it.Context)
}

// decrypt tells a destroyed version from a wrong key or context.
func (r *rings) decrypt(name string, it Item) ([]byte, error) {
	if len(it.Bytes) < 5 || it.Bytes[0] != 1 {
		return nil, ErrWrong
	}
	switch version, has := int(binary.BigEndian.Uint32(it.Bytes[1:5])), r.spans[name]; {
	case version < has.oldest:
		return nil, ErrGone
	case version > has.newest:
		return nil, ErrAhead
	}
	plain, err := r.ciphers[name].Decrypt(it.Bytes, it.Context)
	if err != nil {
		return nil, ErrWrong
	}
	return plain, nil
}

// each runs one act over all items and collects what fails.
func each(ctx context.Context, items []Item, act func(Item) ([]byte, error)) ([][]byte, error) {
	if err := checkItems(items); err != nil {
		return nil, err
	}
	out, failed := make([][]byte, len(items)), ItemErrors{}
	for i, it := range items {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		b, err := act(it)
		if err != nil {
			failed[i] = err
			continue
		}
		out[i] = b
	}
	return failed.answer(out)
}
