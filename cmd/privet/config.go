package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/privet-gateway/privet/audit"
)

// config is the whole configuration; deploy/privet.yaml is its commented sample.
// A key that is not here is an error with its line. Paths are relative to the
// file. Secrets never stand in it: they are named by file or environment.
type config struct {
	// Listen is the one TLS address for every host.
	Listen string `yaml:"listen"`
	// Admin serves /healthz, /readyz, /metrics and /unclassified, without TLS; keep it on loopback.
	Admin   string        `yaml:"admin"`
	Hosts   hostsConfig   `yaml:"hosts"`
	Proxies proxiesConfig `yaml:"proxies"`
	Limits  limitsConfig  `yaml:"limits"`
	TLS     tlsConfig     `yaml:"tls"`
	Store   string        `yaml:"store"` // sqlite:FILE or postgres://…; ${NAME} is taken from the environment
	Keeper  keeperConfig  `yaml:"keeper"`
	Trail   trailConfig   `yaml:"trail"`
	SignIn  signInConfig  `yaml:"sign_in"`
	Policy  policyConfig  `yaml:"policy"`
	Redact  redactConfig  `yaml:"redact"`
	Tools   []toolConfig  `yaml:"tools"`
	Post    postConfig    `yaml:"post"`
	Persons personsConfig `yaml:"cardholders"`
	// Privacy is the office for cardholders' requests; without it portal and console are off.
	Privacy *privacyConfig `yaml:"privacy"`
	// ForwardAuth answers proxies that agents meet before Privet; nil: none may ask.
	ForwardAuth *forwardAuthConfig `yaml:"forward_auth"`

	rehearsal bool // opened to be looked at: nothing is carried out

	file string // the configuration's
	dir  string // of the file
}

// proxiesConfig names the proxies between agents and Privet, by address or network.
type proxiesConfig struct {
	Trusted  []string `yaml:"trusted"`  // whose X-Forwarded-For is believed
	Protocol []string `yaml:"protocol"` // who begins every connection with a PROXY header, version 1 or 2
}

// limitsConfig bounds what agents and strangers can use up.
type limitsConfig struct {
	Connections int           `yaml:"connections"` // open at the same time; default 20000
	PerAgent    int           `yaml:"per_agent"`   // requests of one agent at the same time; default 64
	Refusals    int           `yaml:"refusals"`    // a second that one address without a session gets into the trail; default 100
	Patience    time.Duration `yaml:"patience"`    // until a refusal where rules, records or trail are slow; default 200ms
	Recheck     time.Duration `yaml:"recheck"`     // how often an open stream is decided anew; default 100ms
}

// forwardAuthConfig is where proxies ask whether a request may pass. Without TLS: keep it on loopback.
type forwardAuthConfig struct {
	Listen string   `yaml:"listen"`
	Peers  []string `yaml:"peers"` // the proxies' addresses
}

// hostsConfig names Privet's own hosts; each tool has its own beside them.
type hostsConfig struct {
	Desk    string `yaml:"desk"`
	Portal  string `yaml:"portal"`
	Console string `yaml:"console"`
	Port    int    `yaml:"port"` // that people see, where it is not the one of listen
}

type tlsConfig struct {
	Certificate string       `yaml:"certificate"` // PEM chain for all hosts
	Key         string       `yaml:"key"`
	More        []pairConfig `yaml:"more"`        // for hosts that the first does not name
	TLS12       bool         `yaml:"allow_tls12"` // AEAD suites only; off, TLS 1.3 is the floor
}

// pairConfig is a certificate's files, in PEM.
type pairConfig struct {
	Certificate string `yaml:"certificate"`
	Key         string `yaml:"key"`
}

// keeperConfig has exactly one of its parts.
type keeperConfig struct {
	Local *localKeeperConfig `yaml:"local"`
	Vault *vaultKeeperConfig `yaml:"vault"`
}

// localKeeperConfig keeps keys in a sealed file; its root key comes from one of
// three places: a file of mode 0600 (made at the first start), a passphrase in
// the environment, or a systemd credential.
type localKeeperConfig struct {
	File       string `yaml:"file"`
	RootKey    string `yaml:"root_key_file"`
	Passphrase string `yaml:"passphrase_env"`
	Credential string `yaml:"systemd_credential"`
}

