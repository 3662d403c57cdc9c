package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"github.com/privet-gateway/privet/audit/rights"
)

// rightsCmd works on the privacy requests of a configuration, beside a running server.
type rightsCmd struct {
	File    rightsFileCmd    `cmd:"" help:"File a request for somebody who wrote or called."`
	List    rightsListCmd    `cmd:"" help:"List requests, those due first at the top."`
	Show    rightsShowCmd    `cmd:"" help:"Show one request: status, steps, timeline."`
	Plan    rightsPlanCmd    `cmd:"" help:"Locate and plan, without writing anything."`
	Approve rightsApproveCmd `cmd:"" help:"Approve a plan by its hash, as an officer."`
	Run     rightsRunCmd     `cmd:"" help:"Carry on what is due, and say how far it came."`
	Package rightsPackageCmd `cmd:"" help:"Check a package or evidence archive's digests."`

	Suppressed rightsSuppressedCmd `cmd:"" help:"Say whom an import must leave out."`
}

// office opens the office of a state for one command.
func (s state) office(ctx context.Context, std streams) (*house, *rights.Office, error) {
	h, err := s.open(ctx, std.err)
	if err != nil {
		return nil, nil, err
	}
	office, err := h.openOffice(ctx, h.cfg.at(h.cfg.Hosts.Portal).String())
	if err != nil {
		h.close()
		return nil, nil, err
	}
	return h, office, nil
}

func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", " ")
	return enc.Encode(v)
}

type rightsFileCmd struct {
	state    `embed:""`
	Right    string `arg:"" enum:"access,correct,erase" help:"access, correct or erase."`
	Email    string `required:"" help:"E-mail address of the person; the code goes there."`
	Name     string `help:"Their name."`
	Language string `help:"Language of letters: en, es, zh, fr, de, pt." default:"en"`
	Place    string `help:"Where they live, ISO 3166; it decides the law." placeholder:"US-CA"`
	Field    string `help:"For a correction: the field."`
	Old      string `help:"For a correction: what it says now."`
	New      string `help:"For a correction: what it should say."`
	JSON     bool   `help:"Print JSON." name:"json"`
}

// Run files the request.
func (c *rightsFileCmd) Run(ctx context.Context, std streams) error {
	ctx = patient(ctx)
	h, office, err := c.office(ctx, std)
	if err != nil {
		return err
	}
	defer h.close()
	f := rights.Filing{Right: rights.Right(c.Right), Email: c.Email, Name: c.Name, Language: c.Language, Jurisdiction: c.Place, Channel: "officer"}
	if c.Right == "correct" {
		f.Corrections = []rights.Correction{{Field: c.Field, Old: c.Old, New: c.New}}
	}
	r, err := office.File(ctx, f)
	if err != nil {
		if errors.Is(err, rights.ErrInvalid) {
			return &exit{2, err}
		}
		return err
	}
	if c.JSON {
		return printJSON(std.out, map[string]any{"id": r.ID, "status": r.Status, "due": r.Due})
	}
	fmt.Fprintf(std.out, "%s\nfiled; due %s. A code went to the address; the request goes on when it is entered in the portal.\n", r.ID, r.Due.Format(time.DateOnly))
	return nil
}

type rightsListCmd struct {
	state  `embed:""`
	Status string `help:"Only this status, ended ones too: in_review, completed, denied/no_match, …"`
	All    bool   `help:"Ended ones too."`
	JSON   bool   `help:"Print JSON." name:"json"`
}

// Run lists.
func (c *rightsListCmd) Run(ctx context.Context, std streams) error {
	h, office, err := c.office(ctx, std)
	if err != nil {
		return err
	}
	defer h.close()
	list, err := office.List(ctx, rights.Filter{Status: rights.Status(c.Status), Open: !c.All && c.Status == ""})
	if errors.Is(err, rights.ErrInvalid) {
		return &exit{2, fmt.Errorf("--status: %w", err)}
	}
	if err != nil {
		return err
	}
	if c.JSON {
		rows := []map[string]any{}
		for _, r := range list {
			rows = append(rows, map[string]any{"id": r.ID, "right": r.Right, "status": r.Status, "received": r.Received, "due": r.Due, "facts": r.Facts})
		}
		return printJSON(std.out, rows)
	}
	w := tabwriter.NewWriter(std.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "REQUEST\tRIGHT\tSTATUS\tLAW\tDUE\tDAYS\tAPPROVALS")
	for _, r := range list {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d\t%d\n", r.ID, r.Right, r.Status, r.Facts.Regime, r.Due.Format(time.DateOnly), r.Facts.Clock.DaysLeft(office.Now()), len(r.Facts.Approvals))
	}
	return w.Flush()
}

type rightsShowCmd struct {
	state `embed:""`
	ID    string `arg:"" help:"The request."`
	JSON  bool   `help:"Print JSON." name:"json"`
}

