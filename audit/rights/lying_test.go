package rights

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/privet-gateway/privet/audit"
	"github.com/privet-gateway/privet/audit/store"
	"github.com/privet-gateway/privet/audit/store/storetest"
)

const victim = "ana.victim@example.com"

// someone finds the victim, whoever is asked.
type someone struct{}

func (someone) Find(context.Context, string, string) ([]Person, error) {
	return []Person{{Subject: "subject-ana"}}, nil
}

const shopSQL = `
CREATE TABLE customer (id int PRIMARY KEY, email text, name text);
CREATE TABLE note (id int PRIMARY KEY, customer_id int, text text);
INSERT INTO customer VALUES (1, 'ana.victim@example.com', 'Ana'), (2, 'bystander@example.com', 'Bob');
INSERT INTO note VALUES (1, 1, 'called'), (2, 1, 'wrote'), (3, 2, 'other')`

const shopMap = `
version: t
systems:
- name: shop
  collections:
  - name: customer
    erase: %s
    fields: [{name: id, key: true}, {name: email, class: email, identity: email}, {name: name, class: person, correctable: name}]
  - name: note
    fields: [{name: id, key: true}, {name: customer_id, references: [{from: shop.customer.id, owner: own}]}, {name: text, class: person}]
`

// sqlLies are what a database may do with a DELETE or an UPDATE.
func sqlLies() map[string]string {
	return map[string]string{
		"rule swallows delete":      `CREATE RULE no AS ON DELETE TO note DO INSTEAD NOTHING`,
		"trigger swallows delete":   `CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; CREATE TRIGGER no BEFORE DELETE ON customer FOR EACH ROW EXECUTE FUNCTION no()`,
		"trigger archives":          `CREATE TABLE archive (was jsonb); CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO archive VALUES (to_jsonb(OLD)); RETURN OLD; END'; CREATE TRIGGER keep AFTER DELETE ON customer FOR EACH ROW EXECUTE FUNCTION keep()`,
		"trigger revives":           `CREATE FUNCTION back() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO note VALUES (OLD.id + 100, OLD.customer_id, OLD.text); RETURN OLD; END'; CREATE TRIGGER back AFTER DELETE ON note FOR EACH ROW EXECUTE FUNCTION back()`,
		"soft delete behind a view": `ALTER TABLE customer RENAME TO customer_all; ALTER TABLE customer_all ADD gone boolean DEFAULT false; CREATE VIEW customer AS SELECT id, email, name FROM customer_all WHERE NOT gone; CREATE FUNCTION soft() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN UPDATE customer_all SET gone = true WHERE id = OLD.id; RETURN OLD; END'; CREATE TRIGGER soft INSTEAD OF DELETE ON customer FOR EACH ROW EXECUTE FUNCTION soft()`,
		"backup schema":             `CREATE SCHEMA backup; CREATE TABLE backup.customer AS SELECT * FROM customer`,
		"copy in other case":        `CREATE TABLE export (line text); INSERT INTO export SELECT upper(email) FROM customer`,
		"copy in JSON":              `CREATE TABLE events (body jsonb); INSERT INTO events SELECT jsonb_build_object('user', jsonb_build_object('mail', email)) FROM customer`,
		"materialised view":         `CREATE MATERIALIZED VIEW mv AS SELECT email FROM customer`,
		"lost grant":                `REVOKE DELETE ON customer FROM clerk`,
		"unreadable table":          `CREATE TABLE secret AS SELECT * FROM customer; REVOKE ALL ON secret FROM clerk`,
		"row security hides":        `ALTER TABLE customer ENABLE ROW LEVEL SECURITY; CREATE POLICY own ON customer FOR SELECT TO clerk USING (true)`,
	}
}

// sqlShop is a real database that lies from right after the plan was approved.
func sqlShop(t testing.TB, erase string) (*sql.DB, map[string]Holder, *Map) {
	t.Helper()
	db, url := scratch(t)
	for _, q := range []string{shopSQL, "DO $$ BEGIN CREATE ROLE clerk; EXCEPTION WHEN duplicate_object THEN NULL; WHEN unique_violation THEN NULL; END $$",
		"GRANT USAGE ON SCHEMA public TO clerk; GRANT ALL ON ALL TABLES IN SCHEMA public TO clerk; ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON TABLES TO clerk"} {
		if _, err := db.Exec(q); err != nil {
			t.Fatal(err)
		}
	}
	clerk, err := sql.Open("pgx", url+map[bool]string{true: "&", false: "?"}[strings.Contains(url, "?")]+"role=clerk")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { clerk.Close() })
	m, err := ParseMap(fmt.Appendf(nil, shopMap, erase))
	if err != nil {
		t.Fatal(err)
	}
	return db, map[string]Holder{"shop": NewPostgres(PostgresConfig{DB: clerk})}, m
}

