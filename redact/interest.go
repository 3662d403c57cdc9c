package redact

// Most tokens begin nothing: whether one may begin or announce a value shows in
// what the lexicon knows of it, in its length, and in what stands right behind
// it. Each word therefore has a set of followers before which the rules are
// asked about it; before all others it is dull and costs one bit. A set errs
// by holding too much, never too little: FuzzFind holds it against the
// reference, which asks the rules at every token.

// follower is what stands behind a token.
type follower uint8

// What a mark, a number or a word is to the token before it. An open mark has
// something right behind it, a closed one a blank or a line's end.
const (
	closer    follower = iota // a quote, a closing bracket; any closed mark but these:
	stop                      // '.', closed
	tie                       // one of - _ ' / + &, closed
	comma                     // open or closed
	dot                       // '.', open, and so on
	colon                     //
	dash                      //
	slash                     //
	under                     // '_'
	codeMark                  // + &
	quote                     // '
	lastColon                 // ':', closed
	otherMark                 //
	figures                   // a number
	mixture                   // of letters and digits; a Han character
	proud                     // a word with a capital
	particle                  // a small word like "de"
	lower                     // any other
	followers
)

// followerSet has a bit for each follower that is joined to the token, one for
// each behind a blank, one for each on another line, and one for the text's end.
type followerSet uint64

const (
	anything followerSet = 1<<64 - 1
	theEnd               = 3 * followers // the follower behind the last token of a text
)

// joints is what a gap adds to a follower.
var joints = [...]follower{joined: 0, spaced: followers, newline: 2 * followers, blankLine: 2 * followers}

func joinedTo(fs ...follower) (s followerSet) {
	for _, f := range fs {
		s |= 1 << f
	}
	return s
}

func behindBlank(fs ...follower) followerSet { return joinedTo(fs...) << followers }

// anywhere: joined, behind a blank, on another line.
func anywhere(fs ...follower) followerSet {
	s := joinedTo(fs...)
	return s | s<<followers | s<<(2*followers)
}

// closes are the marks behind which nothing of a word goes on.
var closes = func() (t [256]bool) {
	for _, c := range []byte("\",;)]}>!?") {
		t[c] = true
	}
	return t
}()

// markFollower is what a mark is to the token before it: open, and closed.
var markFollower = func() (t [256][2]follower) {
	for c := range t {
		t[c] = [2]follower{otherMark, closer}
		if closes[c] {
			t[c] = [2]follower{closer, closer}
		}
	}
	t[','] = [2]follower{comma, comma}
	t['.'] = [2]follower{dot, stop}
	t[':'] = [2]follower{colon, lastColon}
	t['-'] = [2]follower{dash, tie}
	t['\''] = [2]follower{quote, tie}
	t['/'] = [2]follower{slash, tie}
	t['_'] = [2]follower{under, tie}
	t['+'] = [2]follower{codeMark, tie}
	t['&'] = [2]follower{codeMark, tie}
	return t
}()

// interest says before which followers the rules are asked about a token.
type interest struct {
	kinds  [1 << kindBits]wordKind // by kind of word
	length [2][2]lengthSets        // by a word's length besides, of those that stand behind a gap and of joined ones, that the lexicon knows and not
	marks  [256]followerSet
	key    followerSet // where a word's first letters may begin a key
}

// wordKind is what there is to know of a word, and its followers in small
// letters and with a capital.
type wordKind struct {
	words        words
	small, proud followerSet
}

// lengthSets are the followers of words by their length; longer ones are always
// asked about.
type lengthSets [base64Least]followerSet

// interestOf compiles the interest of a rule set.
func interestOf(r *rules) *interest {
	t := &interest{key: joinedTo(dot, dash, quote, colon, slash, under, codeMark, otherMark, figures, mixture, proud, particle, lower)}
	for k, w := range r.lex.kinds {
		t.kinds[k] = wordKind{w, r.smallWord(w), r.proudWord(w)}
	}
	for n := range base64Least {
		for j, joined := range []bool{false, true} {
			t.length[j][0][n] = r.shortWord(n, joined, true)
			t.length[j][1][n] = r.shortWord(n, joined, false)
		}
	}
	t.marks['+'] = anywhere(figures, otherMark, closer)
	t.marks['('] = anywhere(figures)
	t.marks[':'] = joinedTo(colon, lastColon)
	t.marks['-'] = joinedTo(dash, tie, lower, particle)
	t.marks['%'] = joinedTo(figures, mixture, proud, particle, lower)
	t.marks[';'] = t.marks['%']
	return t
}

