package keeper

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// batchItem is one item of a transit request or answer.
type batchItem struct {
	Context    []byte `json:"context,omitempty"`
	Plaintext  []byte `json:"plaintext,omitempty"` // []byte is base64 in JSON, as transit wants it
	Ciphertext string `json:"ciphertext,omitempty"`
	Error      string `json:"error,omitempty"`
}

type batchRequest struct {
	Items   []batchItem `json:"batch_input"`
	Partial int         `json:"partial_failure_response_code"`
}

type batchAnswer struct {
	Data struct {
		Items []batchItem `json:"batch_results"`
	} `json:"data"`
}

func (v *Vault) encrypt(ctx context.Context, name string, items []Item) ([][]byte, error) {
	req := batchRequest{Items: make([]batchItem, len(items)), Partial: http.StatusOK}
	for i, it := range items {
		req.Items[i] = batchItem{Context: it.Context, Plaintext: it.Bytes}
	}
	return v.batch(ctx, v.cfg.Deadline, "encrypt/"+name, req)
}

func (v *Vault) decrypt(ctx context.Context, name string, items []Item) ([][]byte, error) {
	return v.open(ctx, v.cfg.Deadline, "decrypt/"+name, items)
}

// open sends wrapped items; what is not Vault's form is ErrWrong without asking.
func (v *Vault) open(ctx context.Context, limit time.Duration, path string, items []Item) ([][]byte, error) {
	req := batchRequest{Partial: http.StatusOK}
	var sent []int
	failed := ItemErrors{}
	for i, it := range items {
		if _, _, ok := vaultForm(string(it.Bytes)); !ok {
			failed[i] = ErrWrong
			continue
		}
		sent = append(sent, i)
		req.Items = append(req.Items, batchItem{Context: it.Context, Ciphertext: string(it.Bytes)})
	}
	out := make([][]byte, len(items))
	if len(sent) == 0 {
		return out, failed.orNil()
	}
	got, err := v.batch(ctx, limit, path, req)
	var some ItemErrors
	if err != nil && !errors.As(err, &some) {
		return nil, err
	}
	for j, i := range sent {
		out[i] = got[j]
		if some[j] != nil {
			failed[i] = some[j]
		}
	}
	return out, failed.orNil()
}

// batch is one transit request for several items.
func (v *Vault) batch(ctx context.Context, limit time.Duration, path string, req batchRequest) ([][]byte, error) {
	var answer batchAnswer
	if err := v.write(ctx, limit, path, req, &answer); err != nil {
		return nil, err
	}
	got := answer.Data.Items
	if len(got) != len(req.Items) {
		return nil, fmt.Errorf("%w: %s answered %d of %d items", ErrDown, path, len(got), len(req.Items))
	}
	out, failed := make([][]byte, len(got)), ItemErrors{}
	for i, it := range got {
		switch {
		case strings.Contains(it.Error, "too old"), strings.Contains(it.Error, "no such key version"):
			failed[i] = ErrGone
		case strings.Contains(it.Error, "too new"):
			failed[i] = ErrAhead
		case strings.Contains(it.Error, "invalid ciphertext"), strings.Contains(it.Error, "message authentication failed"):
			failed[i] = ErrWrong
		case it.Error != "": // Vault's own trouble
			failed[i] = fmt.Errorf("%w: %s: %s", ErrDown, path, it.Error)
		case it.Ciphertext != "":
			out[i] = []byte(it.Ciphertext)
		default:
			out[i] = it.Plaintext
		}
	}
	return out, failed.orNil()
}

// vaultForm parses "vault:v3:BASE64", the form of all that transit returns.
func vaultForm(s string) (version int, content []byte, ok bool) {
	rest, found := strings.CutPrefix(s, "vault:v")
	number, text, split := strings.Cut(rest, ":")
	version, err := strconv.Atoi(number)
	if !found || !split || err != nil || version < 1 || text == "" {
		return 0, nil, false
	}
	content, err = base64.StdEncoding.DecodeString(text)
	return version, content, err == nil
}

// Wrap encrypts items under the shard's newest key.
func (v *Vault) Wrap(ctx context.Context, shard int, items []Item) ([][]byte, error) {
	return v.coalesced(ctx, shard, items, &v.wraps)
}

// Unwrap decrypts items. Concurrent calls share requests.
func (v *Vault) Unwrap(ctx context.Context, shard int, items []Item) ([][]byte, error) {
	return v.coalesced(ctx, shard, items, &v.unwraps)
}

func (v *Vault) coalesced(ctx context.Context, shard int, items []Item, all *[Shards]*coalescer) ([][]byte, error) {
	if _, err := shardName(shard); err != nil {
		return nil, err
	}
	if err := checkItems(items); err != nil {
		return nil, err
	}
	if err := errors.Join(ctx.Err(), v.gate.check()); err != nil {
		return nil, err
	}
	return all[shard].do(ctx, items)
}

// Rewrap moves items to the shard's newest key, inside Vault.
func (v *Vault) Rewrap(ctx context.Context, shard int, items []Item) ([][]byte, error) {
	name, err := shardName(shard)
	if err != nil {
		return nil, err
	}
	if err := checkItems(items); err != nil {
		return nil, err
	}
	out, failed := make([][]byte, 0, len(items)), ItemErrors{}
	for chunk := range slices.Chunk(items, batchItems) {
		got, err := v.open(ctx, v.slow(), "rewrap/"+name, chunk)
		var some ItemErrors
		if err != nil && !errors.As(err, &some) {
			return nil, err
		}
		for i, e := range some {
			failed[len(out)+i] = e
		}
		out = append(out, got...)
	}
	return failed.answer(out)
}

// Seal keeps a small secret, bound to a context.
func (v *Vault) Seal(ctx context.Context, context string, secret []byte) ([]byte, error) {
	items := []Item{{Context: []byte(context), Bytes: secret}}
	if err := checkItems(items); err != nil {
		return nil, err
	}
	out, err := v.encrypt(ctx, sealName, items)
	return only(out, err)
}

// Open gives the secret back.
func (v *Vault) Open(ctx context.Context, context string, sealed []byte) ([]byte, error) {
	if err := errors.Join(ctx.Err(), v.gate.check()); err != nil {
		return nil, err
	}
	items := []Item{{Context: []byte(context), Bytes: sealed}}
	if err := checkItems(items); err != nil {
		return nil, err
	}
	out, err := v.opens.do(ctx, items)
	return only(out, err)
}

// only gives the answer for a single item, or its own error.
func only(out [][]byte, err error) ([]byte, error) {
	var failed ItemErrors
	if errors.As(err, &failed) {
		return nil, failed[0]
	}
	if err != nil {
		return nil, err
	}
	return out[0], nil
}
