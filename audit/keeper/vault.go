package keeper

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
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

// batchItem is one item of a transit request or answer.
type batchItem struct {
	Context    []byte `json:"context,omitempty"`
	Plaintext  []byte `json:"plaintext,omitempty"` // []byte is base64 in JSON, as transit wants it
	Ciphertext string `json:"ciphertext,omitempty"`
	Error      string `json:"error,omitempty"`
}

type batchRequest struct {
	Items   []batchItem `json:"batch_input"`
	Partial int         `json:"partial_failure_response_code"`
}

type batchAnswer struct {
	Data struct {
		Items []batchItem `json:"batch_results"`
	} `json:"data"`
}

func (v *Vault) encrypt(ctx context.Context, name string, items []Item) ([][]byte, error) {
	req := batchRequest{Items: make([]batchItem, len(items)), Partial: http.StatusOK}
	for i, it := range items {
		req.Items[i] = batchItem{Context: it.Context, Plaintext: it.Bytes}
	}
	return v.batch(ctx, "encrypt/"+name, req)
}

func (v *Vault) decrypt(ctx context.Context, name string, items []Item) ([][]byte, error) {
	return v.open(ctx, "decrypt/"+name, items)
}

// open sends wrapped items; what is not Vault's form is ErrWrong without asking.
func (v *Vault) open(ctx context.Context, path string, items []Item) ([][]byte, error) {
	req := batchRequest{Partial: http.StatusOK}
	var sent []int
	failed := ItemErrors{}
	for i, it := range items {
		if _, _, ok := vaultForm(string(it.Bytes)); !ok {
			failed[i] = ErrWrong
			continue
		}
		sent = append(sent, i)
		req.Items = append(req.Items, batchItem{Context: it.Context, Ciphertext: string(it.Bytes)})
	}
	out := make([][]byte, len(items))
	if len(sent) == 0 {
		return out, failed.orNil()
	}
	got, err := v.batch(ctx, path, req)
	var some ItemErrors
	if err != nil && !errors.As(err, &some) {
		return nil, err
	}
	for j, i := range sent {
		out[i] = got[j]
		if some[j] != nil {
			failed[i] = some[j]
		}
	}
	return out, failed.orNil()
}

// batch is one transit request for several items.
func (v *Vault) batch(ctx context.Context, path string, req batchRequest) ([][]byte, error) {
	var answer batchAnswer
	if err := v.write(ctx, path, req, &answer); err != nil {
		return nil, err
	}
	got := answer.Data.Items
	if len(got) != len(req.Items) {
		return nil, fmt.Errorf("%w: %s answered %d of %d items", ErrDown, path, len(got), len(req.Items))
	}
	out, failed := make([][]byte, len(got)), ItemErrors{}
	for i, it := range got {
		switch {
		case strings.Contains(it.Error, "too old"), strings.Contains(it.Error, "no such key version"):
			failed[i] = ErrGone
		case it.Error != "":
			failed[i] = ErrWrong
		case it.Ciphertext != "":
			out[i] = []byte(it.Ciphertext)
		default:
			out[i] = it.Plaintext
		}
	}
	return out, failed.orNil()
}

// vaultForm parses "vault:v3:BASE64", the form of all that transit returns.
func vaultForm(s string) (version int, content []byte, ok bool) {
	rest, found := strings.CutPrefix(s, "vault:v")
	number, text, split := strings.Cut(rest, ":")
	version, err := strconv.Atoi(number)
	if !found || !split || err != nil || version < 1 || text == "" {
		return 0, nil, false
	}
	content, err = base64.StdEncoding.DecodeString(text)
	return version, content, err == nil
}

// Wrap encrypts items under the shard's newest key.
func (v *Vault) Wrap(ctx context.Context, shard int, items []Item) ([][]byte, error) {
	return v.coalesced(ctx, shard, items, &v.wraps)
}

// Unwrap decrypts items. Concurrent calls share requests.
func (v *Vault) Unwrap(ctx context.Context, shard int, items []Item) ([][]byte, error) {
	return v.coalesced(ctx, shard, items, &v.unwraps)
}

func (v *Vault) coalesced(ctx context.Context, shard int, items []Item, all *[Shards]*coalescer) ([][]byte, error) {
	if _, err := shardName(shard); err != nil {
		return nil, err
	}
	if err := checkItems(items); err != nil {
		return nil, err
	}
	if err := errors.Join(ctx.Err(), v.gate.check()); err != nil {
		return nil, err
	}
	return all[shard].do(ctx, items)
}

// Rewrap moves items to the shard's newest key, inside Vault.
func (v *Vault) Rewrap(ctx context.Context, shard int, items []Item) ([][]byte, error) {
	name, err := shardName(shard)
	if err != nil {
		return nil, err
	}
	if err := checkItems(items); err != nil {
		return nil, err
	}
	out, failed := make([][]byte, 0, len(items)), ItemErrors{}
	for chunk := range slices.Chunk(items, batchItems) {
		got, err := v.open(slowly(ctx), "rewrap/"+name, chunk)
		var some ItemErrors
		if err != nil && !errors.As(err, &some) {
			return nil, err
		}
		for i, e := range some {
			failed[len(out)+i] = e
		}
		out = append(out, got...)
	}
	return out, failed.orNil()
}

// Seal keeps a small secret, bound to a context.
func (v *Vault) Seal(ctx context.Context, context string, secret []byte) ([]byte, error) {
	items := []Item{{Context: []byte(context), Bytes: secret}}
	if err := checkItems(items); err != nil {
		return nil, err
	}
	out, err := v.encrypt(ctx, sealName, items)
	return only(out, err)
}

// Open gives the secret back.
func (v *Vault) Open(ctx context.Context, context string, sealed []byte) ([]byte, error) {
	if err := errors.Join(ctx.Err(), v.gate.check()); err != nil {
		return nil, err
	}
	items := []Item{{Context: []byte(context), Bytes: sealed}}
	if err := checkItems(items); err != nil {
		return nil, err
	}
	out, err := v.opens.do(ctx, items)
	return only(out, err)
}

// only gives the answer for a single item, or its own error.
func only(out [][]byte, err error) ([]byte, error) {
	var failed ItemErrors
	if errors.As(err, &failed) {
		return nil, failed[0]
	}
	if err != nil {
		return nil, err
	}
	return out[0], nil
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
	if err := v.write(ctx, macPath, macRequest(purpose), &answer); err != nil {
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
