package audit

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/privet-gateway/privet/audit/evidence"
)

// leaseTime is how long a lane stays taken after its holder was last heard of.
const leaseTime = 15 * time.Second

// errLost: the lane belongs to somebody else by now.
var errLost = errors.New("lane was lost to another process")

// lane is the log that this process writes, and what is known of its end.
type lane struct {
	number  int64
	origin  string
	holder  string
	process *process
	tree    *tree
	tile    []wording // of the entries in the unfinished tile
	time    time.Time // of the last entry
	signed  checkpointed
	waits   time.Time // since when entries wait for the keeper's signature; zero if none does
}

// checkpointed is what the keeper has signed of a lane.
type checkpointed struct {
	note []byte
	size int64
	at   time.Time
}

func micros(t time.Time) int64 { return t.UnixMicro() }

func fromMicros(us int64) time.Time { return time.UnixMicro(us).UTC() }

// takeLane leases a lane that nobody holds, or makes a new one, and restores
// the end of its tree.
func (t *Trail) takeLane(ctx context.Context) (*lane, error) {
	l := &lane{holder: t.holder}
	now := t.cfg.Clock()
	err := t.db.Write(ctx, func(tx *sql.Tx) error {
		err := tx.QueryRowContext(ctx, "SELECT lane FROM trail_lanes WHERE until < $1 ORDER BY lane LIMIT 1", micros(now)).Scan(&l.number)
		if err == nil {
			_, err = tx.ExecContext(ctx, "UPDATE trail_lanes SET holder = $1, until = $2 WHERE lane = $3",
				l.holder, micros(now.Add(leaseTime)), l.number)
			return err
		}
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if err := tx.QueryRowContext(ctx, "SELECT COALESCE(MAX(lane), 0) + 1 FROM trail_lanes").Scan(&l.number); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO trail_lanes
			(lane, holder, until, size, root, time, head, endorsement, checkpoint, checkpoint_size, checkpoint_time, pruned)
			VALUES ($1, $2, $3, 0, $4, 0, $5, $5, $5, 0, $6, 0)`,
			l.number, l.holder, micros(now.Add(leaseTime)), newTree().root(), []byte{}, micros(now))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("take a lane: %w", err)
	}
	l.origin = t.originOf(l.number)
	if l.process, err = newProcess(ctx, t.cfg.Signer, t.cfg.Origin, l.origin); err == nil {
		err = t.restore(ctx, l)
	}
	if err != nil { // whoever comes next finds this lane, and what is wrong with it
		return nil, errors.Join(err, t.renew(context.WithoutCancel(ctx), l, fromMicros(0)))
	}
	return l, nil
}

func (t *Trail) originOf(lane int64) string { return fmt.Sprintf("%s/%d", t.cfg.Origin, lane) }

// restore reads the end of the lane back and checks it against its signed head.
func (t *Trail) restore(ctx context.Context, l *lane) error {
	keys, _, err := keysOf(ctx, t.cfg.Signer, t.cfg.Origin)
	if err != nil {
		return err
	}
	return t.db.Read(ctx, func(tx *sql.Tx) error {
		var size, at, checkpointTime int64
		var root, signed, endorsement []byte
		err := tx.QueryRowContext(ctx, `SELECT size, root, time, head, endorsement, checkpoint, checkpoint_size, checkpoint_time
			FROM trail_lanes WHERE lane = $1`, l.number).
			Scan(&size, &root, &at, &signed, &endorsement, &l.signed.note, &l.signed.size, &checkpointTime)
		if err != nil {
			return err
		}
		l.time, l.signed.at = fromMicros(at), fromMicros(checkpointTime)
		if l.tree, err = restoreTree(ctx, tx, l.number, size); err != nil {
			return err
		}
		if l.tile, err = wordingsOf(ctx, tx, l.number, size); err != nil {
			return err
		}
		switch {
		case l.signed.size >= size:
			l.waits = time.Time{}
		case l.waits.IsZero():
			l.waits = t.cfg.Clock() // the keeper answered this process a moment ago
		}
		return checkHead(l, keys, root, signed, endorsement)
	})
}

// checkHead compares what is stored with what was signed: an edit of the
// database while nobody looked ends here.
func checkHead(l *lane, keys note.Verifiers, root, signed, endorsement []byte) error {
	if string(l.tree.root()) != string(root) {
		return fmt.Errorf("%w: entries of %s hash to another root", ErrBroken, l.origin)
	}
	if l.tree.size() == 0 {
		return nil
	}
	h, err := evidence.OpenEndorsed(signed, endorsement, keys)
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrBroken, l.origin, err)
	}
	if h.Origin != l.origin || h.Size != l.tree.size() || string(h.Root) != string(root) {
		return fmt.Errorf("%w: the head of %s covers %d entries, stored are %d", ErrBroken, h.Origin, h.Size, l.tree.size())
	}
	return nil
}

func restoreTree(ctx context.Context, tx *sql.Tx, number, size int64) (*tree, error) {
	widths := edgeWidths(size)
	edge := make([][][]byte, len(widths))
	for level, width := range widths {
		var err error
		first := size >> (tileHeight * (level + 1)) << tileHeight
		if edge[level], err = nodesAt(ctx, tx, number, level, first, width); err != nil {
			return nil, err
		}
	}
	return restore(size, edge)
}

// nodesAt reads hashes first…first+width of one tile level: of leaves from the
// entries, of higher ones from the roots of the tiles below.
func nodesAt(ctx context.Context, tx *sql.Tx, number int64, level int, first int64, width int) ([][]byte, error) {
	query := "SELECT leaf FROM trail_entries WHERE lane = $1 AND idx >= $2 AND idx < $3 ORDER BY idx"
	args := []any{number, first, first + int64(width)}
	if level > 0 {
		query = "SELECT root FROM trail_tiles WHERE lane = $1 AND n >= $2 AND n < $3 AND level = $4 ORDER BY n"
		args = append(args, level-1)
	}
	rows, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var hashes [][]byte
	for rows.Next() {
		var b []byte
		if err := rows.Scan(&b); err != nil {
			return nil, err
		}
		if level == 0 {
			b = evidence.LeafHash(b)
		}
		hashes = append(hashes, b)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	if len(hashes) != width {
		return nil, fmt.Errorf("%w: lane %d holds %d of %d hashes of level %d from %d", ErrBroken, number, len(hashes), width, level, first)
	}
	return hashes, nil
}

// renew extends the lease; errLost if another process took the lane.
func (t *Trail) renew(ctx context.Context, l *lane, until time.Time) error {
	return t.db.WriteGuarded(ctx, func(tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, "UPDATE trail_lanes SET until = $1 WHERE lane = $2 AND holder = $3",
			micros(until), l.number, l.holder)
		return oneRow(result, err)
	})
}

// oneRow is errLost unless exactly one row was changed.
func oneRow(result sql.Result, err error) error {
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n != 1 {
		return errors.Join(errLost, err)
	}
	return nil
}