// phraseOn: what may stand behind the first word of a phrase, see follow; of the
// words that may, the lexicon is asked.
var phraseOn = anywhere(mixture) | joinedTo(dot, stop, dash, tie, slash, under, quote)

// heeded are the hints that a rule asks for.
func (r *rules) heeded() words {
	const nobody, strict = hintEmail | hintCrypto | hintDate | hintMAC, hintAge | hintAddress | hintPostcode | hintOrg | hintPlace
	if r.words {
		return hints &^ nobody
	}
	return hints &^ (nobody | strict)
}

// anyWord: of words in either case.
func (r *rules) anyWord(w words) (s followerSet) {
	if w&(r.heeded()|isIntro|isSpoken|isMonth|isBox) != 0 || r.picked {
		return anything
	}
	if w&isPhrase != 0 {
		s |= phraseOn
	}
	if w&isTitle != 0 {
		s |= behindBlank(proud) | joinedTo(dot, stop)
	}
	return s
}

// smallWord: of a word in small letters that the lexicon knows as w.
func (r *rules) smallWord(w words) followerSet {
	s := r.anyWord(w)
	if w&isFirst != 0 && w&isCommon == 0 {
		s |= behindBlank(proud, particle, lower) | joinedTo(dash, quote)
	}
	if !r.words {
		return s
	}
	if w&(isCountry|isRegion|isCity|isNation) != 0 {
		return anything
	}
	if w&isStreet != 0 { // see humbleStreet
		s |= behindBlank(proud)
		if w&isCommon == 0 {
			s |= behindBlank(particle) | joinedTo(dot, stop)
		}
	}
	if w&(isCommon|isFunction) == 0 { // see humble
		s |= anything &^ joinedTo(dash, slash, under, codeMark, colon, lastColon, otherMark, figures, mixture, proud, particle, lower)
	}
	return s
}

// proudWord: of a word with a capital.
func (r *rules) proudWord(w words) followerSet {
	const plain = isCommon | isFunction | isSmall | isSpoken | isPhrase | isUnit | isTLD | isDay | isDot | isIntro | hints
	switch {
	case r.words && w&^plain == 0 && w&(isCommon|isFunction) != 0: // only beside other names or numbers; see also herald
		next := joinedTo(proud, particle, mixture, figures, comma, dot, stop, dash, tie, quote, slash, codeMark)
		return r.anyWord(w) | next | next<<followers
	case r.words, w&isFirst != 0 && w&(isCommon|isCity|isCountry|isFunction) == 0:
		return anything
	case w&isFunction != 0, w&isCommon != 0 && w&isFirst == 0:
		return r.anyWord(w)
	}
	return r.anyWord(w) | behindBlank(proud, particle) | joinedTo(dash, quote)
}

// shortWord: of a word of n letters, whether it is joined to what stands before
// it and whether the lexicon knows it.
func (r *rules) shortWord(n int, joined, known bool) (s followerSet) {
	s = joinedTo(colon) // a link
	if n == 1 {         // an initial
		s |= joinedTo(dot, stop, quote)
	}
	if n >= 8 && !known { // text in base64
		s |= joinedTo(dash, tie, slash, under, codeMark, figures, mixture, proud, particle, lower)
	}
	if n <= 6 && r.ids != nil && r.ids[word][n].next != 0 {
		s |= behindBlank(figures, mixture) | joinedTo(dash, dot, colon, slash, figures, mixture)
	}
	if n == 2 || n == 4 { // a MAC address
		s |= joinedTo(dash, dot)
	}
	if r.words && !joined { // a domain
		s |= joinedTo(dash, dot)
	}
	return s
}
