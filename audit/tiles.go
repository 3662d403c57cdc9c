package audit

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/transparency-dev/formats/log"

	"github.com/privet-gateway/privet/audit/store"
)

// publish writes a lane as C2SP tlog-tiles below Config.Tiles/<lane>: full
// tiles and entry bundles once, partial ones of this checkpoint, and the
// checkpoint last, so that it never speaks of what is not there.
func (t *Trail) publish(ctx context.Context, lane int64, signed checkpointed) error {
	p := &publisher{ctx: store.Patient(ctx, 30*time.Second), t: t, lane: lane, size: signed.size,
		dir: filepath.Join(t.cfg.Tiles, strconv.FormatInt(lane, 10))}
	done, err := p.published()
	if err != nil || done >= signed.size {
		return err
	}
	err = t.db.Read(p.ctx, func(tx *sql.Tx) error {
		return tx.QueryRowContext(p.ctx, "SELECT pruned FROM trail_lanes WHERE lane = $1", lane).Scan(&p.pruned)
	})
	if err != nil {
		return err
	}
	for level := 0; signed.size>>(tileHeight*level) > 0; level++ {
		if err := p.level(level, done); err != nil {
			return fmt.Errorf("write tiles: %w", err)
		}
	}
	return replaceFile(filepath.Join(p.dir, "checkpoint"), signed.note)
}

type publisher struct {
	ctx  context.Context
	t    *Trail
	lane int64
	size int64
	dir  string

	pruned int64 // leaves before it are gone
}

// published is the size of the checkpoint that is there.
func (p *publisher) published() (int64, error) {
	raw, err := os.ReadFile(filepath.Join(p.dir, "checkpoint"))
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	var c log.Checkpoint
	_, err = c.Unmarshal(raw)
	return int64(c.Size), err
}

// level writes what is new of one tile level.
func (p *publisher) level(level int, done int64) error {
	nodes := p.size >> (tileHeight * level)
	for n := done >> (tileHeight * (level + 1)); n<<tileHeight < nodes; n++ {
		width := min(tileWidth, nodes-n<<tileHeight)
		var hashes, bundle []byte
		err := p.t.db.Read(p.ctx, func(tx *sql.Tx) error {
			hashes, bundle = nil, nil
			list, err := nodesOf(tx, p.lane).tile(p.ctx, level, n)
			if err == nil && (list == nil || width < tileWidth) {
				list, err = nodesAt(p.ctx, tx, p.lane, level, n<<tileHeight, int(width))
			}
			if err != nil {
				return err
			}
			hashes = bytes.Join(list, nil)
			if level == 0 && !p.gone(n) {
				bundle, err = bundleAt(p.ctx, tx, p.lane, n<<tileHeight, width)
			}
			return err
		})
		if err != nil {
			return err
		}
		if err := p.write("tile/"+strconv.Itoa(level), n, width, hashes); err != nil {
			return err
		}
		if level == 0 && !p.gone(n) {
			if err := p.write("tile/entries", n, width, bundle); err != nil {
				return err
			}
		}
	}
	return nil
}

// gone says whether retention has taken the entries of a tile.
func (p *publisher) gone(n int64) bool { return (n+1)*tileWidth <= p.pruned }

// unpublish removes the entry bundles of leaves that retention has taken; their
// hashes stay (C2SP tlog-tiles, pruning).
func (t *Trail) unpublish(lane, before int64) error {
	if t.cfg.Tiles == "" || before == 0 {
		return nil
	}
	dir := filepath.Join(t.cfg.Tiles, strconv.FormatInt(lane, 10), "tile", "entries")
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		digits := strings.NewReplacer("x", "", string(filepath.Separator), "").Replace(strings.TrimPrefix(name, dir))
		if n, err := strconv.ParseInt(digits, 10, 64); err != nil || (n+1)*tileWidth > before {
			return nil // a partial bundle, or one that stays
		}
		return os.Remove(name)
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil // another process publishes this lane, elsewhere
	}
	return err
}

// bundleAt is an entry bundle: each leaf after its length in two bytes.
func bundleAt(ctx context.Context, tx *sql.Tx, lane, first, width int64) ([]byte, error) {
	rows, err := collect(ctx, tx, "SELECT lane, idx, leaf FROM trail_entries WHERE lane = $1 AND idx >= $2 AND idx < $3 ORDER BY idx", lane, first, first+width)
	if err != nil {
		return nil, err
	}
	if int64(len(rows)) != width {
		return nil, fmt.Errorf("%w: %d of %d entries from %d.%d are there", ErrBroken, len(rows), width, lane, first)
	}
	var bundle []byte
	for _, row := range rows {
		bundle = binary.BigEndian.AppendUint16(bundle, uint16(len(row.leaf)))
		bundle = append(bundle, row.leaf...)
	}
	return bundle, nil
}

// write stores one tile; a full one replaces its partial forms.
func (p *publisher) write(kind string, n, width int64, content []byte) error {
	name := filepath.Join(p.dir, filepath.FromSlash(kind), tileName(n))
	if width < tileWidth {
		return replaceFile(filepath.Join(name+".p", strconv.FormatInt(width, 10)), content)
	}
	if err := replaceFile(name, content); err != nil {
		return err
	}
	return os.RemoveAll(name + ".p")
}

// tileName is N as tlog-tiles writes it: groups of three digits, all but the
// last with an x: 1234067 is x001/x234/067.
func tileName(n int64) string {
	name := fmt.Sprintf("%03d", n%1000)
	for n /= 1000; n > 0; n /= 1000 {
		name = fmt.Sprintf("x%03d/%s", n%1000, name)
	}
	return filepath.FromSlash(name)
}

// replaceFile writes a file durably in one step.
func replaceFile(name string, content []byte) error {
	dir := filepath.Dir(name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, "."+strings.ReplaceAll(filepath.Base(name), ".", "-")+"-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(content)
	if err := errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}
