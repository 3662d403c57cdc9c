package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/privet-gateway/privet/policy"
	"github.com/privet-gateway/privet/redact"
)

type policyUnclassifiedCmd struct {
	rulesFlags
	Tool   string   `help:"The tool." placeholder:"TOOL"`
	Screen string   `help:"The screen's id in the catalogue." placeholder:"ID"`
	Admin  string   `help:"Admin address of the running Privet; default: the configuration's." placeholder:"ADDRESS"`
	Files  []string `arg:"" optional:"" help:"Documents of the tool, - for standard input; none: what the running Privet of --config has noted in live answers."`
}

func (c *policyUnclassifiedCmd) Run(ctx context.Context, std streams) error {
	if len(c.Files) == 0 {
		return c.live(ctx, std)
	}
	e, err := c.open(ctx)
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

// live lists what live answers were found to hold, by screen.
func (c *policyUnclassifiedCmd) live(ctx context.Context, std streams) error {
	admin := c.Admin
	if admin == "" {
		if c.Config == "" {
			return &exit{2, errors.New("give documents of the tool, or --config of the running Privet whose answers are meant")}
		}
		cfg, err := readConfig(c.Config)
		if err != nil {
			return err
		}
		admin = cfg.Admin
	}
	all, err := c.ask(ctx, admin)
	if err != nil && c.Config != "" { // it does not run; what it has kept is there
		all, err = c.kept(ctx, std)
	}
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(n policy.Noted) bool {
		return c.Tool != "" && n.Tool != c.Tool || c.Screen != "" && n.Screen != c.Screen
	})
	if c.JSON {
		return printJSON(std.out, all)
	}
	for len(all) > 0 {
		first := all[0]
		same := slices.IndexFunc(all, func(n policy.Noted) bool {
			return n.Tool != first.Tool || n.Screen != first.Screen || n.Island != first.Island
		})
		if same < 0 {
			same = len(all)
		}
		where := first.Tool + " " + first.Screen
		if first.Island != "" {
			where += ", in the shape at " + first.Island
		}
		fmt.Fprintf(std.out, "# %s\n%s", where, policy.PasteNoted(all[:same]))
		all = all[same:]
	}
	return nil
}

// ask asks the running Privet.
func (c *policyUnclassifiedCmd) ask(ctx context.Context, admin string) (all []policy.Noted, err error) {
	text, err := fetch(ctx, "http://"+admin+"/unclassified")
	if err == nil {
		err = json.Unmarshal(text, &all)
	}
	if err != nil {
		return nil, fmt.Errorf("ask the running Privet: %w", err)
	}
	return all, nil
}

// kept reads what was kept in the records.
func (c *policyUnclassifiedCmd) kept(ctx context.Context, std streams) ([]policy.Noted, error) {
	h, err := state{Config: c.Config}.open(ctx, std.err)
	if err != nil {
		return nil, err
	}
	defer h.close()
	return h.policy.Noted(ctx)
}

func readDocument(file string, std streams) ([]byte, error) {
	if file == "-" {
		return io.ReadAll(io.LimitReader(std.in, maxExplained))
	}
	return os.ReadFile(file)
}
