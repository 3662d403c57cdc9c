package portal

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"

	"github.com/privet-gateway/privet/audit/rights"
)

const mostBody = 1 << 20

// decode reads a small JSON body; what is wrong with it is said.
func decode(w http.ResponseWriter, r *http.Request, into any) error {
	return decodeUpTo(mostBody, w, r, into)
}

func decodeUpTo(most int64, w http.ResponseWriter, r *http.Request, into any) error {
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, most))
	if err := dec.Decode(into); err != nil {
		return fmt.Errorf("%w: the body is not the JSON asked for: %s", rights.ErrInvalid, shape(err))
	}
	return nil
}

// shape says what is wrong with JSON without repeating any of it.
func shape(err error) string {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return fmt.Sprintf("syntax error at byte %d", syntax.Offset)
	case errors.As(err, &kind):
		return fmt.Sprintf("%q has the wrong type", kind.Field)
	case errors.Is(err, io.EOF):
		return "it is empty"
	}
	return "it cannot be read"
}

func (p *Portal) apiFile(w http.ResponseWriter, r *http.Request) {
	var f rights.Filing
	err := decodeUpTo(mostBody+2*rights.MostFileBytes, w, r, &f) // a document in base64
	if err == nil {
		var req *rights.Request
		req, err = p.Office.File(r.Context(), f)
		if err = filed(req, err); err == nil {
			w.Header().Set("Location", "/api/requests/"+req.ID)
			p.created(w, r, req.ID)
			return
		}
	}
	p.problem(w, r, err)
}

func (p *Portal) created(w http.ResponseWriter, r *http.Request, id string) {
	v, _, err := p.view(r, id)
	if err != nil {
		p.problem(w, r, err)
		return
	}
	reply(w, http.StatusCreated, v)
}

func (p *Portal) apiShow(w http.ResponseWriter, r *http.Request) {
	v, _, err := p.view(r, r.PathValue("id"))
	if err != nil {
		p.problem(w, r, err)
		return
	}
	reply(w, http.StatusOK, v)
}

func (p *Portal) apiVerify(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Code string `json:"code"`
	}
	id := r.PathValue("id")
	err := decode(w, r, &in)
	if err == nil {
		_, err = p.Office.Verify(r.Context(), id, in.Code)
	}
	if err != nil {
		p.problem(w, r, err)
		return
	}
	token, err := p.setSession(w, r, id)
	if err != nil {
		p.problem(w, r, err)
		return
	}
	v, _, err := p.view(r, id)
	if err != nil {
		p.problem(w, r, err)
		return
	}
	reply(w, http.StatusOK, struct {
		*view
		Session string `json:"session"`
	}{v, token})
}

// apiResend sends a fresh code: for identity, or, once that is proven, for the package.
func (p *Portal) apiResend(w http.ResponseWriter, r *http.Request) {
	if err := p.Office.Resend(r.Context(), r.PathValue("id")); err != nil {
		p.problem(w, r, err)
		return
	}
	w.WriteHeader(http.StatusAccepted)
}

func (p *Portal) apiWithdraw(w http.ResponseWriter, r *http.Request) {
	p.act(w, r, http.StatusOK, func(id string) (string, error) {
		_, err := p.Office.Withdraw(r.Context(), id)
		return id, err
	})
}

func (p *Portal) apiAppeal(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Text string `json:"text"`
	}
	if r.ContentLength != 0 {
		if err := decode(w, r, &in); err != nil {
			p.problem(w, r, err)
			return
		}
	}
	p.act(w, r, http.StatusCreated, func(id string) (string, error) {
		appeal, err := p.Office.Appeal(r.Context(), id, in.Text)
		if err != nil {
			return "", err
		}
		return appeal.ID, nil
	})
}

func (p *Portal) apiMessage(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Text string `json:"text"`
	}
	id := r.PathValue("id")
	err := decode(w, r, &in)
	if err == nil && !p.Office.InSession(r.Context(), id, session(r, id)) {
		err = rights.ErrUnproven
	}
	if err == nil {
		err = p.Office.SendAsCardholder(r.Context(), id, in.Text, nil)
	}
	if err != nil {
		p.problem(w, r, err)
		return
	}
	w.WriteHeader(http.StatusAccepted)
}

