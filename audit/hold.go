package audit

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// Hold forbids erasing a subject (GDPR Article 17(3)) until Release. The reason
// is a case number or a code, without personal data. The subject's key moves to
// the shard of held subjects first, so that no epoch of others touches it.
func (t *Trail) Hold(ctx context.Context, subject, reason string) (Receipt, error) {
	if reason == "" {
		return "", fmt.Errorf("hold: %w: a hold needs a reason", ErrEvent)
	}
	if err := t.move(ctx, subject, holdShard, reason); err != nil {
		return "", fmt.Errorf("hold: %w", err)
	}
	return t.Append(ctx, Event{Kind: "subject.held", Outcome: "allowed", Reason: reason, Subjects: []string{subject}})
}

// Release ends a hold.
func (t *Trail) Release(ctx context.Context, subject, reason string) (Receipt, error) {
	if err := t.move(ctx, subject, t.keys.shardOf(t.keys.handle(subject)), ""); err != nil {
		return "", fmt.Errorf("release: %w", err)
	}
	return t.Append(ctx, Event{Kind: "subject.released", Outcome: "allowed", Reason: reason, Subjects: []string{subject}})
}

// Held says why a subject is held; "" if it is not.
func (t *Trail) Held(ctx context.Context, subject string) (reason string, err error) {
	err = t.db.Read(ctx, func(tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, "SELECT held FROM trail_subjects WHERE handle = $1", t.keys.handle(subject)).Scan(&reason)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return reason, err
}

// move wraps a subject's key under another shard's key and marks it held or not.
func (t *Trail) move(ctx context.Context, subject string, shard int, held string) error {
	key, err := t.freshKey(ctx, want{subject: subject, create: true})
	if err != nil {
		return err
	}
	for {
		epochs, err := t.keys.epochs(ctx)
		if err != nil {
			return err
		}
		moved := &created{key: key, handle: t.keys.handle(subject), tag: tagBytes(key.tag)}
		if err := t.keys.wrap(ctx, shard, []*created{moved}); err != nil {
			return err
		}
		err = t.db.Write(ctx, func(tx *sql.Tx) error {
			if err := inEpoch(ctx, tx, shard, epochs[shard]); err != nil {
				return err
			}
			result, err := tx.ExecContext(ctx, "UPDATE trail_tags SET shard = $1, epoch = $2, wrapped = $3 WHERE tag = $4",
				shard, epochs[shard], moved.byTag, moved.tag)
			if err := oneRow(result, err); err != nil {
				return errors.Join(ErrErased, err) // erased since the key was looked up
			}
			result, err = tx.ExecContext(ctx, "UPDATE trail_subjects SET shard = $1, epoch = $2, wrapped = $3, held = $4 WHERE handle = $5",
				shard, epochs[shard], moved.byHandle, held, moved.handle)
			return oneRow(result, err)
		})
		if !errors.Is(err, errRaced) {
			return err
		}
	}
}
