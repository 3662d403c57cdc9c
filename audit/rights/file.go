package rights

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/mail"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Filing is what a cardholder, or a partner for one, sends in.
type Filing struct {
	Right        Right        `json:"right"`
	Email        string       `json:"email"`
	Name         string       `json:"name"`
	Phone        string       `json:"phone"`
	Language     string       `json:"language"`
	Jurisdiction string       `json:"jurisdiction"`
	Text         string       `json:"text"`
	Corrections  []Correction `json:"corrections"`
	Agent        *Proxy       `json:"agent"`
	Document     *File        `json:"document"` // an agent's: it shows that they may ask

	Channel   string    `json:"-"` // "" is the portal
	External  string    `json:"-"`
	Callbacks []string  `json:"-"`
	Proven    string    `json:"-"` // a partner vouches: how; "" sends a code
	Received  time.Time `json:"-"` // when the partner received it; zero: now

	of *Request // an appeal's: the request it is about, opened
}

// Languages that requests, pages and e-mails speak.
func Languages() []string { return []string{"en", "es", "zh", "fr", "de", "pt"} }

// check mends what can be mended and refuses the rest with what to do.
func (f *Filing) check(m *Map) error {
	f.Email, f.Name, f.Phone = strings.TrimSpace(f.Email), strings.TrimSpace(f.Name), strings.TrimSpace(f.Phone)
	if !slices.Contains([]Right{Access, Correct, Erase}, f.Right) {
		return fmt.Errorf(`%w: right is %q; it can be "access", "correct" or "erase"`, ErrInvalid, f.Right)
	}
	if a, err := mail.ParseAddress(f.Email); err != nil || a.Address != f.Email || len(f.Email) > 254 {
		return invalid("email", "email is not an address")
	}
	if len(f.Name) > 200 || len(f.Text) > 4000 || len(f.Phone) > 40 || len(f.Jurisdiction) > 40 || !utf8.ValidString(f.Name+f.Text) {
		return invalid("long", "name up to 200, text up to 4000 bytes of UTF-8")
	}
	if !slices.Contains(Languages(), f.Language) {
		f.Language = "en"
	}
	if err := f.checkAgent(); err != nil {
		return err
	}
	if f.Right != Correct {
		f.Corrections = nil
		return nil
	}
	if len(f.Corrections) == 0 || len(f.Corrections) > 20 {
		return invalid("correction", `a correction needs between 1 and 20 "corrections" of {"field","old","new"}`)
	}
	for _, w := range f.Corrections {
		kind := m.validator(w.Field)
		if kind == "" {
			return invalid("field", "%q cannot be corrected here; fields are %s", w.Field, strings.Join(m.Correctable(), ", "))
		}
		if err := Validate(kind, w.New); err != nil {
			return fmt.Errorf("corrections, %s: %w", w.Field, err)
		}
	}
	return nil
}

// checkAgent looks at who asks for somebody, and at the document they show (11 CCR 7063).
func (f *Filing) checkAgent() error {
	if f.Agent == nil {
		if f.Document != nil {
			return fmt.Errorf("%w: a document is filed by an agent only; others attach theirs once identity is proven", ErrInvalid)
		}
		return nil
	}
	a := f.Agent
	if a.Name, a.Email = strings.TrimSpace(a.Name), strings.TrimSpace(a.Email); a.Name == "" || len(a.Name) > 200 || len(a.Permission) > 200 || !utf8.ValidString(a.Name+a.Permission) {
		return invalid("agent", "an agent has a name of up to 200 bytes")
	}
	if to, err := mail.ParseAddress(a.Email); a.Email != "" && (err != nil || to.Address != a.Email || len(a.Email) > 254) {
		return invalid("agent_email", "agent.email is not an address")
	}
	if f.Document == nil {
		return nil
	}
	looked, err := CheckFile(f.Document.Name, f.Document.Bytes)
	f.Document = &looked
	return err
}

// validator is how a field (by name or class) is checked; "" if it cannot be corrected.
func (m *Map) validator(field string) string {
	for _, s := range m.Systems {
		for _, c := range s.Collections {
			for _, f := range c.Fields {
				if f.answers(field, s.Name, c.Name) {
					return f.Correctable
				}
			}
		}
	}
	return ""
}

