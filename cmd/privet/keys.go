package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"text/tabwriter"
	"time"

	"golang.org/x/term"

	"github.com/privet-gateway/privet/audit"
	"github.com/privet-gateway/privet/audit/keeper"
	"github.com/privet-gateway/privet/audit/store"
	"github.com/privet-gateway/privet/mfa"
	"github.com/privet-gateway/privet/redact"
)

type keysCmd struct {
	Init    keysInitCmd    `cmd:"" help:"Make a local keeper's file, where the records are in PostgreSQL."`
	Status  keysStatusCmd  `cmd:"" help:"Every key with its versions, and whether the keeper answers."`
	Rotate  keysRotateCmd  `cmd:"" help:"Make new versions of keys; older ones still open."`
	Trim    keysTrimCmd    `cmd:"" help:"End the epoch: destroy the keys that open copies of who was erased."`
	Migrate keysMigrateCmd `cmd:"" help:"Move from a local keeper to Vault."`
}

// keysState is the running state with, for Vault, an officer's rights: a
// gateway's own log-in may neither rotate nor trim (deploy/vault/officer.hcl).
type keysState struct {
	state
	Token string `name:"vault-token-file" help:"A token with the policies of gateway and officer, instead of the gateway's log-in." type:"existingfile" placeholder:"FILE"`
}

// open opens the keeper alone.
func (s keysState) open(ctx context.Context, logs io.Writer) (*house, error) {
	cfg, err := s.read()
	if err != nil {
		return nil, err
	}
	return openKeys(ctx, cfg, s.Token, logs)
}

func openKeys(ctx context.Context, cfg *config, token string, logs io.Writer) (*house, error) {
	if token != "" {
		if cfg.Keeper.Vault == nil {
			return nil, &exit{2, errors.New("--vault-token-file is given, but the configuration names no vault")}
		}
		cfg.Keeper.Vault.Auth, cfg.Keeper.Vault.TokenFile, cfg.Keeper.Vault.TokenEnv = "token", token, ""
	}
	inLogs, err := redact.New(redact.Config{Profile: redact.Logs})
	if err != nil {
		return nil, fmt.Errorf("open redaction of logs: %w", err)
	}
	h := &house{cfg: cfg, wait: operatorWait, log: slog.New(inLogs.Handler(slog.NewJSONHandler(logs, nil)))}
	if h.keeper, err = openKeeper(ctx, cfg, h.log, h.telemetry); err != nil {
		return nil, err
	}
	h.onClose(func() { _ = h.keeper.Close() })
	return h, nil
}

// trail opens what key acts need: keeper, records and trail.
func (s keysState) trail(ctx context.Context, logs io.Writer) (*house, error) {
	h, err := s.open(ctx, logs)
	if err != nil {
		return nil, err
	}
	if err = h.openRecords(ctx); err == nil {
		h.trail, err = h.openTrail(ctx)
	}
	if err != nil {
		h.close()
		return nil, err
	}
	h.onClose(func() { _ = h.trail.Close() })
	return h, nil
}

type keysInitCmd struct {
	Config string `help:"Configuration file." type:"existingfile" required:"" placeholder:"FILE"`
}

// Run makes the file; what exists it leaves alone and says no.
func (c *keysInitCmd) Run(ctx context.Context, std streams) error {
	cfg, err := readConfig(c.Config)
	if err != nil {
		return &exit{2, err}
	}
	l := cfg.Keeper.Local
	if l == nil {
		return &exit{2, errors.New("the configuration names a vault; prepare it with deploy/vault/setup")}
	}
	if _, err := os.Stat(l.File); err == nil {
		return fmt.Errorf("%s exists already; nothing was changed", l.File)
	}
	k, err := keeper.OpenLocal(ctx, l.open(true))
	if err != nil {
		return err
	}
	fmt.Fprintf(std.out, "made %s; back it up together with its root key, apart from the records\n", l.File)
	return k.Close()
}

