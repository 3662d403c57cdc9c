package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/privet-gateway/privet/policy"
	"github.com/privet-gateway/privet/redact"
)

const maxExplained = 8 << 20

type policyExplainCmd struct {
	rulesFlags
	Agent      string        `help:"Who asks." required:"" placeholder:"NAME"`
	Role       []string      `help:"The agent's roles." required:"" placeholder:"ROLE"`
	Group      []string      `help:"The agent's groups." placeholder:"GROUP"`
	Region     string        `help:"Where the agent sits." placeholder:"REGION"`
	Tool       string        `help:"The tool." required:"" placeholder:"TOOL"`
	Screen     string        `help:"The screen's id in the catalogue." required:"" placeholder:"ID"`
	Subject    string        `help:"The cardholder." placeholder:"ID"`
	Purpose    string        `help:"Why the agent asks." placeholder:"PURPOSE"`
	Case       string        `help:"The case the agent works on." placeholder:"ID"`
	Verified   bool          `help:"The caller is verified."`
	BreakGlass string        `help:"The reason for breaking the glass." placeholder:"REASON"`
	ProofAge   time.Duration `help:"Age of the second factor." default:"1m"`
	Document   string        `help:"The tool's document, - for standard input; default: it is fetched from the tool, if --config names it." placeholder:"FILE"`
}

func (c *policyExplainCmd) Run(ctx context.Context, std streams) error {
	e, cfg, err := c.open(ctx)
	if err != nil {
		return err
	}
	s, err := e.Screen(c.Tool, c.Screen)
	if err != nil {
		return fmt.Errorf("%w; known are: %s", err, screenNames(e))
	}
	doc, err := c.document(ctx, s, cfg, std)
	if err != nil {
		return err
	}
	scan, err := redact.New(redact.Config{Profile: redact.Chat})
	if err != nil {
		return err
	}
	now := time.Now()
	q := &policy.Question{Agent: c.Agent, Roles: c.Role, Groups: c.Group, Region: c.Region, Tool: c.Tool, Screen: c.Screen, Subject: c.Subject,
		Purpose: c.Purpose, Case: c.Case, CallerVerified: c.Verified, BreakGlass: c.BreakGlass, Time: now,
		Proofs: []policy.Proof{{Kind: "password", At: now.Add(-c.ProofAge)}, {Kind: "totp", At: now.Add(-c.ProofAge)}}}
	x, err := e.Explain(ctx, s, q, doc, scan)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(std.out, x)
	}
	return printExplanation(std.out, x)
}

func screenNames(e *policy.Engine) string {
	var names []string
	for _, s := range e.Screens() {
		names = append(names, s.Tool+" "+s.ID)
	}
	return strings.Join(names, ", ")
}

// document is the tool's answer as it comes from a file, or from the tool.
func (c *policyExplainCmd) document(ctx context.Context, s *policy.Screen, cfg *config, std streams) ([]byte, error) {
	switch {
	case c.Document == "-":
		return io.ReadAll(io.LimitReader(std.in, maxExplained))
	case c.Document != "":
		return os.ReadFile(c.Document)
	case cfg == nil || s.Write || s.Upgrade != "" || s.Subject != "" && c.Subject == "":
		return nil, nil
	}
	for _, t := range cfg.Tools {
		if t.Name != c.Tool {
			continue
		}
		path := strings.ReplaceAll(strings.TrimSuffix(s.Path, "{$}"), "{"+s.Subject+"}", url.PathEscape(c.Subject))
		if strings.Contains(path, "{") {
			return nil, fmt.Errorf("the path %s has more parameters than the cardholder: give the document with --document", s.Path)
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
		return nil, fmt.Errorf("fetch from the tool: %w", err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("fetch from the tool: %w", err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("fetch from the tool: it answers %s", res.Status)
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

type policyUnclassifiedCmd struct {
	rulesFlags
	Tool   string   `help:"The tool." required:"" placeholder:"TOOL"`
	Screen string   `help:"The screen's id in the catalogue." required:"" placeholder:"ID"`
	Files  []string `arg:"" help:"Documents of the tool, - for standard input."`
}

func (c *policyUnclassifiedCmd) Run(ctx context.Context, std streams) error {
	e, _, err := c.open(ctx)
	if err != nil {
		return err
	}
	s, err := e.Screen(c.Tool, c.Screen)
	if err != nil {
		return err
	}
	scan, err := redact.New(redact.Config{Profile: redact.Strict})
	if err != nil {
		return err
	}
	sum := map[string]int{}
	var all []redact.Unnamed
	for _, file := range c.Files {
		doc, err := readDocument(file, std)
		if err != nil {
			return err
		}
		found, err := e.Unclassified(s, doc, scan)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		for _, u := range found {
			if i, had := sum[u.Path]; had {
				all[i].Count += u.Count
				continue
			}
			sum[u.Path] = len(all)
			all = append(all, u)
		}
	}
	if c.JSON {
		return printJSON(std.out, all)
	}
	_, err = io.WriteString(std.out, policy.Paste(all))
	return err
}

func readDocument(file string, std streams) ([]byte, error) {
	if file == "-" {
		return io.ReadAll(io.LimitReader(std.in, maxExplained))
	}
	return os.ReadFile(file)
}

type policyReplayCmd struct {
	rulesFlags
	Against string `help:"Directory of other rules: print only what they decide otherwise." type:"existingdir" placeholder:"DIR"`
	File    string `arg:"" help:"Questions as JSON lines ({\"Agent\",\"Roles\",\"Tool\",\"Screen\",…}), - for standard input."`
}

func (c *policyReplayCmd) Run(ctx context.Context, std streams) error {
	e, _, err := c.open(ctx)
	if err != nil {
		return err
	}
	other := e
	if c.Against != "" {
		flags := c.rulesFlags
		flags.Rules = c.Against
		if other, _, err = flags.open(ctx); err != nil {
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
