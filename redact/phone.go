package redact

import (
	"math/bits"
	"regexp/syntax"
	"sync"

	"github.com/nyaruka/phonenumbers"
)

// Telephone numbers are judged by libphonenumber's metadata. The library needs
// some 20 µs for one number, too long for every digit run of a log, so its
// national patterns are turned once into digit automata that need one table
// look-up per digit. The patterns themselves stay the library's.

// phoneRegion holds the automaton of one region's valid national numbers.
type phoneRegion struct {
	name   string
	code   int
	prefix string // national prefix, "0"
	meta   *phonenumbers.PhoneMetadata
	once   sync.Once
	auto   *digitDFA
}

// phoneBook is the library's metadata by country calling code and by region.
type phoneBook struct {
	byCode [1000][]*phoneRegion
	byName map[string]*phoneRegion
	homes  map[string]*homes // by language
}

var phones = sync.OnceValue(func() *phoneBook {
	b := &phoneBook{byName: map[string]*phoneRegion{}, homes: map[string]*homes{}}
	all, err := phonenumbers.MetadataCollection()
	if err != nil {
		all = new(phonenumbers.PhoneMetadataCollection) // only numbers beside a telephone word are found
	}
	for _, m := range all.GetMetadata() {
		r := &phoneRegion{name: m.GetId(), code: int(m.GetCountryCode()), prefix: m.GetNationalPrefix(), meta: m}
		b.byCode[r.code%1000] = append(b.byCode[r.code%1000], r) // codes have three digits at most
		b.byName[r.name] = r
	}
	for lang, names := range phoneRegions {
		h := new(homes)
		for _, name := range names {
			if r := b.byName[name]; r != nil {
				h.regions = append(h.regions, r)
			}
		}
		b.homes[lang] = h
	}
	return b
})

// valid reports whether nsn is a national number of the region.
func (r *phoneRegion) valid(nsn []byte) bool {
	r.once.Do(func() { r.auto = newDigitDFA(r.patterns()) })
	return r.auto.match(nsn)
}

// patterns of the region's national numbers.
func (r *phoneRegion) patterns() (out []string) {
	m := r.meta
	for _, d := range []*phonenumbers.PhoneNumberDesc{
		m.GetFixedLine(), m.GetMobile(), m.GetTollFree(), m.GetPremiumRate(), m.GetSharedCost(),
		m.GetPersonalNumber(), m.GetVoip(), m.GetPager(), m.GetUan(), m.GetVoicemail(),
	} {
		if p := d.GetNationalNumberPattern(); p != "" {
			out = append(out, p)
		}
	}
	return out
}

// validInternational reports digits that begin with a country calling code and
// go on with a valid national number of it; a "(0)" trunk digit may stay in.
func validInternational(d []byte) bool {
	for n := 1; n <= 3 && n < len(d); n++ {
		code := 0
		for _, c := range d[:n] {
			code = code*10 + int(c-'0')
		}
		for _, r := range phones().byCode[code] {
			nsn := d[n:]
			if r.valid(nsn) {
				return true
			}
			if r.prefix == "0" && nsn[0] == '0' && r.valid(nsn[1:]) {
				return true
			}
		}
	}
	return false
}

// dialled reports digits that are a valid number when dialled in the region.
func (r *phoneRegion) dialled(d []byte) bool {
	if r.valid(d) {
		return true
	}
	p := len(r.prefix)
	return p > 0 && len(d) > p && string(d[:p]) == r.prefix && r.valid(d[p:])
}

// homes are the regions whose national format is recognised.
type homes struct {
	regions []*phoneRegion
	once    sync.Once
	begin   [maxNational + 1][1000]uint16 // by length and three first digits: bit k if a number of region k may begin so
}

const maxNational = 17 // digits, with the prefix

// dialled reports digits that are a valid number when dialled in one of the regions.
func (h *homes) dialled(d []byte) bool {
	if len(d) < 5 || len(d) > maxNational {
		return false
	}
	h.once.Do(h.survey)
	for m := h.begin[len(d)][atoi(d[:3])]; m != 0; m &= m - 1 {
		if h.regions[bits.TrailingZeros16(m)].dialled(d) {
			return true
		}
	}
	return false
}

func (h *homes) survey() {
	for k, r := range h.regions {
		r.valid(nil)
		rest := r.auto.rest()
		for _, prefix := range []string{"", r.prefix} {
			for n := range h.begin[0] {
				three := [3]byte{'0' + byte(n/100), '0' + byte(n/10%10), '0' + byte(n%10)}
				lengths := uint32(0)
				if p := len(prefix); p < 3 && string(three[:p]) == prefix {
					lengths = rest[r.auto.state(three[p:])] << 3
				} else if p >= 3 && prefix[:3] == string(three[:]) {
					lengths = 1<<32 - 1
				}
				for size := range h.begin {
					h.begin[size][n] |= uint16(lengths>>size&1) << k
				}
			}
		}
	}
}

