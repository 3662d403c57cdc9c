package rights

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/privet-gateway/privet/audit"
	"github.com/privet-gateway/privet/audit/store"
	"github.com/privet-gateway/privet/audit/store/storetest"
)

const vaultDeadline = 5 * time.Second // of a busy test machine

// A directory of transcripts: found by subject, deleted whole, read back file by file;
// nothing outside of it is touched, and what cannot be read is never "not there".
func TestTranscripts(t *testing.T) {
	dir, outside := t.TempDir(), filepath.Join(t.TempDir(), "x.json")
	write := func(path, text string) {
		t.Helper()
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	write(filepath.Join(dir, "2026", "a.json"), `{"subject":"s-1","turns":[{"speaker":"caller","text":"I am Ana, ana.victim@example.com"}]}`)
	write(filepath.Join(dir, "b.json"), `{"subject":"s-1","turns":[]}`)
	write(filepath.Join(dir, "c.json"), `{"subject":"s-2","turns":[]}`)
	write(filepath.Join(dir, "notes.txt"), "call back ANA.VICTIM@example.com")
	write(outside, `{"subject":"s-1"}`)
	h, err := NewTranscripts(dir)
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	c := &Collection{Name: "call", Fields: []Field{{Name: "id", Key: true}, {Name: "subject", Identity: "subject"}, {Name: "turns", Class: "transcript"}}}
	s := &System{Name: "calls", Collections: []Collection{*c}}
	rows, err := rowsOf(h.Find(ctx, c, "subject", []string{"s-1"}))
	if err != nil || len(rows) != 2 {
		t.Fatalf("%d transcripts: %v", len(rows), err)
	}
	var targets []Target
	for _, row := range rows {
		targets = append(targets, Target{Key: row.Key})
	}
	if hits, err := h.Search(ctx, s, []string{victim}, nil); err != nil || len(hits) != 2 {
		t.Errorf("the address stands in %v: %v", hits, err)
	}
	kept := map[string][]string{"call": {targets[0].Key, targets[1].Key}}
	if hits, err := h.Search(ctx, s, []string{victim}, kept); err != nil || len(hits) != 1 || hits[0].Where != "notes.txt" {
		t.Errorf("beside what is kept it stands in %v: %v", hits, err)
	}
	if left, err := h.Remains(ctx, c, Delete, targets); err != nil || len(left) != 2 {
		t.Errorf("before erasing %d remain: %v", len(left), err)
	}
	for want := range slices.Values([]int{2, 0}) { // twice is as good as once
		if effect, err := h.Erase(ctx, c, Delete, targets, ""); err != nil || effect.Rows != want {
			t.Errorf("erased %d, want %d: %v", effect.Rows, want, err)
		}
	}
	if left, err := h.Remains(ctx, c, Delete, targets); err != nil || len(left) != 0 {
		t.Errorf("after erasing %d remain: %v", len(left), err)
	}
	escape, err := NewRow(c, map[string]any{"id": "../" + filepath.Base(filepath.Dir(outside)) + "/x.json"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Erase(ctx, c, Delete, []Target{{Key: escape.Key}}, ""); err == nil {
		t.Error("a path out of the directory was taken")
	}
	if _, err := os.Stat(outside); err != nil {
		t.Errorf("a file outside was deleted: %v", err)
	}
	for what, call := range map[string]func() (Effect, error){
		"correcting": func() (Effect, error) { return h.Correct(ctx, c, targets, "") },
		"blanking":   func() (Effect, error) { return h.Erase(ctx, c, Blank, targets, "") },
	} {
		if _, err := call(); !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v", what, err)
		}
	}
	write(filepath.Join(dir, "d.json"), `not JSON`)
	if _, err := rowsOf(h.Find(ctx, c, "subject", []string{"s-2"})); !errors.Is(err, ErrBroken) {
		t.Errorf("a file that cannot be read: %v", err)
	}
}

// Where only people reach, two different people's words are needed; until then the
// request waits, and one person's two words are one.
func TestManualNeedsTwo(t *testing.T) {
	m, err := ParseMap([]byte(`
version: t
systems:
- name: cabinet
  collections:
  - name: file
    fields: [{name: id, key: true}, {name: email, class: email, identity: email}]
`))
	if err != nil {
		t.Fatal(err)
	}
	f := newFixture(t, storetest.Open(t, store.SQLite, audit.Schema(), Schema()), m, map[string]Holder{"cabinet": &Manual{}}, func(c *Config) { c.Directory = someone{} })
	ctx := context.Background()
	r := f.approve(t, f.file(t, Filing{Right: Erase, Email: victim, Jurisdiction: "DE"}))
	if _, err := f.Attest(ctx, r.ID, 1, "olga"); !errors.Is(err, ErrTransition) {
		t.Errorf("attested before anybody was asked: %v", err)
	}
	if r = f.advance(t, r.ID); r.Status != AwaitingExternal {
		t.Fatalf("%s %v", r.Status, r.Facts.Findings)
	}
	if _, err := f.Attest(ctx, r.ID, 2, "olga"); !errors.Is(err, ErrTransition) {
		t.Errorf("attested a step that is not there: %v", err)
	}
	if _, err := f.Attest(ctx, r.ID, 1, "olga"); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Attest(ctx, r.ID, 1, "olga"); !errors.Is(err, ErrSame) {
		t.Errorf("one person attested twice: %v", err)
	}
	if r = f.advance(t, r.ID); r.Status != AwaitingExternal {
		t.Errorf("after one person's word: %s", r.Status)
	}
	if _, err := f.Attest(ctx, r.ID, 1, "rosa"); err != nil {
		t.Fatal(err)
	}
	if r = f.advance(t, r.ID); r.Status != CompletedFull {
		t.Errorf("after two people's words: %s %v", r.Status, r.Facts.Findings)
	}
	steps, err := f.Steps(ctx, r.ID)
	if err != nil || len(steps) != 1 || len(steps[0].Attests) != 2 || steps[0].Attests[0].Receipt == "" {
		t.Errorf("the step says %+v: %v", steps, err)
	}
}

// script is an HTTP system that gives prepared answers and remembers what it was sent.
type script struct {
	mu     sync.Mutex
	answer func(n int, w http.ResponseWriter, r *http.Request)
	keys   []string
	urls   []string
}

func (s *script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.urls = append(s.urls, r.Method+" "+r.URL.RequestURI())
	if r.Method != http.MethodGet {
		s.keys = append(s.keys, r.Header.Get("Idempotency-Key"))
	}
	s.answer(len(s.urls)-1, w, r)
}

func scripted(t *testing.T, declaration string, answer func(n int, w http.ResponseWriter, r *http.Request)) (*script, *HTTP) {
	t.Helper()
	s := &script{answer: answer}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return s, holderAt(t, "base: "+server.URL+"\n"+declaration, nil)
}

const eraseOnly = `collections: {person: {erase: {delete: "/people/{id}"}, verify: {get: "/all?id={id}", items: items}}}`

func targetsOf(ids ...string) (out []Target) {
	for _, id := range ids {
		out = append(out, Target{Key: `["` + id + `"]`})
	}
	return out
}

// Every try of a step carries the same idempotency key for the same row, and no two
// rows, and no two steps, the same.
func TestIdempotencyKeys(t *testing.T) {
	s, h := scripted(t, eraseOnly, func(int, http.ResponseWriter, *http.Request) {})
	for _, idem := range []string{"step-a", "step-a", "step-b"} {
		if _, err := h.Erase(context.Background(), person, Delete, targetsOf("1", "2"), idem); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(s.keys[:2], s.keys[2:4]) {
		t.Errorf("two tries of one step have the keys %v", s.keys[:4])
	}
	if slices.Sort(s.keys); len(slices.Compact(s.keys)) != 4 {
		t.Errorf("two steps over two rows have the keys %v", s.keys)
	}
}

// A holder that asks to come back later is asked later: its time is kept, in both forms
// of RFC 9110 §10.2.3, and nothing is taken as done.
func TestRetryAfter(t *testing.T) {
	for header, want := range map[string][2]time.Duration{
		"120": {2 * time.Minute, 2 * time.Minute}, "0": {0, 0}, "": {time.Second, time.Second}, "nonsense": {time.Second, time.Second}, "-5": {time.Second, time.Second}, "999999": {time.Hour, time.Hour},
		time.Now().Add(10 * time.Minute).UTC().Format(http.TimeFormat): {8 * time.Minute, 10 * time.Minute},
		time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat):       {0, 0},
	} {
		for _, status := range []int{http.StatusTooManyRequests, http.StatusServiceUnavailable} {
			_, h := scripted(t, eraseOnly, func(_ int, w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Retry-After", header)
				w.WriteHeader(status)
			})
			_, err := h.Erase(context.Background(), person, Delete, targetsOf("1"), "k")
			var later *Later
			if !errors.As(err, &later) || later.After < want[0] || later.After > want[1] {
				t.Errorf("%d with Retry-After %q: %v", status, header, err)
			}
		}
	}
	m, err := ParseMap([]byte(liarMap))
	if err != nil {
		t.Fatal(err)
	}
	clock := &clock{now: day(t, "2026-11-02")}
	_, h := newLiar(t, "", clock)
	busy := &busyOnce{Holder: h}
	f := newFixture(t, storetest.Open(t, store.SQLite, audit.Schema(), Schema()), m, map[string]Holder{"remote": busy}, func(c *Config) { c.Directory, c.Now = someone{}, clock.Now })
	f.clock = clock
	r := f.approve(t, f.file(t, Filing{Right: Erase, Email: victim, Jurisdiction: "DE"}))
	if err := f.Advance(context.Background(), r.ID); err != nil {
		t.Fatal(err)
	}
	r, err = f.Get(context.Background(), r.ID)
	if wait := r.nextAt.Sub(clock.Now()); err != nil || r.Status != Executing || wait != 7*time.Minute {
		t.Errorf("a busy holder: %s, looked at again in %s: %v", r.Status, wait, err)
	}
	if r = f.advance(t, r.ID); r.Status != CompletedFull {
		t.Errorf("ended %s %v", r.Status, r.Facts.Findings)
	}
}

// busyOnce asks once to come back in seven minutes.
type busyOnce struct {
	Holder
	asked bool
}

func (b *busyOnce) Erase(ctx context.Context, c *Collection, action Action, targets []Target, idem string) (Effect, error) {
	if !b.asked {
		b.asked = true
		return Effect{}, &Later{After: 7 * time.Minute}
	}
	return b.Holder.Erase(ctx, c, action, targets, idem)
}

// Every way of paging reads all pages; a listing that stops early or leads elsewhere is
// an error, never the end.
func TestPagination(t *testing.T) {
	people := func(from, to int) []any {
		items := []any{}
		for i := from; i < min(to, 7); i++ {
			items = append(items, map[string]string{"id": strconv.Itoa(i), "email": victim})
		}
		return items
	}
	const find = `collections: {person: {find: {email: {get: "/people?email={value}", items: items, %s}}}}`
	for name, tc := range map[string]struct {
		next   string
		answer func(n int, w http.ResponseWriter, r *http.Request) map[string]any
		rows   int
		err    error
	}{
		"offset": {"next: {offset: skip, size: 3}", func(_ int, _ http.ResponseWriter, r *http.Request) map[string]any {
			skip, _ := strconv.Atoi(r.FormValue("skip"))
			return map[string]any{"items": people(skip, skip+3)}
		}, 7, nil},
		"last item's key": {"next: {cursor: after, field: id, more: more}", func(_ int, _ http.ResponseWriter, r *http.Request) map[string]any {
			after, err := strconv.Atoi(r.FormValue("after"))
			if err != nil {
				after = -1
			}
			return map[string]any{"items": people(after+1, after+4), "more": after+4 < 7}
		}, 7, nil},
		"cursor in the answer": {"next: {cursor: page, from: paging.next}", func(n int, _ http.ResponseWriter, _ *http.Request) map[string]any {
			page := map[string]any{"items": people(n*3, n*3+3)}
			if n < 2 {
				page["paging"] = map[string]any{"next": fmt.Sprint("p", n+1)}
			}
			return page
		}, 7, nil},
		"link": {"next: {link: next}", func(n int, _ http.ResponseWriter, r *http.Request) map[string]any {
			page := map[string]any{"items": people(n*3, n*3+3)}
			if n < 2 {
				page["next"] = fmt.Sprintf("/people?email=%s&page=%d", r.FormValue("email"), n+1)
			}
			return page
		}, 7, nil},
		"a page twice": {"next: {offset: skip, size: 3}", func(n int, _ http.ResponseWriter, _ *http.Request) map[string]any {
			return map[string]any{"items": people([]int{0, 0, 3, 6, 7}[n], []int{3, 3, 6, 7, 7}[n])}
		}, 7, nil},
		"link to another host": {"next: {link: next}", func(int, http.ResponseWriter, *http.Request) map[string]any {
			return map[string]any{"items": people(0, 3), "next": "http://evil.example/people"}
		}, 0, ErrBroken},
		"fewer than declared": {"total: total", func(int, http.ResponseWriter, *http.Request) map[string]any {
			return map[string]any{"items": people(0, 3), "total": 7}
		}, 0, ErrBroken},
		"empty but more": {"next: {cursor: after, field: id, more: more}", func(int, http.ResponseWriter, *http.Request) map[string]any {
			return map[string]any{"items": []any{}, "more": true}
		}, 0, ErrBroken},
		"no list": {"total: total", func(int, http.ResponseWriter, *http.Request) map[string]any { return map[string]any{"error": "x"} }, 0, ErrBroken},
	} {
		_, h := scripted(t, fmt.Sprintf(find, tc.next), func(n int, w http.ResponseWriter, r *http.Request) {
			_ = json.NewEncoder(w).Encode(tc.answer(n, w, r))
		})
		rows, err := rowsOf(h.Find(context.Background(), person, "email", []string{victim}))
		if !errors.Is(err, tc.err) || (err == nil && len(rows) != tc.rows) {
			t.Errorf("%s: %d rows, want %d: %v", name, len(rows), tc.rows, err)
		}
	}
}

// A declared rate holds requests back before they are sent.
func TestRateLimit(t *testing.T) {
	s, h := scripted(t, "rate: 0.001\n"+eraseOnly, func(int, http.ResponseWriter, *http.Request) {})
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var ids []string
	for i := range 11 { // ten may come at once
		ids = append(ids, strconv.Itoa(i))
	}
	if _, err := h.Erase(ctx, person, Delete, targetsOf(ids...), "k"); err == nil || len(s.urls) != 10 {
		t.Errorf("%d requests were sent in a moment, want 10: %v", len(s.urls), err)
	}
}
