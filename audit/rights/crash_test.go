package rights

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/privet-gateway/privet/audit"
	"github.com/privet-gateway/privet/audit/keeper"
	"github.com/privet-gateway/privet/audit/store"
	"github.com/privet-gateway/privet/audit/store/storetest"
)

// crashWorld is what parent and child share: where everything is.
type crashWorld struct {
	Store    string
	Dir      string
	Postgres []string
	HTTP     []string
}

// The full size is -kills 1000 -people 24; the default is what a check has time for.
var (
	crashKills  = flag.Int("kills", 3, "how often TestKilledAndFaulted kills")
	crashPeople = flag.Int("people", 3, "how many requests are open at once in TestKilledAndFaulted")
)

const halves = 6 // so many systems of each kind

func (w crashWorld) office(t testing.TB, workers int) (*Office, *audit.Trail) {
	t.Helper()
	ctx := store.Patient(context.Background(), time.Minute)
	db, err := store.Open(ctx, store.Config{URL: w.Store, Schemas: []store.Schema{audit.Schema(), Schema()}, Timeout: 20 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	keys, err := keeper.OpenLocal(ctx, keeper.LocalConfig{Path: filepath.Join(w.Dir, "keys"), Root: keeper.Root{File: filepath.Join(w.Dir, "root")}, Create: true})
	if err != nil {
		t.Fatal(err)
	}
	trail, err := audit.Open(ctx, audit.Config{Store: db, Signer: keys, Wrapper: keys, Origin: "privet.test/crash", Timeout: 20 * time.Second, Lease: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	m := &Map{Version: "crash"}
	holders := map[string]Holder{}
	for i := range halves {
		shop, err := sql.Open("pgx", w.Postgres[i])
		if err != nil {
			t.Fatal(err)
		}
		pg, remote := fmt.Sprintf("pg%d", i), fmt.Sprintf("http%d", i)
		fields := []Field{{Name: "id", Key: true}, {Name: "email", Class: "email", Identity: "email"}, {Name: "name", Class: "person", Correctable: "name"}}
		m.Systems = append(m.Systems, System{Name: pg, Collections: []Collection{
			{Name: "shop.customer", Fields: fields},
			{Name: "shop.note", Fields: []Field{{Name: "id", Key: true}, {Name: "customer_id", References: []Reference{{From: pg + ".shop.customer.id", Owner: Own}}}, {Name: "text", Class: "person"}}}}})
		holders[pg] = NewPostgres(PostgresConfig{DB: shop, Connections: 4})
		m.Systems = append(m.Systems, System{Name: remote, Recipients: []string{"notify:bureau"}, Collections: []Collection{{Name: "person", Fields: fields}}})
		api, err := ParseAPI(fmt.Appendf(nil, crashAPI, w.HTTP[i]))
		if err != nil {
			t.Fatal(err)
		}
		if holders[remote], err = NewHTTP(api, nil); err != nil {
			t.Fatal(err)
		}
	}
	var log *slog.Logger
	if os.Getenv("RIGHTS_CRASH_LOG") != "" {
		log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	o, err := Open(Config{DB: db, Trail: trail, Keys: trail, Signer: keys, Post: &outbox{}, Directory: subjectOf{}, Map: m, Holders: holders, Log: log,
		Recipients: map[string]Recipient{"bureau": HTTPRecipient{URL: w.HTTP[0] + "/notify"}},
		MAC:        bytes.Repeat([]byte{7}, 32), Packages: filepath.Join(w.Dir, "packages"), Portal: "https://privacy.test", Workers: workers, Poll: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	return o, trail
}

type subjectOf struct{}

func (subjectOf) Find(_ context.Context, _, value string) ([]Person, error) {
	return []Person{{Subject: strings.Split(value, "@")[0]}}, nil
}

// TestCrashChild is the process that is killed; it does nothing in a normal run.
func TestCrashChild(t *testing.T) {
	raw := os.Getenv("RIGHTS_CRASH_WORLD")
	if raw == "" {
		return
	}
	var w crashWorld
	if err := json.Unmarshal([]byte(raw), &w); err != nil {
		t.Fatal(err)
	}
	o, _ := w.office(t, 6)
	fmt.Println("child: running")
	_ = o.Run(context.Background())
}

// Random kill -9 and holder faults over access, correct and erase with 12 systems:
// nothing is said to be completed with data left, no effect is repeated, no request
// is lost. As requests end, others are filed, so that every kill finds work to hit.
func TestKilledAndFaulted(t *testing.T) {
	c := newCrash(t)
	for killed := range *crashKills {
		c.fileMore(t, *crashPeople)
		c.setRate(0.15)
		c.kill(t, func() { c.watch(1+c.rng.IntN(150), time.Duration(c.rng.IntN(20_000))*time.Microsecond) })
		c.mend(t)
		if killed%50 == 49 {
			t.Logf("%d kills: %d requests filed, %d open, %d times an officer retried", killed+1, len(c.ids), len(c.open), c.retried)
		}
	}
	c.setRate(0) // the storm is over: what is left must come to its end
	for round := 0; round < 20 && len(c.open) > 0; round++ {
		c.kill(t, func() {
			for tries := 0; tries < 30 && stillOpen(t, c.o, c.open) > 0; tries++ {
				time.Sleep(100 * time.Millisecond)
			}
		})
		c.mend(t)
	}
	judge(t, c.dbs, c.fakes, c.o, c.ids)
	t.Logf("%d kills over %d requests with 12 systems; %d times an officer retried; %d still open", *crashKills, len(c.ids), c.retried, len(c.open))
	for _, id := range c.open {
		if r, err := c.o.Get(context.Background(), id); err == nil {
			t.Errorf("request %s (%s) is still %s: %v", id, r.Right, r.Status, r.Facts.Findings)
		}
	}
}

// crash is the parent's side: it files, kills, mends what an officer would, and judges.
type crash struct {
	world     crashWorld
	dbs       []*sql.DB // one half of the systems
	fakes     []*shaky
	o         *Office
	rng       *rand.Rand
	called    chan struct{} // the fakes' calls
	ids, open []string
	retried   int
}

func newCrash(t *testing.T) *crash {
	t.Helper()
	dbs, urls := furnish(t)
	c := &crash{dbs: dbs, called: make(chan struct{}, 1000), rng: rand.New(rand.NewPCG(3, 9)), world: crashWorld{Dir: t.TempDir(), Postgres: urls, Store: storetest.URL(t, store.PostgreSQL)}}
	if os.Getenv("RIGHTS_CRASH_SQLITE") != "" {
		c.world.Store = "sqlite:" + filepath.Join(c.world.Dir, "privet.db")
	}
	for i := range halves {
		f := &shaky{rng: rand.New(rand.NewPCG(uint64(i), 5)), records: map[string]map[string]string{}, effects: map[string]int{}, notices: map[string]int{}, called: c.called}
		server := httptest.NewServer(f)
		t.Cleanup(server.Close)
		c.fakes, c.world.HTTP = append(c.fakes, f), append(c.world.HTTP, server.URL)
	}
	o, trail := c.world.office(t, 1)
	t.Cleanup(func() { trail.Close() })
	c.o = o
	return c
}

func (c *crash) setRate(rate float64) {
	for _, f := range c.fakes {
		f.mu.Lock()
		f.rate = rate
		f.mu.Unlock()
	}
}

// fileMore files until so many requests are open.
func (c *crash) fileMore(t *testing.T, most int) {
	t.Helper()
	c.setRate(0)
	defer func() { // filing called the fakes too
		for len(c.called) > 0 {
			<-c.called
		}
	}()
	for len(c.open) < most {
		populate(t, c.dbs, c.fakes, len(c.ids), 1)
		id := fileOne(t, c.o, len(c.ids))
		c.ids, c.open = append(c.ids, id), append(c.open, id)
	}
}

// kill runs the child for as long as wait takes.
func (c *crash) kill(t *testing.T, wait func()) {
	t.Helper()
	world, err := json.Marshal(c.world)
	if err != nil {
		t.Fatal(err)
	}
	child := exec.Command(os.Args[0], "-test.run", "TestCrashChild$")
	child.Env = append(os.Environ(), "RIGHTS_CRASH_WORLD="+string(world))
	child.Stderr = os.Stderr
	said, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	for line := bufio.NewScanner(said); line.Scan() && line.Text() != "child: running"; {
	}
	wait()
	_ = child.Process.Kill()
	_ = child.Wait()
	expireLeases(t, c.o)
}

// watch waits until the child has made so many calls, and a moment that hits it
// anywhere. How fast the machine is does not matter; a child that waits is not waited for.
func (c *crash) watch(calls int, moment time.Duration) {
	end := time.After(2 * time.Second)
	for range calls {
		select {
		case <-c.called:
		case <-end:
			return
		}
	}
	time.Sleep(moment)
}

// mend looks at every open request: none may be lost, and where the machine asks for
// a person, one lets it try again.
func (c *crash) mend(t *testing.T) {
	t.Helper()
	ctx := store.Patient(context.Background(), time.Minute)
	open := c.open[:0]
	for _, id := range c.open {
		r, err := c.o.Get(ctx, id)
		if err != nil {
			t.Fatalf("request %s is lost: %v", id, err)
		}
		if r.Status == NeedsAttention {
			if _, err := c.o.Retry(ctx, id, "olga"); err != nil {
				t.Fatal(err)
			}
			c.retried++
		}
		if !r.Status.Final() {
			open = append(open, id)
		}
	}
	c.open = open
}

// stillOpen counts the requests that can go on by themselves.
func stillOpen(t testing.TB, o *Office, ids []string) (open int) {
	t.Helper()
	ctx := store.Patient(context.Background(), time.Minute)
	for _, id := range ids {
		r, err := o.Get(ctx, id)
		if err != nil {
			t.Fatalf("request %s is lost: %v", id, err)
		}
		open += bit(!r.Status.Final() && r.Status != NeedsAttention)
	}
	return open
}

// furnish makes the databases of the PostgreSQL half.
func furnish(t testing.TB) (dbs []*sql.DB, urls []string) {
	t.Helper()
	for range halves {
		db, url := scratch(t)
		script := `CREATE SCHEMA shop; CREATE TABLE shop.customer (id text PRIMARY KEY, email text, name text, changed int DEFAULT 0);
			CREATE INDEX ON shop.customer (email);
			CREATE TABLE shop.note (id text PRIMARY KEY, customer_id text, text text);
			CREATE INDEX ON shop.note (customer_id);
			CREATE FUNCTION shop.count() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.changed = OLD.changed + 1; RETURN NEW; END';
			CREATE TRIGGER count BEFORE UPDATE ON shop.customer FOR EACH ROW EXECUTE FUNCTION shop.count()`
		if _, err := db.Exec(script); err != nil {
			t.Fatal(err)
		}
		dbs, urls = append(dbs, db), append(urls, url)
	}
	return dbs, urls
}

// populate puts people into all 12 systems.
func populate(t testing.TB, dbs []*sql.DB, fakes []*shaky, first, people int) {
	t.Helper()
	for i := range halves {
		for p := first; p < first+people; p++ {
			id, email := fmt.Sprintf("c%04d", p), fmt.Sprintf("person%04d@example.com", p)
			if _, err := dbs[i].Exec("INSERT INTO shop.customer VALUES ($1, $2, 'Old Name')", id, email); err != nil {
				t.Fatal(err)
			}
			if _, err := dbs[i].Exec("INSERT INTO shop.note VALUES ($1, $2, 'note')", "n"+id, id); err != nil {
				t.Fatal(err)
			}
			fakes[i].mu.Lock()
			fakes[i].records[id] = map[string]string{"id": id, "email": email, "name": "Old Name"}
			fakes[i].mu.Unlock()
		}
	}
}

// fileOne files the p-th person's request and has it approved.
func fileOne(t testing.TB, o *Office, p int) string {
	t.Helper()
	ctx := store.Patient(context.Background(), time.Minute)
	f := Filing{Right: []Right{Access, Correct, Erase}[p%3], Email: fmt.Sprintf("person%04d@example.com", p), Jurisdiction: "DE", Proven: "test"}
	if f.Right == Correct {
		f.Corrections = []Correction{{Field: "name", Old: "Old Name", New: "New Name"}}
	}
	r, err := o.File(ctx, f)
	if err != nil {
		t.Fatal(err)
	}
	if r, err = o.MakePlan(ctx, r.ID, "olga"); err != nil {
		t.Fatal(err)
	}
	for _, who := range []string{"olga", "rosa"}[:r.needs()] {
		if r, err = o.Approve(ctx, r.ID, Officer{Name: who}, r.Facts.PlanHash); err != nil {
			t.Fatal(err)
		}
	}
	return r.ID
}

// expireLeases stands for the time that passes until a dead process's claims end.
func expireLeases(t testing.TB, o *Office) {
	t.Helper()
	err := o.DB.Write(context.Background(), func(tx *sql.Tx) error {
		_, err := tx.Exec("UPDATE rights_requests SET lease_until = 0, next_at = CASE WHEN next_at > 0 THEN CAST($1 AS BIGINT) ELSE 0 END", time.Now().UnixMicro())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// judge compares what is said with what is.
func judge(t testing.TB, dbs []*sql.DB, fakes []*shaky, o *Office, ids []string) {
	t.Helper()
	completed, repeated := 0, 0
	for p, id := range ids {
		r, err := o.Get(store.Patient(context.Background(), time.Minute), id)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(string(r.Status), "completed/") {
			continue
		}
		completed++
		key := fmt.Sprintf("c%04d", p)
		for i := range halves {
			var rows, changed int
			var name string
			if err := dbs[i].QueryRow("SELECT count(*), coalesce(max(changed), 0), coalesce(max(name), '') FROM shop.customer WHERE id = $1", key).Scan(&rows, &changed, &name); err != nil {
				t.Fatal(err)
			}
			fakes[i].mu.Lock()
			rec := fakes[i].records[key]
			switch {
			case r.Right == Erase && (rows != 0 || rec != nil):
				t.Errorf("%s is completed, and data is left in system %d", id, i)
			case r.Right == Correct && (name != "New Name" || rec["name"] != "New Name"):
				t.Errorf("%s is completed, and system %d is not corrected", id, i)
			case r.Right == Access && (rows != 1 || rec == nil):
				t.Errorf("%s changed something", id)
			}
			if changed > 1 {
				repeated++
			}
			fakes[i].mu.Unlock()
		}
		if r.Right == Access {
			if r.Body == nil {
				if err := o.open(context.Background(), r); err != nil {
					t.Fatal(err)
				}
			}
			if stream, err := o.openPackage(context.Background(), r); err != nil {
				t.Errorf("%s has no package: %v", id, err)
			} else {
				stream.Close()
			}
		}
	}
	for i, f := range fakes {
		f.mu.Lock()
		for what, n := range f.effects {
			if n > 1 {
				repeated++
				t.Errorf("system %d: %s happened %d times", i, what, n)
			}
		}
		f.mu.Unlock()
	}
	t.Logf("%d completed, each as said; %d repeated effects", completed, repeated)
	if repeated > 0 {
		t.Errorf("%d effects were repeated", repeated)
	}
}
