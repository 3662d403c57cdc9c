package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/privet-gateway/privet/audit/store"
	"github.com/privet-gateway/privet/audit/store/storetest"
)

var accounts = store.Schema{Owner: "test", FS: fstest.MapFS{
	"00001_accounts.sql": {Data: []byte(`-- +goose Up
CREATE TABLE accounts (name TEXT PRIMARY KEY, amount BIGINT NOT NULL, photo BYTEA);
`)},
	"00002_rows.sql": {Data: []byte(`-- +goose Up
INSERT INTO accounts VALUES ('a', 100, NULL), ('b', 100, NULL);
`)},
}}

func TestBytesAndNumbersComeBackExact(t *testing.T) {
	storetest.Each(t, []store.Schema{accounts}, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		photo := []byte{0, 1, 0xff, '1'}
		const big = int64(1)<<62 + 1
		err := db.Write(ctx, func(tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, "INSERT INTO accounts VALUES ($1, $2, $3)", "c", big, photo)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		var amount int64
		var got []byte
		err = db.Read(ctx, func(tx *sql.Tx) error {
			return tx.QueryRowContext(ctx, "SELECT amount, photo FROM accounts WHERE name = $1", "c").Scan(&amount, &got)
		})
		if err != nil || amount != big || string(got) != string(photo) {
			t.Fatalf("got %d %x, %v", amount, got, err)
		}
	})
}

// Two transfers that each read both rows and write one would both pass under
// snapshot isolation and overdraw.
func TestWritesAreSerialisable(t *testing.T) {
	storetest.Each(t, []store.Schema{accounts}, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		overdrawn := errors.New("overdrawn")
		take := func(from string) error {
			return db.Write(ctx, func(tx *sql.Tx) error {
				var sum int64
				if err := tx.QueryRowContext(ctx, "SELECT SUM(amount) FROM accounts").Scan(&sum); err != nil {
					return err
				}
				if sum < 150 {
					return overdrawn
				}
				_, err := tx.ExecContext(ctx, "UPDATE accounts SET amount = amount - 150 WHERE name = $1", from)
				return err
			})
		}
		var wg sync.WaitGroup
		answers := make([]error, 8)
		for i := range answers {
			wg.Go(func() { answers[i] = take([]string{"a", "b"}[i%2]) })
		}
		wg.Wait()
		passed := 0
		for _, err := range answers {
			switch {
			case err == nil:
				passed++
			case !errors.Is(err, overdrawn):
				t.Errorf("take: %v", err)
			}
		}
		if passed != 1 {
			t.Fatalf("%d of %d transfers passed, want 1", passed, len(answers))
		}
	})
}

func TestErrorOfTheCallerRollsBack(t *testing.T) {
	storetest.Each(t, []store.Schema{accounts}, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		mine := errors.New("mine")
		err := db.Write(ctx, func(tx *sql.Tx) error {
			if _, err := tx.ExecContext(ctx, "DELETE FROM accounts"); err != nil {
				return err
			}
			return mine
		})
		if !errors.Is(err, mine) || errors.Is(err, store.ErrDown) {
			t.Fatalf("got %v, want the caller's error alone", err)
		}
		if n := count(t, db); n != 2 {
			t.Fatalf("%d rows, want 2", n)
		}
	})
}

func TestReadCannotWrite(t *testing.T) {
	storetest.Each(t, []store.Schema{accounts}, func(t *testing.T, db *store.DB) {
		err := db.Read(context.Background(), func(tx *sql.Tx) error {
			_, err := tx.Exec("DELETE FROM accounts")
			return err
		})
		if err == nil || count(t, db) != 2 {
			t.Fatalf("a read deleted rows (%v)", err)
		}
	})
}

func TestCancelledCallerGetsItsOwnError(t *testing.T) {
	storetest.Each(t, []store.Schema{accounts}, func(t *testing.T, db *store.DB) {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		err := db.Write(ctx, func(*sql.Tx) error { return nil })
		if !errors.Is(err, context.Canceled) || errors.Is(err, store.ErrDown) {
			t.Fatalf("got %v", err)
		}
	})
}

