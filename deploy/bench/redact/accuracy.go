package main

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/privet-gateway/privet/redact/redacttest"
	"github.com/privet-gateway/privet/redact/scoring"
)

// exam is a set of texts with one question: which of them lose their value, or
// stay as they are where there is none.
type exam struct {
	name  string
	texts []item
}

// item is one text of an exam. Values are what must not be readable
// afterwards; a text without any must not change.
type item struct {
	text   string
	lang   string
	values []string
}

// exams reads the public labelled texts.
func exams(dir string) ([]exam, error) {
	cases, err := scoring.PresidioCases(dir)
	if err != nil {
		return nil, err
	}
	var out []exam
	for _, kind := range []struct{ name, entity string }{{"cards", "CREDIT_CARD"}, {"IBAN", "IBAN_CODE"}, {"IP", "IP_ADDRESS"}} {
		caught, left := exam{name: kind.name}, exam{name: kind.name + " false"}
		for _, c := range cases {
			if len(c.Kinds) != 1 || c.Kinds[0] != kind.entity {
				continue
			}
			it := item{text: c.Text, lang: "en"}
			for _, s := range c.Spans {
				it.values = append(it.values, c.Text[s[0]:s[1]])
			}
			switch {
			case c.N == 0:
				left.texts = append(left.texts, it)
			case len(it.values) > 0:
				caught.texts = append(caught.texts, it)
			}
		}
		out = append(out, caught, left)
	}
	samples, err := scoring.Synth(filepath.Join(dir, "presidio_research_synth_dataset_v2.json"))
	if err != nil {
		return nil, err
	}
	phone, person, clean := exam{name: "phone"}, exam{name: "person"}, exam{name: "clean touched"}
	for _, s := range samples {
		if len(s.Gold) == 0 {
			clean.texts = append(clean.texts, item{text: s.Text, lang: "en"})
		}
		for _, g := range s.Gold {
			it := item{text: s.Text, lang: "en", values: []string{s.Text[g.Start:g.End]}}
			switch g.Kind {
			case "PHONE_NUMBER":
				phone.texts = append(phone.texts, it)
			case "PERSON":
				person.texts = append(person.texts, it)
			}
		}
	}
	spoken, err := spokenExam(dir)
	return append(out, phone, person, clean, spoken, callExam()), err
}

// spokenExam asks for telephone numbers and addresses in words.
func spokenExam(dir string) (exam, error) {
	f, err := os.Open(filepath.Join(dir, "spoken_itn_cases.tsv"))
	if err != nil {
		return exam{}, err
	}
	defer f.Close() // read only
	e := exam{name: "spoken"}
	for in := bufio.NewScanner(f); in.Scan(); {
		row := strings.Split(in.Text(), "\t")
		if len(row) == 5 && row[2] == "itn" && (strings.HasPrefix(row[1], "telephone") || strings.HasPrefix(row[1], "electronic")) {
			e.texts = append(e.texts, item{row[3], row[0], words(row[3])})
		}
	}
	return e, nil
}

// words are a text's words in runs of three: an engine that leaves one run
// has left the value.
func words(text string) (runs []string) {
	w := strings.Fields(text)
	if len(w) <= 3 {
		return []string{text}
	}
	for i := 0; i+3 <= len(w); i++ {
		runs = append(runs, strings.Join(w[i:i+3], " "))
	}
	return runs
}

// callExam asks engines that read one text at a time for turns of calls that
// carry four digits and more.
func callExam() exam {
	e := exam{name: "turns of calls"}
	for _, lang := range redacttest.Langs {
		calls := redacttest.Calls(5, lang, 60)
		for i := range calls {
			for turn, t := range calls[i].Turns {
				if s := calls[i].Secret[turn]; len(s) >= 4 {
					e.texts = append(e.texts, item{t.Text, lang, []string{t.Text[s[0][0]:s[3][1]]}})
				}
			}
		}
	}
	return e
}

// grade gives "caught/of" for texts with values, "touched/of" for those without.
func (e *exam) grade(redacted []string) string {
	n := 0
	for i, it := range e.texts {
		out := redacted[i]
		if len(it.values) == 0 {
			if out != it.text {
				n++
			}
			continue
		}
		if !slices.ContainsFunc(it.values, func(v string) bool { return strings.Contains(out, v) }) {
			n++
		}
	}
	return fmt.Sprintf("%d/%d", n, len(e.texts))
}
