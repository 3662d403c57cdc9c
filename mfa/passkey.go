package mfa

import "slices"

type passkeys struct{ required []string }

func newPasskeys(cfg Config) (*passkeys, error) { return &passkeys{required: cfg.Passkeys}, nil }

// needed says whether one of the roles must sign in with a passkey.
func (p *passkeys) needed(roles []string) bool {
	return slices.ContainsFunc(roles, func(r string) bool { return slices.Contains(p.required, r) })
}
