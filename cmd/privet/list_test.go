package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/privet-gateway/privet/audit"
	"github.com/privet-gateway/privet/audit/keeper/keepertest"
	"github.com/privet-gateway/privet/cmd/supportdesk/tool"
)

// A list of more people than one entry names, and fewer than an agent may see in a day, none of whom the trail has ever seen, names
// each of them by tag.
func TestLongListIsInTheTrail(t *testing.T) {
	upstream := httptest.NewServer(tool.New(tool.Config{Seed: 7, People: 1900}))
	defer upstream.Close()
	d := startDemo(t, t.TempDir(), "--upstream", upstream.URL)
	ada, err := session(d.ready, "ada")
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequest(http.MethodGet, d.ready.Tool+"/api/accounts?limit=1900", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Privet-Session", ada)
	resp, err := d.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	shown, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	people := bytes.Count(shown, []byte(`"subject":`)) // of VIPs even that is withheld
	if err != nil || resp.StatusCode != http.StatusOK || people <= audit.MaxSubjects {
		t.Fatalf("%d, %d people shown, %v", resp.StatusCode, people, err)
	}
	keepertest.Eventually(t, func() error {
		tags, named := map[string]bool{}, map[string]bool{}
		tail := privetProcess(t, "audit", "tail", "--dir", d.dir, "--kind", "view.outcome", "--json")
		printed, err := tail.Output()
		if err != nil {
			return err // a busy machine
		}
		lines := json.NewDecoder(bytes.NewReader(printed))
		for {
			var e struct{ Tags, Subjects []string }
			if err := lines.Decode(&e); err == io.EOF {
				break
			} else if err != nil {
				return err
			}
			for i, tag := range e.Tags {
				tags[tag], named[e.Subjects[i]] = true, true
			}
		}
		if len(tags) < people || len(named) != len(tags) {
			return fmt.Errorf("%d of %d people are named", len(named), people)
		}
		return nil
	})
}
