package console

import (
	"net/http"

	"github.com/privet-gateway/privet/audit/rights"
	"github.com/privet-gateway/privet/gateway/page"
	"github.com/privet-gateway/privet/mfa"
)

// grounds are what the law of a request offers against its right.
func (c *Console) grounds(r *rights.Request) []rights.Ground {
	return append(c.Office.Laws.GroundsFor(r.Facts.Regime, r.Right), rights.Ground{Name: "other", Cites: map[string]string{}})
}

// letterPage shows a letter before it goes out, and sends it as it stands.
type letterPage struct {
	ID, Act, Reason, Note string
	Language, Lang        string // its own: the name, and the tag
	Text                  string
	Due                   string
}

// preview writes the letter of a denial or an extension and changes nothing. What
// cannot be sent (a late notice, no ground, an ended request) is said here already.
func (c *Console) preview(w http.ResponseWriter, r *http.Request, who *mfa.Session) {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	id := r.PathValue("id")
	out := letterPage{ID: id, Act: r.PostFormValue("act"), Reason: r.PostFormValue("reason"), Note: r.PostFormValue("text")}
	var letter rights.Letter
	var err error
	switch out.Act {
	case "deny":
		letter, err = c.Office.DenialLetter(r.Context(), id, out.Reason, out.Note)
	case "extend":
		letter, err = c.Office.ExtensionLetter(r.Context(), id, out.Reason, out.Note)
		out.Due = rights.Day(string(page.Of(r)), letter.Due)
	default:
		err = rights.ErrInvalid
	}
	var req *rights.Request
	if err == nil {
		req, err = c.Office.Get(r.Context(), id)
	}
	if err != nil {
		c.showWith(w, r, who, err)
		return
	}
	out.Text, out.Lang, out.Language = letter.Text, req.Facts.Language, page.Language(req.Facts.Language).Name()
	c.render(w, r, "letter", c.view(who, "preview.title", out))
}
