package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/privet-gateway/privet/audit/store"
)

// kindExport is the entry that an export is.
const kindExport = "trail.export"

// wholeFile is the finished archive in the directory of an export.
const wholeFile = "whole"

// formatOCSF says in the entry of an export that it is none that proves itself.
const formatOCSF = "ocsf"

// Order is who asked for an export, and when.
type Order struct {
	By   string
	At   time.Time
	OCSF bool // as JSON lines for a SIEM, as [Trail.ExportOCSF] writes them
}

// AskExport writes down that an officer wants an export. The entry is the order:
// whoever shares the trail can carry it out with [Trail.ExportAsked], now or
// after a restart.
func (t *Trail) AskExport(ctx context.Context, by string, ocsf bool, f Filter) (Receipt, error) {
	x := t.newExport(ctx, ocsf, by, f, nil)
	err := x.choose()
	if err == nil {
		err = x.record()
	}
	if err != nil {
		return "", fmt.Errorf("ask for an export: %w", err)
	}
	return x.Receipt, nil
}

// Asked says who asked for an export. ErrNone: the entry is none.
func (t *Trail) Asked(ctx context.Context, r Receipt) (Order, error) {
	e, err := t.asked(ctx, r)
	return Order{e.Event.Agent, e.Time, e.Event.Detail["format"] == formatOCSF}, err
}

func (t *Trail) asked(ctx context.Context, r Receipt) (Entry, error) {
	e, err := t.Entry(ctx, r)
	if err == nil && e.Event.Kind != kindExport {
		err = fmt.Errorf("entry %s: %w: it is no export", r, ErrNone)
	}
	return e, err
}

// ExportAsked carries an order out into a directory of its own, and gives the
// archive's file there. What is done survives the process: the same call goes on
// where the last one stood, or finds that all is done. After an erasure it begins
// anew. ErrErased: the order is about somebody who was erased since.
func (t *Trail) ExportAsked(ctx context.Context, dir string, r Receipt, progress func(done, total int64)) (Exported, string, error) {
	x, err := t.order(ctx, r, progress)
	if err == nil {
		defer x.discard()
		err = x.intoDir(dir)
	}
	if err != nil {
		return Exported{}, "", fmt.Errorf("export %s: %w", r, err)
	}
	return x.Exported, filepath.Join(dir, wholeFile), nil
}

// order is the export that an entry asks for.
func (t *Trail) order(ctx context.Context, r Receipt, progress func(done, total int64)) (*export, error) {
	e, err := t.asked(ctx, r)
	if err != nil {
		return nil, err
	}
	f := Filter{Kind: e.Event.Detail["kind"], Agent: e.Event.Detail["agent"]}
	for name, at := range map[string]*time.Time{"from": &f.From, "to": &f.To} {
		if text := e.Event.Detail[name]; text != "" {
			if *at, err = time.Parse(time.RFC3339, text); err != nil {
				return nil, fmt.Errorf("%w: %w", ErrBroken, err)
			}
		}
	}
	if len(e.Tags) > 0 {
		if len(e.Erased) > 0 {
			return nil, ErrErased
		}
		f.Subject = e.Event.Subjects[0]
	}
	x := t.newExport(store.Patient(ctx, exportPatience), e.Event.Detail["format"] == formatOCSF, e.Event.Agent, f, progress)
	x.Receipt = e.Receipt
	return x, nil
}

func (x *export) intoDir(dir string) error {
	if err := x.openDir(dir); err != nil {
		return err
	}
	defer x.lock.Close()
	if x.Whole {
		return nil
	}
	if err := x.read(); err != nil {
		return err
	}
	if err := x.whole(); err != nil {
		return err
	}
	x.Whole = true
	if err := x.saveState(); err != nil {
		return err
	}
	var err error
	for name := range x.parts {
		err = errors.Join(err, os.Remove(x.at(name)))
	}
	return err
}

// whole puts the parts together, in the directory.
func (x *export) whole() error {
	f, err := os.OpenFile(x.at(wholeFile), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(x.assemble(f), f.Sync(), f.Close())
}

// ExportStands says whether the directory's archive is whole, and whether all are
// still there, people and entries, who were when it was begun.
func (t *Trail) ExportStands(ctx context.Context, dir string) (whole, same bool, err error) {
	text, err := os.ReadFile(filepath.Join(dir, stateFile))
	if errors.Is(err, fs.ErrNotExist) {
		return false, false, nil
	}
	if err != nil {
		return false, false, err
	}
	var state exportState
	if err := json.Unmarshal(text, &state); err != nil {
		return false, false, fmt.Errorf("%s/%s: %w", dir, stateFile, err)
	}
	x := t.newExport(ctx, state.OCSF, state.By, state.Asked, nil)
	same, err = x.unchanged(state)
	return state.Whole, same, err
}