type vaultKeeperConfig struct {
	Address   string `yaml:"address"`
	Mount     string `yaml:"mount"` // of the transit engine
	Namespace string `yaml:"namespace"`
	CA        string `yaml:"ca"`
	Auth      string `yaml:"auth"` // token, approle, kubernetes, jwt, cert
	AuthMount string `yaml:"auth_mount"`
	Role      string `yaml:"role"`
	TokenFile string `yaml:"token_file"`
	TokenEnv  string `yaml:"token_env"`
	RoleID    string `yaml:"role_id"`
	SecretID  string `yaml:"secret_id_file"`
	Wrapped   bool   `yaml:"secret_id_wrapped"`
	JWT       string `yaml:"jwt_file"`
	Cert      string `yaml:"certificate"`
	Key       string `yaml:"key"`
}

type trailConfig struct {
	Origin string `yaml:"origin"` // the log's name in checkpoints, "example.com/privet"
	Key    string `yaml:"key"`    // where the public key for verifiers is written
	// Erased is a file that remembers who was erased, by tag, for a restore; keep it apart from backups of the records.
	Erased string `yaml:"erased"`
	// Exports is a directory for officers' archives on their way; a restart goes on with them. Default: "exports" beside a SQLite file; else they are gone with the process.
	Exports   string          `yaml:"exports"`
	Retention time.Duration   `yaml:"retention"` // entries older than this are pruned; default 8784h, 12 months (PCI DSS 4.0.1 10.5.1)
	Lease     time.Duration   `yaml:"lease"`     // how long cardholders' keys serve without the keeper; default 15m
	MaxLag    time.Duration   `yaml:"max_lag"`   // entries without the keeper's signature this long close the door; default 15m
	Tiles     string          `yaml:"tiles"`     // directory for the log as C2SP tlog-tiles, for mirrors; empty: none
	Witnesses []witnessConfig `yaml:"witnesses"` // outside parties that cosign checkpoints
	Copies    []copyConfig    `yaml:"copies"`    // collectors that get copies of entries, without personal data
}

// witnessConfig is a witness as privet-witness prints it, or a public one.
type witnessConfig struct {
	URL string `yaml:"url"`
	Key string `yaml:"key"` // NAME+HASH+KEY
}

type signInConfig struct {
	Idle     time.Duration `yaml:"idle"`     // default 15m (PCI DSS 4.0.1 8.2.8)
	Absolute time.Duration `yaml:"absolute"` // default 12h
	Lockout  time.Duration `yaml:"lockout"`  // default 30m, the least that PCI DSS 4.0.1 8.3.4 allows
	// Passkeys are the roles that must sign in with a passkey; a code does not do for them.
	Passkeys []string   `yaml:"passkeys"`
	SSO      *ssoConfig `yaml:"sso"` // nil: the local directory only
}

// ssoConfig is an OpenID provider that knows the company's people.
type ssoConfig struct {
	Issuer   string              `yaml:"issuer"`
	Client   string              `yaml:"client"`
	Secret   string              `yaml:"secret_env"` // names the environment variable
	Groups   string              `yaml:"groups"`     // claim; default groups
	Roles    map[string][]string `yaml:"roles"`      // group → roles; nobody without a role comes in
	Officers []string            `yaml:"officers"`   // roles whose bearers are officers
	AMR      []string            `yaml:"amr"`        // methods that count as a second factor; default mfa, otp, hwk
	ACR      []string            `yaml:"acr"`        // levels that do
	MaxAge   time.Duration       `yaml:"max_age"`    // since a person proved who they are there; sessions end then too; default 12h
}

type policyConfig struct {
	Rules    string        `yaml:"rules"`    // directory of Rego; empty: the rules that come with Privet
	Officers []string      `yaml:"officers"` // verifier keys of those who may approve that rules or catalogues loosen
	Approval string        `yaml:"approval"` // where such an approval lies; default policy.approval
	Bundle   *bundleConfig `yaml:"bundle"`   // instead: a signed bundle of rules and catalogues, followed while Privet runs
}

// bundleConfig says where bundles come from and whom to believe.
type bundleConfig struct {
	From      string            `yaml:"from"`      // an https URL or a file; the approval lies beside it, "….approval"
	KeyID     string            `yaml:"key_id"`    // of the one key that bundles are signed with
	Keys      map[string]string `yaml:"keys"`      // id: PEM file of the public key
	Algorithm string            `yaml:"algorithm"` // default ES256
	Officers  []string          `yaml:"officers"`  // verifier keys of those who may approve a loosening
	Keep      string            `yaml:"keep"`      // directory of the last good bundle
	Every     time.Duration     `yaml:"every"`     // default 30s
}

type redactConfig struct {
	Profile string `yaml:"profile"` // logs, chat or strict: what free text in tools is scanned for
	Rules   string `yaml:"rules"`   // detectors, context words and suppressions of one's own
	// Approval is where an officer's signature lies that either may let more through; default redact.approval.
	Approval string `yaml:"approval"`
}

