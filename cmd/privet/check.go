package main

import (
	"context"
	"errors"
	"time"
)

// checkCmd opens everything a configuration names and says what to mend.
type checkCmd struct {
	Config string `help:"Configuration file." type:"existingfile" required:""`
}

// Help shows an example.
func (checkCmd) Help() string { return "Example: privet check --config /etc/privet/privet.yaml" }

// Run prints one line a part. It makes nothing that is not there: records and
// keys must exist, or be reachable.
func (c *checkCmd) Run(ctx context.Context, std streams) error {
	cfg, err := readConfig(c.Config)
	if err != nil {
		return &exit{2, err}
	}
	h, err := openHouse(ctx, cfg, std.err)
	if err != nil {
		return err
	}
	defer h.close()
	if _, err := h.front(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	report := h.readiness(ctx)
	report.write(std.out)
	writeTools(std.out, h.live.tools.Check(ctx))
	if !report.ready() {
		return &exit{1, errors.New("not ready; see above")}
	}
	return nil
}
