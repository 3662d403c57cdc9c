// Command proxy measures what the walk costs, beside peers, in one table:
//
//	go run . [-time 2s] [-rounds 3] [-only privet,bare]
//
// Every server is a process of its own on loopback, so that its processor time
// and memory are its own: a direct origin, nginx, nginx with auth_request, a
// bare httputil.ReverseProxy, Caddy, Caddy with forward_auth, Traefik with and
// without it (deploy/traefikserver), and Privet with its whole walk, once with a trail that only remembers and once with the real
// one on SQLite. The peers' decisions are made by a stub that says yes; Privet
// reads a session, asks the real rules, signs an assertion and rewrites every
// answer by its plan.
//
// wrk makes the load over HTTP/1.1, h2load over HTTP/2 and TLS. Rounds are
// interleaved and the best is taken, because a shared machine only ever adds.
// Peers that are not installed are left out and named.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"text/tabwriter"
	"time"
)

func main() {
	role := flag.String("role", "", "serve one of the roles instead (for the command itself)")
	addr := flag.String("addr", "", "where the role listens")
	tool := flag.String("tool", "", "the origin's address, for a role")
	dir := flag.String("dir", "", "where a role keeps its files")
	length := flag.Duration("time", 2*time.Second, "of one run")
	rounds := flag.Int("rounds", 3, "of every run; the best counts")
	only := flag.String("only", "", "a comma-separated choice of servers")
	sockets := flag.Int("sockets", 5000, "idle WebSockets to hold; 0: none")
	table := flag.Bool("table", true, "the table of requests; false: only events, decisions and WebSockets")
	some := flag.String("cells", "", "only the cells whose name contains this: \"2 KB\", \"h2\"")
	flag.Parse()
	var err error
	if *role != "" {
		err = serve(*role, *addr, *tool, *dir)
	} else {
		err = measure(context.Background(), plan{length: *length, rounds: *rounds, only: *only, sockets: *sockets, table: *table, cells: *some})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "proxy:", err)
		os.Exit(1)
	}
}

// plan is what to measure.
type plan struct {
	length  time.Duration
	rounds  int
	only    string
	sockets int
	table   bool
	cells   string
}

// cell is one combination of the table.
type cell struct {
	name  string
	path  string
	conns int
	h2    bool
}

func cells() []cell {
	return []cell{
		{"2 KB ×1", small, 1, false}, {"2 KB ×64", small, 64, false},
		{"1 MB ×1", large, 1, false}, {"1 MB ×64", large, 64, false}, {"1 MB without free text ×1", terse, 1, false},
		{"2 KB h2 ×1", small, 1, true}, {"2 KB h2 ×64", small, 64, true},
	}
}

func measure(ctx context.Context, p plan) error {
	dir, err := os.MkdirTemp("", "privet-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	for _, program := range []string{"wrk", "h2load"} {
		if _, err := exec.LookPath(program); err != nil {
			return fmt.Errorf("%s is needed (apt-get install wrk nghttp2-client)", program)
		}
	}
	servers, stop, err := open(ctx, dir, p.only)
	defer stop()
	if err != nil {
		return err
	}
	for _, c := range cells() {
		if !p.table || !strings.Contains(c.name, p.cells) {
			continue
		}
		results := make([]result, len(servers))
		for range p.rounds {
			for i, s := range servers {
				if c.h2 && s.name == "unviewed" || fresh(s) { // a proxy asks it over HTTP/1.1
					continue
				}
				r, err := load(ctx, s, c, p.length)
				if err != nil {
					return fmt.Errorf("%s, %s: %w", s.name, c.name, err)
				}
				results[i] = results[i].better(r)
			}
		}
		print(c, servers, results)
	}
	if err := events(ctx, servers); err != nil {
		return err
	}
	if err := decisions(ctx, servers, p); err != nil {
		return err
	}
	if p.sockets > 0 {
		return idle(ctx, servers, p.sockets)
	}
	return nil
}

func print(c cell, servers []server, results []result) {
	var bare, caddy result
	for i, s := range servers {
		switch s.name {
		case "bare":
			bare = results[i]
		case "caddy":
			caddy = results[i]
		}
	}
	fmt.Printf("\n%s\n", c.name)
	out := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(out, "server\tp50 µs\t÷bare\tp99 µs\treq/s\treq/CPU-s\t÷bare\t÷caddy\tMB/CPU-s\tRSS MB\t")
	for i, s := range servers {
		r := results[i]
		if r.requests == 0 {
			continue
		}
		fmt.Fprintf(out, "%s\t%.0f\t%s\t%.0f\t%.0f\t%.0f\t%s\t%s\t%.0f\t%.0f\t\n", s.name, micros(r.p50), over(micros(r.p50), micros(bare.p50)),
			micros(r.p99), r.perSecond, r.perCPU(), over(r.perCPU(), bare.perCPU()), over(r.perCPU(), caddy.perCPU()),
			r.perCPU()*float64(r.size)/1e6, float64(r.rss)/1e6)
		if r.refused > 0 {
			defer fmt.Printf("%s refused %d requests of this run\n", s.name, r.refused)
		}
	}
	out.Flush()
}

func over(a, b float64) string {
	if a == 0 || b == 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f", a/b)
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

func wanted(only, name string) bool {
	if only == "" || name == "direct" || name == "origin" {
		return true
	}
	for one := range strings.SplitSeq(only, ",") {
		if one == name {
			return true
		}
	}
	return false
}