// outcome of one run against one lie.
type outcome struct {
	status Status
	left   bool
	harmed bool // somebody else's data was touched
}

// false completed: said to be done, and it is not.
func (o outcome) falseCompleted() bool {
	return strings.HasPrefix(string(o.status), "completed/") && o.left
}

func runAgainst(t testing.TB, db *store.DB, right Right, m *Map, holders map[string]Holder, clock *clock, naive bool, lie func()) Status {
	t.Helper()
	f := newFixture(t, db, m, holders, func(c *Config) {
		c.Directory = someone{}
		if clock != nil {
			c.Now = clock.Now
		}
	})
	if clock != nil {
		f.clock = clock
	}
	f.naive = naive
	filing := Filing{Right: right, Email: victim, Jurisdiction: "DE"}
	if right == Correct {
		filing.Corrections = []Correction{{Field: "name", Old: "Ana", New: "Anna"}}
	}
	r, err := f.File(context.Background(), filing)
	if err != nil {
		t.Fatal(err)
	}
	if r, err = f.Verify(context.Background(), r.ID, f.mail.code(t, victim)); err != nil {
		t.Fatal(err)
	}
	if r = f.advance(t, r.ID); r.Status != InReview {
		t.Fatalf("planning: %s %v", r.Status, r.Facts.Findings)
	}
	r = f.approve(t, r)
	f.fault = func(point string) {
		if point == "intent" && lie != nil {
			lie()
			lie = nil
		}
	}
	ctx := store.Patient(context.Background(), time.Minute)
	for range 30 { // as long as it moves; some lies keep it waiting for ever, and that is an answer
		_ = f.Advance(ctx, r.ID)
		if r, err = f.Get(ctx, r.ID); err != nil {
			t.Fatal(err)
		}
		if r.nextAt.Year() < 1971 {
			break
		}
		if wait := r.nextAt.Sub(f.clock.Now()); wait > 0 {
			f.clock.add(wait)
		}
	}
	return r.Status
}

// Systems that lie about what they did: none may end as completed while the person's
// data is there. Beside it, the same run with verification switched off: for every
// kind with -long, for every sixth in a check.
func TestLyingSystems(t *testing.T) {
	lies := 0
	report := []string{fmt.Sprintf("%-28s %-24s %s", "the system …", "with verification", "believing a 200")}
	check := func(name string, run func(t *testing.T, naive bool) outcome) {
		t.Run(name, func(t *testing.T) {
			ours := run(t, false)
			if ours.falseCompleted() {
				t.Errorf("said %s, and the data is there", ours.status)
			}
			if ours.harmed && strings.HasPrefix(string(ours.status), "completed/") {
				t.Errorf("said %s, and somebody else was harmed", ours.status)
			}
			word := func(o outcome) string {
				if o.falseCompleted() {
					return "FALSE " + string(o.status)
				}
				return string(o.status)
			}
			beside := "(not run)"
			if *long || lies%6 == 0 {
				beside = word(run(t, true))
			}
			lies++
			report = append(report, fmt.Sprintf("%-28s %-24s %s", name, word(ours), beside))
		})
	}
	fresh := emptyStores(t)
	for _, mode := range []string{"200 without delete", "202 and nothing", "404 though there", "200 with an error", "soft delete", "first row only", "deletes another", "renames instead",
		"cached 404", "cache revives", "import resurrects", "truncated listing", "empty page says more", "verify fails", "verify is HTML", "verify forbidden", "redirect to login"} {
		check(mode, func(t *testing.T, naive bool) outcome {
			clock := &clock{now: day(t, "2026-11-02")}
			l, h := newLiar(t, "", clock)
			m, err := ParseMap([]byte(liarMap))
			if err != nil {
				t.Fatal(err)
			}
			status := runAgainst(t, fresh(t), Erase, m, map[string]Holder{"remote": h}, clock, naive, func() { l.mu.Lock(); l.mode = mode; l.mu.Unlock() })
			return outcome{status, l.left() > 0, l.records["rec-0003"] == nil}
		})
	}
	for _, right := range []Right{Erase, Correct} { // the control: an honest system is believed
		clock := &clock{now: day(t, "2026-11-02")}
		l, h := newLiar(t, "", clock)
		m, err := ParseMap([]byte(liarMap))
		if err != nil {
			t.Fatal(err)
		}
		if status := runAgainst(t, fresh(t), right, m, map[string]Holder{"remote": h}, clock, false, nil); status != CompletedFull {
			t.Errorf("an honest system's %s ended %s", right, status)
		}
		if right == Erase && l.left() > 0 {
			t.Error("the control is no control")
		}
	}
	for _, action := range []string{"delete", "blank"} {
		db, holders, m := sqlShop(t, action)
		if status := runAgainst(t, fresh(t), Erase, m, holders, nil, false, nil); status != CompletedFull || sqlLeft(t, db) {
			t.Errorf("an honest database that is to %s ended %s", action, status)
		}
	}
	for _, mode := range []string{"patch ignored", "patch partly", "feed writes back"} {
		check("correction: "+mode, func(t *testing.T, naive bool) outcome {
			clock := &clock{now: day(t, "2026-11-02")}
			l, h := newLiar(t, "", clock)
			m, err := ParseMap([]byte(liarMap))
			if err != nil {
				t.Fatal(err)
			}
			status := runAgainst(t, fresh(t), Correct, m, map[string]Holder{"remote": h}, clock, naive, func() { l.mu.Lock(); l.mode = mode; l.mu.Unlock() })
			l.mu.Lock()
			defer l.mu.Unlock()
			clock.add(time.Hour)
			l.pass()
			return outcome{status, l.records["rec-0001"]["name"] != "Anna", false}
		})
	}
	for name, script := range sqlLies() {
		check(name, func(t *testing.T, naive bool) outcome {
			db, holders, m := sqlShop(t, "delete")
			status := runAgainst(t, fresh(t), Erase, m, holders, nil, naive, func() {
				if _, err := db.Exec(script); err != nil {
					t.Error(err)
				}
			})
			return outcome{status, sqlLeft(t, db), false}
		})
	}
	check("trigger restores a blank", func(t *testing.T, naive bool) outcome {
		db, holders, m := sqlShop(t, "blank")
		status := runAgainst(t, fresh(t), Erase, m, holders, nil, naive, func() {
			if _, err := db.Exec(`CREATE FUNCTION undo() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END'; CREATE TRIGGER undo BEFORE UPDATE ON customer FOR EACH ROW EXECUTE FUNCTION undo()`); err != nil {
				t.Error(err)
			}
		})
		return outcome{status, sqlLeft(t, db), false}
	})
	for _, script := range []string{"DROP TABLE note", "ALTER TABLE note RENAME TO note_old", "ALTER TABLE customer RENAME COLUMN id TO nr"} {
		check(strings.ToLower(script[:min(26, len(script))]), func(t *testing.T, naive bool) outcome {
			db, holders, m := sqlShop(t, "delete")
			status := runAgainst(t, fresh(t), Erase, m, holders, nil, naive, func() {
				if _, err := db.Exec(script); err != nil {
					t.Error(err)
				}
			})
			return outcome{status, sqlLeft(t, db), false}
		})
	}
	t.Logf("%d kinds of lies:\n%s", lies, strings.Join(report, "\n"))
	if lies < 20 {
		t.Errorf("only %d kinds of lies were told", lies)
	}
}

