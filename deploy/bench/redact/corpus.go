package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/privet-gateway/privet/redact/redacttest"
	"github.com/privet-gateway/privet/redact/scoring"
)

// corpus is digit-heavy text: of every ten lines seven are from logs, three
// are from chats and calls. ends are the line ends; dictated are the turns of
// calls that carry a part of a value.
type corpus struct {
	text     []byte
	ends     []uint32
	dictated map[string]bool
}

// newCorpus makes size bytes from the public sample logs, in which every digit
// is drawn anew, the texts of the synthetic set, and made-up calls.
func newCorpus(dir string, size int) (*corpus, error) {
	logs, err := os.ReadFile(filepath.Join(dir, "datadog_sample_logs.txt"))
	if err != nil {
		return nil, err
	}
	samples, err := scoring.Synth(filepath.Join(dir, "presidio_research_synth_dataset_v2.json"))
	if err != nil {
		return nil, err
	}
	rng := rand.New(rand.NewPCG(1, 2))
	lines := bytes.Split(bytes.TrimSpace(logs), []byte("\n"))
	calls := redacttest.Calls(1, "en", 200)
	c := &corpus{dictated: map[string]bool{}}
	for n := 0; len(c.text) < size; n++ {
		from := len(c.text)
		switch {
		case n%10 < 7:
			c.text = append(c.text, lines[rng.IntN(len(lines))]...)
			for i := from; i < len(c.text); i++ {
				if c.text[i]-'0' < 10 {
					c.text[i] = '0' + byte(rng.IntN(10))
				}
			}
		case n%10 < 9:
			c.text = append(c.text, bytes.ReplaceAll([]byte(samples[rng.IntN(len(samples))].Text), []byte("\n"), []byte(" "))...)
		default:
			call := &calls[rng.IntN(len(calls))]
			turn := rng.IntN(len(call.Turns))
			c.text = append(c.text, call.Turns[turn].Text...)
			if len(call.Secret[turn]) > 0 {
				c.dictated[call.Turns[turn].Text+"\n"] = true
			}
		}
		c.text = append(c.text, '\n')
		c.ends = append(c.ends, uint32(len(c.text)))
	}
	return c, nil
}

// lines calls f with each line.
func (c *corpus) lines(f func(line []byte)) {
	from := uint32(0)
	for _, end := range c.ends {
		f(c.text[from:end])
		from = end
	}
}

// without gives the lines in which nothing is found and nothing is dictated.
func (c *corpus) without(found func(line []byte) bool) *corpus {
	clean := &corpus{}
	c.lines(func(line []byte) {
		if !found(line) && !c.dictated[string(line)] {
			clean.text = append(clean.text, line...)
			clean.ends = append(clean.ends, uint32(len(clean.text)))
		}
	})
	return clean
}

func (c *corpus) String() string {
	return fmt.Sprintf("%.1f MB in %d lines", float64(len(c.text))/1e6, len(c.ends))
}
