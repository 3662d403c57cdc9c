// Package evidence is what an auditor has to trust: the formats of the trail
// and the check of an export, with no database, no network and no keys but the
// one that the auditor brings.
//
// # An export
//
//	README.txt        for the auditor
//	manifest.json     what was asked, what is here: every file's SHA-256
//	manifest.sig      a signed note over the manifest's SHA-256
//	checkpoint        the signed head of the first lane; checkpoint.N of lane N
//	entries.jsonl     the entries that were asked for, by lane and index:
//	                  {"receipt":R,"leaf":L,"subjects":{tag:naming},"personal":{name:opening}}
//	entries.csv       the same for spreadsheets
//	headers.jsonl     every other leaf of the range, {"receipt":R,"leaf":L}: they
//	                  prove that nothing that was asked for is missing
//	erasures.jsonl    receipts of erasures and prunings with inclusion proofs
//	proofs/N.json     hashes left and right of the range of lane N
//	proofs/N.hashes   the leaf hashes of the range, 32 bytes each
//
// The archive's comment is a signed note over all bytes before it.
//
// # What Verify proves
//
// Each leaf hashes into the root that the keeper signed. The filter is
// evaluated again over every leaf of the range: what matches is an entry, what
// does not is a header. Each personal value and each subject of an entry opens
// its commitment, or a receipt in the same tree says that the subject was
// erased. The range is bounded by a leaf before it and after it, or by the ends
// of the log.
package evidence

import (
	"fmt"
	"strings"
	"time"
)

// Verdict is the result of a check.
type Verdict string

// Verdicts, the graver ones last.
const (
	Verified   Verdict = "VERIFIED"
	Incomplete Verdict = "INCOMPLETE"  // something is missing; what is here is genuine, where its hashes are here too
	RolledBack Verdict = "ROLLED-BACK" // older than a head that the auditor holds
	Forked     Verdict = "FORKED"      // another history than that of a head the auditor holds
	Tampered   Verdict = "TAMPERED"    // changed after it was signed
	UnknownKey Verdict = "UNKNOWN-KEY" // signed, but by no key that the auditor brought
	Unreadable Verdict = "UNREADABLE"  // not an export
)

var gravity = map[Verdict]int{Verified: 0, Incomplete: 1, RolledBack: 2, Forked: 3, Tampered: 4, UnknownKey: 5, Unreadable: 6}

// Exit is the exit status of a verdict.
func (v Verdict) Exit() int {
	switch v {
	case Verified:
		return 0
	case Incomplete:
		return 3
	case Tampered:
		return 4
	case RolledBack, Forked:
		return 5
	case UnknownKey:
		return 6
	}
	return 2
}

// Finding is one thing that is not as it should be.
type Finding struct {
	Verdict Verdict
	Where   string // a receipt or a file
	What    string
}

func (f Finding) String() string {
	if f.Where == "" {
		return fmt.Sprintf("%s: %s", f.Verdict, f.What)
	}
	return fmt.Sprintf("%s at %s: %s", f.Verdict, f.Where, f.What)
}

// Report is the outcome of a check.
type Report struct {
	Verdict  Verdict
	Findings []Finding // at most maxFindings
	Entries  int64     // in entries.jsonl, and good
	Headers  int64     // leaves that were not asked for
	Erased   int64     // entries with a subject that is lawfully erased
	Pruned   int64     // leaves that retention has lawfully removed
	Made     time.Time
}

const maxFindings = 20

func (r *Report) find(v Verdict, where, format string, args ...any) {
	if gravity[v] > gravity[r.Verdict] {
		r.Verdict = v
	}
	if len(r.Findings) < maxFindings {
		r.Findings = append(r.Findings, Finding{v, where, fmt.Sprintf(format, args...)})
	}
}

// Line is the last line of a check's output.
func (r *Report) Line() string {
	var b strings.Builder
	fmt.Fprintf(&b, "VERDICT: %s entries=%d erased=%d pruned=%d headers=%d", r.Verdict, r.Entries, r.Erased, r.Pruned, r.Headers)
	for _, f := range r.Findings {
		if f.Verdict == r.Verdict && f.Where != "" {
			fmt.Fprintf(&b, " at=%s", f.Where)
			break
		}
	}
	return b.String()
}
