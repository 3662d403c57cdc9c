package main

import (
	"context"
	"fmt"

	"github.com/privet-gateway/privet/audit"
	"github.com/privet-gateway/privet/audit/evidence"
	"github.com/privet-gateway/privet/audit/syslog"
)

// copyConfig is a collector that gets copies of the trail's entries, without
// personal data.
type copyConfig struct {
	Syslog string `yaml:"syslog"` // host:port, RFC 5424 over TLS
	CA     string `yaml:"ca"`     // PEM; the system's roots if empty
	Cert   string `yaml:"certificate"`
	Key    string `yaml:"key"`
}

// openCopies makes what sends copies of entries out.
func (h *house) openCopies() ([]audit.Copy, error) {
	var all []audit.Copy
	for _, c := range h.cfg.Trail.Copies {
		sender, err := syslog.New(syslog.Config{Address: c.Syslog, CAFile: c.CA, CertFile: c.Cert, KeyFile: c.Key})
		if err != nil {
			return nil, fmt.Errorf("open trail.copies: %w", err)
		}
		h.onClose(sender.Close)
		all = append(all, audit.Copy{Name: "syslog " + c.Syslog, Send: func(ctx context.Context, entries []evidence.Line) error {
			messages := make([]syslog.Message, len(entries))
			for i, e := range entries {
				if messages[i], err = asMessage(e); err != nil {
					return err
				}
			}
			return sender.Send(ctx, messages)
		}})
	}
	return all, nil
}

// asMessage is an entry as a line of an export's headers.jsonl.
func asMessage(e evidence.Line) (syslog.Message, error) {
	leaf, at, err := evidence.Decode(e.Leaf)
	if err != nil {
		return syslog.Message{}, err
	}
	text, err := e.Append(nil)
	if err != nil {
		return syslog.Message{}, err
	}
	m := syslog.Message{Time: at, Severity: syslog.Info, ID: leaf.Kind, Text: string(text[:len(text)-1])}
	if leaf.Outcome == "refused" || leaf.Outcome == "failed" {
		m.Severity = syslog.Notice
	}
	return m, nil
}
