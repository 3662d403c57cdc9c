package redact

import (
	"encoding/base64"
	"fmt"
	"mime/quotedprintable"
	"net/url"
	"strings"
	"testing"
)

// cardForms writes a card number in every surface form that the product
// promises to see through.
func cardForms(pan string) map[string]string {
	groups := func(sep string) string {
		var parts []string
		for rest := pan; len(rest) > 0; {
			n := min(4, len(rest))
			if len(pan) == 15 && len(parts) > 0 {
				n = min([]int{0, 6, 5}[min(2, len(parts))], len(rest))
			}
			parts, rest = append(parts, rest[:n]), rest[n:]
		}
		return strings.Join(parts, sep)
	}
	each := func(f func(r rune) string) string {
		var b strings.Builder
		for _, r := range pan {
			b.WriteString(f(r))
		}
		return b.String()
	}
	zero := func(base rune) string { return each(func(r rune) string { return string(base + r - '0') }) }
	var qp strings.Builder
	w := quotedprintable.NewWriter(&qp)
	fmt.Fprint(w, strings.Repeat("x", 66)+" "+pan)
	w.Close()
	forms := map[string]string{
		"plain": pan, "spaces": groups(" "), "dashes": groups("-"), "dots": groups("."), "underscores": groups("_"),
		"slashes": groups("/"), "plus": groups("+"),
		"no-break spaces": groups("\u00a0"), "narrow no-break": groups("\u202f"), "figure spaces": groups("\u2007"), "thin spaces": groups("\u2009"),
		"ideographic spaces": groups("\u3000"), "en dashes": groups("–"), "em dashes": groups("—"), "minus signs": groups("−"), "non-breaking hyphens": groups("\u2011"),
		"middle dots": groups("·"), "zero-width spaces": groups("\u200b"), "zero-width joiners": strings.Join(strings.Split(pan, ""), "\u200d"), "soft hyphens": groups("\u00ad"), "byte order marks": groups("\ufeff"),
		"full-width": zero('０'), "Arabic-Indic": zero('٠'), "Extended Arabic": zero('۰'), "Devanagari": zero('०'), "Bengali": zero('০'), "mathematical bold": zero('𝟎'), "mathematical mono": zero('𝟶'),
		"singles": strings.Join(strings.Split(pan, ""), " "), "tabs": groups("\t"), "two spaces": groups("  "), "space dash space": groups(" - "),
		"URL-encoded": url.QueryEscape(groups(" ")), "percent spaces": groups("%20"), "double percent": groups("%2520"), "percent digits": each(func(r rune) string { return fmt.Sprintf("%%%X", r) }),
		"JSON \\u": each(func(r rune) string { return fmt.Sprintf("\\u%04x", r) }), "JSON tab": groups(`\t`), "JSON no-break": groups(`\u00a0`), "nested JSON": groups(`\\u0020`),
		"HTML nbsp": groups("&nbsp;"), "HTML numeric": each(func(r rune) string { return fmt.Sprintf("&#%d;", r) }), "HTML hex": each(func(r rune) string { return fmt.Sprintf("&#x%x;", r) }),
		"quoted-printable": qp.String(), "QP digits": each(func(r rune) string { return fmt.Sprintf("=%X", r) }), "QP soft break": pan[:7] + "=\r\n" + pan[7:],
		"base64": base64.StdEncoding.EncodeToString([]byte("card: " + pan)), "base64 URL": base64.RawURLEncoding.EncodeToString([]byte("pan=" + pan + "&x=ÿÿ")),
		"base64 twice": base64.StdEncoding.EncodeToString([]byte(base64.StdEncoding.EncodeToString([]byte(pan)))),
		"UTF-16":       each(func(r rune) string { return string(r) + "\x00" }),
		"OCR O":        strings.ReplaceAll(pan, "0", "O"), "OCR l": strings.Replace(groups(" "), "1", "l", 2), "OCR S B": strings.NewReplacer("5", "S", "8", "B").Replace(pan),
		"track 1": "%B" + pan + "^DOE/JANE^28121010000000000?", "track 2": ";" + pan + "=28121010000000000?", "in a word": "card" + pan, "key=value": "pan=" + pan + "&cvv=123", "JSON": `{"n":"` + pan + `"}`, "JSON number": `{"n":` + pan + `}`, "in brackets": "(" + pan + ")", "SQL": "VALUES('" + pan + "')", "Chinese around": "卡号" + pan + "的", "XML": "<n>" + pan + "</n>",
	}
	if len(pan) != 16 {
		for _, k := range []string{"slashes", "plus"} {
			delete(forms, k)
		}
	}
	return forms
}

// testCards are the issuers' published test numbers, of every length.
var testCards = []string{
	"4111111111111111", "4012888888881881", "4222222222222", "5555555555554444", "2223003122003222", "2720990000000007", "378282246310005", "371449635398431",
	"6011111111111117", "30569309025904", "38520000023237", "3530111333300000", "6200000000000005", "6304000000000000", "6759649826438453", "6212345678901232", "6771798021000008", "4000000000000000006",
}

// TestCardForms: every card in every surface form goes, in every profile, and
// what stands around it stays.
func TestCardForms(t *testing.T) {
	n, missed := 0, 0
	for _, p := range []Profile{Logs, Chat, Strict} {
		e := engine(t, Config{Profile: p})
		for _, pan := range testCards {
			for name, form := range cardForms(pan) {
				n++
				text := "please charge " + form + " for me"
				out := string(e.Append(nil, []byte(text)))
				if !strings.Contains(out, "[pan]") && !strings.Contains(out, "[track]") || !strings.HasSuffix(out, " for me") || !strings.HasPrefix(out, "please charge ") {
					missed++
					t.Errorf("%s, %s, %s: %q → %q", p, pan, name, text, out)
				}
			}
		}
	}
	t.Logf("%d of %d forms found", n-missed, n)
}
