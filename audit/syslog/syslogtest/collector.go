// Package syslogtest is a collector of syslog over TLS for tests: it reads with a
// parser of its own and can be made to fail.
package syslogtest

import (
	"crypto/tls"
	"fmt"
	"net"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	gosyslog "github.com/leodido/go-syslog/v4"
	"github.com/leodido/go-syslog/v4/octetcounting"
	"github.com/leodido/go-syslog/v4/rfc5424"

	"github.com/privet-gateway/privet/audit/keeper/keepertest"
)

// Message is one that arrived.
type Message struct {
	Time                time.Time
	Facility, Severity  uint8
	Host, App, ID, Text string
}

// Collector listens on a loopback port of its own until the test ends.
type Collector struct {
	Address string
	CAFile  string

	hangUp, stopped atomic.Bool
	end             chan struct{}
	mu              sync.Mutex
	got             []Message
	faults          []error
	open            map[net.Conn]bool
}

// Start starts a collector.
func Start(t testing.TB) *Collector {
	t.Helper()
	dir := t.TempDir()
	c := &Collector{CAFile: filepath.Join(dir, "ca.pem"), open: map[net.Conn]bool{}, end: make(chan struct{})}
	keyFile := filepath.Join(dir, "key.pem")
	keepertest.Certificate(t, c.CAFile, keyFile)
	pair, err := tls.LoadX509KeyPair(c.CAFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}})
	if err != nil {
		t.Fatal(err)
	}
	c.Address = listener.Addr().String()
	var work sync.WaitGroup
	work.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			c.mu.Lock()
			c.open[conn] = true
			c.mu.Unlock()
			work.Go(func() { c.read(conn) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		close(c.end)
		c.drop()
		work.Wait()
		for _, err := range c.faults {
			t.Errorf("the collector could not read a message: %v", err)
		}
	})
	return c
}

func (c *Collector) read(conn net.Conn) {
	defer conn.Close()
	if err := conn.(*tls.Conn).Handshake(); err != nil || c.hangUp.Load() {
		return
	}
	if c.stopped.Load() {
		<-c.end
		return
	}
	octetcounting.NewParser(gosyslog.WithMaxMessageLength(1<<20), gosyslog.WithListener(func(r *gosyslog.Result) {
		c.mu.Lock()
		defer c.mu.Unlock()
		m, ok := r.Message.(*rfc5424.SyslogMessage)
		switch {
		case r.Error != nil && ok && m.Valid() && m.Message != nil:
			c.faults = append(c.faults, r.Error)
		case ok && m.Message != nil && m.MsgID != nil:
			c.got = append(c.got, Message{Time: *m.Timestamp, Facility: *m.Facility, Severity: *m.Severity, Host: *m.Hostname, App: *m.Appname, ID: *m.MsgID, Text: *m.Message})
		}
	})).Parse(conn)
}

// HangUp has the collector end connections as soon as they are there, or not.
func (c *Collector) HangUp(yes bool) {
	c.hangUp.Store(yes)
	c.drop()
}

// Stop has it read nothing of the connections that come.
func (c *Collector) Stop() { c.stopped.Store(true) }

func (c *Collector) drop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for conn := range c.open {
		_ = conn.Close()
		delete(c.open, conn)
	}
}

// All is what arrived so far.
func (c *Collector) All() []Message {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]Message(nil), c.got...)
}

// Await waits for so many messages.
func (c *Collector) Await(t testing.TB, n int) []Message {
	t.Helper()
	keepertest.Eventually(t, func() error {
		if got := len(c.All()); got < n {
			return fmt.Errorf("%d messages, want %d", got, n)
		}
		return nil
	})
	return c.All()
}
