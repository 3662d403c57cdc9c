package portal

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
)

// musts are the requirements of a text, each a named test: "§SECTION/N words", where N
// counts the section's keywords (MUST, MUST NOT, SHALL, SHALL NOT, REQUIRED).
type musts struct {
	t    *testing.T
	seen map[string]bool // "SECTION/N"
}

// is runs one requirement's test.
func (m *musts) is(name string, test func(t *testing.T)) {
	m.t.Helper()
	key, _, _ := strings.Cut(name, " ")
	if m.seen[key] {
		m.t.Errorf("§%s is tested twice", key)
	}
	m.seen[key] = true
	m.t.Run("§"+name, test)
}

// all holds the names against the text: every keyword of every section has its test.
// Sections of definitions and changes ask nothing of anybody.
func (m *musts) all(text []byte, without ...string) {
	m.t.Helper()
	heading := regexp.MustCompile(`^#+ *([0-9]+(?:\.[0-9]+)*)[ .:]`)
	keyword := regexp.MustCompile(`\b(MUST NOT|MUST|SHALL NOT|SHALL|REQUIRED)\b`)
	section, counted, total := "", map[string]int{}, 0
	for line := range bytes.Lines(text) {
		if found := heading.FindSubmatch(line); found != nil {
			section = string(found[1])
		}
		for range keyword.FindAll(line, -1) {
			counted[section]++
			key := section + "/" + itoa(counted[section])
			if contains(without, section) || contains(without, key) {
				continue
			}
			if total++; !m.seen[key] {
				m.t.Errorf("§%s has no test: %s", key, bytes.TrimSpace(line))
			}
			delete(m.seen, key)
		}
	}
	for key := range m.seen {
		m.t.Errorf("§%s is not in the text", key)
	}
	m.t.Logf("%d requirements, each a named test", total)
}
