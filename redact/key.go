package redact

import (
	"bytes"
	"crypto/sha256"
	"strconv"
	"strings"
	"sync"
)

// keyPrefix is a beginning that only keys have.
type keyPrefix struct {
	text  string
	least int
}

// keyTable holds the prefixes by first byte, and which second bytes there are:
// bit c&63.
type keyTable [256]struct {
	prefixes []keyPrefix
	second   uint64
}

// may reports that a prefix may begin so.
func (t *keyTable) may(first, second byte) bool { return t[first].second>>(second&63)&1 != 0 }

var keysOf = sync.OnceValue(func() *keyTable {
	t := new(keyTable)
	text, _ := lists.ReadFile("lists/secrets.txt")
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) != 3 || f[0][0] == '#' {
			continue
		}
		n, _ := strconv.Atoi(f[1])
		of := &t[f[0][0]]
		of.prefixes = append(of.prefixes, keyPrefix{f[0], n})
		of.second |= 1 << (f[0][1] & 63)
	}
	return t
})

// keyShape: keys known by their beginning, and addresses of crypto currencies.
func (s *scan) keyShape(i int, best *candidate) {
	t := &s.toks[i]
	b := s.surface.norm[t.s:]
	if len(b) < 2 || !s.keys.may(b[0], b[1]) {
		s.coin(i, best)
		return
	}
	for _, k := range s.keys[t.ch].prefixes {
		if len(b) < len(k.text) || string(b[:len(k.text)]) != k.text {
			continue
		}
		last, n := s.keyRun(i)
		if n < k.least && last+1 < s.limit || n < min(k.least, 100) {
			continue
		}
		if k.text == "eyJ" && bytes.IndexByte(s.bytes(i, last), '.') < 0 && last+1 < s.limit {
			continue // JSON in base64, but no token
		}
		s.consider(best, last, Secret, "key_prefix", 0.95)
		if last == s.limit-1 {
			s.swallow = swallow{active: true, next: s.seq + last + 1, key: true}
		}
		return
	}
	s.coin(i, best)
}

// keyRun is the last token of the run of key characters from token i on, and
// its length.
func (s *scan) keyRun(i int) (last, n int) {
	last = i
	for j := i; j < s.limit; j++ {
		u := &s.toks[j]
		if j > i && u.gap != joined || u.kind == han || u.form&foreign != 0 {
			break
		}
		if u.kind == mark {
			switch u.ch {
			case '_', '-', '.', '+', '/', '=':
				continue
			}
			break
		}
		last = j
	}
	return last, int(s.toks[last].e - s.toks[i].s)
}

const coinLeast = 26 // letters and digits of the shortest address

// coin: Bitcoin addresses with their checksum, Ethereum's 40 hexadecimal digits.
func (s *scan) coin(i int, best *candidate) {
	t := &s.toks[i]
	if t.e-t.s < coinLeast {
		return
	}
	b := s.surface.norm[t.s:t.e]
	if len(b) < 26 || len(b) > 90 || !s.ends(i) {
		return
	}
	switch {
	case (b[0] == '1' || b[0] == '3' || b[0] == 'L' || b[0] == 'D' || b[0] == 'T') && len(b) <= 35 && base58check(b):
		s.consider(best, i, CryptoAddr, "base58_address", 0.97)
	case (b[0]|0x20 == 'b' && b[1]|0x20 == 'c' || b[0]|0x20 == 'l' && b[1]|0x20 == 't') && bech32(b):
		s.consider(best, i, CryptoAddr, "bech32_address", 0.97)
	case len(b) == 42 && b[0] == '0' && b[1]|0x20 == 'x' && isHex(b[2:]):
		s.consider(best, i, CryptoAddr, "ethereum_address", 0.9)
	}
}

const base58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"

// base58check verifies the four bytes of double SHA-256 at an address's end.
func base58check(b []byte) bool {
	var raw [25]byte // a number, the highest byte first
	for _, c := range b {
		carry := strings.IndexByte(base58, c)
		if carry < 0 {
			return false
		}
		for i := len(raw) - 1; i >= 0; i-- {
			carry += 58 * int(raw[i])
			raw[i], carry = byte(carry), carry>>8
		}
		if carry > 0 {
			return false
		}
	}
	one := sha256.Sum256(raw[:21])
	two := sha256.Sum256(one[:])
	return bytes.Equal(two[:4], raw[21:])
}

// bech32 verifies the checksum of BIP 173 and BIP 350.
func bech32(b []byte) bool {
	s := bytes.ToLower(b)
	one := bytes.LastIndexByte(s, '1')
	if one < 1 || len(s)-one < 7 {
		return false
	}
	check := uint32(1)
	step := func(v byte) {
		top := check >> 25
		check = check&0x1ffffff<<5 ^ uint32(v)
		for i, g := range [5]uint32{0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3} {
			if top>>i&1 == 1 {
				check ^= g
			}
		}
	}
	for _, c := range s[:one] {
		step(c >> 5)
	}
	step(0)
	for _, c := range s[:one] {
		step(c & 31)
	}
	for _, c := range s[one+1:] {
		v := strings.IndexByte("qpzry9x8gf2tvdw0s3jn54khce6mua7l", c)
		if v < 0 {
			return false
		}
		step(byte(v))
	}
	return check == 1 || check == 0x2bc830a3
}

// privateKey: "-----BEGIN … PRIVATE KEY-----" up to its end, however long.
func (s *scan) privateKey(i int) {
	j := i
	for j < s.limit && j < i+5 && s.toks[j].ch == '-' && (j == i || s.toks[j].gap == joined) {
		j++
	}
	if j < i+5 || !s.wordIs(j, "begin") {
		return
	}
	for k := j + 1; k < min(s.limit, j+6); k++ {
		if s.wordIs(k, "private") {
			if s.accept(i, k, Secret, "private_key", 1) {
				s.swallow = swallow{active: true, next: s.seq + k + 1, pem: true}
			}
			return
		}
	}
}
