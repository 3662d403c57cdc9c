package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"time"

	"github.com/privet-gateway/privet/audit"
	"github.com/privet-gateway/privet/audit/keeper"
	"github.com/privet-gateway/privet/audit/store"
	"github.com/privet-gateway/privet/gateway"
	"github.com/privet-gateway/privet/mfa"
	"github.com/privet-gateway/privet/policy"
	"github.com/privet-gateway/privet/redact"
)

// house is everything a configuration opens, top-down. Servers and commands
// use the same: a command works beside a running server.
type house struct {
	cfg       *config
	log       *slog.Logger
	scan      *redact.Engine // for text of tools
	rules     redact.Rules   // detectors of one's own
	scanned   scanText       // what scan is made of
	keeper    keeper.Keeper
	db        *store.DB
	trail     *audit.Trail
	post      *post
	persons   *cardholders
	door      *mfa.Door
	policy    *policy.Engine
	telemetry *telemetry
	counts    *dayCounts
	settled   policy.Activation // of the files' rules at the start
	refused   error             // why they did not follow the ones before

	scanSettled scanChange // as settled and refused, of the redaction
	scanRefused error

	strangers *gateway.Strangers // of Privet's own hosts

	assertions *gateway.Assertions     // front opens these
	offices    map[string]http.Handler // portal and console, by host
	live       *live

	closers []func()
	wait    time.Duration // longest wait of one act of records or trail; 0: as short as a door needs it
}

// state names the running state a command works on.
type state struct {
	Config string `help:"Configuration file of the running state." type:"existingfile" xor:"state" placeholder:"FILE"`
	Dir    string `help:"A demo's directory, instead of --config." type:"existingdir" xor:"state" placeholder:"DIR"`
}

// read reads the configuration that the flags name.
func (s state) read() (*config, error) {
	file := s.Config
	if s.Dir != "" {
		file = filepath.Join(s.Dir, "privet.yaml")
	}
	if file == "" {
		return nil, &exit{2, errors.New("say whose running state: --config FILE, or a demo's --dir DIR")}
	}
	cfg, err := readConfig(file)
	if err != nil {
		return nil, &exit{2, err}
	}
	return cfg, nil
}

// operatorWait is how long an act of a command may take: nobody is on the line.
const operatorWait = 10 * time.Second

// open opens what the flags name.
func (s state) open(ctx context.Context, logs io.Writer) (*house, error) {
	cfg, err := s.read()
	if err != nil {
		return nil, err
	}
	return openHouse(ctx, cfg, operatorWait, logs)
}

// openHouse opens everything that cfg names; what it opened before an error it closes.
// wait bounds one act of records or trail; 0: as short as a door needs it.
func openHouse(ctx context.Context, cfg *config, wait time.Duration, logs io.Writer) (opened *house, err error) {
	h := &house{cfg: cfg, wait: wait, live: &live{}, persons: newCardholders(cfg.Persons)}
	defer func() {
		if err != nil {
			h.close()
		}
	}()
	inLogs, err := redact.New(redact.Config{Profile: redact.Logs})
	if err != nil {
		return nil, fmt.Errorf("open redaction of logs: %w", err)
	}
	h.log = slog.New(inLogs.Handler(slog.NewJSONHandler(logs, nil)))
	if h.telemetry, err = newTelemetry(ctx, inLogs); err != nil {
		return nil, err
	}
	h.onClose(func() { h.telemetry.close(context.WithoutCancel(ctx)) })
	if h.keeper, err = openKeeper(ctx, cfg, h.log, h.telemetry); err != nil {
		return nil, err
	}
	h.onClose(func() { _ = h.keeper.Close() })
	if err = h.openRecords(ctx); err != nil {
		return nil, err
	}
	if h.trail, err = h.openTrail(ctx); err != nil {
		return nil, err
	}
	h.onClose(func() { _ = h.trail.Close() })
	if h.post, err = newPost(cfg.Post, time.Now); err != nil {
		return nil, err
	}
	if err = h.openScan(ctx); err != nil {
		return nil, err
	}
	if h.door, err = h.openDoor(ctx); err != nil {
		return nil, err
	}
	if err = h.openCounts(ctx); err != nil {
		return nil, err
	}
	if h.policy, err = h.openPolicy(ctx); err != nil {
		return nil, err
	}
	return h, nil
}

func (h *house) onClose(f func()) { h.closers = append(h.closers, f) }

// close closes in the opposite order.
func (h *house) close() {
	for i := len(h.closers) - 1; i >= 0; i-- {
		h.closers[i]()
	}
	h.closers = nil
}
