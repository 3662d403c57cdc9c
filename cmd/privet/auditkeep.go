package main

import (
	"context"
	"fmt"
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
	All bool   `help:"The whole database, with people, sessions and requests, as a SQLite file; of PostgreSQL make one with pg_dump."`
	By  string `help:"Who asks, for the trail." env:"SUDO_USER,USER" placeholder:"NAME"`
}

// Help is the long form of --help.
func (c *auditBackupCmd) Help() string {
	return `Without --all the file holds the trail alone, signed, for either engine: entries, proofs
and wrapped keys, but no people, sessions or requests. Neither holds the keeper:
back up its file with its root key, or Vault, apart from this.`
}

// Run writes a backup, beside running servers.
func (c *auditBackupCmd) Run(ctx context.Context, std streams) error {
	h, err := keysState{state: c.state}.trail(ctx, std.err)
	if err != nil {
		return err
	}
	defer h.close()
	err = writeWhole(c.Out, func(f *os.File) error {
		if !c.All {
			return h.trail.Backup(ctx, f, actor(c.By))
		}
		e := audit.Event{Kind: "trail.backup", Agent: actor(c.By), Outcome: "allowed", Detail: map[string]string{"of": "everything"}}
		if _, err := h.trail.Append(ctx, e); err != nil {
			return err
		}
		return h.db.Copy(ctx, f.Name())
	})
	if err != nil {
		return err
	}
	fmt.Fprintln(std.out, c.Out)
	return nil
}

type auditRestoreCmd struct {
	state
	File   string   `arg:"" optional:"" help:"The backup of the trail; none if the whole database was put back already." type:"existingfile"`
	Erased []string `help:"Files that remember who was erased since; trail.erased is always read." type:"existingfile" placeholder:"FILE"`
	By     string   `help:"Who restores, for the trail." env:"SUDO_USER,USER" placeholder:"NAME"`
}

// Help is the long form of --help.
func (c *auditRestoreCmd) Help() string {
	return `Stop every server first. With FILE the configuration names an empty database, without
it one that was put back whole: the file of backup --all, or pg_dump's. It names the
keeper of old. The restored logs are closed, and a new one begins. Who was erased
since the backup is erased again. Run it before any server starts.`
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
		_ = f.Close()
		if again += n; err != nil {
			return err
		}
	}
	if _, err := h.trail.Append(ctx, audit.Event{Kind: "trail.restored", Agent: actor(c.By), Outcome: "allowed", Records: again}); err != nil {
		return err
	}
	fmt.Fprintf(std.out, "restored; %d people erased again\n", again)
	return nil
}

// fill brings the restored logs to their end.
func (c *auditRestoreCmd) fill(ctx context.Context, std streams) error {
	h, err := keysState{state: c.state}.open(ctx, std.err)
	if err != nil {
		return err
	}
	defer h.close()
	if err := h.openRecords(ctx); err != nil {
		return err
	}
	if c.File == "" {
		return audit.Adopt(ctx, h.db, time.Now())
	}
	f, err := os.Open(c.File)
	if err != nil {
		return err
	}
	defer f.Close()
	return audit.Restore(ctx, f, audit.Restoring{Store: h.db, Signer: h.keeper, Origin: h.cfg.Trail.Origin})
}
