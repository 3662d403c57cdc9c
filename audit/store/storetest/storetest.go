// Package storetest runs an owner's tests over both engines, each on a fresh
// database that is gone afterwards. PostgreSQL is the server named by
// PRIVET_TEST_POSTGRES; without it that half is skipped, and fails when CI=true.
package storetest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/privet-gateway/privet/audit/store"
)

// Timeout is what transactions of tests may take: a busy machine must not fail
// them. Tests of the deadline itself open their own store.
const Timeout = 20 * time.Second

// Each runs test once per engine.
func Each(t *testing.T, schemas []store.Schema, test func(t *testing.T, db *store.DB)) {
	t.Helper()
	for _, engine := range []store.Engine{store.SQLite, store.PostgreSQL} {
		t.Run(string(engine), func(t *testing.T) { test(t, Open(t, engine, schemas...)) })
	}
}

// Open opens a fresh database of the engine.
func Open(t testing.TB, engine store.Engine, schemas ...store.Schema) *store.DB {
	t.Helper()
	return OpenURL(t, URL(t, engine), schemas...)
}

// OpenURL opens the database at url, as a further replica would.
func OpenURL(t testing.TB, url string, schemas ...store.Schema) *store.DB {
	t.Helper()
	db, err := store.Open(context.Background(), store.Config{URL: url, Schemas: schemas, Timeout: Timeout})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("close database: %v", err)
		}
	})
	return db
}

// URL makes an empty database and returns its URL.
func URL(t testing.TB, engine store.Engine) string {
	t.Helper()
	if engine == store.SQLite {
		return "sqlite:" + filepath.Join(t.TempDir(), "privet.db")
	}
	server := os.Getenv("PRIVET_TEST_POSTGRES")
	if server == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("PRIVET_TEST_POSTGRES is not set")
		}
		t.Skip("PRIVET_TEST_POSTGRES is not set")
	}
	u, err := url.Parse(server)
	if err != nil {
		t.Fatalf("PRIVET_TEST_POSTGRES: %v", err)
	}
	admin, err := sql.Open("pgx", server)
	if err != nil {
		t.Fatal(err)
	}
	name := "privet_test_" + rand.Text()
	if _, err := admin.Exec(`CREATE DATABASE "` + name + `"`); err != nil {
		t.Fatalf("create database: %v", err)
	}
	t.Cleanup(func() {
		if _, err := admin.Exec(`DROP DATABASE "` + name + `" WITH (FORCE)`); err != nil {
			t.Errorf("drop database: %v", err)
		}
		admin.Close()
	})
	u.Path = "/" + name
	return u.String()
}
