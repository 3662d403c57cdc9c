package keeper

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/crypto/argon2"
)

// Root says where the secret lies that seals the local file. Exactly one field
// is set. The secret is either a key of 32 random bytes in base64 (44 letters,
// as `openssl rand -base64 32` prints) or a passphrase of 12 letters or more,
// which is stretched with argon2id (RFC 9106 §4, second choice).
type Root struct {
	Passphrase []byte // given by the caller, who asked for it
	Env        string // name of an environment variable
	Credential string // name of a systemd credential, in $CREDENTIALS_DIRECTORY
	File       string // path of a file with mode 0600 or 0400; made when the keeper is made
}

// rootLetters is the least a passphrase may have.
const rootLetters = 12

// secret reads the root secret. With create, a missing root file is made.
func (r Root) secret(create bool) ([]byte, error) {
	set := 0
	for _, s := range []string{string(r.Passphrase), r.Env, r.Credential, r.File} {
		if s != "" {
			set++
		}
	}
	if set != 1 {
		return nil, fmt.Errorf("name one source of the root secret (passphrase, env, credential or file), not %d", set)
	}
	raw, from, err := r.read(create)
	if err != nil {
		return nil, err
	}
	secret := strings.TrimSpace(string(raw))
	if len(secret) < rootLetters {
		return nil, fmt.Errorf("root secret from %s has %d letters; it needs %d or more", from, len(secret), rootLetters)
	}
	return []byte(secret), nil
}

func (r Root) read(create bool) (raw []byte, from string, err error) {
	switch {
	case r.Env != "":
		v, ok := os.LookupEnv(r.Env)
		if !ok {
			return nil, "", fmt.Errorf("root secret: environment variable %s is not set", r.Env)
		}
		return []byte(v), "environment variable " + r.Env, nil
	case r.Credential != "":
		dir := os.Getenv("CREDENTIALS_DIRECTORY")
		if dir == "" {
			return nil, "", errors.New("root secret: CREDENTIALS_DIRECTORY is not set; start under systemd with LoadCredential= or SetCredentialEncrypted=")
		}
		if r.Credential != filepath.Base(r.Credential) {
			return nil, "", fmt.Errorf("root secret: %q is a path; a credential is a name", r.Credential)
		}
		raw, err = readPrivate(filepath.Join(dir, r.Credential))
		return raw, "credential " + r.Credential, err
	case r.File != "":
		raw, err = readPrivate(r.File)
		if create && errors.Is(err, fs.ErrNotExist) {
			raw, err = makeRootFile(r.File)
		}
		return raw, r.File, err
	}
	return r.Passphrase, "the passphrase", nil
}

// makeRootFile writes a new random root key, durably.
func makeRootFile(path string) ([]byte, error) {
	key := make([]byte, 32)
	rand.Read(key)
	text := []byte(base64.StdEncoding.EncodeToString(key) + "\n")
	if err := writePrivate(path, text); err != nil {
		return nil, fmt.Errorf("make root key: %w", err)
	}
	return text, nil
}

// readPrivate reads a small file that nobody but its owner may read.
func readPrivate(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if err := checkPrivate(path, info); err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(f, 1<<20))
}

// checkPrivate refuses a file that others than its owner could read or write.
func checkPrivate(path string, info fs.FileInfo) error {
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%w: %s is not a regular file", ErrDenied, path)
	}
	if perm := info.Mode().Perm(); perm&0o077 != 0 {
		return fmt.Errorf("%w: %s has mode %04o, so others may reach it: chmod 600 %s", ErrDenied, path, perm, path)
	}
	return nil
}

// kdf says how the root key comes from the root secret; it stands in the
// file's header, so that costs can be raised for new files.
type kdf struct {
	Name      string `json:"name"` // "argon2id" or "hkdf-sha256"
	Salt      []byte `json:"salt"`
	Time      uint32 `json:"time,omitempty"`
	MemoryKiB uint32 `json:"memory_kib,omitempty"`
	Threads   uint8  `json:"threads,omitempty"`
}

// newKDF chooses the derivation for a secret: a random key needs no stretching.
func newKDF(secret []byte) kdf {
	salt := make([]byte, 16)
	rand.Read(salt)
	if randomKey(secret) != nil {
		return kdf{Name: "hkdf-sha256", Salt: salt}
	}
	return kdf{Name: "argon2id", Salt: salt, Time: 3, MemoryKiB: 64 << 10, Threads: 4}
}

// randomKey is the 32-byte key a secret spells, or nil for a passphrase.
func randomKey(secret []byte) []byte {
	key, err := base64.StdEncoding.Strict().DecodeString(string(secret))
	if err != nil || len(key) != 32 {
		return nil
	}
	return key
}

// derive gives the 32-byte root key. The bounds keep a forged header from
// asking for all of the machine's memory or for no work at all.
func (k kdf) derive(secret []byte) ([]byte, error) {
	switch key := randomKey(secret); {
	case len(k.Salt) < 16:
		return nil, errors.New("header has too short a salt")
	case k.Name == "hkdf-sha256" && key != nil:
		return hkdf.Key(sha256.New, key, k.Salt, "privet local keeper root", 32)
	case k.Name == "hkdf-sha256":
		return nil, fmt.Errorf("%w: this file was sealed with a random key of 32 bytes, not with a passphrase", ErrDenied)
	case k.Name != "argon2id":
		return nil, fmt.Errorf("header names an unknown key derivation %q", k.Name)
	case k.Time < 1 || k.Time > 64 || k.MemoryKiB < 19<<10 || k.MemoryKiB > 1<<20 || k.Threads < 1:
		return nil, fmt.Errorf("header asks for argon2id outside of sensible bounds (time %d, memory %d KiB, threads %d)", k.Time, k.MemoryKiB, k.Threads)
	}
	return argon2.IDKey(secret, k.Salt, k.Time, k.MemoryKiB, k.Threads, 32), nil
}
