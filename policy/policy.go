// Package policy answers "what may they see?".
//
// Rules are Rego; they speak of classes of personal data, never of fields. A
// catalogue says which class lies at which path of a tool's documents. A
// question (who, which screen, why, how surely proven) is reduced to a point
// of a finite condition space, the rules are asked once for it, and their
// answer is compiled with the catalogue to an immutable redact.Plan, which is
// kept: the next question of that kind costs a map lookup.
//
// What no rule grants is withheld, what no catalogue names does not exist, and
// a rule that fails or gives nonsense is a refusal. A bundle that does not
// compile, contradicts its tests or drops a class leaves the one in force as it
// was; Ready says so.
//
// # Why
//
// Asking Rego for each field costs a millisecond a decision. Asking for each
// class costs tens of microseconds, and as the space is finite, two bundles can
// be compared whole and the compiled plans proven equal to the rules.
package policy

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"math/bits"
	"path"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/privet-gateway/privet/redact"
)

//go:embed rules/*.rego rules/conditions.yaml
var builtin embed.FS

// Config is what an engine is opened with.
type Config struct {
	Rules     fs.FS            // *.rego and conditions.yaml; nil: the built-in rules
	Catalogue []Document       // YAML, one or more tools a document
	Clock     func() time.Time // default time.Now
	Counter   Counter          // of daily limits; nil: none are kept
	Suggest   *redact.Engine   // suggests classes of paths that no catalogue names; nil: they are not noted
	Notes     Notes            // keeps those paths; nil: until the process ends
}

// Engine holds the rules and the catalogue. It is safe for concurrent use.
type Engine struct {
	cfg   Config
	state atomic.Pointer[state]
	fault atomic.Pointer[error] // why the bundle asked for is not in force
	swap  sync.Mutex            // one activation at a time
	left  map[string]time.Time  // bundles lately in force, and since when not; guarded by swap

	noting  sync.Mutex
	pending []Noted  // noted and not yet kept, guarded by noting
	here    inMemory // where nobody else keeps them
}

// state is one bundle in force, and the decisions made under it.
type state struct {
	bundle  string
	src     *source
	rules   *rules
	screens *screens
	over    chan struct{} // closed when another is in force
	noted   bool          // its answers are looked into for what the catalogue does not name

	mu   sync.RWMutex
	kept map[keptKey]*Decision
}

// keptKey is all that a decision depends on.
type keptKey struct {
	screen *screen
	roles  uint64
	at     situation
	agent  string // only where a record's facts compare with them
	kase   string
	region string
}

// maxKept bounds the decisions kept; when full, they are forgotten.
const maxKept = 8192

// Open compiles rules and catalogue.
func Open(ctx context.Context, cfg Config) (*Engine, error) {
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	e := &Engine{cfg: cfg}
	source, err := readSource(cfg.Rules, cfg.Catalogue)
	if err != nil {
		return nil, fmt.Errorf("open policy: %w", err)
	}
	st, err := source.compile(ctx)
	if err != nil {
		return nil, fmt.Errorf("open policy: %w", err)
	}
	e.enforce(st)
	return e, nil
}

// enforce puts a state in force and tells who waits for that.
func (e *Engine) enforce(st *state) {
	if e.cfg.Suggest != nil && !st.noted {
		st.noted = true
		for _, s := range st.screens.list {
			for _, strays := range s.strays {
				strays.Suggest(e.cfg.Suggest)
			}
		}
	}
	old := e.state.Swap(st)
	if old == nil {
		return
	}
	close(old.over)
	e.noting.Lock()
	defer e.noting.Unlock()
	e.pending = append(e.pending, old.take(e.cfg.Clock())...)
}

// Changed is closed when other rules than those of this moment are in force.
func (e *Engine) Changed() <-chan struct{} { return e.state.Load().over }

// Ready says whether the rules in force are the ones asked for, and why not.
func (e *Engine) Ready() error {
	if p := e.fault.Load(); p != nil {
		return *p
	}
	return nil
}

// Reject makes visible that other rules were asked for and cannot be in force.
func (e *Engine) Reject(why error) {
	why = fmt.Errorf("the rules asked for are not in force: %w", why)
	e.fault.Store(&why)
}

// Bundle is the digest of the rules and catalogue in force.
func (e *Engine) Bundle() string { return e.state.Load().bundle }

