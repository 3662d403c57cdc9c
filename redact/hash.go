package redact

import (
	"encoding/binary"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Words are known by a hash of their letters without case and accents, eight
// bytes at a time.

const (
	hashSeed  = 14695981039346656037
	hashPrime = 0x9E3779B97F4A7C15 // 2^64 over the golden ratio
	lowBits   = 0x2020202020202020 // make ASCII letters small and leave digits alone
)

// mix takes eight more bytes into a hash.
func mix(h, eight uint64) uint64 {
	h = (h ^ eight) * hashPrime
	return h ^ h>>29
}

// hashAt is the hash of the n ASCII letters and digits at b[i].
func hashAt(b []byte, i, n int) uint64 {
	h := uint64(hashSeed)
	for ; n > 0; i, n = i+8, n-8 {
		var eight uint64
		if len(b)-i >= 8 {
			eight = binary.LittleEndian.Uint64(b[i:])
		} else {
			for k, c := range b[i:] {
				eight |= uint64(c) << (8 * k)
			}
		}
		h = mix(h, (eight|lowBits)&(1<<(8*n)-1))
	}
	return h
}

// hashShort is hashAt for at most maxShort letters and digits with as many
// bytes to be read: those of the usual lengths go one way.
func hashShort(b []byte, n int) uint64 {
	if n > 16 {
		return hashAt(b, 0, n)
	}
	h := mix(hashSeed, (binary.LittleEndian.Uint64(b)|lowBits)&leading[n+8])
	if long := mix(h, (binary.LittleEndian.Uint64(b[8:])|lowBits)&leading[n]); n > 8 {
		h = long
	}
	return h
}

// leading has the first n-8 of eight bytes.
var leading = func() (t [25]uint64) {
	for n := range t {
		t[n] = 1<<(8*max(0, n-8)) - 1
	}
	return t
}()

// A hasher takes the same hash byte by byte.
type hasher struct {
	h, eight uint64
	n        int
}

func newHasher() hasher { return hasher{h: hashSeed} }

func (h *hasher) put(c byte) {
	h.eight |= uint64(c) << (8 * h.n)
	if h.n++; h.n == 8 {
		h.h, h.eight, h.n = mix(h.h, h.eight), 0, 0
	}
}

func (h *hasher) rune(r rune) {
	var b [utf8.UTFMax]byte
	for _, c := range b[:utf8.EncodeRune(b[:], r)] {
		h.put(c)
	}
}

// fold takes in a letter without its accents, so that "é" and "e" are one.
func (h *hasher) fold(r rune) {
	switch {
	case r < rune(len(folded)):
		for i := range len(folded[r]) {
			h.put(folded[r][i])
		}
	case !unicode.Is(unicode.M, r):
		h.rune(unicode.ToLower(r))
	}
}

func (h *hasher) sum() uint64 {
	if h.n > 0 {
		return mix(h.h, h.eight)
	}
	return h.h
}

// hashFolded is the hash of a word with letters of any script.
func hashFolded(w []byte) uint64 {
	h := newHasher()
	for len(w) > 0 {
		r, n := utf8.DecodeRune(w)
		h.fold(r)
		w = w[n:]
	}
	return h.sum()
}

// hashOf is the hash that tokens have of a word.
func hashOf(w string) uint64 { return hashFolded([]byte(w)) }

// hashRune is the hash of a Han character.
func hashRune(r rune) uint64 {
	h := newHasher()
	h.rune(r)
	return h.sum()
}

// folded is the plain form of the Latin letters up to U+024F.
var folded = func() (t [0x250]string) {
	own := map[rune]string{'ß': "ss", 'æ': "ae", 'œ': "oe", 'ø': "o", 'ł': "l", 'đ': "d", 'ð': "d", 'þ': "th", 'ı': "i", 'ħ': "h"}
	for r := rune(0); r < rune(len(t)); r++ {
		low := unicode.ToLower(r)
		if f, ok := own[low]; ok {
			t[r] = f
			continue
		}
		for _, d := range norm.NFD.String(string(low)) {
			if !unicode.Is(unicode.M, d) {
				t[r] += string(d)
			}
		}
	}
	return t
}()
