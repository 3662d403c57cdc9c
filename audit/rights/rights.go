// Package rights answers "what becomes of a cardholder's request to see, mend or
// erase their data?": from filing to proof.
//
// A request moves through the states of [Status]; nothing but [Office] moves it.
// The data [Map] says which systems hold what, who owns a row and what each right
// does to a field. From it a [Plan] is made: a dry run that reads and never
// writes. Officers approve the plan's hash; a plan that no longer matches the
// holders is not executed. Execution writes down each step's intent before it
// touches a [Holder] and a receipt afterwards, so a killed process finds out by
// reading what it had done, and repeats nothing it need not.
//
// # How it fails
//
// A holder's "200 OK" proves nothing. A request is completed only when every
// written row has been looked for again along a path the write did not use, the
// links that led to it find nothing new, and the person's identifiers do not
// appear in a search by value. Whatever cannot be shown ends in needs_attention,
// which is never an end: it waits for a person.
//
// # Why
//
// Published engines mark an erasure complete when the calls were sent. The cost
// of being wrong lies with the cardholder, who cannot see it; so the burden of
// proof lies here.
//
// There is no job queue beside the requests' own rows. River v0.31.0, the newest whose
// SQLite driver can be had (the core is at v0.51.1), builds and runs with modernc.org/sqlite
// v1.61.1, but ends a job by its id and not by its attempt (JobSetStateIfRunning), so what
// a stalled worker writes late would count; the fencing token would be needed all the same.
package rights
