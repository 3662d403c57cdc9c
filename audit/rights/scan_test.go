package rights

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"
)

// Searches that wait share a reading, each gets its own rows and nobody else's, and none
// gets a reading that began before it asked.
func TestSearchesShare(t *testing.T) {
	db, _ := scratch(t)
	if _, err := db.Exec("CREATE TABLE person (id int PRIMARY KEY, mail text); INSERT INTO person SELECT n, 'person' || n || '@example.com' FROM generate_series(1000, 1099) n; CREATE TABLE export AS SELECT upper(mail) AS line FROM person"); err != nil {
		t.Fatal(err)
	}
	p := NewPostgres(PostgresConfig{DB: db})
	s := &System{Name: "s", Collections: []Collection{{Name: "person", Fields: []Field{{Name: "id", Key: true}, {Name: "mail", Identity: "email"}}}}}
	kept := map[string][]string{"person": {`["1000"]`, `["1007"]`}}
	var all sync.WaitGroup
	for i := range 100 {
		all.Go(func() {
			mail, nobody := fmt.Sprintf("person%d@example.com", 1000+i), fmt.Sprintf("nobody%d@example.com", i)
			hits, err := p.Search(t.Context(), s, []string{nobody, mail}, kept)
			want := []Hit{{mail, "public.export", "", 1}, {mail, "public.person", "", 1}}
			if i == 0 || i == 7 {
				want = want[:1]
			}
			if err != nil || !slices.Equal(hits, want) {
				t.Errorf("%s: %+v %v", mail, hits, err)
			}
		})
	}
	all.Wait()
}

// The reading itself: who asks while one runs waits for the next.
func TestScansBeginAfterTheQuestion(t *testing.T) {
	s, begun, end := newScans(), make(chan []string), make(chan struct{})
	read := func(_ context.Context, values []string) ([]scanned, error) {
		begun <- slices.Clone(values)
		<-end
		return []scanned{{value: len(values) - 1, table: values[len(values)-1]}}, nil
	}
	var all sync.WaitGroup
	ask := func(value, want string) {
		all.Go(func() {
			rows, err := s.search(t.Context(), time.Minute, []string{value}, read)
			if got := fmt.Sprint(rows); err != nil || got != want {
				t.Errorf("%s: %s %v, want %s", value, got, err, want)
			}
		})
	}
	ask("a", "[{0 a []}]")
	if first := <-begun; !slices.Equal(first, []string{"a"}) {
		t.Errorf("the first reading is for %v", first)
	}
	joined := make(chan struct{})
	go func() { // b and c come while it runs
		defer close(joined)
		for n := 0; n < 2; {
			s.mu.Lock()
			if n = 0; s.next != nil {
				n = len(s.next.values)
			}
			s.mu.Unlock()
		}
	}()
	ctx, cancel := context.WithCancel(t.Context())
	all.Go(func() {
		if _, err := s.search(ctx, time.Minute, []string{"b"}, read); err == nil {
			t.Error("who leaves gets an answer")
		}
	})
	all.Go(func() { _, _ = s.search(t.Context(), time.Minute, []string{"c"}, read) })
	<-joined
	cancel() // one leaves: the other is answered all the same
	end <- struct{}{}
	second := <-begun
	slices.Sort(second)
	if !slices.Equal(second, []string{"b", "c"}) {
		t.Errorf("the second reading is for %v", second)
	}
	end <- struct{}{}
	all.Wait()
}
