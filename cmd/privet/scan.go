package main

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/privet-gateway/privet/audit"
	"github.com/privet-gateway/privet/policy"
	"github.com/privet-gateway/privet/redact"
)

// What free text of tools is scanned for is held as the rules are: what was in
// force is kept in the records, and what may let more through follows it, at a
// start or a SIGHUP, with an officer's signature only.

// errScanLoosens: the redaction asked for may let more through than the one in force.
var errScanLoosens = errors.New("redaction would be looser, and lacks an officer's signature")

// scanText is a redaction as it is kept: the profile and the text of the rules.
type scanText struct {
	Profile redact.Profile `json:"profile"`
	Rules   string         `json:"rules,omitempty"`
	file    string
}

func (s scanText) digest() string {
	return fmt.Sprintf("sha256:%x", sha256.Sum256([]byte("privet redaction\n"+string(s.Profile)+"\n"+s.Rules)))
}

// scanChange is a redaction that followed another.
type scanChange struct {
	from, to string
	loosens  []string
	approved []string
}

// wantedScan is the redaction that the configuration names.
func (h *house) wantedScan() (scanText, error) {
	want := scanText{Profile: redact.Profile(h.cfg.Redact.Profile), file: filepath.Base(h.cfg.Redact.Rules)}
	if h.cfg.Redact.Rules != "" {
		text, err := os.ReadFile(h.cfg.Redact.Rules)
		if err != nil {
			return want, fmt.Errorf("open redaction: %w", err)
		}
		want.Rules = string(text)
	}
	return want, nil
}

// openScan opens the redaction in force: the one that was kept, or, where there
// was none yet, that of the configuration.
func (h *house) openScan(ctx context.Context) error {
	kept, err := h.keptScan(ctx)
	if err != nil {
		return err
	}
	want, err := h.wantedScan()
	if err != nil {
		return err
	}
	if kept == nil || kept.digest() == want.digest() {
		return h.useScan(ctx, want)
	}
	kept.file = "the rules of redaction kept in the records"
	return h.useScan(ctx, *kept)
}

// useScan opens the engine that goes over free text of tools. Its tokens are
// the same on every replica and unguessable without the keeper.
func (h *house) useScan(ctx context.Context, s scanText) error {
	rules, err := redact.ParseRules(s.file, []byte(s.Rules))
	if err != nil {
		return err
	}
	key, err := h.keeper.MACKey(ctx, "tokens")
	if err != nil {
		return fmt.Errorf("open redaction: %w", err)
	}
	tokens, err := redact.NewKeyedTokens(key)
	if err != nil {
		return fmt.Errorf("open redaction: %w", err)
	}
	scan, err := redact.New(redact.Config{Profile: s.Profile, Tokens: tokens, Rules: rules})
	if err != nil {
		return fmt.Errorf("open redaction: %w", err)
	}
	h.scan, h.rules, h.scanned = scan, rules, s
	return nil
}

// succeedScan makes the redaction of the configuration follow the one in force,
// or says why not.
func (h *house) succeedScan(ctx context.Context) (change scanChange, err error) {
	was, before := h.scanned, h.rules
	next, err := h.wantedScan()
	change.from, change.to = was.digest(), next.digest()
	if err != nil || change.from == change.to {
		return change, err
	}
	after, err := redact.ParseRules(next.file, []byte(next.Rules))
	if err != nil {
		return change, err
	}
	if change.loosens = redact.Loosened(was.Profile, next.Profile, before, after); len(change.loosens) > 0 {
		word, err := os.ReadFile(h.cfg.Redact.Approval)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return change, fmt.Errorf("%w: %w", policy.ErrApproval, err)
		}
		if change.approved, err = policy.ApprovedBy(word, change.from, change.to, time.Now(), h.officers()); err == nil && len(change.approved) == 0 {
			err = fmt.Errorf("%w: %s", errScanLoosens, strings.Join(change.loosens, ", "))
		}
		if err != nil {
			return change, fmt.Errorf("%w; one of policy.officers approves it with: privet policy approve --from %s --to %s --key FILE --out %s", err, change.from, change.to, h.cfg.Redact.Approval)
		}
	}
	return change, h.useScan(ctx, next)
}

// officers are those who may approve that something loosens.
func (h *house) officers() []string {
	if b := h.cfg.Policy.Bundle; b != nil {
		return b.Officers
	}
	return h.cfg.Policy.Officers
}

// settleScan lets the redaction of the configuration follow the one that was
// kept. Where it may not, Ready says so, and the one before serves.
func (h *house) settleScan(ctx context.Context) {
	change, err := h.succeedScan(ctx)
	if err != nil {
		h.policy.Reject(err)
		h.scanRefused = err
		return
	}
	h.scanSettled = change
}

// keepScan writes down what settleScan did, once this process serves.
func (h *house) keepScan(ctx context.Context) error {
	if h.scanRefused != nil {
		h.scanEvent(scanChange{from: h.scanned.digest(), to: h.scanned.digest()}, h.scanRefused)
	} else if h.scanSettled.from != h.scanSettled.to {
		h.scanEvent(h.scanSettled, nil)
	}
	return h.scanKept(ctx)
}

// scanEvent writes down that a redaction followed another, or why it did not.
func (h *house) scanEvent(change scanChange, refused error) {
	e := audit.Event{Kind: "redact.change", Outcome: "allowed", Bundle: change.to, Detail: map[string]string{"from": change.from}}
	if len(change.loosens) > 0 {
		e.Detail["loosens"], e.Detail["approved_by"] = strings.Join(change.loosens, ", "), strings.Join(change.approved, " ")
	}
	if refused != nil {
		h.log.Error("other redaction is not in force", "error", refused)
		e.Outcome, e.Reason = "refused", "redaction_invalid"
		switch {
		case errors.Is(refused, errScanLoosens):
			e.Reason = "approval_missing"
		case errors.Is(refused, policy.ErrApproval):
			e.Reason = "approval_invalid"
		}
		cause := refused.Error()
		e.Bundle, e.Detail = h.inForce().scanned.digest(), map[string]string{"cause": strings.ToValidUTF8(cause[:min(len(cause), 400)], "")}
	}
	if _, err := h.trail.Append(context.Background(), e); err != nil {
		h.log.Error("change of redaction not recorded", "error", err)
	}
}

func (h *house) keptScan(ctx context.Context) (kept *scanText, err error) {
	err = h.db.Read(ctx, func(tx *sql.Tx) error {
		kept = nil
		var body []byte
		err := tx.QueryRowContext(ctx, `SELECT body FROM rules_kept WHERE id = 2`).Scan(&body)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err == nil {
			kept = &scanText{}
			err = json.Unmarshal(body, kept)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the redaction in force: %w", err)
	}
	return kept, nil
}

// scanKept keeps the redaction in force for the next start.
func (h *house) scanKept(ctx context.Context) error {
	body, err := json.Marshal(h.scanned)
	if err != nil {
		return err
	}
	err = h.db.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO rules_kept (id, bundle, body) VALUES (2, $1, $2)
			ON CONFLICT (id) DO UPDATE SET bundle = excluded.bundle, body = excluded.body`, h.scanned.digest(), body)
		return err
	})
	if err != nil {
		return fmt.Errorf("keep the redaction in force: %w", err)
	}
	return nil
}
