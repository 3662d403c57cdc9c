# METADATA
# title: What may they see?
# description: |
#   Four sets answer a question. `open` lets a role onto a screen, `refuse` and
#   `step_up` keep it off for now. `grant` widens what is seen, `cap` narrows it:
#   a class is treated as the widest grant says, but never wider than any cap.
#   What no grant names is withheld. A grant may need facts that each record
#   proves about itself; a cap may be lifted by them (unless).
package privet.view

fresh if input.second <= 900

signed_in if input.second <= 43200

justified if {
	input.purpose != ""
	input.case
}

# ---- who may open what

frontline if input.role in {"tier1", "tier2", "disputes", "fraud", "supervisor"}

second_line if input.role in {"tier2", "supervisor"}

open contains {"why": "the support desk works on every screen"} if frontline

open contains {"why": "privacy officers work on requests"} if {
	input.role == "privacy"
	input.purpose == "privacy_request"
	input.case
}

open contains {"why": "auditors read"} if {
	input.role == "auditor"
	input.purpose == "audit"
}

open contains {"why": "contractors work on single accounts"} if {
	input.role == "contractor"
	input.kind != "list"
}

refuse contains {"code": "purpose_required", "why": "a privacy officer opens accounts for a privacy request, with its case"} if {
	input.role == "privacy"
	not justified
}

refuse contains {"code": "purpose_required", "why": "an auditor opens accounts for an audit"} if {
	input.role == "auditor"
	input.purpose != "audit"
}

refuse contains {"code": "off_hours", "why": "contractors work in desk hours"} if {
	input.role == "contractor"
	not input.desk_hours
}

refuse contains {"code": "read_only", "why": "this role changes nothing"} if {
	input.role in {"auditor", "contractor"}
	input.write
}

refuse contains {"code": "verify_caller", "why": "a change is made for a caller who is verified, or in a case"} if {
	input.write
	frontline
	not input.verified
	not justified
}

step_up contains {"age": 43200, "why": "a working day's second factor"} if not signed_in

step_up contains {"age": 900, "why": "changing an account takes a fresh second factor"} if {
	input.write
	not fresh
}

step_up contains {"age": 900, "why": "breaking the glass takes a fresh second factor"} if {
	input.break_glass
	not fresh
}
