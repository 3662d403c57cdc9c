package keeper

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tink-crypto/tink-go/v2/insecuresecretdataaccess"
	kwp "github.com/tink-crypto/tink-go/v2/kwp/subtle"
	"github.com/tink-crypto/tink-go/v2/prf/hmacprf"
)

// MoveKeys imports a local keeper's signing keys and MAC key into Vault, so that
// what they signed and derived stays valid. Wrapped and sealed things do not
// move with them: their owners unwrap them here and wrap them there. The keys
// sign and mac must not exist in Vault yet (deploy/vault/setup --migrate), or
// be these same ones: it may be repeated.
//
// Each key travels under a key of its own that only Vault can open (RSA-OAEP
// and AES-KWP, RFC 5649), and Vault does not give it back.
func MoveKeys(ctx context.Context, from *Local, to *Vault) error {
	r, err := from.keys(ctx)
	if err != nil {
		return fmt.Errorf("move keys: %w", err)
	}
	if err := moveMAC(ctx, r, to); err != nil {
		return fmt.Errorf("move key %s: %w", macName, err)
	}
	if err := moveSign(ctx, r, to); err != nil {
		return fmt.Errorf("move key %s: %w", signName, err)
	}
	return sameKeys(ctx, from, to)
}

func moveMAC(ctx context.Context, r *rings, to *Vault) error {
	if _, err := to.key(ctx, to.slow(), macName); err == nil {
		return nil // sameKeys tells whether it is ours
	} else if !errors.Is(err, errMissing) {
		return err
	}
	primary, err := r.handles[macName].Primary()
	if err != nil {
		return err
	}
	k, ok := primary.Key().(*hmacprf.Key)
	if !ok {
		return fmt.Errorf("holds a %T, not an HMAC key", primary.Key())
	}
	secret := k.KeyBytes().Data(insecuresecretdataaccess.Token{})
	defer clear(secret)
	return to.load(ctx, "keys/"+macName+"/import", secret, map[string]any{"type": "hmac", "allow_rotation": false})
}

func moveSign(ctx context.Context, r *rings, to *Vault) error {
	have := 0
	if k, err := to.key(ctx, to.slow(), signName); err == nil {
		have = k.Data.Latest
	} else if !errors.Is(err, errMissing) {
		return err
	}
	for version := have + 1; version <= r.spans[signName].newest; version++ {
		der, err := x509.MarshalPKCS8PrivateKey(r.signers[version])
		if err != nil {
			return err
		}
		path, settings := "keys/"+signName+"/import_version", map[string]any{}
		if version == 1 {
			path, settings = "keys/"+signName+"/import", map[string]any{"type": "ed25519", "allow_rotation": true}
		}
		err = to.load(ctx, path, der, settings)
		clear(der)
		if err != nil {
			return err
		}
	}
	return nil
}

// load sends one secret key, wrapped for Vault alone.
func (v *Vault) load(ctx context.Context, path string, secret []byte, settings map[string]any) error {
	var answer struct {
		Data struct {
			PublicKey string `json:"public_key"`
		} `json:"data"`
	}
	// Vault makes this key of 4,096 bits when it is first asked for, which takes seconds.
	if err := v.read(ctx, time.Minute, "wrapping_key", &answer); err != nil {
		return err
	}
	block, _ := pem.Decode([]byte(answer.Data.PublicKey))
	if block == nil {
		return errors.New("vault's wrapping key is not PEM")
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return err
	}
	public, ok := parsed.(*rsa.PublicKey)
	if !ok {
		return fmt.Errorf("vault's wrapping key is a %T, not RSA", parsed)
	}
	once := make([]byte, 32)
	rand.Read(once)
	defer clear(once)
	wrapper, err := kwp.NewKWP(once)
	if err != nil {
		return err
	}
	wrapped, err := wrapper.Wrap(secret)
	if err != nil {
		return err
	}
	sealed, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, public, once, nil)
	if err != nil {
		return err
	}
	settings["ciphertext"] = append(sealed, wrapped...)
	return v.write(ctx, v.slow(), path, settings, nil)
}

// sameKeys proves that both keepers have the same public keys and derive alike.
func sameKeys(ctx context.Context, from *Local, to *Vault) error {
	ours, err := from.PublicKeys(ctx)
	if err != nil {
		return err
	}
	theirs, err := to.PublicKeys(ctx)
	if err != nil {
		return err
	}
	same := slices.EqualFunc(ours, theirs, func(a, b PublicKey) bool { return a.Version == b.Version && bytes.Equal(a.Ed25519, b.Ed25519) })
	a, err := from.MACKey(ctx, "move")
	if err != nil {
		return err
	}
	b, err := to.MACKey(ctx, "move")
	if err != nil {
		return err
	}
	if !same || !bytes.Equal(a, b) {
		return fmt.Errorf("%w: vault has other keys sign and mac than this local keeper; use a fresh mount (deploy/vault/setup --migrate)", ErrDenied)
	}
	return nil
}
