package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/privet-gateway/privet/policy"
)

type policyPackCmd struct {
	rulesFlags
	Out       string `help:"Where to write the bundle." required:"" placeholder:"FILE"`
	Key       string `help:"PEM file of the private key." required:"" type:"existingfile" placeholder:"FILE"`
	KeyID     string `help:"The key's id; readers accept this one alone." name:"key-id" required:"" placeholder:"ID"`
	Algorithm string `help:"ES256, RS256, PS256, …" default:"ES256"`
}

func (c *policyPackCmd) Run(ctx context.Context, std streams) error {
	cfg, _, err := c.source()
	if err != nil {
		return err
	}
	e, err := policy.Open(ctx, cfg)
	if err != nil {
		return err
	}
	if _, err := policy.Test(ctx, cfg.Rules); err != nil {
		return err
	}
	key, err := os.ReadFile(c.Key)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := policy.Pack(&b, cfg, policy.Signing{KeyID: c.KeyID, Algorithm: c.Algorithm, Key: string(key)}); err != nil {
		return err
	}
	if err := os.WriteFile(c.Out, b.Bytes(), 0o644); err != nil {
		return err
	}
	fmt.Fprintf(std.out, "%s: %s\n", c.Out, e.Bundle())
	return nil
}

type policyApproveCmd struct {
	From string `help:"Digest of the bundle in force, as check and pack print it." required:"" placeholder:"DIGEST"`
	To   string `help:"Digest of the bundle to follow it." required:"" placeholder:"DIGEST"`
	Key  string `help:"File of the officer's signing key (signed-note)." required:"" type:"existingfile" placeholder:"FILE"`
	Out  string `help:"Where to write the approval: beside the bundle, with .approval at the end." required:"" placeholder:"FILE"`
}

func (c *policyApproveCmd) Run(_ context.Context, std streams) error {
	key, err := os.ReadFile(c.Key)
	if err != nil {
		return err
	}
	signer, err := note.NewSigner(strings.TrimSpace(string(key)))
	if err != nil {
		return fmt.Errorf("officer's key: %w", err)
	}
	signed, err := policy.Approve(c.From, c.To, time.Now(), signer)
	if err != nil {
		return err
	}
	if err := os.WriteFile(c.Out, signed, 0o644); err != nil {
		return err
	}
	fmt.Fprintf(std.out, "%s: signed by %s, good for %d days\n", c.Out, signer.Name(), int(policy.ApprovalLife.Hours()/24))
	return nil
}

type policyImportCmd struct {
	Tool string `help:"The tool's name in the catalogue." required:"" placeholder:"TOOL"`
	File string `arg:"" help:"OpenAPI 3 description, JSON or YAML, with x-privet-class at its properties." type:"existingfile"`
}

func (c *policyImportCmd) Run(_ context.Context, std streams) error {
	text, err := os.ReadFile(c.File)
	if err != nil {
		return err
	}
	out, err := policy.ImportOpenAPI(c.Tool, policy.Document{Name: c.File, Text: text})
	if err != nil {
		return err
	}
	_, err = std.out.Write(out)
	return err
}

// firstDifference shows where two texts begin to differ.
func firstDifference(want, got string) string {
	a, b := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return fmt.Sprintf("line %d is %q, agreed was %q", i+1, b[i], a[i])
		}
	}
	return fmt.Sprintf("it has %d lines, agreed were %d", len(b), len(a))
}

type policyOfficerCmd struct {
	Name string `arg:"" help:"The officer's name, as approvals and the trail say it: letters, digits, - and ."`
	Out  string `help:"Where to write the signing key; it stays with the officer." required:"" placeholder:"FILE"`
}

// Run makes the pair of keys of an officer who approves changes of rules.
func (c *policyOfficerCmd) Run(_ context.Context, std streams) error {
	public, err := newOfficer(c.Name, c.Out)
	if err != nil {
		return err
	}
	fmt.Fprintln(std.out, public)
	return nil
}

// newOfficer writes a signing key to a new file and returns its verifier key.
func newOfficer(name, out string) (public string, err error) {
	secret, public, err := note.GenerateKey(rand.Reader, name)
	if err != nil {
		return "", fmt.Errorf("officer's key: %w", err)
	}
	file, err := os.OpenFile(out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", fmt.Errorf("officer's key: %w", err)
	}
	_, err = fmt.Fprintln(file, secret)
	return public, errors.Join(err, file.Close())
}

// demoOfficer gives the demo somebody who may approve changes of rules.
func demoOfficer(dir string) (string, error) {
	known := filepath.Join(dir, "officer.vkey")
	if public, err := os.ReadFile(known); err == nil {
		return strings.TrimSpace(string(public)), nil
	}
	public, err := newOfficer("demo-officer", filepath.Join(dir, "officer.key"))
	if err != nil {
		return "", err
	}
	return public, os.WriteFile(known, []byte(public+"\n"), 0o600)
}
