package mfa

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"crypto/subtle"
	_ "embed"
	"encoding/base64"
	"fmt"
	"io"
	"runtime"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"
)

// Argon is the cost of argon2id. It stands in every hash, so it can be raised
// at any time: a hash of another cost is renewed when its agent signs in.
type Argon struct {
	Memory  uint32 // KiB; 19456 (OWASP's first choice with Passes 2)
	Passes  uint32 // 2
	Threads uint8  // 1
}

func (a Argon) orDefault() Argon {
	orDefault(&a.Memory, 19456)
	orDefault(&a.Passes, 2)
	orDefault(&a.Threads, 1)
	return a
}

// Bounds of a password: length, not composition (SP 800-63B-4 §3.1.1.2; PCI DSS
// 8.3.6 asks for 12). It may be any text; it is compared in Unicode NFC.
const (
	shortest = 12  // characters
	longest  = 256 // bytes: enough for any sentence, too little to keep a hasher busy
)

func hashers() int { return max(1, runtime.GOMAXPROCS(0)) }

// hash makes a PHC string: $argon2id$v=19$m=…,t=…,p=…$salt$hash.
func (d *Door) hash(ctx context.Context, secret string) (string, error) {
	salt := make([]byte, 16)
	_, _ = rand.Read(salt) // never fails
	a := d.cfg.Argon
	key, err := d.derive(ctx, secret, salt, a, 32)
	if err != nil {
		return "", err
	}
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, a.Memory, a.Passes, a.Threads,
		b64.EncodeToString(salt), b64.EncodeToString(key)), nil
}

// matches says whether the secret made the hash, and whether the hash should be
// renewed at today's cost.
func (d *Door) matches(ctx context.Context, secret, phc string) (ok, renew bool, err error) {
	a, salt, want, err := readPHC(phc)
	if err != nil {
		return false, false, err
	}
	got, err := d.derive(ctx, secret, salt, a, uint32(len(want)))
	if err != nil {
		return false, false, err
	}
	return subtle.ConstantTimeCompare(got, want) == 1, a != d.cfg.Argon, nil
}

// derive waits for one of the hashing slots: memory and processor stay bounded
// however many sign in at once.
func (d *Door) derive(ctx context.Context, secret string, salt []byte, a Argon, n uint32) ([]byte, error) {
	select {
	case d.argon <- struct{}{}:
	case <-ctx.Done():
		return nil, fmt.Errorf("wait to hash: %w", context.Cause(ctx))
	}
	defer func() { <-d.argon }()
	return argon2.IDKey([]byte(norm.NFC.String(secret)), salt, a.Passes, a.Memory, a.Threads, n), nil
}

func readPHC(phc string) (a Argon, salt, key []byte, err error) {
	parts := strings.Split(phc, "$")
	if len(parts) != 6 || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return a, nil, nil, fmt.Errorf("password hash is not argon2id version %d", argon2.Version)
	}
	if _, err = fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &a.Memory, &a.Passes, &a.Threads); err != nil {
		return a, nil, nil, fmt.Errorf("read cost of password hash: %w", err)
	}
	if a.Memory > 1<<21 || a.Passes == 0 || a.Passes > 64 || a.Threads == 0 {
		return a, nil, nil, fmt.Errorf("cost of password hash is out of bounds")
	}
	if salt, err = base64.RawStdEncoding.DecodeString(parts[4]); err != nil {
		return a, nil, nil, fmt.Errorf("read salt: %w", err)
	}
	if key, err = base64.RawStdEncoding.DecodeString(parts[5]); err != nil {
		return a, nil, nil, fmt.Errorf("read hash: %w", err)
	}
	if len(salt) < 8 || len(key) < 16 || len(key) > 64 {
		return a, nil, nil, fmt.Errorf("password hash has an unusual length")
	}
	return a, salt, key, nil
}

//go:embed common/passwords.txt.gz
var commonPasswords []byte

// common is the offline list of common and breached passwords.
type common struct{ known map[string]struct{} }

func readCommon() (*common, error) {
	unzip, err := gzip.NewReader(bytes.NewReader(commonPasswords))
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(unzip)
	if err != nil {
		return nil, err
	}
	c := &common{known: make(map[string]struct{}, 1<<16)}
	for line := range strings.Lines(string(text)) {
		c.known[strings.TrimSpace(line)] = struct{}{}
	}
	return c, nil
}

// check refuses a password that a guesser would try early: short, on the list,
// a listed word dressed up with digits and signs or repeated, a run of one
// pattern, or the agent's own name.
func (c *common) check(password string, own ...string) error {
	if n := utf8.RuneCountInString(norm.NFC.String(password)); n < shortest || len(password) > longest {
		return fmt.Errorf("%w: %d characters, take %d to %d", ErrWeak, n, shortest, longest)
	}
	plain := strings.ToLower(norm.NFC.String(password))
	if pattern(plain) {
		return fmt.Errorf("%w: one pattern repeated", ErrWeak)
	}
	for _, form := range []string{plain, undressed(plain), undressed(unleet(plain)), letters(unleet(plain))} {
		if _, known := c.known[form]; known {
			return fmt.Errorf("%w: it is on the list", ErrWeak)
		}
	}
	for _, name := range own {
		if name = strings.ToLower(name); len(name) >= 4 && strings.Contains(plain, name) && utf8.RuneCountInString(plain) < utf8.RuneCountInString(name)+8 {
			return fmt.Errorf("%w: little beside the name", ErrWeak)
		}
	}
	return nil
}

// undressed is the word without digits and signs around it: "password1234!".
func undressed(s string) string {
	return strings.TrimFunc(s, func(r rune) bool { return !unicode.IsLetter(r) })
}

func letters(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) {
			return r
		}
		return -1
	}, s)
}

func unleet(s string) string {
	return strings.NewReplacer("0", "o", "1", "i", "3", "e", "4", "a", "5", "s", "7", "t", "@", "a", "$", "s", "!", "i").Replace(s)
}

// pattern finds a short unit repeated to fill the length ("abcabcabcabc") and
// runs of neighbours ("123456789012").
func pattern(s string) bool {
	runes := []rune(s)
	for unit := 1; unit <= len(runes)/3; unit++ {
		same := true
		for i := unit; i < len(runes) && same; i++ {
			same = runes[i] == runes[i-unit]
		}
		if same {
			return true
		}
	}
	steps := 0
	for i := 1; i < len(runes); i++ {
		if d := runes[i] - runes[i-1]; d == 1 || d == -1 || d == -9 {
			steps++
		}
	}
	return steps >= len(runes)-2
}
