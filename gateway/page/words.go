package page

import (
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/goccy/go-yaml"
	"golang.org/x/text/feature/plural"
	"golang.org/x/text/language"
)

// Words are texts by key and language.
type Words map[string]map[Language]string

// ErrWords: a text is missing or not one of the six languages.
var ErrWords = errors.New("words incomplete")

//go:embed words.yaml
var ownWords []byte

// frameWords are those of the frame and of refusals: any page may need them.
var frameWords = sync.OnceValues(func() (Words, error) {
	frame, err := parseWords(ownWords)
	if err != nil {
		return nil, err
	}
	text, err := refusalFiles.ReadFile("refusal/words.yaml")
	if err != nil {
		return nil, err
	}
	refusals, err := parseWords(text)
	return frame.with(refusals), err
})

func readWords(from fs.FS) (Words, error) {
	text, err := fs.ReadFile(from, "words.yaml")
	if err != nil {
		return nil, err
	}
	return parseWords(text)
}

// parseWords refuses a key that lacks a language, has one too many, or whose
// texts take different arguments.
func parseWords(text []byte) (Words, error) {
	var words Words
	if err := yaml.UnmarshalWithOptions(text, &words, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrWords, err)
	}
	for _, key := range slices.Sorted(maps.Keys(words)) {
		texts := words[key]
		verbs := strings.Count(texts["en"], "%")
		for _, lang := range Languages() {
			if strings.TrimSpace(texts[lang]) == "" {
				return nil, fmt.Errorf("%w: %s has no text in %s", ErrWords, key, lang)
			}
			if strings.Count(texts[lang], "%") != verbs {
				return nil, fmt.Errorf("%w: %s takes other arguments in %s", ErrWords, key, lang)
			}
		}
		if len(texts) != len(Languages()) {
			return nil, fmt.Errorf("%w: %s has a language that no page speaks", ErrWords, key)
		}
	}
	return words, nil
}

func (w Words) with(more Words) Words {
	all := maps.Clone(w)
	maps.Copy(all, more)
	return all
}

// text is the word in a language. Arguments fill %s and %d; where the first is a
// number of one thing, KEY.one is taken if there is one.
func (w Words) text(lang Language, key string, args ...any) (string, error) {
	if _, has := w[key+".one"]; has && len(args) > 0 && single(lang, args[0]) {
		key += ".one"
	}
	text, ok := w[key][lang]
	if !ok {
		return "", fmt.Errorf("%w: no %q in %s", ErrWords, key, lang)
	}
	if len(args) > 0 {
		text = fmt.Sprintf(text, args...)
	}
	return text, nil
}

// single says whether a number takes the singular in a language (CLDR).
func single(lang Language, count any) bool {
	n, ok := count.(int)
	return ok && plural.Cardinal.MatchPlural(language.Make(string(lang)), max(n, -n), 0, 0, 0, 0) == plural.One
}

// literalKey finds the words a template names outright; a key put together at
// run time is the caller's to test.
var literalKey = regexp.MustCompile(`\bt "([a-z0-9_.]+)"`)

func (w Words) used(template string) error {
	for _, m := range literalKey.FindAllStringSubmatch(template, -1) {
		if _, ok := w[m[1]]; !ok {
			return fmt.Errorf("%w: no %q", ErrWords, m[1])
		}
	}
	return nil
}
