package rights

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// reads is how often a reading request is tried: reading again harms nobody.
const reads = 5

// read runs one reading request; found is false where the status says so.
func (h *HTTP) read(ctx context.Context, call *Call, address string, vars map[string]string) (answer any, found bool, err error) {
	for try := range reads {
		var again bool
		if answer, found, again, err = h.readOnce(ctx, call, address, vars); !again || try == reads-1 {
			return answer, found, err
		}
		timer := time.NewTimer(20 * time.Millisecond << try)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil, false, ctx.Err()
		case <-timer.C:
		}
	}
	return answer, found, err
}

// readOnce says also whether trying again may help.
func (h *HTTP) readOnce(ctx context.Context, call *Call, address string, vars map[string]string) (answer any, found, again bool, err error) {
	method, _ := call.line()
	status, raw, head, err := h.send(ctx, method, address, call, fillBody(call.Body, vars, nil), "")
	if err != nil {
		return nil, false, ctx.Err() == nil && !errors.Is(err, ErrBroken), err
	}
	gone := call.Gone
	if gone == nil {
		gone = []int{http.StatusNotFound, http.StatusGone}
	}
	if slices.Contains(gone, status) {
		return nil, false, false, nil
	}
	if status == http.StatusTooManyRequests || status >= 500 {
		wait := retryAfter(head.Get("Retry-After"))
		return nil, false, status != http.StatusTooManyRequests || wait < time.Second, fmt.Errorf("%w: status %d", &Later{After: wait}, status)
	}
	if status/100 != 2 {
		return nil, false, false, fmt.Errorf("%w: status %d", ErrBroken, status)
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	if err := dec.Decode(&answer); err != nil {
		return nil, false, false, fmt.Errorf("%w: not JSON", ErrBroken)
	}
	return answer, true, false, nil
}

const mostBytes = 16 << 20 // of one page

// send makes one request. Reading calls ask caches to stand aside.
func (h *HTTP) send(ctx context.Context, method, address string, call *Call, body any, idem string) (int, []byte, http.Header, error) {
	if err := h.pace.Wait(ctx); err != nil {
		return 0, nil, nil, err
	}
	var payload io.Reader
	kind := "application/json"
	if body != nil && call.Form {
		kind = "application/x-www-form-urlencoded"
		payload = strings.NewReader(formOf("", body, url.Values{}).Encode())
	} else if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return 0, nil, nil, err
		}
		payload = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, address, payload)
	if err != nil {
		return 0, nil, nil, err
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Cache-Control", "no-cache")
	if payload != nil {
		req.Header.Set("Content-Type", kind)
	}
	if idem != "" {
		req.Header.Set("Idempotency-Key", idem)
	}
	if err := h.authorize(req); err != nil {
		return 0, nil, nil, err
	}
	resp, err := h.http.Do(req)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) { // its text holds the address, and that may hold a person's
			err = u.Err
		}
		return 0, nil, nil, fmt.Errorf("no answer: %w", err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, mostBytes+1))
	if err != nil {
		return 0, nil, nil, fmt.Errorf("the answer broke off: %w", err)
	}
	if len(raw) > mostBytes {
		return 0, nil, nil, fmt.Errorf("%w: an answer of more than %d bytes", ErrBroken, mostBytes)
	}
	return resp.StatusCode, raw, resp.Header, nil
}

func (h *HTTP) authorize(req *http.Request) error {
	for k, v := range h.api.Auth.Headers {
		req.Header.Set(k, v)
	}
	switch {
	case h.api.Auth.OAuth != nil:
		token, err := h.token.Token()
		if err != nil { // its text can hold what the endpoint said
			return fmt.Errorf("%w: the token endpoint gives no token", &Later{After: time.Second})
		}
		req.Header.Set("Authorization", "Bearer "+token.AccessToken)
	case h.api.Auth.Bearer != "":
		req.Header.Set("Authorization", "Bearer "+h.api.Auth.Bearer)
	case h.api.Auth.Basic != "":
		user, password, _ := strings.Cut(h.api.Auth.Basic, ":")
		req.SetBasicAuth(user, password)
	}
	return nil
}

// tokens keeps an access token until shortly before it ends (RFC 6749 §4.4).
func (h *HTTP) tokens() oauth2.TokenSource {
	o := h.api.Auth.OAuth
	cfg := clientcredentials.Config{ClientID: o.Client, ClientSecret: o.Secret, TokenURL: o.URL, Scopes: strings.Fields(o.Scope)}
	return cfg.TokenSource(context.WithValue(context.Background(), oauth2.HTTPClient, h.http)) // outlives any one request; h.http has a timeout
}

// part names one target's share of a step for idempotency.
func part(idem, key string) string {
	sum := sha256.Sum256([]byte(idem + key))
	return fmt.Sprintf("%s-%x", idem, sum[:6])
}
