package redact

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// TestMisreadCards: behind a word for a card a number goes to its last digit
// whatever its check digit and however it is grouped, although its beginning may
// be a telephone number; a right number goes without such a word too.
func TestMisreadCards(t *testing.T) {
	groups := [][]int{{4, 4, 4, 4}, {4, 6, 5}, {16}, {8, 8}, {6, 6, 4}, {4, 12}, {2, 2, 2, 2, 2, 2, 2, 2}, {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, {4, 4, 4, 4, 3}, {19}}
	marks := []string{" ", "-", ".", "\u00a0", "/", "_", "  ", " - ", "\u2011", "\u200b", "·", ", "}
	rng := rand.New(rand.NewPCG(4, 2))
	for _, profile := range []Profile{Logs, Chat, Strict} {
		e := engine(t, Config{Profile: profile})
		for _, before := range []string{"card ", "my card number is ", "tarjeta: ", "卡号 ", "carte n° ", "Kartennummer ", "cartão ", `"card_number":"`, "card=", "it is "} {
			for _, sizes := range groups {
				for _, mark := range marks {
					for _, right := range []bool{true, false} {
						listed := sizes[0] == 4 && sizes[1] < 7 || sizes[0] == 1
						if mark == ", " && !listed || !right && before == "it is " {
							continue
						}
						value := written(rng, sizes, mark, right)
						text := before + value + "\n"
						from, to := len(before), len(before)+len(value)
						var left strings.Builder
						found := e.Find(nil, []byte(text))
						for i := from; i < to; i++ {
							if isDigit(text[i]) && !within(found, i) {
								left.WriteByte(text[i])
							}
						}
						if left.Len() > 0 {
							t.Errorf("%s: %q shows %s", profile, text, left.String())
						}
					}
				}
			}
		}
	}
}

func within(found []Span, i int) bool {
	for _, f := range found {
		if f.Start <= i && i < f.End {
			return true
		}
	}
	return false
}

// written draws a card number with a right or a wrong check digit and groups it.
func written(rng *rand.Rand, sizes []int, mark string, right bool) string {
	n := 0
	for _, size := range sizes {
		n += size
	}
	d := []byte(map[int]string{15: "37", 16: "4", 19: "62"}[n])
	for fixed := len(d); len(d) < n || luhn(d) != right; {
		for d = d[:fixed]; len(d) < n; {
			d = append(d, '0'+byte(rng.IntN(10)))
		}
	}
	var groups []string
	for _, size := range sizes {
		groups, d = append(groups, string(d[:size])), d[size:]
	}
	return strings.Join(groups, mark)
}
