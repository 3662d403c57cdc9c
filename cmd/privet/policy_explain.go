package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/privet-gateway/privet/audit"
	"github.com/privet-gateway/privet/mfa"
	"github.com/privet-gateway/privet/policy"
	"github.com/privet-gateway/privet/redact"
)

const maxExplained = 8 << 20

type policyExplainCmd struct {
	rulesFlags
	Agent      string        `help:"Who asks. With --config and without --role: their roles, their last session's proofs, purpose and case are read from the records, and the rules and detectors are those in force." required:"" placeholder:"NAME"`
	Role       []string      `help:"The agent's roles, where they are supposed." placeholder:"ROLE"`
	Group      []string      `help:"The agent's groups." placeholder:"GROUP"`
	Region     string        `help:"Where the agent sits." placeholder:"REGION"`
	Tool       string        `help:"The tool." required:"" placeholder:"TOOL"`
	Screen     string        `help:"The screen's id in the catalogue." required:"" placeholder:"ID"`
	Subject    string        `help:"The cardholder." placeholder:"ID"`
	Purpose    string        `help:"Why the agent asks." placeholder:"PURPOSE"`
	Case       string        `help:"The case the agent works on." placeholder:"ID"`
	Verified   bool          `help:"The caller is verified."`
	BreakGlass string        `help:"The reason for breaking the glass." placeholder:"REASON"`
	ProofAge   time.Duration `help:"Age of the second factor, where there is no session." default:"1m"`
	Document   string        `help:"The tool's document, - for standard input; default: it is fetched from the tool, if --config names it." placeholder:"FILE"`
}

func (c *policyExplainCmd) Run(ctx context.Context, std streams) error {
	if c.Config == "" && len(c.Role) == 0 {
		return &exit{2, errors.New("say with --role what the agent may do, or with --config where it is written")}
	}
	var e *policy.Engine
	var scan *redact.Engine
	var h *house // whose trail says who looked
	if c.Config != "" && (len(c.Role) == 0 || c.Document == "") {
		var err error
		if h, err = (state{Config: c.Config}).open(ctx, std.err); err != nil {
			return err
		}
		defer h.close()
	}
	now := time.Now()
	q := &policy.Question{Agent: c.Agent, Roles: c.Role, Groups: c.Group, Region: c.Region, Tool: c.Tool, Screen: c.Screen, Subject: c.Subject,
		Purpose: c.Purpose, Case: c.Case, CallerVerified: c.Verified, BreakGlass: c.BreakGlass, Time: now,
		Proofs: []policy.Proof{{Kind: "password", At: now.Add(-c.ProofAge)}, {Kind: "totp", At: now.Add(-c.ProofAge)}}}
	if len(c.Role) == 0 {
		if err := h.recall(ctx, q); err != nil {
			return err
		}
		e, scan = h.policy, h.scan
	} else {
		var err error
		if e, err = c.open(ctx); err != nil {
			return err
		}
		if scan, err = redact.New(redact.Config{Profile: redact.Chat}); err != nil {
			return err
		}
	}
	s, err := e.Screen(c.Tool, c.Screen)
	if err != nil {
		return fmt.Errorf("%w; known are: %s", err, screenNames(e))
	}
	doc, err := c.document(ctx, s, h, e.Bundle(), std)
	if err != nil {
		return err
	}
	x, err := e.Explain(ctx, s, q, doc, scan)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(std.out, x)
	}
	return printExplanation(std.out, x)
}

// recall completes a question with what the records say of its agent: roles,
// and of the last session what the gateway would ask with. What the question
// says already stays.
func (h *house) recall(ctx context.Context, q *policy.Question) error {
	people, err := h.door.People(ctx)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(people, func(p mfa.Person) bool { return p.Name == q.Agent })
	if i < 0 {
		return errors.New("nobody has this name; see 'privet agents list', or suppose roles with --role")
	}
	p := people[i]
	q.Roles = p.Roles
	if q.Groups == nil {
		q.Groups = p.Groups
	}
	q.Region = cmp.Or(q.Region, p.Region)
	sessions, err := h.door.Sessions(ctx, q.Agent)
	if err != nil || len(sessions) == 0 {
		return err
	}
	last := sessions[0]
	q.Purpose, q.Case = cmp.Or(q.Purpose, last.Purpose), cmp.Or(q.Case, last.Case)
	q.Proofs = nil
	for _, proof := range last.Proofs {
		q.Proofs = append(q.Proofs, policy.Proof{Kind: proof.Kind, At: proof.At})
	}
	if q.Subject == "" || q.CallerVerified {
		return nil
	}
	until, err := h.door.CallerVerified(ctx, last.ID, q.Subject)
	q.CallerVerified = q.Time.Before(until)
	return err
}

func screenNames(e *policy.Engine) string {
	var names []string
	for _, s := range e.Screens() {
		names = append(names, s.Tool+" "+s.ID)
	}
	return strings.Join(names, ", ")
}

