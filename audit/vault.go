package audit

import (
	"context"
	"database/sql"
	"fmt"
)

// Seal encrypts plaintext under the subject's data key, which is made if there
// is none. What is sealed can be opened until the subject is erased, by no
// other subject's name, and by nobody afterwards.
func (t *Trail) Seal(ctx context.Context, subject string, plaintext []byte) ([]byte, error) {
	key, err := t.freshKey(ctx, want{subject: subject, create: true})
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	return key.close(forBlob, plaintext), nil
}

// Open decrypts what Seal returned; ErrErased once the subject is erased.
func (t *Trail) Open(ctx context.Context, subject string, sealed []byte) ([]byte, error) {
	key, err := t.freshKey(ctx, want{subject: subject})
	if err != nil {
		return nil, fmt.Errorf("open sealed: %w", err)
	}
	plaintext, err := key.open(forBlob, sealed)
	if err != nil {
		return nil, fmt.Errorf("open sealed: %w", err)
	}
	return plaintext, nil
}

// Tag is how leaves name a subject now; ErrErased if nobody is known by that name.
func (t *Trail) Tag(ctx context.Context, subject string) (string, error) {
	key, err := t.freshKey(ctx, want{subject: subject})
	if err != nil {
		return "", err
	}
	return key.tag, nil
}

// freshKey is a key that no erasure has reached, on whichever replica.
func (t *Trail) freshKey(ctx context.Context, w want) (*subjectKey, error) {
	if w.subject == "" {
		return nil, fmt.Errorf("%w: empty subject", ErrEvent)
	}
	var seen int64
	err := t.db.Read(ctx, func(tx *sql.Tx) error { return tx.QueryRowContext(ctx, newestErasure).Scan(&seen) })
	if err != nil {
		return nil, err
	}
	if err := t.keys.drop(ctx, seen); err != nil {
		return nil, err
	}
	keys, err := t.keys.get(ctx, w)
	if err != nil {
		return nil, err
	}
	if keys[0] == nil {
		return nil, ErrErased
	}
	return keys[0], nil
}
