package policy

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/bundle"
	"golang.org/x/mod/sumdb/note"
)

// maxBundle bounds the bytes of a bundle.
const maxBundle = 16 << 20

// Errors of bundles. The rules in force stay as they are.
var (
	ErrBundle  = errors.New("bundle")
	ErrLoosens = errors.New("the bundle loosens the rules and lacks a second officer's signature")
)

// digest names a bundle by everything in it.
func (src *source) digest() string {
	docs := slices.Concat(src.modules, src.tests, []Document{src.conditions}, src.catalogue)
	slices.SortFunc(docs, func(a, b Document) int { return strings.Compare(a.Name, b.Name) })
	h := sha256.New()
	for _, d := range docs {
		fmt.Fprintf(h, "%d %s %d\n", len(d.Name), d.Name, len(d.Text))
		h.Write(d.Text)
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

// Signing is the key that a bundle is signed with.
type Signing struct {
	KeyID     string // named in the signature; a reader accepts this id alone
	Algorithm string // "ES256", "RS256", "PS256", …
	Key       string // PEM
}

// Pack writes rules and catalogue as a signed OPA bundle (tar.gz with
// .signatures.json). Conditions and catalogues travel as texts in its data,
// under data.privet.bundle, so that the signature covers every byte of them.
func Pack(w io.Writer, cfg Config, key Signing) error {
	src, err := readSource(cfg.Rules, cfg.Catalogue)
	if err != nil {
		return err
	}
	catalogue := map[string]any{}
	for _, d := range src.catalogue {
		catalogue[d.Name] = string(d.Text)
	}
	b := bundle.Bundle{
		Manifest: bundle.Manifest{Revision: src.digest(), Roots: &[]string{"privet"}},
		Data: map[string]any{"privet": map[string]any{"bundle": map[string]any{
			"conditions": string(src.conditions.Text), "catalogue": catalogue}}},
	}
	b.Manifest.Init()
	for _, d := range slices.Concat(src.modules, src.tests) {
		mod, err := ast.ParseModuleWithOpts(d.Name, string(d.Text), ast.ParserOptions{RegoVersion: ast.RegoV1})
		if err != nil {
			return fmt.Errorf("%w: %w", ErrRules, err)
		}
		name := "/" + path.Clean(d.Name)
		b.Modules = append(b.Modules, bundle.ModuleFile{URL: name, Path: name, Raw: d.Text, Parsed: mod})
	}
	if err := b.GenerateSignature(bundle.NewSigningConfig(key.Key, key.Algorithm, ""), key.KeyID, false); err != nil {
		return fmt.Errorf("sign bundle: %w", err)
	}
	return bundle.NewWriter(w).DisableFormat(true).Write(b)
}

// unpack reads a bundle whose signature, by exactly the key of that id, is right.
func unpack(raw []byte, keys map[string]*bundle.KeyConfig, keyID string) (*source, error) {
	if keyID == "" || keys[keyID] == nil {
		return nil, fmt.Errorf("%w: no key %q to verify it with", ErrBundle, keyID)
	}
	if len(raw) > maxBundle {
		return nil, fmt.Errorf("%w: larger than %d bytes", ErrBundle, maxBundle)
	}
	if err := small(raw); err != nil {
		return nil, err
	}
	b, err := bundle.NewCustomReader(bundle.NewTarballLoader(bytes.NewReader(raw))).
		WithBundleVerificationConfig(bundle.NewVerificationConfig(keys, keyID, "", nil)).
		WithSizeLimitBytes(maxBundle).WithRegoVersion(ast.RegoV1).Read()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBundle, err)
	}
	src := &source{}
	for _, m := range b.Modules {
		d := Document{strings.TrimPrefix(m.Path, "/"), m.Raw}
		if isTest(d.Name) {
			src.tests = append(src.tests, d)
		} else {
			src.modules = append(src.modules, d)
		}
	}
	privet, _ := b.Data["privet"].(map[string]any)
	inner, _ := privet["bundle"].(map[string]any)
	conditions, ok := inner["conditions"].(string)
	if !ok {
		return nil, fmt.Errorf("%w: has no conditions at data.privet.bundle", ErrBundle)
	}
	src.conditions = Document{"conditions.yaml", []byte(conditions)}
	catalogue, _ := inner["catalogue"].(map[string]any)
	for name, text := range catalogue {
		text, ok := text.(string)
		if !ok {
			return nil, fmt.Errorf("%w: catalogue %s is not a text", ErrBundle, name)
		}
		src.catalogue = append(src.catalogue, Document{name, []byte(text)})
	}
	slices.SortFunc(src.catalogue, func(a, b Document) int { return strings.Compare(a.Name, b.Name) })
	if b.Manifest.Revision != src.digest() {
		return nil, fmt.Errorf("%w: revision %s does not name its content", ErrBundle, b.Manifest.Revision)
	}
	return src, nil
}

// small refuses a bundle that becomes large as it is unpacked: its signature is
// looked at when all of it has been read.
func small(raw []byte) error {
	unzip, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrBundle, err)
	}
	n, err := io.Copy(io.Discard, io.LimitReader(unzip, maxBundle+1))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrBundle, err)
	}
	if n > maxBundle {
		return fmt.Errorf("%w: unpacks to more than %d bytes", ErrBundle, maxBundle)
	}
	return nil
}

// Activation is a bundle that was put in force.
type Activation struct {
	From, To string   // bundles; From is "" for the first
	Changes  int      // of what somebody sees or may do
	Loosens  bool     // some of them
	Approved []string // officers who signed for it, where it loosens
}

// activate puts a bundle in force. It compiles, agrees with its own tests, and
// if it loosens anything a second officer has signed for it.
func (e *Engine) activate(ctx context.Context, src *source, author string, approval []byte, officers note.Verifiers) (a Activation, err error) {
	st, err := src.compile(ctx)
	if err != nil {
		return a, err
	}
	if len(src.tests) > 0 {
		if _, err := src.test(ctx); err != nil {
			return a, err
		}
	}
	e.swap.Lock()
	defer e.swap.Unlock()
	old := e.state.Load()
	a.To = st.bundle
	if old != nil {
		a.From = old.bundle
	}
	if a.From == a.To {
		return a, nil
	}
	if a.From == "" {
		e.enforce(st)
		return a, nil
	}
	diff, err := compare(ctx, old, st)
	if err != nil {
		return a, err
	}
	a.Changes, a.Loosens = len(diff.Changes), diff.Loosens()
	if a.Loosens {
		word := term{e.left[a.To], e.cfg.Clock()}
		if a.Approved, err = approvedBy(approval, a.From, a.To, author, word, officers); err != nil {
			return a, err
		}
		if len(a.Approved) == 0 {
			first := diff.Changes[slices.IndexFunc(diff.Changes, func(c Change) bool { return c.Loosens })]
			return a, fmt.Errorf("%w: %s on %s: %s %s → %s (%s); from %s to %s", ErrLoosens, first.Role, first.Screen, first.what(), first.From, first.To, first.Rule, a.From, a.To)
		}
	}
	e.leave(a.From)
	e.enforce(st)
	return a, nil
}
