// Package syslog hands messages to a collector: syslog messages (RFC 5424), one
// after the other with their lengths, over TLS (RFC 5425).
//
// The protocol has no acknowledgement: what a peer's system has taken may still
// be lost when the peer dies. So a batch counts as sent only if the connection
// outlives it for a moment, and whoever sends keeps a place to send from again:
// a collector sees every message at least once, and tells copies by their text.
package syslog

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/leodido/go-syslog/v4/rfc5424"
)

// Config names a collector.
type Config struct {
	Address  string // host:port; the port registered for syslog over TLS is 6514
	CAFile   string // PEM; the system's roots if empty
	CertFile string // PEM, with KeyFile: who we are, for a collector that asks
	KeyFile  string
	Host     string        // HOSTNAME of the messages; os.Hostname if empty
	Settle   time.Duration // how long a connection must outlive a batch; 250 ms if zero
}

// Severity of a message (RFC 5424, 6.2.1).
const (
	Notice = 5
	Info   = 6
)

const facility = 13 // log audit

// patience bounds connecting and writing to a collector that hangs.
const patience = 10 * time.Second

// Message is one message.
type Message struct {
	Time     time.Time
	Severity uint8
	ID       string // what kind of message, at most 32 visible ASCII characters
	Text     string
}

// Sender sends to one collector. It connects when there is something to send.
type Sender struct {
	cfg Config
	tls *tls.Config

	mu   sync.Mutex
	conn *tls.Conn
	gone chan struct{} // closed when the peer ends conn
}

// New reads the certificates; it does not connect.
func New(cfg Config) (*Sender, error) {
	host, _, err := net.SplitHostPort(cfg.Address)
	if err != nil || host == "" {
		return nil, fmt.Errorf("syslog: %q is not host:port", cfg.Address)
	}
	s := &Sender{cfg: cfg, tls: &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}}
	if cfg.CAFile != "" {
		raw, err := os.ReadFile(cfg.CAFile)
		if err != nil {
			return nil, fmt.Errorf("syslog: %w", err)
		}
		if s.tls.RootCAs = x509.NewCertPool(); !s.tls.RootCAs.AppendCertsFromPEM(raw) {
			return nil, fmt.Errorf("syslog: %s holds no PEM certificate", cfg.CAFile)
		}
	}
	if cfg.CertFile != "" {
		own, err := tls.LoadX509KeyPair(cfg.CertFile, cfg.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("syslog: %w", err)
		}
		s.tls.Certificates = []tls.Certificate{own}
	}
	if s.cfg.Host == "" {
		if s.cfg.Host, err = os.Hostname(); err != nil {
			return nil, fmt.Errorf("syslog: %w", err)
		}
	}
	if s.cfg.Settle == 0 {
		s.cfg.Settle = 250 * time.Millisecond
	}
	return s, nil
}

// Send sends a batch in order. After an error some of it may have arrived, and
// all of it is to be sent again.
func (s *Sender) Send(ctx context.Context, batch []Message) error {
	var frames bytes.Buffer
	for _, m := range batch {
		text, err := s.format(m)
		if err != nil {
			return fmt.Errorf("syslog: %w", err)
		}
		frames.WriteString(strconv.Itoa(len(text)))
		frames.WriteByte(' ')
		frames.WriteString(text)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.deliver(ctx, frames.Bytes())
	if err != nil {
		s.hangUp()
		return fmt.Errorf("syslog to %s: %w", s.cfg.Address, err)
	}
	return nil
}

func (s *Sender) format(m Message) (string, error) {
	b := &rfc5424.SyslogMessage{}
	b.SetVersion(1)
	b.SetPriority(facility*8 + m.Severity)
	b.SetTimestamp(m.Time.UTC().Format("2006-01-02T15:04:05.000000Z07:00"))
	b.SetHostname(s.cfg.Host)
	b.SetAppname("privet")
	b.SetMsgID(m.ID)
	b.SetMessage(m.Text)
	return b.String()
}

func (s *Sender) deliver(ctx context.Context, frames []byte) error {
	if s.conn == nil {
		if err := s.connect(ctx); err != nil {
			return err
		}
	}
	if err := s.conn.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	conn := s.conn
	stop := context.AfterFunc(ctx, func() { _ = conn.SetWriteDeadline(time.Unix(1, 0)) })
	_, err := conn.Write(frames)
	if !stop() && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		return err
	}
	settled := time.NewTimer(s.cfg.Settle)
	defer settled.Stop()
	select {
	case <-settled.C:
		return nil
	case <-s.gone:
		return errors.New("the collector ended the connection")
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *Sender) connect(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	conn, err := (&tls.Dialer{Config: s.tls}).DialContext(ctx, "tcp", s.cfg.Address)
	if err != nil {
		return err
	}
	s.conn, s.gone = conn.(*tls.Conn), make(chan struct{})
	go func(conn *tls.Conn, gone chan struct{}) { // a collector sends nothing but the end
		defer close(gone)
		_, _ = conn.Read(make([]byte, 1))
	}(s.conn, s.gone)
	return nil
}

func (s *Sender) hangUp() {
	if s.conn != nil {
		_ = s.conn.Close()
		<-s.gone
		s.conn = nil
	}
}

// Close ends the connection.
func (s *Sender) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hangUp()
}
