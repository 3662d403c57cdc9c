package syslog_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/privet-gateway/privet/audit/syslog"
	"github.com/privet-gateway/privet/audit/syslog/syslogtest"
)

func sender(t *testing.T, c *syslogtest.Collector) *syslog.Sender {
	t.Helper()
	s, err := syslog.New(syslog.Config{Address: c.Address, CAFile: c.CAFile, Host: "gate-1", Settle: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func TestMessagesArriveWhole(t *testing.T) {
	c := syslogtest.Start(t)
	s := sender(t, c)
	at := time.Date(2026, 3, 1, 12, 30, 0, 123456000, time.UTC)
	texts := []string{`{"receipt":"1.0"}`, "with spaces, ] and \"quotes\"", "grüße 世界", strings.Repeat("x", 60_000)}
	for _, text := range texts {
		if err := s.Send(t.Context(), []syslog.Message{{Time: at, Severity: syslog.Notice, ID: "view.intent", Text: text}}); err != nil {
			t.Fatal(err)
		}
	}
	got := c.Await(t, len(texts))
	for i, m := range got {
		if m.Text != texts[i] || m.ID != "view.intent" || m.Host != "gate-1" || m.App != "privet" || m.Facility != 13 || m.Severity != syslog.Notice || !m.Time.Equal(at) {
			t.Errorf("message %d came as %.200v", i, fmt.Sprintf("%+v", m))
		}
	}
}

// Whatever a collector does, a batch that may be lost is an error.
func TestUnsureIsAnError(t *testing.T) {
	batch := []syslog.Message{{Time: time.Now(), Severity: syslog.Info, ID: "view.intent", Text: "x"}}
	t.Run("it hangs up", func(t *testing.T) {
		c := syslogtest.Start(t)
		s := sender(t, c)
		c.HangUp(true)
		if err := s.Send(t.Context(), batch); err == nil {
			t.Error("sent")
		}
		c.HangUp(false)
		if err := s.Send(t.Context(), batch); err != nil {
			t.Errorf("after it came back: %v", err)
		}
	})
	t.Run("it is a stranger", func(t *testing.T) {
		c := syslogtest.Start(t)
		c.CAFile = syslogtest.Start(t).CAFile
		if err := sender(t, c).Send(t.Context(), batch); err == nil || !strings.Contains(err.Error(), "certificate") {
			t.Errorf("sent to a stranger: %v", err)
		}
	})
	t.Run("it reads nothing", func(t *testing.T) {
		c := syslogtest.Start(t)
		c.Stop()
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		much := []syslog.Message{{Time: time.Now(), Severity: syslog.Info, ID: "x", Text: strings.Repeat("x", 64<<20)}}
		if err := sender(t, c).Send(ctx, much); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a collector that hangs: %v", err)
		}
	})
}

func TestMistakesAreRefused(t *testing.T) {
	for name, cfg := range map[string]syslog.Config{
		"no port":    {Address: "siem.example"},
		"no CA file": {Address: "siem.example:6514", CAFile: filepath.Join(t.TempDir(), "none.pem")},
		"no key":     {Address: "siem.example:6514", CertFile: filepath.Join(t.TempDir(), "none.pem")},
	} {
		if _, err := syslog.New(cfg); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
