package console

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"time"

	"github.com/privet-gateway/privet/audit"
)

const (
	maxExports  = 8              // at once, in this process
	exportLife  = time.Hour      // of a finished archive
	exportOrder = 24 * time.Hour // after which an order is not carried out any more
)

// jobName is a receipt; other directories beside are not ours.
var jobName = regexp.MustCompile(`^[1-9][0-9]*\.[0-9]+$`)

var errBusy = errors.New("too many exports are kept; try again later")

// exports are the archives that officers asked for. The order is an entry of the
// trail and its receipt is the job's name, so a job outlives the process: what is
// done lies in DIR/RECEIPT, and whoever asks for the job after a restart, or at
// another replica, has it gone on with. An archive is removed after an hour, or
// at the latest a minute after somebody whom it may name was erased.
type exports struct {
	trail *audit.Trail
	log   *slog.Logger
	dir   string // mode 0700

	ctx  context.Context
	stop context.CancelFunc
	work sync.WaitGroup

	mu   sync.Mutex
	jobs map[audit.Receipt]*exportJob
}

// exportJob is one archive on its way or ready.
type exportJob struct {
	audit.Order
	id  audit.Receipt
	dir string

	mu          sync.Mutex
	done, total int64
	ended       bool
	file        string
	result      audit.Exported
	err         error
}

func openExports(trail *audit.Trail, dir string, log *slog.Logger) *exports {
	x := &exports{trail: trail, log: log, dir: dir, jobs: map[audit.Receipt]*exportJob{}}
	x.ctx, x.stop = context.WithCancel(context.Background())
	return x
}

// place makes the directory; without a configured one its name is nobody's guess,
// and it is gone with the process.
func (x *exports) place() error {
	if x.dir != "" {
		return os.MkdirAll(x.dir, 0o700)
	}
	dir, err := os.MkdirTemp("", "privet-exports-*")
	if err == nil {
		x.dir = dir
		context.AfterFunc(x.ctx, func() { x.work.Wait(); _ = os.RemoveAll(dir) })
	}
	return err
}

// begin orders an export; it goes on when the officer's page is closed.
func (x *exports) begin(ctx context.Context, by string, ocsf bool, f audit.Filter) (*exportJob, error) {
	x.mu.Lock()
	busy := len(x.jobs) >= maxExports
	x.mu.Unlock()
	if busy {
		return nil, errBusy
	}
	r, err := x.trail.AskExport(ctx, by, ocsf, f)
	if err != nil {
		return nil, err
	}
	return x.of(ctx, by, r)
}

// of is a job of this officer; ErrNone for everybody else's. A job that is not
// at work here is taken up.
func (x *exports) of(ctx context.Context, by string, r audit.Receipt) (*exportJob, error) {
	order, err := x.trail.Asked(ctx, r)
	if err != nil {
		return nil, err
	}
	if order.By != by {
		return nil, fmt.Errorf("export %s: %w", r, audit.ErrNone)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	j := x.jobs[r]
	if j != nil {
		switch s := j.status(); s.Status {
		case "failed":
			delete(x.jobs, r) // told once; whoever asks again has it tried again
			return j, nil
		case "ready":
			if whole, same, err := x.trail.ExportStands(ctx, j.dir); whole && same || err != nil {
				return j, err
			}
		default:
			return j, nil
		}
	}
	return x.take(order, r)
}

// take sets a job to work. The lock is held.
func (x *exports) take(order audit.Order, r audit.Receipt) (*exportJob, error) {
	if time.Since(order.At) > exportOrder {
		return nil, fmt.Errorf("export %s: %w: it was removed; export again", r, audit.ErrPruned)
	}
	if len(x.jobs) >= maxExports && x.jobs[r] == nil {
		return nil, errBusy
	}
	if err := errors.Join(x.ctx.Err(), x.place()); err != nil {
		return nil, err
	}
	j := &exportJob{Order: order, id: r, dir: filepath.Join(x.dir, string(r))}
	x.jobs[r] = j
	x.work.Go(func() { j.run(x.ctx, x.trail) })
	return j, nil
}

func (j *exportJob) run(ctx context.Context, trail *audit.Trail) {
	result, file, err := trail.ExportAsked(ctx, j.dir, j.id, func(done, total int64) {
		j.mu.Lock()
		j.done, j.total = done, total
		j.mu.Unlock()
	})
	j.mu.Lock()
	defer j.mu.Unlock()
	j.result, j.file, j.err, j.ended = result, file, err, true
}

// Run goes on with the exports that an earlier process began, and removes old
// ones, until ctx ends. Without it exports are made, but stay.
func (c *Console) Run(ctx context.Context) {
	x := c.exports
	defer func() { x.stop(); x.work.Wait() }()
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		if err := x.sweep(ctx); err != nil {
			x.log.WarnContext(ctx, "exports could not be looked after", "error", err.Error())
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// sweep takes up what is not finished and removes what nobody may have any more.
func (x *exports) sweep(ctx context.Context) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.dir == "" {
		return nil
	}
	found, err := os.ReadDir(x.dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	for _, d := range found {
		if jobName.MatchString(d.Name()) {
			err = errors.Join(err, x.look(ctx, audit.Receipt(d.Name())))
		}
	}
	return err
}

func (x *exports) look(ctx context.Context, r audit.Receipt) error {
	j, dir := x.jobs[r], filepath.Join(x.dir, string(r))
	if j != nil && j.status().Status == "running" {
		return nil
	}
	order, err := x.trail.Asked(ctx, r)
	if errors.Is(err, audit.ErrNone) || errors.Is(err, audit.ErrPruned) {
		err = nil // it was long ago
	}
	if err != nil {
		return err
	}
	whole, same, err := x.trail.ExportStands(ctx, dir)
	if err != nil {
		return err
	}
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	switch {
	case time.Since(order.At) > exportOrder, whole && (!same || time.Since(info.ModTime()) > exportLife):
		delete(x.jobs, r)
		return os.RemoveAll(dir)
	case whole || j != nil:
		return nil
	}
	_, err = x.take(order, r)
	return err
}
