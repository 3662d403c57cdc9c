package redact

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
)

// Format is how a file carries its texts.
type Format string

// The formats that File reads and writes.
const (
	Text       Format = "text"       // plain text, a stream
	JSONL      Format = "jsonl"      // one JSON value a line; "text" and "turns" are understood
	JSON       Format = "json"       // any document; Transcribe, WhisperX and "turns" are recognised
	VTT        Format = "vtt"        // WebVTT cues
	SRT        Format = "srt"        // SubRip cues
	EML        Format = "eml"        // RFC 5322 message with MIME parts
	CSV        Format = "csv"        // RFC 4180
	Transcribe Format = "transcribe" // Amazon Transcribe's JSON
	WhisperX   Format = "whisperx"   // WhisperX's JSON
)

var formats = []Format{Text, JSONL, JSON, VTT, SRT, EML, CSV, Transcribe, WhisperX}

// ParseFormat reads a format's name.
func ParseFormat(s string) (Format, error) {
	for _, f := range formats {
		if string(f) == s {
			return f, nil
		}
	}
	return "", fmt.Errorf("format %q: want one of %v", s, formats)
}

// FormatOf is the format that a file's name suggests; else Text.
func FormatOf(name string) Format {
	switch ext := strings.ToLower(filepath.Ext(name)); ext {
	case ".jsonl", ".ndjson":
		return JSONL
	case ".json", ".vtt", ".srt", ".eml", ".csv":
		return Format(ext[1:])
	}
	return Text
}

// FileConfig is what a File is made from.
type FileConfig struct {
	Engine Config // Lang is the language of texts that do not name their own
	Format Format
	Spans  bool // write findings: one JSON object a line, a text or a conversation each
}

// File redacts files and streams of one format, in constant memory: a line, a
// cue, a MIME part or a conversation at a time, each bounded. What exceeds
// its bound or cannot be read is withheld and makes Copy return ErrUnread
// after the rest was written.
type File struct {
	cfg     FileConfig
	engines map[string]*Engine // by language
}

// maxItem bounds a document, a record or a value in memory, maxLine a line or
// a cue: with them a stream of any length needs less than 64 MiB.
const (
	maxItem = 8 << 20
	maxLine = 2 << 20
)

// NewFile compiles the engines of all languages, since a line may name its own.
func NewFile(cfg FileConfig) (*File, error) {
	if cfg.Spans && (cfg.Format == CSV || cfg.Format == EML) {
		return nil, fmt.Errorf("spans of format %s: only texts, JSON lines and conversations have them", cfg.Format)
	}
	if cfg.Engine.Lang == "" {
		cfg.Engine.Lang = "auto"
	}
	f := &File{cfg: cfg, engines: map[string]*Engine{}}
	for _, lang := range []string{"auto", "en", "es", "zh", "fr", "de", "pt", cfg.Engine.Lang} {
		if f.engines[lang] != nil {
			continue
		}
		one := cfg.Engine
		one.Lang = lang
		e, err := New(one)
		if err != nil {
			return nil, err
		}
		f.engines[lang] = e
	}
	return f, nil
}

// engine is the one for a language tag ("pt-BR" is pt); an unknown or missing
// tag gives the configured one.
func (f *File) engine(tag string) *Engine {
	tag, _, _ = strings.Cut(strings.ToLower(tag), "-")
	tag, _, _ = strings.Cut(tag, "_")
	if e := f.engines[tag]; e != nil && tag != "auto" {
		return e
	}
	return f.engines[f.cfg.Engine.Lang]
}

// Copy redacts src into dst. ErrUnread in the error's chain: something was
// withheld because it could not be read; everything else was written. What is
// ready is written before more is waited for, so that a log can be followed.
func (f *File) Copy(ctx context.Context, dst io.Writer, src io.Reader) error {
	to, from, err := f.coded(dst, &guardedReader{ctx: ctx, r: src})
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(to, 64<<10)
	err = f.copy(out, &promptReader{r: from, out: out})
	return errors.Join(err, out.Flush(), to.Close())
}

func (f *File) copy(out *bufio.Writer, src io.Reader) error {
	switch f.cfg.Format {
	case JSONL:
		return f.copyLines(out, src, f.jsonLine)
	case "", Text:
		if f.cfg.Spans {
			return f.copyLines(out, src, f.textLine)
		}
		return f.copyText(out, src)
	case VTT, SRT:
		return f.copyCues(out, src)
	case CSV:
		return f.copyTable(out, src)
	case EML:
		return f.copyMail(out, src)
	case JSON, Transcribe, WhisperX:
		return f.copyJSON(out, src)
	}
	return fmt.Errorf("format %q: %w", f.cfg.Format, ErrUnread)
}

// promptReader writes out what is ready before it reads on.
type promptReader struct {
	r   io.Reader
	out *bufio.Writer
}

func (p *promptReader) Read(b []byte) (int, error) {
	if err := p.out.Flush(); err != nil {
		return 0, err
	}
	return p.r.Read(b)
}

// guardedReader ends a copy when its context ends.
type guardedReader struct {
	ctx context.Context
	r   io.Reader
}

func (g *guardedReader) Read(p []byte) (int, error) {
	if err := g.ctx.Err(); err != nil {
		return 0, err
	}
	return g.r.Read(p)
}
