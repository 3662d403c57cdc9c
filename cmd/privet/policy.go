package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"text/tabwriter"

	"github.com/privet-gateway/privet/policy"
)

type policyCmd struct {
	Check        policyCheckCmd        `cmd:"" help:"Read rules and catalogue, and say what is wrong with them."`
	Test         policyTestCmd         `cmd:"" help:"Run the rules' tests and compare the matrix with what was agreed."`
	Explain      policyExplainCmd      `cmd:"" help:"Show what an agent would see, and the rule of every field."`
	Diff         policyDiffCmd         `cmd:"" help:"Compare two sets of rules over every condition."`
	Replay       policyReplayCmd       `cmd:"" help:"Ask recorded questions again."`
	Unclassified policyUnclassifiedCmd `cmd:"" help:"List paths of documents that no catalogue names."`
	Import       policyImportCmd       `cmd:"" help:"Draft a catalogue from an OpenAPI description."`
	Pack         policyPackCmd         `cmd:"" help:"Write rules and catalogue as a signed bundle."`
	Approve      policyApproveCmd      `cmd:"" help:"Sign, as an officer, that one bundle may follow another."`
	Officer      policyOfficerCmd      `cmd:"" help:"Make an officer's signing key, and print the verifier key for policy.officers."`
}

// rulesFlags say which rules and catalogues are meant.
type rulesFlags struct {
	Config    string   `help:"Configuration file: its rules and catalogues." type:"existingfile" placeholder:"FILE"`
	Rules     string   `help:"Directory of Rego and conditions.yaml; default: the rules that come with Privet." type:"existingdir" placeholder:"DIR"`
	Catalogue []string `help:"Catalogue of a tool; may stand more than once." type:"existingfile" placeholder:"FILE"`
	JSON      bool     `help:"Print JSON." name:"json"`
}

// source gathers what the flags name.
func (f *rulesFlags) source() (policy.Config, *config, error) {
	var cfg policy.Config
	var whole *config
	files := f.Catalogue
	rules := f.Rules
	if f.Config != "" {
		c, err := readConfig(f.Config)
		if err != nil {
			return cfg, nil, err
		}
		whole = c
		if rules == "" {
			rules = c.Policy.Rules
		}
		for _, t := range c.Tools {
			files = append(files, t.Catalogue)
		}
	}
	if rules != "" {
		cfg.Rules = os.DirFS(rules)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return cfg, nil, fmt.Errorf("read catalogue: %w", err)
		}
		cfg.Catalogue = append(cfg.Catalogue, policy.Document{Name: filepath.Base(file), Text: text})
	}
	return cfg, whole, nil
}

func (f *rulesFlags) open(ctx context.Context) (*policy.Engine, error) {
	cfg, _, err := f.source()
	if err != nil {
		return nil, err
	}
	return policy.Open(ctx, cfg)
}

type policyCheckCmd struct{ rulesFlags }

func (c *policyCheckCmd) Run(ctx context.Context, std streams) error {
	e, err := c.open(ctx)
	if err != nil {
		return err
	}
	cfg, _, err := c.source()
	if err != nil {
		return err
	}
	if _, err := policy.Test(ctx, cfg.Rules); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(std.out, map[string]any{"bundle": e.Bundle(), "screens": e.Screens()})
	}
	fmt.Fprintf(std.out, "good: %s, %d screens\n", e.Bundle(), len(e.Screens()))
	return nil
}

type policyTestCmd struct {
	rulesFlags
	Matrix string `help:"The agreed matrix to compare with; with --update it is written." placeholder:"FILE"`
	Update bool   `help:"Write the matrix instead of comparing."`
}

func (c *policyTestCmd) Run(ctx context.Context, std streams) error {
	cfg, _, err := c.source()
	if err != nil {
		return err
	}
	report, err := policy.Test(ctx, cfg.Rules)
	if report != nil && c.JSON {
		if err := printJSON(std.out, report); err != nil {
			return err
		}
	} else if report != nil {
		for _, f := range report.Failed {
			fmt.Fprintf(std.out, "FAIL %s %s: %s\n", f.Where, f.Name, f.Fault)
		}
		fmt.Fprintf(std.out, "%d tests passed, %d failed; %.1f %% of the rules' lines covered\n", report.Passed, len(report.Failed), report.Coverage)
		for _, where := range report.Missed {
			fmt.Fprintf(std.out, "not covered: %s\n", where)
		}
	}
	if err != nil {
		return err
	}
	return c.matrix(ctx, cfg, std)
}

func (c *policyTestCmd) matrix(ctx context.Context, cfg policy.Config, std streams) error {
	if c.Matrix == "" {
		return nil
	}
	e, err := policy.Open(ctx, cfg)
	if err != nil {
		return err
	}
	got, err := e.Matrix(ctx)
	if err != nil {
		return err
	}
	if c.Update {
		return os.WriteFile(c.Matrix, []byte(got), 0o644)
	}
	want, err := os.ReadFile(c.Matrix)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is not there yet; write it with --update and read it", c.Matrix)
	}
	if err != nil {
		return err
	}
	if got != string(want) {
		return fmt.Errorf("the matrix is not the one in %s: %s", c.Matrix, firstDifference(string(want), got))
	}
	fmt.Fprintf(std.out, "matrix as agreed: %s\n", c.Matrix)
	return nil
}

type policyDiffCmd struct {
	Old       string   `arg:"" help:"Directory of the rules before." type:"existingdir"`
	New       string   `arg:"" help:"Directory of the rules after." type:"existingdir"`
	Catalogue []string `help:"Catalogue of a tool, for both." type:"existingfile" placeholder:"FILE"`
	OldCat    []string `help:"Catalogue before, where it differs." name:"old-catalogue" type:"existingfile" placeholder:"FILE"`
	NewCat    []string `help:"Catalogue after, where it differs." name:"new-catalogue" type:"existingfile" placeholder:"FILE"`
	JSON      bool     `help:"Print JSON." name:"json"`
}

// Run exits with 1 where something loosens.
func (c *policyDiffCmd) Run(ctx context.Context, std streams) error {
	old, err := (&rulesFlags{Rules: c.Old, Catalogue: append(c.OldCat, c.Catalogue...)}).open(ctx)
	if err != nil {
		return fmt.Errorf("old: %w", err)
	}
	new, err := (&rulesFlags{Rules: c.New, Catalogue: append(c.NewCat, c.Catalogue...)}).open(ctx)
	if err != nil {
		return fmt.Errorf("new: %w", err)
	}
	diff, err := policy.Compare(ctx, old, new)
	if err != nil {
		return err
	}
	if c.JSON {
		if err := printJSON(std.out, diff); err != nil {
			return err
		}
	} else if err := printDiff(std.out, diff); err != nil {
		return err
	}
	if diff.Loosens() {
		return &exit{status: 1}
	}
	return nil
}

func printDiff(w io.Writer, d *policy.Diff) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	for _, c := range d.Changes {
		way := "tightens"
		if c.Loosens {
			way = "LOOSENS"
		}
		what := string(c.Class)
		if c.Path != "" {
			what += " at " + c.Path
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s → %s\t%d conditions, as: %s\t%s\n", way, c.Role, c.Screen, what, c.From, c.To, c.Points, c.When, c.Rule)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "%d changes in %d conditions; from %s to %s\n", len(d.Changes), d.Points, d.Old, d.New)
	return err
}