// postConfig has one of its parts: a directory for .eml files, or a server.
type postConfig struct {
	Outbox string `yaml:"outbox"`
	SMTP   string `yaml:"smtp"` // host:port, with STARTTLS
	From   string `yaml:"from"`
	User   string `yaml:"user"`
	Pass   string `yaml:"password_env"`
}

// personsConfig says where the address on file of a cardholder is found: a JSON
// document at URL, {subject} replaced, and the paths of the channels in it.
type personsConfig struct {
	URL      string            `yaml:"url"`
	Find     string            `yaml:"find"`     // {email} replaced: the subjects with this address
	Channels map[string]string `yaml:"channels"` // channel → path, "sms: phone.mobile"
	// Undated takes channels of which the system does not say when they changed (PATH_changed_at); refused otherwise.
	Undated bool `yaml:"undated_channels"`
	// Questions verify a caller instead of a code, three at least; ask what agents cannot see.
	Questions map[string]questionConfig `yaml:"questions"`
}

// questionConfig is put to a caller; Privet compares the answer and shows it to nobody.
type questionConfig struct {
	Path string            `yaml:"path"` // of the answer in the record
	Text map[string]string `yaml:"text"` // by language; birth_date, postcode, street, employer, opened and username have one
}

// readConfig reads, completes and checks a configuration file.
func readConfig(file string) (cfg *config, err error) {
	defer func() {
		if recover() != nil { // the library panics on some tags; a reload must survive them
			cfg, err = nil, fmt.Errorf("%s: cannot be read as YAML; look for tags (!) and aliases (*) that point nowhere", file)
		}
	}()
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	dir, err := filepath.Abs(filepath.Dir(file))
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	cfg = &config{
		Listen: "127.0.0.1:8443", Admin: "127.0.0.1:9464", Store: "sqlite:privet.db",
		Trail:  trailConfig{Origin: "privet.localhost/trail", Key: "trail.vkey", Erased: "trail.erased", Retention: audit.DefaultRetention},
		SignIn: signInConfig{Idle: 15 * time.Minute, Absolute: 12 * time.Hour, Lockout: 30 * time.Minute},
		Redact: redactConfig{Profile: "chat"},
		file:   file,
		dir:    dir,
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text), yaml.Strict())
	if err := decoder.Decode(cfg); errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: is empty; deploy/privet.yaml is a commented sample", file)
	} else if err != nil {
		return nil, fmt.Errorf("%s: %s", file, strings.TrimSpace(yaml.FormatError(err, false, true)))
	}
	if err := cfg.complete(); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return cfg, nil
}

// complete makes paths absolute and refuses what cannot work, all at once.
func (c *config) complete() error {
	var errs []error
	want := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	c.Store = os.ExpandEnv(c.Store)
	if file, ok := strings.CutPrefix(c.Store, "sqlite:"); ok {
		c.Store = "sqlite:" + c.path(file)
	}
	for _, address := range []string{c.Listen, c.Admin} {
		_, _, err := net.SplitHostPort(address)
		want(err == nil, "listen, admin: %q is not host:port", address)
	}
	for name, host := range map[string]string{"desk": c.Hosts.Desk, "portal": c.Hosts.Portal, "console": c.Hosts.Console} {
		want(host != "" && host == strings.ToLower(host), "hosts.%s: want a host name in small letters", name)
	}
	if _, port, err := net.SplitHostPort(c.Listen); err == nil && c.Hosts.Port == 0 {
		c.Hosts.Port, err = strconv.Atoi(port)
		want(err == nil && c.Hosts.Port > 0, "listen: want a port by its number")
	}
	want((c.Keeper.Local == nil) != (c.Keeper.Vault == nil), "keeper: want one of local and vault")
	if l := c.Keeper.Local; l != nil {
		l.File, l.RootKey = c.path(l.File), c.path(l.RootKey)
	}
	if v := c.Keeper.Vault; v != nil {
		for _, p := range []*string{&v.CA, &v.TokenFile, &v.SecretID, &v.JWT, &v.Cert, &v.Key} {
			*p = c.path(*p)
		}
	}
	want(c.SignIn.Lockout >= 30*time.Minute, "sign_in.lockout: PCI DSS 4.0.1 8.3.4 asks for at least 30m")
	want(len(c.Tools) > 0, "tools: want at least one")
	for i := range c.Tools {
		errs = append(errs, c.Tools[i].complete(fmt.Sprintf("tools[%d]", i), c.path)...)
	}
	errs = append(errs, c.completeDoor()...)
	errs = append(errs, c.Persons.complete())
	want((c.Post.Outbox == "") != (c.Post.SMTP == ""), "post: want one of outbox and smtp")
	c.Post.Outbox = c.path(c.Post.Outbox)
	errs = append(errs, c.completeTrail()...)
	c.Policy.Rules, c.Redact.Rules = c.path(c.Policy.Rules), c.path(c.Redact.Rules)
	c.Policy.Approval, c.Redact.Approval = c.path(cmp.Or(c.Policy.Approval, "policy.approval")), c.path(cmp.Or(c.Redact.Approval, "redact.approval"))
	if b := c.Policy.Bundle; b != nil {
		want(c.Policy.Rules == "", "policy: want one of rules and bundle")
		want(b.From != "" && b.Keys[b.KeyID] != "", "policy.bundle: want from, key_id and the file of that key")
		if !strings.HasPrefix(b.From, "https://") {
			b.From = c.path(b.From)
		}
		for id, file := range b.Keys {
			b.Keys[id] = c.path(file)
		}
		b.Keep = c.path(b.Keep)
	}
	if c.Privacy != nil {
		c.Privacy.complete(c.path)
	}
	return errors.Join(errs...)
}

