package tool

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
	"unicode"
)

// settle makes the people of a seed.
func (d *Desk) settle(seed uint64, people int) {
	tongues := tongues()
	for i := range people {
		// A stream of its own for each person: more people never change the earlier ones.
		m := maker{rand.New(rand.NewPCG(seed, uint64(i))), tongues[i%len(tongues)]}
		a := m.account(i)
		d.accounts[a.Subject] = a
		d.order = append(d.order, a.Subject)
		c := m.call(a)
		d.calls[c.ID] = c
		d.cases[caseID(a.Subject)] = m.ticket(a)
	}
}

type maker struct {
	*rand.Rand
	tongue
}

func (m maker) pick(of []string) string { return of[m.IntN(len(of))] }

// digits fills the zeros of a pattern's tail; a leading part stays as it is.
func (m maker) digits(pattern string, keep int) string {
	out := []byte(pattern)
	for i := keep; i < len(out); i++ {
		if out[i] == '0' {
			out[i] = '0' + byte(m.IntN(10))
		}
	}
	return string(out)
}

func (m maker) account(i int) *Account {
	subject := fmt.Sprintf("ch-%05d", 10000+i*7)
	name := Name{Given: m.pick(m.given), Family: m.pick(m.family)}
	name.Full = name.Given + " " + name.Family
	if m.lang == "zh" {
		name.Full = name.Family + name.Given
	}
	handle := fmt.Sprintf("%s%d", handle(name, subject), i)
	limit := (2 + m.IntN(40)) * 50000
	balance := m.IntN(limit)
	a := &Account{
		Subject: subject, Status: "open", Opened: m.day(2009, 2024), Locale: m.lang,
		Standing: Standing{VIP: m.IntN(20) == 0, Region: m.region, AssignedTo: m.pick([]string{"ada", "ben", "team-north", "team-south"}), Related: []string{}}, Name: name, DOB: m.day(1945, 2003), Nationality: m.nationality,
		SSN:      fmt.Sprintf("%03d-%02d-%04d", 100+m.IntN(500), 1+m.IntN(98), 1+m.IntN(9998)),
		Passport: fmt.Sprintf("%c%08d", 'A'+rune(m.IntN(26)), m.IntN(1e8)), Licence: fmt.Sprintf("%c%c%06d", 'A'+rune(m.IntN(26)), 'A'+rune(m.IntN(26)), m.IntN(1e6)),
		Email: handle + "@example.com", Phone: Phone{Mobile: m.digits(m.mobile, len(m.mobile)-4), Home: m.digits(m.home, len(m.home)-4)},
		Address: Address{Street: fmt.Sprintf("%s %d", m.pick(m.streets), 1+m.IntN(180)), City: m.pick(m.cities), Postcode: m.digits(m.postcode, 2), Country: m.country},
		Work:    Work{m.pick(m.employers), m.pick(m.titles), (20 + m.IntN(120)) * 1000},
		Login: Login{Username: handle, Question: m.question, Answer: m.answer,
			IP:     fmt.Sprintf("203.0.113.%d", 1+m.IntN(254)),
			Device: fmt.Sprintf("02:%02x:%02x:%02x:%02x:%02x", m.IntN(256), m.IntN(256), m.IntN(256), m.IntN(256), m.IntN(256))},
		Card: m.card(name), Bank: m.bankOf(), Money: Money{"USD", limit, balance, limit - balance},
		Risk:    Risk{Score: m.IntN(1000), Flags: []string{m.pick([]string{"none", "velocity", "new_device", "travel"})}, Chargebacks: m.IntN(3)},
		CallIDs: []string{callID(subject)}, CaseIDs: []string{caseID(subject)},
		Internal: Internal{CRM: fmt.Sprintf("crm:%s:%s", subject, handle), Legacy: fmt.Sprintf("%s|%s|%s", name.Full, subject, handle)},
	}
	for range 3 {
		a.Recent = append(a.Recent, Purchase{m.day(2026, 2026), m.pick([]string{"Corner Grocers", "Metro Transit", "Blue Kettle Coffee", "Paperleaf Books"}), 100 + m.IntN(20000)})
	}
	if i == 13 {
		a.Related = []string{"ada"} // her brother's
	}
	a.Notes = m.fill(m.note, a)
	a.History = []Note{{m.day(2025, 2026), "ben", m.fill(m.text, a)}}
	return a
}

func (m maker) day(from, to int) string {
	first := time.Date(from, 1, 1, 0, 0, 0, 0, time.UTC)
	days := int(time.Date(to, 11, 1, 0, 0, 0, 0, time.UTC).Sub(first).Hours() / 24)
	return first.AddDate(0, 0, m.IntN(days)).Format(time.DateOnly)
}

