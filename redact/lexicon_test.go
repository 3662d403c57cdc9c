package redact

import "testing"

// TestLexicon: every word and phrase of the lists is found as what it is, and
// there are no more kinds of words than a slot has room for.
func TestLexicon(t *testing.T) {
	d := readLists()
	l := d.table()
	if len(l.kinds) > 1<<kindBits {
		t.Fatalf("%d kinds of words do not fit into %d bits", len(l.kinds), kindBits)
	}
	for h, w := range d.words {
		if got := l.find(h); got != w {
			t.Errorf("word with hash %#x is %#x, want %#x", h, got, w)
		}
	}
	for h, p := range d.phrases {
		if got := *l.phraseOf(h); got != p || !l.mayLead(h) {
			t.Errorf("phrase with hash %#x is %+v, want %+v", h, got, p)
		}
	}
}
