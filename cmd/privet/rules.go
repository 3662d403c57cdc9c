package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/privet-gateway/privet/policy"
	"github.com/privet-gateway/privet/redact"
)

// Rules and catalogues of files are in force as they were kept in the records,
// until others follow them: at the start of the gateway or at a SIGHUP. What
// does not compile, contradicts its tests, or loosens anything without an
// officer's signature does not, and the ones before hold on.

// fileRules reads what the configuration names.
func (h *house) fileRules() (policy.Config, error) {
	cfg, err := h.policyConfig()
	if err != nil {
		return cfg, err
	}
	if h.cfg.Policy.Rules != "" {
		cfg.Rules = os.DirFS(h.cfg.Policy.Rules)
	}
	for _, t := range h.cfg.Tools {
		text, err := os.ReadFile(t.Catalogue)
		if err != nil {
			return cfg, fmt.Errorf("read catalogue of %s: %w", t.Name, err)
		}
		cfg.Catalogue = append(cfg.Catalogue, policy.Document{Name: filepath.Base(t.Catalogue), Text: text})
	}
	return cfg, nil
}

func (h *house) policyConfig() (policy.Config, error) {
	suggest, err := redact.New(redact.Config{Profile: redact.Strict})
	if err != nil {
		return policy.Config{}, fmt.Errorf("open redaction: %w", err)
	}
	return policy.Config{Counter: h.counts, Suggest: suggest, Notes: pathNotes{h.db}}, nil
}

// openPolicy opens the rules in force: a bundle that is followed, those that were
// kept, or, where there were none yet, those of the files.
func (h *house) openPolicy(ctx context.Context) (*policy.Engine, error) {
	if b := h.cfg.Policy.Bundle; b != nil {
		cfg, err := h.policyConfig()
		if err != nil {
			return nil, err
		}
		return h.followBundle(ctx, cfg, b)
	}
	kept, err := h.keptRules(ctx)
	if err != nil {
		return nil, err
	}
	if kept != nil {
		cfg, err := h.policyConfig()
		if err != nil {
			return nil, err
		}
		e, err := policy.OpenText(ctx, cfg, kept)
		if errors.Is(err, policy.ErrKept) {
			return h.openInstead(ctx, kept, err)
		}
		return e, err
	}
	cfg, err := h.testedRules(ctx)
	if err != nil {
		return nil, err
	}
	return policy.Open(ctx, cfg)
}

// testedRules are those of the files, if they agree with their tests.
func (h *house) testedRules(ctx context.Context) (policy.Config, error) {
	cfg, err := h.fileRules()
	if err == nil && cfg.Rules != nil {
		_, err = policy.Test(ctx, cfg.Rules)
	}
	return cfg, err
}

// openInstead opens the rules of the files in the place of kept ones that this
// version cannot read. Without an officer's word nothing starts: what was
// withheld must not be shown because a program was replaced.
func (h *house) openInstead(ctx context.Context, kept []byte, why error) (*policy.Engine, error) {
	cfg, err := h.testedRules(ctx)
	if err != nil {
		return nil, errors.Join(why, err)
	}
	approval, err := h.approval()
	if err != nil {
		return nil, errors.Join(why, err)
	}
	e, a, err := policy.OpenInstead(ctx, cfg, kept, approval, h.cfg.Policy.Officers)
	if errors.Is(err, policy.ErrLoosens) {
		return nil, fmt.Errorf("%w; start the version before again, or have one of policy.officers put the rules of the files in their place: %s", why, h.howToApprove(a))
	}
	if err != nil {
		return nil, errors.Join(why, err)
	}
	h.settled = a
	return e, nil
}

// approval is the officer's word beside the configuration, if there is one.
func (h *house) approval() ([]byte, error) {
	text, err := os.ReadFile(h.cfg.Policy.Approval)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %w", policy.ErrApproval, err)
	}
	return text, nil
}

func (h *house) howToApprove(a policy.Activation) string {
	return fmt.Sprintf("privet policy approve --from %s --to %s --key FILE --out %s", a.From, a.To, h.cfg.Policy.Approval)
}

// succeed makes the rules of the files follow those in force, or says why not.
func (h *house) succeed(ctx context.Context) (policy.Activation, error) {
	cfg, err := h.fileRules()
	if err != nil {
		return policy.Activation{}, err
	}
	approval, err := h.approval()
	if err != nil {
		return policy.Activation{}, err
	}
	next, a, err := h.policy.Succeed(ctx, cfg, approval, h.cfg.Policy.Officers)
	if errors.Is(err, policy.ErrLoosens) {
		return a, fmt.Errorf("%w; one of policy.officers approves it with: %s", err, h.howToApprove(a))
	}
	if err != nil {
		return a, err
	}
	h.policy = next
	return a, nil
}

// settleRules lets the rules of the files follow those that were kept. Where
// they may not, Ready says so, and the ones before serve.
func (h *house) settleRules(ctx context.Context) {
	if h.cfg.Policy.Bundle != nil {
		return
	}
	a, err := h.succeed(ctx)
	if err != nil {
		h.policy.Reject(err)
		h.refused = err
	}
	if a.From != a.To { // else it is as it was opened
		h.settled = a
	}
}

// keepRules writes down what settleRules did, once this process serves.
func (h *house) keepRules(ctx context.Context) error {
	if h.refused != nil {
		h.rulesRefused(h.refused)
	} else if h.settled.From != h.settled.To {
		h.rulesChanged(h.settled)
	}
	if err := h.keepScan(ctx); err != nil {
		return err
	}
	return h.policyKept(ctx)
}

func (h *house) keptRules(ctx context.Context) (body []byte, err error) {
	err = h.db.Read(ctx, func(tx *sql.Tx) error {
		body = nil
		err := tx.QueryRowContext(ctx, `SELECT body FROM rules_kept WHERE id = 1`).Scan(&body)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the rules in force: %w", err)
	}
	return body, nil
}

// policyKept keeps the rules in force for the next start.
func (h *house) policyKept(ctx context.Context) error {
	if h.cfg.Policy.Bundle != nil {
		return nil
	}
	body, err := h.policy.Text()
	if err != nil {
		return err
	}
	err = h.db.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO rules_kept (id, bundle, body) VALUES (1, $1, $2)
			ON CONFLICT (id) DO UPDATE SET bundle = excluded.bundle, body = excluded.body`, h.policy.Bundle(), body)
		return err
	})
	if err != nil {
		return fmt.Errorf("keep the rules in force: %w", err)
	}
	return nil
}
