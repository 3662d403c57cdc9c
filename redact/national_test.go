package redact

import (
	"math/rand/v2"
	"testing"
)

// TestEveryIdentifier: what has the shape of a spec and passes its check is
// found behind a word that announces it, so that no rule of the table is dead.
// One in four may be cut short, where its beginning passes another check.
func TestEveryIdentifier(t *testing.T) {
	announce := map[words]string{hintNational: "national id", hintTax: "tax id", hintTax | hintCard: "tax id", anyID: "identity number", hintPassport: "passport",
		hintLicence: "driving licence", hintVehicle: "licence plate", hintPostcode: "postcode", hintAccount: "clabe"}
	e := engine(t, Config{Profile: Strict})
	rng := rand.New(rand.NewPCG(1, 1))
	for _, sp := range idSpecs {
		var missed []string
		made := 0
		for try := 0; try < 200_000 && made < 4; try++ {
			raw, compact := draw(rng, sp.shape)
			if sp.check != nil && !sp.check(compact) {
				continue
			}
			made++
			text := announce[sp.hint] + ": " + string(raw)
			from := len(text) - len(raw)
			covered := false
			for _, f := range e.Find(nil, []byte(text+"\n")) {
				covered = covered || f.Start <= from && f.End >= len(text)
			}
			if !covered {
				missed = append(missed, text)
			}
		}
		if made < 4 || len(missed) > 1 {
			t.Errorf("%s %q: of %d made up not found: %q", sp.rule, sp.shape, made, missed)
		}
	}
}

// draw makes up something of a shape, as written and without separators.
func draw(rng *rand.Rand, shape string) (raw, compact []byte) {
	blanks := rng.IntN(2) == 0
	for _, c := range []byte(shape) {
		digit, letter := '0'+byte(rng.IntN(10)), 'A'+byte(rng.IntN(26))
		switch {
		case c == '~':
			if blanks {
				raw = append(raw, ' ')
			}
			continue
		case c == 'd', c == 'x' && rng.IntN(2) == 0:
			c = digit
		case c == 'a', c == 'x':
			c = letter
		case c < '0':
			raw = append(raw, c)
			continue
		}
		raw, compact = append(raw, c), append(compact, c)
	}
	return raw, compact
}
