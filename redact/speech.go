package redact

// Spoken forms ("four one one one", "at gmail dot com") are read from a window
// of words, not from a token on: the first digit word, or the beginning of the
// sentence in which "dot" was read, opens the window.

const (
	spokenLeast  = 4  // digit words, digits and single letters that make a window worth reading
	spokenWithin = 10 // tokens
)

// spokenSpan is a value found in a window, waiting for its first token.
type spokenSpan struct {
	first, last int // seq
	a, b        int // raw offsets
	span        Span
}

// findSpeech opens a window at token i if it looks spoken.
func (s *scan) findSpeech(i int) {
	if s.seq+i < s.heard {
		return
	}
	t := &s.toks[i]
	lineEnd := i + 1
	for lineEnd < s.limit && s.toks[lineEnd].gap < newline {
		lineEnd++
	}
	if t.form&speechHead == 0 {
		n, said := 0, 0
		for j := i; j < min(lineEnd, i+spokenWithin); j++ {
			u := &s.toks[j]
			if u.words&isSpoken != 0 && u.e-u.s > 1 || u.words&isSpoken != 0 && u.kind == han {
				said++
			}
			if u.words&isSpoken != 0 || u.kind == number || u.kind == word && u.e-u.s == 1 {
				n++
			}
		}
		if n < spokenLeast || said < 2 {
			return
		}
	}
	from, end := t.s, s.toks[lineEnd-1].e
	s.spans = s.ear.find(s.spans[:0], s.surface.norm[from:end], s.lang)
	if s.heard = s.seq + lineEnd; lineEnd == s.limit {
		s.heard -= (lineEnd - i) / 2
	}
	j := i
	for _, sp := range s.spans {
		a, b := from+int32(sp.Start), from+int32(sp.End)
		for j < s.limit && s.toks[j].e <= a {
			j++
		}
		last := j
		for last+1 < s.limit && s.toks[last+1].s < b {
			last++
		}
		if last == s.limit-1 && last+1 < len(s.toks) && j > i {
			s.heard = s.seq + j // it may go on: read it again from its beginning
			break
		}
		if j < s.limit {
			s.speech = append(s.speech, spokenSpan{s.seq + j, s.seq + last, s.at(a), s.at(b), sp})
			s.heard = max(s.heard, s.seq+last+1)
		}
	}
}

// spokenHere records a spoken value that begins at token i.
func (s *scan) spokenHere(i int) bool {
	for len(s.speech) > 0 && s.speech[0].first <= s.seq+i {
		v := s.speech[0]
		s.speech = append(s.speech[:0], s.speech[1:]...)
		if v.first < s.seq+i || !s.wants(v.span.Class, v.span.Score) {
			continue
		}
		s.out = append(s.out, found{v.a, v.b, v.span.Class, v.span.Rule, v.span.Score})
		s.done = v.last + 1
		return true
	}
	return false
}

// markSpeech sets speechHead where the sentence of the latest token began.
func (s *scan) markSpeech() {
	at := len(s.toks) - 1
	end := s.at(s.toks[at].s)
	i := at
	for i > s.next && s.toks[i].gap < newline && end-s.at(s.toks[i-1].s) <= reach/2 {
		if p := &s.toks[i-1]; p.kind == mark && (p.ch == '.' || p.ch == '?' || p.ch == '!') && s.toks[i].gap != joined {
			break
		}
		i--
	}
	s.toks[i].form |= speechHead
	s.wake(i)
}
