package rights

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// HTTPRecipient is told by a POST of the notice as JSON. The Idempotency-Key stays
// the same for every try, so that a recipient that honours it is told once.
type HTTPRecipient struct {
	URL    string
	Bearer string
	Client *http.Client // nil: one with a timeout and without redirects
}

// Notify posts the notice.
func (h HTTPRecipient) Notify(ctx context.Context, n Notice, idem string) error {
	client := h.Client
	if client == nil {
		client = &http.Client{Timeout: 10 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	body, err := json.Marshal(n)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.URL, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Idempotency-Key", idem)
	if h.Bearer != "" {
		req.Header.Set("Authorization", "Bearer "+h.Bearer)
	}
	resp, err := client.Do(req)
	if err != nil {
		return errors.New("the recipient does not answer")
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
	switch {
	case resp.StatusCode/100 == 2:
		return nil
	case resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode == http.StatusServiceUnavailable:
		return &Later{After: retryAfter(resp.Header.Get("Retry-After"))}
	}
	return fmt.Errorf("the recipient answers %d", resp.StatusCode)
}
