package main

import (
	"context"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"text/template"
	"time"

	"github.com/privet-gateway/privet/audit/store"
	"github.com/privet-gateway/privet/cmd/supportdesk/tool"
)

// demoCmd is serve over a configuration that it writes itself, with people, a
// certificate and a sample support tool. What it starts is the real thing.
type demoCmd struct {
	Dir      string `help:"Where everything lies; a second start continues there. Default: privet-demo in the user's cache." type:"path"`
	Ready    string `help:"Write this file as soon as all listens: addresses and people, as JSON." type:"path"`
	Port     int    `help:"TLS port for all hosts; 0 takes a free one." default:"8443"`
	Upstream string `help:"Put this server behind the screens instead of the sample tool." placeholder:"URL"`
	Store    string `help:"Keep records here instead of in DIR, postgres://…" placeholder:"URL"`
	Vault    string `help:"Keep keys in this Vault or OpenBao instead of in DIR; deploy/vault/setup prepares it. Reads VAULT_TOKEN and VAULT_CACERT." placeholder:"URL"`
	Mount    string `help:"Where its transit engine with Privet's keys is mounted." name:"vault-mount" default:"privet"`
}

// demoPerson is somebody who can sign in to a demo.
type demoPerson struct {
	Login, Kind, Role, Name string
}

func demoPeople() []demoPerson {
	return []demoPerson{
		{"ada", "agent", "tier1", "Ada Brooks"},
		{"chen", "agent", "tier2", "Chen Li"},
		{"ben", "agent", "fraud", "Ben Castillo"},
		{"sofia", "agent", "supervisor", "Sofia Ramos"},
		{"olga", "officer", "privacy", "Olga Weiss"},
		{"paul", "officer", "auditor", "Paul Mercier"},
		{"rosa", "officer", "privacy", "Rosa Lima"},
	}
}

// ready is the file that says all listens.
type ready struct {
	Desk     string       `json:"desk"`
	Tool     string       `json:"tool"`
	Portal   string       `json:"portal"`
	Console  string       `json:"console"`
	CA       string       `json:"ca"`
	Outbox   string       `json:"outbox"`
	TrailKey string       `json:"trail_key"`
	Metrics  string       `json:"metrics"`
	Upstream string       `json:"upstream"`
	People   []readyHuman `json:"people"`
	Holders  []readyOwner `json:"cardholders"`
}

type readyHuman struct {
	Name     string `json:"name"`
	Kind     string `json:"kind"`
	Role     string `json:"role"`
	Password string `json:"password"`
	TOTP     string `json:"totp"`
}

type readyOwner struct {
	Subject string `json:"subject"`
	Email   string `json:"email"`
	Name    string `json:"name"`
}

// Run starts the demo and serves until it is interrupted.
func (c *demoCmd) Run(ctx context.Context, std streams) error {
	if err := c.directory(); err != nil {
		return err
	}
	anyPort := c.Port == 0
	open, err := c.bind() // before anything is written that names the port
	if err != nil {
		return err
	}
	defer open.Close()
	upstream, people, err := c.tool(ctx)
	if err != nil {
		return err
	}
	cfg, err := c.configure(upstream, anyPort)
	if err != nil {
		return err
	}
	h, err := openHouse(ctx, cfg, 0, std.err)
	if err != nil {
		return err
	}
	defer h.close()
	humans, err := c.settle(store.Patient(ctx, time.Minute), h)
	if err != nil {
		return err
	}
	return h.serve(ctx, open, func(admin net.Addr) error {
		at := func(host string) string { return cfg.at(host).String() }
		r := ready{Desk: at(cfg.Hosts.Desk), Tool: at(cfg.Tools[0].Host), Portal: at(cfg.Hosts.Portal), Console: at(cfg.Hosts.Console),
			CA: filepath.Join(c.Dir, "ca.pem"), Outbox: cfg.Post.Outbox, TrailKey: cfg.Trail.Key,
			Metrics: "http://" + admin.String() + "/metrics", Upstream: upstream, People: humans, Holders: people}
		if err := c.announce(r); err != nil {
			return err
		}
		c.greet(std.out, r)
		return nil
	})
}

// bind takes the port, and says what to do where it cannot.
func (c *demoCmd) bind() (net.Listener, error) {
	if c.Port < 0 || c.Port > 65535 {
		return nil, &exit{2, fmt.Errorf("--port %d: want 1 to 65535, or 0 for a free one", c.Port)}
	}
	open, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", c.Port))
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("port %d is taken by another program, a demo perhaps; name another with --port, or 0 for a free one", c.Port)
	}
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	c.Port = open.Addr().(*net.TCPAddr).Port
	return open, nil
}

