package main

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/privet-gateway/privet/audit"
	"github.com/privet-gateway/privet/audit/evidence"
	"github.com/privet-gateway/privet/audit/keeper"
	"github.com/privet-gateway/privet/audit/store"
	"github.com/privet-gateway/privet/audit/store/storetest"
)

// desk is a directory in which an auditor has files.
type desk struct {
	t   *testing.T
	dir string
}

func (d desk) put(name string, content []byte) {
	d.t.Helper()
	if err := os.WriteFile(filepath.Join(d.dir, name), content, 0o600); err != nil {
		d.t.Fatal(err)
	}
}

func (d desk) keeper(name string) *keeper.Local {
	d.t.Helper()
	k, err := keeper.OpenLocal(d.t.Context(), keeper.LocalConfig{Path: filepath.Join(d.dir, name), Root: keeper.Root{File: filepath.Join(d.dir, name+".key")}, Create: true})
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { k.Close() })
	return k
}

// trail is a log with n entries of a year and a half ago and one of now.
func (d desk) trail(k *keeper.Local, what string, n int) *audit.Trail {
	d.t.Helper()
	now := time.Now().Add(-18 * 30 * 24 * time.Hour)
	tr, err := audit.Open(d.t.Context(), audit.Config{Store: storetest.Open(d.t, store.SQLite, audit.Schema()), Signer: k, Wrapper: k,
		Origin: "privet.test/trail", Timeout: 20 * time.Second, Checkpoint: time.Hour, MaxLag: 10 * 366 * 24 * time.Hour, Clock: func() time.Time { return now }})
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { tr.Close() })
	for i := range n {
		if _, err := tr.Append(d.t.Context(), audit.Event{Kind: "view.intent", Request: fmt.Sprint(what, i), Subjects: []string{fmt.Sprint("cust_", i%3)}}); err != nil {
			d.t.Fatal(err)
		}
	}
	now = time.Now()
	return tr
}

func (d desk) export(tr *audit.Trail, name string) []byte {
	d.t.Helper()
	var b bytes.Buffer
	if _, err := tr.Export(d.t.Context(), &b, "olga", audit.Filter{}, nil); err != nil {
		d.t.Fatal(err)
	}
	d.put(name, b.Bytes())
	return b.Bytes()
}

// Every verdict of an auditor's check, by command line, with its exit status.
func TestVerdicts(t *testing.T) {
	d := desk{t, t.TempDir()}
	ours, theirs := d.keeper("ours"), d.keeper("theirs")
	tr := d.trail(ours, "a", 600)
	vkey, err := tr.VkeyFile(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	d.put("trail.vkey", vkey)
	early := d.export(tr, "early.zip")
	if _, err := tr.Erase(t.Context(), "cust_1"); err != nil {
		t.Fatal(err)
	}
	if err := tr.Checkpoint(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := tr.Prune(t.Context(), time.Now().Add(-audit.DefaultRetention)); err != nil {
		t.Fatal(err)
	}
	whole := d.export(tr, "whole.zip")
	d.put("head", checkpointOf(t, whole))
	d.export(d.trail(ours, "b", 900), "fork.zip")
	d.export(d.trail(theirs, "a", 3), "stranger.zip")
	d.put("cut.zip", whole[:len(whole)-100])
	flipped := bytes.Clone(early)
	flipped[len(flipped)/2] ^= 1
	d.put("flipped.zip", flipped)
	d.put("letter.txt", []byte("Dear auditor,"))

	for _, c := range []struct {
		args   []string
		status int
		says   string
	}{
		{[]string{"early.zip"}, 0, "VERDICT: VERIFIED entries=601 erased=0 pruned=0"},
		{[]string{"whole.zip"}, 0, "VERDICT: VERIFIED entries=92 erased=29 pruned=512"}, // 88 are left, and what was done with them
		{[]string{"whole.zip", "--head", "head"}, 0, "VERDICT: VERIFIED"},
		{[]string{"whole.zip", "--head=" + filepath.Join(d.dir, "head")}, 0, "VERDICT: VERIFIED"},
		{[]string{"cut.zip"}, 3, "VERDICT: INCOMPLETE"},
		{[]string{"flipped.zip"}, 4, "VERDICT: TAMPERED"},
		{[]string{"early.zip", "--head", "head"}, 5, "VERDICT: ROLLED-BACK"},
		{[]string{"fork.zip", "--head", "head"}, 5, "VERDICT: FORKED"},
		{[]string{"stranger.zip"}, 6, "VERDICT: UNKNOWN-KEY"},
		{[]string{"letter.txt"}, 2, "VERDICT: UNREADABLE"},
		{[]string{"none.zip"}, 2, "no such file"},
		{[]string{"early.zip", "--head", "none"}, 2, "read checkpoint"},
		{[]string{"early.zip", "--nonsense"}, 2, "Usage:"},
		{nil, 2, "Usage:"},
	} {
		args := []string{"--key", filepath.Join(d.dir, "trail.vkey")}
		for _, arg := range c.args {
			if !strings.HasPrefix(arg, "--") {
				arg = filepath.Join(d.dir, arg)
			}
			args = append(args, arg)
		}
		var out bytes.Buffer
		if status := run(context.Background(), args, &out, &out); status != c.status || !strings.Contains(out.String(), c.says) {
			t.Errorf("%v: exit %d, want %d and %q\n%s", c.args, status, c.status, c.says, out.String())
		}
		said := strings.Split(strings.TrimSpace(out.String()), "\n")
		if strings.HasPrefix(c.says, "VERDICT") && !strings.HasPrefix(said[len(said)-1], "VERDICT: ") {
			t.Errorf("%v: the verdict is not the last line:\n%s", c.args, out.String())
		}
	}
}

// checkpointOf is the signed head in an export, as an auditor keeps it.
func checkpointOf(t *testing.T, archive []byte) []byte {
	t.Helper()
	r, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		t.Fatal(err)
	}
	f, err := r.Open(evidence.CheckpointFile(1, true))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	text, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
