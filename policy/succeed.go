package policy

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"time"
)

// Succeed opens the engine that is to follow e under other rules or another
// catalogue, read from files. It compiles and agrees with its own tests, and if
// it loosens anything one of the officers (verifier keys, C2SP signed-note) has
// signed that it may follow: approval is what [Approve] gives. Otherwise the
// error says what is wrong, and e holds on.
func (e *Engine) Succeed(ctx context.Context, cfg Config, approval []byte, officers []string) (*Engine, Activation, error) {
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	src, err := readSource(cfg.Rules, cfg.Catalogue)
	if err != nil {
		return nil, Activation{}, err
	}
	known, err := verifiers(officers)
	if err != nil {
		return nil, Activation{}, err
	}
	e.swap.Lock()
	next := &Engine{cfg: cfg, left: maps.Clone(e.left)}
	e.swap.Unlock()
	next.enforce(e.state.Load().again())
	a, err := next.activate(ctx, src, "", approval, known)
	if err != nil {
		return nil, a, err
	}
	return next, a, nil
}

// again is the same bundle, with decisions of its own.
func (st *state) again() *state {
	return &state{bundle: st.bundle, src: st.src, rules: st.rules, screens: st.screens, noted: st.noted, kept: map[keptKey]*Decision{}, over: make(chan struct{})}
}

// text is a bundle as it is kept between processes.
type text struct {
	Modules    []Document `json:"modules"`
	Tests      []Document `json:"tests"`
	Conditions Document   `json:"conditions"`
	Catalogue  []Document `json:"catalogue"`
}

// Text is the bundle in force, to be kept for [OpenText].
func (e *Engine) Text() ([]byte, error) {
	src := e.state.Load().src
	return json.Marshal(text{src.modules, src.tests, src.conditions, src.catalogue})
}

// ErrKept: rules that were in force cannot be compiled, as by another version.
var ErrKept = errors.New("the rules that were in force cannot be read any more")

// OpenText opens the bundle that [Engine.Text] gave; rules and catalogue of cfg
// are not looked at. The error is ErrKept.
func OpenText(ctx context.Context, cfg Config, kept []byte) (*Engine, error) {
	var t text
	if err := json.Unmarshal(kept, &t); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKept, err)
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	st, err := t.source().compile(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKept, err)
	}
	e := &Engine{cfg: cfg}
	e.enforce(st)
	return e, nil
}

func (t *text) source() *source { return &source{t.Modules, t.Tests, t.Conditions, t.Catalogue} }

// OpenInstead opens rules and a catalogue of files in the place of what
// [Engine.Text] gave and OpenText cannot read. Nobody can tell what changes, so
// it counts as loosening: an officer has signed that the one may follow the
// other, or the error is ErrLoosens and the activation names both.
func OpenInstead(ctx context.Context, cfg Config, kept, approval []byte, officers []string) (*Engine, Activation, error) {
	a := Activation{From: fmt.Sprintf("sha256:%x", sha256.Sum256(kept)), Loosens: true}
	var t text
	if json.Unmarshal(kept, &t) == nil {
		a.From = t.source().digest()
	}
	e, err := Open(ctx, cfg)
	if err != nil {
		return nil, a, err
	}
	known, err := verifiers(officers)
	if err != nil {
		return nil, a, err
	}
	a.To = e.Bundle()
	if a.Approved, err = approvedBy(approval, a.From, a.To, "", term{until: e.cfg.Clock()}, known); err == nil && len(a.Approved) == 0 {
		err = fmt.Errorf("%w: they cannot be compared; from %s to %s", ErrLoosens, a.From, a.To)
	}
	if err != nil {
		return nil, a, err
	}
	return e, a, nil
}
