package portal

import (
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/privet-gateway/privet/audit/rights"
	"github.com/privet-gateway/privet/gateway/page"
)

func browser(r *http.Request) bool { return page.Navigation(r) }

func b64(hexed string) string {
	raw, err := hex.DecodeString(hexed)
	if err != nil {
		return ""
	}
	return base64.StdEncoding.EncodeToString(raw)
}

// form is the filing page, filled in again when something was wrong.
type form struct {
	rights.Filing
	Fields []field // that can be corrected
	Places []string
	Error  string // key of a word
	Detail string
}

// field is one that can be corrected: its name in the data map and for people.
type field struct{ Name, Word string }

// permissions are how an agent may show that they may ask (11 CCR 7063).
func permissions() []string { return []string{"signed", "power_of_attorney", "parent"} }

// Wish is the correction as it was filled in.
func (f form) Wish() rights.Correction {
	if len(f.Corrections) == 0 {
		return rights.Correction{}
	}
	return f.Corrections[0]
}

// Proxy is the agent as filled in.
func (f form) Proxy() rights.Proxy {
	if f.Agent == nil {
		return rights.Proxy{}
	}
	return *f.Agent
}

// Permissions are the choices of the page.
func (form) Permissions() []string { return permissions() }

// places a person can choose; "" is "elsewhere".
func places() []string { return []string{"", "EU", "UK", "US-CA", "BR", "CA-QC", "CN"} }

func (p *Portal) nav(current string) []page.Link {
	return []page.Link{{Href: "/", Word: "nav.file", Current: current == "file"}, {Href: "/notice", Word: "nav.notice", Current: current == "notice"}}
}

func (p *Portal) home(w http.ResponseWriter, r *http.Request) {
	p.form(w, r, form{}, http.StatusOK)
}

func (p *Portal) form(w http.ResponseWriter, r *http.Request, f form, status int) {
	f.Places = places()
	for _, name := range p.Office.Map.Correctable() {
		f.Fields = append(f.Fields, field{name, p.Office.Map.FieldName(string(page.Of(r)), name)})
	}
	if f.Jurisdiction == "" {
		f.Jurisdiction = guess(r)
	}
	p.render(w, r, "home", page.View{Title: "home.title", Data: f, Nav: p.nav("file"), Status: status})
}

// guess offers a place by what the browser says of its reader; they can change it.
func guess(r *http.Request) string {
	accept := strings.ToLower(r.Header.Get("Accept-Language"))
	for _, g := range [][2]string{{"en-gb", "UK"}, {"en-ie", "EU"}, {"pt-br", "BR"}, {"fr-ca", "CA-QC"}, {"zh-cn", "CN"}, {"de-ch", ""}, {"fr-ch", ""}, {"de", "EU"}, {"fr", "EU"}, {"es-es", "EU"}, {"pt-pt", "EU"}} {
		if strings.HasPrefix(accept, g[0]) {
			return g[1]
		}
	}
	return ""
}

func (p *Portal) render(w http.ResponseWriter, r *http.Request, name string, v page.View) {
	if err := p.pages.Render(w, r, name, v); err != nil {
		p.Log.ErrorContext(r.Context(), "a page could not be rendered", "page", name, "error", err.Error())
	}
}

// notice shows the privacy notice that stands; "/notice/DIGEST" one that stood.
func (p *Portal) notice(w http.ResponseWriter, r *http.Request) {
	digest := cmp.Or(r.PathValue("digest"), p.Office.Map.Digest())
	n, err := p.Office.Notice(r.Context(), digest)
	var all []rights.PrivacyNotice
	if err == nil {
		all, err = p.Office.Notices(r.Context())
	}
	if err != nil {
		a := answerFor(err)
		p.refuse(w, r, a)
		return
	}
	out := notice{PrivacyNotice: n, Systems: n.Told[string(page.Of(r))], Past: digest != p.Office.Map.Digest(), lang: string(page.Of(r))}
	for _, other := range all {
		if other.Digest != digest {
			out.Others = append(out.Others, other)
		}
	}
	if out.Past && out.Until.IsZero() { // an older one has come back
		out.Until = p.Office.Now()
	}
	p.render(w, r, "notice", page.View{Title: "notice.title", Data: out, Nav: p.nav("notice")})
}

// notice is a privacy notice: what the data map says, in the reader's language. Its
// version stands on every request that is filed under it; the digest tells two texts
// of one version apart.
type notice struct {
	rights.PrivacyNotice
	Systems []rights.Told
	Others  []rights.PrivacyNotice
	Past    bool
	lang    string
}

// Date is a day in words.
func (n notice) Date(t time.Time) string { return rights.Day(n.lang, t) }