// completeTrail checks where the trail and its copies go.
func (c *config) completeTrail() (errs []error) {
	want := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	c.Trail.Key = c.path(c.Trail.Key)
	c.Trail.Erased, c.Trail.Tiles, c.Trail.Exports = c.path(c.Trail.Erased), c.path(c.Trail.Tiles), c.path(c.Trail.Exports)
	if file, ok := strings.CutPrefix(c.Store, "sqlite:"); ok && c.Trail.Exports == "" {
		c.Trail.Exports = filepath.Join(filepath.Dir(file), "exports")
	}
	for i := range c.Trail.Copies {
		to := &c.Trail.Copies[i]
		to.CA, to.Cert, to.Key = c.path(to.CA), c.path(to.Cert), c.path(to.Key)
		_, _, err := net.SplitHostPort(to.Syslog)
		want(err == nil, "trail.copies[%d].syslog: %q is not host:port", i, to.Syslog)
		want((to.Cert == "") == (to.Key == ""), "trail.copies[%d]: want certificate and key, or neither", i)
	}
	want(c.Trail.Lease >= 0 && c.Trail.Lease <= 24*time.Hour && c.Trail.MaxLag >= 0 && c.Trail.MaxLag <= 24*time.Hour, "trail.lease, trail.max_lag: want times of up to 24h")
	want(c.Trail.Retention >= 90*24*time.Hour, "trail.retention: PCI DSS 4.0.1 10.5.1 asks for 12 months, three of them at hand; at least 2160h here")
	return errs
}

// completeDoor checks what stands between agents and the tools.
func (c *config) completeDoor() (errs []error) {
	want := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	want(c.TLS.Certificate != "" && c.TLS.Key != "", "tls: want certificate and key")
	c.TLS.Certificate, c.TLS.Key = c.path(c.TLS.Certificate), c.path(c.TLS.Key)
	for i := range c.TLS.More {
		p := &c.TLS.More[i]
		want(p.Certificate != "" && p.Key != "", "tls.more[%d]: want certificate and key", i)
		p.Certificate, p.Key = c.path(p.Certificate), c.path(p.Key)
	}
	lists := map[string][]string{"proxies.trusted": c.Proxies.Trusted, "proxies.protocol": c.Proxies.Protocol}
	if f := c.ForwardAuth; f != nil {
		_, _, err := net.SplitHostPort(f.Listen)
		want(err == nil, "forward_auth.listen: %q is not host:port", f.Listen)
		want(len(f.Peers) > 0, "forward_auth.peers: want the addresses of the proxies that may ask")
		lists["forward_auth.peers"] = f.Peers
	}
	for at, list := range lists {
		_, err := addresses(at, list)
		want(err == nil, "%w", err)
	}
	l := c.Limits
	want(l.Connections >= 0 && l.PerAgent >= 0 && l.Refusals >= 0 && l.Patience >= 0 && l.Recheck >= 0, "limits: want numbers and times that are not negative")
	want(l.Patience <= 250*time.Millisecond, "limits.patience: at most 250ms, so that a refusal never hangs")
	want(l.Recheck <= time.Second, "limits.recheck: at most 1s, so that a right that ends closes its streams")
	return errs
}

// at is the address of one of the hosts, as people see it.
func (c *config) at(host string) *url.URL {
	if c.Hosts.Port != 443 {
		host = fmt.Sprintf("%s:%d", host, c.Hosts.Port)
	}
	return &url.URL{Scheme: "https", Host: host}
}

// path resolves a path of the file against its folder.
func (c *config) path(p string) string {
	if p == "" || filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(c.dir, p)
}