func (c *demoCmd) directory() error {
	if at, err := url.Parse(c.Upstream); c.Upstream != "" && (err != nil || at.Scheme != "http" && at.Scheme != "https" || at.Host == "") {
		return &exit{2, fmt.Errorf("--upstream %s: want http://HOST:PORT or https://HOST", c.Upstream)}
	}
	if c.Dir == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return &exit{2, errors.New("no cache directory for this user; name a place with --dir")}
		}
		c.Dir = filepath.Join(cache, "privet-demo")
	}
	dir, err := filepath.Abs(c.Dir)
	if err != nil {
		return fmt.Errorf("--dir: %w", err)
	}
	c.Dir = dir
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make --dir: %w", err)
	}
	if c.Ready == "" {
		return nil
	}
	if err := os.Remove(c.Ready); err != nil && !errors.Is(err, fs.ErrNotExist) { // what an earlier start said
		return fmt.Errorf("--ready: %w", err)
	}
	if _, err := os.Stat(filepath.Dir(c.Ready)); err != nil {
		return &exit{2, fmt.Errorf("--ready: %w", err)}
	}
	return nil
}

// tool starts the sample tool, or asks the given upstream who its cardholders are.
func (c *demoCmd) tool(ctx context.Context) (string, []readyOwner, error) {
	if c.Upstream != "" {
		return strings.TrimSuffix(c.Upstream, "/"), askPeople(ctx, c.Upstream), nil
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, fmt.Errorf("listen for the sample tool: %w", err)
	}
	desk := tool.New(tool.Config{Seed: 1})
	server := &http.Server{Handler: desk, ReadHeaderTimeout: 10 * time.Second}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	go func() { _ = server.Serve(listener) }()
	var people []readyOwner
	for _, a := range desk.People() {
		people = append(people, readyOwner{a.Subject, a.Email, a.Name.Full})
	}
	return "http://" + listener.Addr().String(), people, nil
}

// askPeople lists the cardholders of a tool that speaks the sample tool's API;
// of another tool it lists none.
func askPeople(ctx context.Context, upstream string) []readyOwner {
	people := []readyOwner{}
	var list struct{ Accounts []tool.Account }
	holders := newCardholders(personsConfig{})
	if holders.get(ctx, strings.TrimSuffix(upstream, "/")+"/api/accounts?limit=500", &list) == nil {
		for _, a := range list.Accounts {
			people = append(people, readyOwner{a.Subject, a.Email, a.Name.Full})
		}
	}
	return people
}

const demoConfig = `# Made by privet demo; deploy/privet.yaml says what each key means.
listen: {{.Listen}}
admin: {{.Admin}}
hosts: {desk: desk.localhost, portal: privacy.localhost, console: officers.localhost}
tls: {certificate: tls.pem, key: tls-key.pem}
store: {{.Store}}
keeper:
{{- if .Vault}}
  vault: {address: "{{.Vault}}", mount: {{.Mount}}, auth: token, token_env: VAULT_TOKEN, ca: "{{.CA}}"}
{{- else}}
  local: {file: keys.sealed, root_key_file: root.key}
{{- end}}
trail: {origin: privet.localhost/demo, key: trail.vkey}
tools:
  - {name: supportdesk, host: cases.localhost, upstream: "{{.Upstream}}", catalogue: supportdesk.yaml}
policy: {officers: ["{{.Officer}}"]} # signs with officer.key
post: {outbox: outbox}
cardholders:
  url: "{{.Upstream}}/api/accounts/{subject}"
  find: "{{.Upstream}}/api/subjects?email={email}"
  channels: {email: email, sms: phone.mobile}
  undated_channels: true # the sample tool knows of changes only since it runs
  questions: {birth_date: {path: dob}, postcode: {path: address.postcode}, employer: {path: work.employer}, username: {path: login.username}}
privacy:
  map: datamap.yaml
  systems: {supportdesk: {http: holder.yaml}}
  directory: {system: supportdesk, collection: account, subject: subject, phone: phone.mobile, name: name.full}
  packages: packages
`

func (c *demoCmd) configure(upstream string, anyPort bool) (*config, error) {
	err := demoCertificate(c.Dir, []string{"desk.localhost", "cases.localhost", "privacy.localhost", "officers.localhost", "localhost"}, time.Now())
	if err != nil {
		return nil, err
	}
	records := c.Store
	if records == "" {
		records = "sqlite:privet.db"
	}
	admin := "127.0.0.1:9464"
	if anyPort {
		admin = "127.0.0.1:0"
	} else if free, err := net.Listen("tcp", admin); err != nil {
		admin = "127.0.0.1:0" // another demo runs beside this one
	} else {
		_ = free.Close()
	}
	officer, err := demoOfficer(c.Dir)
	if err != nil {
		return nil, err
	}
	var text strings.Builder
	err = template.Must(template.New("").Parse(demoConfig)).Execute(&text, map[string]string{
		"Listen": fmt.Sprintf("127.0.0.1:%d", c.Port), "Admin": admin, "Store": records, "Vault": c.Vault, "Mount": c.Mount, "CA": os.Getenv("VAULT_CACERT"), "Upstream": upstream, "Officer": officer})
	if err != nil {
		return nil, fmt.Errorf("write configuration: %w", err)
	}
	file := filepath.Join(c.Dir, "privet.yaml")
	if err := os.WriteFile(filepath.Join(c.Dir, "supportdesk.yaml"), tool.Catalogue(), 0o600); err != nil {
		return nil, fmt.Errorf("write catalogue: %w", err)
	}
	for name, content := range map[string][]byte{"datamap.yaml": tool.DataMap(), "holder.yaml": tool.Holder(upstream)} {
		if err := os.WriteFile(filepath.Join(c.Dir, name), content, 0o600); err != nil {
			return nil, fmt.Errorf("write data map: %w", err)
		}
	}
	if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
		return nil, fmt.Errorf("write configuration: %w", err)
	}
	return readConfig(file)
}