// handle makes the latin letters of a name into a login; a name without any gets the subject's.
func handle(n Name, subject string) string {
	fold := strings.NewReplacer("é", "e", "É", "e", "è", "e", "í", "i", "ú", "u", "á", "a", "ä", "a", "ü", "u", "ñ", "n", "ã", "a", "ô", "o", "â", "a")
	latin := strings.Map(func(r rune) rune {
		if r < unicode.MaxASCII && unicode.IsLetter(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, fold.Replace(n.Given+n.Family))
	if latin == "" {
		return strings.ReplaceAll(subject, "-", "")
	}
	return latin
}

func (m maker) card(name Name) Card {
	issuers := []struct {
		prefix, brand string
		length        int
	}{{"400000", "visa", 16}, {"555555", "mastercard", 16}, {"222300", "mastercard", 16}, {"378282", "amex", 15}, {"601100", "discover", 16}, {"620000", "unionpay", 16}}
	is := issuers[m.IntN(len(issuers))]
	body := is.prefix
	for len(body) < is.length-1 {
		body += string('0' + rune(m.IntN(10)))
	}
	cvv := fmt.Sprintf("%03d", m.IntN(1000))
	if is.brand == "amex" {
		cvv = fmt.Sprintf("%04d", m.IntN(10000))
	}
	return Card{PAN: body + luhn(body), Brand: is.brand, Expiry: fmt.Sprintf("%02d/%02d", 1+m.IntN(12), 27+m.IntN(5)),
		CVV: cvv, PIN: fmt.Sprintf("%04d", m.IntN(10000)), Holder: name.Full, State: "active"}
}

// luhn is the check digit for body (ISO/IEC 7812-1 annex B).
func luhn(body string) string {
	sum := 0
	for i := range len(body) {
		n := int(body[len(body)-1-i] - '0')
		if i%2 == 0 {
			if n *= 2; n > 9 {
				n -= 9
			}
		}
		sum += n
	}
	return string('0' + rune((10-sum%10)%10))
}

func (m maker) bankOf() Bank {
	b := Bank{Name: m.bank, BIC: m.bic, Account: fmt.Sprintf("%010d", m.Int64N(1e10)), Routing: aba(m.IntN(1e6))}
	if m.iban != "" {
		b.IBAN = iban(m.digits(m.iban, 4))
	}
	return b
}

// aba makes a routing number of the Columbus district with its check digit.
func aba(n int) string {
	body := fmt.Sprintf("04%06d", n)
	sum := 0
	for i, weight := range []int{3, 7, 1, 3, 7, 1, 3, 7} {
		sum += weight * int(body[i]-'0')
	}
	return fmt.Sprintf("%s%d", body, (10-sum%10)%10)
}

// iban sets the check digits (ISO 13616: mod 97).
func iban(s string) string {
	rest := 0
	for _, r := range s[4:] + s[:2] + "00" {
		if r >= 'A' {
			rest = (rest*100 + int(r-'A') + 10) % 97
		} else {
			rest = (rest*10 + int(r-'0')) % 97
		}
	}
	return fmt.Sprintf("%s%02d%s", s[:2], 98-rest, s[4:])
}

func (m maker) fill(text string, a *Account) string {
	words := make([]string, 0, 16)
	for _, r := range a.Card.PAN {
		words = append(words, digitWords(m.lang)[r-'0'])
	}
	gap := " "
	if m.lang == "zh" {
		gap = ""
	}
	return strings.NewReplacer("{given}", a.Name.Given, "{full}", a.Name.Full, "{pan}", a.Card.PAN, "{panwords}", strings.Join(words, gap),
		"{email}", a.Email, "{phone}", a.Phone.Mobile, "{street}", a.Address.Street, "{city}", a.Address.City, "{dob}", a.DOB, "{cvv}", a.Card.CVV).Replace(text)
}

func (m maker) call(a *Account) *Call {
	c := &Call{Standing: a.Standing, ID: callID(a.Subject), Subject: a.Subject, Agent: "ada", Lang: m.lang, Started: m.day(2026, 2026) + "T10:00:00Z"}
	at := 0
	for i, text := range m.tongue.call {
		text = m.fill(text, a)
		end := at + 400 + 60*len([]rune(text))
		c.Turns = append(c.Turns, Turn{[]string{"agent", "caller"}[i%2], text, at, end})
		at = end + 300
	}
	return c
}

func (m maker) ticket(a *Account) *Case {
	return &Case{Standing: a.Standing, ID: caseID(a.Subject), Subject: a.Subject, Channel: m.pick([]string{"phone", "e-mail", "chat", "social", "portal"}),
		Title: m.tongue.title, State: "open", Opened: m.day(2026, 2026), Text: m.fill(m.text, a)}
}