type keysStatusCmd struct {
	state
	JSON bool `help:"One JSON document."`
}

// Run prints a line a key. Wrapping keys with the same versions share one.
func (c *keysStatusCmd) Run(ctx context.Context, std streams) error {
	h, err := keysState{state: c.state}.open(ctx, std.err)
	if err != nil {
		return err
	}
	defer h.close()
	if err := h.keeper.Health(ctx); err != nil {
		return err
	}
	keys, err := h.keeper.Status(ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(std.out).Encode(keys)
	}
	w := tabwriter.NewWriter(std.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "KEY\tOPENS\tWRAPS\tMADE")
	for i := 0; i < len(keys); {
		last := i
		for last+1 < keeper.Shards && keys[last+1].Oldest == keys[i].Oldest && keys[last+1].Newest == keys[i].Newest && keys[last+1].Made.Equal(keys[i].Made) {
			last++
		}
		name, made := keys[i].Name, "?"
		if last > i {
			name += " … " + keys[last].Name
		}
		if !keys[i].Made.IsZero() {
			made = keys[i].Made.UTC().Format(time.RFC3339)
		}
		fmt.Fprintf(w, "%s\tv%d–v%d\tv%d\t%s\n", name, keys[i].Oldest, keys[i].Newest, keys[i].Newest, made)
		i = last + 1
	}
	return w.Flush()
}

type keysRotateCmd struct {
	keysState
	Keys []string `arg:"" help:"shards, seal and sign; at least one." enum:"shards,seal,sign"`
	By   string   `help:"Who rotates, for the trail." env:"SUDO_USER,USER" placeholder:"NAME"`
}

// Help is the long form of --help.
func (c *keysRotateCmd) Help() string {
	return `sign: new checkpoints are signed with old and new keys while verifiers change
over; hand out the new public key file. seal: new secrets are sealed with the new
version. shards: only what is wrapped from now on; to destroy old versions, use
privet keys trim, which rotates first.`
}

// Run rotates and records it.
func (c *keysRotateCmd) Run(ctx context.Context, std streams) error {
	h, err := c.keysState.trail(ctx, std.err)
	if err != nil {
		return err
	}
	defer h.close()
	for _, name := range c.Keys {
		version, err := rotate(ctx, h.keeper, name)
		if err != nil {
			return fmt.Errorf("rotate %s: %w", name, err)
		}
		receipt, err := h.trail.Append(ctx, audit.Event{Kind: "keys.rotated", Agent: actor(c.By), Outcome: "allowed",
			Detail: map[string]string{"key": name, "version": fmt.Sprint(version)}})
		if err != nil {
			return err
		}
		fmt.Fprintf(std.out, "%s is at version %d (receipt %s)\n", name, version, receipt)
	}
	return h.writeTrailKey(ctx, h.trail)
}

func rotate(ctx context.Context, k keeper.Keeper, name string) (version int, err error) {
	switch name {
	case "sign":
		return k.RotateSign(ctx)
	case "seal":
		return k.RotateSeal(ctx)
	}
	for shard := range keeper.Shards {
		if version, err = k.Rotate(ctx, shard); err != nil {
			return 0, err
		}
	}
	return version, nil
}

type keysTrimCmd struct {
	keysState
	All bool   `help:"Every shard, not only those with copies of erased keys."`
	By  string `help:"Who trims, for the trail." env:"SUDO_USER,USER" placeholder:"NAME"`
}

// Help is the long form of --help.
func (c *keysTrimCmd) Help() string {
	return `Makes a new wrapping key for each shard that holds copies of erased keys, moves the
keys of those who remain to it, and destroys the old one. After that no backup of
the records opens anything of who was erased. Copies of the keeper itself (of the
local file, or Vault's snapshots) from before still would: let them expire.

It may be interrupted and run again, beside running servers. Run it monthly.`
}

