package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/privet-gateway/privet/audit"
	"github.com/privet-gateway/privet/audit/evidence"
	"github.com/privet-gateway/privet/gateway/console"
)

type auditCmd struct {
	Tail       auditTailCmd       `cmd:"" help:"Show the newest entries, and go on with --follow."`
	Export     auditExportCmd     `cmd:"" help:"Write an archive that an auditor can check alone."`
	Verify     auditVerifyCmd     `cmd:"" help:"Check an archive, offline, with the house's public key."`
	Checkpoint auditCheckpointCmd `cmd:"" help:"Print the newest signed checkpoint, to be kept elsewhere."`
	Prune      auditPruneCmd      `cmd:"" help:"Delete entries whose retention is over; proofs stay."`
	Backup     auditBackupCmd     `cmd:"" help:"Write the whole trail, or the whole database, to a file."`
	Restore    auditRestoreCmd    `cmd:"" help:"Fill an empty database from a backup, or adopt one that was put back."`
}

// choice is the flags of a filter.
type choice struct {
	From    moment `help:"Entries at or after this time: 2026-03-01, or RFC 3339." placeholder:"TIME"`
	To      moment `help:"Entries before this time." placeholder:"TIME"`
	Kind    string `help:"Entries of this kind; 'view.*' for all below a word." placeholder:"KIND"`
	Agent   string `help:"Entries of this agent." placeholder:"NAME"`
	Subject string `help:"Entries that name this cardholder." placeholder:"ID"`
}

func (c choice) filter() audit.Filter {
	return audit.Filter{From: time.Time(c.From), To: time.Time(c.To), Kind: c.Kind, Agent: c.Agent, Subject: c.Subject}
}

// moment is a time on the command line.
type moment time.Time

// UnmarshalText reads a date (UTC midnight) or an RFC 3339 time.
func (m *moment) UnmarshalText(text []byte) error {
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, string(text)); err == nil {
			*m = moment(t)
			return nil
		}
	}
	return fmt.Errorf("time %q is neither like 2026-03-01 nor like 2026-03-01T14:00:00Z", text)
}

// looked writes down who reads the trail before they do (PCI DSS 4.0.1, 10.2.1.3).
func looked(ctx context.Context, trail *audit.Trail, by string, f audit.Filter) error {
	e := audit.Event{Kind: "trail.read", Agent: by, Tool: "privet audit", Outcome: "allowed", Detail: map[string]string{"kind": f.Kind, "agent": f.Agent}}
	if _, err := trail.Tag(ctx, f.Subject); err == nil {
		e.Subjects = []string{f.Subject}
	}
	_, err := trail.Append(ctx, e)
	return err
}

func printEntry(w io.Writer, e audit.Entry, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(console.EntryOf(e))
	}
	v := e.Event
	words := []string{e.Time.Format(time.RFC3339), fmt.Sprintf("%-8s", e.Receipt), fmt.Sprintf("%-16s", v.Kind)}
	for _, word := range []string{v.Agent, v.Tool, v.Screen, v.Outcome, v.Reason, few(v.Subjects), string(v.Intent)} {
		if word != "" {
			words = append(words, word)
		}
	}
	if len(e.Erased) > 0 {
		words = append(words, fmt.Sprintf("(%d erased)", len(e.Erased)))
	}
	_, err := fmt.Fprintln(w, strings.Join(words, "  "))
	return err
}

// few names the first of many; --json names all.
func few(names []string) string {
	const shown = 3
	if len(names) <= shown {
		return strings.Join(names, ",")
	}
	return fmt.Sprintf("%s,… %d in all", strings.Join(names[:shown], ","), len(names))
}

type auditExportCmd struct {
	state
	choice
	Out    string `help:"The file to write; it must not exist yet." required:"" placeholder:"FILE.zip"`
	Format string `help:"zip: an archive that proves itself; ocsf: JSON lines for a SIEM, without proofs and names." enum:"zip,ocsf" default:"zip"`
	By     string `help:"Who exports, for the trail." env:"SUDO_USER,USER" placeholder:"NAME"`
}

