// Package keeper holds the keys: in a sealed local file, or in HashiCorp Vault
// or OpenBao.
package keeper

import (
	"context"
	"errors"
)

// Item is one thing to wrap or unwrap; Context is bound to it (the row's id).
type Item struct {
	Context []byte
	Bytes   []byte // plaintext to wrap, or the wrapped form
}

// Keeper wraps data keys, seals small secrets and signs checkpoints.
type Keeper interface {
	// Wrap and Unwrap use one of Shards wrapping keys. Items answer in order.
	Wrap(ctx context.Context, shard int, items []Item) ([][]byte, error)
	Unwrap(ctx context.Context, shard int, items []Item) ([][]byte, error)
	// Rewrap moves wrapped items to the newest version of the shard's key.
	Rewrap(ctx context.Context, shard int, items []Item) ([][]byte, error)
	// Rotate makes a new version of the shard's key; Trim destroys all versions before the newest.
	Rotate(ctx context.Context, shard int) (version int, err error)
	Trim(ctx context.Context, shard int) error
	// Seal and Open keep a small secret (a TOTP seed) under a key of its own, bound to context.
	Seal(ctx context.Context, context string, secret []byte) ([]byte, error)
	Open(ctx context.Context, context string, sealed []byte) ([]byte, error)
	// MACKey derives a 32-byte key for a purpose; the same purpose gives the same key.
	MACKey(ctx context.Context, purpose string) ([]byte, error)
	// Sign signs with the newest Ed25519 key; PublicKeys lists every version, newest last.
	Sign(ctx context.Context, message []byte) (signature []byte, version int, err error)
	PublicKeys(ctx context.Context) ([]PublicKey, error)
	// Health says whether the keeper answers and why not.
	Health(ctx context.Context) error
	Close() error
}

// PublicKey is one version of the signing key.
type PublicKey struct {
	Version int
	Ed25519 []byte
}

// Shards is how many wrapping keys there are at most.
const Shards = 64

// Errors.
var (
	ErrDown   = errors.New("keeper is not reachable")
	ErrSealed = errors.New("keeper is sealed")
	ErrGone   = errors.New("the key that could open this has been destroyed")
	ErrWrong  = errors.New("wrapped under another key or context")
)
