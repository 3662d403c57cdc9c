package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestCaller: a caller proves who they are by a code to the address on file, or
// by answers that no agent sees; an address that was changed a moment ago
// proves nothing. Beside the running house the directory is listed.
func TestCaller(t *testing.T) {
	d := startDemo(t, t.TempDir())
	ada := d.ready.People[0].Name
	token, err := session(d.ready, ada)
	if err != nil {
		t.Fatal(err)
	}
	ask := func(method, address string, body any) (int, map[string]any, string) {
		t.Helper()
		text, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		r, err := http.NewRequestWithContext(t.Context(), method, address, bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Privet-Session", token)
		res, err := client(d.ready).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		raw, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		var answer map[string]any
		_ = json.Unmarshal(raw, &answer)
		return res.StatusCode, answer, string(raw)
	}
	first, second := d.ready.Holders[0].Subject, d.ready.Holders[1].Subject
	_, record, _ := ask("GET", d.ready.Upstream+"/api/accounts/"+first, nil)
	answers := map[string]string{"birth_date": at(record, "dob").(string), "postcode": at(record, "address.postcode").(string), "username": at(record, "login.username").(string)}

	status, _, said := ask("POST", d.ready.Desk+"/api/caller/questions", map[string]any{"subject": first, "language": "de"})
	if status != 200 || !strings.Contains(said, "Geburtsdatum") {
		t.Errorf("questions: %d %s", status, said)
	}
	for id, answer := range answers {
		if strings.Contains(said, answer) {
			t.Errorf("the agent is shown the answer to %s: %s", id, said)
		}
	}
	wrong := map[string]string{"birth_date": "1900-01-01", "postcode": answers["postcode"], "username": answers["username"]}
	if status, got, said := ask("POST", d.ready.Desk+"/api/caller/answer", map[string]any{"subject": first, "answers": wrong}); status != 401 || got["code"] != "wrong" || strings.Contains(said, "birth") {
		t.Errorf("a wrong answer: %d %s", status, said)
	}
	if status, got, said := ask("POST", d.ready.Desk+"/api/caller/answer", map[string]any{"subject": first, "answers": answers}); status != 200 || got["verified"] != true {
		t.Errorf("right answers: %d %s", status, said)
	}

	if status, _, said := ask("POST", d.ready.Desk+"/api/caller/start", map[string]any{"subject": second, "channel": "email"}); status != 200 {
		t.Fatalf("send a code: %d %s", status, said)
	}
	if status, got, said := ask("POST", d.ready.Desk+"/api/caller/verify", map[string]any{"subject": second, "code": callersCode(t, d.ready.Outbox)}); status != 200 || got["verified"] != true {
		t.Errorf("the code that was sent: %d %s", status, said)
	}
	if status, _, said := ask("PATCH", d.ready.Upstream+"/api/accounts/"+first, map[string]string{"email": "thief@example.net"}); status != 200 {
		t.Fatalf("change an address: %d %s", status, said)
	}
	if status, got, said := ask("POST", d.ready.Desk+"/api/caller/start", map[string]any{"subject": first, "channel": "email"}); status != 409 || got["code"] != "channel_recent" {
		t.Errorf("a code to an address changed a moment ago: %d %s", status, said)
	}

	var people []map[string]any
	if err := json.Unmarshal(d.privet(t, "agents", "list", "--json", "--dir", d.dir), &people); err != nil || len(people) < 4 {
		t.Fatalf("list agents: %v, %v", people, err)
	}
	for _, key := range []string{"name", "display", "kind", "roles", "devices", "passkeys", "recovery_codes", "sessions", "state", "created_at"} {
		if _, ok := people[0][key]; !ok {
			t.Errorf("agents list --json has no %s: %v", key, people[0])
		}
	}
	var live []map[string]any
	if err := json.Unmarshal(d.privet(t, "agents", "sessions", ada, "--json", "--dir", d.dir), &live); err != nil || len(live) != 1 || live[0]["agent"] != ada || fmt.Sprint(live[0]["expires_at"]) == "" {
		t.Errorf("list sessions: %v, %v", live, err)
	}
}

// callersCode reads the code of the only message in an outbox.
func callersCode(t *testing.T, outbox string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(outbox, "*.eml"))
	if err != nil || len(files) != 1 {
		t.Fatalf("messages %v, %v", files, err)
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	_, body, _ := strings.Cut(strings.ReplaceAll(string(text), "\r\n", "\n"), "\n\n")
	return regexp.MustCompile(`\b\d{6}\b`).FindString(body)
}
