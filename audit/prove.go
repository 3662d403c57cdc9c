package audit

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/transparency-dev/formats/proof"

	"github.com/privet-gateway/privet/audit/evidence"
)

// ErrEarly: no checkpoint covers the entry yet; one will in about a second.
var ErrEarly = errors.New("no checkpoint covers the entry yet")

// Proof shows that an entry is in the log: Text is a C2SP tlog-proof with the
// hashes and the signed checkpoint; the leaf is what was hashed.
type Proof struct {
	Leaf   []byte
	Hash   []byte
	Size   int64 // of the checkpoint
	Origin string
	Text   []byte
}

// Prove makes the inclusion proof of an entry under its lane's newest checkpoint.
func (t *Trail) Prove(ctx context.Context, r Receipt) (Proof, error) {
	lane, index, err := r.split()
	if err != nil {
		return Proof{}, err
	}
	p := Proof{Origin: t.originOf(lane)}
	err = t.db.Read(ctx, func(tx *sql.Tx) error {
		var checkpoint []byte
		err := tx.QueryRowContext(ctx, "SELECT checkpoint, checkpoint_size FROM trail_lanes WHERE lane = $1", lane).Scan(&checkpoint, &p.Size)
		if err == nil {
			err = tx.QueryRowContext(ctx, "SELECT leaf FROM trail_entries WHERE lane = $1 AND idx = $2", lane, index).Scan(&p.Leaf)
		}
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return ErrNone
		case err != nil:
			return err
		case index >= p.Size:
			return ErrEarly
		}
		path, err := nodesOf(tx, lane).inclusion(ctx, index, p.Size)
		if err != nil {
			return err
		}
		text := proof.TLogProof{Index: uint64(index), Checkpoint: checkpoint}
		for _, h := range path {
			text.Hashes = append(text.Hashes, [32]byte(h))
		}
		p.Text = text.Marshal()
		return nil
	})
	if err != nil {
		return Proof{}, fmt.Errorf("prove %s: %w", r, err)
	}
	p.Hash = evidence.LeafHash(p.Leaf)
	return p, nil
}
