package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/coder/websocket"
)

// result of one run.
type result struct {
	p50, p99  time.Duration
	requests  int
	perSecond float64
	cpu       time.Duration // of the server
	rss       int64         // bytes
	size      int           // of one answer
	refused   int           // answers that were not one
}

func (r result) perCPU() float64 {
	if r.cpu == 0 {
		return 0
	}
	return float64(r.requests) / r.cpu.Seconds()
}

// better takes the best of each figure: a shared machine only ever adds.
func (r result) better(o result) result {
	if r.requests == 0 {
		return o
	}
	if o.p50 < r.p50 {
		r.p50 = o.p50
	}
	if o.p99 < r.p99 {
		r.p99 = o.p99
	}
	r.perSecond = max(r.perSecond, o.perSecond)
	if o.perCPU() > r.perCPU() {
		r.requests, r.cpu = o.requests, o.cpu
	}
	r.rss = max(r.rss, o.rss)
	r.refused += o.refused
	return r
}

func load(ctx context.Context, s server, c cell, length time.Duration) (result, error) {
	size, err := warm(ctx, s, c)
	if err != nil {
		return result{}, err
	}
	before := processorTime(s.pid)
	var r result
	if c.h2 {
		r, err = h2load(ctx, s, c, length)
	} else {
		r, err = wrk(ctx, s, c, length)
	}
	r.cpu, r.rss, r.size = processorTime(s.pid)-before, residentMemory(s.pid), size
	return r, err
}

// warm asks a few times and makes sure that the answer is one.
func warm(ctx context.Context, s server, c cell) (size int, err error) {
	failed := 0
	for range 20 {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.plain+query(s, c.path), nil)
		if err != nil {
			return 0, err
		}
		head(s, req.Header)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return 0, err
		}
		n, err := io.Copy(io.Discard, res.Body)
		res.Body.Close()
		if err == nil && res.StatusCode == http.StatusServiceUnavailable && failed < 10 {
			failed++ // a trail that has just been opened
			time.Sleep(200 * time.Millisecond)
			continue
		}
		if err != nil || res.StatusCode != http.StatusOK {
			return 0, fmt.Errorf("the server answered %d %s", res.StatusCode, res.Header.Get("Privet-Refusal"))
		}
		size = int(n)
	}
	return size, nil
}

func query(_ server, path string) string { return path }

func head(s server, h http.Header) {
	h.Set("Privet-Session", session)
	if s.name == "unviewed" {
		h.Set("X-Forwarded-Method", "GET")
		h.Set("X-Forwarded-Host", "127.0.0.1")
		h.Set("X-Forwarded-Uri", small)
	}
}

var (
	wrkLatency = regexp.MustCompile(`(?m)^\s+(50|99)%\s+([\d.]+)(us|ms|s)`)
	wrkCount   = regexp.MustCompile(`(\d+) requests in`)
	wrkRate    = regexp.MustCompile(`Requests/sec:\s+([\d.]+)`)
	wrkBad     = regexp.MustCompile(`Non-2xx or 3xx responses: (\d+)`)
)

func wrk(ctx context.Context, s server, c cell, length time.Duration) (r result, err error) {
	h := http.Header{}
	head(s, h)
	args := []string{"--latency", "-t1", "-c" + strconv.Itoa(c.conns), "-d" + strconv.Itoa(max(1, int(length.Seconds()))) + "s"}
	for name := range h {
		args = append(args, "-H", name+": "+h.Get(name))
	}
	out, err := exec.CommandContext(ctx, "wrk", append(args, "http://"+s.plain+query(s, c.path))...).CombinedOutput()
	if err != nil {
		return r, fmt.Errorf("wrk: %w: %s", err, out)
	}
	if bad := wrkBad.FindSubmatch(out); bad != nil {
		r.refused, _ = strconv.Atoi(string(bad[1]))
	}
	for _, m := range wrkLatency.FindAllSubmatch(out, -1) {
		d, err := time.ParseDuration(string(m[2]) + string(m[3]))
		if err != nil {
			return r, err
		}
		if string(m[1]) == "50" {
			r.p50 = d
		} else {
			r.p99 = d
		}
	}
	if m := wrkCount.FindSubmatch(out); m != nil {
		r.requests, _ = strconv.Atoi(string(m[1]))
	}
	if m := wrkRate.FindSubmatch(out); m != nil {
		r.perSecond, _ = strconv.ParseFloat(string(m[1]), 64)
	}
	return r, nil // with no requests where not one answer fitted into the run
}

// h2load prints no percentiles; its log has one line a request.
func h2load(ctx context.Context, s server, c cell, length time.Duration) (r result, err error) {
	log := filepath.Join(os.TempDir(), "privet-h2load-"+strconv.Itoa(os.Getpid()))
	defer os.Remove(log)
	streams := "1"
	conns := c.conns
	if conns > 8 {
		streams, conns = strconv.Itoa(conns/8), 8
	}
	out, err := exec.CommandContext(ctx, "h2load", "-c"+strconv.Itoa(conns), "-m"+streams, "-t1", "-D"+strconv.Itoa(max(1, int(length.Seconds()))),
		"--log-file="+log, "-H", "Privet-Session: "+session, "https://"+s.secure+query(s, c.path)).CombinedOutput()
	if err != nil {
		return r, fmt.Errorf("h2load: %w: %s", err, out)
	}
	text, err := os.ReadFile(log)
	if err != nil {
		return r, err
	}
	var took []time.Duration
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) >= 3 && f[1] == "200" {
			us, _ := strconv.Atoi(f[2])
			took = append(took, time.Duration(us)*time.Microsecond)
		}
	}
	if len(took) == 0 {
		return r, fmt.Errorf("h2load: no answers: %s", out)
	}
	slices.Sort(took)
	r.requests, r.perSecond = len(took), float64(len(took))/length.Seconds()
	r.p50, r.p99 = took[len(took)/2], took[len(took)*99/100]
	return r, nil
}

