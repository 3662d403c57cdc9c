package store

import "testing"

func TestPositional(t *testing.T) {
	for query, want := range map[string]string{
		"INSERT INTO t VALUES ($1,$2),($3,$4)":                 "INSERT INTO t VALUES (?,?),(?,?)",
		"SELECT a FROM t WHERE b = $1 AND c = '$2' AND d = $2": "SELECT a FROM t WHERE b = ? AND c = '$2' AND d = ?",
		"UPDATE t SET a = $1 WHERE b = $2 AND a <> $1":         "UPDATE t SET a = $1 WHERE b = $2 AND a <> $1",
		"SELECT $2, $1":                   "SELECT $2, $1",
		"SELECT $10":                      "SELECT $10",
		"SELECT $1 -- it's $2":            "SELECT $1 -- it's $2",
		"SELECT a FROM t WHERE b = $name": "SELECT a FROM t WHERE b = $name",
	} {
		if got := positional(query); got != want {
			t.Errorf("%s became %s, want %s", query, got, want)
		}
	}
}
