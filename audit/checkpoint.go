package audit

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"github.com/privet-gateway/privet/audit/store"

	"github.com/privet-gateway/privet/audit/evidence"
)

// tick signs checkpoints, renews the lease and finishes what an interrupted
// erasure left, once a second.
func (t *Trail) tick(ctx context.Context) {
	ticker := time.NewTicker(t.cfg.Checkpoint)
	defer ticker.Stop()
	var renewed time.Time
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		bounded, cancel := context.WithTimeout(ctx, 5*time.Second)
		if err := t.Checkpoint(bounded); err != nil && ctx.Err() == nil {
			t.log.Warn("trail checkpoint delayed", "error", err)
		}
		if t.trouble() != nil || time.Since(renewed) > leaseTime/3 {
			if t.keepLane(bounded) == nil {
				renewed = time.Now()
			}
			if err := t.finishErasures(bounded, t.cfg.Clock().Add(-leaseTime)); err != nil && ctx.Err() == nil {
				t.log.Warn("receipts of erasures delayed", "error", err)
			}
		}
		cancel()
	}
}

// keepLane renews the lease. After a fault it finds out whether the trail can be
// written again: nobody sends a request to a door that says it is not ready.
func (t *Trail) keepLane(ctx context.Context) error {
	t.state.Lock()
	defer t.state.Unlock()
	faulty := t.trouble() != nil
	if faulty {
		if err := t.settle(ctx); err != nil {
			return err
		}
	}
	if t.lane == nil {
		return errLost
	}
	now := t.cfg.Clock()
	if err := t.renew(ctx, t.lane, now.Add(leaseTime)); err != nil {
		return err
	}
	if faulty && t.late(t.lane, now) == nil {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.fault = nil
	}
	return nil
}

// Checkpoint has the keeper sign the newest head of this process's lane, if
// there are entries that no checkpoint covers.
func (t *Trail) Checkpoint(ctx context.Context) error {
	t.state.Lock()
	l := t.lane
	if l == nil || t.unsure {
		t.state.Unlock()
		return nil
	}
	size, root := l.tree.size(), l.tree.root()
	behind := l.signed.size < size
	t.state.Unlock()
	if !behind {
		return nil
	}
	// The keeper is asked without holding up the writer.
	signed, err := signNote(ctx, t.cfg.Signer, t.cfg.Origin, evidence.CheckpointText(l.origin, size, root))
	if err != nil {
		return fmt.Errorf("sign checkpoint: %w", err)
	}
	return t.keep(ctx, l, checkpointed{signed, size, t.cfg.Clock()})
}

// checkpoint is Checkpoint for Close, which holds state already.
func (t *Trail) checkpoint(ctx context.Context, l *lane) error {
	if t.unsure || l.signed.size == l.tree.size() {
		return nil
	}
	signed, err := signNote(ctx, t.cfg.Signer, t.cfg.Origin, evidence.CheckpointText(l.origin, l.tree.size(), l.tree.root()))
	if err != nil {
		return err
	}
	return t.storeCheckpoint(ctx, l, checkpointed{signed, l.tree.size(), t.cfg.Clock()})
}

func (t *Trail) keep(ctx context.Context, l *lane, c checkpointed) error {
	if err := t.storeCheckpoint(ctx, l, c); err != nil {
		return err
	}
	t.state.Lock()
	defer t.state.Unlock()
	if t.lane == l && l.signed.size <= c.size {
		l.signed, l.waits = c, time.Time{}
		if c.size < l.tree.size() {
			l.waits = c.at
		}
	}
	return nil
}

func (t *Trail) storeCheckpoint(ctx context.Context, l *lane, c checkpointed) error {
	return t.db.WriteGuarded(store.Patient(ctx, 5*time.Second), func(tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, `UPDATE trail_lanes SET checkpoint = $1, checkpoint_size = $2, checkpoint_time = $3
			WHERE lane = $4 AND holder = $5 AND checkpoint_size <= $2`, c.note, c.size, micros(c.at), l.number, l.holder)
		return oneRow(result, err)
	})
}

// Vkeys are the verifier keys of the house, newest last, for those who check.
func (t *Trail) Vkeys(ctx context.Context) ([]string, error) {
	_, texts, err := keysOf(ctx, t.cfg.Signer, t.cfg.Origin)
	return texts, err
}

// VkeyFile is what trail.vkey holds: one key a line.
func (t *Trail) VkeyFile(ctx context.Context) ([]byte, error) {
	keys, err := t.Vkeys(ctx)
	if err != nil {
		return nil, err
	}
	return []byte(strings.Join(keys, "\n") + "\n"), nil
}