// events measures how much later an event arrives through a server.
func events(ctx context.Context, servers []server) error {
	fmt.Println("\nserver-sent events, from the origin's write to the reader; added is above the origin alone")
	var alone [2]time.Duration
	for _, s := range servers {
		if s.name == "unviewed" || fresh(s) {
			continue
		}
		took, err := listen(ctx, s, 2000)
		if err != nil {
			return fmt.Errorf("events through %s: %w", s.name, err)
		}
		half, most := took[len(took)/2], took[len(took)*99/100]
		if s.name == "direct" {
			alone = [2]time.Duration{half, most}
		}
		fmt.Printf("%12s  p50 %6.0f µs  p99 %6.0f µs  added p50 %6.0f µs  p99 %6.0f µs\n", s.name, micros(half), micros(most), micros(half-alone[0]), micros(most-alone[1]))
	}
	return nil
}

func listen(ctx context.Context, s server, n int) (took []time.Duration, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.plain+feed, nil)
	if err != nil {
		return nil, err
	}
	head(s, req.Header)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	lines := bufio.NewReader(res.Body)
	for len(took) < n {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return nil, err
		}
		if bytes.Contains(line, []byte("4111 1111")) && s.name != "direct" && (s.name == "walk" || s.name == "privet") {
			return nil, errors.New("a card number was shown")
		}
		if data, ok := bytes.CutPrefix(line, []byte("data:")); ok {
			var event struct{ Opened string }
			if err := json.Unmarshal(data, &event); err != nil {
				return nil, err
			}
			sent, err := strconv.ParseInt(event.Opened, 10, 64)
			if err != nil {
				return nil, err
			}
			took = append(took, time.Duration((clock()-sent+1e9)%1e9)*time.Microsecond)
		}
	}
	slices.Sort(took)
	return took, nil
}

// decisions measures a forward-auth decision above the round trip to a stub.
func decisions(ctx context.Context, servers []server, p plan) error {
	var best [2]result
	for range p.rounds {
		for i, want := range []string{"direct", "unviewed"} {
			for _, s := range servers {
				if s.name != want {
					continue
				}
				path := small
				if want == "direct" {
					path = "/yes"
				}
				r, err := load(ctx, s, cell{path: path, conns: 1}, p.length)
				if err != nil {
					return err
				}
				best[i] = best[i].better(r)
			}
		}
	}
	if best[1].requests > 0 {
		fmt.Printf("\nforward-auth decision: p50 %.0f µs, a stub's round trip %.0f µs, above it %.0f µs\n",
			micros(best[1].p50), micros(best[0].p50), micros(best[1].p50-best[0].p50))
	}
	return nil
}

// idle holds WebSockets open through Privet, without TLS and with it, and weighs
// them: each time through a process that has done nothing before.
func idle(ctx context.Context, servers []server, n int) error {
	for _, s := range servers {
		address := "ws://" + s.plain
		if s.name == "idle+tls" {
			address = "wss://" + s.secure
		}
		if fresh(s) {
			if err := weigh(ctx, s, address, n); err != nil {
				return err
			}
		}
	}
	return nil
}

// fresh says whether a server is there for nothing but idle WebSockets.
func fresh(s server) bool { return s.name == "idle" || s.name == "idle+tls" }

func weigh(ctx context.Context, s server, address string, n int) error {
	before := residentMemory(s.pid)
	conns := make([]*websocket.Conn, 0, n)
	defer func() {
		for _, c := range conns {
			_ = c.CloseNow()
		}
	}()
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	for range n {
		c, _, err := websocket.Dial(ctx, address+talk, &websocket.DialOptions{HTTPClient: client, HTTPHeader: http.Header{"Privet-Session": {session}}})
		if err != nil {
			return fmt.Errorf("WebSocket %d: %w", len(conns), err)
		}
		conns = append(conns, c)
	}
	time.Sleep(3 * time.Second) // let it settle; this is a measurement, not a test
	busy := processorTime(s.pid)
	time.Sleep(3 * time.Second)
	scheme, _, _ := strings.Cut(address, ":")
	fmt.Printf("\n%d idle WebSockets over %s: %.1f KiB each, %.0f %% of a processor for asking whether they may go on\n", n, scheme,
		float64(residentMemory(s.pid)-before)/float64(n)/1024, (processorTime(s.pid)-busy).Seconds()/3*100)
	return nil
}

// processorTime of a process and its children, from /proc.
func processorTime(pid int) (sum time.Duration) {
	for _, one := range family(pid) {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", one))
		if err != nil {
			continue
		}
		_, after, _ := strings.Cut(string(text), ") ")
		f := strings.Fields(after)
		user, _ := strconv.Atoi(f[11])
		system, _ := strconv.Atoi(f[12])
		sum += time.Duration(user+system) * 10 * time.Millisecond
	}
	return sum
}

func residentMemory(pid int) (sum int64) {
	for _, one := range family(pid) {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", one))
		if err != nil {
			continue
		}
		pages, _ := strconv.ParseInt(strings.Fields(string(text))[1], 10, 64)
		sum += pages * int64(os.Getpagesize())
	}
	return sum
}

func family(pid int) []int {
	all := []int{pid}
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	for _, f := range strings.Fields(string(text)) {
		if child, err := strconv.Atoi(f); err == nil {
			all = append(all, family(child)...)
		}
	}
	return all
}
