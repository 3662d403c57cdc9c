package keeper

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/hashicorp/vault/api"
)

// read and write are one exchange with Vault: at most the deadline long, or
// slow() for an officer's acts.
func (v *Vault) read(ctx context.Context, limit time.Duration, path string, out any) error {
	return v.exchange(ctx, limit, path, nil, out)
}

func (v *Vault) write(ctx context.Context, limit time.Duration, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	return v.exchange(ctx, limit, path, body, out)
}

// slow is the limit of acts that nobody waits for on the line.
func (v *Vault) slow() time.Duration { return 10 * v.cfg.Deadline }

// exchange is one request unless Vault is known to be away; what it finds out
// about that it tells the gate.
func (v *Vault) exchange(ctx context.Context, limit time.Duration, path string, body []byte, out any) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := v.gate.check(); err != nil {
		return err
	}
	bounded, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err := v.ask(bounded, path, body, out)
	if own := ctx.Err(); err != nil && own != nil {
		return own // the caller gave up; that says nothing about Vault
	}
	if away(err) {
		v.gate.shut(err)
	}
	return err
}

// ask sends a request (GET without a body, PUT with one) with the live token.
// If that is refused it is looked after once, and the request tried again.
func (v *Vault) ask(ctx context.Context, path string, body []byte, out any) error {
	token, err := v.session.await(ctx)
	if err != nil {
		return err
	}
	err = v.send(ctx, token, path, body, out)
	if !errors.Is(err, ErrDenied) {
		return err
	}
	if token, err = v.session.suspect(ctx, token, err); err != nil {
		return err
	}
	return v.send(ctx, token, path, body, out)
}

// away says whether an error means that Vault cannot serve anyone now. Over
// quota it still answers at once, and refusing all would only waste the quota.
func away(err error) bool {
	return (errors.Is(err, ErrDown) && !errors.Is(err, ErrBusy)) || errors.Is(err, ErrSealed)
}

func (v *Vault) send(ctx context.Context, token, path string, body []byte, out any) error {
	began := time.Now()
	err := send(ctx, v.client, token, v.cfg.Mount+"/"+path, body, out)
	act, _, _ := strings.Cut(path, "/")
	v.cfg.Observe(act, time.Since(began), err)
	return err
}

// send is one request and the meaning of its answer.
func send(ctx context.Context, base *api.Client, token, path string, body []byte, out any) error {
	c := base.WithRequestCallbacks(func(r *api.Request) {
		r.ClientToken = token
		if body != nil {
			r.Obj = json.RawMessage(body) // the library sends this, not the raw body, where a standby sends it on
		}
	})
	var resp *api.Response
	var err error
	if body == nil {
		resp, err = c.Logical().ReadRawWithContext(ctx, path)
	} else {
		resp, err = c.Logical().WriteRawWithContext(ctx, path, body)
	}
	if resp != nil && resp.Body != nil {
		defer resp.Body.Close()
	}
	var refused *api.ResponseError
	switch {
	case errors.As(err, &refused):
		// A batch whose every item failed comes as 400 with its results.
		if refused.StatusCode == http.StatusBadRequest && !refused.RawError && len(refused.Errors) == 0 && resp != nil && out != nil {
			if json.NewDecoder(resp.Body).Decode(out) == nil {
				return nil
			}
		}
		return meaning(refused)
	case err != nil:
		return fmt.Errorf("%w: %v", ErrDown, err)
	case out == nil || resp.StatusCode == http.StatusNoContent:
		return nil
	}
	if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
		return fmt.Errorf("%w: answer to %s cannot be read: %v", ErrDown, path, err)
	}
	return nil
}

// errMissing: a key or mount that the set-up should have made is not there.
var errMissing = errors.New("vault has no such key or mount; run deploy/vault/setup")

// meaning maps a status to the keeper's errors. Vault's texts say nothing
// secret; the URL says which key.
func meaning(r *api.ResponseError) error {
	said := strings.Join(r.Errors, "; ")
	path := r.URL
	if _, after, ok := strings.Cut(r.URL, "/v1/"); ok {
		path = after
	}
	switch r.StatusCode {
	case http.StatusBadRequest:
		switch {
		case strings.Contains(said, "too old"), strings.Contains(said, "less than the minimum"):
			return fmt.Errorf("%w (%s)", ErrGone, path)
		case strings.Contains(said, "key not found"), strings.Contains(said, "no key"):
			return fmt.Errorf("%w: %s", errMissing, path)
		case strings.Contains(said, "invalid ciphertext"):
			return fmt.Errorf("%w (%s)", ErrWrong, path)
		}
		return fmt.Errorf("vault refused %s: %s", path, said)
	case http.StatusUnauthorized, http.StatusForbidden:
		return fmt.Errorf("%w: %s: %s", ErrDenied, path, said)
	case http.StatusNotFound:
		return fmt.Errorf("%w: %s", errMissing, path)
	case http.StatusTooManyRequests:
		return fmt.Errorf("%w (%s)", ErrBusy, path)
	case http.StatusServiceUnavailable:
		if strings.Contains(said, "sealed") {
			return fmt.Errorf("%w: unseal Vault", ErrSealed)
		}
	}
	return fmt.Errorf("%w: %s answered %d: %s", ErrDown, path, r.StatusCode, said)
}

// health asks for Vault's state without a token and outside of any namespace;
// sys/health exists in the root namespace alone.
func (v *Vault) health(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, v.cfg.Deadline)
	defer cancel()
	resp, err := v.root.Logical().ReadRawWithContext(ctx, "sys/health")
	if resp != nil && resp.Body != nil {
		defer resp.Body.Close()
	}
	var status *api.ResponseError
	if !errors.As(err, &status) {
		if err != nil {
			return fmt.Errorf("%w: %v", ErrDown, err)
		}
		return nil
	}
	switch status.StatusCode {
	case 429, 473: // standby and performance standby forward what they cannot do
		return nil
	case 472:
		return fmt.Errorf("%w: this address is a disaster recovery secondary", ErrDown)
	case 474:
		return fmt.Errorf("%w: this standby cannot reach the active node", ErrDown)
	case 501:
		return fmt.Errorf("%w: vault is not initialised: run vault operator init", ErrSealed)
	case 503:
		return fmt.Errorf("%w: unseal Vault", ErrSealed)
	case 530:
		return fmt.Errorf("%w: this node was removed from its cluster", ErrDown)
	}
	return fmt.Errorf("%w: sys/health answered %d", ErrDown, status.StatusCode)
}

// ping proves that Vault does what we need: a health code, then one small act
// with our token, which a broken audit device or a lost mount would fail.
func (v *Vault) ping(ctx context.Context) error {
	if err := v.health(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, v.cfg.Deadline)
	defer cancel()
	return v.ask(ctx, macPath, macRequest("ping"), nil)
}
