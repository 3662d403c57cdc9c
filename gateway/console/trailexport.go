package console

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"

	"github.com/privet-gateway/privet/audit"
	"github.com/privet-gateway/privet/mfa"
)

// exportStatus is a job as others see it.
type exportStatus struct {
	ID      audit.Receipt `json:"id"`
	Format  string        `json:"format"` // zip, ocsf
	Status  string        `json:"status"` // running, ready, failed
	Done    int64         `json:"done"`
	Total   int64         `json:"total"`
	Entries int64         `json:"entries"`
	Receipt audit.Receipt `json:"receipt"`
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
	s := exportStatus{ID: j.id, Format: "zip", Status: "running", Done: j.done, Total: j.total, Entries: j.result.Entries, Receipt: j.id}
	if j.OCSF {
		s.Format = "ocsf"
	}
	switch {
	case j.ended && j.err != nil:
		s.Status = "failed"
	case j.ended:
		s.Status, s.File = "ready", "/api/exports/"+string(j.id)+"/file"
	}
	return s
}

func (c *Console) apiExport(w http.ResponseWriter, r *http.Request, who *mfa.Session) {
	var in struct{ From, To, Kind, Agent, Subject, Format string }
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10)).Decode(&in)
	if err != nil && !errors.Is(err, io.EOF) {
		c.trailProblem(w, r, errQuery)
		return
	}
	j, err := c.order(r, who, url.Values{"from": {in.From}, "to": {in.To}, "kind": {in.Kind}, "agent": {in.Agent}, "subject": {in.Subject}, "format": {in.Format}})
	if err != nil {
		c.trailProblem(w, r, err)
		return
	}
	w.Header().Set("Location", "/api/exports/"+string(j.id))
	reply(w, http.StatusAccepted, j.status())
}

// order begins the export that an officer's fields ask for.
func (c *Console) order(r *http.Request, who *mfa.Session, fields url.Values) (*exportJob, error) {
	f, err := chosen(fields)
	if err != nil {
		return nil, err
	}
	switch format := fields.Get("format"); format {
	case "", "zip":
		return c.exports.begin(r.Context(), who.Agent, false, f)
	case "ocsf":
		return c.exports.begin(r.Context(), who.Agent, true, f)
	}
	return nil, errQuery
}

func (c *Console) apiExportStatus(w http.ResponseWriter, r *http.Request, who *mfa.Session) {
	j, err := c.exports.of(r.Context(), who.Agent, audit.Receipt(r.PathValue("id")))
	if err != nil {
		c.trailProblem(w, r, err)
		return
	}
	reply(w, http.StatusOK, j.status())
}

// exportFile serves an archive; a broken download goes on by Range.
func (c *Console) exportFile(w http.ResponseWriter, r *http.Request, who *mfa.Session) {
	j, err := c.exports.of(r.Context(), who.Agent, audit.Receipt(r.PathValue("id")))
	if err != nil {
		c.trailProblem(w, r, err)
		return
	}
	if s := j.status(); s.Status != "ready" {
		reply(w, http.StatusConflict, s)
		return
	}
	file, err := os.Open(j.file)
	if err != nil {
		c.trailProblem(w, r, err)
		return
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		c.trailProblem(w, r, err)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	kind, ending := "application/zip", ".zip"
	if j.OCSF {
		kind, ending = "application/x-ndjson", ".ocsf.jsonl"
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Disposition", `attachment; filename="trail-`+j.At.UTC().Format("20060102T150405Z")+ending+`"`)
	http.ServeContent(w, r, "", info.ModTime(), file)
}

func (c *Console) formExport(w http.ResponseWriter, r *http.Request, who *mfa.Session) {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	if err := r.ParseForm(); err != nil {
		c.refuse(w, r, who, errQuery)
		return
	}
	j, err := c.order(r, who, r.PostForm)
	if err != nil {
		c.refuse(w, r, who, err)
		return
	}
	http.Redirect(w, r, "/trail/exports/"+string(j.id), http.StatusSeeOther)
}

// showExport is a page that reloads itself until the archive is ready.
func (c *Console) showExport(w http.ResponseWriter, r *http.Request, who *mfa.Session) {
	j, err := c.exports.of(r.Context(), who.Agent, audit.Receipt(r.PathValue("id")))
	if err != nil {
		c.refuse(w, r, who, err)
		return
	}
	s := j.status()
	if s.Status == "running" {
		w.Header().Set("Refresh", "1")
	}
	c.render(w, r, "export", c.trailView(who, "export.title", s))
}
