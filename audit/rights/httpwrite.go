package rights

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Erase runs the declared erasing or blanking call for each target.
func (h *HTTP) Erase(ctx context.Context, c *Collection, action Action, targets []Target, idem string) (Effect, error) {
	call := h.api.Collections[c.Name].Erase
	if action == Blank {
		call = h.api.Collections[c.Name].Blank
	}
	return h.write(ctx, c, call, string(action), targets, idem)
}

// Correct runs the declared correcting call. Where the API has no compare-and-swap
// the record is read right before, where the API can be asked for one, and left alone if
// it says something else by now.
func (h *HTTP) Correct(ctx context.Context, c *Collection, targets []Target, idem string) (Effect, error) {
	call := h.api.Collections[c.Name].Correct
	return h.write(ctx, c, call, "correct", targets, idem)
}

func (h *HTTP) write(ctx context.Context, c *Collection, call *Call, what string, targets []Target, idem string) (Effect, error) {
	if call == nil {
		return Effect{}, fmt.Errorf("%w: %s declares no way to %s", ErrRefused, c.Name, what)
	}
	var effect Effect
	for i, t := range targets {
		changed, external, err := h.writeOne(ctx, c, call, t, part(idem, t.Key))
		if err != nil && i > 0 && (errors.Is(err, ErrLater) || errors.Is(err, ErrRefused)) {
			return effect, fmt.Errorf("after %d of %d rows: %s", i, len(targets), err) // something happened: to be re-read
		}
		if err != nil {
			return effect, err
		}
		effect.Rows += bit(changed)
		effect.External = cmp.Or(effect.External, external)
	}
	return effect, nil
}

func (h *HTTP) writeOne(ctx context.Context, c *Collection, call *Call, t Target, idem string) (changed bool, external string, err error) {
	vars := c.Named(t.Key)
	if len(t.Set) > 0 && !swaps(call.Body) && h.keyed(c) {
		now, err := h.readTarget(ctx, c, t)
		if err != nil {
			return false, "", fmt.Errorf("read before writing: %w", err)
		}
		for f, old := range t.Old {
			if now != nil && Text(now[f]) != Text(old) {
				return false, "", nil // Remains will say so
			}
		}
	}
	method, address := call.line()
	status, _, header, err := h.send(ctx, method, h.fill(address, vars), call, fillBody(call.Body, vars, &t), idem)
	if err != nil {
		return false, "", err // nobody knows
	}
	external = header.Get("X-Request-Id")
	switch {
	case status/100 == 2:
		return true, external, nil
	case status == http.StatusNotFound || status == http.StatusGone:
		return false, external, nil // not there; Remains will say whether that is true
	case status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable:
		return false, "", &Later{After: retryAfter(header.Get("Retry-After"))}
	case status == http.StatusConflict || status == http.StatusPreconditionFailed:
		return false, external, nil // no longer the old value; Remains will say so
	case status >= 500 || status == http.StatusRequestTimeout:
		return false, "", fmt.Errorf("status %d", status)
	}
	return false, "", fmt.Errorf("%w: status %d", ErrRefused, status)
}

// retryAfter reads both forms of RFC 9110 §10.2.3; what cannot be read is a second.
func retryAfter(s string) time.Duration {
	if n, err := strconv.Atoi(s); err == nil && n >= 0 {
		return min(time.Duration(n)*time.Second, time.Hour)
	}
	if at, err := http.ParseTime(s); err == nil {
		return min(max(time.Until(at), 0), time.Hour)
	}
	return time.Second
}

// keyed says whether a single record can be asked for.
func (h *HTTP) keyed(c *Collection) bool {
	return slices.ContainsFunc(c.Keys(), func(k string) bool { _, ok := h.api.Collections[c.Name].Find[k]; return ok })
}

// readTarget reads one record by a declared way in for one of its keys.
func (h *HTTP) readTarget(ctx context.Context, c *Collection, t Target) (map[string]any, error) {
	a := h.api.Collections[c.Name]
	for _, k := range c.Keys() {
		if call, ok := a.Find[k]; ok {
			v := c.Named(t.Key)[k]
			records, err := h.records(ctx, &call, map[string]string{"value": v, k: v}, a.Fields, c)
			if err != nil {
				return nil, err
			}
			for _, rec := range records {
				if Text(rec[k]) == v {
					return rec, nil
				}
			}
			return nil, nil
		}
	}
	return nil, fmt.Errorf("%w: %s declares no way to find by key", ErrBroken, c.Name)
}

