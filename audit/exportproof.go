package audit

import (
	"database/sql"
	"errors"
	"slices"

	"maps"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/privet-gateway/privet/audit/evidence"
)

func marshalIndent(v any) ([]byte, error) {
	text, err := json.Marshal(v, json.Deterministic(true), jsontext.WithIndent("  "))
	return append(text, '\n'), err
}

// proofs writes what ties each range to its root.
func (x *export) proofs(a *archive) error {
	for _, l := range x.Lanes {
		var p evidence.Proof
		err := x.t.db.Read(x.ctx, func(tx *sql.Tx) (err error) {
			n := nodesOf(tx, l.Lane.Lane)
			if p.Left, err = n.span(x.ctx, 0, l.Begin); err != nil {
				return err
			}
			p.Right, err = n.span(x.ctx, l.End, l.Size)
			return err
		})
		if err != nil {
			return err
		}
		text, err := marshalIndent(p)
		if err != nil {
			return err
		}
		if err := a.add(evidence.ProofFile(l.Lane.Lane), text); err != nil {
			return err
		}
	}
	return nil
}

// receipts writes the entries that explain what the archive cannot show.
func (x *export) receipts(a *archive) error {
	var wanted []Receipt
	for _, tag := range slices.Sorted(maps.Keys(x.Lacking)) {
		c, err := x.t.Certificate(x.ctx, tag)
		if errors.Is(err, ErrNone) {
			continue // from a restored backup: the verdict will say that a receipt is missing
		}
		if err != nil {
			return err
		}
		wanted = append(wanted, c.Receipt)
	}
	prunings, err := x.t.prunings(x.ctx)
	if err != nil {
		return err
	}
	wanted = append(wanted, prunings...)
	var text []byte
	for _, r := range wanted {
		line, err := x.receipt(r)
		if errors.Is(err, errLater) {
			x.Later++
			continue
		}
		if err != nil {
			return err
		}
		text = append(append(text, line...), '\n')
	}
	return a.add(evidence.ReceiptsFile, text)
}

// errLater: the entry is younger than the export's checkpoints.
var errLater = errors.New("entry is younger than the export")

func (x *export) receipt(r Receipt) ([]byte, error) {
	lane, index, err := r.split()
	if err != nil {
		return nil, errLater // erased, but the receipt is not written yet
	}
	i := slices.IndexFunc(x.Lanes, func(l laneExport) bool { return l.Lane.Lane == lane })
	if i < 0 || index >= x.Lanes[i].Size {
		return nil, errLater
	}
	out := evidence.Receipt{Lane: lane, Index: index}
	err = x.t.db.Read(x.ctx, func(tx *sql.Tx) (err error) {
		var leaf []byte
		if err := tx.QueryRowContext(x.ctx, "SELECT leaf FROM trail_entries WHERE lane = $1 AND idx = $2", lane, index).Scan(&leaf); err != nil {
			return err
		}
		out.Leaf = string(leaf)
		out.Proof, err = nodesOf(tx, lane).inclusion(x.ctx, index, x.Lanes[i].Size)
		return err
	})
	if err != nil {
		return nil, err
	}
	return json.Marshal(out)
}
