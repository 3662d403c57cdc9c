package policy

import (
	"context"
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/privet-gateway/privet/redact"
)

// Rules and catalogues of files follow others as bundles do: what loosens waits
// for an officer's signature on exactly this change, whatever it is that loosens.
func TestSucceed(t *testing.T) {
	ctx := context.Background()
	secret, public, err := note.GenerateKey(rand.Reader, "officer-ben")
	if err != nil {
		t.Fatal(err)
	}
	ben, err := note.NewSigner(secret)
	if err != nil {
		t.Fatal(err)
	}
	catalogue, err := os.ReadFile("testdata/catalogue.yaml")
	if err != nil {
		t.Fatal(err)
	}
	with := func(from, to string) []Document {
		if !strings.Contains(string(catalogue), from) {
			t.Fatalf("the catalogue has no %q", from)
		}
		return []Document{{"catalogue.yaml", []byte(strings.Replace(string(catalogue), from, to, 1))}}
	}
	untested := func(from, to string) fs.FS {
		rules := rulesWith(t, "grants.rego", from, to).(fstest.MapFS)
		delete(rules, "view_test.rego")
		return rules
	}
	now, err := Open(ctx, Config{Rules: untested("", ""), Catalogue: with("", "")})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		next Config
		want error
	}{
		"the same":           {Config{Rules: untested("", ""), Catalogue: with("", "")}, nil},
		"stricter":           {Config{Rules: untested(`{"pan"}, "do": "mask"`, `{"pan"}, "do": "withhold"`), Catalogue: with("", "")}, nil},
		"looser":             {Config{Rules: untested(`{"pan"}, "do": "mask"`, `{"pan"}, "do": "show"`), Catalogue: with("", "")}, ErrLoosens},
		"another class":      {Config{Rules: untested("", ""), Catalogue: with("ssn: ssn", "ssn: plain")}, ErrLoosens},
		"a new path":         {Config{Rules: untested("", ""), Catalogue: with("ssn: ssn", "ssn: ssn\n      nickname: plain")}, ErrLoosens},
		"another fact":       {Config{Rules: untested("", ""), Catalogue: with("lacks: $agent", "lacks: nobody")}, ErrLoosens},
		"another parameter":  {Config{Rules: untested("", ""), Catalogue: with("    query: ", "    query:\n      pan_like: pan ")}, ErrLoosens},
		"contradicts itself": {Config{Rules: rulesWith(t, "grants.rego", `{"pan"}, "do": "mask"`, `{"pan"}, "do": "show"`), Catalogue: with("", "")}, ErrTests},
		"does not compile":   {Config{Rules: untested("package privet.view", "package privet.view\n\nopen contains nothing"), Catalogue: with("", "")}, ErrRules},
	} {
		next, a, err := now.Succeed(ctx, c.next, nil, []string{public})
		if !errors.Is(err, c.want) || (err == nil) != (next != nil) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if c.want != ErrLoosens {
			continue
		}
		elsewhere, _ := Approve("sha256:other", a.To, time.Now(), ben)
		if _, _, err := now.Succeed(ctx, c.next, elsewhere, []string{public}); !errors.Is(err, ErrApproval) {
			t.Errorf("%s: approved by the word for another change: %v", name, err)
		}
		right, err := Approve(a.From, a.To, time.Now(), ben)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := now.Succeed(ctx, c.next, right, nil); err == nil {
			t.Errorf("%s: approved by somebody who is no officer", name)
		}
		next, a, err = now.Succeed(ctx, c.next, right, []string{public})
		if err != nil || !a.Loosens || len(a.Approved) != 1 || next.Bundle() != a.To {
			t.Errorf("%s: approved: %+v %v", name, a, err)
		}
	}
	select {
	case <-now.Changed():
		t.Error("who waits for other rules was woken though they are the same")
	default:
	}
}

// What was in force opens again as it was.
func TestOpenText(t *testing.T) {
	e := openSample(t)
	kept, err := e.Text()
	if err != nil {
		t.Fatal(err)
	}
	again, err := OpenText(t.Context(), Config{Clock: e.cfg.Clock}, kept)
	if err != nil || again.Bundle() != e.Bundle() || panOf(t, again) != redact.Mask {
		t.Errorf("%v", err)
	}
	if _, err := OpenText(t.Context(), Config{}, kept[:len(kept)/2]); err == nil {
		t.Error("half of it opens")
	}
}

// What was in force and cannot be read any more is followed by an officer's word alone.
func TestOpenInstead(t *testing.T) {
	ctx := t.Context()
	secret, public, err := note.GenerateKey(rand.Reader, "officer-ben")
	if err != nil {
		t.Fatal(err)
	}
	ben, err := note.NewSigner(secret)
	if err != nil {
		t.Fatal(err)
	}
	whole, err := openSample(t).Text()
	if err != nil {
		t.Fatal(err)
	}
	for name, kept := range map[string][]byte{
		"half of it":     whole[:len(whole)/2],
		"another syntax": []byte(`{"modules":[{"Name":"a.rego","Text":"cGFja2FnZSAx"}],"conditions":{"Name":"conditions.yaml","Text":"cm9sZXM6IFthXQ=="}}`),
	} {
		if _, err := OpenText(ctx, Config{}, kept); !errors.Is(err, ErrKept) {
			t.Errorf("%s: %v", name, err)
		}
		e, a, err := OpenInstead(ctx, Config{}, kept, nil, []string{public})
		if !errors.Is(err, ErrLoosens) || e != nil || a.From == "" || a.To == "" {
			t.Errorf("%s: without a word: %+v %v", name, a, err)
		}
		word, err := Approve(a.From, a.To, time.Now(), ben)
		if err != nil {
			t.Fatal(err)
		}
		if e, _, err = OpenInstead(ctx, Config{}, append(kept, ' ', ' '), word, nil); err == nil || e != nil {
			t.Errorf("%s: by the word of somebody who is no officer", name)
		}
		if e, a, err = OpenInstead(ctx, Config{}, kept, word, []string{public}); err != nil || e.Bundle() != a.To || len(a.Approved) != 1 {
			t.Errorf("%s: by an officer's word: %+v %v", name, a, err)
		}
	}
}
