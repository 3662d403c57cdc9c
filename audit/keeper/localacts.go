package keeper

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"slices"

	"github.com/tink-crypto/tink-go/v2/keyset"
)

func (l *Local) rotate(ctx context.Context, name string) (int, error) {
	return l.change(ctx, name, func(r *rings) (*keyset.Handle, error) {
		return addVersion(keyset.NewManagerFromHandle(r.handles[name]), name, r.spans[name].newest+1)
	})
}

// Rotate makes a new version of a shard's key.
func (l *Local) Rotate(ctx context.Context, shard int) (int, error) {
	name, err := shardName(shard)
	if err != nil {
		return 0, err
	}
	return l.rotate(ctx, name)
}

// RotateSeal makes a new version of the sealing key.
func (l *Local) RotateSeal(ctx context.Context) (int, error) { return l.rotate(ctx, sealName) }

// RotateSign makes a new signing key.
func (l *Local) RotateSign(ctx context.Context) (int, error) { return l.rotate(ctx, signName) }

// Trim destroys every version of a shard's key but the newest.
func (l *Local) Trim(ctx context.Context, shard int) error {
	name, err := shardName(shard)
	if err != nil {
		return err
	}
	_, err = l.change(ctx, name, func(r *rings) (*keyset.Handle, error) {
		m := keyset.NewManagerFromHandle(r.handles[name])
		newest := r.spans[name].newest
		for _, k := range r.handles[name].KeysetInfo().GetKeyInfo() {
			if int(k.GetKeyId()) == newest {
				continue
			}
			if err := m.Delete(k.GetKeyId()); err != nil {
				return nil, err
			}
		}
		return m.Handle()
	})
	return err
}

// Wrap encrypts items under the shard's newest key.
func (l *Local) Wrap(ctx context.Context, shard int, items []Item) ([][]byte, error) {
	return l.each(ctx, shard, items, (*rings).encrypt)
}

// Unwrap decrypts items.
func (l *Local) Unwrap(ctx context.Context, shard int, items []Item) ([][]byte, error) {
	return l.each(ctx, shard, items, (*rings).decrypt)
}

// Rewrap moves items to the shard's newest key.
func (l *Local) Rewrap(ctx context.Context, shard int, items []Item) ([][]byte, error) {
	return l.each(ctx, shard, items, func(r *rings, name string, it Item) ([]byte, error) {
		plain, err := r.decrypt(name, it)
		if err != nil {
			return nil, err
		}
		defer clear(plain)
		return r.encrypt(name, Item{Context: it.Context, Bytes: plain})
	})
}

func (l *Local) each(ctx context.Context, shard int, items []Item, act func(*rings, string, Item) ([]byte, error)) ([][]byte, error) {
	name, err := shardName(shard)
	if err != nil {
		return nil, err
	}
	r, err := l.keys(ctx)
	if err != nil {
		return nil, err
	}
	return each(ctx, items, func(it Item) ([]byte, error) { return act(r, name, it) })
}

// Seal keeps a small secret, bound to a context.
func (l *Local) Seal(ctx context.Context, context string, secret []byte) ([]byte, error) {
	r, err := l.keys(ctx)
	if err != nil {
		return nil, err
	}
	it := Item{Context: []byte(context), Bytes: secret}
	if err := checkItems([]Item{it}); err != nil {
		return nil, err
	}
	return r.encrypt(sealName, it)
}

// Open gives the secret back.
func (l *Local) Open(ctx context.Context, context string, sealed []byte) ([]byte, error) {
	r, err := l.keys(ctx)
	if err != nil {
		return nil, err
	}
	return r.decrypt(sealName, Item{Context: []byte(context), Bytes: sealed})
}

// MACKey derives a 32-byte key.
func (l *Local) MACKey(ctx context.Context, purpose string) ([]byte, error) {
	r, err := l.keys(ctx)
	if err != nil {
		return nil, err
	}
	return r.mac.ComputePrimaryPRF(macInfo(purpose), 32)
}

// Sign signs with the newest key.
func (l *Local) Sign(ctx context.Context, message []byte) ([]byte, int, error) {
	r, err := l.keys(ctx)
	if err != nil {
		return nil, 0, err
	}
	newest := r.spans[signName].newest
	return ed25519.Sign(r.signers[newest], message), newest, nil
}

// SignAs signs with the named version.
func (l *Local) SignAs(ctx context.Context, version int, message []byte) ([]byte, error) {
	r, err := l.keys(ctx)
	if err != nil {
		return nil, err
	}
	k, ok := r.signers[version]
	if !ok {
		return nil, fmt.Errorf("%w: signing key version %d", ErrGone, version)
	}
	return ed25519.Sign(k, message), nil
}

// PublicKeys lists every version, newest last.
func (l *Local) PublicKeys(ctx context.Context) ([]PublicKey, error) {
	r, err := l.keys(ctx)
	if err != nil {
		return nil, err
	}
	keys := make([]PublicKey, 0, len(r.signers))
	for v, k := range r.signers {
		keys = append(keys, PublicKey{Version: v, Ed25519: k.Public().(ed25519.PublicKey)})
	}
	slices.SortFunc(keys, func(a, b PublicKey) int { return a.Version - b.Version })
	return keys, nil
}

// Status lists every key.
func (l *Local) Status(ctx context.Context) ([]KeyStatus, error) {
	r, err := l.keys(ctx)
	if err != nil {
		return nil, err
	}
	var all []KeyStatus
	for _, name := range keyNames() {
		all = append(all, KeyStatus{Name: name, Oldest: r.spans[name].oldest, Newest: r.spans[name].newest, Made: r.made[name]})
	}
	return all, nil
}
