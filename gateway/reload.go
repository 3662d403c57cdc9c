package gateway

import (
	"net/http"
	"sync"
)

// Reloadable is a gateway that can be replaced by one of a newer configuration
// while requests go through it. A request ends in the gateway that it began in;
// streams of the old one are told to come again.
type Reloadable struct {
	mu  sync.RWMutex
	now *Gateway
}

// Use puts a gateway in force and closes the one before it, once that one's
// requests have been answered.
func (r *Reloadable) Use(next *Gateway) error {
	r.mu.Lock()
	old := r.now
	r.now = next
	r.mu.Unlock()
	if old == nil {
		return nil
	}
	return old.Close()
}

// ServeHTTP is the walk through the gateway in force.
func (r *Reloadable) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.RLock()
	g := r.now
	g.visits.Add(1) // before it could be closed
	r.mu.RUnlock()
	defer g.visits.Done()
	g.ServeHTTP(w, req)
}

// Close closes the gateway in force.
func (r *Reloadable) Close() error {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.now.Close()
}
