package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/privet-gateway/privet/redact"
)

// redactCmd is the engine as a filter: what the gateway does to a log or a
// transcript, for files.
type redactCmd struct {
	Files    []string          `arg:"" optional:"" name:"file" help:"Files to read; - or none: standard input."`
	In       string            `help:"Format: text, jsonl, json, vtt, srt, eml, csv, transcribe or whisperx. Default: by the file's extension, else text." placeholder:"FORMAT"`
	Lang     string            `help:"Language of the text: en, es, zh, fr, de, pt or auto." enum:"en,es,zh,fr,de,pt,auto" default:"auto"`
	Profile  string            `help:"What to look for: logs, chat or strict (every class)." enum:"logs,chat,strict" default:"logs"`
	Classes  []string          `help:"Look for these classes only." placeholder:"CLASS"`
	Treat    map[string]string `help:"What becomes of a class: show, mask, tokenise or redact." placeholder:"CLASS=TREATMENT" mapsep:","`
	TokenKey string            `help:"File with the key for tokenise, at least 32 bytes. Default: a key of this run, so that tokens of two runs do not match." type:"existingfile" placeholder:"FILE"`
	Known    string            `help:"JSON file with people who are found in every form: names, emails, phones, addresses, numbers by class." type:"existingfile" placeholder:"FILE"`
	Spans    bool              `help:"Write JSON lines with the findings and their byte offsets."`
}

// Help is the long form of --help.
func (c *redactCmd) Help() string {
	return "Classes: " + classNames() + `.

Findings: of texts one object a line of text with its number as id, of JSON lines one a
line, of captions and transcripts one object with all turns and the times to mute. Start
and end count bytes of the line's or turn's text in UTF-8.

Exit status: 0 all was read, 1 something could not be read and is withheld, 2 wrong usage.`
}

func classNames() string {
	var names []string
	for _, class := range redact.Classes() {
		names = append(names, string(class))
	}
	return strings.Join(names, " ")
}

// Run redacts the files one after another.
func (c *redactCmd) Run(ctx context.Context, std streams) error {
	engine, err := c.engine()
	if err != nil {
		return &exit{2, err}
	}
	files := c.Files
	if len(files) == 0 {
		files = []string{"-"}
	}
	for _, name := range files { // before anything is written
		if info, err := os.Stat(name); name != "-" && err != nil {
			return &exit{2, err}
		} else if name != "-" && info.IsDir() {
			return &exit{2, fmt.Errorf("%s is a directory; name its files", name)}
		}
	}
	debug.SetGCPercent(20) // streams make little garbage: constant memory is worth more
	var withheld error
	for _, name := range files {
		err := c.copyFile(ctx, std, engine, name)
		if err != nil && !errors.Is(err, redact.ErrUnread) {
			return err
		}
		withheld = errors.Join(withheld, err)
	}
	return withheld
}

// engine reads the flags into the engine's configuration.
func (c *redactCmd) engine() (redact.Config, error) {
	cfg := redact.Config{Profile: redact.Profile(c.Profile), Lang: c.Lang, Treat: map[redact.Class]redact.Treatment{}}
	known := func(flag, name string) (redact.Class, error) {
		class := redact.Class(strings.TrimSpace(name))
		if !slices.Contains(redact.Classes(), class) {
			return "", fmt.Errorf("%s: there is no class %q; there are %s", flag, name, classNames())
		}
		return class, nil
	}
	for _, name := range c.Classes {
		class, err := known("--classes", name)
		if err != nil {
			return cfg, err
		}
		cfg.Classes = append(cfg.Classes, class)
	}
	for name, word := range c.Treat {
		class, err := known("--treat", name)
		if err != nil {
			return cfg, err
		}
		if cfg.Treat[class], err = redact.ParseTreatment(word); err != nil {
			return cfg, fmt.Errorf("--treat %s=%s: want show, mask, tokenise or redact", name, word)
		}
	}
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	if c.TokenKey != "" {
		var err error
		if key, err = os.ReadFile(c.TokenKey); err != nil {
			return cfg, fmt.Errorf("--token-key: %w", err)
		}
	}
	var err error
	if cfg.Tokens, err = redact.NewKeyedTokens(key); err != nil {
		return cfg, fmt.Errorf("--token-key %s: %w", c.TokenKey, err)
	}
	if c.Known != "" {
		f, err := os.Open(c.Known)
		if err != nil {
			return cfg, fmt.Errorf("--known: %w", err)
		}
		defer f.Close() // read only: nothing can be lost
		dec := json.NewDecoder(f)
		dec.DisallowUnknownFields()
		if err := dec.Decode(&cfg.Known); err != nil {
			return cfg, fmt.Errorf("--known %s: %w; want [{\"names\":[…],\"emails\":[…],\"phones\":[…],\"addresses\":[…],\"numbers\":{\"pan\":[…]}}]", c.Known, err)
		}
	}
	return cfg, nil
}

func (c *redactCmd) copyFile(ctx context.Context, std streams, engine redact.Config, name string) error {
	in, format := std.in, redact.FormatOf(name)
	if c.In != "" {
		var err error
		if format, err = redact.ParseFormat(c.In); err != nil {
			return &exit{2, fmt.Errorf("--in: %w", err)}
		}
	}
	file, err := redact.NewFile(redact.FileConfig{Engine: engine, Format: format, Spans: c.Spans})
	if err != nil {
		return &exit{2, err}
	}
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return &exit{2, err}
		}
		defer f.Close() // read only: nothing can be lost
		in = f
	}
	if err := file.Copy(ctx, std.out, in); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}
