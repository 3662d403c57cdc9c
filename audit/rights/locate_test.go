package rights

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"
)

// scratch makes a database of its own and drops it afterwards.
func scratch(t testing.TB) (*sql.DB, string) {
	t.Helper()
	admin := os.Getenv("PRIVET_TEST_POSTGRES")
	if admin == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("PRIVET_TEST_POSTGRES is not set")
		}
		t.Skip("PRIVET_TEST_POSTGRES is not set")
	}
	root, err := sql.Open("pgx", admin)
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("rights_%d_%d", os.Getpid(), rand.Uint64())
	if _, err := root.Exec("CREATE DATABASE " + name); err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(admin)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + name
	db, err := sql.Open("pgx", u.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		db.Close()
		if _, err := root.Exec("DROP DATABASE " + name + " WITH (FORCE)"); err != nil {
			t.Error(err)
		}
		root.Close()
	})
	return db, u.String()
}

// fidesShop is the published fixture and its declaration, with the keys that the
// declaration leaves out.
func fidesShop(t testing.TB) (*sql.DB, *Map) {
	t.Helper()
	db, _ := scratch(t)
	script, err := os.ReadFile(shared(t, "privacy/fides/src/fides/data/sample_project/postgres_sample.sql"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(string(script)); err != nil {
		t.Fatal(err)
	}
	m := fides(t, "data/dataset/postgres_example_test_dataset.yml")
	for name, keys := range map[string][]string{"order_item": {"order_id", "item_no"}, "visit": {"email", "last_visit"}} {
		c := m.Collection(m.Systems[0].Name, name)
		for _, k := range keys {
			if c.Field(k) == nil {
				c.Fields = append(c.Fields, Field{Name: k})
			}
			c.Field(k).Key = true
		}
	}
	return db, m
}

func planFor(t testing.TB, m *Map, holders map[string]Holder, right Right, seeds Identity) *Plan {
	t.Helper()
	laws := builtin(t)
	now := day(t, "2026-11-01")
	p, err := makePlan(context.Background(), m, laws, holders, &Plan{Right: right, Seeds: seeds, Salt: []byte("salt")}, laws.Regime("DE", now), now)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Against the closures computed from the published fixture: every row the declared
// references reach is in the access plan, except other people's; customer 1 does not get
// customer 2's payment card, which the graph with the extra edge leads to.
func TestFidesRecall(t *testing.T) {
	var closures struct {
		Yaml, Extra map[string]map[string][]string
	}
	raw, err := os.ReadFile(shared(t, "privacy/fides/COMPUTED_closures.json"))
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer(`"yaml_dataset":`, `"Yaml":`, `"test_graph_with_orders_payment_card_edge":`, `"Extra":`).Replace(string(raw))
	if err := json.Unmarshal([]byte(text), &closures); err != nil {
		t.Fatal(err)
	}
	db, m := fidesShop(t)
	for _, extra := range []bool{false, true} {
		want := closures.Yaml
		if extra {
			want = closures.Extra
			orders := m.Collection(m.Systems[0].Name, "orders")
			orders.Fields = append(orders.Fields, Field{Name: "payment_card_id", References: []Reference{{To: m.Systems[0].Name + ".payment_card.id"}}})
		}
		for who, reached := range want {
			p := planFor(t, m, map[string]Holder{m.Systems[0].Name: NewPostgres(PostgresConfig{DB: db})}, Access, Identity{"email": {who}})
			got := map[string]int{}
			for _, s := range p.Steps {
				got[s.Collection] = len(s.Targets)
				for _, target := range s.Targets {
					if extra && who == "customer-1@example.com" && strings.Contains(target.Key, "pay_bbb") {
						t.Errorf("%s gets another customer's card", who)
					}
				}
			}
			for collection, rows := range reached {
				expect := len(rows)
				if extra && collection == "payment_card" && who == "customer-1@example.com" {
					expect--
				}
				if got[collection] != expect {
					t.Errorf("%s: %d rows of %s, want %d", who, got[collection], collection, expect)
				}
			}
		}
	}
}

// The employee who worked on customers' requests gets his name in them, not theirs.
func TestFidesMentions(t *testing.T) {
	db, m := fidesShop(t)
	p := planFor(t, m, map[string]Holder{m.Systems[0].Name: NewPostgres(PostgresConfig{DB: db})}, Access, Identity{"email": {"employee-1@example.com"}})
	for _, s := range p.Steps {
		for _, target := range s.Targets {
			if s.Collection == "service_request" && (target.Hidden["email"] == "" || target.Hidden["employee_id"] != "") {
				t.Errorf("service request %s hides %v", target.Key, target.Hidden)
			}
		}
	}
}

// world is a generated graph with the truth about whose each row is.
type world struct {
	m      *Map
	h      *memory
	truth  map[string]map[string]bool // collection+id → owners (persons' e-mails)
	people []string
}

func generate(rng *rand.Rand) *world {
	w := &world{h: &memory{rows: map[string][]map[string]any{}}, truth: map[string]map[string]bool{}}
	s := System{Name: "g"}
	person := Collection{Name: "person", Fields: []Field{{Name: "id", Key: true}, {Name: "email", Class: "email", Identity: "email"}}}
	for i := range 3 + rng.IntN(4) {
		email := fmt.Sprintf("p%d@example.com", i)
		w.people = append(w.people, email)
		w.put("person", fmt.Sprint("P", i), map[string]any{"email": email}, email)
	}
	type layer struct {
		name   string
		shared bool
	}
	layers := []layer{{"person", false}}
	for n := range 2 + rng.IntN(6) {
		name := fmt.Sprintf("c%d", n)
		c := Collection{Name: name, Fields: []Field{{Name: "id", Key: true}, {Name: "text", Class: "person"}}}
		var parents []layer
		for _, l := range layers {
			if !l.shared {
				parents = append(parents, l)
			}
		}
		parent := parents[rng.IntN(len(parents))]
		switch kind := rng.IntN(5); kind {
		case 0: // reached from the parent's row; several people's rows may lead here
			pc := &person
			for i := range s.Collections {
				if s.Collections[i].Name == parent.name {
					pc = &s.Collections[i]
				}
			}
			pc.Fields = append(pc.Fields, Field{Name: name + "_id", References: []Reference{{To: "g." + name + ".id"}}})
			size := 1 + rng.IntN(4)
			for i := range size {
				w.put(name, fmt.Sprint(name, "r", i), map[string]any{"text": "shared"})
			}
			for _, row := range w.h.rows[parent.name] {
				if rng.IntN(4) > 0 {
					row[name+"_id"] = fmt.Sprint(name, "r", rng.IntN(size))
				}
			}
			layers = append(layers, layer{name, true})
		case 1: // somebody's row that mentions somebody else
			c.Fields = append(c.Fields, Field{Name: "owner_id", References: []Reference{{From: "g.person.id", Owner: Own}}},
				Field{Name: "clerk_id", References: []Reference{{From: "g.person.id", Owner: Mentions}}})
			for i := range rng.IntN(6) {
				owner := rng.IntN(len(w.people))
				w.put(name, fmt.Sprint(name, "r", i), map[string]any{"text": "private", "owner_id": fmt.Sprint("P", owner), "clerk_id": fmt.Sprint("P", rng.IntN(len(w.people)))}, w.people[owner])
			}
			layers = append(layers, layer{name, false})
		default: // belongs to one parent row, or to two
			joint := rng.IntN(3) == 0
			c.Fields = append(c.Fields, Field{Name: "a_id", References: []Reference{{From: "g." + parent.name + ".id", Owner: Own}}})
			if joint {
				c.Fields = append(c.Fields, Field{Name: "b_id", References: []Reference{{From: "g." + parent.name + ".id", Owner: Own}}})
			}
			for i := range rng.IntN(8) {
				if len(w.h.rows[parent.name]) == 0 {
					break
				}
				values := map[string]any{"text": "private"}
				owners := map[string]bool{}
				for _, f := range []string{"a_id", "b_id"}[:1+bit(joint)] {
					up := w.h.rows[parent.name][rng.IntN(len(w.h.rows[parent.name]))]
					values[f] = up["id"]
					for o := range w.truth[parent.name+Text(up["id"])] {
						owners[o] = true
					}
				}
				w.put(name, fmt.Sprint(name, "r", i), values, sortedKeys(owners)...)
			}
			layers = append(layers, layer{name, false})
		}
		s.Collections = append(s.Collections, c)
	}
	s.Collections = append(s.Collections, person)
	w.m = &Map{Version: "t", Systems: []System{s}}
	return w
}

func (w *world) put(collection, id string, values map[string]any, owners ...string) {
	values["id"] = id
	w.h.rows[collection] = append(w.h.rows[collection], values)
	w.truth[collection+id] = map[string]bool{}
	for _, o := range owners {
		w.truth[collection+id][o] = true
	}
}

// Generated graphs with shared, joint and mentioning rows: everything of the
// person's is found, nothing of anybody else's is disclosed or altered.
func TestGeneratedGraphs(t *testing.T) {
	n := 200
	if *long {
		n = 10_000
	}
	checked, joint, foreign := 0, 0, 0
	for seed := range n {
		w := generate(rand.New(rand.NewPCG(uint64(seed), 1)))
		who := w.people[seed%len(w.people)]
		holders := map[string]Holder{"g": w.h}
		access := planFor(t, w.m, holders, Access, Identity{"email": {who}})
		listed := map[string]Target{}
		for _, s := range access.Steps {
			for _, target := range s.Targets {
				listed[s.Collection+w.m.Collection("g", s.Collection).Named(target.Key)["id"]] = target
			}
		}
		for row, owners := range w.truth {
			target, in := listed[row]
			switch {
			case owners[who] && !in:
				t.Fatalf("graph %d: %s's %s is missing", seed, who, row)
			case len(owners) > 0 && !owners[who] && in && target.Hidden["text"] == "":
				t.Fatalf("graph %d: %s sees %s of %v", seed, who, row, owners)
			}
			checked++
			joint += bit(len(owners) > 1)
			foreign += bit(len(owners) > 0 && !owners[who])
		}
		before := map[string]string{}
		for collection, rows := range w.h.rows {
			for _, row := range rows {
				raw, err := json.Marshal(row)
				if err != nil {
					t.Fatal(err)
				}
				before[collection+Text(row["id"])] = string(raw)
			}
		}
		erase := planFor(t, w.m, holders, Erase, Identity{"email": {who}})
		for _, s := range erase.Steps {
			if _, err := w.h.Erase(context.Background(), w.m.Collection("g", s.Collection), s.Action, s.Targets, ""); err != nil {
				t.Fatal(err)
			}
		}
		after := map[string]string{}
		for collection, rows := range w.h.rows {
			for _, row := range rows {
				raw, err := json.Marshal(row)
				if err != nil {
					t.Fatal(err)
				}
				after[collection+Text(row["id"])] = string(raw)
			}
		}
		for row, owners := range w.truth {
			alone := len(owners) == 1 && owners[who]
			if alone && after[row] != "" {
				t.Fatalf("graph %d: %s of %s is still there", seed, row, who)
			}
			if !alone && after[row] != before[row] {
				t.Fatalf("graph %d: %s of %v was altered for %s:\n%s\n%s", seed, row, owners, who, before[row], after[row])
			}
		}
	}
	t.Logf("%d graphs: %d rows judged, %d joint, %d other people's: recall 100%%, 0 disclosed, 0 altered", n, checked, joint, foreign)
}

func TestPlanHashAndDrift(t *testing.T) {
	db, m := fidesShop(t)
	holders := map[string]Holder{m.Systems[0].Name: NewPostgres(PostgresConfig{DB: db})}
	first := planFor(t, m, holders, Erase, Identity{"email": {"customer-1@example.com"}})
	again := planFor(t, m, holders, Erase, Identity{"email": {"customer-1@example.com"}})
	h1, err := first.Hash()
	if err != nil {
		t.Fatal(err)
	}
	if h2, _ := again.Hash(); h1 != h2 {
		t.Error("the same data gave two hashes")
	}
	if _, err := db.Exec("INSERT INTO login VALUES (99, 1, '2026-01-01')"); err != nil {
		t.Fatal(err)
	}
	drifted := planFor(t, m, holders, Erase, Identity{"email": {"customer-1@example.com"}})
	if h3, _ := drifted.Hash(); h1 == h3 {
		t.Error("a new row did not change the hash")
	}
	other := *first
	other.Salt = []byte("pepper")
	if h4, _ := other.Hash(); h4 == h1 {
		t.Error("the hash is not salted")
	}
	last := first.Steps[len(first.Steps)-1]
	if !m.Collection(last.System, last.Collection).Identities() {
		t.Errorf("%s is erased last, and does not identify anybody", last.Collection)
	}
	if !slices.ContainsFunc(first.Kept, func(k Kept) bool { return k.Collection == "address" && k.Why == "others" }) {
		t.Errorf("a shared address is not kept: %+v", first.Kept)
	}
}

// An exemption keeps one field of a row; the rest of the row is blanked.
func TestPlanKeepsOneDatum(t *testing.T) {
	m, err := ParseMap([]byte(`
version: t
systems:
- name: g
  collections:
  - name: account
    since: opened
    fields:
    - {name: id, key: true}
    - {name: email, class: email, identity: email}
    - {name: ssn, class: ssn, because: bsa}
    - {name: nick, class: person}
    - {name: opened}
`))
	if err != nil {
		t.Fatal(err)
	}
	for opened, want := range map[string]Action{"2025-01-01": Blank, "2001-01-01": Delete} {
		h := &memory{rows: map[string][]map[string]any{"account": {{"id": "1", "email": "a@example.com", "ssn": "s", "nick": "n", "opened": opened}}}}
		p := planFor(t, m, map[string]Holder{"g": h}, Erase, Identity{"email": {"a@example.com"}})
		if p.Steps[0].Action != want {
			t.Errorf("opened %s: %s, want %s", opened, p.Steps[0].Action, want)
		}
		if want == Blank && (strings.Join(p.Steps[0].Targets[0].Blank, ",") != "email,nick" || p.Kept[0].Cite != "31 CFR 1010.430(d)") {
			t.Errorf("blanks %v, keeps %+v", p.Steps[0].Targets[0].Blank, p.Kept)
		}
	}
}
