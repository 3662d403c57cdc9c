package gateway

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

// Health says how a tool is asked whether it works. Without a path a
// connection is opened, over TLS where the tool speaks it, and closed again.
type Health struct {
	Path  string        // asked for with GET; 2xx and 3xx are well
	Every time.Duration // default 10 s; each second once a check failed
}

// ToolHealth is what the checks of a tool say.
type ToolHealth struct {
	Tool  string
	Since time.Time // zero: not checked yet
	Err   error     // nil: well
}

const (
	checkPatience = 5 * time.Second
	missesToDown  = 2 // one miss is a restart or a lost packet
)

// pulse is a tool's state between checks. A tool that is down is not asked:
// agents are told at once instead of waiting for it to time out.
type pulse struct {
	state  atomic.Pointer[ToolHealth]
	misses atomic.Int32 // in a row
}

func (t *tool) down() bool {
	s := t.pulse.state.Load()
	return s != nil && s.Err != nil
}

// watch checks a tool until ctx ends.
func (t *tool) watch(ctx context.Context, log *slog.Logger) {
	next := time.NewTimer(0)
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-next.C:
		}
		before := t.down()
		t.note(t.check(ctx), time.Now())
		if now := t.down(); now != before && ctx.Err() == nil {
			log.Warn("tool changed health", "tool", t.Name, "down", now, "error", t.pulse.state.Load().Err)
		}
		wait := t.Health.Every
		if t.pulse.misses.Load() > 0 {
			wait = min(wait, time.Second)
		}
		next.Reset(wait)
	}
}

// note takes the result of one check.
func (t *tool) note(err error, now time.Time) {
	was := t.pulse.state.Load()
	if err == nil {
		t.pulse.misses.Store(0)
		if was == nil || was.Err != nil {
			t.pulse.state.Store(&ToolHealth{Tool: t.Name, Since: now})
		}
		return
	}
	if t.pulse.misses.Add(1) >= missesToDown && (was == nil || was.Err == nil) {
		t.pulse.state.Store(&ToolHealth{Tool: t.Name, Since: now, Err: err})
	}
}

// check asks once.
func (t *tool) check(ctx context.Context) error {
	ctx, stop := context.WithTimeout(ctx, checkPatience)
	defer stop()
	if t.Health.Path == "" {
		return t.connect(ctx)
	}
	to := *t.Upstream
	to.Path = strings.TrimSuffix(to.Path, "/") + t.Health.Path
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, to.String(), nil)
	if err != nil {
		return fmt.Errorf("check tool: %w", err)
	}
	r.Host = t.host
	if t.KnownAs != "" {
		r.Host = t.KnownAs
	}
	r.Header["User-Agent"] = []string{"Privet-Health"}
	for name, value := range t.Secrets {
		r.Header.Set(name, value)
	}
	res, err := t.transport.RoundTrip(r)
	if err != nil {
		return fmt.Errorf("check tool: %w", err)
	}
	defer res.Body.Close()
	_, _ = io.CopyN(io.Discard, res.Body, 64<<10) // so that the connection can be used again
	if res.StatusCode >= 400 {
		return fmt.Errorf("check tool: %s answered %d", t.Health.Path, res.StatusCode)
	}
	return nil
}

// connect opens a connection as a request would, and closes it.
func (t *tool) connect(ctx context.Context) error {
	conn, err := t.open(ctx)
	if err != nil {
		return fmt.Errorf("check tool: %w", err)
	}
	defer conn.Close()
	if t.Upstream.Scheme == "https" {
		cfg := t.transport.TLSClientConfig.Clone()
		if cfg.ServerName == "" {
			cfg.ServerName = t.Upstream.Hostname()
		}
		if err := tls.Client(conn, cfg).HandshakeContext(ctx); err != nil {
			return fmt.Errorf("check tool: %w", err)
		}
	}
	return nil
}

// Health is the state of every tool, in the order of the configuration.
func (g *Gateway) Health() []ToolHealth {
	all := make([]ToolHealth, 0, len(g.cfg.Tools))
	for _, t := range g.cfg.Tools {
		if s := g.tools[canonicalHost(t.Host)].pulse.state.Load(); s != nil {
			all = append(all, *s)
		} else {
			all = append(all, ToolHealth{Tool: t.Name})
		}
	}
	return all
}

// Check asks every tool now, whatever the last check said.
func (g *Gateway) Check(ctx context.Context) []ToolHealth {
	all := make([]ToolHealth, 0, len(g.cfg.Tools))
	for _, t := range g.cfg.Tools {
		err := g.tools[canonicalHost(t.Host)].check(ctx)
		all = append(all, ToolHealth{Tool: t.Name, Since: time.Now(), Err: err})
	}
	return all
}
