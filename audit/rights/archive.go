package rights

import (
	"archive/zip"
	"bufio"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"regexp"
	"strings"
	"time"
)

type counter int64

func (c *counter) Write(b []byte) (int, error) { *c += counter(len(b)); return len(b), nil }

// archive writes files and remembers their digests for the manifest.
type archive struct {
	zip   *zip.Writer
	now   time.Time
	files []ManifestFile
	open  hash.Hash
	size  counter
	ahead *bufio.Writer // of the open file: many small writes become few
}

var unsafeName = regexp.MustCompile(`[^A-Za-z0-9_.-]+`)

// safe makes a part of a path that stays inside the archive on every system.
func safe(name string) string {
	name = strings.Trim(unsafeName.ReplaceAllString(name, "_"), ".")
	return cmp.Or(name, "_")
}

func (a *archive) create(name string) (*bufio.Writer, error) {
	if err := a.close(); err != nil {
		return nil, err
	}
	w, err := a.zip.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: a.now})
	if err != nil {
		return nil, err
	}
	a.files = append(a.files, ManifestFile{Name: name})
	a.open, a.size = sha256.New(), 0
	a.ahead = bufio.NewWriterSize(io.MultiWriter(w, a.open, &a.size), 32<<10)
	return a.ahead, nil
}

func (a *archive) close() error {
	if a.open == nil {
		return nil
	}
	err := a.ahead.Flush()
	last := &a.files[len(a.files)-1]
	last.Bytes, last.SHA256 = int64(a.size), hex.EncodeToString(a.open.Sum(nil))
	a.open = nil
	return err
}

func (a *archive) put(name string, content []byte) error {
	w, err := a.create(name)
	if err != nil {
		return err
	}
	_, err = w.Write(content)
	return err
}

// sign writes the manifest and its signature, and ends the archive.
func (a *archive) sign(ctx context.Context, by Signer, m Manifest) error {
	if err := a.close(); err != nil {
		return err
	}
	m.Files = a.files
	raw, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		return err
	}
	signature, version, err := by.Sign(ctx, raw)
	if err != nil {
		return fmt.Errorf("sign manifest: %w", err)
	}
	if err := a.put("manifest.json", raw); err != nil {
		return err
	}
	if err := a.put("manifest.sig", fmt.Appendf(nil, "ed25519 %d %s\n", version, base64.StdEncoding.EncodeToString(signature))); err != nil {
		return err
	}
	if err := a.close(); err != nil {
		return err
	}
	return a.zip.Close()
}
