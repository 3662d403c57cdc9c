package audit

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/privet-gateway/privet/audit/evidence"
	"github.com/privet-gateway/privet/audit/store"
)

// exportPage is how many leaves are read in one transaction.
const exportPage = 1024

// exportPatience bounds one such transaction.
const exportPatience = 30 * time.Second

// Exported says what an export holds.
type Exported struct {
	Receipt Receipt // of the export itself in the trail
	Entries int64
	Leaves  int64 // read, entries and headers together
	// Later counts entries that name someone who was erased while the export ran:
	// their receipt is younger than the checkpoint, and the verdict will be INCOMPLETE.
	Later int64
}

// Export writes an archive of all entries that the filter chooses, for an
// officer; Limit and Before are not used. The export is an entry itself, made
// before the first byte is written. The archive streams; what cannot be written
// in order waits in nameless temporary files.
func (t *Trail) Export(ctx context.Context, w io.Writer, by string, f Filter, progress func(done, total int64)) (Exported, error) {
	x := &export{t: t, ctx: store.Patient(ctx, exportPatience), by: by, made: t.cfg.Clock().UTC(), progress: progress,
		lacking: map[string]bool{}}
	defer x.discard()
	err := x.run(w, f)
	if err != nil {
		err = fmt.Errorf("export trail: %w", err)
	}
	return x.done, err
}

// export is one run of Export.
type export struct {
	t        *Trail
	ctx      context.Context
	by       string
	made     time.Time
	filter   evidence.Filter
	lanes    []laneExport
	progress func(done, total int64)
	total    int64

	archive *archive
	parts   []*part
	lacking map[string]bool // tags of entries whose subject is erased
	done    Exported
}

// laneExport is one lane as it was when the export began.
type laneExport struct {
	evidence.Lane
	root       []byte
	checkpoint []byte
}

func (x *export) run(w io.Writer, f Filter) error {
	if err := x.record(f); err != nil {
		return err
	}
	if err := x.snapshot(); err != nil {
		return err
	}
	x.archive = newArchive(w, x.made)
	if err := x.archive.add(evidence.ReadmeFile, []byte(readme)); err != nil {
		return err
	}
	if err := x.entries(); err != nil {
		return err
	}
	if err := x.proofs(); err != nil {
		return err
	}
	if err := x.receipts(); err != nil {
		return err
	}
	return x.seal()
}

// record makes the export an entry of the trail.
func (x *export) record(f Filter) error {
	x.filter = evidence.Filter{From: f.From.UTC(), To: f.To.UTC(), Kind: f.Kind, Agent: f.Agent, Subject: f.Subject}
	e := Event{Kind: "trail.export", Agent: x.by, Outcome: "allowed", Detail: map[string]string{"kind": f.Kind, "agent": f.Agent}}
	for name, at := range map[string]time.Time{"from": f.From, "to": f.To} {
		if !at.IsZero() {
			e.Detail[name] = at.UTC().Format(time.RFC3339)
		}
	}
	if f.Subject != "" {
		key, err := x.t.freshKey(x.ctx, want{subject: f.Subject})
		if errors.Is(err, ErrErased) {
			return fmt.Errorf("%w, or was never seen: no entry can be found by that name", err)
		}
		if err != nil {
			return err
		}
		x.filter.Tag, x.filter.Opening = key.tag, key.tagKey
		e.Subjects = []string{f.Subject}
	}
	var err error
	x.done.Receipt, err = x.t.Append(x.ctx, e)
	return err
}