// emptyStores makes the tables once; each test after that opens a copy.
func emptyStores(t *testing.T) func(t *testing.T) *store.DB {
	t.Helper()
	schemas := []store.Schema{audit.Schema(), Schema()}
	path := filepath.Join(t.TempDir(), "empty.db")
	db, err := store.Open(t.Context(), store.Config{URL: "sqlite:" + path, Schemas: schemas, Timeout: storetest.Timeout})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return func(t *testing.T) *store.DB {
		t.Helper()
		path := filepath.Join(t.TempDir(), "privet.db")
		if err := os.WriteFile(path, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		return storetest.OpenURL(t, "sqlite:"+path, schemas...)
	}
}

// sqlLeft looks for the victim as a superuser, everywhere.
func sqlLeft(t testing.TB, db *sql.DB) bool {
	t.Helper()
	hits, err := NewPostgres(PostgresConfig{DB: db}).Search(context.Background(), &System{}, []string{victim, "called"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return len(hits) > 0
}

// 10,000 parallel guesses of one code: exactly the limit is evaluated.
func TestParallelGuesses(t *testing.T) {
	storetest.Each(t, []store.Schema{audit.Schema(), Schema()}, func(t *testing.T, db *store.DB) {
		f, desk, _ := supportDesk(t, db)
		r, err := f.File(context.Background(), Filing{Right: Access, Email: desk.People()[0].Email})
		if err != nil {
			t.Fatal(err)
		}
		n := 500
		if *long {
			n = 10_000
		}
		evaluated := make(chan struct{}, n)
		f.fault = func(point string) {
			if point == "guess" {
				evaluated <- struct{}{}
			}
		}
		ctx := store.Patient(context.Background(), 5*time.Minute)
		done := make(chan error, n)
		for i := range n {
			go func() { done <- f.tryCode(ctx, r.ID, forIdentity, fmt.Sprintf("%08d", i)) }()
		}
		for range n {
			if err := <-done; err == nil {
				t.Error("a guess was right")
			}
		}
		if len(evaluated) != codeTries {
			t.Errorf("%d of %d parallel guesses were evaluated, want %d", len(evaluated), n, codeTries)
		}
	})
}