// Run ends the epoch.
func (c *keysTrimCmd) Run(ctx context.Context, std streams) error {
	h, err := c.keysState.trail(ctx, std.err)
	if err != nil {
		return err
	}
	defer h.close()
	done, err := h.trail.Retire(ctx, actor(c.By), c.All, counter(std.err, "keys moved"))
	if err != nil {
		return err
	}
	fmt.Fprintf(std.out, "destroyed the old keys of %d shards; %d keys moved to new ones, %d that nothing could open were dropped\n",
		done.Shards, done.Rewrapped, done.Dropped)
	return nil
}

type keysMigrateCmd struct {
	Config string `help:"The present configuration, with keeper.local." type:"existingfile" required:"" placeholder:"FILE"`
	To     string `help:"The new configuration, with keeper.vault and the same store." type:"existingfile" required:""`
	Token  string `name:"vault-token-file" help:"A token with the policies of gateway and migrate." type:"existingfile" required:"" placeholder:"FILE"`
	By     string `help:"Who moves them, for the trail." env:"SUDO_USER,USER" placeholder:"NAME"`
}

// Help is the long form of --help.
func (c *keysMigrateCmd) Help() string {
	return `Moves signing keys, MAC keys and every wrapped key from the local file into Vault.
Receipts, checkpoints and sealed secrets stay valid. Servers must be stopped; it may
be interrupted and run again, and until it is done none starts. Afterwards destroy
the local file, its root key and their backups.

Prepare Vault with: deploy/vault/setup --migrate approle`
}

// Run moves wrapped keys first and the keys themselves last.
func (c *keysMigrateCmd) Run(ctx context.Context, std streams) error {
	from, err := keysState{state: state{Config: c.Config}}.open(ctx, std.err)
	if err != nil {
		return err
	}
	defer from.close()
	to, err := keysState{state: state{Config: c.To}, Token: c.Token}.open(ctx, std.err)
	if err != nil {
		return err
	}
	defer to.close()
	local, isLocal := from.keeper.(*keeper.Local)
	vault, isVault := to.keeper.(*keeper.Vault)
	if !isLocal || !isVault || from.cfg.Store != to.cfg.Store {
		return &exit{2, errors.New("--config needs keeper.local, --to needs keeper.vault, and both the same store")}
	}
	if err := from.openRecords(ctx); err != nil {
		return err
	}
	secrets := 0
	settle := func() (err error) {
		if secrets, err = mfa.Move(ctx, from.db, local, vault); err != nil {
			return err
		}
		return keeper.MoveKeys(ctx, local, vault)
	}
	moved, err := audit.Move(ctx, from.db, local, vault, time.Now, settle, counter(std.err, "keys moved"))
	if err != nil {
		return err
	}
	if err := recordMove(ctx, to, from.db, actor(c.By), moved); err != nil {
		return err
	}
	fmt.Fprintf(std.out, "moved %d data keys, %d sealed secrets, the signing keys and the MAC key; %d data keys could not be opened (of erased people)\n",
		moved.Rows, secrets, moved.Lost)
	fmt.Fprintf(std.out, "start with %s, then destroy %s, its root key and their backups\n", c.To, from.cfg.Keeper.Local.File)
	return nil
}

// recordMove makes the move the first act under the new keeper.
func recordMove(ctx context.Context, to *house, db *store.DB, by string, moved audit.Moved) error {
	to.db = db
	trail, err := to.openTrail(ctx)
	if err != nil {
		return err
	}
	_, err = trail.Append(ctx, audit.Event{Kind: "keys.moved", Agent: by, Outcome: "allowed", Records: moved.Rows, Detail: map[string]string{"to": "vault"}})
	return errors.Join(err, trail.Close())
}

// counter shows progress on a terminal and nothing elsewhere.
func counter(w io.Writer, what string) func(n int) {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return nil
	}
	return func(n int) { fmt.Fprintf(f, "\r%d %s", n, what) }
}
