package redact

import (
	"bytes"
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
)

var shuffles = flag.Int("shuffles", 3000, "texts that are pieced together to hold the fast path against the reference")

// TestShuffledTexts: on texts pieced together from words, numbers and marks of
// real ones, the fast path finds what the reference finds.
func TestShuffledTexts(t *testing.T) {
	dir := testData(t)
	piece := regexp.MustCompile(`[^\pL\pN]|[\pL\pN]+`)
	var pieces [][]byte
	for _, name := range []string{"datadog_sample_logs.txt", "presidio_research_synth_dataset_v2.json", "spoken_itn_cases.tsv"} {
		text, err := os.ReadFile(filepath.Join(dir, "redaction", name))
		if err != nil {
			t.Fatal(err)
		}
		pieces = append(pieces, piece.FindAll(text[:min(len(text), 200_000)], -1)...)
	}
	keyword := regexp.MustCompile(`(?i)^(card|cvv|pin|exp|code|iban|swift|bic|ssn|vin|plate|dob|born|phone|password|token|user|name|as|an?|mr|dr|for|with|and|street|inc|manager)$`)
	var keys [][]byte
	for _, p := range pieces {
		if keyword.Match(p) {
			keys = append(keys, p)
		}
	}
	marks := []byte(" ,.:;-_/+'\"()=@\n%")
	engines := []*Engine{engine(t, Config{}), engine(t, Config{Profile: Strict}),
		engine(t, Config{Profile: Strict}).With(KnownPerson{Names: []string{"Ana Ruiz"}, Phones: []string{"+34 911 234 567"}, Addresses: []string{"12 Main Street"}})}
	rng := rand.New(rand.NewPCG(4, uint64(*shuffles)))
	for range *shuffles {
		var text []byte
		at := rng.IntN(len(pieces))
		for range 5 + rng.IntN(60) {
			switch rng.IntN(12) {
			case 0:
				at = rng.IntN(len(pieces))
			case 1:
				text = append(text, marks[rng.IntN(len(marks))])
			case 2:
				text = append(text, keys[rng.IntN(len(keys))]...)
			case 3:
				text = append(text, bytes.ToUpper(pieces[at][:1])...)
				text = append(text, pieces[at][1:]...)
			default:
				text = append(text, pieces[at]...)
			}
			at = (at + 1) % len(pieces)
		}
		for k, e := range engines {
			if fast, slow := e.Find(nil, text), slowFind(e, text); !slices.Equal(fast, slow) {
				t.Fatalf("engine %d: fast %+v\nslow %+v\nin %q", k, fast, slow, text)
			}
		}
	}
}
