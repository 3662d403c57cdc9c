package audit

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/privet-gateway/privet/audit/store"
)

// The rows of the keyring.

// chunk bounds the rows of one statement.
const chunk = 256

// placeholders is "($1,$2),($3,$4)": rows of width each, numbered from 1.
func placeholders(rows, width int) string {
	var b strings.Builder
	for i := range rows {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('(')
		for j := range width {
			if j > 0 {
				b.WriteByte(',')
			}
			b.WriteByte('$')
			b.WriteString(strconv.Itoa(i*width + j + 1))
		}
		b.WriteByte(')')
	}
	return b.String()
}

// piece is the next number of rows of one statement: all if they are few, else a
// power of two, so that there are not too many different statements to prepare.
func piece(rest int) int {
	if rest <= 64 {
		return rest
	}
	n := chunk
	for n > rest {
		n >>= 1
	}
	return n
}

const newestErasure = "SELECT COALESCE(MAX(seq), 0) FROM trail_erasures"

// read finds the rows of a batch, and the newest erasure of the same moment.
func (r *keyring) read(ctx context.Context, batch []*fetch) (rows []wrappedKey, seen int64, err error) {
	byHandle, byTag := map[string]*fetch{}, map[string]*fetch{}
	var handles, tags [][]byte
	for _, f := range batch {
		if f.want.tag != "" {
			tag := tagBytes(f.want.tag)
			byTag[string(tag)] = f
			tags = append(tags, tag)
		} else {
			handle := r.handle(f.want.subject)
			byHandle[string(handle)] = f
			handles = append(handles, handle)
		}
	}
	err = r.db.Read(ctx, func(tx *sql.Tx) error {
		rows = rows[:0]
		if err := tx.QueryRowContext(ctx, newestErasure).Scan(&seen); err != nil {
			return err
		}
		err := selectIn(ctx, tx, "SELECT handle, shard, wrapped FROM trail_subjects WHERE handle IN ", handles, func(scan func(...any) error) error {
			var handle []byte
			row := wrappedKey{}
			if err := scan(&handle, &row.shard, &row.wrapped); err != nil {
				return err
			}
			row.to, row.context = byHandle[string(handle)], handle
			rows = append(rows, row)
			return nil
		})
		if err != nil {
			return err
		}
		return selectIn(ctx, tx, "SELECT tag, shard, wrapped, name FROM trail_tags WHERE tag IN ", tags, func(scan func(...any) error) error {
			var tag []byte
			row := wrappedKey{}
			if err := scan(&tag, &row.shard, &row.wrapped, &row.name); err != nil {
				return err
			}
			row.to, row.context = byTag[string(tag)], tag
			rows = append(rows, row)
			return nil
		})
	})
	return rows, seen, err
}

// selectIn runs a query that ends in IN over keys, a piece at a time.
func selectIn(ctx context.Context, tx *sql.Tx, query string, keys [][]byte, row func(scan func(...any) error) error) error {
	for len(keys) > 0 {
		n := piece(len(keys))
		args := make([]any, n)
		for i, key := range keys[:n] {
			args[i] = key
		}
		keys = keys[n:]
		rows, err := tx.QueryContext(ctx, query+placeholders(1, n), args...)
		if err != nil {
			return err
		}
		for rows.Next() {
			if err := row(rows.Scan); err != nil {
				rows.Close()
				return err
			}
		}
		if err := rows.Close(); err != nil {
			return err
		}
		if err := rows.Err(); err != nil {
			return err
		}
	}
	return nil
}

// insertAll writes rows of equal width, a piece at a time. Conflicts are left alone.
func insertAll(tx store.Statements, into string, width int, args []any) (written int64, err error) {
	for len(args) > 0 {
		n := piece(len(args) / width)
		changed, err := tx.Exec("INSERT INTO "+into+" VALUES "+placeholders(n, width)+" ON CONFLICT DO NOTHING", args[:n*width]...)
		if err != nil {
			return written, err
		}
		written += changed
		args = args[n*width:]
	}
	return written, nil
}

// shardOf spreads subjects over the wrapping keys.
func (r *keyring) shardOf(handle []byte) int {
	return int(binary.BigEndian.Uint32(handle) % uint32(r.shards))
}

// errRaced: another process made a key of the batch at the same time.
var errRaced = errors.New("another process made the key first")

// created is a new key on its way into the database.
type created struct {
	key         *subjectKey
	handle, tag []byte
	dead        []byte // what its row holds now, and nothing can unwrap
	name        []byte
	byHandle    []byte // the data key, wrapped for its row of trail_subjects
	byTag       []byte // the same, wrapped for its row of trail_tags
}