// Correctable lists the names of fields that can be corrected.
func (m *Map) Correctable() (names []string) {
	for _, s := range m.Systems {
		for _, c := range s.Collections {
			for _, f := range c.Fields {
				if f.Correctable != "" && !slices.Contains(names, f.Name) {
					names = append(names, f.Name)
				}
			}
		}
	}
	return names
}

// File takes a request in. The answer is the same whether or not the person is
// known: who owns the address learns more from the code sent there.
func (o *Office) File(ctx context.Context, f Filing) (*Request, error) {
	if err := f.check(o.Map); err != nil {
		return nil, err
	}
	now := o.Now().UTC()
	received := now
	if !f.Received.IsZero() && f.Received.Before(now) {
		received = f.Received.UTC()
	}
	regime := o.Laws.Regime(f.Jurisdiction, received)
	r := &Request{ID: newID(), Right: f.Right, Status: Received, Received: received, tag: o.tag("email", f.Email),
		Facts: Facts{Regime: regime.Name, Language: f.Language, Channel: cmp.Or(f.Channel, "portal"), Notice: o.Map.Version, NoticeDigest: o.Map.Digest(), Clock: regime.Start(received),
			External: f.External},
		Body: &Body{Email: f.Email, Name: f.Name, Phone: f.Phone, Place: f.Jurisdiction, Text: f.Text, Corrections: f.Corrections, Agent: f.Agent, Callbacks: f.Callbacks}}
	r.Due = r.Facts.Clock.Due
	if f.of != nil { // whose proof it carries on: nothing is asked that its person has not asked before
		r.Status, r.Facts.Parent, r.Facts.Proven, r.Facts.Level = Appealed, f.of.ID, f.of.Facts.Proven, f.of.Facts.Level
		r.Body.Subject, r.Body.Seeds = f.of.Body.Subject, f.of.Body.Seeds
	}
	if f.External != "" {
		before, err := o.ByExternal(ctx, f.External)
		if err == nil {
			return o.identify(ctx, before, f.Proven)
		}
		if !errors.Is(err, ErrUnknown) {
			return nil, err
		}
	}
	document, err := o.sealFiling(ctx, r, f.Document)
	if err != nil {
		return nil, fmt.Errorf("file request: %w", err)
	}
	receipt, err := o.note(ctx, r, "rights.filed", cardholder, "allowed", map[string]string{"right": string(r.Right), "regime": regime.Name, "channel": r.Facts.Channel})
	if err != nil {
		return nil, err
	}
	if err := o.insert(ctx, r, document, string(receipt)); err != nil {
		return nil, fmt.Errorf("file request: %w", err)
	}
	return o.identify(ctx, r, f.Proven)
}

// identify takes a partner's word for who asks, or sends the code that will tell. A
// partner that sends a request again has it go on here if that broke off before.
func (o *Office) identify(ctx context.Context, r *Request, vouched string) (*Request, error) {
	if r.Status != Received {
		return r, nil // begun, or an appeal
	}
	if vouched != "" {
		return o.proven(ctx, r.ID, vouched)
	}
	if err := o.SendCode(ctx, r.ID, forIdentity); err != nil {
		return r, err
	}
	return o.Get(ctx, r.ID)
}

// sealFiling seals what is personal in a new request, and its agent's document as the
// first message.
func (o *Office) sealFiling(ctx context.Context, r *Request, document *File) (sealed []byte, err error) {
	if err := errors.Join(o.keepNotice(ctx), o.sealBody(ctx, r)); err != nil || document == nil {
		return nil, err
	}
	return o.Keys.Seal(ctx, "request/"+r.ID, []byte(mustJSON(Message{Sender: agentSender, Files: []File{*document}})))
}

