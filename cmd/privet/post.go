package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/wneessen/go-mail"
)

// post sends messages to people: by SMTP, or into a directory as .eml files.
// One-time codes for telephones go the same way, to number@sms.invalid, until
// an SMS relay that takes e-mail is configured as the server.
type post struct {
	outbox string
	from   string
	client *mail.Client
	now    func() time.Time
}

func newPost(cfg postConfig, now func() time.Time) (*post, error) {
	p := &post{outbox: cfg.Outbox, from: cfg.From, now: now}
	if p.from == "" {
		p.from = "privet@localhost.localdomain"
	}
	if p.outbox != "" {
		if err := os.MkdirAll(p.outbox, 0o700); err != nil {
			return nil, fmt.Errorf("open outbox: %w", err)
		}
		return p, nil
	}
	host, port, err := net.SplitHostPort(cfg.SMTP)
	if err != nil {
		return nil, fmt.Errorf("post.smtp: %w", err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		return nil, fmt.Errorf("post.smtp: port %q is not a number", port)
	}
	options := []mail.Option{mail.WithPort(n), mail.WithTLSPolicy(mail.TLSMandatory), mail.WithTimeout(10 * time.Second)}
	if cfg.User != "" {
		password, err := environ(cfg.Pass)
		if err != nil {
			return nil, fmt.Errorf("post.password_env: %w", err)
		}
		options = append(options, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), mail.WithUsername(cfg.User), mail.WithPassword(password))
	}
	if p.client, err = mail.NewClient(host, options...); err != nil {
		return nil, fmt.Errorf("post.smtp: %w", err)
	}
	return p, nil
}

// Send delivers one message, or writes it down.
func (p *post) Send(ctx context.Context, to, subject, body string) error {
	if to != "" && to[0] == '+' {
		to = to[1:] + "@sms.invalid"
	}
	m := mail.NewMsg(mail.WithNoDefaultUserAgent()) // which library it was is nobody's business
	if err := m.From(p.from); err != nil {
		return fmt.Errorf("send message: sender: %w", err)
	}
	if err := m.To(to); err != nil {
		return fmt.Errorf("send message: recipient is not an address") // the address itself stays out of errors
	}
	m.Subject(subject)
	m.SetDateWithValue(p.now())
	m.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: no holiday notice comes back
	m.SetBodyString(mail.TypeTextPlain, body)
	if p.client == nil {
		return p.keep(m)
	}
	if err := p.client.DialAndSendWithContext(ctx, m); err != nil {
		return fmt.Errorf("send message: %w", err)
	}
	return nil
}

// keep writes a message whole or not at all: a reader of the outbox never sees half.
func (p *post) keep(m *mail.Msg) error {
	f, err := os.CreateTemp(p.outbox, ".writing-*")
	if err != nil {
		return fmt.Errorf("write message: %w", err)
	}
	_, err = m.WriteTo(f)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	name := fmt.Sprintf("%s-%s.eml", p.now().UTC().Format("20060102T150405.000000"), filepath.Base(f.Name())[len(".writing-"):])
	if err == nil {
		err = os.Rename(f.Name(), filepath.Join(p.outbox, name))
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return fmt.Errorf("write message: %w", err)
	}
	return nil
}
