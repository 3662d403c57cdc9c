package main

import (
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/privet-gateway/privet/audit/keeper"
	"github.com/privet-gateway/privet/audit/rights"
	"github.com/privet-gateway/privet/audit/store"
	"github.com/privet-gateway/privet/gateway/console"
	"github.com/privet-gateway/privet/gateway/portal"
	"github.com/privet-gateway/privet/redact"
)

// privacyConfig is the privacy office: which systems hold what, and who asks.
type privacyConfig struct {
	Map        string                     `yaml:"map"`        // data map, YAML
	Fides      []string                   `yaml:"fides"`      // or Fides dataset files to import
	Systems    map[string]holderConfig    `yaml:"systems"`    // by name in the map
	Recipients map[string]recipientConfig `yaml:"recipients"` // by the name the map gives after "notify:"
	Directory  directoryConfig            `yaml:"directory"`  // the system of record
	Packages   string                     `yaml:"packages"`   // directory of access packages
	Grace      time.Duration              `yaml:"grace"`      // between the last approval of an erasure and its first write
	Officers   []string                   `yaml:"officers"`   // roles that decide; default privacy
	Own        map[string]string          `yaml:"own"`        // officers who are cardholders too: their subject, on which they do not decide
	OpenDSR    *openDSRConfig             `yaml:"opendsr"`
	DRP        *drpConfig                 `yaml:"drp"`
}

// holderConfig has one of its parts. In them ${NAME} is taken from the environment and
// ${vault:PATH#FIELD} from a KV engine of the keeper's Vault.
type holderConfig struct {
	HTTP        string `yaml:"http"`     // declaration, YAML
	API         string `yaml:"api"`      // a declaration that comes with Privet: stripe, hubspot, mailchimp
	Postgres    string `yaml:"postgres"` // URL
	Transcripts string `yaml:"transcripts"`
	Manual      bool   `yaml:"manual"` // people do it, and two attest
}

// recipientConfig is who was given data and hears what became of it (GDPR Art. 19).
type recipientConfig struct {
	URL    string `yaml:"url"`    // gets a POST of right, identities and new values
	Bearer string `yaml:"bearer"` // ${NAME} or ${vault:PATH#FIELD}
}

type directoryConfig struct {
	System     string `yaml:"system"`
	Collection string `yaml:"collection"`
	Subject    string `yaml:"subject"` // field names
	Phone      string `yaml:"phone"`
	Name       string `yaml:"name"`
	Changed    string `yaml:"changed"`     // RFC 3339: a code to an address changed less than 72 h ago is not enough
	PhoneSince string `yaml:"phone_since"` // RFC 3339: a telephone that stood 72 h takes a second code
}

type openDSRConfig struct {
	Domain      string `yaml:"domain"`
	Certificate string `yaml:"certificate"`
	Key         string `yaml:"key"`
	Controllers []struct {
		ID    string   `yaml:"id"`
		Key   string   `yaml:"key_env"`
		Hosts []string `yaml:"hosts"`
	} `yaml:"controllers"`
}

type drpConfig struct {
	Business string `yaml:"business"`
	Agents   string `yaml:"agents"` // the network's agent directory, JSON
}

// complete makes the paths of the file absolute.
func (p *privacyConfig) complete(path func(string) string) {
	p.Map, p.Packages = path(p.Map), path(p.Packages)
	for i := range p.Fides {
		p.Fides[i] = path(p.Fides[i])
	}
	for name, h := range p.Systems {
		h.HTTP, h.Transcripts = path(h.HTTP), path(h.Transcripts)
		p.Systems[name] = h
	}
	if p.OpenDSR != nil {
		p.OpenDSR.Certificate, p.OpenDSR.Key = path(p.OpenDSR.Certificate), path(p.OpenDSR.Key)
	}
	if p.DRP != nil {
		p.DRP.Agents = path(p.DRP.Agents)
	}
}

// openMap reads the data map and adds Privet's own stores to it.
func (p *privacyConfig) openMap() (*rights.Map, error) {
	m := &rights.Map{Version: "own"}
	if p.Map != "" {
		raw, err := os.ReadFile(p.Map)
		if err != nil {
			return nil, fmt.Errorf("read data map: %w", err)
		}
		if m, err = rights.ParseMap(raw); err != nil {
			return nil, fmt.Errorf("%s: %w", p.Map, err)
		}
	}
	for _, file := range p.Fides {
		raw, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read data map: %w", err)
		}
		more, err := rights.ImportFides(raw)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		m.Systems = append(m.Systems, more.Systems...)
	}
	m.Systems = append(m.Systems, rights.HouseSystem())
	return m, nil
}

