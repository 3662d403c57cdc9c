package audit

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/privet-gateway/privet/audit/store"
)

// wording is what an entry is found by.
type wording struct{ kind, agent string }

// insertWords lists the words of a tile that has just become full.
func insertWords(tx store.Statements, lane, n int64, entries []wording) error {
	words := map[string]bool{}
	seen := map[wording]bool{}
	for _, e := range entries {
		if seen[e] {
			continue
		}
		seen[e] = true
		words["kind "+e.kind], words["agent "+e.agent], words["agent "+e.agent+" kind "+e.kind] = true, true, true
	}
	var rows []any
	for _, word := range slices.Sorted(maps.Keys(words)) {
		rows = append(rows, lane, word, n)
	}
	_, err := insertAll(tx, "trail_words (lane, word, n)", 3, rows)
	return err
}

// wordingsOf are those of the entries of a lane's unfinished tile.
func wordingsOf(ctx context.Context, tx *sql.Tx, lane, size int64) (list []wording, err error) {
	rows, err := tx.QueryContext(ctx, "SELECT kind, agent FROM trail_entries WHERE lane = $1 AND idx >= $2 AND idx < $3 ORDER BY idx",
		lane, size-size%tileWidth, size)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var w wording
		if err := rows.Scan(&w.kind, &w.agent); err != nil {
			return nil, err
		}
		list = append(list, w)
	}
	return list, rows.Err()
}

// insertAllWords lists the words of all tiles, after a restore.
func insertAllWords(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, `WITH whole AS (SELECT e.lane, e.idx / 256 AS n, kind, agent FROM trail_entries e JOIN trail_lanes l ON l.lane = e.lane
			WHERE e.idx / 256 < l.size / 256)
		INSERT INTO trail_words (lane, word, n)
		SELECT lane, 'kind ' || kind, n FROM whole UNION SELECT lane, 'agent ' || agent, n FROM whole
		UNION SELECT lane, 'agent ' || agent || ' kind ' || kind, n FROM whole`)
	return err
}

// deleteWords drops the words of tiles before one, where no entry is left.
func deleteWords(ctx context.Context, tx *sql.Tx, lane, before int64) error {
	_, err := tx.ExecContext(ctx, `DELETE FROM trail_words WHERE lane = $1 AND n < $2 AND NOT EXISTS
		(SELECT 1 FROM trail_entries e WHERE e.lane = trail_words.lane AND e.idx >= trail_words.n * 256 AND e.idx < trail_words.n * 256 + 256)`, lane, before)
	return err
}

// since is where the entries of a lane from a time on begin, in [from, to]:
// times of one lane never run backwards.
func since(ctx context.Context, tx *sql.Tx, lane, at, from, to int64) (int64, error) {
	for from < to {
		middle := from + (to-from)/2
		var index, stored int64
		err := tx.QueryRowContext(ctx, "SELECT idx, time FROM trail_entries WHERE lane = $1 AND idx >= $2 ORDER BY idx LIMIT 1", lane, middle).Scan(&index, &stored)
		switch {
		case errors.Is(err, sql.ErrNoRows) || err == nil && (index >= to || stored >= at):
			to = middle
		case err != nil:
			return 0, err
		default:
			from = index + 1
		}
	}
	return from, nil
}

// walk goes through a lane from its newest entry to older ones.
type walk struct {
	tx             *sql.Tx
	lane, from, to int64  // of the entries
	full           int64  // entries before it are in tiles that list their words
	where          string // conditions on the entries besides
	args           []any
	word, wordEnd  string // what the tiles must list: one word, or one in a range; "": no condition
	limit          int
	rows           []dated
}

type dated struct {
	found
	at int64
}

// newest returns the newest entries of all lanes that a filter without subject chooses.
func newest(ctx context.Context, tx *sql.Tx, f Filter) ([]dated, error) {
	var lanes []*walk
	rows, err := tx.QueryContext(ctx, "SELECT lane, size FROM trail_lanes")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		w := &walk{tx: tx, limit: f.Limit}
		if err := rows.Scan(&w.lane, &w.to); err != nil {
			return nil, err
		}
		w.full = w.to - w.to%tileWidth
		w.match(f)
		lanes = append(lanes, w)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	rows.Close()
	var all []dated
	for _, w := range lanes {
		if err := w.bound(ctx, f); err != nil {
			return nil, err
		}
		if err := w.run(ctx); err != nil {
			return nil, err
		}
		all = append(all, w.rows...)
	}
	slices.SortFunc(all, func(a, b dated) int {
		return cmp.Or(cmp.Compare(b.at, a.at), cmp.Compare(b.lane, a.lane), cmp.Compare(b.index, a.index))
	})
	return all[:min(len(all), f.Limit)], nil
}

