package redact

import (
	"errors"
	"fmt"
	"sync"
)

// rules is a compiled Config.
type rules struct {
	lex                          *lexicon
	ids                          *idTable
	keys                         *keyTable
	interest                     *interest
	least                        [128]float64 // by classNo: the score a class needs; 0: not looked for
	persons, urls, cards, phones bool         // looked for
	words                        bool         // classes of words are looked for: places, firms, …
	picked                       bool         // the classes were chosen by name
	homes                        *homes
	lang                         string
	profile                      Profile
	known                        *knownIndex
	custom                       *custom
	treat                        map[Class]Treatment
	tokens                       Tokeniser
}

// always are the classes of every profile; talk those of chats; the rest only
// belong to strict.
var (
	always = []Class{PAN, CVV, PIN, Expiry, Track, IBAN, BankAccount, Routing, SWIFT, SSN, NationalID, Passport, DriverLic,
		TaxID, Email, Phone, IP, MAC, URL, Person, DOB, Password, Secret, CryptoAddr, Token}
	onlyStrict = []Class{Address, Postcode, Location, Organization, Date, Age, NRP, Title, Username, Vehicle}
)

// Classes lists every class there is, in the order of the documents.
func Classes() []Class {
	return []Class{PAN, CVV, PIN, Expiry, Track, IBAN, BankAccount, Routing, SWIFT, SSN, NationalID, Passport, DriverLic,
		TaxID, Email, Phone, IP, MAC, URL, Person, Address, Postcode, Location, Organization, Date, DOB, Age, NRP, Title,
		Username, Password, Secret, CryptoAddr, Vehicle, Token}
}

// compile checks a Config.
func compile(cfg Config) (*rules, error) {
	r := &rules{lex: lexiconOf(), keys: keysOf(), lang: cfg.Lang, profile: cfg.Profile, treat: cfg.Treat, tokens: cfg.Tokens}
	if r.lang == "" {
		r.lang = "auto"
	}
	switch r.lang {
	case "auto", "en", "es", "zh", "fr", "de", "pt":
	default:
		return nil, fmt.Errorf("language %q: want en, es, zh, fr, de, pt or auto", cfg.Lang)
	}
	r.homes = phones().homes[r.lang]
	known := map[Class]bool{}
	for _, c := range Classes() {
		known[c] = true
	}
	switch cfg.Profile {
	case "", Logs:
		r.profile = Logs
		r.want(0.5, always...)
	case Chat:
		r.want(0.5, always...)
	case Strict:
		r.want(0.4, always...)
		r.want(0.4, onlyStrict...)
	default:
		return nil, fmt.Errorf("profile %q: want logs, chat or strict", cfg.Profile)
	}
	if len(cfg.Classes) > 0 {
		r.least = [128]float64{}
		r.picked = true
		for _, c := range cfg.Classes {
			if !known[c] {
				return nil, fmt.Errorf("class %q is not known", c)
			}
			r.want(leastAsked, c)
		}
	}
	for _, c := range onlyStrict {
		if r.leastOf(c) > 0 {
			r.words = true
		}
	}
	var err error
	if r.custom, err = compileCustom(cfg.Rules); err != nil {
		return nil, fmt.Errorf("%w: line %w", ErrRules, err)
	}
	r.ids = r.idsFor()
	r.interest = interestOf(r)
	r.persons, r.urls, r.cards, r.phones = r.wants(Person, 1), r.wants(URL, 1), r.wants(PAN, 1), r.wants(Phone, 1)
	for c, t := range cfg.Treat {
		if !known[c] {
			return nil, fmt.Errorf("treatment for class %q: not known", c)
		}
		if err := allowed(c, t, cfg.Tokens != nil); err != nil {
			return nil, fmt.Errorf("treatment of class %q: %w", c, err)
		}
	}
	return r, nil
}

// plainRules look for nothing: texts are only cut into tokens by them.
var plainRules = sync.OnceValue(func() *rules {
	r := &rules{lex: lexiconOf(), keys: keysOf()}
	r.interest = interestOf(r)
	return r
})

// allowed says why a class may not be treated so.
func allowed(c Class, t Treatment, keyed bool) error {
	switch {
	case t > Scrub:
		return fmt.Errorf("%v is none", t)
	case t == Tokenise && !keyed:
		return errors.New("tokenise needs a key, and none is configured")
	case neverShown(c) && (t == Show || t == Mask || t == Tokenise || t == Scrub):
		return errors.New("PCI DSS 3.3.1 allows neither showing, masking nor tokenising it")
	case c == PAN && (t == Show || t == Scrub):
		return errors.New("PCI DSS 3.4.1 allows at most the BIN and the last four: use mask")
	}
	return nil
}

// leastAsked is the score that is enough for a class somebody asked for by name.
const leastAsked = 0.1

func (r *rules) want(least float64, classes ...Class) {
	for _, c := range classes {
		r.least[classNo(c)] = least
	}
}

func (r *rules) wants(c Class, score float64) bool {
	least := r.least[classNo(c)]
	return least > 0 && score >= least
}

func (r *rules) leastOf(c Class) float64 { return r.least[classNo(c)] }

// classNo numbers the classes without a table; a test holds it free of collisions.
func classNo(c Class) int {
	return (int(c[0]) + 3*int(c[len(c)-1]) + 10*len(c) + 19*int(c[1])) & 127
}

// neverShown are the sensitive authentication data of PCI DSS 3.3.
func neverShown(c Class) bool { return c == CVV || c == PIN || c == Track }
