package tool

// Account is a cardholder as the tool keeps them: one flat world in which
// everything lies beside everything.
type Account struct {
	Subject string `json:"subject"`
	Status  string `json:"status"`
	Opened  string `json:"opened"`
	Locale  string `json:"locale"`
	Standing
	Name        Name       `json:"name"`
	DOB         string     `json:"dob"`
	Nationality string     `json:"nationality"`
	SSN         string     `json:"ssn"`
	Passport    string     `json:"passport"`
	Licence     string     `json:"driver_licence"`
	Email       string     `json:"email"`
	EmailAt     string     `json:"email_changed_at,omitempty"` // RFC 3339, since the tool runs
	Phone       Phone      `json:"phone"`
	Address     Address    `json:"address"`
	Work        Work       `json:"work"`
	Login       Login      `json:"login"`
	Card        Card       `json:"card"`
	Bank        Bank       `json:"bank"`
	Money       Money      `json:"money"`
	Risk        Risk       `json:"risk"`
	Recent      []Purchase `json:"recent"`
	Notes       string     `json:"notes"`
	History     []Note     `json:"history"`
	CallIDs     []string   `json:"calls"`
	CaseIDs     []string   `json:"cases"`
	Internal    Internal   `json:"internal"`
}

// Name of a person.
type Name struct {
	Given  string `json:"given"`
	Family string `json:"family"`
	Full   string `json:"full"`
}

// Phone numbers of a person, in international form.
type Phone struct {
	Mobile   string `json:"mobile"`
	MobileAt string `json:"mobile_changed_at,omitempty"`
	Home     string `json:"home"`
}

// Address of a person.
type Address struct {
	Street   string `json:"street"`
	City     string `json:"city"`
	Postcode string `json:"postcode"`
	Country  string `json:"country"`
}

// Work of a person.
type Work struct {
	Employer string `json:"employer"`
	Title    string `json:"title"`
	Income   int    `json:"income"`
}

// Login is how the cardholder reaches online banking.
type Login struct {
	Username string `json:"username"`
	Question string `json:"question"`
	Answer   string `json:"answer"`
	IP       string `json:"last_ip"`
	Device   string `json:"device_mac"`
}

// Card is the payment card; that the tool keeps a CVV is just the kind of
// thing a gateway must expect.
type Card struct {
	PAN    string `json:"pan"`
	Brand  string `json:"brand"`
	Expiry string `json:"expiry"`
	CVV    string `json:"cvv"`
	PIN    string `json:"pin"`
	Holder string `json:"holder"`
	State  string `json:"state"`
}

// Bank is the account that pays the card.
type Bank struct {
	Name    string `json:"name"`
	IBAN    string `json:"iban"`
	BIC     string `json:"bic"`
	Account string `json:"account"`
	Routing string `json:"routing"`
}

// Money of the card account, in cents.
type Money struct {
	Currency  string `json:"currency"`
	Limit     int    `json:"limit"`
	Balance   int    `json:"balance"`
	Available int    `json:"available"`
}

// Risk as the fraud desk sees it.
type Risk struct {
	Score       int      `json:"score"`
	Flags       []string `json:"flags"`
	Chargebacks int      `json:"chargebacks"`
}

// Purchase on the card.
type Purchase struct {
	At       string `json:"at"`
	Merchant string `json:"merchant"`
	Cents    int    `json:"cents"`
}

// Note that an agent wrote.
type Note struct {
	At   string `json:"at"`
	By   string `json:"by"`
	Text string `json:"text"`
}

// Internal is what nobody remembered to classify.
type Internal struct {
	CRM    string `json:"crm_key"`
	Legacy string `json:"legacy_blob"`
}

// Standing is what a record says of the cardholder it is about, so that rules
// about very important and about one's own people hold for it too.
type Standing struct {
	VIP        bool     `json:"vip"`
	Region     string   `json:"region"`
	AssignedTo string   `json:"assigned_to"`
	Related    []string `json:"related_agents"` // whose own account it is, or a relative's
}

// Call is a recorded call with its transcript.
type Call struct {
	Standing
	ID      string `json:"id"`
	Subject string `json:"subject"`
	Agent   string `json:"agent"`
	Lang    string `json:"language"`
	Started string `json:"started"`
	Turns   []Turn `json:"turns"`
}

// Turn of a call; times in milliseconds of the recording.
type Turn struct {
	Speaker string `json:"speaker"` // agent or caller
	Text    string `json:"text"`
	StartMS int    `json:"start_ms"`
	EndMS   int    `json:"end_ms"`
}

// Case is a ticket.
type Case struct {
	Standing
	ID      string `json:"id"`
	Subject string `json:"subject"`
	Channel string `json:"channel"` // phone, e-mail, chat, social, portal
	Title   string `json:"title"`
	State   string `json:"state"`
	Opened  string `json:"opened"`
	Text    string `json:"text"`
}

func caseID(subject string) string { return "case-" + subject }
func callID(subject string) string { return "call-" + subject }
