package audit

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/transparency-dev/merkle/compact"

	"github.com/privet-gateway/privet/audit/evidence"
	"github.com/privet-gateway/privet/audit/store"
)

// exportPatience bounds one transaction of an export.
const exportPatience = 30 * time.Second

// Exported says what an export holds.
type Exported struct {
	Receipt Receipt // of the export itself in the trail
	Entries int64
	Leaves  int64 // read, entries and headers together
	Resumed int64 // of them by an earlier run
	// Later counts entries that name someone who was erased while the export ran:
	// their receipt is younger than the checkpoint, and the verdict will be INCOMPLETE.
	Later int64
}

// Export writes an archive of all entries that the filter chooses, for an
// officer; Limit and Before are not used. The export is an entry itself, made
// before the first byte is written. Memory stays constant: parts wait, compressed,
// in nameless temporary files until they are put together.
func (t *Trail) Export(ctx context.Context, w io.Writer, by string, f Filter, progress func(done, total int64)) (Exported, error) {
	return t.export(ctx, w, false, by, f, progress)
}

func (t *Trail) export(ctx context.Context, w io.Writer, ocsf bool, by string, f Filter, progress func(done, total int64)) (Exported, error) {
	x := t.newExport(store.Patient(ctx, exportPatience), ocsf, by, f, progress)
	defer x.discard()
	err := x.read()
	if err == nil {
		err = x.assemble(w)
	}
	if err != nil {
		err = fmt.Errorf("export trail: %w", err)
	}
	return x.Exported, err
}

// export is one run of an export.
type export struct {
	t        *Trail
	ctx      context.Context
	progress func(done, total int64)
	dir      string   // where the next run finds what is done; "": nowhere
	lock     *os.File // on dir
	exportState

	filter evidence.Filter
	total  int64
	parts  map[string]*part
	sheet  *sheet
	tree   *compact.Range // of the lane at hand
}

// exportState is where an export stands.
type exportState struct {
	OCSF  bool
	By    string
	Asked Filter
	Made  time.Time
	Whole bool // it is put together
	Exported

	Erasures int64 // the newest when it began
	Lanes    []laneExport
	Lane     int             // at hand, in Lanes
	Index    int64           // the next leaf of it
	Tree     [][]byte        // the leaves of it so far
	Lacking  map[string]bool // tags of entries whose subject is erased
	Parts    map[string]partState
}

// laneExport is one lane as it was when the export began.
type laneExport struct {
	evidence.Lane
	Root       []byte
	Checkpoint []byte
}

func (t *Trail) newExport(ctx context.Context, ocsf bool, by string, f Filter, progress func(done, total int64)) *export {
	f.From, f.To, f.Limit, f.Before = f.From.UTC(), f.To.UTC(), 0, ""
	return &export{t: t, ctx: ctx, progress: progress, parts: map[string]*part{},
		exportState: exportState{OCSF: ocsf, By: by, Asked: f, Made: t.cfg.Clock().UTC(), Lacking: map[string]bool{}}}
}

// read brings all leaves into the parts.
func (x *export) read() error {
	if err := x.choose(); err != nil {
		return err
	}
	if x.Receipt == "" {
		if err := x.record(); err != nil {
			return err
		}
	}
	if x.Lanes == nil {
		if err := x.snapshot(); err != nil {
			return err
		}
	}
	for _, l := range x.Lanes {
		x.total += l.End - l.Begin
	}
	if err := x.openParts(); err != nil {
		return err
	}
	return x.walk()
}

// choose completes the filter by what proves whom it names.
func (x *export) choose() error {
	f := x.Asked
	x.filter = evidence.Filter{From: f.From, To: f.To, Kind: f.Kind, Agent: f.Agent, Subject: f.Subject}
	if f.Subject == "" {
		return nil
	}
	key, err := x.t.freshKey(x.ctx, want{subject: f.Subject})
	if errors.Is(err, ErrErased) {
		return fmt.Errorf("%w, or was never seen: no entry can be found by that name", err)
	}
	if err != nil {
		return err
	}
	x.filter.Tag, x.filter.Opening = key.tag, key.tagKey
	return nil
}