// snapshot fixes how far each lane goes, and has the keeper sign those heads.
func (x *export) snapshot() error {
	keys, _, err := keysOf(x.ctx, x.t.cfg.Signer, x.t.cfg.Origin)
	if err != nil {
		return err
	}
	type stored struct{ head, endorsement []byte }
	var heads []stored
	err = x.t.db.Read(x.ctx, func(tx *sql.Tx) error {
		x.lanes, heads = nil, nil
		rows, err := tx.QueryContext(x.ctx, "SELECT lane, size, root, head, endorsement, pruned FROM trail_lanes WHERE size > 0 ORDER BY lane")
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var l laneExport
			var s stored
			if err := rows.Scan(&l.Lane.Lane, &l.Size, &l.root, &s.head, &s.endorsement, &l.Pruned); err != nil {
				return err
			}
			l.Origin = x.t.originOf(l.Lane.Lane)
			x.lanes, heads = append(x.lanes, l), append(heads, s)
		}
		return rows.Err()
	})
	if err != nil {
		return err
	}
	for i := range x.lanes {
		l := &x.lanes[i]
		h, err := evidence.OpenEndorsed(heads[i].head, heads[i].endorsement, keys)
		if err != nil || h.Origin != l.Origin || h.Size != l.Size || string(h.Root) != string(l.root) {
			return fmt.Errorf("%w: %s (%v)", ErrBroken, l.Origin, err)
		}
		if l.checkpoint, err = signNote(x.ctx, x.t.cfg.Signer, x.t.cfg.Origin, evidence.CheckpointText(l.Origin, l.Size, l.root)); err != nil {
			return err
		}
		if err := x.bounds(l); err != nil {
			return err
		}
		x.total += l.End - l.Begin
	}
	return nil
}

// bounds finds the range of a lane: what the filter's times choose, and one
// leaf on each side that shows that there was no more.
func (x *export) bounds(l *laneExport) error {
	l.Begin, l.End = l.Pruned, l.Size
	first := func(at time.Time, otherwise int64) (index int64, err error) {
		err = x.t.db.Read(x.ctx, func(tx *sql.Tx) error {
			return tx.QueryRowContext(x.ctx, "SELECT idx FROM trail_entries WHERE time >= $1 AND lane = $2 AND idx < $3 ORDER BY time, idx LIMIT 1",
				micros(at), l.Lane.Lane, l.Size).Scan(&index)
		})
		if errors.Is(err, sql.ErrNoRows) {
			return otherwise, nil
		}
		return index, err
	}
	if !x.filter.From.IsZero() {
		begin, err := first(x.filter.From, l.Size)
		if err != nil {
			return err
		}
		l.Begin = max(l.Pruned, begin-1)
	}
	if !x.filter.To.IsZero() {
		end, err := first(x.filter.To, l.Size)
		if err != nil {
			return err
		}
		l.End = max(l.Begin, min(l.Size, end+1))
	}
	return nil
}

// entries writes entries.jsonl, and beside it the parts that follow.
func (x *export) entries() error {
	parts := []**part{}
	var csvPart, headers *part
	parts = append(parts, &csvPart, &headers)
	for _, p := range parts {
		made, err := newPart()
		if err != nil {
			return err
		}
		*p = made
		x.parts = append(x.parts, made)
	}
	out, err := x.archive.create(evidence.EntriesFile)
	if err != nil {
		return err
	}
	sheet, err := newSheet(csvPart)
	if err != nil {
		return err
	}
	hashes := make([]*part, len(x.lanes))
	for i := range x.lanes {
		if hashes[i], err = newPart(); err != nil {
			return err
		}
		x.parts = append(x.parts, hashes[i])
		if err := x.lane(&x.lanes[i], out, headers, sheet, hashes[i]); err != nil {
			return err
		}
	}
	if err := sheet.flush(); err != nil {
		return err
	}
	if err := x.archive.addPart(evidence.CSVFile, csvPart); err != nil {
		return err
	}
	if err := x.archive.addPart(evidence.HeadersFile, headers); err != nil {
		return err
	}
	for i, l := range x.lanes {
		if err := x.archive.addPart(evidence.HashesFile(l.Lane.Lane), hashes[i]); err != nil {
			return err
		}
	}
	return nil
}