func (o *Office) insert(ctx context.Context, r *Request, document []byte, receipt string) error {
	facts := mustJSON(r.Facts)
	return o.DB.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO rights_requests (id, status, asks, tag, received, due, next_at, lease, lease_until, facts, body)
			VALUES ($1, $2, $3, $4, $5, $6, 0, 0, 0, $7, $8)`, r.ID, r.Status, r.Right, r.tag, r.Received.UnixMicro(), r.Due.UnixMicro(), facts, r.body)
		if err == nil && r.Facts.External != "" {
			_, err = tx.ExecContext(ctx, "INSERT INTO rights_external (mac, request) VALUES ($1, $2)", o.mac("external", r.Facts.External), r.ID)
		}
		if err == nil && document != nil {
			_, err = tx.ExecContext(ctx, "INSERT INTO rights_messages (request, seq, at, sender, body) VALUES ($1, 1, $2, $3, $4)", r.ID, o.Now().UnixMicro(), agentSender, document)
		}
		if err != nil {
			return err
		}
		return o.tell(ctx, tx, r, "filed", cardholder, receipt, map[string]string{"right": string(r.Right), "regime": r.Facts.Regime})
	})
}

// Verify proves identity by the code that was sent. The counter is raised in the
// same statement that reads it, so parallel guesses get no more than the limit.
func (o *Office) Verify(ctx context.Context, id, code string) (*Request, error) {
	r, err := o.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	if r.Status != IdentityPending && r.Status != Received {
		return nil, fmt.Errorf("%w: identity is proven already", ErrTransition)
	}
	purpose := forIdentity
	switch {
	case r.Facts.Cools != nil:
		return nil, fmt.Errorf("%w: the code was right; the address was changed lately and is trusted from %s", ErrTransition, r.Facts.Cools.Format(time.RFC3339))
	case r.Facts.Second:
		purpose = forSecond
	}
	if err := o.tryCode(ctx, id, purpose, code); err != nil {
		if errors.Is(err, ErrCode) || errors.Is(err, ErrCodeSpent) {
			if noted := o.wrongCode(ctx, r, err); noted != nil {
				return nil, noted
			}
		}
		return nil, err
	}
	if r.Facts.Second {
		return o.proven(ctx, id, "codes by e-mail and telephone")
	}
	return o.confirmed(ctx, id)
}

// proven records proof of identity, finds the person, merges duplicates and lets
// planning begin. A person the directory does not know learns it only now.
func (o *Office) proven(ctx context.Context, id, level string) (*Request, error) {
	r, err := o.Open(ctx, id)
	if err != nil {
		return nil, err
	}
	people, err := o.Directory.Find(ctx, "email", r.Body.Email)
	if err != nil {
		return nil, fmt.Errorf("find person: %w", err)
	}
	r.Body.Seeds = Identity{"email": {r.Body.Email}}
	if len(people) == 1 {
		p := people[0]
		r.Body.Subject = p.Subject
		r.Body.Seeds["subject"] = []string{p.Subject}
		if p.Phone != "" {
			r.Body.Seeds["phone"] = []string{p.Phone}
		}
	}
	if err := o.sealBody(ctx, r); err != nil {
		return nil, err
	}
	receipt, err := o.note(ctx, r, "rights.verify", cardholder, "allowed", map[string]string{"level": level})
	if err != nil {
		return nil, err
	}
	body := r.body
	now := o.Now().UTC()
	out, err := o.change(ctx, id, func(tx *sql.Tx, r *Request) error {
		regime := o.Laws.Regime(r.Facts.Regime, r.Received)
		r.Status, r.body, r.Facts.Proven, r.Facts.Level, r.nextAt = Verified, body, &now, level, now
		r.Facts.Clock = regime.Proven(r.Facts.Clock, now)
		r.Due = r.Facts.Clock.Due
		return o.tell(ctx, tx, r, "verified", cardholder, string(receipt), map[string]string{"level": level})
	})
	if err != nil {
		return nil, err
	}
	switch {
	case len(people) == 0:
		out, err = o.end(ctx, id, DeniedNoMatch, "no account belongs to this address")
	case len(people) > 1:
		out, err = o.end(ctx, id, DeniedNotVerified, "the address belongs to several accounts")
	default:
		out, err = o.mergeInto(ctx, out)
	}
	o.nudge()
	return out, err
}

// mergeInto ends a request whose person has the same right open already, proven
// both times. Nobody else's filing can stop a request this way.
func (o *Office) mergeInto(ctx context.Context, r *Request) (*Request, error) {
	var survivor string
	err := o.DB.Read(ctx, func(tx *sql.Tx) error {
		survivor = ""
		rows, err := tx.QueryContext(ctx, "SELECT "+requestColumns+" FROM rights_requests WHERE tag = $1 AND asks = $2 AND id <> $3 ORDER BY received, id", r.tag, r.Right, r.ID)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			other, err := scanRequest(rows)
			if err != nil {
				return err
			}
			if survivor == "" && other.Facts.Proven != nil && other.Facts.Parent == "" && !other.Status.Final() && !other.Facts.Begun {
				survivor = other.ID
			}
		}
		return rows.Err()
	})
	if err != nil || survivor == "" || r.Right == Correct {
		return r, err
	}
	return o.change(ctx, r.ID, func(tx *sql.Tx, r *Request) error {
		r.Status, r.Facts.Survivor, r.nextAt = Merged, survivor, time.Time{}
		return o.tell(ctx, tx, r, "merged", machine, "", map[string]string{"into": survivor})
	})
}

// Withdraw takes a request back. It is honoured until the first write was intended.
func (o *Office) Withdraw(ctx context.Context, id string) (*Request, error) {
	r, err := o.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	if err := r.Status.To(Withdrawn); err != nil {
		return nil, err
	}
	receipt, err := o.note(ctx, r, "rights.withdrawn", cardholder, "allowed", nil)
	if err != nil {
		return nil, err
	}
	out, err := o.change(ctx, id, func(tx *sql.Tx, r *Request) error {
		r.Status, r.nextAt = Withdrawn, time.Time{}
		return o.tell(ctx, tx, r, "withdrawn", cardholder, string(receipt), nil)
	})
	if err == nil && out.Facts.Proven != nil { // the number was enough for it: its person hears of it
		err = o.mail(ctx, out, "withdrawn")
	}
	return out, err
}

// Appeal files a linked request about one that has ended; while one is open it is
// that one.
func (o *Office) Appeal(ctx context.Context, id, text string) (*Request, error) {
	r, err := o.Open(ctx, id)
	if err != nil {
		return nil, err
	}
	if !r.Status.Final() || r.Status == Merged || r.Status == Withdrawn {
		return nil, fmt.Errorf("%w: only an answered request can be appealed", ErrTransition)
	}
	if r.Facts.Proven == nil {
		return nil, ErrUnproven
	}
	if open, err := o.appealOf(ctx, r); err != nil || open != nil {
		return open, err
	}
	b := r.Body
	return o.File(ctx, Filing{Right: r.Right, Email: b.Email, Name: b.Name, Language: r.Facts.Language, Jurisdiction: b.Place,
		Text: text, Corrections: b.Corrections, Agent: b.Agent, Channel: r.Facts.Channel, of: r})
}

// decided says whether an officer has approved or refused a request: about its appeal
// somebody else says no.
func (o *Office) decided(ctx context.Context, id, officer string) (bool, error) {
	events, err := o.Timeline(ctx, id)
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(events, func(e Event) bool {
		return e.Actor == officer && slices.Contains([]string{"approved_once", "approved", "ended"}, e.Kind)
	}), nil
}

// appealOf is the open appeal of a request, or nil.
func (o *Office) appealOf(ctx context.Context, r *Request) (open *Request, err error) {
	err = o.DB.Read(ctx, func(tx *sql.Tx) error {
		open = nil
		rows, err := tx.QueryContext(ctx, "SELECT "+requestColumns+" FROM rights_requests WHERE tag = $1 AND asks = $2 AND received >= $3", r.tag, r.Right, r.Received.UnixMicro())
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			other, err := scanRequest(rows)
			if err != nil {
				return err
			}
			if other.Facts.Parent == r.ID && !other.Status.Final() {
				open = other
			}
		}
		return rows.Err()
	})
	return open, err
}

// end closes a request with an outcome that needs no execution, and tells the person.
func (o *Office) end(ctx context.Context, id string, s Status, reason string) (*Request, error) {
	r, err := o.Open(ctx, id)
	if err != nil {
		return nil, err
	}
	if err := r.Status.To(s); err != nil {
		return nil, err
	}
	receipt, err := o.note(ctx, r, "rights.ended", machine, "allowed", map[string]string{"status": string(s)})
	if err != nil {
		return nil, err
	}
	out, err := o.change(ctx, id, func(tx *sql.Tx, r *Request) error {
		r.Status, r.Facts.Reason, r.nextAt = s, reason, time.Time{}
		return o.tell(ctx, tx, r, "ended", machine, string(receipt), map[string]string{"status": string(s), "reason": reason})
	})
	if err != nil {
		return nil, err
	}
	out.Body = r.Body
	return out, o.mail(ctx, out, "ended")
}
