package console

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/privet-gateway/privet/audit"
	"github.com/privet-gateway/privet/audit/rights"
	"github.com/privet-gateway/privet/mfa"
)

// mostSuppressedBytes holds as many identifiers as may be asked about at once.
const mostSuppressedBytes = 4 << 20

// apiSuppressed says which identifiers an import must leave out, because their people
// had their data erased: POST {"kind":"email","values":[…]} → {"suppressed":[…]}.
// How many were asked about is written down, never which.
func (c *Console) apiSuppressed(w http.ResponseWriter, r *http.Request, who *mfa.Session) {
	var in struct {
		Kind   string   `json:"kind"`
		Values []string `json:"values"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, mostSuppressedBytes)).Decode(&in); err != nil {
		c.problem(w, r, fmt.Errorf(`%w: the body is not {"kind":"email","values":["…"]}`, rights.ErrInvalid))
		return
	}
	gone, err := c.Office.Suppressed(r.Context(), in.Kind, in.Values)
	if err == nil {
		_, err = c.Trail.Append(r.Context(), audit.Event{Kind: "rights.suppressed", Agent: who.Agent, Roles: who.Roles, Session: who.ID, Tool: "console", Outcome: "allowed", Records: len(in.Values),
			Detail: map[string]string{"kind": in.Kind, "left_out": fmt.Sprint(len(gone))}})
	}
	if err != nil {
		c.problem(w, r, err)
		return
	}
	reply(w, http.StatusOK, map[string]any{"suppressed": append([]string{}, gone...)})
}
