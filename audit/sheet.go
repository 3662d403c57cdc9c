package audit

import (
	"encoding/csv"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/privet-gateway/privet/audit/evidence"
)

// sheet writes entries as CSV (RFC 4180) for spreadsheets.
type sheet struct{ out *csv.Writer }

func newSheet(w io.Writer) *sheet { return &sheet{csv.NewWriter(w)} }

// head names the columns.
func (s *sheet) head() error {
	return s.out.Write([]string{"receipt", "time", "kind", "agent", "roles", "session", "tool", "screen", "outcome", "reason",
		"purpose", "case", "request", "intent", "bundle", "records", "classes", "detail", "subjects", "personal"})
}

func (s *sheet) add(e Entry) error {
	v := e.Event
	cells := []string{string(e.Receipt), e.Time.Format(evidence.LeafTime), v.Kind, v.Agent, strings.Join(v.Roles, " "), v.Session, v.Tool, v.Screen,
		v.Outcome, v.Reason, v.Purpose, v.Case, v.Request, string(v.Intent), v.Bundle, strconv.Itoa(v.Records),
		pairs(v.Classes), pairs(v.Detail), strings.Join(v.Subjects, " "), pairs(v.Personal)}
	for i := range cells {
		cells[i] = Harmless(cells[i])
	}
	return s.out.Write(cells)
}

// flush is also for a sheet that is not: of an export without one.
func (s *sheet) flush() error {
	if s == nil {
		return nil
	}
	s.out.Flush()
	return s.out.Error()
}

func pairs(m map[string]string) string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, fmt.Sprintf("%s=%s", k, m[k]))
	}
	return strings.Join(parts, "; ")
}

// Harmless keeps a spreadsheet from running a cell as a formula (OWASP, CSV
// Injection): such a cell begins with an apostrophe.
func Harmless(cell string) string {
	if cell != "" && strings.ContainsRune("=+-@\t\r\n＝＋－＠", []rune(cell)[0]) {
		return "'" + cell
	}
	return cell
}
