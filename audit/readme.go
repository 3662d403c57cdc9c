package audit

// readme is for whoever receives an export.
const readme = `EXPORT OF AN AUDIT TRAIL

Entries are in entries.jsonl, one a line, and again in entries.csv for
spreadsheets. Check before you rely on them:

    privet-verify FILE.zip --key trail.vkey

trail.vkey is the public key of the house. Get it from the house by another way
than this archive, and keep it. Keep the file "checkpoint" too: given with
--head, it proves later that the trail of today was not rewritten or cut.

VERDICTS AND EXIT STATUS

    VERIFIED     0  complete and as it was recorded; erased=N of the entries
                    name a person who was lawfully erased since
    INCOMPLETE   3  what is here is genuine, but something is missing
    TAMPERED     4  something was changed, moved, added or removed
    ROLLED-BACK  5  older than a checkpoint that you hold
    FORKED       5  another history than that of a checkpoint that you hold
    UNKNOWN-KEY  6  signed by none of the keys that you gave
    UNREADABLE   2  not an export

FILES

    manifest.json    what was asked for, and the SHA-256 of every file
    manifest.sig     signature over manifest.json (C2SP signed-note)
    checkpoint       signed root over the whole log (C2SP tlog-checkpoint)
    entries.jsonl    what was asked for: {"receipt", "leaf", "subjects", "personal"}
    entries.csv      the same; a cell that could run as a formula begins with '
    headers.jsonl    every other leaf of the range, without personal data: they
                     prove that nothing that was asked for was left out
    erasures.jsonl   receipts for what is absent, each with its inclusion proof
    proofs/          hashes that tie the leaves to the root (RFC 6962)

A "leaf" is hashed exactly as it stands. It holds no personal data: "subjects"
are tags and "personal" are commitments, HMAC-SHA256 under the "opening" that
stands beside the value. Without its opening a commitment says nothing; when a
person is erased the openings are destroyed, and every proof stays valid.
`