func (p *Portal) file(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, rights.MostFileBytes+mostBody)
	f := rights.Filing{Language: string(page.Of(r))}
	var req *rights.Request
	err := r.ParseMultipartForm(mostBody)
	if errors.Is(err, http.ErrNotMultipart) {
		err = nil
	}
	if r.MultipartForm != nil {
		defer r.MultipartForm.RemoveAll()
	}
	if err != nil {
		err = rights.ErrLarge
	} else if err = filled(r, &f); err == nil {
		req, err = p.Office.File(r.Context(), f)
	}
	if err := filed(req, err); err != nil {
		n := answerFor(err)
		p.form(w, r, form{Filing: f, Error: "error." + n.code, Detail: rights.Mend(string(page.Of(r)), err)}, n.status)
		return
	}
	http.Redirect(w, r, "/requests/"+req.ID, http.StatusSeeOther)
}

// filled reads the filing form.
func filled(r *http.Request, f *rights.Filing) error {
	f.Right, f.Email, f.Name = rights.Right(r.PostFormValue("right")), r.PostFormValue("email"), r.PostFormValue("name")
	f.Jurisdiction, f.Text = r.PostFormValue("jurisdiction"), r.PostFormValue("text")
	if field := r.PostFormValue("field"); f.Right == rights.Correct {
		f.Corrections = []rights.Correction{{Field: field, Old: r.PostFormValue("old"), New: r.PostFormValue("new")}}
	}
	agent := strings.TrimSpace(r.PostFormValue("agent"))
	if agent == "" {
		return nil
	}
	f.Agent = &rights.Proxy{Name: agent, Email: r.PostFormValue("agent_email"), Permission: r.PostFormValue("permission")}
	if !slices.Contains(permissions(), f.Agent.Permission) {
		f.Agent.Permission = permissions()[0]
	}
	documents, err := attachments(r, "document")
	if err == nil && len(documents) > 0 {
		f.Document = &documents[0]
	}
	return err
}

// refuse answers a no. Who looks for something that is not there is shown where to go.
func (p *Portal) refuse(w http.ResponseWriter, r *http.Request, n no) {
	if n.code == "unknown_request" && browser(r) {
		p.render(w, r, "missing", page.View{Title: "missing.title", Nav: p.nav(""), Status: n.status})
		return
	}
	page.Refuse(w, r, page.Refusal{Status: n.status, Code: n.code})
}

// request is the page of one request.
type request struct {
	*view
	Word      string
	Authority string
	DaysLeft  int
	Prove     bool
	Reenter   bool // a fresh code opens the letters again
	Withdraw  bool
	Appeal    bool
	Package   *rights.Package
	InSession bool
	Proven    bool
	Messages  []rights.Message
	Error     string
	Detail    string
	Sent      bool
	Left      []left // what is kept or held back, for who has just proven the address

	Notice, NoticeDigest string // under which it was filed
}

// left is one reason of a law, and what it keeps.
type left struct {
	Why  string
	What []string
}

// lefts groups what is kept by its reason; where it stands is told in the session only.
func (p *Portal) lefts(lang string, kept []rights.Kept) (out []left) {
	for _, k := range kept {
		why := rights.Because(lang, k.Why) + " (" + rights.Law(lang, k.Cite) + ")"
		at := slices.IndexFunc(out, func(l left) bool { return l.Why == why })
		if at < 0 {
			at, out = len(out), append(out, left{Why: why})
		}
		out[at].What = append(out[at].What, p.Office.Map.Told(lang, k))
	}
	return out
}

// Law is the law of the request's date, in the reader's language.
func (r request) Law() string { return rights.Law(r.lang, r.Cite) }

// Wrong says whether it was the code that was not right.
func (r request) Wrong() bool { return r.Error == "error.wrong_code" || r.Error == "error.code_spent" }

// Kind is the colour of the status.
func (r request) Kind() string {
	switch {
	case strings.HasPrefix(string(r.Status), "completed/"):
		return ""
	case strings.HasPrefix(string(r.Status), "denied/") || r.Status == rights.Expired:
		return "no"
	case r.Status.Final():
		return "plain"
	}
	return "wait"
}

// EventWord and the others are the template's keys.
func (request) EventWord(kind string) string { return wordOf(kind) }

func (p *Portal) show(w http.ResponseWriter, r *http.Request) {
	if !p.led(w, r, r.PathValue("id")) {
		p.refuse(w, r, no{http.StatusNotFound, "unknown_request"})
		return
	}
	p.showWith(w, r, r.PathValue("id"), request{Sent: r.URL.Query().Has("sent")}, http.StatusOK)
}