// holder opens one system's holder.
func (h *house) holder(ctx context.Context, name string, c holderConfig) (rights.Holder, error) {
	lookup := func(name string) (string, error) { return h.secret(ctx, name) }
	switch {
	case c.HTTP != "":
		raw, err := os.ReadFile(c.HTTP)
		if err != nil {
			return nil, fmt.Errorf("system %s: %w", name, err)
		}
		text, err := rights.Expand(string(raw), lookup)
		if err != nil {
			return nil, fmt.Errorf("system %s: %s: %w", name, c.HTTP, err)
		}
		api, err := rights.ParseAPI([]byte(text))
		if err != nil {
			return nil, fmt.Errorf("system %s: %s: %w", name, c.HTTP, err)
		}
		return rights.NewHTTP(api, nil)
	case c.API != "":
		api, err := rights.KnownAPI(c.API, lookup)
		if err != nil {
			return nil, fmt.Errorf("system %s: %w", name, err)
		}
		return rights.NewHTTP(api, nil)
	case c.Postgres != "":
		address, err := rights.Expand(c.Postgres, lookup)
		if err != nil {
			return nil, fmt.Errorf("system %s: %w", name, err)
		}
		db, err := sql.Open("pgx", address)
		if err != nil {
			return nil, fmt.Errorf("system %s: %w", name, err)
		}
		h.onClose(func() { _ = db.Close() })
		return rights.NewPostgres(rights.PostgresConfig{DB: db}), nil
	case c.Transcripts != "":
		return rights.NewTranscripts(c.Transcripts)
	case c.Manual:
		return &rights.Manual{}, nil
	}
	return nil, fmt.Errorf("system %s: want one of http, api, postgres, transcripts, manual", name)
}

// secret is the value of a name in a declaration.
func (h *house) secret(ctx context.Context, name string) (string, error) {
	ref, ok := strings.CutPrefix(name, "vault:")
	if !ok {
		return os.Getenv(name), nil
	}
	vault, ok := h.keeper.(interface {
		Secret(ctx context.Context, path, field string) (string, error)
	})
	path, field, whole := strings.Cut(ref, "#")
	switch {
	case !ok:
		return "", errors.New("the keeper is no Vault; take the value from the environment")
	case !whole || path == "" || field == "":
		return "", errors.New("want vault:PATH#FIELD")
	}
	return vault.Secret(ctx, path, field)
}

