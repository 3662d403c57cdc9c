package rights

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// tidyEvery is how often expired packages are looked for.
const tidyEvery = 10 * time.Minute

// Tidy deletes packages that have expired, each with an entry in trail and timeline
// before its file goes, and what interrupted work left behind.
func (o *Office) Tidy(ctx context.Context) error {
	entries, err := os.ReadDir(o.Packages)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // no package was ever made
	}
	var errs []error
	for _, e := range entries {
		path := filepath.Join(o.Packages, e.Name())
		if strings.HasPrefix(e.Name(), ".making-") {
			if info, err := e.Info(); err == nil && time.Since(info.ModTime()) > 24*time.Hour {
				errs = append(errs, os.Remove(path))
			}
			continue
		}
		if id, ok := strings.CutSuffix(e.Name(), ".zip.sealed"); ok {
			errs = append(errs, o.tidyPackage(ctx, id, path))
		}
	}
	return errors.Join(append(errs, err)...)
}

func (o *Office) tidyPackage(ctx context.Context, id, path string) error {
	r, err := o.Get(ctx, id)
	if errors.Is(err, ErrUnknown) {
		return nil // another office's, which shares the directory
	}
	if err != nil || r.Facts.Package == nil || !o.Now().After(r.Facts.Package.Expires) {
		return err
	}
	if r.Facts.Package.Deleted == nil {
		receipt, err := o.note(ctx, r, "rights.package_deleted", machine, "allowed", map[string]string{"expired": r.Facts.Package.Expires.Format(time.RFC3339)})
		if err != nil {
			return err
		}
		_, err = o.change(ctx, id, func(tx *sql.Tx, r *Request) error {
			if r.Facts.Package.Deleted != nil {
				return nil // another process was quicker
			}
			at := o.Now().UTC()
			r.Facts.Package.Deleted, r.Facts.Package.Key = &at, nil
			return o.tell(ctx, tx, r, "package_deleted", machine, string(receipt), nil)
		})
		if err != nil {
			return err
		}
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