// Help is the long form of --help.
func (c *auditExportCmd) Help() string {
	return `What is done lies in FILE.zip.partial until all is there. After an interruption run
the same command again: it goes on where it was.`
}

// Run exports, and records who did.
func (c *auditExportCmd) Run(ctx context.Context, std streams) error {
	h, err := keysState{state: c.state}.trail(ctx, std.err)
	if err != nil {
		return err
	}
	defer h.close()
	done, err := h.trail.ExportFile(ctx, c.Out, c.Format == "ocsf", actor(c.By), c.choice.filter(), progressOf(std.err, "entries read"))
	switch {
	case errors.Is(err, fs.ErrExist), errors.Is(err, audit.ErrOther):
		return &exit{2, err}
	case err != nil && done.Leaves > 0:
		return fmt.Errorf("%w; mend that and run the same command again, it goes on from %s.partial", err, c.Out)
	case err != nil:
		return err
	}
	fmt.Fprintf(std.out, "%s: %d entries of %d leaves, recorded as %s\n", c.Out, done.Entries, done.Leaves, done.Receipt)
	if done.Resumed > 0 {
		fmt.Fprintf(std.err, "privet: %d leaves had been read by an earlier run\n", done.Resumed)
	}
	if done.Later > 0 {
		fmt.Fprintf(std.err, "privet: %d people were erased while this ran; export again for a complete archive\n", done.Later)
	}
	return nil
}

// writeWhole writes a new file under another name until it is whole.
func writeWhole(name string, write func(f *os.File) error) (err error) {
	if _, err := os.Stat(name); err == nil {
		return &exit{2, fmt.Errorf("%s exists; name another file", name)}
	}
	partial := name + ".partial"
	f, err := os.OpenFile(partial, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	if err := errors.Join(write(f), f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(partial))
	}
	return os.Rename(partial, name)
}

// progressOf shows progress on a terminal, and nothing elsewhere.
func progressOf(w io.Writer, what string) func(done, total int64) {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return nil
	}
	return func(done, total int64) {
		fmt.Fprintf(w, "\r%d of %d %s", done, total, what)
		if done >= total {
			fmt.Fprintln(w)
		}
	}
}

type auditVerifyCmd struct {
	File string   `arg:"" help:"The archive." type:"existingfile"`
	Key  string   `help:"The house's verifier key, or a file that holds it; from elsewhere than the archive." required:"" placeholder:"VKEY"`
	Head []string `help:"A checkpoint that you have kept; the archive must continue it." type:"existingfile" placeholder:"FILE"`
}

// Help is the long form of --help.
func (c *auditVerifyCmd) Help() string {
	return `Exit status: 0 VERIFIED, 2 unreadable, 3 INCOMPLETE, 4 TAMPERED, 5 ROLLED-BACK or FORKED, 6 UNKNOWN-KEY.
privet-verify does the same as a program of its own.`
}

// Run checks without any running state.
func (c *auditVerifyCmd) Run(ctx context.Context, std streams) error {
	report, err := evidence.VerifyFile(ctx, c.File, c.Key, c.Head, nil)
	if err != nil {
		return &exit{2, err}
	}
	report.Print(std.out)
	if status := report.Verdict.Exit(); status != 0 {
		return &exit{status, nil}
	}
	return nil
}

type auditCheckpointCmd struct{ state }

// Run prints one checkpoint per lane that has entries.
func (c *auditCheckpointCmd) Run(ctx context.Context, std streams) error {
	h, err := keysState{state: c.state}.trail(ctx, std.err)
	if err != nil {
		return err
	}
	defer h.close()
	lanes, err := h.trail.Lanes(ctx)
	if err != nil {
		return err
	}
	for _, lane := range lanes {
		if _, err := std.out.Write(lane.Checkpoint); err != nil {
			return err
		}
	}
	return nil
}