// settle adds the demo's people where they are missing. Their passwords and
// TOTP seeds are derived from a key in DIR, so that a second start can say them
// again without their lying about anywhere in the clear.
func (c *demoCmd) settle(ctx context.Context, h *house) ([]readyHuman, error) {
	key, err := demoKey(filepath.Join(c.Dir, "demo.key"))
	if err != nil {
		return nil, err
	}
	var humans []readyHuman
	for _, p := range demoPeople() {
		password, err := derive(key, "password/"+p.Login, 10)
		if err != nil {
			return nil, err
		}
		seed, err := derive(key, "totp/"+p.Login, 20)
		if err != nil {
			return nil, err
		}
		phrase := strings.ToLower(base32.StdEncoding.EncodeToString(password))
		phrase = phrase[:4] + "-" + phrase[4:8] + "-" + phrase[8:12] + "-" + phrase[12:]
		url, err := h.addDemoPerson(ctx, p, phrase, seed)
		if err != nil {
			return nil, fmt.Errorf("add %s: %w", p.Login, err)
		}
		humans = append(humans, readyHuman{p.Login, p.Kind, p.Role, phrase, url})
	}
	return humans, nil
}

func derive(key []byte, purpose string, n int) ([]byte, error) {
	out, err := hkdf.Key(sha256.New, key, nil, "privet demo "+purpose, n)
	if err != nil {
		return nil, fmt.Errorf("derive demo secret: %w", err)
	}
	return out, nil
}

func demoKey(file string) ([]byte, error) {
	key, err := os.ReadFile(file)
	if err == nil && len(key) == 32 {
		return key, nil
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("read demo key: %w", err)
	}
	key = make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	if err := os.WriteFile(file, key, 0o600); err != nil {
		return nil, fmt.Errorf("write demo key: %w", err)
	}
	return key, nil
}

// announce writes the ready file whole or not at all.
func (c *demoCmd) announce(r ready) error {
	if c.Ready == "" {
		return nil
	}
	text, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return fmt.Errorf("write ready file: %w", err)
	}
	if err := os.WriteFile(c.Ready+".writing", text, 0o600); err != nil {
		return fmt.Errorf("write ready file: %w", err)
	}
	if err := os.Rename(c.Ready+".writing", c.Ready); err != nil {
		return fmt.Errorf("write ready file: %w", err)
	}
	return nil
}

// greet says how to sign in and what to try.
func (c *demoCmd) greet(w io.Writer, r ready) {
	ada := r.People[0]
	fmt.Fprintf(w, `Privet stands in front of a sample support tool. Nothing leaves this machine.

  Sign in      %s      (trust %s)
  Tool         %s
  Privacy      %s
  Officers     %s

Sign in as an agent: name %s, password %s, and the code of this key:

%s
People:
`, r.Desk, r.CA, r.Tool, r.Portal, r.Console, ada.Name, ada.Password, qrText(ada.TOTP))
	for _, p := range r.People {
		fmt.Fprintf(w, "  %-7s %-11s %s\n", p.Name, p.Role, p.Password)
	}
	self, dir := invocation(), quoted(c.Dir)
	fmt.Fprintf(w, `
Try: open an account as ada (tier1), then as ben (fraud); the same page shows other fields.
Codes and letters to cardholders lie in %s
What was shown, and an archive that proves it:
     %s audit tail --dir %s
     %s audit export --dir %s --out trail.zip
     %s audit verify trail.zip --key %s
Another person makes a key of their own:
     %s agents add zoe --role tier1 --dir %s
(--ready FILE writes everybody's key down, for programs and for authenticators without a camera.)
Stop with Ctrl-C; the next start continues.
`, r.Outbox, self, dir, self, dir, self, quoted(r.TrailKey), self, dir)
}

// invocation is how whoever reads the greeting calls this program.
func invocation() string {
	if strings.Contains(os.Args[0], string(filepath.Separator)+"go-build") { // go run
		return "go run ./cmd/privet"
	}
	return quoted(os.Args[0])
}

// quoted is a word as a shell takes it.
func quoted(word string) string {
	if strings.ContainsAny(word, " \t'\"$&();<>*?`|\\") {
		return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
	}
	return word
}
