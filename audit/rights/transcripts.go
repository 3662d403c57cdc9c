package rights

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Transcripts is a directory of call and chat transcripts, one JSON file each with
// the caller's "subject" in it. A row's key is the file's "id", which is its path
// below the directory. Erasing deletes the file and syncs its directory; what is
// read back is the directory itself, file by file.
type Transcripts struct{ root *os.Root }

// NewTranscripts opens the directory; nothing outside of it is ever touched, through
// a symbolic link either.
func NewTranscripts(dir string) (*Transcripts, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open transcripts: %w", err)
	}
	return &Transcripts{root}, nil
}

const mostTranscript = 32 << 20

// each reads every transcript. One that cannot be read or parsed is an error: it
// could be the person's.
func (h *Transcripts) each(ctx context.Context, f func(path string, raw []byte, values map[string]any) error) error {
	return fs.WalkDir(h.root.FS(), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || ctx.Err() != nil {
			return errors.Join(err, ctx.Err())
		}
		if !strings.HasSuffix(path, ".json") {
			return nil
		}
		raw, err := fs.ReadFile(h.root.FS(), path)
		if err != nil {
			return err
		}
		if len(raw) > mostTranscript {
			return fmt.Errorf("%w: a transcript of more than %d bytes", ErrBroken, mostTranscript)
		}
		dec := json.NewDecoder(bytes.NewReader(raw))
		dec.UseNumber()
		values := map[string]any{}
		if err := dec.Decode(&values); err != nil {
			return fmt.Errorf("%w: a transcript is not a JSON object", ErrBroken)
		}
		values["id"] = filepath.ToSlash(path)
		return f(path, raw, values)
	})
}

// Find reads the transcripts whose field has one of values.
func (h *Transcripts) Find(ctx context.Context, c *Collection, field string, values []string) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		err := h.each(ctx, func(_ string, _ []byte, rec map[string]any) error {
			if v := Text(at(rec, field)); v == "" || !slices.Contains(values, v) {
				return nil
			}
			row, err := NewRow(c, rec)
			if err == nil && !yield(row, nil) {
				return errEnough
			}
			return err
		})
		if err != nil && !errors.Is(err, errEnough) {
			yield(Row{}, err)
		}
	}
}

// errEnough ends a walk whose reader has seen what it wanted.
var errEnough = errors.New("enough")

// Erase deletes files.
func (h *Transcripts) Erase(_ context.Context, c *Collection, action Action, targets []Target, _ string) (Effect, error) {
	var effect Effect
	if action != Delete {
		return effect, fmt.Errorf("%w: transcripts are deleted whole", ErrRefused)
	}
	changed := map[string]bool{}
	for _, t := range targets {
		name := c.Named(t.Key)["id"]
		err := h.root.Remove(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return effect, fmt.Errorf("delete transcript: %w", err)
		}
		changed[filepath.Dir(name)] = true
		effect.Rows++
	}
	for name := range changed {
		dir, err := h.root.Open(name)
		if err != nil {
			return effect, err
		}
		if err := errors.Join(dir.Sync(), dir.Close()); err != nil {
			return effect, err
		}
	}
	return effect, nil
}

// Correct: what was said stays what was said.
func (h *Transcripts) Correct(context.Context, *Collection, []Target, string) (Effect, error) {
	return Effect{}, fmt.Errorf("%w: a transcript is not corrected", ErrRefused)
}

// Remains lists the directory anew and compares by name and by what files say.
func (h *Transcripts) Remains(ctx context.Context, c *Collection, _ Action, targets []Target) ([]Target, error) {
	there := map[string]bool{}
	if err := h.each(ctx, func(path string, _ []byte, _ map[string]any) error { there[filepath.ToSlash(path)] = true; return nil }); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(targets), func(t Target) bool { return !there[c.Named(t.Key)["id"]] }), nil
}

// Search looks into every file below the directory, transcript or not.
func (h *Transcripts) Search(ctx context.Context, s *System, values []string, kept map[string][]string) ([]Hit, error) {
	var hits []Hit
	err := fs.WalkDir(h.root.FS(), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || ctx.Err() != nil {
			return errors.Join(err, ctx.Err())
		}
		raw, err := fs.ReadFile(h.root.FS(), path)
		if err != nil {
			return err
		}
		text := strings.ToLower(string(raw))
		for _, value := range values {
			if strings.Contains(text, strings.ToLower(value)) && !keptPath(s, kept, path) {
				hits = append(hits, Hit{Value: value, Where: filepath.ToSlash(path), Rows: 1})
			}
		}
		return nil
	})
	return hits, err
}

func keptPath(s *System, kept map[string][]string, path string) bool {
	for i := range s.Collections {
		row, err := NewRow(&s.Collections[i], map[string]any{"id": filepath.ToSlash(path)})
		if err == nil && slices.Contains(kept[s.Collections[i].Name], row.Key) {
			return true
		}
	}
	return false
}
