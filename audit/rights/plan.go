package rights

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Plan is a dry run: what would be read, changed and kept, row by row. It holds
// keys of rows, so it is stored under the request's key; only its hash, which a
// secret salts, is shown.
type Plan struct {
	Right   Right        `json:"right"`
	Regime  string       `json:"regime"`
	Map     string       `json:"map"`  // digest
	Salt    []byte       `json:"salt"` // of the hash; the request's own, so that the same rows give the same hash
	Steps   []PlanStep   `json:"steps"`
	Kept    []Kept       `json:"kept"`
	Links   []Link       `json:"links"`
	Seeds   Identity     `json:"seeds"`
	Others  int          `json:"others"` // other people's rows that a link touched; left alone
	Rows    int          `json:"rows"`
	Shared  int          `json:"shared"`
	Calls   int          `json:"calls"` // estimated, to all holders
	Wishes  []Correction `json:"wishes,omitempty"`
	Edits   []Edit       `json:"edits,omitempty"` // of transcripts
	Warning []string     `json:"warning,omitempty"`
}

// PlanStep is one act on one collection.
type PlanStep struct {
	System     string   `json:"system"`
	Collection string   `json:"collection"`
	Action     Action   `json:"action"`
	Targets    []Target `json:"targets"`
}

// Further actions of a step.
const (
	Read  Action = "read"
	Amend Action = "correct"
)

// Kept is what stays as it is, and the law that says so.
type Kept struct {
	System     string `json:"system"`
	Collection string `json:"collection"`
	Field      string `json:"field,omitempty"` // "" is the whole row
	Key        string `json:"key,omitempty"`
	Rows       int    `json:"rows"`
	Why        string `json:"why"` // exemption's name
	Cite       string `json:"cite"`
}

// Right is what a person asks for.
type Right string

// Rights.
const (
	Access  Right = "access"
	Correct Right = "correct"
	Erase   Right = "erase"
)

// Plan errors.
var (
	ErrMap    = errors.New("the data map cannot be planned with")
	ErrNobody = errors.New("no row is about this person")
	ErrDrift  = errors.New("the holders have changed since the plan was made")
)

// planner makes a plan from what was located.
type planner struct {
	m      *Map
	laws   *Laws
	regime Regime
	now    time.Time
	plan   *Plan
	met    map[int]bool // wishes that a row answers to
}

// makePlan locates and plans; it writes nothing anywhere.
func makePlan(ctx context.Context, m *Map, laws *Laws, holders map[string]Holder, p *Plan, regime Regime, now time.Time) (*Plan, error) {
	if m.settled == nil {
		for _, f := range m.Check(laws) {
			if f.Fatal {
				return nil, fmt.Errorf("%w: %s", ErrMap, f)
			}
		}
	}
	at, err := locate(ctx, m, holders, p.Seeds)
	if err != nil {
		return nil, err
	}
	for _, l := range at.links { // in whatever order the holders answered
		slices.Sort(l.Values)
	}
	out := *p
	out.Map, out.Regime, out.Links, out.Steps, out.Kept, out.Warning = m.Digest(), regime.Name, at.links, nil, nil, nil
	out.Rows, out.Shared, out.Others = 0, 0, 0
	for _, n := range at.others {
		out.Others += n
	}
	maker := &planner{m, laws, regime, now, &out, map[int]bool{}}
	order, err := m.order(mustEdges(m))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMap, err)
	}
	if out.Right != Erase {
		slices.Reverse(order)
	}
	for _, name := range order {
		rows := at.rows[name]
		slices.SortFunc(rows, func(a, b *found) int { return strings.Compare(a.key, b.key) })
		out.Rows += len(rows)
		for _, f := range rows {
			if f.owner != Own || f.joint {
				out.Shared++
			}
		}
		if len(rows) > 0 {
			maker.collection(name, rows)
		}
	}
	if out.Rows == 0 {
		return nil, ErrNobody
	}
	maker.unmet()
	out.Calls = at.calls*2 + len(out.Steps)*3
	return &out, nil
}

func mustEdges(m *Map) []edge {
	edges, _ := m.edges() // Check has refused maps with errors
	return edges
}

// collection plans the rows of one collection.
func (p *planner) collection(name string, rows []*found) {
	system, collection, _ := strings.Cut(name, ".")
	c := p.m.Collection(system, collection)
	byAction := map[Action][]Target{}
	for _, f := range rows {
		t := Target{Key: f.key, Owner: f.owner}
		if f.joint {
			t.Owner = Shared
		}
		var action Action
		switch p.plan.Right {
		case Access:
			action = p.access(c, f, &t)
		case Erase:
			action = p.erase(c, f, &t)
		case Correct:
			action = p.correct(c, f, &t)
		}
		if action != Keep {
			if byAction[action] == nil {
				byAction[action] = make([]Target, 0, len(rows))
			}
			byAction[action] = append(byAction[action], t)
		}
	}
	for _, action := range []Action{Read, Amend, Blank, Delete} {
		if targets := byAction[action]; len(targets) > 0 {
			p.plan.Steps = append(p.plan.Steps, PlanStep{system, collection, action, targets})
		}
	}
}