func (p *Portal) showWith(w http.ResponseWriter, r *http.Request, id string, extra request, status int) {
	v, req, err := p.view(r, id)
	if err != nil {
		n := answerFor(err)
		p.refuse(w, r, n)
		return
	}
	out := extra
	out.view, out.Word, out.Notice, out.NoticeDigest = v, word("status", string(v.Status)), req.Facts.Notice, req.Facts.NoticeDigest
	if v.Cools != nil {
		out.Word = "status.cooling"
	}
	regime := p.Office.Laws.Regime(req.Facts.Regime, req.Received)
	out.Authority = regime.Where(v.lang)
	out.DaysLeft = req.Facts.Clock.DaysLeft(p.Office.Now())
	out.Prove = req.Facts.Proven == nil && v.Cools == nil && !req.Status.Final() && req.Status != rights.Appealed
	out.Proven = req.Facts.Proven != nil
	out.Withdraw = req.Status.To(rights.Withdrawn) == nil
	out.Appeal = req.Status.Final() && req.Facts.Proven != nil && req.Status != rights.Merged && req.Status != rights.Withdrawn
	if req.Facts.Package != nil && p.Office.Now().Before(req.Facts.Package.Expires) && strings.HasPrefix(string(req.Status), "completed/") {
		out.Package = req.Facts.Package
	}
	out.Reenter = out.Proven && out.Package == nil
	if out.InSession = p.Office.InSession(r.Context(), id, session(r, id)); out.InSession {
		if out.Messages, err = p.Office.Messages(r.Context(), id); err != nil {
			p.Log.WarnContext(r.Context(), "messages cannot be opened", "request", id, "error", err.Error())
		}
		if req.Status == rights.CompletedPartial && req.Facts.Planned != nil {
			out.Left = p.lefts(v.lang, req.Facts.Planned.Left)
		}
	}
	p.render(w, r, "request", page.View{Title: "request.title", Data: out, Nav: p.nav(""), Status: status})
}

// again shows the page of a request with what went wrong.
func (p *Portal) again(w http.ResponseWriter, r *http.Request, id string, err error) {
	n := answerFor(err)
	if n.code == "unknown_request" {
		p.refuse(w, r, n)
		return
	}
	p.showWith(w, r, id, request{Error: "error." + n.code, Detail: rights.Mend(string(page.Of(r)), err)}, n.status)
}

// then goes back to the request's page, or says what went wrong there.
func (p *Portal) then(w http.ResponseWriter, r *http.Request, id string, err error) {
	if err != nil {
		p.again(w, r, id, err)
		return
	}
	http.Redirect(w, r, "/requests/"+id, http.StatusSeeOther)
}

func (p *Portal) verify(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	req, err := p.Office.Get(r.Context(), id)
	switch {
	case err != nil:
	case req.Facts.Proven != nil: // to read letters and take the package again
		err = p.reenter(w, r, id)
	default:
		if _, err = p.Office.Verify(r.Context(), id, r.PostFormValue("code")); err == nil {
			_, err = p.setSession(w, r, id)
		}
	}
	if err == nil && p.back(w, r, id) {
		return
	}
	p.then(w, r, id, err)
}

func (p *Portal) resend(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	if err := p.Office.Resend(r.Context(), id); err != nil {
		p.again(w, r, id, err)
		return
	}
	http.Redirect(w, r, "/requests/"+id+"?sent", http.StatusSeeOther)
}

func (p *Portal) withdraw(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	_, err := p.Office.Withdraw(r.Context(), id)
	p.then(w, r, id, err)
}

func (p *Portal) appeal(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	appeal, err := p.Office.Appeal(r.Context(), id, r.PostFormValue("text"))
	if err == nil {
		if p.Office.InSession(r.Context(), id, session(r, id)) { // who may read the one may read the other
			_, err = p.setSession(w, r, appeal.ID)
		}
		id = appeal.ID
	}
	p.then(w, r, id, err)
}

// message takes a letter with files; they are looked at before anything is kept.
func (p *Portal) message(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	r.Body = http.MaxBytesReader(w, r.Body, 4*rights.MostFileBytes)
	if err := r.ParseMultipartForm(1 << 20); err != nil && !errors.Is(err, http.ErrNotMultipart) {
		p.again(w, r, id, rights.ErrLarge)
		return
	}
	if r.MultipartForm != nil {
		defer r.MultipartForm.RemoveAll()
	}
	if !p.Office.InSession(r.Context(), id, session(r, id)) {
		p.again(w, r, id, rights.ErrUnproven)
		return
	}
	attached, err := attachments(r, "file")
	if errors.Is(err, rights.ErrInvalid) { // the person sees afterwards, too, that it was not taken
		if noted := p.Office.FileRefused(r.Context(), id); noted != nil {
			err = noted
		}
	}
	if err == nil {
		err = p.Office.SendAsCardholder(r.Context(), id, r.FormValue("text"), attached)
	}
	p.then(w, r, id, err)
}

func attachments(r *http.Request, field string) ([]rights.File, error) {
	if r.MultipartForm == nil {
		return nil, nil
	}
	var out []rights.File
	for _, head := range r.MultipartForm.File[field] {
		if head.Filename == "" && head.Size == 0 {
			continue // a browser's empty field
		}
		content, err := readFile(head)
		if err != nil {
			return nil, err
		}
		file, err := rights.CheckFile(head.Filename, content)
		if err != nil {
			return nil, err
		}
		out = append(out, file)
	}
	return out, nil
}

func readFile(head *multipart.FileHeader) ([]byte, error) {
	f, err := head.Open()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, rights.MostFileBytes+1))
}

// Day is a date as data has it, Date as the reader's language writes it.
func (v view) Day(t time.Time) string { return t.Format(time.DateOnly) }

// Date is a day in words.
func (v view) Date(t time.Time) string { return rights.Day(v.lang, t) }

// Moment is a day and a time.
func (v view) Moment(t time.Time) string { return rights.Moment(v.lang, t) }
