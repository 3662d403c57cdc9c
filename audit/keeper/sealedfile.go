package keeper

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/tink-crypto/tink-go/v2/aead/subtle"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// fileFormat names the layout of the sealed file.
const fileFormat = "privet-keeper/1"

// sealedFile is the local keeper's file: JSON whose keysets are tink keysets
// encrypted under the root key. Each is bound to the whole header, to its name
// and to the generation, so no keyset can be taken from another file or from an
// older state of this one. An older copy of the whole file does open: whoever
// trims keys must let the backups of this file expire, too.
type sealedFile struct {
	Format     string                  `json:"format"`
	Generation uint64                  `json:"generation"` // one more at every write
	KDF        kdf                     `json:"kdf"`
	Keysets    map[string]sealedKeyset `json:"keysets"`
}

type sealedKeyset struct {
	Made   time.Time `json:"made"` // of the newest version
	Sealed []byte    `json:"sealed"`
}

// bound is the associated data of one keyset.
func (f *sealedFile) bound(name string, made time.Time) []byte {
	header, _ := json.Marshal(f.KDF)
	return bytes.Join([][]byte{[]byte(f.Format), []byte(strconv.FormatUint(f.Generation, 10)),
		header, []byte(name), []byte(made.UTC().Format(time.RFC3339))}, []byte{0})
}

// parseFile reads the outer JSON strictly.
func parseFile(raw []byte) (*sealedFile, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	f := new(sealedFile)
	if err := dec.Decode(f); err != nil {
		return nil, fmt.Errorf("not a keeper file: %w", err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errors.New("not a keeper file: something follows its end")
	}
	if f.Format != fileFormat {
		return nil, fmt.Errorf("format %q is not %q; it was written by another version of privet", f.Format, fileFormat)
	}
	return f, nil
}

// open decrypts every keyset. Any that does not open refuses the file whole.
func (f *sealedFile) open(root tink.AEAD) (*rings, error) {
	r := &rings{generation: f.Generation, handles: map[string]*keyset.Handle{}, made: map[string]time.Time{}}
	for name, k := range f.Keysets {
		h, err := keyset.ReadWithAssociatedData(keyset.NewBinaryReader(bytes.NewReader(k.Sealed)), root, f.bound(name, k.Made))
		if err != nil {
			return nil, fmt.Errorf("%w: the root secret is another one, or keyset %s was changed", ErrDenied, name)
		}
		r.handles[name], r.made[name] = h, k.Made
	}
	return r, r.prepare()
}

// seal encrypts the keysets as the file's next generation.
func (f *sealedFile) seal(root tink.AEAD, r *rings) ([]byte, error) {
	f.Generation, f.Keysets = r.generation, make(map[string]sealedKeyset, len(r.handles))
	for name, h := range r.handles {
		var sealed bytes.Buffer
		made := r.made[name].UTC().Truncate(time.Second)
		if err := h.WriteWithAssociatedData(keyset.NewBinaryWriter(&sealed), root, f.bound(name, made)); err != nil {
			return nil, fmt.Errorf("seal keyset %s: %w", name, err)
		}
		f.Keysets[name] = sealedKeyset{Made: made, Sealed: sealed.Bytes()}
	}
	return json.MarshalIndent(f, "", " ")
}

func rootAEAD(k kdf, secret []byte) (tink.AEAD, error) {
	key, err := k.derive(secret)
	if err != nil {
		return nil, err
	}
	return subtle.NewAESGCM(key)
}

// writePrivate replaces a file atomically and durably, with mode 0600: written
// beside it, synced, renamed, and the folder synced. On an error the old file
// stands, unless only the folder's sync failed, where either may.
func writePrivate(path string, content []byte) (err error) {
	dir := filepath.Dir(path)
	tmp, err := os.CreateTemp(dir, "."+filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			tmp.Close()
			os.Remove(tmp.Name())
		}
	}()
	if _, err = tmp.Write(content); err != nil {
		return err
	}
	if err = tmp.Sync(); err != nil {
		return err
	}
	if err = tmp.Close(); err != nil {
		return err
	}
	if err = os.Rename(tmp.Name(), path); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// lockFile holds the right to change path, against other processes too, until
// the returned function is called.
func lockFile(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", f.Name(), err)
	}
	return func() { f.Close() }, nil
}

// sameFile says whether two looks at a path saw the same content.
func sameFile(a, b fs.FileInfo) bool {
	return a != nil && b != nil && os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size() && a.Mode() == b.Mode()
}
