package redact

import (
	"bufio"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// shared finds the shared test data, or skips.
func shared(t testing.TB, path string) *os.File {
	t.Helper()
	dirs := []string{os.Getenv("PRIVET_TESTDATA")}
	for up := ".."; len(up) < 20; up += "/.." {
		dirs = append(dirs, filepath.Join(up, "shared/testdata"))
	}
	for _, dir := range dirs {
		if f, err := os.Open(filepath.Join(dir, path)); dir != "" && err == nil {
			t.Cleanup(func() { f.Close() })
			return f
		}
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is not there", path)
	}
	t.Skipf("%s is not there", path)
	return nil
}

// TestSpokenCorpus: of the telephone numbers and addresses of the corpus at
// least 95 % are found whole, and of everything else at most 1 % is touched.
func TestSpokenCorpus(t *testing.T) {
	in := bufio.NewScanner(shared(t, "redaction/spoken_itn_cases.tsv"))
	var found, wanted, touched, others int
	for in.Scan() {
		f := strings.Split(in.Text(), "\t") // lang, class, itn|tn, spoken, written
		if len(f) != 5 || f[2] != "itn" {
			continue
		}
		text := f[3]
		class := strings.TrimSuffix(f[1], "_cased")
		for _, lang := range []string{f[0], "auto"} {
			spans := findSpoken(nil, []byte(text), lang)
			if class != "telephone" && class != "electronic" {
				others++
				if len(spans) > 0 {
					touched++
				}
				continue
			}
			wanted++
			// what is not part of the value: "ssn is", "telefone"
			if len(spans) == 1 && len(text)-(spans[0].End-spans[0].Start) <= 9 {
				found++
			} else {
				t.Logf("%s as %s: %q gives %v", f[0], lang, text, spans)
			}
		}
	}
	t.Logf("found %d of %d, touched %d of %d others", found, wanted, touched, others)
	if found*100 < wanted*95 || touched*100 > others {
		t.Errorf("found %d of %d, touched %d of %d others", found, wanted, touched, others)
	}
}

// spokenAs gives a text with its spoken values replaced.
func spokenAs(text, lang string) string {
	var out strings.Builder
	at := 0
	for _, s := range findSpoken(nil, []byte(text), lang) {
		out.WriteString(text[at:s.Start] + "[" + string(s.Class) + "]")
		at = s.End
	}
	return out.String() + text[at:]
}

func TestSpoken(t *testing.T) {
	for _, c := range []struct{ lang, text, want string }{
		{"en", "my card number is four one one one, one one one one, one one one one, one one one one thanks", "my card number is [pan] thanks"},
		{"en", "It's forty-one eleven eleven eleven eleven eleven eleven eleven.", "It's [pan]."},
		{"en", "four triple one double one one one um one one one one one one one one", "[pan]"},
		{"en", "my phone is five five five, no sorry, five five six, oh one double two", "my phone is [phone]"},
		{"en", "the cvv is one twenty three", "the cvv is [cvv]"},
		{"en", "the code you sent me is four eight fifteen sixteen", "the code you sent me is [secret]"},
		{"en", "my social is one two three four five six seven eight nine", "my social is [ssn]"},
		{"en", "it expires oh three twenty seven", "it expires [expiry]"},
		{"en", "I was born on the fifth of May nineteen eighty", "I was born on the [dob]"},
		{"en", "mail me at john dot smith at gmail dot com please", "mail me at [email] please"},
		{"en", "it's j o h n underscore doe two at outlook dot co dot uk", "it's [email]"},
		{"en", "look at amazon dot com", "look at [url]"},
		{"en", "my licence number is B as in bravo one two three four five six seven", "my licence number is [driver_licence]"},
		{"en", "call five five five one two three four extension twelve", "call [phone]"},
		{"es", "mi tarjeta es cuatro uno uno uno uno uno uno uno uno uno uno uno uno uno uno uno", "mi tarjeta es [pan]"},
		{"es", "el correo es maría punto lópez arroba hotmail punto com", "el correo es [email]"},
		{"es", "mi teléfono es el seiscientos doce treinta y cuatro cincuenta y seis setenta y ocho", "mi teléfono es el [phone]"},
		{"fr", "mon numéro c'est le zéro six douze trente-quatre cinquante-six soixante-dix-huit", "mon numéro c'est le [phone]"},
		{"fr", "quatre-vingt-dix-sept quatre-vingts soixante et onze double zéro douze treize quatorze", "[pan]"},
		{"fr", "écrivez à jean tiret paul arobase orange point fr", "écrivez à [email]"},
		{"de", "meine Nummer ist null eins sieben zwo dreiundzwanzig vierhundertelf neun neun", "meine Nummer ist [phone]"},
		{"de", "einundvierzig elf elf elf elf elf elf elf", "[pan]"},
		{"de", "max punkt mustermann at web punkt de", "[email]"},
		{"pt", "meu celular é onze nove oito sete meia cinco quatro três dois um zero", "meu celular é [phone]"},
		{"pt", "ana ponto souza arroba uol ponto com ponto br", "[email]"},
		{"zh", "我的卡号是六二二二零二幺二三四五六七八九零幺二三", "我的卡号是[pan]"},
		{"zh", "我的手机号是幺三八零零幺三八零零零", "我的手机号是[phone]"},
		{"zh", "安全码是三二一", "安全码是[cvv]"},
	} {
		for _, lang := range []string{c.lang, "auto"} {
			if got := spokenAs(c.text, lang); got != c.want {
				t.Errorf("%s: %q\n got %q\nwant %q", lang, c.text, got, c.want)
			}
		}
	}
}

// TestNotSpoken: numbers in ordinary sentences stay.
func TestNotSpoken(t *testing.T) {
	for lang, texts := range map[string][]string{
		"en": {"I have two cards and three questions.", "It cost one hundred twenty three dollars and forty five cents.", "One moment please, I'll be with you in two or three minutes.",
			"That was on the twenty first of March two thousand and nineteen.", "We are open from nine thirty to five forty five.", "Three point one four one five nine is pi.", "One, two, three, testing.",
			"There are one million two hundred thousand of them.", "No one knows, not one of the four.", "Meet me at the corner at ten.", "Half of five hundred is two hundred fifty.", "I called twice, two times in one week.",
			"First, second and third place went to team five.", "He turned forty one in nineteen ninety nine.", "Flight at six oh five, gate twenty two.", "Section four dot two of the manual."},
		"es": {"Tengo dos tarjetas y tres preguntas.", "Costó ciento veintitrés euros con cuarenta y cinco.", "Son las dos y media de la tarde.", "El veintiuno de marzo de dos mil diecinueve.", "Uno de los cuatro no funciona.", "Hace una o dos semanas que espero."},
		"fr": {"J'ai deux cartes et trois questions.", "Cela coûte cent vingt-trois euros quarante-cinq.", "Il est neuf heures et quart.", "Le vingt et un mars deux mille dix-neuf.", "Un des quatre ne marche pas.", "J'ai attendu une ou deux semaines."},
		"de": {"Ich habe zwei Karten und drei Fragen.", "Das kostet hundertdreiundzwanzig Euro fünfundvierzig.", "Es ist halb neun.", "Am einundzwanzigsten März zweitausendneunzehn.", "Eine von vier geht nicht.", "Ich warte seit ein oder zwei Wochen."},
		"pt": {"Tenho dois cartões e três perguntas.", "Custou cento e vinte e três reais e quarenta e cinco.", "São duas e meia da tarde.", "No dia vinte e um de março de dois mil e dezenove.", "Um dos quatro não funciona.", "Espero há uma ou duas semanas."},
		"zh": {"我有两张卡和三个问题。", "一共一百二十三块四毛五。", "现在两点半。", "二零一九年三月二十一号。", "四个里面有一个坏了。", "等了一两个星期，一直没有人管，七七八八的事情。"},
	} {
		for _, text := range texts {
			for _, as := range []string{lang, "auto"} {
				if got := spokenAs(text, as); got != text {
					t.Errorf("%s: %q became %q", as, text, got)
				}
			}
		}
	}
}

// TestLexicons: every line of every language names a role and has words.
func TestLexicons(t *testing.T) {
	for lang, text := range map[string]string{"en": spokenEnglish, "es": spokenSpanish, "zh": spokenChinese, "fr": spokenFrench, "de": spokenGerman, "pt": spokenPortuguese} {
		for line := range strings.Lines(strings.TrimSpace(text)) {
			f := strings.Fields(line)
			if len(f) < 2 || roleNames[f[0]] == 0 {
				t.Errorf("%s: %q", lang, line)
				continue
			}
			for _, w := range f[1:] {
				if folded := foldWord(w); folded != w {
					t.Errorf("%s: %q is folded to %q and never found", lang, w, folded)
				}
			}
		}
	}
}

// TestGate: what the grammar finds without the gate it finds with it.
func TestGate(t *testing.T) {
	in := bufio.NewScanner(shared(t, "redaction/spoken_itn_cases.tsv"))
	for in.Scan() {
		f := strings.Split(in.Text(), "\t")
		if len(f) != 5 || f[0] == "lang" || speeches()[f[0]] == nil {
			continue
		}
		for _, text := range f[3:] {
			if found := speeches()[f[0]].hearText([]byte(text)).find(nil, 0); len(found) > 0 && !spokenGate().open([]byte(text)) {
				t.Errorf("%s: the gate is closed to %q: %v", f[0], text, found)
			}
		}
	}
}

func FuzzSpoken(f *testing.F) {
	for _, s := range []string{"four one one one double one", "vierhundertelf zwo und zwanzig", "hundertelf Zwo000", "zwanzigtausend zwo 000", "00$00no0000no0AA0", "a dot b at c dot com", "三个八幺", "quatre-vingt-dix un", "plus one, no, two not three", "\xff one two", "o'clock 4111 ４１"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		at := 0
		for _, s := range findSpoken(nil, []byte(text), "auto") {
			if s.Start < at || s.End <= s.Start || s.End > len(text) {
				t.Fatalf("span [%d,%d) after %d of %d bytes", s.Start, s.End, at, len(text))
			}
			at = s.End
		}
		for _, l := range speeches() {
			if len(text) < maxUtterance && len(l.hearText([]byte(text)).find(nil, 0)) > 0 && !spokenGate().open([]byte(text)) {
				t.Fatalf("%s: the gate is closed to %q", l.lang, text)
			}
		}
	})
}
