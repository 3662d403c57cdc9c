package rights

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
)

var long = flag.Bool("long", false, "run the full-size versions")

func day(t testing.TB, s string) time.Time {
	t.Helper()
	d, err := time.Parse(time.DateOnly, s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func builtin(t testing.TB) *Laws {
	t.Helper()
	laws, err := ReadLaws(nil)
	if err != nil {
		t.Fatal(err)
	}
	return laws
}

func TestClockVectors(t *testing.T) {
	var file struct {
		Vectors []struct{ Regime, Received, Clock, Due, Source string }
	}
	readJSON(t, "privacy/clocks.json", &file)
	laws := builtin(t)
	place := map[string]string{"GDPR/UK": "DE", "CCPA": "US-CA", "QC-Law25": "CA-QC"}
	for _, v := range file.Vectors {
		received := day(t, v.Received)
		r := laws.Regime(place[v.Regime], received)
		period := r.Answer
		switch {
		case strings.HasPrefix(v.Clock, "confirm"):
			period = *r.Acknowledge
		case strings.HasPrefix(v.Clock, "respond extended"):
			period = *r.Extend
		}
		if got := r.Due(period, received).Format(time.DateOnly); got != v.Due {
			t.Errorf("%s %s (%s): %s, want %s", v.Regime, v.Received, v.Clock, got, v.Due)
		}
	}
	if len(file.Vectors) != 21 {
		t.Errorf("%d vectors, want 21", len(file.Vectors))
	}
}

// PostgreSQL's interval arithmetic is the independent oracle.
func TestClockAgreesWithPostgreSQL(t *testing.T) {
	url := os.Getenv("PRIVET_TEST_POSTGRES")
	if url == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("PRIVET_TEST_POSTGRES is not set")
		}
		t.Skip("PRIVET_TEST_POSTGRES is not set")
	}
	db, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	n := 20_000
	if *long {
		n = 1_000_000
	}
	rng := rand.New(rand.NewPCG(7, 7))
	laws := builtin(t)
	gdpr, ccpa := laws.Regime("FR", day(t, "2026-01-01")), laws.Regime("US-CA", day(t, "2026-01-01"))
	for done := 0; done < n; {
		batch := min(10_000, n-done)
		dates := make([]string, batch)
		for i := range dates {
			dates[i] = day(t, "1990-01-01").AddDate(0, 0, rng.IntN(40_000)).Format(time.DateOnly)
		}
		rows, err := db.QueryContext(context.Background(), `
			SELECT d, to_char(m + CASE extract(isodow FROM m) WHEN 6 THEN 2 WHEN 7 THEN 1 ELSE 0 END * interval '1 day', 'YYYY-MM-DD'),
			       to_char(d::date + interval '90 days', 'YYYY-MM-DD'), to_char(d::date + interval '25 months', 'YYYY-MM-DD')
			FROM unnest($1::text[]) d, LATERAL (SELECT d::date + interval '1 month' AS m) x`, dates)
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			var d, month, ninety, regB string
			if err := rows.Scan(&d, &month, &ninety, &regB); err != nil {
				t.Fatal(err)
			}
			at := day(t, d)
			for want, got := range map[string]time.Time{month: gdpr.Due(gdpr.Answer, at), ninety: ccpa.Due(*ccpa.Extend, at), regB: AddMonths(at, 25)} {
				if got.Format(time.DateOnly) != want {
					t.Fatalf("%s: %s, PostgreSQL says %s", d, got.Format(time.DateOnly), want)
				}
			}
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		done += batch
	}
}

func TestExtensionNotice(t *testing.T) {
	laws := builtin(t)
	received := day(t, "2026-02-10")
	ccpa := laws.Regime("US-CA", received)
	c := ccpa.Start(received)
	for _, tc := range []struct {
		now, due string
		err      error
	}{
		{"2026-03-27", "2026-05-11", nil}, // the last day
		{"2026-03-28", "", ErrLateNotice},
	} {
		got, err := ccpa.Extension(c, day(t, tc.now))
		if !errors.Is(err, tc.err) || (err == nil && got.Due.Format(time.DateOnly) != tc.due) {
			t.Errorf("notice on %s: due %s, %v", tc.now, got.Due.Format(time.DateOnly), err)
		}
		if _, twice := ccpa.Extension(got, day(t, tc.now)); err == nil && !errors.Is(twice, ErrNoExtension) {
			t.Errorf("a second extension was granted: %v", twice)
		}
	}
	if _, err := laws.Regime("CA-QC", received).Extension(c, received); !errors.Is(err, ErrNoExtension) {
		t.Errorf("Quebec extended: %v", err)
	}
}