// phoneRegions are the regions whose national format is recognised without a
// country code, by language: 16 at most.
var phoneRegions = map[string][]string{
	"auto": {"US", "GB", "FR", "DE", "ES", "MX", "BR", "PT", "CN", "CA", "CH", "AT", "BE", "IN", "AU"},
	"en":   {"US", "GB", "CA", "AU", "IE", "NZ", "IN"},
	"es":   {"ES", "MX", "US", "AR", "CO", "CL", "PE"},
	"zh":   {"CN", "HK", "TW", "SG"},
	"fr":   {"FR", "BE", "CH", "CA"},
	"de":   {"DE", "AT", "CH"},
	"pt":   {"BR", "PT"},
}

// digitDFA accepts whole digit strings of any of its patterns.
type digitDFA struct {
	next   [][10]uint16 // state 0 rejects, 1 starts
	accept []bool
}

func newDigitDFA(patterns []string) *digitDFA {
	a := &digitDFA{next: make([][10]uint16, 2), accept: make([]bool, 2)}
	var progs []*syntax.Prog
	for _, p := range patterns {
		re, err := syntax.Parse("(?:"+p+")", syntax.Perl)
		if err != nil {
			continue
		}
		if prog, err := syntax.Compile(re.Simplify()); err == nil {
			progs = append(progs, prog)
		}
	}
	start := closure{}
	for i, p := range progs {
		start.add(p, i, uint32(p.Start))
	}
	ids := map[string]uint16{start.key(): 1}
	queue := []closure{start}
	for at := 1; at <= len(queue) && at < 1<<15; at++ {
		set := queue[at-1]
		a.accept[at] = set.matches
		for d := range 10 {
			to := closure{}
			for _, s := range set.states {
				in := &progs[s.prog].Inst[s.pc]
				if in.MatchRune(rune('0' + d)) {
					to.add(progs[s.prog], s.prog, in.Out)
				}
			}
			if len(to.states) == 0 && !to.matches {
				continue
			}
			key := to.key()
			id, ok := ids[key]
			if !ok {
				id = uint16(len(a.next))
				ids[key] = id
				a.next = append(a.next, [10]uint16{})
				a.accept = append(a.accept, false)
				queue = append(queue, to)
			}
			a.next[at][d] = id
		}
	}
	return a
}

func (a *digitDFA) match(digits []byte) bool { return a.accept[a.state(digits)] }

// state is where digits lead to, 0 when no number begins with them.
func (a *digitDFA) state(digits []byte) uint16 {
	s := uint16(1)
	for _, c := range digits {
		if !isDigit(c) {
			return 0
		}
		if s = a.next[s][c-'0']; s == 0 {
			return 0
		}
	}
	return s
}

// rest has bit n where a state accepts n more digits.
func (a *digitDFA) rest() []uint32 {
	rest := make([]uint32, len(a.next))
	for more := true; more; {
		more = false
		for s := len(rest) - 1; s > 0; s-- {
			was := rest[s]
			if a.accept[s] {
				rest[s] |= 1
			}
			for _, to := range a.next[s] {
				rest[s] |= rest[to] << 1
			}
			more = more || rest[s] != was
		}
	}
	return rest
}

// closure is a set of program positions that wait for a rune.
type closure struct {
	states  []progState
	matches bool
}

type progState struct {
	prog int
	pc   uint32
}

func (c *closure) add(p *syntax.Prog, prog int, pc uint32) {
	in := &p.Inst[pc]
	switch in.Op {
	case syntax.InstAlt, syntax.InstAltMatch:
		c.add(p, prog, in.Out)
		c.add(p, prog, in.Arg)
	case syntax.InstCapture, syntax.InstNop, syntax.InstEmptyWidth:
		c.add(p, prog, in.Out)
	case syntax.InstMatch:
		c.matches = true
	case syntax.InstFail:
	default:
		s := progState{prog, pc}
		for _, have := range c.states {
			if have == s {
				return
			}
		}
		c.states = append(c.states, s)
	}
}

func (c *closure) key() string {
	b := make([]byte, 0, len(c.states)*6+1)
	for _, s := range c.states {
		b = append(b, byte(s.prog), byte(s.pc), byte(s.pc>>8), byte(s.pc>>16))
	}
	if c.matches {
		b = append(b, 'm')
	}
	return string(b)
}
