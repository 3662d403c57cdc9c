package witness

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	f_note "github.com/transparency-dev/formats/note"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"

	"github.com/privet-gateway/privet/audit/evidence"
)

// Server is a witness that an auditor runs: its memory is one file.
type Server struct {
	signer note.Signer
	logs   note.Verifiers
	file   string

	mu   sync.Mutex
	seen map[string]seen // by origin
}

// seen is the newest head of one log.
type seen struct {
	Size       int64  `json:"size"`
	Root       []byte `json:"root"`
	Checkpoint string `json:"checkpoint"`
}

// NewServer signs with skey (as note.GenerateKey makes it) what continues what
// is remembered in the file. It knows logs by their verifier keys.
func NewServer(skey string, logs note.Verifiers, file string) (*Server, error) {
	signer, err := f_note.NewSignerForCosignatureV1(skey)
	if err != nil {
		return nil, fmt.Errorf("open witness: %w", err)
	}
	s := &Server{signer: signer, logs: logs, file: file, seen: map[string]seen{}}
	raw, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return s, s.save(s.seen)
	}
	if err == nil {
		err = json.Unmarshal(raw, &s.seen)
	}
	if err != nil {
		return nil, fmt.Errorf("open witness: its memory %s: %w", file, err)
	}
	return s, nil
}

// ServeHTTP answers POST /add-checkpoint (C2SP tlog-witness).
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost || !strings.HasSuffix(r.URL.Path, "/add-checkpoint") {
		http.NotFound(w, r)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		http.Error(w, "request is too large", http.StatusRequestEntityTooLarge)
		return
	}
	old, hashes, checkpoint, err := parse(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	head, n, err := s.open(checkpoint)
	if err != nil {
		http.Error(w, "checkpoint is signed by no key of a log that this witness knows", http.StatusForbidden)
		return
	}
	lines, status, known := s.cosign(head, n, old, hashes, checkpoint)
	switch status {
	case http.StatusOK:
		w.Write(lines)
	case http.StatusConflict:
		w.Header().Set("Content-Type", sizeType)
		w.WriteHeader(status)
		fmt.Fprintf(w, "%d\n", known)
	default:
		http.Error(w, http.StatusText(status), status)
	}
}

// open checks that a checkpoint is signed by the log's own key, or its house's:
// one house cannot speak for another, which would then never be cosigned again.
func (s *Server) open(checkpoint []byte) (evidence.Head, *note.Note, error) {
	head, err := evidence.OpenHead(checkpoint, s.logs)
	if err != nil {
		return head, nil, err
	}
	n, err := note.Open(checkpoint, s.logs)
	if err != nil {
		return head, nil, err
	}
	for _, by := range n.Sigs {
		if head.Origin == by.Name || strings.HasPrefix(head.Origin, by.Name+"/") {
			return head, n, nil
		}
	}
	return head, nil, fmt.Errorf("%q is not a log of %q", head.Origin, n.Sigs[0].Name)
}

// cosign remembers the head before it signs: what was signed is never forgotten.
func (s *Server) cosign(head evidence.Head, n *note.Note, old int64, hashes [][]byte, checkpoint []byte) (lines []byte, status int, known int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := s.seen[head.Origin]
	if old > head.Size {
		return nil, http.StatusBadRequest, 0
	}
	if old != last.Size {
		return nil, http.StatusConflict, last.Size
	}
	if old == head.Size && old > 0 && !bytes.Equal(last.Root, head.Root) {
		return nil, http.StatusConflict, last.Size
	}
	if old > 0 {
		err := proof.VerifyConsistency(rfc6962.DefaultHasher, uint64(old), uint64(head.Size), hashes, last.Root, head.Root)
		if err != nil {
			return nil, http.StatusUnprocessableEntity, 0
		}
	}
	next := make(map[string]seen, len(s.seen)+1)
	for origin, h := range s.seen {
		next[origin] = h
	}
	next[head.Origin] = seen{head.Size, head.Root, string(checkpoint)}
	if err := s.save(next); err != nil {
		return nil, http.StatusInternalServerError, 0
	}
	s.seen = next
	signed, err := note.Sign(&note.Note{Text: n.Text}, s.signer)
	if err != nil {
		return nil, http.StatusInternalServerError, 0
	}
	return signed[len(n.Text)+1:], http.StatusOK, 0
}

// save replaces the memory in one step.
func (s *Server) save(all map[string]seen) error {
	raw, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(s.file), ".witness-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(raw)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), s.file); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(s.file))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// parse reads "old N", proof hashes, an empty line, a checkpoint.
func parse(body []byte) (old int64, hashes [][]byte, checkpoint []byte, err error) {
	top, checkpoint, ok := bytes.Cut(body, []byte("\n\n"))
	if !ok {
		return 0, nil, nil, errors.New("no empty line before the checkpoint")
	}
	scanner := bufio.NewScanner(bytes.NewReader(top))
	for first := true; scanner.Scan(); first = false {
		if first {
			size, ok := strings.CutPrefix(scanner.Text(), "old ")
			old, err = strconv.ParseInt(size, 10, 64)
			if !ok || err != nil || old < 0 {
				return 0, nil, nil, errors.New("first line is not: old SIZE")
			}
			continue
		}
		h, err := base64.StdEncoding.DecodeString(scanner.Text())
		if err != nil || len(h) != rfc6962.DefaultHasher.Size() || len(hashes) == 63 {
			return 0, nil, nil, errors.New("proof is not made of at most 63 hashes in base64")
		}
		hashes = append(hashes, h)
	}
	return old, hashes, checkpoint, scanner.Err()
}