// match turns kind and agent into conditions.
func (w *walk) match(f Filter) {
	condition := func(text string, values ...any) {
		for _, v := range values {
			w.args = append(w.args, v)
			text = strings.Replace(text, "?", fmt.Sprintf("$%d", 3+len(w.args)), 1)
		}
		w.where += " AND " + text
	}
	var words []string
	if f.Agent != "" {
		condition("agent = ?", f.Agent)
		words = append(words, "agent "+f.Agent)
	}
	prefix, all := strings.CutSuffix(f.Kind, "*")
	switch {
	case all && prefix != "":
		condition("kind >= ? AND kind < ?", prefix, prefix+"\U0010ffff")
		words = append(words, "kind "+prefix)
		w.wordEnd = strings.Join(words, " ") + "\U0010ffff"
	case !all && f.Kind != "":
		condition("kind = ?", f.Kind)
		words = append(words, "kind "+f.Kind)
	}
	w.word = strings.Join(words, " ")
}

// bound applies the filter's times, and the place where the page before ended.
func (w *walk) bound(ctx context.Context, f Filter) (err error) {
	if f.Before != "" {
		lane, index, at, err := placeOf(ctx, w.tx, f.Before)
		if err != nil {
			return err
		}
		switch { // of one moment, the higher lane comes first
		case w.lane == lane:
			w.to = min(w.to, index)
		case w.lane < lane:
			at++
			fallthrough
		default:
			if w.to, err = since(ctx, w.tx, w.lane, at, 0, w.to); err != nil {
				return err
			}
		}
	}
	if !f.To.IsZero() {
		if w.to, err = since(ctx, w.tx, w.lane, micros(f.To), 0, w.to); err != nil {
			return err
		}
	}
	if !f.From.IsZero() {
		w.from, err = since(ctx, w.tx, w.lane, micros(f.From), 0, w.to)
	}
	return err
}

func (w *walk) run(ctx context.Context) error {
	if w.word == "" {
		return w.read(ctx, w.from, w.to)
	}
	if err := w.read(ctx, max(w.from, w.full), w.to); err != nil {
		return err
	}
	for before := (min(w.to, w.full) + tileWidth - 1) / tileWidth; len(w.rows) < w.limit; {
		tiles, err := w.tiles(ctx, before)
		if err != nil || len(tiles) == 0 {
			return err
		}
		for _, n := range tiles {
			if err := w.read(ctx, max(w.from, n*tileWidth), min(w.to, w.full, (n+1)*tileWidth)); err != nil {
				return err
			}
		}
		before = tiles[len(tiles)-1]
	}
	return nil
}

// tiles are the newest full tiles before one that list the word.
func (w *walk) tiles(ctx context.Context, before int64) (tiles []int64, err error) {
	condition, args := "word = $4", []any{w.lane, w.from / tileWidth, before, w.word}
	if w.wordEnd != "" {
		condition, args = "word >= $4 AND word < $5", append(args, w.wordEnd)
	}
	rows, err := w.tx.QueryContext(ctx, "SELECT DISTINCT n FROM trail_words WHERE lane = $1 AND n >= $2 AND n < $3 AND "+condition+" ORDER BY n DESC LIMIT 64", args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var n int64
		if err := rows.Scan(&n); err != nil {
			return nil, err
		}
		tiles = append(tiles, n)
	}
	return tiles, rows.Err()
}

// read adds what matches of one range, newest first, up to the limit.
func (w *walk) read(ctx context.Context, from, to int64) error {
	rest := w.limit - len(w.rows)
	if from >= to || rest <= 0 {
		return nil
	}
	rows, err := w.tx.QueryContext(ctx, fmt.Sprintf("SELECT lane, idx, time, leaf FROM trail_entries WHERE lane = $1 AND idx >= $2 AND idx < $3%s ORDER BY idx DESC LIMIT %d", w.where, rest),
		append([]any{w.lane, from, to}, w.args...)...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var d dated
		if err := rows.Scan(&d.lane, &d.index, &d.at, &d.leaf); err != nil {
			return err
		}
		w.rows = append(w.rows, d)
	}
	return rows.Err()
}
