package console

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/privet-gateway/privet/audit"
	"github.com/privet-gateway/privet/audit/rights"
	"github.com/privet-gateway/privet/gateway/page"
	"github.com/privet-gateway/privet/mfa"
)

// textsPerPage bounds what one page reads from the holders.
const textsPerPage = 10

// textsPage is the editor of what an answer's transcripts tell about other people.
type textsPage struct {
	ID            string
	Passages      []passage
	Edits         []rights.Edit
	Total         int
	From, First   int
	Last          int
	Next, Prev    int // -1: none
	Open          bool
	Hide, Show    []string // reasons
	Hash          string
	Error, Detail string
	Mine          string // the words of a form that was refused
}

// passage is one transcript, with the phrases that can be shown.
type passage struct {
	rights.Passage
	Phrases []phrase
}

type phrase struct{ Words, Class string }

// passages reads a page of transcripts. That they were opened is written down first.
func (c *Console) passages(ctx context.Context, id string, from int, who *mfa.Session) ([]rights.Passage, int, error) {
	if _, err := c.Office.Get(ctx, id); err != nil {
		return nil, 0, err
	}
	if _, err := c.Trail.Append(ctx, audit.Event{Kind: "rights.viewed", Agent: who.Agent, Roles: who.Roles, Session: who.ID, Tool: "console", Outcome: "allowed", Request: id, Detail: map[string]string{"what": "transcripts"}}); err != nil {
		return nil, 0, err
	}
	return c.Office.Passages(ctx, id, from, textsPerPage)
}

func fromOf(r *http.Request) int {
	from, _ := strconv.Atoi(r.FormValue("from"))
	return max(0, from)
}

func (c *Console) apiPassages(w http.ResponseWriter, r *http.Request, who *mfa.Session) {
	list, total, err := c.passages(r.Context(), r.PathValue("id"), fromOf(r), who)
	if err != nil {
		c.problem(w, r, err)
		return
	}
	reply(w, http.StatusOK, map[string]any{"passages": list, "total": total})
}

func (c *Console) texts(w http.ResponseWriter, r *http.Request, who *mfa.Session) {
	c.textsWith(w, r, who, nil)
}

func (c *Console) textsWith(w http.ResponseWriter, r *http.Request, who *mfa.Session, failed error) {
	id, from := r.PathValue("id"), fromOf(r)
	list, total, err := c.passages(r.Context(), id, from, who)
	var req *rights.Request
	if err == nil {
		req, err = c.Office.Open(r.Context(), id)
	}
	if err != nil {
		a := answerFor(err)
		page.Refuse(w, r, page.Refusal{Status: a.status, Code: a.code})
		return
	}
	out := textsPage{ID: id, Total: total, From: from, First: from + 1, Last: from + len(list), Next: -1, Prev: -1, Edits: req.Body.Edits, Hash: req.Facts.PlanHash,
		Open: c.acts(req, who)["redact"], Hide: rights.EditReasons(false), Show: rights.EditReasons(true)}
	for _, p := range list {
		out.Passages = append(out.Passages, passage{p, phrases(p)})
	}
	if from+len(list) < total {
		out.Next = from + textsPerPage
	}
	if from > 0 {
		out.Prev = max(0, from-textsPerPage)
	}
	v := c.view(who, "texts.title", out)
	if failed != nil {
		a := answerFor(failed)
		v.Status, out.Error, out.Detail, out.Mine = a.status, "error."+a.code, detailOf(string(page.Of(r)), failed), r.PostFormValue("words")
		v.Data = out
	}
	c.render(w, r, "texts", v)
}

// phrases are what was found about others in a passage, each once.
func phrases(p rights.Passage) (out []phrase) {
	for _, s := range p.Said {
		for _, part := range s.Parts {
			words := strings.Join(strings.Fields(part.Text), " ")
			if part.State == rights.Hidden && !slices.ContainsFunc(out, func(o phrase) bool { return strings.EqualFold(o.Words, words) }) {
				out = append(out, phrase{words, part.Class})
			}
		}
	}
	return out
}
