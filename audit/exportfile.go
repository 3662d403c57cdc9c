package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/privet-gateway/privet/audit/store"
)

// stateFile says where an export stands.
const stateFile = "state.json"

// ErrOther: an unfinished export of another choice is in the way.
var ErrOther = errors.New("another export was begun under this name")

// ExportFile is [Trail.Export], or with ocsf [Trail.ExportOCSF], into a file.
// What is done lies in NAME.partial, mode 0700, until the file is whole: after
// an interruption of any kind the same call goes on there, and gives the bytes
// that it would have given without. If somebody was erased or entries were
// pruned meanwhile it begins anew, so that it names nobody who is forgotten.
func (t *Trail) ExportFile(ctx context.Context, name string, ocsf bool, by string, f Filter, progress func(done, total int64)) (Exported, error) {
	x := t.newExport(store.Patient(ctx, exportPatience), ocsf, by, f, progress)
	defer x.discard()
	err := x.toFile(name)
	if err != nil {
		err = fmt.Errorf("export trail: %w", err)
	}
	return x.Exported, err
}

func (x *export) toFile(name string) error {
	if _, err := os.Stat(name); err == nil {
		return fmt.Errorf("%s %w; name another file", name, fs.ErrExist)
	}
	if err := x.openDir(name + ".partial"); err != nil {
		return err
	}
	defer x.lock.Close()
	if err := x.read(); err != nil {
		return err
	}
	if err := x.whole(); err != nil {
		return err
	}
	if err := os.Rename(x.at(wholeFile), name); err != nil {
		return err
	}
	return errors.Join(syncDir(filepath.Dir(name)), os.RemoveAll(x.dir))
}

// openDir takes the directory for this process alone, and what an earlier run
// left in it.
func (x *export) openDir(dir string) (err error) {
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	x.dir = dir
	if x.lock, err = os.OpenFile(x.at("lock"), os.O_CREATE|os.O_RDWR, 0o600); err != nil {
		return err
	}
	if err := syscall.Flock(int(x.lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return errors.Join(fmt.Errorf("%s is being written by another export: %w", dir, err), x.lock.Close())
	}
	if err := x.earlier(); err != nil {
		return errors.Join(err, x.lock.Close())
	}
	return nil
}

// earlier reads where the last run stood.
func (x *export) earlier() error {
	text, err := os.ReadFile(x.at(stateFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var before exportState
	if err == nil {
		err = json.Unmarshal(text, &before)
	}
	if err != nil {
		return fmt.Errorf("%s cannot be gone on with, remove it and export again: %w", x.dir, err)
	}
	if before.OCSF != x.OCSF || before.By != x.By || before.Asked != x.Asked || x.Receipt != "" && x.Receipt != before.Receipt {
		return fmt.Errorf("%w: give the same filter and name as then, or remove %s", ErrOther, x.dir)
	}
	same, err := x.unchanged(before)
	if err != nil {
		return err
	}
	if !same {
		return x.clear()
	}
	before.Resumed = before.Leaves
	x.exportState = before
	return nil
}

// clear removes what names people who may be forgotten by now.
func (x *export) clear() error {
	files, err := os.ReadDir(x.dir)
	for _, f := range files {
		if f.Name() != filepath.Base(x.lock.Name()) {
			err = errors.Join(err, os.Remove(x.at(f.Name())))
		}
	}
	return err
}

// at is a file of the directory.
func (x *export) at(name string) string {
	return filepath.Join(x.dir, strings.ReplaceAll(name, "/", "-"))
}

// save makes what is done so far outlast the process.
func (x *export) save() error {
	if err := x.sheet.flush(); err != nil {
		return err
	}
	states := make(map[string]partState, len(x.parts))
	for name, p := range x.parts {
		state, err := p.save()
		if err == nil && x.dir != "" {
			err = p.file.Sync()
		}
		if err != nil {
			return err
		}
		states[name] = state
	}
	if x.dir == "" {
		return nil
	}
	x.Parts, x.Tree = states, nil
	if x.tree != nil {
		x.Tree = x.tree.Hashes()
	}
	return x.saveState()
}

func (x *export) saveState() error {
	text, err := json.Marshal(x.exportState)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(x.at("state.new"), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), x.at(stateFile)); err != nil {
		return err
	}
	return syncDir(x.dir)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