// Remains asks the declared verifying call and, where there is one, the record's own
// address: any sign of the row counts, whichever of the two shows it.
func (h *HTTP) Remains(ctx context.Context, c *Collection, action Action, targets []Target) ([]Target, error) {
	a := h.api.Collections[c.Name]
	if a.Verify == nil {
		return nil, fmt.Errorf("%w: %s declares no `verify`", ErrBroken, c.Name)
	}
	var left []Target
	for _, t := range targets {
		bad, err := h.unsettled(ctx, c, a, action, t)
		if err != nil {
			return nil, err
		}
		if bad {
			left = append(left, t)
		}
	}
	return left, nil
}

func (h *HTTP) unsettled(ctx context.Context, c *Collection, a Actions, action Action, t Target) (bool, error) {
	vars := c.Named(t.Key)
	vars["value"] = vars[c.Keys()[0]]
	seen, err := h.records(ctx, a.Verify, vars, a.Fields, c)
	if err != nil {
		return false, fmt.Errorf("verify: %w", err)
	}
	keyed := h.keyed(c)
	var own map[string]any
	if keyed {
		if own, err = h.readTarget(ctx, c, t); err != nil {
			return false, fmt.Errorf("verify: %w", err)
		}
	}
	if action == Delete {
		return len(seen) > 0 || own != nil, nil
	}
	whole := 0
	for _, rec := range append(seen, own) {
		if len(rec) <= len(c.Keys()) {
			continue // a pointer, not a record
		}
		whole++
		if !settled(action, t, rec) {
			return true, nil
		}
	}
	return action == Amend && (whole == 0 || (keyed && own == nil)), nil
}

// Search asks the declared search; without one nothing can be said beyond Remains.
func (h *HTTP) Search(ctx context.Context, _ *System, values []string, kept map[string][]string) ([]Hit, error) {
	if h.api.Search == nil {
		return nil, nil
	}
	return eachValue(values, func(value string) ([]Hit, error) { return h.searchOne(ctx, value, kept) })
}

func (h *HTTP) searchOne(ctx context.Context, value string, kept map[string][]string) ([]Hit, error) {
	_, address := h.api.Search.line()
	vars := map[string]string{"value": value}
	answer, found, err := h.read(ctx, h.api.Search, h.fill(address, vars), vars)
	if err != nil || !found {
		return nil, err
	}
	items, err := itemsOf(answer, h.api.Search.Items)
	if err != nil {
		return nil, err
	}
	n := 0
	for _, item := range items {
		n += bit(!keptItem(item, kept))
	}
	if n == 0 {
		return nil, nil
	}
	return []Hit{{Where: h.api.Base, Rows: n}}, nil
}

// keptItem says whether a search hit names a row that is kept.
func keptItem(item any, kept map[string][]string) bool {
	for _, keys := range kept {
		for _, key := range keys {
			if id := strings.Trim(key, `[]"`); id != "" && (Text(at(item, "id")) == id || Text(at(item, "subject")) == id) {
				return true
			}
		}
	}
	return false
}

// swaps says whether a body lets the other side compare.
func swaps(body any) bool {
	switch b := body.(type) {
	case string:
		return b == "{swap}"
	case map[string]any:
		for _, v := range b {
			if swaps(v) {
				return true
			}
		}
	}
	return false
}

// fillBody puts values and changed fields into a declared body.
func fillBody(body any, vars map[string]string, t *Target) any {
	switch b := body.(type) {
	case string:
		if t != nil {
			switch b {
			case "{set}":
				return t.Set
			case "{swap}":
				out := map[string]any{}
				for f, v := range t.Set {
					out[f] = map[string]any{"old": t.Old[f], "new": v}
				}
				return out
			case "{blank}":
				out := map[string]any{}
				for _, f := range t.Blank {
					out[f] = nil
				}
				return out
			case "{empty}":
				out := map[string]any{}
				for _, f := range t.Blank {
					out[f] = ""
				}
				return out
			}
		}
		for k, v := range vars {
			b = strings.ReplaceAll(b, "{"+k+"}", v)
		}
		return b
	case map[string]any:
		out := map[string]any{}
		for k, v := range b {
			out[k] = fillBody(v, vars, t)
		}
		return out
	case []any:
		out := make([]any, len(b))
		for i, v := range b {
			out[i] = fillBody(v, vars, t)
		}
		return out
	}
	return body
}

// formOf flattens a body to a form, nested names in brackets.
func formOf(prefix string, body any, into url.Values) url.Values {
	switch b := body.(type) {
	case map[string]any:
		for _, k := range sortedKeys(b) {
			name := k
			if prefix != "" {
				name = prefix + "[" + k + "]"
			}
			formOf(name, b[k], into)
		}
	default:
		into.Set(prefix, Text(b))
	}
	return into
}