// Run shows one request; nothing personal.
func (c *rightsShowCmd) Run(ctx context.Context, std streams) error {
	h, office, err := c.office(ctx, std)
	if err != nil {
		return err
	}
	defer h.close()
	return showRequest(ctx, office, std, c.ID, c.JSON)
}

func showRequest(ctx context.Context, office *rights.Office, std streams, id string, asJSON bool) error {
	r, err := office.Get(ctx, id)
	if err != nil {
		return err
	}
	steps, err := office.Steps(ctx, id)
	if err != nil {
		return err
	}
	events, err := office.Timeline(ctx, id)
	if err != nil {
		return err
	}
	if asJSON {
		return printJSON(std.out, map[string]any{"id": r.ID, "right": r.Right, "status": r.Status, "due": r.Due, "facts": r.Facts, "steps": steps, "timeline": events})
	}
	fmt.Fprintf(std.out, "%s  %s  %s  due %s (%s)\n", r.ID, r.Right, r.Status, r.Due.Format(time.DateOnly), r.Facts.Clock.Cite)
	if p := r.Facts.Planned; p != nil {
		fmt.Fprintf(std.out, "plan %s\n  %d rows, %d shared, %d of other people left alone, %d kept\n", r.Facts.PlanHash, p.Rows, p.Shared, p.Others, p.Kept)
	}
	for _, f := range r.Facts.Findings {
		fmt.Fprintf(std.out, "  ! %s\n", trimmed(f))
	}
	w := tabwriter.NewWriter(std.out, 0, 4, 2, ' ', 0)
	for _, s := range steps {
		fmt.Fprintf(w, "step %d\t%s.%s\t%s\t%s\t%d rows\t%s\n", s.N, s.System, s.Name, s.Action, s.State, s.Rows, s.Receipt)
	}
	for _, e := range events {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t\t\n", e.At.Format(time.RFC3339), e.Kind, e.Actor, e.Receipt)
	}
	return w.Flush()
}

type rightsPlanCmd struct {
	state `embed:""`
	ID    string `arg:"" help:"The request."`
	As    string `help:"Officer who asks for it." required:""`
	JSON  bool   `help:"Print JSON." name:"json"`
}

// Run plans; nothing is written in any holder.
func (c *rightsPlanCmd) Run(ctx context.Context, std streams) error {
	ctx = patient(ctx)
	h, office, err := c.office(ctx, std)
	if err != nil {
		return err
	}
	defer h.close()
	if _, err := office.MakePlan(ctx, c.ID, c.As); err != nil {
		return err
	}
	return showRequest(ctx, office, std, c.ID, c.JSON)
}

type rightsApproveCmd struct {
	state `embed:""`
	ID    string `arg:"" help:"The request."`
	Hash  string `help:"The plan's hash, as shown." required:""`
	As    string `help:"Officer who approves." required:""`
	JSON  bool   `help:"Print JSON." name:"json"`
}

// Help is the long form of --help.
func (rightsApproveCmd) Help() string {
	return "Whoever can read the configuration's keys can run this; on a server, officers use the console."
}

// Run approves.
func (c *rightsApproveCmd) Run(ctx context.Context, std streams) error {
	ctx = patient(ctx)
	h, office, err := c.office(ctx, std)
	if err != nil {
		return err
	}
	defer h.close()
	if _, err := office.Approve(ctx, c.ID, rights.Officer{Name: c.As}, c.Hash); err != nil {
		return err
	}
	return showRequest(ctx, office, std, c.ID, c.JSON)
}

type rightsRunCmd struct {
	state `embed:""`
	ID    string `arg:"" help:"The request."`
	JSON  bool   `help:"Print JSON." name:"json"`
}

// Run advances one request.
func (c *rightsRunCmd) Run(ctx context.Context, std streams) error {
	ctx = patient(ctx)
	h, office, err := c.office(ctx, std)
	if err != nil {
		return err
	}
	defer h.close()
	if err := office.Advance(ctx, c.ID); err != nil {
		return err
	}
	return showRequest(ctx, office, std, c.ID, c.JSON)
}

type rightsPackageCmd struct {
	state `embed:""`
	File  string `arg:"" help:"The archive." type:"existingfile"`
}

// Run checks an archive against its manifest and our keys.
func (c *rightsPackageCmd) Run(ctx context.Context, std streams) error {
	file, err := os.Open(c.File)
	if err != nil {
		return &exit{2, err}
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return &exit{2, err}
	}
	h, err := c.open(ctx, std.err)
	if err != nil {
		return err
	}
	defer h.close()
	keys, err := h.keeper.PublicKeys(ctx)
	if err != nil {
		return err
	}
	m, err := rights.CheckArchive(file, info.Size(), verifier(keys))
	if err != nil {
		return err
	}
	fmt.Fprintf(std.out, "whole and ours: request %s, made %s, %d files\n", short(m.Request), m.Made.Format(time.RFC3339), len(m.Files))
	return nil
}
