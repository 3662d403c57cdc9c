package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/privet-gateway/privet/gateway"
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
		{"rules", h.inForce().policy.Ready()},
	}
}

// writeTools says how the tools are. A tool that is down does not make Privet
// unready: another replica would not reach it either.
func writeTools(w io.Writer, tools []gateway.ToolHealth) {
	for _, t := range tools {
		switch {
		case t.Since.IsZero():
			fmt.Fprintf(w, "tool %s not checked yet\n", t.Tool)
		case t.Err != nil:
			fmt.Fprintf(w, "tool %s down since %s, its agents get 502 tool_unreachable: %v\n", t.Tool, t.Since.UTC().Format(time.RFC3339), t.Err)
		default:
			fmt.Fprintf(w, "tool %s up since %s\n", t.Tool, t.Since.UTC().Format(time.RFC3339))
		}
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