func TestManyReplicasOpenAndMigrateAtOnce(t *testing.T) {
	for _, engine := range []store.Engine{store.SQLite, store.PostgreSQL} {
		t.Run(string(engine), func(t *testing.T) {
			url := storetest.URL(t, engine)
			var wg sync.WaitGroup
			for range 12 {
				wg.Go(func() {
					db, err := store.Open(context.Background(), store.Config{URL: url, Schemas: []store.Schema{accounts}, Timeout: storetest.Timeout})
					if err != nil {
						t.Errorf("open: %v", err)
						return
					}
					db.Close()
				})
			}
			wg.Wait()
			if n := count(t, storetest.OpenURL(t, url, accounts)); n != 2 {
				t.Fatalf("%d rows, want 2: a migration ran twice", n)
			}
		})
	}
}

// A statement that is still being read runs a second time inside itself, and
// works after the table has changed.
func TestStatementsAreKeptApart(t *testing.T) {
	storetest.Each(t, []store.Schema{accounts}, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		const query = "SELECT name FROM accounts WHERE amount >= $1 ORDER BY name"
		names := func(tx *sql.Tx) (all []string) {
			rows, err := tx.QueryContext(ctx, query, 1)
			if err != nil {
				t.Fatal(err)
			}
			defer rows.Close()
			for rows.Next() {
				var name string
				if err := rows.Scan(&name); err != nil {
					t.Fatal(err)
				}
				all = append(all, name)
			}
			return all
		}
		for range 2 {
			if err := db.Read(ctx, func(tx *sql.Tx) error {
				if db.Engine() == store.PostgreSQL { // has one result at a time
					_ = names(tx)
					return nil
				}
				rows, err := tx.QueryContext(ctx, query, 1)
				if err != nil {
					return err
				}
				defer rows.Close()
				for _, want := range []string{"a", "b"} {
					var name string
					if !rows.Next() || rows.Scan(&name) != nil || name != want || len(names(tx)) != 2 {
						t.Errorf("read %q, want %q, and both inside", name, want)
					}
				}
				return rows.Err()
			}); err != nil {
				t.Fatal(err)
			}
			err := db.Write(ctx, func(tx *sql.Tx) error {
				_, err := tx.ExecContext(ctx, "CREATE INDEX IF NOT EXISTS accounts_amount ON accounts (amount)")
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	})
}

// The write-ahead log is moved into the file beside the commits, so it does not grow with them.
func TestSQLiteLogStaysShort(t *testing.T) {
	rawURL := storetest.URL(t, store.SQLite)
	db := storetest.OpenURL(t, rawURL, accounts)
	ctx := context.Background()
	photo := make([]byte, 200_000)
	written := int64(0)
	for i := range 400 {
		photo[0] = byte(i)
		err := db.Write(ctx, func(tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, "UPDATE accounts SET photo = $1 WHERE name = $2", photo, "a")
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		written += int64(len(photo))
	}
	info, err := os.Stat(strings.TrimPrefix(rawURL, "sqlite:") + "-wal")
	if err != nil || info.Size() > written*3/4 {
		t.Fatalf("%d bytes in the log of %d written, %v", info.Size(), written, err)
	}
}

// A SQLite file whose lock another process never gives back, and one that was
// removed, refuse and recover.
func TestSQLiteFaults(t *testing.T) {
	rawURL := storetest.URL(t, store.SQLite)
	path := strings.TrimPrefix(rawURL, "sqlite:")
	ctx := context.Background()
	db, err := store.Open(ctx, store.Config{URL: rawURL, Schemas: []store.Schema{accounts}, Timeout: 2 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	touch := func() error {
		return db.Write(ctx, func(tx *sql.Tx) error { _, err := tx.Exec("UPDATE accounts SET amount = amount + 1"); return err })
	}

	other, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	holder, err := other.Conn(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := holder.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	if err := touch(); !errors.Is(err, store.ErrDown) {
		t.Errorf("locked file: %v", err)
	}
	if _, err := holder.ExecContext(ctx, "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	holder.Close()
	if err := touch(); err != nil {
		t.Errorf("after the lock: %v", err)
	}

	for _, name := range []string{path, path + "-wal"} {
		if err := os.Rename(name, name+".away"); err != nil {
			t.Fatal(err)
		}
		if err := touch(); !errors.Is(err, store.ErrDown) {
			t.Errorf("%s renamed: %v", name, err)
		}
		if err := os.Rename(name+".away", name); err != nil {
			t.Fatal(err)
		}
		if err := touch(); err != nil {
			t.Errorf("%s put back: %v", name, err)
		}
	}
}

// The proxy stops passing bytes, as a hung server or a cut network does: in the
// middle of a statement called with a context of its own, and inside COMMIT.
func TestHungPostgres(t *testing.T) {
	proxy := storetest.NewRelay(t)
	ctx := context.Background()
	db, err := store.Open(ctx, store.Config{URL: proxy.URL, Schemas: []store.Schema{accounts}})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()

	err = db.Write(ctx, func(tx *sql.Tx) error {
		proxy.Hang()
		_, err := tx.ExecContext(context.Background(), "UPDATE accounts SET amount = 1")
		return err
	})
	if !errors.Is(err, store.ErrDown) || errors.Is(err, store.ErrUnknown) {
		t.Errorf("hung statement: %v", err)
	}
	if err := db.Ping(ctx); !errors.Is(err, store.ErrDown) {
		t.Errorf("ping a hung server: %v", err)
	}
	if err := db.Read(ctx, func(tx *sql.Tx) error { return nil }); !errors.Is(err, store.ErrDown) {
		t.Errorf("read a hung server: %v", err)
	}
	proxy.Resume()

	attempts := 0
	err = db.Write(store.Patient(ctx, 2*time.Second), func(tx *sql.Tx) error {
		attempts++
		_, err := tx.Exec("UPDATE accounts SET amount = 7")
		proxy.Hang()
		return err
	})
	proxy.Resume()
	if !errors.Is(err, store.ErrUnknown) || !errors.Is(err, store.ErrDown) || attempts != 1 {
		t.Errorf("hung commit after %d attempts: %v", attempts, err)
	}
	if n := count(t, db); n != 2 {
		t.Errorf("after the server came back: %d rows", n)
	}
}

func TestPostgresCommitsDurably(t *testing.T) {
	u, err := url.Parse(storetest.URL(t, store.PostgreSQL))
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("synchronous_commit", "off")
	u.RawQuery = q.Encode()
	var level string
	err = storetest.OpenURL(t, u.String()).Read(context.Background(), func(tx *sql.Tx) error {
		return tx.QueryRow("SHOW synchronous_commit").Scan(&level)
	})
	if err != nil || level != "on" {
		t.Fatalf("synchronous_commit is %q, %v", level, err)
	}
}

func count(t *testing.T, db *store.DB) (n int) {
	t.Helper()
	ctx := store.Patient(context.Background(), storetest.Timeout)
	err := db.Read(ctx, func(tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, "SELECT COUNT(*) FROM accounts").Scan(&n)
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func Example() {
	dir, err := os.MkdirTemp("", "privet")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	ctx := context.Background()
	db, err := store.Open(ctx, store.Config{URL: "sqlite:" + dir + "/privet.db", Schemas: []store.Schema{accounts}})
	if err != nil {
		panic(err)
	}
	defer db.Close()
	ctx = store.Patient(ctx, 10*time.Second)
	err = db.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "UPDATE accounts SET amount = amount + $1 WHERE name = $2", 5, "a")
		return err
	})
	if err != nil {
		panic(err)
	}
	var amount int64
	err = db.Read(ctx, func(tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, "SELECT amount FROM accounts WHERE name = $1", "a").Scan(&amount)
	})
	fmt.Println(amount, err)
	// Output: 105 <nil>
}