// create makes keys for subjects that have none. If another process was faster
// with one of them nothing is written, and the caller reads again: a row of
// trail_tags without its subject could never be erased.
func (r *keyring) create(ctx context.Context, missing []*fetch) error {
	epochs, err := r.epochs(ctx)
	if err != nil {
		return err
	}
	made := make([]created, len(missing))
	byShard := map[int][]*created{}
	for i, f := range missing {
		handle := r.handle(f.want.subject)
		key, err := keyOf(newDEK(), f.want.subject, r.shardOf(handle))
		if err != nil {
			return err
		}
		made[i] = created{key: key, handle: handle, tag: tagBytes(key.tag), dead: f.dead, name: key.close(forName, []byte(key.subject))}
		byShard[key.shard] = append(byShard[key.shard], &made[i])
	}
	for shard, list := range byShard {
		if err := r.wrap(ctx, shard, list); err != nil {
			return err
		}
	}
	// One order for everybody: two processes that wait for each other's rows would deadlock.
	slices.SortFunc(made, func(a, b created) int { return bytes.Compare(a.handle, b.handle) })
	var subjects, tags []any
	for _, m := range made {
		subjects = append(subjects, m.handle, m.key.shard, epochs[m.key.shard], m.byHandle, "")
		tags = append(tags, m.tag, m.key.shard, epochs[m.key.shard], m.byTag, m.name)
	}
	err = r.db.WriteGuarded(ctx, func(tx *sql.Tx) error {
		for _, shard := range slices.Sorted(maps.Keys(byShard)) {
			if err := inEpoch(ctx, tx, shard, epochs[shard]); err != nil {
				return err
			}
		}
		for _, m := range made {
			if m.dead == nil {
				continue
			}
			if _, err := tx.ExecContext(ctx, "DELETE FROM trail_subjects WHERE handle = $1 AND wrapped = $2", m.handle, m.dead); err != nil {
				return err
			}
		}
		statements := store.StatementsOf(ctx, tx)
		n, err := insertAll(statements, "trail_subjects (handle, shard, epoch, wrapped, held)", 5, subjects)
		if err != nil {
			return err
		}
		if n != int64(len(made)) {
			return errRaced
		}
		_, err = insertAll(statements, "trail_tags (tag, shard, epoch, wrapped, name)", 5, tags)
		return err
	})
	if errors.Is(err, errRaced) || errors.Is(err, store.ErrUnknown) {
		return nil // the next read tells
	}
	return err
}

// inEpoch holds the shard in its epoch until the transaction ends; errRaced if
// the epoch has ended since its key was used.
func inEpoch(ctx context.Context, tx *sql.Tx, shard int, epoch int64) error {
	result, err := tx.ExecContext(ctx, "UPDATE trail_epochs SET epoch = epoch WHERE shard = $1 AND epoch = $2", shard, epoch)
	if errors.Is(oneRow(result, err), errLost) {
		return errRaced
	}
	return err
}

func (r *keyring) wrap(ctx context.Context, shard int, list []*created) error {
	items := make([]Item, 0, 2*len(list))
	for _, c := range list {
		items = append(items, Item{c.handle, c.key.dek}, Item{c.tag, c.key.dek})
	}
	wrapped, err := r.wrapper.Wrap(ctx, shard, items)
	if err != nil {
		return err
	}
	for i, c := range list {
		c.byHandle, c.byTag = wrapped[2*i], wrapped[2*i+1]
	}
	return nil
}

// epochs says in which epoch each shard is; read before wrapping, so that a row
// never claims a newer key than it has.
func (r *keyring) epochs(ctx context.Context) (map[int]int64, error) {
	epochs := map[int]int64{}
	err := r.db.Read(ctx, func(tx *sql.Tx) error {
		clear(epochs)
		rows, err := tx.QueryContext(ctx, "SELECT shard, epoch FROM trail_epochs")
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var shard int
			var epoch int64
			if err := rows.Scan(&shard, &epoch); err != nil {
				return err
			}
			epochs[shard] = epoch
		}
		return rows.Err()
	})
	return epochs, err
}

func (r *keyring) erasedSince(ctx context.Context, after, upTo int64) (tags []string, err error) {
	err = r.db.Read(ctx, func(tx *sql.Tx) error {
		tags = nil
		rows, err := tx.QueryContext(ctx, "SELECT tag FROM trail_erasures WHERE seq > $1 AND seq <= $2", after, upTo)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var tag []byte
			if err := rows.Scan(&tag); err != nil {
				return err
			}
			tags = append(tags, tagText(tag))
		}
		return rows.Err()
	})
	return tags, err
}