// document is the tool's answer as it comes from a file, or from the tool; who
// has it fetched stands in the trail before.
func (c *policyExplainCmd) document(ctx context.Context, s *policy.Screen, h *house, bundle string, std streams) ([]byte, error) {
	switch {
	case c.Document == "-":
		return io.ReadAll(io.LimitReader(std.in, maxExplained))
	case c.Document != "":
		return os.ReadFile(c.Document)
	case h == nil || s.Write || s.Upgrade != "" || s.Subject != "" && c.Subject == "":
		return nil, nil
	}
	for _, t := range h.cfg.Tools {
		if t.Name != c.Tool {
			continue
		}
		path := strings.ReplaceAll(strings.TrimSuffix(s.Path, "{$}"), "{"+s.Subject+"}", url.PathEscape(c.Subject))
		if strings.Contains(path, "{") {
			return nil, fmt.Errorf("the path %s has more parameters than the cardholder: give the document with --document", s.Path)
		}
		e := audit.Event{Kind: "policy.explain", Agent: operator(), Tool: s.Tool, Screen: s.ID, Outcome: "allowed", Bundle: bundle,
			Detail: map[string]string{"as": c.Agent}}
		if c.Subject != "" {
			e.Subjects = []string{c.Subject}
		}
		if _, err := h.trail.Append(ctx, e); err != nil {
			return nil, err
		}
		return fetch(ctx, strings.TrimSuffix(t.Upstream, "/")+path)
	}
	return nil, nil
}

func fetch(ctx context.Context, from string) ([]byte, error) {
	ctx, done := context.WithTimeout(ctx, 10*time.Second)
	defer done()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, from, nil)
	if err != nil {
		return nil, fmt.Errorf("fetch: %w", err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("fetch: %w", err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("fetch: it answers %s", res.Status)
	}
	return io.ReadAll(io.LimitReader(res.Body, maxExplained))
}

func printExplanation(w io.Writer, x *policy.Explanation) error {
	fmt.Fprintf(w, "%s %s under %s\n", x.Tool, x.Screen, x.Bundle)
	switch {
	case x.Refused != "":
		fmt.Fprintf(w, "refused (%s): %s %s\n", x.Refused, x.Why, x.Rule)
		return nil
	case x.StepUp != "":
		fmt.Fprintf(w, "step up, to a proof not older than %s: %s %s\n", x.StepUp, x.Why, x.Rule)
		return nil
	}
	if len(x.Facts) > 0 {
		fmt.Fprintf(w, "the record proves: %s\n", strings.Join(x.Facts, ", "))
	}
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "path\tclass\ttreatment\trule\tbecause")
	for _, f := range x.Fields {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", f.Path, f.Class, f.Do, f.Rule, f.Why)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if x.View != "" {
		fmt.Fprintf(w, "\n%s\n", x.View)
	}
	return nil
}

type policyReplayCmd struct {
	rulesFlags
	Against string `help:"Directory of other rules: print only what they decide otherwise." type:"existingdir" placeholder:"DIR"`
	File    string `arg:"" help:"Questions as JSON lines ({\"Agent\",\"Roles\",\"Tool\",\"Screen\",…}), - for standard input."`
}

func (c *policyReplayCmd) Run(ctx context.Context, std streams) error {
	e, err := c.open(ctx)
	if err != nil {
		return err
	}
	other := e
	if c.Against != "" {
		flags := c.rulesFlags
		flags.Rules = c.Against
		if other, err = flags.open(ctx); err != nil {
			return err
		}
	}
	in := std.in
	if c.File != "-" {
		f, err := os.Open(c.File)
		if err != nil {
			return err
		}
		defer f.Close()
		in = f
	}
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<20)
	asked, differ := 0, 0
	for ; lines.Scan(); asked++ {
		differs, err := c.replay(ctx, e, other, lines.Bytes(), asked+1, std)
		if err != nil {
			return fmt.Errorf("line %d: %w", asked+1, err)
		}
		if differs {
			differ++
		}
	}
	fmt.Fprintf(std.err, "%d questions, %d decided otherwise\n", asked, differ)
	if differ > 0 {
		return errors.Join(&exit{status: 1}, lines.Err())
	}
	return lines.Err()
}

func (c *policyReplayCmd) replay(ctx context.Context, e, other *policy.Engine, line []byte, n int, std streams) (bool, error) {
	var q policy.Question
	if err := json.Unmarshal(line, &q); err != nil {
		return false, err
	}
	a, err := decideOn(ctx, e, &q)
	if err != nil {
		return false, err
	}
	b, err := decideOn(ctx, other, &q)
	if err != nil {
		return false, err
	}
	if c.Against != "" && a == b {
		return false, nil
	}
	if c.Against != "" {
		fmt.Fprintf(std.out, "%d\t%s\t%s\nagainst\t%s\n", n, q.Agent, a, b)
		return true, nil
	}
	fmt.Fprintf(std.out, "%d\t%s\t%s\n", n, q.Agent, a)
	return false, nil
}

// decideOn puts a decision into one line.
func decideOn(ctx context.Context, e *policy.Engine, q *policy.Question) (string, error) {
	s, err := e.Screen(q.Tool, q.Screen)
	if err != nil {
		return "", err
	}
	d, err := e.Decide(ctx, s, q)
	if err != nil {
		return "", err
	}
	switch {
	case d.Refused != "":
		return "refused " + d.Refused, nil
	case d.StepUp > 0:
		return "step up " + d.StepUp.String(), nil
	}
	var b strings.Builder
	for _, class := range redact.FieldClasses() {
		r := d.Classes[class]
		fmt.Fprintf(&b, "%s=%s", class, r.Do)
		if r.Vary != nil {
			fmt.Fprintf(&b, "%v", r.Vary)
		}
		b.WriteByte(' ')
	}
	return strings.TrimSpace(b.String()), nil
}
