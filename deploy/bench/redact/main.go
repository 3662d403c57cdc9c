// Command redact prints one table: how much personal data Privet finds, how
// much it takes for personal data that is none, and how many megabytes it reads
// in one second of CPU time, beside Go's regexp and Hyperscan with the same
// patterns and the engines on npm, on the same texts in the same run.
//
// Speed is CPU time of one thread over a corpus of log and chat lines, each
// line by itself; other work on the machine shows in the load that is printed,
// less in the figures.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/privet-gateway/privet/redact"
	"github.com/privet-gateway/privet/redact/redacttest"
	"github.com/privet-gateway/privet/redact/scoring"
)

func main() {
	size := flag.Int("mb", 8, "megabytes of the corpus")
	numbers := flag.Int("calls", 1000, "dictated numbers in each language")
	flag.Parse()
	if err := run(*size, *numbers); err != nil {
		fmt.Fprintln(os.Stderr, "redact:", err)
		os.Exit(1)
	}
}

// row is one engine's line of the table.
type row struct {
	name   string
	speed  float64 // MB per CPU-second
	grades []string
	note   string
}

func run(size, numbers int) error {
	dir, err := scoring.Dir()
	if err != nil {
		return err
	}
	text, err := newCorpus(dir, size*1e6)
	if err != nil {
		return err
	}
	papers, err := exams(dir)
	if err != nil {
		return err
	}
	runtime.LockOSThread()
	machine(text)
	rows, err := ours(text, papers)
	if err != nil {
		return err
	}
	rows = append(rows, regexps(text, papers))
	rows = append(rows, scans(text)...)
	for _, name := range []string{"openredaction", "redact-pii", "@redactpii/node", "@arcjet/redact", "@cdssnc/sanitize-pii"} {
		rows = append(rows, onNPM(name, text, papers))
	}
	table(rows, papers)
	compare(rows)
	return calls(numbers)
}

func machine(text *corpus) {
	load, _ := os.ReadFile("/proc/loadavg")
	cpu := "unknown processor"
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if m := regexp.MustCompile(`model name\s*: (.*)`).FindSubmatch(info); m != nil {
			cpu = string(m[1])
		}
	}
	fmt.Printf("%s, %d cores, load %s, %s\ncorpus: %v, 70 %% log lines, 30 %% chat and calls\n\n",
		cpu, runtime.NumCPU(), strings.Join(strings.Fields(string(load) + " ? ? ?")[:3], " "), runtime.Version(), text)
}

// cpu is the CPU time that this process has used.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// speed is how many MB a second f reads of the corpus: the best of three runs.
func speed(c *corpus, f func()) float64 {
	best := 0.0
	for range 3 {
		runtime.GC()
		from := cpu()
		f()
		best = max(best, float64(len(c.text))/1e6/(cpu()-from).Seconds())
	}
	return best
}

func ours(text *corpus, papers []exam) (rows []row, err error) {
	for _, profile := range []redact.Profile{redact.Strict, redact.Chat, redact.Logs} {
		e, err := redact.New(redact.Config{Profile: profile})
		if err != nil {
			return nil, err
		}
		r := row{name: "Privet, " + string(profile)}
		var out []byte
		r.speed = speed(text, func() { text.lines(func(line []byte) { out = e.Append(out[:0], line) }) })
		for _, p := range papers {
			var redacted []string
			for _, it := range p.texts {
				redacted = append(redacted, string(e.Append(nil, []byte(it.text))))
			}
			r.grades = append(r.grades, p.grade(redacted))
		}
		if profile == redact.Strict {
			r.note = latency(e, text)
		}
		rows = append(rows, r)
	}
	return rows, nil
}

// latency is the 99th percentile of messages of 4 KB, and what clean lines allocate.
func latency(e *redact.Engine, text *corpus) string {
	var took []time.Duration
	var out []byte
	for at := 0; at+4096 < len(text.text) && len(took) < 2000; at += 4096 {
		from := time.Now()
		out = e.Append(out[:0], text.text[at:at+4096])
		took = append(took, time.Since(from))
	}
	slices.Sort(took)
	var spans []redact.Span
	clean := text.without(func(line []byte) bool { spans = e.Find(spans[:0], line); return len(spans) > 0 })
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	clean.lines(func(line []byte) { spans = e.Find(spans[:0], line) })
	runtime.ReadMemStats(&after)
	return fmt.Sprintf("4 KB: median %v, p99 %v; %.3f allocations a clean line", took[len(took)/2].Round(time.Microsecond),
		took[len(took)*99/100].Round(time.Microsecond), float64(after.Mallocs-before.Mallocs)/float64(max(1, len(clean.ends))))
}