// act runs one act and answers with the request it left.
func (p *Portal) act(w http.ResponseWriter, r *http.Request, status int, do func(id string) (string, error)) {
	id, err := do(r.PathValue("id"))
	if err == nil {
		var v *view
		if v, _, err = p.view(r, id); err == nil {
			reply(w, status, v)
			return
		}
	}
	p.problem(w, r, err)
}

// link makes a download's link for who has just proven the address, by the session of a
// verification or a fresh code, and leads there: what breaks off is resumed at the link.
func (p *Portal) link(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	var err error
	if !p.Office.InSession(r.Context(), id, session(r, id)) {
		err = p.reenter(w, r, id)
	}
	var link string
	if err == nil {
		link, err = p.Office.PackageLink(r.Context(), id)
	}
	if err != nil {
		p.again(w, r, id, err)
		return
	}
	http.Redirect(w, r, "/requests/"+id+"/package?link="+link, http.StatusSeeOther)
}

// reenter opens a session for a proven person's fresh code.
func (p *Portal) reenter(w http.ResponseWriter, r *http.Request, id string) error {
	if err := p.Office.Reenter(r.Context(), id, r.PostFormValue("code")); err != nil {
		return err
	}
	_, err := p.setSession(w, r, id)
	return err
}

// pack streams the access package to who has just proven the address: the session
// of a verification, a single-use link, or a fresh code.
func (p *Portal) pack(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	from := p.resumed(r, id)
	proof := rights.Proof{Session: session(r, id), Link: r.URL.Query().Get("link"), Code: r.FormValue("code"), From: from}
	stream, about, err := p.Office.Download(r.Context(), id, proof)
	if errors.Is(err, rights.ErrRange) { // RFC 9110 §15.5.17
		w.Header().Set("Content-Range", fmt.Sprintf("bytes */%d", about.Bytes))
	}
	if err != nil {
		if browser(r) {
			p.again(w, r, id, err)
			return
		}
		p.problem(w, r, err)
		return
	}
	defer stream.Close()
	head := w.Header()
	head.Set("Content-Type", "application/zip")
	head.Set("Content-Disposition", `attachment; filename="privacy-`+id[:8]+`.zip"`)
	head.Set("Content-Length", fmt.Sprint(about.Bytes-from))
	head.Set("Accept-Ranges", "bytes")
	head.Set("ETag", `"`+about.SHA256+`"`)
	head.Set("Cache-Control", "no-store")
	head.Set("X-Content-Type-Options", "nosniff")
	head.Set("Referrer-Policy", "no-referrer")
	head.Set("Repr-Digest", "sha-256=:"+b64(about.SHA256)+":")
	status := http.StatusOK
	if from > 0 {
		head.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, about.Bytes-1, about.Bytes))
		status = http.StatusPartialContent
	}
	w.WriteHeader(status)
	if _, err := io.Copy(w, stream); err != nil {
		p.Log.InfoContext(r.Context(), "a package was not taken whole", "request", id)
	}
}

var fromByte = regexp.MustCompile(`^bytes=([0-9]{1,15})-$`)

// resumed is where a broken download goes on (RFC 9110 §14.2); any other range is
// answered whole, which the RFC allows, and so is one of another package (If-Range,
// §13.1.5: only the whole, strong ETag fits).
func (p *Portal) resumed(r *http.Request, id string) int64 {
	m := fromByte.FindStringSubmatch(r.Header.Get("Range"))
	if m == nil {
		return 0
	}
	if tag := r.Header.Get("If-Range"); tag != "" {
		req, err := p.Office.Get(r.Context(), id)
		if err != nil || req.Facts.Package == nil || tag != `"`+req.Facts.Package.SHA256+`"` {
			return 0
		}
	}
	n, _ := strconv.ParseInt(m[1], 10, 64) // 15 digits always fit
	return n
}
