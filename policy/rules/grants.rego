package privet.view

# ---- everyone

grant contains {"classes": {"plain"}, "do": "show", "why": "nothing personal"}

grant contains {"classes": {"reference"}, "do": "show", "why": "the desk works by account and case"} if input.role != "auditor"

grant contains {"classes": {"pan"}, "do": "mask", "why": "the last four tell cards apart (PCI DSS 3.4.1)"}

grant contains {"classes": {"text"}, "do": "scrub", "why": "notes and transcripts, without what the detectors find"} if input.role != "auditor"

# ---- the front line: tier 1 and whoever answers calls

grant contains {"classes": {"identity"}, "do": "show", "why": "the caller is greeted by name"} if frontline

grant contains {"classes": {"contact"}, "do": "mask", "why": "masked until the caller is verified"} if frontline

grant contains {"classes": {"contact", "birth"}, "do": "show", "why": "the caller is verified"} if {
	frontline
	input.verified
}

grant contains {"classes": {"birth"}, "do": "mask", "why": "masked until the caller is verified"} if frontline

grant contains {"classes": {"money", "expiry"}, "do": "show", "why": "the caller is verified"} if {
	frontline
	input.verified
}

grant contains {"classes": {"gov", "bank"}, "do": "mask", "why": "the last four, for a verified caller"} if {
	frontline
	input.verified
}

# ---- tier 2 and supervisors

grant contains {"classes": {"money", "expiry"}, "do": "show", "why": "second line"} if second_line

grant contains {"classes": {"gov", "bank"}, "do": "mask", "why": "second line sees the last four"} if second_line

grant contains {"classes": {"contact", "birth"}, "do": "show", "why": "a purpose and a case are named"} if {
	second_line
	justified
}

grant contains {"classes": {"bank"}, "do": "show", "why": "second line, verified caller, purpose and case"} if {
	second_line
	input.verified
	justified
}

grant contains {"classes": {"risk"}, "do": "show", "why": "supervisors decide on risk"} if input.role == "supervisor"

# ---- disputes

grant contains {"classes": {"money"}, "do": "show", "why": "the disputes desk works by payments"} if input.role == "disputes"

grant contains {"classes": {"expiry"}, "do": "show", "why": "a dispute with its purpose"} if {
	input.role == "disputes"
	input.purpose == "dispute"
}

grant contains {"classes": {"contact"}, "do": "show", "why": "a dispute with its case"} if {
	input.role == "disputes"
	input.purpose == "dispute"
	input.case
}

grant contains {"classes": {"pan"}, "do": "show", "needs": {"assigned"}, "why": "the full number for the agent's own dispute (PCI DSS 3.4.1: business need)"} if {
	input.role == "disputes"
	input.purpose == "dispute"
	input.case
	fresh
}

# ---- fraud

grant contains {"classes": {"risk", "device"}, "do": "show", "why": "the fraud desk works by risk and device"} if input.role == "fraud"

grant contains {"classes": {"money", "expiry"}, "do": "show", "why": "a fraud review"} if {
	input.role == "fraud"
	input.purpose == "fraud_review"
}

grant contains {"classes": {"contact", "birth"}, "do": "show", "why": "a fraud review with its case"} if {
	input.role == "fraud"
	input.purpose == "fraud_review"
	input.case
}

grant contains {"classes": {"gov", "bank"}, "do": "mask", "why": "a fraud review with its case"} if {
	input.role == "fraud"
	input.purpose == "fraud_review"
	input.case
}

grant contains {"classes": {"pan"}, "do": "show", "why": "the full number for a fraud review (PCI DSS 3.4.1: business need)"} if {
	input.role == "fraud"
	input.purpose == "fraud_review"
	input.case
	fresh
}

# ---- officers

grant contains {"classes": {"identity", "contact", "birth"}, "do": "show", "why": "a privacy request"} if input.role == "privacy"

grant contains {"classes": {"money", "risk", "expiry", "device"}, "do": "show", "why": "a privacy request"} if input.role == "privacy"

grant contains {"classes": {"gov", "bank", "special"}, "do": "show", "why": "a privacy request, fresh second factor"} if {
	input.role == "privacy"
	fresh
}

grant contains {"classes": {"reference", "money", "identity"}, "do": "tokenise", "why": "an auditor tells people apart without knowing them"} if input.role == "auditor"

grant contains {"classes": {"contact", "bank", "gov"}, "do": "mask", "why": "an auditor checks that masks hold"} if input.role == "auditor"

# ---- contractors

grant contains {"classes": {"identity"}, "do": "mask", "why": "contractors see initials"} if input.role == "contractor"

grant contains {"classes": {"person"}, "do": "show", "why": "the caller is verified"} if {
	input.role == "contractor"
	input.verified
}

# ---- breaking the glass: an emergency, with a reason that a supervisor reads

grant contains {"classes": {"contact", "birth", "money", "risk"}, "do": "show", "why": "the glass is broken"} if glass_broken

grant contains {"classes": {"gov", "bank"}, "do": "mask", "why": "the glass is broken"} if glass_broken

glass_broken if {
	input.break_glass
	frontline
	fresh
}
