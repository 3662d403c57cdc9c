package audit_test

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/privet-gateway/privet/audit"
	"github.com/privet-gateway/privet/audit/evidence"
	"github.com/privet-gateway/privet/audit/store"
	"github.com/privet-gateway/privet/audit/store/storetest"
)

// pack makes an archive of files, as somebody with a ZIP program would.
func pack(t testing.TB, files map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		w, err := z.Create(name)
		if err == nil {
			_, err = w.Write([]byte(files[name]))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// tampering is one way to change an export.
type tampering struct {
	name   string
	change func(files map[string]string)
	want   []evidence.Verdict
}

var (
	tampered   = []evidence.Verdict{evidence.Tampered}
	incomplete = []evidence.Verdict{evidence.Incomplete}
)

// lines splits a file so that every line keeps its newline.
func lines(text string) []string { return slices.Collect(strings.Lines(text)) }

// lineTamperings are the ways to change a file of lines.
func lineTamperings(file string, at int) []tampering {
	edit := func(f func(l []string) []string) func(map[string]string) {
		return func(files map[string]string) { files[file] = strings.Join(f(lines(files[file])), "") }
	}
	replace := func(old, new string) func(map[string]string) {
		return edit(func(l []string) []string { l[at] = strings.Replace(l[at], old, new, 1); return l })
	}
	name := func(what string) string { return fmt.Sprintf("%s line %d %s", file, at, what) }
	return []tampering{
		{name("dropped"), edit(func(l []string) []string { return slices.Delete(l, at, at+1) }), tampered},
		{name("twice"), edit(func(l []string) []string { return slices.Insert(l, at, l[at]) }), tampered},
		{name("moved to the end"), edit(func(l []string) []string { return append(slices.Delete(slices.Clone(l), at, at+1), l[at]) }), tampered},
		{name("exchanged with the next"), edit(func(l []string) []string { l[at], l[at+1] = l[at+1], l[at]; return l }), tampered},
		{name("emptied"), edit(func(l []string) []string { l[at] = "\n"; return l }), tampered},
		{name("not JSON"), edit(func(l []string) []string { l[at] = "{" + l[at]; return l }), tampered},
		{name("cut short"), edit(func(l []string) []string { l[at] = l[at][:len(l[at])/2] + "\n"; return l }), tampered},
		{name("with a space"), replace(`"leaf":{`, `"leaf":{ `), tampered},
		{name("of another time"), replace(`"time":"20`, `"time":"21`), tampered},
		{name("of another agent"), replace(`"agent":"`, `"agent":"x`), tampered},
		{name("of another kind"), replace(`"kind":"`, `"kind":"x`), tampered},
		{name("of another outcome"), replace(`allowed`, `refused`), tampered},
		{name("under another receipt"), replace(`{"receipt":"1.`, `{"receipt":"1.9`), tampered},
		{name("of another lane"), replace(`{"receipt":"1.`, `{"receipt":"7.`), tampered},
		{name("of a lane that cannot be"), replace(`{"receipt":"1.`, `{"receipt":"x.`), tampered},
	}
}

// entryTamperings are about what is open in an entry.
func entryTamperings(at int) []tampering {
	edit := func(old, new string) func(map[string]string) {
		return func(files map[string]string) {
			l := lines(files[evidence.EntriesFile])
			l[at] = strings.Replace(l[at], old, new, 1)
			files[evidence.EntriesFile] = strings.Join(l, "")
		}
	}
	cut := func(from, to string) func(map[string]string) {
		return func(files map[string]string) {
			l := lines(files[evidence.EntriesFile])
			before, rest, _ := strings.Cut(l[at], from)
			_, after, _ := strings.Cut(rest, to)
			l[at] = before + after
			files[evidence.EntriesFile] = strings.Join(l, "")
		}
	}
	name := func(what string) string { return fmt.Sprintf("entry %d %s", at, what) }
	return []tampering{
		{name("names somebody else"), edit(`"id":"cust_`, `"id":"cust_9`), tampered},
		{name("has another value"), edit(`+49 30`, `+49 31`), tampered},
		{name("has a value of another name"), edit(`"personal":{"note":{"value"`, `"personal":{"nota":{"value"`), []evidence.Verdict{evidence.Tampered, evidence.Incomplete}},
		{name("hides a value"), cut(`"note":{`, `},`), incomplete},
		{name("hides whom it names"), cut(`"subjects":{"`, `},"personal"`), []evidence.Verdict{evidence.Tampered, evidence.Incomplete}},
		{name("hides all"), func(files map[string]string) {
			l := lines(files[evidence.EntriesFile])
			before, _, _ := strings.Cut(l[at], `,"subjects":{`)
			l[at] = before + "}\n"
			files[evidence.EntriesFile] = strings.Join(l, "")
		}, incomplete},
	}
}

// fileTamperings are what can be done to any file.
func fileTamperings(file string) []tampering {
	edit := func(f func(text string) string) func(map[string]string) {
		return func(files map[string]string) { files[file] = f(files[file]) }
	}
	flip := func(at func(n int) int) func(map[string]string) {
		return edit(func(text string) string {
			b := []byte(text)
			b[at(len(b))] ^= 0x04
			return string(b)
		})
	}
	any := []evidence.Verdict{evidence.Tampered, evidence.Incomplete}
	return []tampering{
		{file + " removed", func(files map[string]string) { delete(files, file) }, incomplete},
		{file + " emptied", edit(func(string) string { return "" }), any},
		{file + " cut by a byte", edit(func(text string) string { return text[:len(text)-1] }), any},
		{file + " cut to half", edit(func(text string) string { return text[:len(text)/2] }), any},
		{file + " with a byte more", edit(func(text string) string { return text + "x" }), any},
		{file + " with a line more", edit(func(text string) string { return text + "\n" }), any},
		{file + " flipped at the start", flip(func(int) int { return 0 }), any},
		{file + " flipped in the middle", flip(func(n int) int { return n / 2 }), any},
		{file + " flipped at the end", flip(func(n int) int { return n - 1 }), any},
	}
}

// changeAgent changes who did what in the first entry.
func changeAgent(files map[string]string) {
	files[evidence.EntriesFile] = strings.Replace(files[evidence.EntriesFile], `"agent":"mara"`, `"agent":"nora"`, 1)
}

// cutTail leaves the first nine leaves.
func cutTail(files map[string]string) {
	files[evidence.EntriesFile] = strings.Join(lines(files[evidence.EntriesFile])[:5], "")
	files[evidence.HeadersFile] = strings.Join(lines(files[evidence.HeadersFile])[:4], "")
}

// lend names somebody in a line that names nobody.
func lend(file string, at int) string {
	l := lines(file)
	tag := strings.Repeat("A", 32)
	l[at] = strings.TrimSuffix(l[at], "}\n") + `,"subjects":{"` + tag + `":{"id":"cust_99","opening":""}},"personal":{}}` + "\n"
	return strings.Join(l, "")
}

// archiveTamperings are about several files at once; all is another export of the same trail.
func archiveTamperings(all map[string]string) []tampering {
	take := func(file string) func(map[string]string) {
		return func(files map[string]string) { files[file] = all[file] }
	}
	return []tampering{
		{"tail of the entries cut", func(f map[string]string) {
			l := lines(f[evidence.EntriesFile])
			f[evidence.EntriesFile] = strings.Join(l[:len(l)-1], "")
			h := lines(f[evidence.HeadersFile])
			f[evidence.HeadersFile] = strings.Join(h[:len(h)-20], "")
		}, []evidence.Verdict{evidence.Incomplete, evidence.Tampered}},
		{"only the first entry left", func(f map[string]string) {
			f[evidence.EntriesFile], f[evidence.HeadersFile] = lines(f[evidence.EntriesFile])[0], ""
		}, incomplete},
		{"a stranger's file", func(f map[string]string) { f["extra.txt"] = "x" }, tampered},
		{"entries of another export", take(evidence.EntriesFile), tampered},
		{"manifest of another export", take(evidence.ManifestFile), tampered},
		{"signature of another export", take(evidence.SignatureFile), tampered},
		{"checkpoint of another export", take("checkpoint"), tampered},
		{"an entry passed off as a header", func(f map[string]string) {
			e := lines(f[evidence.EntriesFile])
			before, _, _ := strings.Cut(e[0], `,"subjects":{`)
			f[evidence.HeadersFile] = before + "}\n" + f[evidence.HeadersFile]
			f[evidence.EntriesFile] = strings.Join(e[1:], "")
		}, tampered},
		{"a header passed off as an entry", func(f map[string]string) {
			h := lines(f[evidence.HeadersFile])
			e := lines(f[evidence.EntriesFile])
			f[evidence.EntriesFile] = e[0] + h[0] + strings.Join(e[1:], "")
			f[evidence.HeadersFile] = strings.Join(h[1:], "")
		}, tampered},
		{"receipt of an erasure removed", func(f map[string]string) { f[evidence.ReceiptsFile] = "" }, []evidence.Verdict{evidence.Incomplete, evidence.Tampered}},
		{"receipt of another erasure", func(f map[string]string) {
			f[evidence.ReceiptsFile] = strings.Replace(f[evidence.ReceiptsFile], `tag\":\"`, `tag\":\"x`, 1)
		}, tampered},
		{"filter widened in the manifest", func(f map[string]string) {
			f[evidence.ManifestFile] = strings.Replace(f[evidence.ManifestFile], `"view.*"`, `"vie*"`, 1)
		}, tampered},
		{"the tail cut", cutTail, incomplete},
		{"an entry changed and the tail cut", func(f map[string]string) {
			changeAgent(f)
			cutTail(f)
		}, tampered},
		{"an entry changed and the headers removed", func(f map[string]string) {
			changeAgent(f)
			delete(f, evidence.HeadersFile)
		}, tampered},
		{"a name lent to an erased subject and the tail cut", func(f map[string]string) {
			f[evidence.EntriesFile] = lend(f[evidence.EntriesFile], 1) // of cust_2
			cutTail(f)
		}, tampered},
		{"a name lent to a header and the tail cut", func(f map[string]string) {
			f[evidence.HeadersFile] = lend(f[evidence.HeadersFile], 0)
			cutTail(f)
		}, tampered},
		{"a name lent to a header", func(f map[string]string) {
			f[evidence.HeadersFile] = lend(f[evidence.HeadersFile], 0)
		}, tampered},
		{"hashes made to fit a changed leaf", func(f map[string]string) {
			e := lines(f[evidence.EntriesFile])
			e[0] = strings.Replace(e[0], `"agent":"mara"`, `"agent":"nora"`, 1)
			_, rest, _ := strings.Cut(e[0], `"leaf":`)
			leaf, _, _ := strings.Cut(rest, `,"subjects":{`)
			f[evidence.EntriesFile] = strings.Join(e, "")
			f[evidence.HashesFile(1)] = string(evidence.LeafHash([]byte(leaf))) + f[evidence.HashesFile(1)][32:]
		}, tampered},
	}
}

func TestTamperingIsCaught(t *testing.T) {
	k := localKeeper(t)
	tr := openTrail(t, audit.Config{Store: storetest.Open(t, store.SQLite, audit.Schema()), Signer: k, Wrapper: k})
	for i := range 40 {
		e := view(fmt.Sprint("cust_", i%4))
		e.Kind = []string{"view.intent", "refusal"}[i%2]
		mustAppend(t, tr, e)
	}
	if _, err := tr.Erase(context.Background(), "cust_2"); err != nil {
		t.Fatal(err)
	}
	keys := keysOf(t, tr)
	genuine := unzip(t, export(t, tr, audit.Filter{Kind: "view.*"}))
	all := unzip(t, export(t, tr, audit.Filter{}))
	if r := verify(pack(t, genuine), keys); r.Verdict != evidence.Verified || r.Erased != 10 {
		t.Fatalf("untouched: %s %v", r.Line(), r.Findings)
	}

	var list []tampering
	for name := range genuine {
		list = append(list, fileTamperings(name)...)
	}
	for _, at := range []int{0, 3, 10, 17} {
		list = append(list, lineTamperings(evidence.EntriesFile, at)...)
		list = append(list, lineTamperings(evidence.HeadersFile, at)...)
	}
	for _, at := range []int{0, 4, 8} { // of cust_0: open
		list = append(list, entryTamperings(at)...)
	}
	list = append(list, archiveTamperings(all)...)
	missed := 0
	for _, c := range list {
		files := maps.Clone(genuine)
		c.change(files)
		if maps.Equal(files, genuine) {
			continue // there was nothing to change
		}
		r := verify(pack(t, files), keys)
		if !slices.Contains(c.want, r.Verdict) {
			missed++
			t.Errorf("%s: %s, want %v; %v", c.name, r.Line(), c.want, r.Findings)
		}
	}
	if len(list) < 200 {
		t.Errorf("only %d kinds of tampering", len(list))
	}
	t.Logf("%d kinds of tampering, %d missed", len(list), missed)
}

// Somebody with the database and a keeper of their own can make everything fit,
// but not sign it with the key that the auditor holds.
func TestAnotherHouseIsUnknown(t *testing.T) {
	open := func() *audit.Trail {
		tr := openTrail(t, audit.Config{Store: storetest.Open(t, store.SQLite, audit.Schema())})
		mustAppend(t, tr, view("cust_1"))
		return tr
	}
	ours, theirs := open(), open()
	if r := verify(export(t, theirs, audit.Filter{}), keysOf(t, ours)); r.Verdict != evidence.UnknownKey {
		t.Errorf("%s %v", r.Line(), r.Findings)
	}
	mixed := unzip(t, export(t, ours, audit.Filter{}))
	foreign := unzip(t, export(t, theirs, audit.Filter{}))
	for name := range mixed {
		if name != evidence.SignatureFile {
			mixed[name] = foreign[name]
		}
	}
	if r := verify(pack(t, mixed), keysOf(t, ours)); r.Verdict != evidence.Tampered {
		t.Errorf("our signature over their trail: %s %v", r.Line(), r.Findings)
	}
}

// What happens lawfully raises no alarm: restarts, new signing keys, erasures,
// ends of epochs, holds.
func TestNoFalseAlarms(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		k := localKeeper(t)
		cfg := audit.Config{Store: db, Signer: k, Wrapper: k}
		tr := openTrail(t, cfg)
		old := keysOf(t, tr)
		var heads [][]byte
		check := func(step string) {
			t.Helper()
			mustAppend(t, tr, view("cust_1"))
			archive := export(t, tr, audit.Filter{})
			for name, keys := range map[string]bool{"with the first key": false, "with the newest keys": true} {
				known := old
				if keys {
					known = keysOf(t, tr)
				}
				if r := verify(archive, known, heads...); r.Verdict != evidence.Verified {
					t.Errorf("after %s, %s: %s %v", step, name, r.Line(), r.Findings)
				}
			}
			heads = append(heads, []byte(unzip(t, archive)["checkpoint"]))
		}
		views(t, tr, 300, 5)
		check("300 entries")
		if _, err := k.RotateSign(ctx); err != nil {
			t.Fatal(err)
		}
		check("a new signing key")
		if _, err := tr.Erase(ctx, "cust_2"); err != nil {
			t.Fatal(err)
		}
		check("an erasure")
		if _, err := tr.Hold(ctx, "cust_3", "court-1"); err != nil {
			t.Fatal(err)
		}
		check("a hold")
		if _, err := tr.Retire(ctx, "olga", true, nil); err != nil {
			t.Fatal(err)
		}
		check("the end of an epoch")
		if err := tr.Close(); err != nil {
			t.Fatal(err)
		}
		tr = openTrail(t, cfg)
		check("a restart")
	})
}