func regexps(text *corpus, papers []exam) row {
	var all []*regexp.Regexp
	for _, p := range patterns {
		all = append(all, regexp.MustCompile(p))
	}
	part := &corpus{text: text.text[:text.ends[len(text.ends)/8]], ends: text.ends[:len(text.ends)/8+1]} // it is slow
	n := 0
	r := row{name: "Go regexp, 22 patterns", speed: speed(part, func() {
		part.lines(func(line []byte) {
			for _, re := range all {
				n += len(re.FindAllIndex(line, -1))
			}
		})
	})}
	for _, p := range papers {
		var redacted []string
		for _, it := range p.texts {
			out := it.text
			for _, re := range all {
				out = re.ReplaceAllString(out, "[x]")
			}
			redacted = append(redacted, out)
		}
		r.grades = append(r.grades, p.grade(redacted))
	}
	return r
}

func scans(text *corpus) (rows []row) {
	for _, som := range []bool{true, false} {
		r := row{name: "Hyperscan, 22 patterns, ends only", note: "finds what Go regexp finds"}
		if som {
			r.name = "Hyperscan, 22 patterns, start of match"
		}
		scan, err := hyperscan(som)
		if err == nil {
			r.speed = speed(text, func() { _, err = scan(text.text, text.ends) })
		}
		if err != nil {
			r.note = err.Error()
		}
		rows = append(rows, r)
	}
	return rows
}

func onNPM(name string, text *corpus, papers []exam) row {
	r := row{name: "npm " + name}
	in := struct {
		Engine string   `json:"engine"`
		Texts  []string `json:"texts"`
		Lines  []string `json:"lines"`
	}{Engine: name}
	for _, p := range papers {
		for _, it := range p.texts {
			in.Texts = append(in.Texts, it.text)
		}
	}
	text.lines(func(line []byte) { in.Lines = append(in.Lines, string(bytes.TrimSpace(line))) })
	ask, err := json.Marshal(in)
	if err != nil {
		r.note = err.Error()
		return r
	}
	cmd := exec.Command("node", "peers.mjs")
	cmd.Stdin = bytes.NewReader(ask)
	answer, err := cmd.Output()
	var got struct {
		Out     []string `json:"out"`
		Bytes   float64  `json:"bytes"`
		Seconds float64  `json:"seconds"`
	}
	if err = errors.Join(err, json.Unmarshal(answer, &got)); err != nil || len(got.Out) != len(in.Texts) {
		r.note = "not there: needs node and npm"
		return r
	}
	r.speed = got.Bytes / 1e6 / got.Seconds
	for _, p := range papers {
		r.grades = append(r.grades, p.grade(got.Out[:len(p.texts)]))
		got.Out = got.Out[len(p.texts):]
	}
	return r
}

func table(rows []row, papers []exam) {
	fmt.Println("caught/of where there is something to catch; touched/of under \"false\" and \"clean touched\", where nothing should be")
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprint(w, "engine\tMB/CPU-s")
	for _, p := range papers {
		fmt.Fprint(w, "\t", p.name)
	}
	fmt.Fprintln(w)
	for _, r := range rows {
		fmt.Fprintf(w, "%s\t%.2f", r.name, r.speed)
		for i := range papers {
			grade := "–"
			if i < len(r.grades) {
				grade = r.grades[i]
			}
			fmt.Fprint(w, "\t", grade)
		}
		fmt.Fprintln(w)
	}
	w.Flush() // to standard output: nobody could be told of an error
	fmt.Println()
	for _, r := range rows {
		if r.note != "" {
			fmt.Printf("%s: %s\n", r.name, r.note)
		}
	}
}

func compare(rows []row) {
	for _, r := range rows[1:] {
		if r.speed > 0 && !strings.HasPrefix(r.name, "Privet") {
			fmt.Printf("%s is %.1f times as fast as %s\n", rows[0].name, rows[0].speed/r.speed, r.name)
		}
	}
}

// calls prints how dictated numbers come out when a conversation is heard as one.
func calls(n int) error {
	fmt.Printf("\n%d dictated numbers in each language, over 1 to 8 turns, corrections and acknowledgements between (targets: leak ≤0.5 %%, false ≤1 %%):\n", n)
	for _, lang := range redacttest.Langs {
		e, err := redact.New(redact.Config{Profile: redact.Chat})
		if err != nil {
			return err
		}
		var s redacttest.Score
		made := redacttest.Calls(20261122, lang, n)
		for i := range made {
			s.Add(&made[i], e.Conversation(made[i].Turns))
		}
		fmt.Printf("  %s: leak %.2f %%, false %.2f %% of %d clean turns\n", lang, 100*s.Leak(), 100*s.False(), s.Clean)
	}
	return nil
}
