package rights

import (
	"archive/zip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/privet-gateway/privet/audit"
)

// Exporter writes an archive of the trail; audit.Trail.Export is one.
type Exporter func(ctx context.Context, w io.Writer, by string, f audit.Filter, progress func(done, total int64)) (audit.Exported, error)

const evidenceReadme = `Evidence of one privacy request.

request.json   what was asked, under which law, the dates, the plan's hash and
               summary, who approved it and when, and how it ended. No personal data.
steps.json     each act on each system: intent, outcome, receipt.
timeline.json  everything that happened, in order. Each "receipt" names an entry of
               the trail.
trail.zip      those entries and all others of privacy requests in that time, with
               proofs.
manifest.json  SHA-256 of every file here; manifest.sig signs it (Ed25519, key version
               and signature in base64).

Check all of it offline with "privet-verify THIS.zip --key KEY". KEY is the house's
trail.vkey, which comes to you by another way than this archive.
`

// Evidence writes a request's archive for an auditor. It holds nothing personal and
// can be checked without this office.
func (o *Office) Evidence(ctx context.Context, w io.Writer, id, by string, export Exporter) error {
	r, err := o.Get(ctx, id)
	if err != nil {
		return err
	}
	steps, err := o.Steps(ctx, id)
	if err != nil {
		return err
	}
	events, err := o.Timeline(ctx, id)
	if err != nil {
		return err
	}
	now := o.Now().UTC()
	a := &archive{zip: zip.NewWriter(w), now: now}
	facts := r.Facts
	if facts.Package != nil {
		copied := *facts.Package
		copied.Key, facts.Package = nil, &copied
	}
	for _, f := range []struct {
		name    string
		content any
	}{
		{"README.txt", evidenceReadme},
		{"request.json", map[string]any{"id": r.ID, "right": r.Right, "status": r.Status, "received": r.Received, "due": r.Due, "facts": facts}},
		{"steps.json", steps},
		{"timeline.json", events},
	} {
		raw, isText := f.content.(string)
		content := []byte(raw)
		if !isText {
			if content, err = json.MarshalIndent(f.content, "", " "); err != nil {
				return err
			}
		}
		if err := a.put(f.name, content); err != nil {
			return err
		}
	}
	if err := o.addTrail(ctx, a, r, events, by, export); err != nil {
		return err
	}
	return a.sign(ctx, o.Signer, Manifest{Request: r.ID, Made: now, Plan: r.Facts.PlanHash})
}

// addTrail puts the trail's own archive into the evidence, through a file: it is
// written in another order than it is needed here.
func (o *Office) addTrail(ctx context.Context, a *archive, r *Request, events []Event, by string, export Exporter) error {
	file, err := os.CreateTemp("", "evidence-*")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	until := o.Now().Add(time.Minute)
	if r.Facts.Ended != nil { // letters and downloads may have come after that
		until = events[len(events)-1].At.Add(time.Minute)
	}
	if _, err := export(ctx, file, by, audit.Filter{Kind: "rights.*", From: r.Received.Add(-time.Minute), To: until}, nil); err != nil {
		return fmt.Errorf("export trail: %w", err)
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	out, err := a.create("trail.zip")
	if err != nil {
		return err
	}
	_, err = io.Copy(out, file)
	return err
}