// lane walks the leaves of one lane, and compares their root with the signed one.
func (x *export) lane(l *laneExport, out, headers io.Writer, sheet *sheet, hashes io.Writer) error {
	var left, right [][]byte
	err := x.t.db.Read(x.ctx, func(tx *sql.Tx) (err error) {
		n := nodesOf(tx, l.Lane.Lane)
		if left, err = n.span(x.ctx, 0, l.Begin); err != nil {
			return err
		}
		right, err = n.span(x.ctx, l.End, l.Size)
		return err
	})
	if err != nil {
		return err
	}
	tree, err := evidence.Ranges().NewRange(0, uint64(l.Begin), left)
	if err != nil {
		return err
	}
	for index := l.Begin; index < l.End; index += exportPage {
		if err := x.ctx.Err(); err != nil {
			return err
		}
		rows, err := x.page(l, index, min(index+exportPage, l.End))
		if err != nil {
			return err
		}
		for _, row := range rows {
			hash := evidence.LeafHash(row.leaf)
			if err := tree.Append(hash, nil); err != nil {
				return err
			}
			if _, err := hashes.Write(hash); err != nil {
				return err
			}
		}
		if err := x.write(rows, out, headers, sheet); err != nil {
			return err
		}
		x.done.Leaves += int64(len(rows))
		if x.progress != nil {
			x.progress(x.done.Leaves, x.total)
		}
	}
	rest, err := evidence.Ranges().NewRange(uint64(l.End), uint64(l.Size), right)
	if err == nil {
		err = tree.AppendRange(rest, nil)
	}
	if err != nil {
		return err
	}
	if root, err := evidence.Root(tree); err != nil || string(root) != string(l.root) {
		return fmt.Errorf("%w: the entries of %s hash to another root (%v)", ErrBroken, l.Origin, err)
	}
	return nil
}

func (x *export) page(l *laneExport, from, to int64) (rows []found, err error) {
	err = x.t.db.Read(x.ctx, func(tx *sql.Tx) error {
		rows, err = collect(x.ctx, tx, "SELECT lane, idx, leaf FROM trail_entries WHERE lane = $1 AND idx >= $2 AND idx < $3 ORDER BY idx", l.Lane.Lane, from, to)
		return err
	})
	if err == nil && int64(len(rows)) != to-from {
		err = fmt.Errorf("%w: %d of %d entries from %d.%d are there", ErrBroken, len(rows), to-from, l.Lane.Lane, from)
	}
	return rows, err
}

// write sorts a page into entries, which are opened, and headers.
func (x *export) write(rows []found, out, headers io.Writer, sheet *sheet) error {
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
		to := headers
		if is[i] {
			o := opened[0]
			opened = opened[1:]
			to = out
			x.open(o, &line)
			x.done.Entries++
			if err := sheet.add(o.entry); err != nil {
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
			x.lacking[o.entry.Tags[i]] = true
			continue
		}
		if line.Subjects == nil {
			line.Subjects = map[string]evidence.Naming{}
		}
		line.Subjects[key.tag] = evidence.Naming{Subject: key.subject, Key: key.tagKey}
	}
}

// seal writes the manifest and signs it, and then the archive.
func (x *export) seal() error {
	m := evidence.Manifest{Format: evidence.Format, Made: x.made, By: x.by, Receipt: string(x.done.Receipt), Filter: x.filter,
		Entries: x.done.Entries, Files: x.archive.files}
	for i, l := range x.lanes {
		m.Lanes = append(m.Lanes, l.Lane)
		if err := x.archive.add(evidence.CheckpointFile(l.Lane.Lane, i == 0), l.checkpoint); err != nil {
			return err
		}
	}
	text, err := marshalIndent(m)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(text)
	signed, err := x.sign(evidence.ManifestTitle, sum[:])
	if err != nil {
		return err
	}
	if err := x.archive.add(evidence.ManifestFile, text); err != nil {
		return err
	}
	if err := x.archive.add(evidence.SignatureFile, signed); err != nil {
		return err
	}
	// Two notes by the same keys differ in length as their titles do.
	length := len(signed) - len(evidence.ManifestTitle) + len(evidence.ArchiveTitle)
	return x.archive.close(length, func(sum []byte) ([]byte, error) { return x.sign(evidence.ArchiveTitle, sum) })
}

func (x *export) sign(title string, sum []byte) ([]byte, error) {
	return signNote(x.ctx, x.t.cfg.Signer, x.t.cfg.Origin, title+"\n"+hex.EncodeToString(sum)+"\n")
}

func (x *export) discard() {
	for _, p := range x.parts {
		p.close()
	}
}
