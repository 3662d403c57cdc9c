package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// checkCmd opens everything a configuration names and says what to mend.
type checkCmd struct {
	Config string `help:"Configuration file." type:"existingfile" required:"" placeholder:"FILE"`
}

// Help shows an example.
func (checkCmd) Help() string {
	return `Nothing is carried out: no request, no pruning, no copy to anybody. Where there are no
records yet, none are made. Tables of records that are there are brought up to date.`
}

// Run prints one line a part.
func (c *checkCmd) Run(ctx context.Context, std streams) error {
	cfg, err := readConfig(c.Config)
	if err != nil {
		return &exit{2, err}
	}
	fresh, clear, err := cfg.rehearse()
	if err != nil {
		return err
	}
	defer clear()
	h, err := openHouse(ctx, cfg, 0, std.err)
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
	if fresh {
		fmt.Fprintln(std.out, "there are no records yet; the first start makes them")
	}
	return nil
}

// rehearse lets a configuration be opened without consequences: what would be made
// at a first start is made in a directory that is thrown away.
func (c *config) rehearse() (fresh bool, clear func(), err error) {
	c.rehearsal = true
	file, embedded := strings.CutPrefix(c.Store, "sqlite:")
	if _, err := os.Stat(file); !embedded || !errors.Is(err, fs.ErrNotExist) {
		return false, func() {}, nil
	}
	dir, err := os.MkdirTemp("", "privet-check-*")
	if err != nil {
		return false, nil, err
	}
	instead := func(path *string) {
		if *path != "" {
			*path = filepath.Join(dir, filepath.Base(*path))
		}
	}
	c.Store = "sqlite:" + filepath.Join(dir, "privet.db")
	instead(&c.Trail.Key)
	instead(&c.Trail.Erased)
	instead(&c.Trail.Exports)
	instead(&c.Post.Outbox)
	if c.Policy.Bundle != nil {
		instead(&c.Policy.Bundle.Keep)
	}
	if l := c.Keeper.Local; l != nil {
		for _, path := range []*string{&l.File, &l.RootKey} {
			if _, err := os.Stat(*path); errors.Is(err, fs.ErrNotExist) {
				instead(path)
			}
		}
	}
	return true, func() { _ = os.RemoveAll(dir) }, nil
}
