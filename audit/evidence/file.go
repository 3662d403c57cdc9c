package evidence

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// VerifyFile is Verify for a file, or VerifyRequest if it holds a request's evidence; key is a verifier key or the name of a file
// that holds some, heads are names of files with checkpoints.
func VerifyFile(ctx context.Context, name, key string, heads []string, progress func(int64)) (*Report, error) {
	keys, err := keysFrom(key)
	if err != nil {
		return nil, err
	}
	o := Options{Keys: note.VerifierList(keys...), Progress: progress}
	for _, head := range heads {
		raw, err := os.ReadFile(head)
		if err != nil {
			return nil, fmt.Errorf("read checkpoint: %w", err)
		}
		o.Heads = append(o.Heads, raw)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if isRequest(f, info.Size()) {
		return VerifyRequest(ctx, f, info.Size(), keys, o), nil
	}
	return Verify(ctx, f, info.Size(), o), nil
}

func keysFrom(key string) ([]note.Verifier, error) {
	if !strings.Contains(key, "+") || strings.ContainsAny(key, " \n") || fileExists(key) {
		text, err := os.ReadFile(key)
		if err != nil {
			return nil, fmt.Errorf("read verifier key: %w", err)
		}
		key = string(text)
	}
	return parseKeys(key)
}

func fileExists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

// Print writes a report for people; its last line is Line.
func (r *Report) Print(w io.Writer) {
	for _, f := range r.Findings {
		fmt.Fprintln(w, f)
	}
	if len(r.Findings) == maxFindings {
		fmt.Fprintln(w, "… further findings are not shown")
	}
	fmt.Fprintln(w, r.Line())
}
