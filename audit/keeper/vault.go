package keeper

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/vault/api"
)

// VaultConfig says where Vault or OpenBao is, and who we are there. Nothing is
// taken from VAULT_… environment variables. deploy/vault/setup makes the mount,
// its keys, policies and roles.
type VaultConfig struct {
	Address   string // https://vault.example:8200; http on loopback alone
	Mount     string // of the transit engine with our keys; "privet" if empty
	Namespace string // Enterprise and OpenBao; none if empty
	CAFile    string // PEM; the system's roots if empty
	Auth      VaultAuth
	Deadline  time.Duration // of one exchange; 200 ms if zero
	Log       *slog.Logger  // slog.Default if nil

	// Observe, if set, is told of every exchange with Vault: which act ("decrypt",
	// "sign", …), how long it took, and its error.
	Observe func(act string, took time.Duration, err error)
}

// Vault is a Keeper whose keys never leave Vault's transit engine.
type Vault struct {
	cfg     VaultConfig
	client  *api.Client // with the namespace
	root    *api.Client // without: sys/health lives in the root namespace
	http    *http.Client
	session *session
	gate    *gate
	end     context.CancelFunc
	wraps   [Shards]*coalescer
	unwraps [Shards]*coalescer
	opens   *coalescer
}

// parallel is how many batches are on their way at once, over all keys.
const parallel = 4

// OpenVault logs in and gives the keeper. A mistake in cfg or refused
// credentials fail; a Vault that is away does not, because it may come back:
// then every call answers ErrDown or ErrSealed until it does.
func OpenVault(ctx context.Context, cfg VaultConfig) (*Vault, error) {
	if cfg.Mount = strings.Trim(cfg.Mount, "/"); cfg.Mount == "" {
		cfg.Mount = "privet"
	}
	if cfg.Deadline == 0 {
		cfg.Deadline = 200 * time.Millisecond
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if cfg.Observe == nil {
		cfg.Observe = func(string, time.Duration, error) {}
	}
	v := &Vault{cfg: cfg}
	if err := v.connect(); err != nil {
		return nil, fmt.Errorf("open vault keeper: %w", err)
	}
	secret, err := v.session.first(ctx)
	if err != nil && !away(err) && !errors.Is(err, ErrBusy) {
		return nil, fmt.Errorf("open vault keeper: %w", err)
	}
	run, end := context.WithCancel(context.WithoutCancel(ctx))
	v.end = end
	v.gate = &gate{ctx: run, probe: v.ping}
	slots := make(chan struct{}, parallel)
	for i := range Shards {
		name, _ := shardName(i)
		v.wraps[i] = &coalescer{slots: slots, send: func(its []Item) ([][]byte, error) { return v.encrypt(run, name, its) }}
		v.unwraps[i] = &coalescer{slots: slots, send: func(its []Item) ([][]byte, error) { return v.decrypt(run, name, its) }}
	}
	v.opens = &coalescer{slots: slots, send: func(its []Item) ([][]byte, error) { return v.decrypt(run, sealName, its) }}
	v.session.done.Go(func() { v.session.keep(run, secret) })
	return v, nil
}

// connect makes the clients. It does not talk to Vault.
func (v *Vault) connect() error {
	u, err := url.Parse(v.cfg.Address)
	switch {
	case err != nil || u.Host == "":
		return fmt.Errorf("vault address %q is not a URL like https://vault.example:8200", v.cfg.Address)
	case u.Scheme == "http" && !slices.Contains([]string{"127.0.0.1", "::1", "localhost"}, u.Hostname()):
		return fmt.Errorf("vault address %s is not TLS: keys would cross the network in the clear", v.cfg.Address)
	case u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("vault address %s: use https", v.cfg.Address)
	}
	if err := v.cfg.Auth.check(); err != nil {
		return err
	}
	transport := &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2:   true,
		MaxIdleConnsPerHost: 64, // for plain HTTP on loopback; the library's 3 cost half of the speed
		IdleConnTimeout:     90 * time.Second,
		HTTP2:               &http.HTTP2Config{SendPingTimeout: 5 * time.Second, PingTimeout: 10 * v.cfg.Deadline},
	}
	// Not api.DefaultConfig: it takes addresses, proxies and even the leave to
	// skip verification from the environment, and repeats POSTs for seconds.
	conf := &api.Config{
		Address:    v.cfg.Address,
		HttpClient: &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
		CheckRetry: func(_ context.Context, _ *http.Response, err error) (bool, error) { return false, err },
	}
	if u.Scheme == "https" {
		trust := &api.TLSConfig{CACert: v.cfg.CAFile}
		if v.cfg.Auth.Method == "cert" {
			trust.ClientCert, trust.ClientKey = v.cfg.Auth.CertFile, v.cfg.Auth.KeyFile
		}
		if err := conf.ConfigureTLS(trust); err != nil {
			return err
		}
	}
	v.http = conf.HttpClient
	if v.root, err = api.NewClient(conf); err != nil {
		return err
	}
	v.root.SetHeaders(http.Header{api.RequestHeaderName: {"true"}})
	v.root.ClearToken()
	v.client = v.root.WithNamespace(v.cfg.Namespace)
	lifecycle, err := v.client.CloneWithHeaders()
	if err != nil {
		return err
	}
	lifecycle.SetClientTimeout(10 * v.cfg.Deadline) // everything else is bounded by its context
	v.session = newSession(lifecycle)
	v.session.login, v.session.health = v.cfg.Auth.login(), v.health
	v.session.log, v.session.drain = v.cfg.Log, v.cfg.Deadline
	v.session.lent = v.cfg.Auth.Method == "token"
	return nil
}

const macPath = "hmac/" + macName + "/sha2-256"

// macRequest pins version 1: a MAC key must never change with a rotation.
func macRequest(purpose string) json.RawMessage {
	raw, _ := json.Marshal(map[string]any{"input": macInfo(purpose), "key_version": 1})
	return raw
}

// MACKey derives a 32-byte key inside Vault.
func (v *Vault) MACKey(ctx context.Context, purpose string) ([]byte, error) {
	var answer struct {
		Data struct {
			HMAC string `json:"hmac"`
		} `json:"data"`
	}
	if err := v.write(ctx, v.cfg.Deadline, macPath, macRequest(purpose), &answer); err != nil {
		return nil, err
	}
	_, key, ok := vaultForm(answer.Data.HMAC)
	if !ok || len(key) != 32 {
		return nil, fmt.Errorf("%w: %s gave no 32-byte key", ErrDown, macPath)
	}
	return key, nil
}

// Health says whether Vault does what we need, and why not.
func (v *Vault) Health(ctx context.Context) error {
	if err := v.gate.check(); err != nil {
		return err
	}
	err := v.ping(ctx)
	if own := ctx.Err(); err != nil && own != nil {
		return own
	}
	if away(err) {
		v.gate.shut(err)
	}
	return err
}

// Close ends the session and revokes its token.
func (v *Vault) Close() error {
	v.end()
	v.gate.shut(fmt.Errorf("%w: it was closed", ErrDown))
	v.gate.done.Wait()
	v.session.done.Wait()
	v.http.CloseIdleConnections()
	return nil
}

// LogValue keeps credentials out of logs.
func (v *Vault) LogValue() slog.Value {
	return slog.StringValue("vault keeper " + v.cfg.Address + "/" + v.cfg.Mount)
}
