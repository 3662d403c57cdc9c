# Classes by what they have in common.
package privet.view

identity := {"person", "title", "username", "organization"}

contact := {"email", "phone", "address", "postcode", "location"}

birth := {"dob", "date", "age"}

special := {"nrp"} # origin, religion, politics: GDPR Art. 9

gov := {"ssn", "national_id", "passport", "driver_licence", "tax_id"}

bank := {"iban", "bank_account", "routing", "swift"}

card := {"pan", "expiry"}

sad := {"cvv", "pin", "track"} # sensitive authentication data: PCI DSS 4.0.1 3.3.1

secrets := {"password", "secret", "token"}

device := {"ip", "mac", "url", "vehicle", "crypto_address"}

# personal is everything that says something about a person.
personal := (((((identity | contact) | birth) | special) | gov) | bank) |
	((((card | sad) | secrets) | device) | {"reference", "money", "risk", "text"})