// Purposes are those that rules ask about, in the order of conditions.yaml.
func (e *Engine) Purposes() []string { return slices.Clone(e.state.Load().rules.known.Purposes) }

// Match finds the screen of a canonical request, and its path parameters.
// The error is ErrScreen.
func (e *Engine) Match(tool, method, path string) (*Screen, map[string]string, error) {
	s, params, err := e.state.Load().screens.match(tool, method, path)
	if err != nil {
		return nil, nil, err
	}
	return &s.Screen, params, nil
}

// Decide answers one question for one screen. A refusal or a step-up is a
// decision, not an error.
func (e *Engine) Decide(ctx context.Context, s *Screen, q *Question) (*Decision, error) {
	st := e.state.Load()
	sc := st.screens.byID[screenKey{s.Tool, s.ID}]
	if sc == nil {
		return nil, ErrScreen
	}
	at, roles := st.rules.known.situate(q, e.cfg.Clock())
	if e.spent(ctx, st.rules.known, q, roles) {
		return &Decision{Bundle: st.bundle, Refused: LimitReached, Why: "the daily limit of records or cardholders is reached", screen: sc, known: st.rules.known}, nil
	}
	key := keptKey{screen: sc, roles: roles, at: at}
	if sc.own {
		key.agent, key.kase, key.region = q.Agent, q.Case, q.Region
	}
	st.mu.RLock()
	d := st.kept[key]
	st.mu.RUnlock()
	if d != nil {
		return d, nil
	}
	return st.decide(ctx, key, q)
}

func (st *state) decide(ctx context.Context, key keptKey, q *Question) (*Decision, error) {
	var answers []*answer
	for set := key.roles; set != 0; set &= set - 1 {
		at := key.at
		at.role = int8(bits.TrailingZeros64(set))
		a, err := st.rules.ask(ctx, key.screen, at)
		if err != nil {
			return nil, err
		}
		answers = append(answers, a)
	}
	d := decide(key.screen, st.rules.known, answers)
	d.Bundle = st.bundle
	if d.Classes != nil {
		if err := d.compilePlans(q); err != nil {
			return nil, err
		}
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	if len(st.kept) >= maxKept {
		st.kept = map[keptKey]*Decision{}
	}
	st.kept[key] = d
	return d, nil
}

// source is a bundle as text.
type source struct {
	modules    []Document
	tests      []Document
	conditions Document
	catalogue  []Document
}

func readSource(rules fs.FS, catalogue []Document) (*source, error) {
	if rules == nil {
		sub, err := fs.Sub(builtin, "rules")
		if err != nil {
			return nil, err
		}
		rules = sub
	}
	src := &source{catalogue: catalogue}
	err := fs.WalkDir(rules, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		isRego, isConditions := path.Ext(name) == ".rego", path.Base(name) == "conditions.yaml"
		if !isRego && !isConditions {
			return nil
		}
		text, err := fs.ReadFile(rules, name)
		doc := Document{name, text}
		switch {
		case err != nil:
			return err
		case isConditions && src.conditions.Text != nil:
			return fmt.Errorf("%w: %s and %s: keep one", ErrRules, src.conditions.Name, name)
		case isConditions:
			src.conditions = doc
		case isTest(name):
			src.tests = append(src.tests, doc)
		default:
			src.modules = append(src.modules, doc)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read rules: %w", err)
	}
	if len(src.modules) == 0 || src.conditions.Text == nil {
		return nil, fmt.Errorf("%w: want *.rego files and a conditions.yaml", ErrRules)
	}
	return src, nil
}

// isTest tells the modules that are a bundle's own tests.
func isTest(name string) bool { return strings.HasSuffix(name, "_test.rego") }

func (src *source) compile(ctx context.Context) (*state, error) {
	known, err := parseConditions(src.conditions.Name, src.conditions.Text)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRules, err)
	}
	st := &state{kept: map[keptKey]*Decision{}, bundle: src.digest(), src: src, over: make(chan struct{})}
	if st.rules, err = compileRules(ctx, known, src.modules); err != nil {
		return nil, err
	}
	if _, err = space(st.rules); err != nil {
		return nil, err
	}
	var all []*catalogue
	for _, doc := range src.catalogue {
		parsed, err := parseCatalogues(doc)
		if err != nil {
			return nil, err
		}
		all = append(all, parsed...)
	}
	st.screens, err = compileScreens(all, known)
	return st, err
}