func (h *house) recipient(ctx context.Context, name string, c recipientConfig) (rights.Recipient, error) {
	to, err := url.Parse(c.URL)
	if err != nil || to.Host == "" || (to.Scheme != "https" && !isLoopback(to.Hostname())) {
		return nil, fmt.Errorf("privacy.recipients.%s: want an https address", name)
	}
	bearer, err := rights.Expand(c.Bearer, func(name string) (string, error) { return h.secret(ctx, name) })
	if err != nil {
		return nil, fmt.Errorf("privacy.recipients.%s: %w", name, err)
	}
	return rights.HTTPRecipient{URL: c.URL, Bearer: bearer}, nil
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// openOffice opens the privacy office; portalURL is where its e-mails lead.
func (h *house) openOffice(ctx context.Context, portalURL string) (*rights.Office, error) {
	p := h.cfg.Privacy
	if p == nil {
		return nil, errors.New("the configuration has no `privacy`")
	}
	m, err := p.openMap()
	if err != nil {
		return nil, err
	}
	holders := map[string]rights.Holder{"privet": &rights.House{Trail: h.trail}}
	for name, c := range p.Systems {
		if holders[name], err = h.holder(ctx, name, c); err != nil {
			return nil, err
		}
	}
	recipients := map[string]rights.Recipient{}
	for name, c := range p.Recipients {
		if recipients[name], err = h.recipient(ctx, name, c); err != nil {
			return nil, err
		}
	}
	d := p.Directory
	collection := m.Collection(d.System, d.Collection)
	if collection == nil || holders[d.System] == nil {
		return nil, fmt.Errorf("privacy.directory: the data map has no %s.%s", d.System, d.Collection)
	}
	mac, err := h.keeper.MACKey(ctx, "rights")
	if err != nil {
		return nil, fmt.Errorf("open privacy office: %w", err)
	}
	scan, err := redact.New(redact.Config{Profile: redact.Chat})
	if err != nil {
		return nil, fmt.Errorf("open privacy office: %w", err)
	}
	return rights.Open(rights.Config{DB: h.db, Trail: h.trail, Keys: h.trail, Holds: h.trail, Signer: h.keeper, Post: h.post, Map: m, Holders: holders, Recipients: recipients,
		Directory:  rights.HolderDirectory{Holder: holders[d.System], Collection: collection, Subject: d.Subject, Phone: d.Phone, Name: d.Name, Changed: d.Changed, PhoneSince: d.PhoneSince},
		Transcript: others{scan}, MAC: mac, Packages: p.Packages, Portal: portalURL, Grace: p.Grace, Log: h.log})
}

// others finds personal data in conversations.
type others struct{ scan *redact.Engine }

// Find looks at a whole conversation, so that a number dictated over several turns is
// found in all of them.
func (o others) Find(_ context.Context, turns []rights.Turn, _ string) ([][]rights.Found, error) {
	said := make([]redact.Turn, len(turns))
	for i, t := range turns {
		said[i] = redact.Turn{Speaker: t.Speaker, Text: t.Text}
	}
	out := make([][]rights.Found, 0, len(turns))
	for _, t := range o.scan.Conversation(said) {
		found := make([]rights.Found, 0, len(t.Spans))
		for _, s := range t.Spans {
			found = append(found, rights.Found{Start: s.Start, End: s.End, Class: string(s.Class)})
		}
		out = append(out, found)
	}
	return out, nil
}

// mountPrivacy adds portal and console to the hosts and starts the office's work.
func (h *house) mountPrivacy(hosts map[string]http.Handler) error {
	if h.cfg.Privacy == nil {
		return nil
	}
	ctx, stop := context.WithCancel(context.Background())
	h.onClose(stop)
	portalURL := h.cfg.at(h.cfg.Hosts.Portal).String()
	office, err := h.openOffice(ctx, portalURL)
	if err != nil {
		return err
	}
	cfg := portal.Config{Office: office, Log: h.log}
	office.Callbacks = map[string]rights.Callback{}
	if cfg.OpenDSR, err = h.openDSR(office, portalURL); err != nil {
		return err
	}
	if cfg.OpenDSR != nil {
		office.Callbacks["opendsr"] = cfg.OpenDSR.Callback
	}
	if cfg.DRP, err = h.openDRP(office); err != nil {
		return err
	}
	if cfg.DRP != nil {
		office.Callbacks["drp"] = cfg.DRP.Callback
	}
	if hosts[h.cfg.Hosts.Portal], err = portal.New(cfg); err != nil {
		return fmt.Errorf("open portal: %w", err)
	}
	officers, err := console.New(console.Config{Office: office, Trail: h.trail, Door: h.door, Desk: h.cfg.at(h.cfg.Hosts.Desk), Acting: h.cfg.Privacy.Officers, Own: h.cfg.Privacy.Own,
		Rules: func() console.Rules { return h.inForce().policy }, Exports: h.cfg.Trail.Exports, Log: h.log})
	if err != nil {
		return fmt.Errorf("open console: %w", err)
	}
	hosts[h.cfg.Hosts.Console] = officers
	if h.cfg.rehearsal {
		return nil
	}
	var work sync.WaitGroup
	work.Go(func() { _ = office.Run(ctx) })
	work.Go(func() { officers.Run(ctx) })
	h.onClose(func() { stop(); work.Wait() })
	return nil
}

func (h *house) openDSR(office *rights.Office, portalURL string) (*portal.OpenDSR, error) {
	c := h.cfg.Privacy.OpenDSR
	if c == nil {
		return nil, nil
	}
	certificate, err := tls.LoadX509KeyPair(c.Certificate, c.Key)
	if err != nil {
		return nil, fmt.Errorf("privacy.opendsr: %w", err)
	}
	cfg := portal.OpenDSRConfig{Office: office, Domain: c.Domain, Base: portalURL + "/opendsr", Certificate: certificate}
	for _, partner := range c.Controllers {
		key, err := environ(partner.Key)
		if err != nil {
			return nil, fmt.Errorf("privacy.opendsr: controller %s: %w", partner.ID, err)
		}
		cfg.Controllers = append(cfg.Controllers, portal.Controller{ID: partner.ID, Key: key, Hosts: partner.Hosts})
	}
	return portal.NewOpenDSR(cfg)
}

func (h *house) openDRP(office *rights.Office) (*portal.DRP, error) {
	c := h.cfg.Privacy.DRP
	if c == nil {
		return nil, nil
	}
	raw, err := os.ReadFile(c.Agents)
	if err != nil {
		return nil, fmt.Errorf("privacy.drp: %w", err)
	}
	cfg := portal.DRPConfig{Office: office, Business: c.Business}
	if err := json.Unmarshal(raw, &cfg.Agents); err != nil {
		return nil, fmt.Errorf("privacy.drp: %s: %w", c.Agents, err)
	}
	return portal.NewDRP(cfg)
}

// patient lets a command's transactions wait; nobody is on the line.
func patient(ctx context.Context) context.Context { return store.Patient(ctx, 30*time.Second) }

// short is the front of a request's number, as pages and e-mails show it.
func short(id string) string { return id[:min(8, len(id))] }

// trimmed is one line of a longer text.
func trimmed(s string) string { s, _, _ = strings.Cut(s, "\n"); return s }

// verifier checks signatures of packages and evidence by the keeper's public keys.
func verifier(keys []keeper.PublicKey) func(message, signature []byte, version int) bool {
	return func(message, signature []byte, version int) bool {
		for _, k := range keys {
			if k.Version == version {
				return ed25519.Verify(k.Ed25519, message, signature)
			}
		}
		return false
	}
}
