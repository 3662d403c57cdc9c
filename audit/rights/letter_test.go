package rights

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/privet-gateway/privet/audit"
	"github.com/privet-gateway/privet/audit/store"
	"github.com/privet-gateway/privet/audit/store/storetest"
)

// Every law offers grounds of its own against every right, each with a provision and
// words in all six languages, and none of another law's.
func TestGrounds(t *testing.T) {
	laws, err := ReadLaws(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, regime := range laws.Regimes {
		for _, right := range []Right{Access, Correct, Erase} {
			var names []string
			for _, g := range laws.GroundsFor(regime.Name, right) {
				names = append(names, g.Name)
				seen := map[string]bool{}
				for _, lang := range Languages() {
					text := say(lang, "ground."+g.Name)
					if text == "ground."+g.Name || seen[text] {
						t.Errorf("%s in %s: %q", g.Name, lang, text)
					}
					seen[text] = true
				}
			}
			if len(names) < 4 || slices.Contains(names, "glba") != (regime.Name == "ccpa") || slices.Contains(names, "twice") != (regime.Name == "ccpa" && right == Access) {
				t.Errorf("%s offers %v against %s", regime.Name, names, right)
			}
		}
	}
	for _, reason := range Denied() { // what the API takes under any law
		if say("zh", "ground."+reason) == "ground."+reason {
			t.Errorf("no words for %s", reason)
		}
	}
}

// The letters of a law, in a language, as they go out.
func TestLetters(t *testing.T) {
	db := storetest.Open(t, store.SQLite, audit.Schema(), Schema())
	f, desk, _ := supportDesk(t, db)
	ctx := context.Background()
	note := "Own words of the officer: Müller & Sons."
	for i, tc := range []struct {
		lang, place, ground, cite string
		want                      []string
	}{
		{"de", "DE", "legal_obligation", "GDPR Art. 17(3)(b)", []string{"DSGVO Art. 17(3)(b)", "Am 2. November 2026 haben Sie uns gebeten", "widersprechen", "edpb.europa.eu"}},
		{"en", "US-CA", "glba", "Cal. Civ. Code 1798.145(e)", []string{"On 2 November 2026 you asked", "Gramm-Leach-Bliley", "cppa.ca.gov"}},
		{"pt", "BR", "legal_obligation", "LGPD Art. 16 I", []string{"Em 2 de novembro de 2026", "gov.br/anpd"}},
		{"fr", "CA-QC", "legal_obligation", "CQLR P-39.1 s. 23", []string{"Le 2 novembre 2026", "cai.gouv.qc.ca"}},
		{"zh", "UK", "exempt", "UK GDPR Art. 17(3)(b)", []string{"您于 2026年11月2日", "ico.org.uk"}},
		{"es", "", "excessive", "Privacy notice", []string{"Aviso de privacidad", "El 2 de noviembre de 2026"}},
	} {
		who := desk.People()[i]
		r := f.file(t, Filing{Right: Erase, Email: who.Email, Name: who.Name.Full, Language: tc.lang, Jurisdiction: tc.place})
		preview, err := f.DenialLetter(ctx, r.ID, tc.ground, note)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range append(tc.want, Law(tc.lang, tc.cite), note) {
			if !strings.Contains(preview.Text, want) {
				t.Errorf("%s under %s lacks %q:\n%s", tc.lang, tc.place, want, preview.Text)
			}
		}
		for _, never := range []string{"%!", "letter.", "ground.", who.Email, who.Name.Family, who.Subject} {
			if strings.Contains(preview.Text, never) {
				t.Errorf("%s under %s holds %q:\n%s", tc.lang, tc.place, never, preview.Text)
			}
		}
		before := len(f.mail.all())
		if r, err = f.Deny(ctx, r.ID, "olga", tc.ground, note); err != nil || !strings.HasPrefix(string(r.Status), "denied/") {
			t.Fatalf("denied: %v %v", r, err)
		}
		letters, err := f.Messages(ctx, r.ID)
		if err != nil || len(letters) != 1 || letters[0].Text != preview.Text {
			t.Errorf("the message is not the letter that was looked at: %v %v", letters, err)
		}
		for _, mail := range f.mail.all()[before:] {
			if strings.Contains(mail, "officer") || strings.Contains(mail, tc.cite) || strings.Contains(mail, who.Name.Family) {
				t.Errorf("the e-mail tells too much: %s", mail)
			}
		}
		events, err := f.Timeline(ctx, r.ID)
		if err != nil {
			t.Fatal(err)
		}
		if clear := fmt.Sprint(events) + mustJSON(r.Facts); strings.Contains(clear, "officer:") {
			t.Error("the officer's own words lie in the clear")
		}
		if why, cite := f.Why(r, tc.lang); why == "" || cite != tc.cite || !strings.Contains(preview.Text, why) {
			t.Errorf("the page says %q, %q", why, cite)
		}
	}
}

// A notice that is late, a second one, and a law that knows none: no letter, no new date.
func TestExtensionLetters(t *testing.T) {
	db := storetest.Open(t, store.SQLite, audit.Schema(), Schema())
	f, desk, _ := supportDesk(t, db)
	ctx := context.Background()
	german := f.file(t, Filing{Right: Access, Email: desk.People()[0].Email, Language: "de", Jurisdiction: "DE"})
	late := f.file(t, Filing{Right: Access, Email: desk.People()[1].Email, Jurisdiction: "DE"})
	brazil := f.file(t, Filing{Right: Access, Email: desk.People()[2].Email, Jurisdiction: "BR"})
	letter, err := f.ExtensionLetter(ctx, german.ID, "complex", "Zwölf Systeme.")
	if err != nil || !strings.Contains(letter.Text, "Statt bis zum 2. Dezember 2026 antworten wir bis zum 2. Februar 2027") || !strings.Contains(letter.Text, "umfangreich") || !strings.Contains(letter.Text, "Zwölf") {
		t.Errorf("%v\n%s", err, letter.Text)
	}
	if r, err := f.Extend(ctx, german.ID, "olga", "complex", "Zwölf Systeme."); err != nil || !r.Due.Equal(letter.Due) {
		t.Errorf("extended to %v, the letter said %s: %v", r, letter.Due, err)
	}
	f.clock.add(late.Due.AddDate(0, 0, 1).Sub(f.clock.Now()))
	for id, want := range map[string]error{german.ID: ErrNoExtension, late.ID: ErrLateNotice, brazil.ID: ErrNoExtension} {
		before := len(f.mail.all())
		if _, err := f.ExtensionLetter(ctx, id, "many", ""); !errors.Is(err, want) {
			t.Errorf("a preview: %v, want %v", err, want)
		}
		if _, err := f.Extend(ctx, id, "olga", "many", ""); !errors.Is(err, want) || len(f.mail.all()) != before {
			t.Errorf("an extension: %v, want %v and no letter", err, want)
		}
	}
}

func (b *outbox) all() (out []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range b.mail {
		out = append(out, m.to+"\n"+m.subject+"\n"+m.body)
	}
	return out
}
