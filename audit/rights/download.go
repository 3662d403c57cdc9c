package rights

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/tink-crypto/tink-go/v2/streamingaead/subtle"
)

type sealedStream struct {
	io.Reader
	io.Closer
}

func (o *Office) openPackage(ctx context.Context, r *Request) (io.ReadCloser, error) {
	p := r.Facts.Package
	if p == nil || p.Deleted != nil || o.Now().After(p.Expires) {
		return nil, fmt.Errorf("%w: there is no package, or it has expired", ErrUnknown)
	}
	key, err := o.Keys.Open(ctx, r.Body.Subject, p.Key)
	if err != nil {
		return nil, fmt.Errorf("open package key: %w", err)
	}
	file, err := os.Open(o.packagePath(r.ID))
	if err != nil {
		return nil, fmt.Errorf("%w: the package is gone", ErrUnknown)
	}
	cipher, err := subtle.NewAESGCMHKDF(key, "SHA256", 32, 1<<20, 0)
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	plain, err := cipher.NewDecryptingReader(file, []byte(r.ID))
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return sealedStream{plain, file}, nil
}

// Download opens a completed access request's package, from proof.From on, for somebody
// who has just proven who they are: by a session of the portal, a single-use link or a
// fresh code. The stream must be closed. Beyond the package's end it is [ErrRange], with
// the package.
func (o *Office) Download(ctx context.Context, id string, proof Proof) (io.ReadCloser, *Package, error) {
	r, err := o.Open(ctx, id)
	if err != nil {
		return nil, nil, err
	}
	if r.Status != CompletedFull && r.Status != CompletedPartial {
		return nil, nil, fmt.Errorf("%w: the package is not ready", ErrTransition)
	}
	if r.Facts.Package == nil {
		return nil, nil, fmt.Errorf("%w: there is no package", ErrUnknown)
	}
	if proof.From < 0 || proof.From >= r.Facts.Package.Bytes { // how long it is, only its person learns
		if o.InSession(ctx, id, proof.Session) || o.alive(ctx, id, forPackage, proof.Link) {
			return nil, r.Facts.Package, ErrRange
		}
		return nil, nil, ErrUnproven
	}
	byLink := false
	switch {
	case proof.Session != "" && o.InSession(ctx, id, proof.Session):
	case proof.Link != "" && o.takeLink(ctx, id, proof.Link, proof.From) == nil:
		byLink = true
	case proof.Code != "":
		if err := o.tryCode(ctx, id, forPackage, proof.Code); err != nil {
			return nil, nil, err
		}
	default:
		return nil, nil, ErrUnproven
	}
	if _, err := o.note(ctx, r, "rights.package", cardholder, "allowed", map[string]string{"from": fmt.Sprint(proof.From)}); err != nil {
		return nil, nil, err
	}
	stream, err := o.openPackage(ctx, r)
	if err != nil {
		return nil, nil, err
	}
	if _, err := io.CopyN(io.Discard, stream, proof.From); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("resume package: %w", err), stream.Close())
	}
	if byLink {
		stream = &linked{ReadCloser: stream, o: o, mac: o.mac("token", id, forPackage, proof.Link), at: proof.From, noted: proof.From, when: o.Now()}
	}
	return stream, r.Facts.Package, nil
}

// Proof is how a person shows at the door of a package that it is theirs, and from
// which byte on they want it.
type Proof struct {
	Session, Link, Code string
	From                int64
}

// CheckArchive verifies a package or evidence archive offline, in constant memory:
// every file is listed with its digest and stands there once, and the signature is
// the signer's.
func CheckArchive(r io.ReaderAt, size int64, verify func(message, signature []byte, version int) bool) (Manifest, error) {
	var m Manifest
	zr, err := zip.NewReader(r, size)
	if err != nil {
		return m, fmt.Errorf("%w: not a ZIP", ErrBroken)
	}
	sums, small := map[string]string{}, map[string][]byte{}
	for _, f := range zr.File {
		if _, twice := sums[f.Name]; twice {
			return m, fmt.Errorf("%w: %s is there twice", ErrBroken, f.Name)
		}
		digest, head := sha256.New(), new(bytes.Buffer)
		into := io.Writer(digest)
		if f.Name == "manifest.json" || f.Name == "manifest.sig" {
			if f.UncompressedSize64 > mostManifest {
				return m, fmt.Errorf("%w: %s has %d bytes", ErrBroken, f.Name, f.UncompressedSize64)
			}
			into = io.MultiWriter(digest, head)
		}
		content, err := f.Open()
		if err != nil {
			return m, fmt.Errorf("%w: %s: %w", ErrBroken, f.Name, err)
		}
		_, err = io.Copy(into, content)
		if err := errors.Join(err, content.Close()); err != nil {
			return m, fmt.Errorf("%w: %s: %w", ErrBroken, f.Name, err)
		}
		sums[f.Name], small[f.Name] = hex.EncodeToString(digest.Sum(nil)), head.Bytes()
	}
	if err := json.Unmarshal(small["manifest.json"], &m); err != nil {
		return m, fmt.Errorf("%w: no manifest", ErrBroken)
	}
	var version int
	var signature string
	if _, err := fmt.Sscanf(string(small["manifest.sig"]), "ed25519 %d %s", &version, &signature); err != nil {
		return m, fmt.Errorf("%w: no signature", ErrBroken)
	}
	sig, err := base64.StdEncoding.DecodeString(signature)
	if err != nil || !verify(small["manifest.json"], sig, version) {
		return m, fmt.Errorf("%w: the signature does not fit", ErrBroken)
	}
	delete(sums, "manifest.json")
	delete(sums, "manifest.sig")
	for _, f := range m.Files {
		if sums[f.Name] != f.SHA256 {
			return m, fmt.Errorf("%w: %s was changed or is missing", ErrBroken, f.Name)
		}
		delete(sums, f.Name)
	}
	for name := range sums {
		return m, fmt.Errorf("%w: %s is not listed", ErrBroken, name)
	}
	return m, nil
}

// mostManifest bounds what is read into memory.
const mostManifest = 16 << 20
