package witness_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"path/filepath"
	"testing"

	f_note "github.com/transparency-dev/formats/note"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"

	"github.com/privet-gateway/privet/audit/evidence"
	"github.com/privet-gateway/privet/audit/witness"
)

// log is a log of numbered leaves in some history.
type log struct {
	t       *testing.T
	signer  note.Signer
	history string
	origin  string // default log.test/1
}

func (l log) root(begin, end int64) []byte {
	r := evidence.Ranges().NewEmptyRange(0)
	for i := begin; i < end; i++ {
		if err := r.Append(evidence.LeafHash(fmt.Appendf(nil, "%s %d", l.history, i)), nil); err != nil {
			l.t.Fatal(err)
		}
	}
	root, err := evidence.Root(r)
	if err != nil {
		l.t.Fatal(err)
	}
	return root
}

func (l log) checkpoint(size int64) []byte {
	signed, err := note.Sign(&note.Note{Text: evidence.CheckpointText(cmp.Or(l.origin, "log.test/1"), size, l.root(0, size))}, l.signer)
	if err != nil {
		l.t.Fatal(err)
	}
	return signed
}

func (l log) proof(from, to int64) [][]byte {
	if from == 0 {
		return nil
	}
	wanted, err := proof.Consistency(uint64(from), uint64(to))
	if err != nil {
		l.t.Fatal(err)
	}
	var hashes [][]byte
	for _, id := range wanted.IDs {
		begin, end := id.Coverage()
		hashes = append(hashes, l.root(int64(begin), int64(end)))
	}
	hashes, err = wanted.Rehash(hashes, rfc6962.DefaultHasher.HashChildren)
	if err != nil {
		l.t.Fatal(err)
	}
	return hashes
}

func TestWitnessSignsOnlyWhatContinues(t *testing.T) {
	skey, vkey, err := note.GenerateKey(nil, "witness.test")
	if err != nil {
		t.Fatal(err)
	}
	logKey, logVkey, err := note.GenerateKey(nil, "log.test")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(logKey)
	if err != nil {
		t.Fatal(err)
	}
	strangerKey, _, err := note.GenerateKey(nil, "log.test")
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := note.NewSigner(strangerKey)
	if err != nil {
		t.Fatal(err)
	}
	neighbourKey, neighbourVkey, err := note.GenerateKey(nil, "log.test.example")
	if err != nil {
		t.Fatal(err)
	}
	neighbour, err := note.NewSigner(neighbourKey)
	if err != nil {
		t.Fatal(err)
	}
	logs, err := evidence.ParseKeys(logVkey + "\n" + neighbourVkey)
	if err != nil {
		t.Fatal(err)
	}
	cosigVkey, err := f_note.VKeyToCosignatureV1(vkey)
	if err != nil {
		t.Fatal(err)
	}
	memory := filepath.Join(t.TempDir(), "memory.json")
	start := func() *witness.Client {
		server, err := witness.NewServer(skey, logs, memory)
		if err != nil {
			t.Fatal(err)
		}
		http := httptest.NewServer(server)
		t.Cleanup(http.Close)
		client, err := witness.NewClient(http.URL, cosigVkey)
		if err != nil {
			t.Fatal(err)
		}
		return client
	}
	honest, forked := log{t: t, signer: signer, history: "honest"}, log{t: t, signer: signer, history: "forked"}
	client := start()
	for _, step := range []struct {
		name  string
		log   log
		old   int64
		size  int64
		fails bool
		knows int64 // the size that the witness answers with
		is    error
	}{
		{name: "first", log: honest, old: 0, size: 3},
		{name: "continues", log: honest, old: 3, size: 300},
		{name: "again", log: honest, old: 300, size: 300},
		{name: "believes an old size", log: honest, old: 3, size: 400, fails: true, knows: 300},
		{name: "rolled back", log: honest, old: 300, size: 200, fails: true, is: witness.ErrRefused},
		{name: "another history, as long", log: forked, old: 300, size: 300, fails: true, knows: 300},
		{name: "another history, longer", log: forked, old: 300, size: 400, fails: true, is: witness.ErrConflict},
		{name: "another key", log: log{t: t, signer: stranger, history: "honest"}, old: 300, size: 400, fails: true, is: witness.ErrRefused},
		{name: "of another house", log: log{t: t, signer: neighbour, history: "honest", origin: "log.test/1"}, old: 301, size: 400, fails: true, is: witness.ErrRefused},
		{name: "of another house, a log not seen yet", log: log{t: t, signer: neighbour, history: "forked", origin: "log.test/2"}, old: 0, size: 400, fails: true, is: witness.ErrRefused},
		{name: "of another house, its own", log: log{t: t, signer: neighbour, history: "honest", origin: "log.test.example/1"}, old: 0, size: 3},
		{name: "continues still", log: honest, old: 300, size: 301},
	} {
		lines, err := client.Cosign(context.Background(), step.log.checkpoint(step.size), step.old, step.log.proof(min(step.old, step.size), step.size))
		var known *witness.Known
		switch {
		case !step.fails && (err != nil || len(lines) == 0):
			t.Errorf("%s: %v", step.name, err)
		case step.fails && err == nil:
			t.Errorf("%s was signed", step.name)
		case step.knows > 0 && (!errors.As(err, &known) || known.Size != step.knows):
			t.Errorf("%s: %v, want size %d", step.name, err, step.knows)
		case step.is != nil && !errors.Is(err, step.is):
			t.Errorf("%s: %v, want %v", step.name, err, step.is)
		}
	}
	// It remembers over a restart.
	var known *witness.Known
	if _, err := start().Cosign(context.Background(), honest.checkpoint(3), 0, nil); !errors.As(err, &known) || known.Size != 301 {
		t.Errorf("after a restart: %v", err)
	}
}
