package gateway

import (
	"context"
	"net/http"
	"net/netip"
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
	g, leave := r.hold()
	defer leave()
	g.ServeHTTP(w, req)
}

// ForwardAuth is [Gateway.ForwardAuth] of the gateway in force.
func (r *Reloadable) ForwardAuth(peers []netip.Prefix) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		g, leave := r.hold()
		defer leave()
		g.ForwardAuth(peers).ServeHTTP(w, req)
	})
}

// Health is the state of the tools of the gateway in force.
func (r *Reloadable) Health() []ToolHealth {
	g, leave := r.hold()
	defer leave()
	return g.Health()
}

// Check asks the tools of the gateway in force now.
func (r *Reloadable) Check(ctx context.Context) []ToolHealth {
	g, leave := r.hold()
	defer leave()
	return g.Check(ctx)
}

// hold keeps the gateway in force from closing until leave.
func (r *Reloadable) hold() (g *Gateway, leave func()) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	leave, _ = r.now.admit()
	return r.now, leave
}

// Close closes the gateway in force.
func (r *Reloadable) Close() error {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.now.Close()
}