// record makes the export an entry of the trail.
func (x *export) record() error {
	f := x.Asked
	e := Event{Kind: kindExport, Agent: x.By, Outcome: "allowed", Detail: map[string]string{"kind": f.Kind, "agent": f.Agent}}
	for name, at := range map[string]time.Time{"from": f.From, "to": f.To} {
		if !at.IsZero() {
			e.Detail[name] = at.UTC().Format(time.RFC3339Nano)
		}
	}
	if f.Subject != "" {
		e.Subjects = []string{f.Subject}
	}
	if x.OCSF {
		e.Detail["format"] = formatOCSF
	}
	var err error
	x.Receipt, err = x.t.Append(x.ctx, e)
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
		x.Lanes, heads = nil, nil
		if err := tx.QueryRowContext(x.ctx, newestErasure).Scan(&x.Erasures); err != nil {
			return err
		}
		rows, err := tx.QueryContext(x.ctx, "SELECT lane, size, root, head, endorsement, pruned FROM trail_lanes WHERE size > 0 ORDER BY lane")
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var l laneExport
			var s stored
			if err := rows.Scan(&l.Lane.Lane, &l.Size, &l.Root, &s.head, &s.endorsement, &l.Pruned); err != nil {
				return err
			}
			l.Origin = x.t.originOf(l.Lane.Lane)
			x.Lanes, heads = append(x.Lanes, l), append(heads, s)
		}
		return rows.Err()
	})
	if err != nil {
		return err
	}
	for i := range x.Lanes {
		l := &x.Lanes[i]
		h, err := evidence.OpenEndorsed(heads[i].head, heads[i].endorsement, keys)
		if err != nil || h.Origin != l.Origin || h.Size != l.Size || string(h.Root) != string(l.Root) {
			return fmt.Errorf("%w: %s (%v)", ErrBroken, l.Origin, err)
		}
		if l.Checkpoint, err = signNote(x.ctx, x.t.cfg.Signer, x.t.cfg.Origin, evidence.CheckpointText(l.Origin, l.Size, l.Root)); err != nil {
			return err
		}
		if err := x.bounds(l); err != nil {
			return err
		}
	}
	if len(x.Lanes) > 0 {
		x.Index = x.Lanes[0].Begin
	}
	return nil
}

// bounds finds the range of a lane: what the filter's times choose, and one
// leaf on each side that shows that there was no more.
func (x *export) bounds(l *laneExport) error {
	l.Begin, l.End = l.Pruned, l.Size
	first := func(at time.Time) (index int64, err error) {
		err = x.t.db.Read(x.ctx, func(tx *sql.Tx) error {
			index, err = since(x.ctx, tx, l.Lane.Lane, micros(at), l.Pruned, l.Size)
			return err
		})
		return index, err
	}
	if !x.filter.From.IsZero() {
		begin, err := first(x.filter.From)
		if err != nil {
			return err
		}
		l.Begin = max(l.Pruned, begin-1)
	}
	if !x.filter.To.IsZero() {
		end, err := first(x.filter.To)
		if err != nil {
			return err
		}
		l.End = max(l.Begin, min(l.Size, end+1))
	}
	return nil
}

// unchanged says whether an earlier run may be gone on with.
func (x *export) unchanged(before exportState) (same bool, err error) {
	err = x.t.db.Read(x.ctx, func(tx *sql.Tx) error {
		var erasures int64
		if err := tx.QueryRowContext(x.ctx, newestErasure).Scan(&erasures); err != nil {
			return err
		}
		same = erasures == before.Erasures
		for _, l := range before.Lanes {
			var pruned int64
			if err := tx.QueryRowContext(x.ctx, "SELECT pruned FROM trail_lanes WHERE lane = $1", l.Lane.Lane).Scan(&pruned); err != nil {
				return err
			}
			same = same && pruned == l.Pruned
		}
		return nil
	})
	return same, err
}

// assemble makes the whole of the parts.
func (x *export) assemble(w io.Writer) error {
	if x.OCSF {
		p := x.parts[eventsPart]
		if err := p.finish(); err != nil {
			return err
		}
		_, err := io.Copy(w, p.file)
		return err
	}
	a := newArchive(w, x.Made)
	if err := a.add(evidence.ReadmeFile, []byte(readme)); err != nil {
		return err
	}
	for _, name := range x.partNames() {
		if err := a.addPart(name, x.parts[name]); err != nil {
			return err
		}
	}
	if err := x.proofs(a); err != nil {
		return err
	}
	if err := x.receipts(a); err != nil {
		return err
	}
	return x.seal(a)
}

// seal writes the manifest and signs it, and then the archive.
func (x *export) seal(a *archive) error {
	m := evidence.Manifest{Format: evidence.Format, Made: x.Made, By: x.By, Receipt: string(x.Receipt), Filter: x.filter,
		Entries: x.Entries, Files: a.files}
	for i, l := range x.Lanes {
		m.Lanes = append(m.Lanes, l.Lane)
		if err := a.add(evidence.CheckpointFile(l.Lane.Lane, i == 0), l.Checkpoint); err != nil {
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
	if err := a.add(evidence.ManifestFile, text); err != nil {
		return err
	}
	if err := a.add(evidence.SignatureFile, signed); err != nil {
		return err
	}
	// Two notes by the same keys differ in length as their titles do.
	length := len(signed) - len(evidence.ManifestTitle) + len(evidence.ArchiveTitle)
	return a.close(length, func(sum []byte) ([]byte, error) { return x.sign(evidence.ArchiveTitle, sum) })
}

func (x *export) sign(title string, sum []byte) ([]byte, error) {
	return signNote(x.ctx, x.t.cfg.Signer, x.t.cfg.Origin, title+"\n"+hex.EncodeToString(sum)+"\n")
}

func (x *export) discard() {
	for _, p := range x.parts {
		_ = p.file.Close()
	}
}