// The wait for proof of identity moves the date under the GDPR, never under the CCPA.
func TestIdentityPause(t *testing.T) {
	laws, received, proven := builtin(t), day(t, "2026-03-02"), day(t, "2026-03-12")
	for place, want := range map[string]string{"DE": "2026-04-13", "US-CA": "2026-04-16", "CA-QC": "2026-04-01", "BR": "2026-03-17"} {
		r := laws.Regime(place, received)
		if got := r.Proven(r.Start(received), proven).Due.Format(time.DateOnly); got != want {
			t.Errorf("%s: due %s, want %s", place, got, want)
		}
	}
}

func TestExemptions(t *testing.T) {
	laws, now := builtin(t), day(t, "2026-11-01")
	for _, tc := range []struct {
		name, regime, right, since string
		kept                       bool
	}{
		{"reg_b", "ccpa", "erase", "2024-10-02", true},
		{"reg_b", "ccpa", "erase", "2024-10-01", false}, // 25 months are over
		{"reg_b", "ccpa", "access", "2026-10-01", false},
		{"glba", "ccpa", "access", "2001-01-01", true},
		{"glba", "gdpr", "access", "2001-01-01", false},
		{"bsa", "gdpr", "erase", "2021-11-02", true},
		{"nonsense", "gdpr", "erase", "2026-01-01", false},
	} {
		if _, kept := laws.Exempt(tc.name, tc.regime, tc.right, day(t, tc.since), now); kept != tc.kept {
			t.Errorf("%s %s %s since %s: kept %t", tc.name, tc.regime, tc.right, tc.since, kept)
		}
	}
	if _, kept := laws.Exempt("bsa", "gdpr", "erase", time.Time{}, now); !kept {
		t.Error("a datum of unknown date was let go")
	}
}

func TestLawsOfPlaces(t *testing.T) {
	laws, now := builtin(t), day(t, "2026-11-01")
	for place, want := range map[string]string{"de": "gdpr", "GB": "uk", "US-CA": "ccpa", "BR": "lgpd", "CA-QC": "quebec", "JP": "voluntary", "": "voluntary", "gdpr": "gdpr"} {
		if got := laws.Regime(place, now).Name; got != want {
			t.Errorf("%q: %s, want %s", place, got, want)
		}
	}
}

// What is withheld from somebody is withheld under the law of their request: no row of
// another law answers for it, and a citation is a citation, in whatever language it is read.
func TestCitesAreOfTheLaw(t *testing.T) {
	laws, now := builtin(t), day(t, "2026-03-02")
	for _, r := range laws.Regimes {
		cites := []string{r.Answer.Cite, r.Identity.Cite, r.Refusal.Cite}
		for _, g := range laws.Grounds {
			cites = append(cites, g.Cites[r.Name])
		}
		for name, right := range map[string]string{"others": "access", "claims": "erase"} {
			e, kept := laws.Exempt(name, r.Name, right, time.Time{}, now)
			if !kept || (strings.Contains(e.Cite, "GDPR") && r.Name != "gdpr" && r.Name != "uk") {
				t.Errorf("%s under %s cites %q", name, r.Name, e.Cite)
			}
			cites = append(cites, e.Cite)
		}
		for _, cite := range cites {
			if strings.Contains(cite, ": ") {
				t.Errorf("%s: %q is more than a citation", r.Name, cite)
			}
		}
	}
	if e, kept := laws.Exempt("aml_eu", "lgpd", "erase", now, now); !kept {
		t.Errorf("an issuer's records against money laundering go because their person lives in Brazil: %+v", e)
	}
}
