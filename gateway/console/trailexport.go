package console

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"sync"
	"time"

	"github.com/privet-gateway/privet/audit"
	"github.com/privet-gateway/privet/mfa"
)

// maxExports bounds how many archives this process holds at once; each lies in
// a file without a name, gone with the process, for exportLife.
const (
	maxExports = 8
	exportLife = time.Hour
)

var errBusy = errors.New("too many exports are kept; try again later")

// exports are the archives that officers asked for here.
type exports struct {
	mu   sync.Mutex
	jobs map[string]*exportJob
}

// exportJob is one archive on its way or ready.
type exportJob struct {
	id     string
	owner  string
	file   *os.File
	begun  time.Time
	cancel context.CancelFunc

	mu          sync.Mutex
	done, total int64
	ended       bool
	result      audit.Exported
	err         error
}

// exportStatus is a job as others see it.
type exportStatus struct {
	ID      string        `json:"id"`
	Status  string        `json:"status"` // running, ready, failed
	Done    int64         `json:"done"`
	Total   int64         `json:"total"`
	Entries int64         `json:"entries"`
	Receipt audit.Receipt `json:"receipt,omitempty"`
	File    string        `json:"file,omitempty"`
}

// Percent is how much is read.
func (s exportStatus) Percent() int64 {
	if s.Total == 0 {
		return 0
	}
	return 100 * s.Done / s.Total
}

func (j *exportJob) status() exportStatus {
	j.mu.Lock()
	defer j.mu.Unlock()
	s := exportStatus{ID: j.id, Status: "running", Done: j.done, Total: j.total, Entries: j.result.Entries, Receipt: j.result.Receipt}
	switch {
	case j.ended && j.err != nil:
		s.Status = "failed"
	case j.ended:
		s.Status, s.File = "ready", "/api/exports/"+j.id+"/file"
	}
	return s
}

// begin starts an export; it goes on when the officer's page is closed.
func (x *exports) begin(trail *audit.Trail, who *mfa.Session, f audit.Filter) (*exportJob, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for id, j := range x.jobs {
		if time.Since(j.begun) > exportLife {
			j.cancel()
			j.file.Close()
			delete(x.jobs, id)
		}
	}
	if len(x.jobs) >= maxExports {
		return nil, errBusy
	}
	file, err := os.CreateTemp("", "privet-export-*")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(file.Name()); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	ctx, cancel := context.WithTimeout(context.Background(), exportLife)
	j := &exportJob{id: rand.Text(), owner: who.Agent, file: file, begun: time.Now(), cancel: cancel}
	if x.jobs == nil {
		x.jobs = map[string]*exportJob{}
	}
	x.jobs[j.id] = j
	go j.run(ctx, trail, f)
	return j, nil
}

func (j *exportJob) run(ctx context.Context, trail *audit.Trail, f audit.Filter) {
	result, err := trail.Export(ctx, j.file, j.owner, f, func(done, total int64) {
		j.mu.Lock()
		j.done, j.total = done, total
		j.mu.Unlock()
	})
	j.mu.Lock()
	defer j.mu.Unlock()
	j.result, j.err, j.ended = result, err, true
}

// of is a job of this officer; ErrNone for everybody else's.
func (x *exports) of(who *mfa.Session, id string) (*exportJob, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	j := x.jobs[id]
	if j == nil || j.owner != who.Agent {
		return nil, audit.ErrNone
	}
	return j, nil
}

func (c *Console) apiExport(w http.ResponseWriter, r *http.Request, who *mfa.Session) {
	var in struct{ From, To, Kind, Agent, Subject string }
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10)).Decode(&in)
	if err != nil && !errors.Is(err, io.EOF) {
		c.trailProblem(w, r, errQuery)
		return
	}
	f, err := chosen(url.Values{"from": {in.From}, "to": {in.To}, "kind": {in.Kind}, "agent": {in.Agent}, "subject": {in.Subject}})
	var j *exportJob
	if err == nil {
		j, err = c.exports.begin(c.Trail, who, f)
	}
	if err != nil {
		c.trailProblem(w, r, err)
		return
	}
	w.Header().Set("Location", "/api/exports/"+j.id)
	reply(w, http.StatusAccepted, j.status())
}

func (c *Console) apiExportStatus(w http.ResponseWriter, r *http.Request, who *mfa.Session) {
	j, err := c.exports.of(who, r.PathValue("id"))
	if err != nil {
		c.trailProblem(w, r, err)
		return
	}
	reply(w, http.StatusOK, j.status())
}

// exportFile serves an archive; a broken download goes on by Range.
func (c *Console) exportFile(w http.ResponseWriter, r *http.Request, who *mfa.Session) {
	j, err := c.exports.of(who, r.PathValue("id"))
	if err != nil {
		c.trailProblem(w, r, err)
		return
	}
	if s := j.status(); s.Status != "ready" {
		reply(w, http.StatusConflict, s)
		return
	}
	info, err := j.file.Stat()
	if err != nil {
		c.trailProblem(w, r, err)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", "application/zip")
	w.Header().Set("Content-Disposition", `attachment; filename="trail-`+j.begun.UTC().Format("20060102T150405Z")+`.zip"`)
	http.ServeContent(w, r, "", j.begun, io.NewSectionReader(j.file, 0, info.Size()))
}

func (c *Console) formExport(w http.ResponseWriter, r *http.Request, who *mfa.Session) {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	if err := r.ParseForm(); err != nil {
		c.refuse(w, r, errQuery)
		return
	}
	f, err := chosen(r.PostForm)
	var j *exportJob
	if err == nil {
		j, err = c.exports.begin(c.Trail, who, f)
	}
	if err != nil {
		c.refuse(w, r, err)
		return
	}
	http.Redirect(w, r, "/trail/exports/"+j.id, http.StatusSeeOther)
}

// showExport is a page that reloads itself until the archive is ready.
func (c *Console) showExport(w http.ResponseWriter, r *http.Request, who *mfa.Session) {
	j, err := c.exports.of(who, r.PathValue("id"))
	if err != nil {
		c.refuse(w, r, err)
		return
	}
	s := j.status()
	if s.Status == "running" {
		w.Header().Set("Refresh", "1")
	}
	c.render(w, r, "export", c.trailView(who, "export.title", s))
}