// A head kept outside shows that the trail was cut back, or replaced.
func TestOutsideHeadCatchesRollbackAndFork(t *testing.T) {
	k := localKeeper(t)
	open := func(requests ...string) *audit.Trail {
		tr := openTrail(t, audit.Config{Store: storetest.Open(t, store.SQLite, audit.Schema()), Signer: k, Wrapper: k})
		for _, request := range requests {
			mustAppend(t, tr, audit.Event{Kind: "view.intent", Request: request})
		}
		return tr
	}
	kept := []byte(unzip(t, export(t, open("a", "b", "c"), audit.Filter{}))["checkpoint"]) // of 4 entries
	for name, c := range map[string]struct {
		requests []string
		want     evidence.Verdict
	}{
		"rolled back":           {[]string{"a"}, evidence.RolledBack},
		"rewritten, as long":    {[]string{"a", "x", "c"}, evidence.Forked},
		"rewritten, and longer": {[]string{"a", "x", "c", "d", "e"}, evidence.Forked},
	} {
		tr := open(c.requests...)
		if r := verify(export(t, tr, audit.Filter{}), keysOf(t, tr), kept); r.Verdict != c.want {
			t.Errorf("%s: %s %v", name, r.Line(), r.Findings)
		}
	}
}

// Whoever edits the database finds that the trail does not open, or does not export.
func TestDatabaseTamperingIsCaught(t *testing.T) {
	for name, edit := range map[string]string{
		"a leaf changed":         "UPDATE trail_entries SET leaf = CAST(replace(CAST(leaf AS TEXT), 'mara', 'nora') AS BLOB) WHERE idx = 3",
		"a leaf removed":         "DELETE FROM trail_entries WHERE idx = 3",
		"the last leaf removed":  "DELETE FROM trail_entries WHERE idx = 299",
		"two leaves exchanged":   "UPDATE trail_entries SET idx = CASE idx WHEN 290 THEN -1 ELSE 290 END WHERE idx IN (290)",
		"the log cut back":       "UPDATE trail_lanes SET size = 256",
		"a tile changed":         "UPDATE trail_tiles SET root = zeroblob(32)",
		"the head replaced":      "UPDATE trail_lanes SET root = zeroblob(32)",
		"an opening removed":     "UPDATE trail_mentions SET sealed = NULL WHERE idx = 3",
		"an opening exchanged":   "UPDATE trail_mentions SET sealed = (SELECT sealed FROM trail_mentions WHERE idx = 4) WHERE idx = 3",
		"a subject's key erased": "DELETE FROM trail_tags",
	} {
		t.Run(name, func(t *testing.T) {
			k := localKeeper(t)
			db := storetest.Open(t, store.SQLite, audit.Schema())
			cfg := audit.Config{Store: db, Signer: k, Wrapper: k, Origin: origin, Timeout: patience}
			tr := openTrail(t, cfg)
			views(t, tr, 300, 1)
			keys := keysOf(t, tr)
			if err := tr.Close(); err != nil {
				t.Fatal(err)
			}
			audit.Exec(t, db, edit)
			again, err := audit.Open(context.Background(), cfg)
			if err != nil {
				return // caught at the start
			}
			defer again.Close()
			var b bytes.Buffer
			if _, err := again.Export(context.Background(), &b, "officer", audit.Filter{}, nil); err != nil {
				return // caught by the export
			}
			if r := verify(b.Bytes(), keys); r.Verdict == evidence.Verified {
				t.Errorf("%s", r.Line())
			}
		})
	}
}
