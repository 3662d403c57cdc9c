package privet.view_test

import data.privet.view

# what one class is treated as, in an ordinary record
agent(role) := {
	"role": role, "kind": "account", "write": false, "purpose": "", "case": false, "verified": false,
	"break_glass": false, "desk_hours": true, "second": 900, "groups": [], "facts": [], "region": "us",
}

does(asked, what) := {g.do | some g in view.grant with input as asked; what in g.classes}

test_nobody_sees_a_security_code if {
	some role in ["tier1", "tier2", "disputes", "fraud", "supervisor", "privacy", "auditor", "contractor"]
	count(does(agent(role), "sad")) == 0
	some c in view.cap with input as agent(role)
	"sad" in c.classes
	c.do == "withhold"
	not c.unless
}

test_tier1_sees_a_masked_number if does(agent("tier1"), "pan") == {"mask"}

test_contact_is_masked_until_the_caller_is_verified if {
	does(agent("tier1"), "contact") == {"mask"}
	"show" in does(object.union(agent("tier1"), {"verified": true}), "contact")
}

test_tier1_sees_no_risk if does(agent("tier1"), "risk") == set()

test_disputes_see_the_number_of_their_own_case if {
	asked := object.union(agent("disputes"), {"purpose": "dispute", "case": true})
	some g in view.grant with input as asked
	"pan" in g.classes
	g.do == "show"
	g.needs == {"assigned"}
}

test_a_stale_factor_hides_the_number if {
	asked := object.union(agent("fraud"), {"purpose": "fraud_review", "case": true, "second": 43200})
	does(asked, "pan") == {"mask"}
}

test_everyone_needs_a_second_factor if {
	count(view.step_up) == 1 with input as object.remove(agent("tier1"), ["second"])
	count(view.step_up) == 0 with input as agent("tier1")
}

test_privacy_needs_a_request_and_its_case if {
	count(view.refuse) == 1 with input as agent("privacy")
	count(view.open) == 0 with input as agent("privacy")
	count(view.refuse) == 0 with input as object.union(agent("privacy"), {"purpose": "privacy_request", "case": true})
}

test_auditors_change_nothing if {
	asked := object.union(agent("auditor"), {"purpose": "audit", "write": true})
	some r in view.refuse with input as asked
	r.code == "read_only"
}

test_contractors_open_no_lists_and_leave_at_night if {
	count(view.open) == 0 with input as object.union(agent("contractor"), {"kind": "list"})
	some r in view.refuse with input as object.union(agent("contractor"), {"desk_hours": false})
	r.code == "off_hours"
}

test_contractors_see_initials_until_the_caller_is_verified if {
	does(agent("contractor"), "identity") == {"mask"}
	does(agent("contractor"), "contact") == set()
}

test_vip_records_are_for_the_vip_desk if {
	asked := object.union(agent("tier1"), {"facts": ["ordinary"]})
	some c in view.cap with input as asked
	c.unless == {"ordinary"}
	every c2 in view.cap {
		object.get(c2, "unless", set()) != {"ordinary"}
	} with input as object.union(asked, {"groups": ["vip_desk"]})
}

test_nobody_sees_their_own_account if {
	some role in ["tier1", "supervisor", "privacy"]
	some c in view.cap with input as object.union(agent(role), {"facts": ["unrelated"], "groups": ["vip_desk"], "break_glass": true})
	c.unless == {"unrelated"}
	c.do == "withhold"
}

test_breaking_the_glass_takes_a_fresh_factor_and_shows_no_number if {
	asked := object.union(agent("tier1"), {"break_glass": true})
	"show" in does(asked, "contact")
	does(asked, "pan") == {"mask"}
	count(view.step_up) == 1 with input as object.union(asked, {"second": 43200})
}

test_changes_are_for_verified_callers_or_cases if {
	asked := object.union(agent("tier1"), {"write": true})
	some r in view.refuse with input as asked
	r.code == "verify_caller"
	count(view.refuse) == 0 with input as object.union(asked, {"verified": true})
	count(view.refuse) == 0 with input as object.union(asked, {"purpose": "servicing", "case": true})
}

test_full_bank_details_stay_in_their_region if {
	some c in view.cap with input as object.union(agent("tier2"), {"facts": ["local"]})
	c.unless == {"local"}
	c.do == "mask"
}

test_an_unknown_role_opens_nothing if {
	count(view.open) == 0 with input as agent("boss")
	does(agent("boss"), "contact") == set()
}

test_supervisors_and_second_line_see_more_with_a_case if {
	every role in ["tier2", "supervisor"] {
		asked := object.union(agent(role), {"purpose": "servicing", "case": true, "verified": true})
		"show" in does(asked, "bank")
		"show" in does(asked, "contact")
	}
}

test_privacy_sees_documents_with_a_fresh_factor if {
	asked := object.union(agent("privacy"), {"purpose": "privacy_request", "case": true})
	"show" in does(asked, "gov")
	does(object.union(asked, {"second": 43200}), "gov") == set()
}
