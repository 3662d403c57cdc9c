package rights

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Ground is why a request may be denied: an outcome, and the provision of each law
// that allows it. Under a law without one the ground is not offered.
type Ground struct {
	Name    string            `yaml:"name"`
	Outcome string            `yaml:"outcome"` // of [Denied]
	Rights  []string          `yaml:"rights"`
	Cites   map[string]string `yaml:"cites"` // by regime
}

// GroundsFor lists the grounds a law has against a right.
func (l *Laws) GroundsFor(regime string, right Right) (out []Ground) {
	for _, g := range l.Grounds {
		if g.Cites[regime] != "" && slices.Contains(g.Rights, string(right)) {
			out = append(out, g)
		}
	}
	return out
}

// ground finds one by its name, or the first with an outcome. An outcome that the law
// has no ground for cites what the law says of refusals at large.
func (l *Laws) ground(r Regime, right Right, name string) (Ground, error) {
	all := l.GroundsFor(r.Name, right)
	for _, match := range []func(Ground) bool{
		func(g Ground) bool { return g.Name == name },
		func(g Ground) bool { return g.Outcome == name },
	} {
		if at := slices.IndexFunc(all, match); at >= 0 {
			return all[at], nil
		}
	}
	if slices.Contains(Denied(), name) {
		return Ground{Name: name, Outcome: name, Cites: map[string]string{r.Name: r.Refusal.Cite}}, nil
	}
	names := Denied()
	for _, g := range all {
		if !slices.Contains(names, g.Name) {
			names = append(names, g.Name)
		}
	}
	return Ground{}, fmt.Errorf("%w: reason is %q; for this right under %s it can be one of %v", ErrInvalid, name, r.Title, names)
}

// Day is a date as a language writes it.
func Day(lang string, t time.Time) string {
	months := strings.Fields(say(lang, "date.months"))
	if len(months) != 12 {
		return t.Format(time.DateOnly) // the test of all words fails first
	}
	return say(lang, "date.form", t.Day(), months[t.Month()-1], t.Year())
}

// Moment is a day and a time, as a language writes them; the time is UTC.
func Moment(lang string, t time.Time) string {
	t = t.UTC()
	return say(lang, "date.moment", Day(lang, t), t.Format("15:04"))
}

// Law is a citation in a language: the names of laws that have one there; numbers stay.
func Law(lang, cite string) string {
	return strings.NewReplacer("GDPR", say(lang, "cite.gdpr"), "PIPL", say(lang, "cite.pipl"), "Directive (EU)", say(lang, "cite.directive"),
		"Regulation ", say(lang, "cite.regulation")+" ", "Privacy notice", say(lang, "cite.notice")).Replace(cite)
}

// Where is the authority to complain to, in a language.
func (r Regime) Where(lang string) string {
	if text := say(lang, "authority."+r.Name); text != "authority."+r.Name {
		return text
	}
	return r.Authority
}

// Why is the ground on which a request ended, in a language; "" if it was not denied.
// It tells no more than the law asks for: of suspected fraud, nothing.
func (o *Office) Why(r *Request, lang string) (text, cite string) {
	outcome, denied := strings.CutPrefix(string(r.Status), "denied/")
	if !denied {
		return "", ""
	}
	g, err := o.Laws.ground(o.Laws.Regime(r.Facts.Regime, r.Received), r.Right, cmp.Or(r.Facts.Ground, outcome))
	if err != nil {
		return "", ""
	}
	return say(lang, "ground."+g.Name), g.Cites[r.Facts.Regime]
}

// Letter is what a person gets to read, before it is sent. An officer looks at it first.
type Letter struct {
	Text   string
	Ground string    // of a denial
	Due    time.Time // of an extension: the new date
}

const mostNote = 2000 // bytes of an officer's own words in a letter

// DenialLetter writes the letter of a denial in the request's language. note is the
// officer's own words; nothing in the letter is taken from the person's data.
func (o *Office) DenialLetter(ctx context.Context, id, reason, note string) (Letter, error) {
	r, err := o.Get(ctx, id)
	if err != nil {
		return Letter{}, err
	}
	if len(note) > mostNote {
		return Letter{}, invalid("note", "own words are up to %d bytes", mostNote)
	}
	lang, regime := r.Facts.Language, o.Laws.Regime(r.Facts.Regime, r.Received)
	g, err := o.Laws.ground(regime, r.Right, reason)
	if err != nil {
		return Letter{}, err
	}
	if g.Outcome == "other" && g.Name == "other" && strings.TrimSpace(note) == "" {
		return Letter{}, invalid("why", "for another reason, say in own words which")
	}
	if err := r.Status.To(Status("denied/" + g.Outcome)); err != nil {
		return Letter{}, err
	}
	parts := []string{say(lang, "letter.hello"), say(lang, "letter.asked."+string(r.Right), Day(lang, r.Received)),
		say(lang, "letter.no") + "\n" + say(lang, "ground."+g.Name), strings.TrimSpace(note), say(lang, "letter.law", Law(lang, g.Cites[regime.Name])),
		say(lang, "letter.appeal") + " " + say(lang, "letter.complain", regime.Where(lang)), say(lang, "letter.sign")}
	return Letter{Text: paragraphs(parts), Ground: g.Name}, nil
}

// Extensions are reasons for an extension that have words in every language; others
// are taken as they are written.
func Extensions() []string { return []string{"complex", "many"} }

