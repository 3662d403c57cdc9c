package main

import (
	"context"
	"fmt"
	"io"
)

// readiness is what each part of the house says of itself.
type readiness []readyPart

type readyPart struct {
	name string
	err  error
}

// readiness asks every part that must answer before anything can be shown.
func (h *house) readiness(ctx context.Context) readiness {
	return readiness{
		{"records", h.db.Ping(ctx)},
		{"keeper", h.keeper.Health(ctx)},
		{"trail", h.trail.Ready(ctx)},
		{"rules", h.policy.Ready()},
	}
}

func (r readiness) ready() bool {
	for _, part := range r {
		if part.err != nil {
			return false
		}
	}
	return true
}

func (r readiness) write(w io.Writer) {
	for _, part := range r {
		if part.err != nil {
			fmt.Fprintf(w, "%-8s not ready: %v\n", part.name, part.err)
		} else {
			fmt.Fprintf(w, "%-8s ready\n", part.name)
		}
	}
}
