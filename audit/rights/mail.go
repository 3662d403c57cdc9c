package rights

import (
	"cmp"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"
)

//go:embed words.yaml
var wordsYAML []byte

// words are the texts of e-mails and packages: key → language → text.
var words = sync.OnceValues(func() (map[string]map[string]string, error) {
	out := map[string]map[string]string{}
	if err := yaml.Unmarshal(wordsYAML, &out); err != nil {
		return nil, err
	}
	for key, texts := range out {
		for _, lang := range Languages() {
			if texts[lang] == "" || strings.Count(texts[lang], "%") != strings.Count(texts["en"], "%") {
				return nil, fmt.Errorf("words: %s is missing or differs in %s", key, lang)
			}
		}
	}
	return out, nil
})

// say is a text in a language.
func say(lang, key string, args ...any) string {
	all, err := words()
	if err != nil || all[key] == nil {
		return key // the test of all words fails first
	}
	text := cmp.Or(all[key][lang], all[key]["en"])
	if len(args) > 0 {
		return fmt.Sprintf(text, args...)
	}
	return text
}

// mail tells the person, in their language and without anything personal, that
// there is something to read. What the mail is about stands behind the link.
func (o *Office) mail(ctx context.Context, r *Request, kind string, args ...any) error {
	if r.Body == nil {
		if err := o.open(ctx, r); err != nil {
			return err
		}
	}
	to := []string{r.Body.Email}
	if r.Body.Agent != nil && r.Body.Agent.Email != "" && kind != "code" { // the code goes to the person alone
		to = append(to, r.Body.Agent.Email)
	}
	for _, address := range to {
		if err := o.post(ctx, r, address, kind, args...); err != nil {
			return err
		}
	}
	return nil
}

// post sends one such letter to one address or telephone.
func (o *Office) post(ctx context.Context, r *Request, to, kind string, args ...any) error {
	lang, link := r.Facts.Language, strings.TrimSuffix(o.Portal, "/")+"/requests/"+r.ID
	if err := o.Post.Send(ctx, to, say(lang, kind+".subject", r.ID[:8]), say(lang, kind+".body", append(args, link)...)); err != nil {
		return fmt.Errorf("%w: %w", ErrPost, err)
	}
	return nil
}

// ErrPost: the e-mail could not be handed over; what it was about stands.
var ErrPost = errors.New("cannot send e-mail")
