package audit

import (
	"database/sql"
	"errors"
	"fmt"
	"os"

	"github.com/privet-gateway/privet/audit/evidence"
)

const (
	exportPage = 1024           // leaves read in one transaction
	exportSave = 4 * exportPage // leaves after which an interrupted export goes on
)

// eventsPart is the only part of an export as OCSF.
const eventsPart = "events"

// partNames are the parts in the order in which the archive holds them.
func (x *export) partNames() []string {
	if x.OCSF {
		return []string{eventsPart}
	}
	names := []string{evidence.EntriesFile, evidence.CSVFile, evidence.HeadersFile}
	for _, l := range x.Lanes {
		names = append(names, evidence.HashesFile(l.Lane.Lane))
	}
	return names
}

func (x *export) openParts() error {
	for _, name := range x.partNames() {
		p, err := x.openPart(name)
		if err != nil {
			return err
		}
		x.parts[name] = p
	}
	if x.OCSF {
		return nil
	}
	x.sheet = newSheet(x.parts[evidence.CSVFile])
	if x.parts[evidence.CSVFile].Size > 0 {
		return nil
	}
	return x.sheet.head()
}

func (x *export) openPart(name string) (*part, error) {
	open := nameless
	if x.dir != "" {
		open = func() (*os.File, error) { return os.OpenFile(x.at(name), os.O_RDWR|os.O_CREATE, 0o600) }
	}
	file, err := open()
	if err != nil {
		return nil, err
	}
	p, err := newPart(file, !x.OCSF, x.Parts[name])
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return p, nil
}

// walk goes over the leaves of all lanes from where the export stands.
func (x *export) walk() error {
	for ; x.Lane < len(x.Lanes); x.Lane++ {
		l := &x.Lanes[x.Lane]
		x.Index = max(x.Index, l.Begin)
		if err := x.openTree(l); err != nil {
			return err
		}
		for x.Index < l.End {
			if (x.Index-l.Begin)%exportSave == 0 {
				if err := x.save(); err != nil {
					return err
				}
			}
			if err := x.page(l); err != nil {
				return err
			}
		}
		if err := x.compare(l); err != nil {
			return err
		}
		x.Index, x.Tree = 0, nil
	}
	return x.sheet.flush()
}

// openTree begins the tree of a lane at the export's place in it.
func (x *export) openTree(l *laneExport) (err error) {
	if x.Tree == nil {
		err = x.t.db.Read(x.ctx, func(tx *sql.Tx) (err error) {
			x.Tree, err = nodesOf(tx, l.Lane.Lane).span(x.ctx, 0, l.Begin)
			return err
		})
	}
	if err == nil {
		x.tree, err = evidence.Ranges().NewRange(0, uint64(x.Index), x.Tree)
	}
	return err
}

// page takes the next leaves.
func (x *export) page(l *laneExport) error {
	if err := x.ctx.Err(); err != nil {
		return err
	}
	to := min(x.Index+exportPage, l.End)
	var rows []found
	var pruned int64
	err := x.t.db.Read(x.ctx, func(tx *sql.Tx) (err error) {
		rows, err = collect(x.ctx, tx, "SELECT lane, idx, leaf FROM trail_entries WHERE lane = $1 AND idx >= $2 AND idx < $3 ORDER BY idx",
			l.Lane.Lane, x.Index, to)
		if err != nil {
			return err
		}
		return tx.QueryRowContext(x.ctx, "SELECT pruned FROM trail_lanes WHERE lane = $1", l.Lane.Lane).Scan(&pruned)
	})
	switch {
	case err != nil:
		return err
	case pruned > x.Index:
		return fmt.Errorf("%w while this ran; export again", ErrPruned)
	case int64(len(rows)) != to-x.Index:
		return fmt.Errorf("%w: %d of %d entries from %d.%d are there", ErrBroken, len(rows), to-x.Index, l.Lane.Lane, x.Index)
	}
	for _, row := range rows {
		hash := evidence.LeafHash(row.leaf)
		if err := x.tree.Append(hash, nil); err != nil {
			return err
		}
		if x.OCSF {
			continue
		}
		if _, err := x.parts[evidence.HashesFile(row.lane)].Write(hash); err != nil {
			return err
		}
	}
	take := x.write
	if x.OCSF {
		take = x.translate
	}
	if err := take(rows); err != nil {
		return err
	}
	x.Index, x.Leaves = to, x.Leaves+int64(len(rows))
	if x.progress != nil {
		x.progress(x.Leaves, x.total)
	}
	return nil
}

// compare holds the root of what was read against the signed one.
func (x *export) compare(l *laneExport) error {
	var right [][]byte
	err := x.t.db.Read(x.ctx, func(tx *sql.Tx) (err error) {
		right, err = nodesOf(tx, l.Lane.Lane).span(x.ctx, l.End, l.Size)
		return err
	})
	if err != nil {
		return err
	}
	rest, err := evidence.Ranges().NewRange(uint64(l.End), uint64(l.Size), right)
	if err == nil {
		err = x.tree.AppendRange(rest, nil)
	}
	if err != nil {
		return err
	}
	if root, err := evidence.Root(x.tree); err != nil || string(root) != string(l.Root) {
		return fmt.Errorf("%w: the entries of %s hash to another root (%v)", ErrBroken, l.Origin, err)
	}
	return nil
}

// write sorts a page into entries, which are opened, and headers.
func (x *export) write(rows []found) error {
	var chosen []found
	is := make([]bool, len(rows))
	for i, row := range rows {
		if is[i] = x.filter.All(); !is[i] {
			l, at, err := evidence.Decode(row.leaf)
			if err != nil {
				return fmt.Errorf("%w: %w", ErrBroken, err)
			}
			is[i] = x.filter.Matches(l, at)
		}
		if is[i] {
			chosen = append(chosen, row)
		}
	}
	opened, err := x.t.openings(x.ctx, chosen)
	if err != nil {
		return err
	}
	var buf []byte
	for i, row := range rows {
		line := evidence.Line{Lane: row.lane, Index: row.index, Leaf: row.leaf}
		to := x.parts[evidence.HeadersFile]
		if is[i] {
			o := opened[0]
			opened = opened[1:]
			to = x.parts[evidence.EntriesFile]
			x.open(o, &line)
			x.Entries++
			if err := x.sheet.add(o.entry); err != nil {
				return err
			}
		}
		if buf, err = line.Append(buf[:0]); err != nil {
			return err
		}
		if _, err := to.Write(buf); err != nil {
			return err
		}
	}
	return nil
}

// open puts what proves an entry's personal parts into its line.
func (x *export) open(o openedEntry, line *evidence.Line) {
	line.Personal = o.openings
	for i, key := range o.keys {
		if key == nil {
			x.Lacking[o.entry.Tags[i]] = true
			continue
		}
		if line.Subjects == nil {
			line.Subjects = map[string]evidence.Naming{}
		}
		line.Subjects[key.tag] = evidence.Naming{Subject: key.subject, Key: key.tagKey}
	}
}
