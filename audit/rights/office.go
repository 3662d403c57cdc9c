package rights

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"embed"
	"encoding/base32"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/privet-gateway/privet/audit"
	"github.com/privet-gateway/privet/audit/store"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Schema is the tables of this package.
func Schema() store.Schema {
	sub, err := fs.Sub(migrations, "migrations")
	if err != nil {
		panic(err) // the embedded directory has this name
	}
	return store.Schema{Owner: "rights", FS: sub}
}

// Trail writes acts down before they happen.
type Trail interface {
	Append(ctx context.Context, e audit.Event) (audit.Receipt, error)
}

// Keys seals under a subject's own key. Requests have subjects of their own, "request/ID".
type Keys interface {
	Seal(ctx context.Context, subject string, plain []byte) ([]byte, error)
	Open(ctx context.Context, subject string, sealed []byte) ([]byte, error)
}

// Signer signs packages and evidence; the keeper is one.
type Signer interface {
	Sign(ctx context.Context, message []byte) (signature []byte, version int, err error)
}

// Post sends one message to a person.
type Post interface {
	Send(ctx context.Context, to, subject, body string) error
}

// Directory finds who an identifier belongs to.
type Directory interface {
	Find(ctx context.Context, kind, value string) ([]Person, error)
}

// Person is a cardholder as the directory knows them.
type Person struct {
	Subject    string
	Email      string
	Phone      string
	Name       string
	Changed    time.Time // when the address was last changed; zero if not known
	PhoneSince time.Time // since when the telephone has stood; zero if not known
}

// Recipient was given data once and is told what became of it (GDPR Art. 19).
// A notice with an idem it has seen changes nothing.
type Recipient interface {
	Notify(ctx context.Context, n Notice, idem string) error
}

// Notice is what a recipient is told.
type Notice struct {
	Right      Right             `json:"right"`
	Identities Identity          `json:"identities"`
	Set        map[string]string `json:"set,omitempty"` // of a correction: class → new value
}

// Config of the office. What has no default says so.
type Config struct {
	DB         *store.DB            // with Schema; no default
	Trail      Trail                // no default
	Keys       Keys                 // no default
	Signer     Signer               // no default
	Post       Post                 // no default
	Directory  Directory            // no default
	Map        *Map                 // no default
	Holders    map[string]Holder    // by system; no default
	Holds      Holds                // the trail's; nil: it holds nobody
	Recipients map[string]Recipient // by name
	Transcript Redactor             // finds personal data in transcripts of a package; nil: transcripts are withheld
	Callbacks  map[string]Callback  // by channel: tells partners of a status
	Laws       *Laws                // nil: the built-in ones
	MAC        []byte               // 32 bytes: tags, codes and tokens; no default
	Packages   string               // directory of access packages; no default
	Portal     string               // its URL, for links in e-mails
	Grace      time.Duration        // between the last approval of an erasure and its first write
	Now        func() time.Time     // nil: time.Now
	Log        *slog.Logger         // nil: discarded
	Poll       time.Duration        // how often due work is looked for; 0: 1 s
	Workers    int                  // requests advanced at once; 0: 4
}

// Office files, plans and carries out privacy requests. It is safe for concurrent
// use, and several processes may share its database.
type Office struct {
	Config
	wake    chan struct{}
	noticed atomic.Bool        // the notice that stands is stored
	slack   int64              // linkSlack; tests have less
	fault   func(point string) // tests crash here
	naive   bool               // tests compare with an engine that believes a 200
}

// Errors of the office.
var (
	ErrUnknown   = errors.New("no such request")
	ErrUnproven  = errors.New("identity is not proven")
	ErrCode      = errors.New("wrong or expired code")
	ErrCodeSpent = errors.New("too many tries; ask for a new code")
	ErrSame      = errors.New("another officer has to do this")
	ErrHeld      = errors.New("a legal hold forbids this")
	ErrRange     = errors.New("the package is not that long")
	ErrLost      = errors.New("another process has taken this request over")
)

// Open makes an office and refuses a map that cannot be planned with.
func Open(cfg Config) (*Office, error) {
	if cfg.Laws == nil {
		laws, err := ReadLaws(nil)
		if err != nil {
			return nil, err
		}
		cfg.Laws = laws
	}
	if len(cfg.MAC) != 32 {
		return nil, fmt.Errorf("open privacy office: MAC wants 32 bytes, has %d", len(cfg.MAC))
	}
	for _, f := range cfg.Map.Check(cfg.Laws) {
		if f.Fatal {
			return nil, fmt.Errorf("open privacy office: %w: %s", ErrMap, f)
		}
	}
	for _, s := range cfg.Map.Systems {
		if cfg.Holders[s.Name] == nil {
			return nil, fmt.Errorf("open privacy office: system %q has no holder", s.Name)
		}
		for _, r := range s.Recipients {
			if name, ok := strings.CutPrefix(r, "notify:"); ok && cfg.Recipients[name] == nil {
				return nil, fmt.Errorf("open privacy office: recipient %q of %q is not configured", name, s.Name)
			}
		}
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	cfg.Map = cfg.Map.settle()
	cfg.Poll = cmp.Or(cfg.Poll, time.Second)
	cfg.Workers = cmp.Or(cfg.Workers, 4)
	return &Office{Config: cfg, wake: make(chan struct{}, 1), slack: linkSlack, fault: func(string) {}}, nil
}

// tag is the keyed hash by which the same identifier is recognised and nothing else learnt.
func (o *Office) tag(kind, value string) string {
	return hex.EncodeToString(o.mac("tag", kind, strings.ToLower(strings.TrimSpace(value)))[:16])
}

func (o *Office) mac(parts ...string) []byte {
	h := hmac.New(sha256.New, o.MAC)
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s;", len(p), p)
	}
	return h.Sum(nil)
}

// newID is 125 bits of chance, readable aloud: a request's number is known to its
// filer only.
func newID() string {
	raw := make([]byte, 16)
	_, _ = rand.Read(raw) // never fails
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(raw))[:25]
}

// nudge wakes a worker now rather than at the next poll.
func (o *Office) nudge() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// note writes an act of a request into the trail.
func (o *Office) note(ctx context.Context, r *Request, kind, actor, outcome string, detail map[string]string) (audit.Receipt, error) {
	e := audit.Event{Kind: kind, Outcome: outcome, Request: r.ID, Purpose: string(r.Right), Detail: detail}
	if actor != cardholder && actor != machine {
		e.Agent = actor
	}
	// Naming a subject makes a key for it: an erasure that has begun must not.
	begun := r.Right == Erase && slices.Contains([]Status{Executing, AwaitingExternal, Verifying, Notifying, NeedsAttention, CompletedFull, CompletedPartial}, r.Status)
	if r.Body != nil && r.Body.Subject != "" && !begun {
		e.Subjects = []string{r.Body.Subject}
	}
	receipt, err := o.Trail.Append(ctx, e)
	if err != nil {
		return "", fmt.Errorf("write %s down: %w", kind, err)
	}
	return receipt, nil
}

// Who acts, when it is no officer.
const (
	cardholder = "cardholder"
	machine    = "privet"
)
