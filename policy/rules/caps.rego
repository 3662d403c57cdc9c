package privet.view

cap contains {"classes": {"sad"}, "do": "withhold", "why": "never after authorisation, for nobody (PCI DSS 3.3.1)"}

cap contains {"classes": {"secrets"}, "do": "withhold", "why": "nobody needs another's secret"}

cap contains {"classes": {"personal"}, "do": "withhold", "unless": {"unrelated"}, "why": "not one's own account, nor a relative's"} if "unrelated" in input.facts

cap contains {"classes": {"personal"}, "do": "withhold", "unless": {"ordinary"}, "why": "VIP accounts are for the VIP desk"} if {
	"ordinary" in input.facts
	not handles_vips
}

cap contains {"classes": {"gov", "bank", "pan"}, "do": "mask", "unless": {"local"}, "why": "in full only in the account's own region"} if {
	"local" in input.facts
	input.role != "privacy"
}

handles_vips if "vip_desk" in input.groups

handles_vips if input.role in {"supervisor", "privacy", "auditor"}

handles_vips if glass_broken
