package tool

import (
	_ "embed"
	"net/http"
	"strings"
)

//go:embed datamap.yaml
var dataMap []byte

//go:embed holder.yaml
var holder string

// DataMap says what of this tool is personal and whose; privacy requests go by it.
func DataMap() []byte { return dataMap }

// Holder declares the calls by which privacy requests reach the tool at base.
func Holder(base string) []byte { return []byte(strings.ReplaceAll(holder, "{{base}}", base)) }

// erasePart removes one call or case, and the account's pointer to it.
func (d *Desk) erasePart(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	id := r.PathValue("id")
	subject := strings.TrimPrefix(strings.TrimPrefix(id, "call-"), "case-")
	if d.calls[id] == nil && d.cases[id] == nil {
		missing(w, "call or case")
		return
	}
	delete(d.calls, id)
	delete(d.cases, id)
	if a := d.accounts[subject]; a != nil {
		next := *a
		next.CallIDs, next.CaseIDs = without(a.CallIDs, id), without(a.CaseIDs, id)
		d.accounts[subject] = &next
	}
	w.WriteHeader(http.StatusNoContent)
}

func without(list []string, id string) []string {
	out := []string{}
	for _, v := range list {
		if v != id {
			out = append(out, v)
		}
	}
	return out
}
