package keeper

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// keyAnswer is what Vault says about one key. Versions of an encryption key are
// a UNIX time each, those of a signing key an object.
type keyAnswer struct {
	Data struct {
		Latest       int                        `json:"latest_version"`
		MinDecrypt   int                        `json:"min_decryption_version"`
		MinAvailable int                        `json:"min_available_version"`
		Derived      bool                       `json:"derived"`
		Exportable   bool                       `json:"exportable"`
		Versions     map[string]json.RawMessage `json:"keys"`
	} `json:"data"`
}

type signVersion struct {
	Made      time.Time `json:"creation_time"`
	PublicKey string    `json:"public_key"`
}

func (v *Vault) key(ctx context.Context, limit time.Duration, name string) (*keyAnswer, error) {
	k := new(keyAnswer)
	if err := v.read(ctx, limit, "keys/"+name, k); err != nil {
		return nil, err
	}
	return k, nil
}

// Rotate makes a new version of a shard's key.
func (v *Vault) Rotate(ctx context.Context, shard int) (int, error) {
	name, err := shardName(shard)
	if err != nil {
		return 0, err
	}
	return v.rotate(ctx, name)
}

// RotateSeal makes a new version of the sealing key.
func (v *Vault) RotateSeal(ctx context.Context) (int, error) { return v.rotate(ctx, sealName) }

// RotateSign makes a new signing key.
func (v *Vault) RotateSign(ctx context.Context) (int, error) { return v.rotate(ctx, signName) }

func (v *Vault) rotate(ctx context.Context, name string) (int, error) {
	if err := v.write(ctx, v.slow(), "keys/"+name+"/rotate", struct{}{}, nil); err != nil {
		return 0, err
	}
	k, err := v.key(ctx, v.slow(), name)
	if err != nil {
		return 0, err
	}
	return k.Data.Latest, nil
}

// Trim destroys every version of a shard's key but the newest. Vault's own
// snapshots still hold them: let those expire.
func (v *Vault) Trim(ctx context.Context, shard int) error {
	name, err := shardName(shard)
	if err != nil {
		return err
	}
	k, err := v.key(ctx, v.slow(), name)
	if err != nil {
		return err
	}
	n := k.Data.Latest
	if err := v.write(ctx, v.slow(), "keys/"+name+"/config", map[string]any{"min_decryption_version": n, "min_encryption_version": n}, nil); err != nil {
		return err
	}
	return v.write(ctx, v.slow(), "keys/"+name+"/trim", map[string]any{"min_available_version": n}, nil)
}

// Sign signs with the newest key, whichever Vault holds now.
func (v *Vault) Sign(ctx context.Context, message []byte) ([]byte, int, error) {
	return v.sign(ctx, map[string]any{"input": message})
}

// SignAs signs with the named version.
func (v *Vault) SignAs(ctx context.Context, version int, message []byte) ([]byte, error) {
	if version < 1 { // Vault takes 0 for the newest
		return nil, fmt.Errorf("%w: signing key version %d", ErrGone, version)
	}
	sig, got, err := v.sign(ctx, map[string]any{"input": message, "key_version": version})
	if err == nil && got != version {
		return nil, fmt.Errorf("%w: version %d signed, not %d", ErrDown, got, version)
	}
	return sig, err
}

func (v *Vault) sign(ctx context.Context, req map[string]any) ([]byte, int, error) {
	var answer struct {
		Data struct {
			Signature string `json:"signature"`
		} `json:"data"`
	}
	if err := v.write(ctx, v.cfg.Deadline, "sign/"+signName, req, &answer); err != nil {
		return nil, 0, err
	}
	version, sig, ok := vaultForm(answer.Data.Signature)
	if !ok || len(sig) != 64 {
		return nil, 0, fmt.Errorf("%w: sign/%s gave no Ed25519 signature", ErrDown, signName)
	}
	return sig, version, nil
}

// PublicKeys lists every version, newest last.
func (v *Vault) PublicKeys(ctx context.Context) ([]PublicKey, error) {
	k, err := v.key(ctx, v.cfg.Deadline, signName)
	if err != nil {
		return nil, err
	}
	var keys []PublicKey
	for number, raw := range k.Data.Versions {
		var s signVersion
		version, err := strconv.Atoi(number)
		if err == nil {
			err = json.Unmarshal(raw, &s)
		}
		public, err64 := base64.StdEncoding.DecodeString(s.PublicKey)
		if err != nil || err64 != nil || len(public) != 32 {
			return nil, fmt.Errorf("vault key %s is not an Ed25519 key; run deploy/vault/setup in a mount of its own", signName)
		}
		keys = append(keys, PublicKey{Version: version, Ed25519: public})
	}
	slices.SortFunc(keys, func(a, b PublicKey) int { return a.Version - b.Version })
	return keys, nil
}

// Status lists every key. A wrapping key that is not derived would silently
// ignore the context that binds it, and one that is exportable could be copied;
// both are refused.
func (v *Vault) Status(ctx context.Context) ([]KeyStatus, error) {
	var all []KeyStatus
	for _, name := range keyNames() {
		k, err := v.key(ctx, v.slow(), name)
		if err != nil {
			return nil, err
		}
		if derived := name != macName && name != signName; k.Data.Derived != derived || k.Data.Exportable {
			return nil, fmt.Errorf("vault key %s/%s has derived=%v exportable=%v; it must be derived=%v exportable=false: make it anew with deploy/vault/setup",
				v.cfg.Mount, name, k.Data.Derived, k.Data.Exportable, derived)
		}
		all = append(all, KeyStatus{Name: name, Oldest: max(k.Data.MinDecrypt, k.Data.MinAvailable, 1), Newest: k.Data.Latest,
			Made: made(k.Data.Versions[strconv.Itoa(k.Data.Latest)])})
	}
	return all, nil
}

// made reads either form of a version's birthday.
func made(raw json.RawMessage) time.Time {
	var unix int64
	if json.Unmarshal(raw, &unix) == nil {
		return time.Unix(unix, 0).UTC()
	}
	var s signVersion
	if json.Unmarshal(raw, &s) == nil {
		return s.Made.UTC()
	}
	return time.Time{}
}