// access hides, field by field, what the answer must not show.
func (p *planner) access(c *Collection, f *found, t *Target) Action {
	hide := func(field, why, cite string) {
		if t.Hidden == nil {
			t.Hidden = map[string]string{}
		}
		t.Hidden[field] = why
		p.keep(f, c, field, why, cite)
	}
	for _, field := range c.Fields {
		if f.value(field.Name) == nil {
			continue
		}
		others, _ := p.laws.Exempt("others", p.regime.Name, "access", time.Time{}, p.now)
		exempt, kept := p.laws.Exempt(field.Because, p.regime.Name, "access", p.since(c, f), p.now)
		switch {
		case slices.Contains(f.foreign, field.Name):
			hide(field.Name, others.Name, others.Cite)
		case f.owner == Mentions && !field.Key && !slices.Contains(f.mention, field.Name) && (field.Class != "" || field.Identity != "" || len(field.References) > 0):
			hide(field.Name, others.Name, others.Cite)
		case p.regime.Withhold != nil && slices.Contains(p.regime.Withhold.Classes, field.Class):
			hide(field.Name, neverShown, p.regime.Withhold.Cite)
		case slices.Contains(never(), field.Class):
			hide(field.Name, neverShown, "PCI DSS 4.0.1 3.3.1")
		case kept:
			hide(field.Name, exempt.Name, exempt.Cite)
		case field.Withhold:
			hide(field.Name, others.Name, others.Cite)
		}
	}
	return Read
}

// erase decides between deleting a row, blanking fields and keeping it lawfully.
func (p *planner) erase(c *Collection, f *found, t *Target) Action {
	if f.owner != Own || f.joint {
		others, _ := p.laws.Exempt("others", p.regime.Name, "erase", time.Time{}, p.now)
		if f.owner != Shared || c.Personal() || f.joint {
			p.keep(f, c, "", others.Name, others.Cite)
		}
		return Keep
	}
	if e, kept := p.laws.Exempt(c.Because, p.regime.Name, "erase", p.since(c, f), p.now); kept {
		p.keep(f, c, "", e.Name, e.Cite)
		return Keep
	}
	var stays []string
	for _, field := range c.Fields {
		if e, kept := p.laws.Exempt(field.Because, p.regime.Name, "erase", p.since(c, f), p.now); kept && f.value(field.Name) != nil {
			stays = append(stays, field.Name)
			p.keep(f, c, field.Name, e.Name, e.Cite)
		}
	}
	if c.Erase != Blank && len(stays) == 0 {
		return Delete
	}
	for _, field := range c.Fields {
		if (field.Class != "" || field.Identity != "") && !field.Key && !slices.Contains(stays, field.Name) && f.value(field.Name) != nil {
			t.Blank = append(t.Blank, field.Name)
		}
	}
	if len(t.Blank) == 0 {
		return Keep
	}
	return Blank
}

// correct finds the fields a wish is about, by place, name or class, whose value
// is the old one. Rows that say something else are not touched, and not shown.
func (p *planner) correct(c *Collection, f *found, t *Target) Action {
	if f.owner != Own || f.joint {
		return Keep
	}
	t.Old, t.Set = map[string]any{}, map[string]any{}
	for _, field := range c.Fields {
		for i, w := range p.plan.Wishes {
			if field.answers(w.Field, f.system, c.Name) && strings.EqualFold(strings.TrimSpace(Text(f.value(field.Name))), strings.TrimSpace(w.Old)) {
				t.Old[field.Name], t.Set[field.Name], p.met[i] = f.value(field.Name), w.New, true
			}
		}
	}
	if len(t.Set) == 0 {
		return Keep
	}
	return Amend
}

// unmet says of each wish that no row answers to that it was left undone: whoever reads
// that a correction is done must not find the old value.
func (p *planner) unmet() {
	if p.plan.Right != Correct {
		return
	}
	cite := p.regime.Answer.Cite
	if g, err := p.laws.ground(p.regime, Correct, "accurate"); err == nil {
		cite = g.Cites[p.regime.Name]
	}
	for i, w := range p.plan.Wishes {
		for _, s := range p.m.Systems {
			for _, c := range s.Collections {
				for _, field := range c.Fields {
					if !p.met[i] && field.answers(w.Field, s.Name, c.Name) {
						p.met[i] = true
						p.plan.Kept = append(p.plan.Kept, Kept{s.Name, c.Name, field.Name, "", 0, unmatched, cite})
					}
				}
			}
		}
	}
}

// unmatched is the plan's name for a correction whose old value stands nowhere.
const unmatched = "unmatched"

// answers says whether a correctable field goes by a name: its own, its class's or its place's.
func (f Field) answers(name, system, collection string) bool {
	return f.Correctable != "" && (f.Name == name || f.Class == name || system+"."+collection+"."+f.Name == name)
}

// since is the date of a row, for exemptions with an end.
func (p *planner) since(c *Collection, f *found) time.Time {
	if c.Since == "" {
		return time.Time{}
	}
	text := Text(f.value(c.Since))
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", time.DateTime, time.DateOnly} {
		if at, err := time.Parse(layout, text); err == nil {
			return at
		}
	}
	return time.Time{}
}

func (p *planner) keep(f *found, c *Collection, field, why, cite string) {
	p.plan.Kept = append(p.plan.Kept, Kept{f.system, c.Name, field, f.key, 1, why, cite})
}

// Hash is what officers approve: every row, action and kept thing, salted, so that
// nobody can guess keys of rows from it.
func (p *Plan) Hash() (string, error) {
	core := *p
	core.Salt, core.Calls, core.Warning = nil, 0, nil
	raw, err := json.Marshal(core)
	if err != nil {
		return "", fmt.Errorf("hash plan: %w", err)
	}
	mac := hmac.New(sha256.New, p.Salt)
	mac.Write(raw)
	return hex.EncodeToString(mac.Sum(nil)), nil
}

// Partial says whether something is kept, so that the best end is partial_lawful.
func (p *Plan) Partial() bool { return len(p.Kept) > 0 }
