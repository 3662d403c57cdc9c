package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/privet-gateway/privet/audit"
)

type auditPruneCmd struct {
	state
	Before moment `help:"Delete entries from before this time. Default: the configured retention ago." placeholder:"TIME"`
}

// Run prunes now; a running server does the same once a day.
func (c *auditPruneCmd) Run(ctx context.Context, std streams) error {
	h, err := keysState{state: c.state}.trail(ctx, std.err)
	if err != nil {
		return err
	}
	defer h.close()
	limit := time.Now().Add(-h.cfg.Trail.Retention)
	before := time.Time(c.Before)
	if before.IsZero() {
		before = limit
	}
	if before.After(limit) {
		return fmt.Errorf("entries from after %s are kept by trail.retention; change that first", limit.Format(time.DateOnly))
	}
	n, err := h.trail.Prune(ctx, before)
	fmt.Fprintf(std.out, "%d entries from before %s deleted\n", n, before.UTC().Format(time.RFC3339))
	return err
}

type auditBackupCmd struct {
	state
	Out string `help:"The file to write; it must not exist yet." required:"" placeholder:"FILE"`
}

// Run writes a backup of the trail alone, for either engine.
func (c *auditBackupCmd) Run(ctx context.Context, std streams) error {
	h, err := keysState{state: c.state}.trail(ctx, std.err)
	if err != nil {
		return err
	}
	defer h.close()
	if err := writeWhole(c.Out, func(w io.Writer) error { return h.trail.Backup(ctx, w) }); err != nil {
		return err
	}
	fmt.Fprintln(std.out, c.Out)
	return nil
}

type auditRestoreCmd struct {
	state
	File   string   `arg:"" help:"The backup." type:"existingfile"`
	Erased []string `help:"Files that remember who was erased since; trail.erased is always read." type:"existingfile" placeholder:"FILE"`
}

// Help is the long form of --help.
func (c *auditRestoreCmd) Help() string {
	return `Stop every server first. The configuration names an empty database and the keeper of old.
The restored logs are closed, and a new one begins. Who was erased since the backup is erased again.

Example:
  privet audit restore trail.backup --config privet.yaml --erased /elsewhere/trail.erased`
}

// Run restores before any trail is opened on the database.
func (c *auditRestoreCmd) Run(ctx context.Context, std streams) error {
	if err := c.fill(ctx, std); err != nil {
		return err
	}
	h, err := keysState{state: c.state}.trail(ctx, std.err)
	if err != nil {
		return err
	}
	defer h.close()
	ledgers := c.Erased
	if _, err := os.Stat(h.cfg.Trail.Erased); err == nil {
		ledgers = append(ledgers, h.cfg.Trail.Erased)
	}
	again := 0
	for _, name := range ledgers {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		n, err := h.trail.Reerase(ctx, f)
		f.Close()
		if again += n; err != nil {
			return err
		}
	}
	if _, err := h.trail.Append(ctx, audit.Event{Kind: "trail.restored", Outcome: "allowed", Records: again}); err != nil {
		return err
	}
	fmt.Fprintf(std.out, "restored; %d people erased again\n", again)
	return nil
}

func (c *auditRestoreCmd) fill(ctx context.Context, std streams) error {
	h, err := keysState{state: c.state}.open(ctx, std.err)
	if err != nil {
		return err
	}
	defer h.close()
	if err := h.openRecords(ctx); err != nil {
		return err
	}
	f, err := os.Open(c.File)
	if err != nil {
		return err
	}
	defer f.Close()
	return audit.Restore(ctx, f, audit.Restoring{Store: h.db, Signer: h.keeper, Origin: h.cfg.Trail.Origin})
}
