package keeper

import (
	"context"
	"errors"
	"fmt"
)

// ErrNoSecret: Vault has no such secret, or it has no such field.
var ErrNoSecret = errors.New("vault has no such secret")

// Secret reads one field of a secret in a KV engine, version 1 or 2. path is the API's,
// "secret/data/privet/stripe"; deploy/vault/gateway.hcl says which may be read.
func (v *Vault) Secret(ctx context.Context, path, field string) (string, error) {
	if err := v.gate.check(); err != nil {
		return "", err
	}
	bounded, cancel := context.WithTimeout(ctx, v.slow())
	defer cancel()
	token, err := v.session.await(bounded)
	if err != nil {
		return "", err
	}
	var answer struct {
		Data map[string]any `json:"data"`
	}
	if err := send(bounded, v.client, token, path, nil, &answer); err != nil {
		return "", fmt.Errorf("read secret %s: %w", path, err)
	}
	fields := answer.Data
	if inner, ok := fields["data"].(map[string]any); ok && fields["metadata"] != nil {
		fields = inner
	}
	value, ok := fields[field].(string)
	if !ok || value == "" {
		return "", fmt.Errorf("%w: %s#%s", ErrNoSecret, path, field)
	}
	return value, nil
}
