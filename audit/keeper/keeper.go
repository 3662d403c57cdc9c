// Package keeper answers "who holds the keys, and who may not have them any
// more?". It wraps the data keys of subjects, seals small secrets, derives MAC
// keys and signs checkpoints, with its keys in a sealed local file (OpenLocal)
// or in the transit engine of HashiCorp Vault or OpenBao (OpenVault). Both keep
// the same promises, proven by keepertest:
//
//   - What was wrapped or sealed under a context opens under that context only.
//   - Rotate is durable before the new version is used; Trim destroys every
//     older version, and what was wrapped under one is ErrGone from then on,
//     whatever backup of a database it is restored from.
//   - A keeper that is stopped, sealed or hangs answers ErrDown or ErrSealed
//     within Deadline, at once while it is known to be away, and serves again
//     without a restart when it is back.
//
// # Keys
//
//	shard-00 … shard-63  wrap data keys; rotated and trimmed by epoch
//	seal                 seals small secrets (TOTP seeds); rotated, never trimmed
//	mac                  derives MAC keys, HKDF-Expand of RFC 5869 §2.3; never rotated
//	sign                 Ed25519; rotated with overlap, never trimmed here
//
// # Why
//
// A key per subject in Vault costs 11 KB of its memory each, and a derived key
// alone cannot be destroyed singly; so a subject's key is random, wrapped by
// one of a few keys, and destroyed by deleting one row, then by trimming the
// version that could open copies of that row.
package keeper

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Item is one thing to wrap or unwrap; Context is bound to it (the row's id).
// It is an alias, so that what a consumer declares as the same struct fits.
type Item = struct {
	Context []byte // 1 byte or more
	Bytes   []byte // plaintext to wrap, or the wrapped form
}

// Keeper wraps data keys, seals small secrets and signs checkpoints. Its
// methods may be called concurrently.
type Keeper interface {
	// Wrap and Unwrap use one of Shards wrapping keys. Items answer in order.
	// If only some items fail, as ErrGone or ErrWrong, the others are answered and
	// the error is an ItemErrors.
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
	// RotateSeal makes a new version of the sealing key; older ones still open.
	RotateSeal(ctx context.Context) (version int, err error)
	// MACKey derives a 32-byte key for a purpose; the same purpose gives the same key.
	MACKey(ctx context.Context, purpose string) ([]byte, error)
	// Sign signs with the newest Ed25519 key and says which version that was;
	// SignAs signs with the named version, for overlap while verifiers change over.
	Sign(ctx context.Context, message []byte) (signature []byte, version int, err error)
	SignAs(ctx context.Context, version int, message []byte) (signature []byte, err error)
	// RotateSign makes a new signing key. PublicKeys lists every version, newest last.
	RotateSign(ctx context.Context) (version int, err error)
	PublicKeys(ctx context.Context) ([]PublicKey, error)
	// Status lists every key with its versions.
	Status(ctx context.Context) ([]KeyStatus, error)
	// Health says whether the keeper answers and why not.
	Health(ctx context.Context) error
	Close() error
}

// PublicKey is one version of the signing key.
type PublicKey = struct {
	Version int
	Ed25519 []byte // 32 bytes
}

// KeyStatus is one key: versions Oldest to Newest open, Newest wraps.
type KeyStatus struct {
	Name   string    `json:"name"` // "shard-00", "seal", "mac", "sign"
	Oldest int       `json:"oldest"`
	Newest int       `json:"newest"`
	Made   time.Time `json:"made,omitzero"` // of the newest version; zero if not known
}

// Shards is how many wrapping keys there are at most.
const Shards = 64

// Errors.
var (
	ErrDown   = errors.New("keeper is not reachable")
	ErrSealed = errors.New("keeper is sealed")
	ErrDenied = errors.New("keeper refuses these credentials")
	ErrGone   = errors.New("the key that could open this has been destroyed")
	ErrWrong  = errors.New("wrapped under another key or context")

	// ErrAhead: the keeper was restored from an older copy, or this replica of it
	// lags. What it cannot open now is not lost, so a call with such an item fails whole.
	ErrAhead = errors.New("wrapped under a newer version than the keeper has; put its newest copy back")

	// ErrBusy is an ErrDown: the keeper is there but over its rate quota.
	ErrBusy = fmt.Errorf("%w: over its rate quota", ErrDown)
)

// ItemErrors says which items of a call failed, by index; the others were
// answered. errors.Is finds each item's error through it.
type ItemErrors map[int]error

func (e ItemErrors) Error() string {
	first := slices.Min(slices.Collect(maps.Keys(e)))
	return fmt.Sprintf("%d items failed, the first is item %d: %v", len(e), first, e[first])
}

// Unwrap gives the errors in the items' order.
func (e ItemErrors) Unwrap() []error {
	errs := make([]error, 0, len(e))
	for _, i := range slices.Sorted(maps.Keys(e)) {
		errs = append(errs, e[i])
	}
	return errs
}

// orNil is e as an error, nil if no item failed.
func (e ItemErrors) orNil() error {
	if len(e) == 0 {
		return nil
	}
	return e
}

// answer gives the items' answers. An item that fails for now, and is not lost,
// fails them all: who asks takes a missing answer for a destroyed key.
func (e ItemErrors) answer(out [][]byte) ([][]byte, error) {
	for _, err := range e {
		if !errors.Is(err, ErrGone) && !errors.Is(err, ErrWrong) {
			return nil, err
		}
	}
	return out, e.orNil()
}

// Names of the keys, the same in the local file and (after a prefix) in Vault.
const (
	sealName = "seal"
	macName  = "mac"
	signName = "sign"
)

func shardName(shard int) (string, error) {
	if shard < 0 || shard >= Shards {
		return "", fmt.Errorf("shard %d is not between 0 and %d", shard, Shards-1)
	}
	return fmt.Sprintf("shard-%02d", shard), nil
}

// keyNames lists every key in the order of Status.
func keyNames() []string {
	names := make([]string, 0, Shards+3)
	for i := range Shards {
		name, _ := shardName(i)
		names = append(names, name)
	}
	return append(names, sealName, macName, signName)
}

// macInfo is the input whose HMAC under the mac key is HKDF-Expand's first
// block (RFC 5869 §2.3), which Vault can compute as well as we can.
func macInfo(purpose string) []byte { return append([]byte("privet "+purpose), 1) }

// checkItems refuses an item without a context: it would be bound to nothing.
func checkItems(items []Item) error {
	for i, it := range items {
		if len(it.Context) == 0 {
			return fmt.Errorf("item %d has no context", i)
		}
	}
	return nil
}