// ExtensionLetter writes the notice of an extension, or says why there can be none: the
// law knows no extension, it was used already, or the time for the notice is over.
func (o *Office) ExtensionLetter(ctx context.Context, id, reason, note string) (Letter, error) {
	reason, note = strings.TrimSpace(reason), strings.TrimSpace(note)
	r, err := o.Get(ctx, id)
	switch {
	case err != nil:
		return Letter{}, err
	case reason == "":
		return Letter{}, invalid("why", "the law asks for a reason")
	case len(reason)+len(note) > mostNote:
		return Letter{}, invalid("note", "own words are up to %d bytes", mostNote)
	case r.Status.Final():
		return Letter{}, fmt.Errorf("%w: the request has ended", ErrTransition)
	}
	regime := o.Laws.Regime(r.Facts.Regime, r.Received)
	clock, err := regime.Extension(r.Facts.Clock, o.Now())
	if err != nil {
		return Letter{}, err
	}
	lang := r.Facts.Language
	if slices.Contains(Extensions(), reason) {
		reason = say(lang, "extension."+reason)
	}
	parts := []string{say(lang, "letter.hello"), say(lang, "letter.asked."+string(r.Right), Day(lang, r.Received)),
		say(lang, "letter.extended", Day(lang, r.Due), Day(lang, clock.Due)), reason, note, say(lang, "letter.law", Law(lang, clock.Cite)),
		say(lang, "letter.complain", regime.Where(lang)), say(lang, "letter.sign")}
	return Letter{Text: paragraphs(parts), Due: clock.Due}, nil
}

func paragraphs(parts []string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), "\n\n")
}

// Deny ends a request on a ground of its law, or for a reason of [Denied]. The letter
// lies sealed with the request's messages; the e-mail only says that there is one.
func (o *Office) Deny(ctx context.Context, id, officer, reason, note string) (*Request, error) {
	letter, err := o.DenialLetter(ctx, id, reason, note)
	if err != nil {
		return nil, err
	}
	r, err := o.Open(ctx, id)
	if err != nil {
		return nil, err
	}
	if r.Facts.Parent != "" { // what the letter of the first refusal promises
		if before, err := o.decided(ctx, r.Facts.Parent, officer); err != nil || before {
			return nil, errors.Join(err, fmt.Errorf("%w: an appeal is refused by somebody who has not decided on the request", ErrSame))
		}
	}
	g, err := o.Laws.ground(o.Laws.Regime(r.Facts.Regime, r.Received), r.Right, letter.Ground)
	if err != nil {
		return nil, err
	}
	to := Status("denied/" + g.Outcome)
	return o.lettered(ctx, r, letter, officer, "rights.ended", map[string]string{"status": string(to), "ground": g.Name}, func(r *Request) error {
		if err := r.Status.To(to); err != nil {
			return err
		}
		r.Status, r.Facts.Ground, r.Facts.Reason, r.nextAt = to, g.Name, g.Cites[r.Facts.Regime], time.Time{}
		return nil
	})
}

// Extend moves the date once, tells the person why, and refuses a late notice.
func (o *Office) Extend(ctx context.Context, id, officer, reason, note string) (*Request, error) {
	letter, err := o.ExtensionLetter(ctx, id, reason, note)
	if err != nil {
		return nil, err
	}
	r, err := o.Open(ctx, id)
	if err != nil {
		return nil, err
	}
	return o.lettered(ctx, r, letter, officer, "rights.extended", map[string]string{"due": letter.Due.Format(time.DateOnly)}, func(r *Request) error {
		clock, err := o.Laws.Regime(r.Facts.Regime, r.Received).Extension(r.Facts.Clock, o.Now())
		if err != nil {
			return err
		}
		r.Facts.Clock, r.Due = clock, clock.Due
		return nil
	})
}

// lettered changes a request and puts its letter beside the messages, in one
// transaction, after the trail has it; then an e-mail says that there is a letter.
func (o *Office) lettered(ctx context.Context, r *Request, letter Letter, officer, kind string, detail map[string]string, f func(r *Request) error) (*Request, error) {
	sealed, err := o.Keys.Seal(ctx, "request/"+r.ID, []byte(mustJSON(Message{Sender: officer, Text: letter.Text})))
	if err != nil {
		return nil, fmt.Errorf("seal letter: %w", err)
	}
	receipt, err := o.note(ctx, r, kind, officer, "allowed", detail)
	if err != nil {
		return nil, err
	}
	event := strings.TrimPrefix(kind, "rights.")
	out, err := o.change(ctx, r.ID, func(tx *sql.Tx, r *Request) error {
		if err := f(r); err != nil {
			return err
		}
		var n int
		if err := tx.QueryRowContext(ctx, "SELECT COUNT(*) FROM rights_messages WHERE request = $1", r.ID).Scan(&n); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, "INSERT INTO rights_messages (request, seq, at, sender, body) VALUES ($1, $2, $3, $4, $5)", r.ID, n+1, o.Now().UnixMicro(), officer, sealed)
		return errors.Join(err, o.tell(ctx, tx, r, event, officer, string(receipt), detail))
	})
	if err != nil {
		return nil, err
	}
	out.Body = r.Body
	return out, o.mail(ctx, out, event)
}

// Because is in a language why something is kept or withheld, for the name that a plan
// gives; a name without words is told as it is.
func Because(lang, why string) string {
	key := "why." + why
	if why == neverShown {
		key = "why.never"
	}
	if text := say(lang, key); text != key {
		return text
	}
	return why
}

// neverShown is the plan's name for what no answer holds.
const neverShown = "held, never shown"
