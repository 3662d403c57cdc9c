package tool

import (
	"net/http"
	"sync"
)

// Received is one request as it reached the tool.
type Received struct {
	Method string      `json:"method"`
	Host   string      `json:"host"`
	URL    string      `json:"url"`
	Header http.Header `json:"header"`
}

// received keeps the last thousand requests, and counts all.
type received struct {
	mu    sync.Mutex
	count int
	last  []Received
}

func (rc *received) note(r *http.Request) {
	rc.mu.Lock()
	defer rc.mu.Unlock()
	rc.count++
	if len(rc.last) == 1000 {
		rc.last = rc.last[1:]
	}
	rc.last = append(rc.last, Received{r.Method, r.Host, r.URL.String(), r.Header.Clone()})
}

// Received returns how many requests came, and the last thousand of them.
func (d *Desk) Received() (count int, last []Received) {
	d.received.mu.Lock()
	defer d.received.mu.Unlock()
	return d.received.count, append([]Received(nil), d.received.last...)
}

func (d *Desk) showReceived(w http.ResponseWriter, _ *http.Request) {
	count, last := d.Received()
	answer(w, http.StatusOK, map[string]any{"count": count, "requests": last})
}
