package tool

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

// changeable names the fields PATCH may set, and where they lie.
func changeable(a *Account) map[string]*string {
	return map[string]*string{
		"email": &a.Email, "phone.mobile": &a.Phone.Mobile, "phone.home": &a.Phone.Home, "dob": &a.DOB,
		"name.given": &a.Name.Given, "name.family": &a.Name.Family, "name.full": &a.Name.Full,
		"address.street": &a.Address.Street, "address.city": &a.Address.City, "address.postcode": &a.Address.Postcode,
		"notes": &a.Notes, "status": &a.Status,
	}
}

// changeAccount takes {"path": "value"} or {"path": {"old": …, "new": …}}; an
// old value that is not the present one is a conflict and changes nothing.
func (d *Desk) changeAccount(w http.ResponseWriter, r *http.Request) {
	var changes map[string]json.RawMessage
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&changes); err != nil {
		answer(w, http.StatusBadRequest, map[string]string{"error": "want a JSON object of changes"})
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	a := d.accounts[r.PathValue("subject")]
	if a == nil {
		missing(w, "account")
		return
	}
	next := *a
	fields := changeable(&next)
	for path, raw := range changes {
		at := fields[path]
		var swap struct{ Old, New *string }
		var plain string
		switch {
		case at == nil:
			answer(w, http.StatusUnprocessableEntity, map[string]string{"error": "cannot change " + path})
			return
		case json.Unmarshal(raw, &plain) == nil:
			*at = plain
		case json.Unmarshal(raw, &swap) == nil && swap.New != nil:
			if swap.Old != nil && *swap.Old != *at {
				answer(w, http.StatusConflict, map[string]string{"error": path + " is no longer the old value"})
				return
			}
			*at = *swap.New
		default:
			answer(w, http.StatusBadRequest, map[string]string{"error": path + ": want a text or {old,new}"})
			return
		}
	}
	now := time.Now().UTC().Format(time.RFC3339)
	if next.Email != a.Email {
		next.EmailAt = now
	}
	if next.Phone.Mobile != a.Phone.Mobile {
		next.Phone.MobileAt = now
	}
	d.accounts[a.Subject] = &next
	answer(w, http.StatusOK, &next)
}

// eraseAccount removes the account with its calls and cases.
func (d *Desk) eraseAccount(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	a := d.accounts[r.PathValue("subject")]
	if a == nil {
		missing(w, "account")
		return
	}
	delete(d.accounts, a.Subject)
	for _, id := range a.CallIDs {
		delete(d.calls, id)
	}
	for _, id := range a.CaseIDs {
		delete(d.cases, id)
	}
	for i, subject := range d.order {
		if subject == a.Subject {
			d.order = append(d.order[:i:i], d.order[i+1:]...)
			break
		}
	}
	w.WriteHeader(http.StatusNoContent)
}

func (d *Desk) addNote(w http.ResponseWriter, r *http.Request) {
	var note Note
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&note); err != nil || note.Text == "" {
		answer(w, http.StatusBadRequest, map[string]string{"error": `want {"text": …}`})
		return
	}
	note.At = time.Now().UTC().Format(time.RFC3339)
	d.mu.Lock()
	defer d.mu.Unlock()
	a := d.accounts[r.PathValue("subject")]
	if a == nil {
		missing(w, "account")
		return
	}
	next := *a
	next.History = append(append([]Note(nil), a.History...), note)
	d.accounts[a.Subject] = &next
	answer(w, http.StatusCreated, note)
}

// findSubjects finds accounts by exact e-mail or phone.
func (d *Desk) findSubjects(w http.ResponseWriter, r *http.Request) {
	email, phone := r.FormValue("email"), r.FormValue("phone")
	d.mu.RLock()
	defer d.mu.RUnlock()
	found := []map[string]string{}
	for _, subject := range d.order {
		a := d.accounts[subject]
		if email != "" && strings.EqualFold(a.Email, email) || phone != "" && a.Phone.Mobile == phone {
			found = append(found, map[string]string{"subject": a.Subject, "email": a.Email, "name": a.Name.Full})
		}
	}
	answer(w, http.StatusOK, map[string]any{"subjects": found})
}

// search looks for a text in everything the tool holds: accounts, calls, cases.
func (d *Desk) search(w http.ResponseWriter, r *http.Request) {
	q := strings.ToLower(r.FormValue("q"))
	if len(q) < 3 {
		answer(w, http.StatusBadRequest, map[string]string{"error": "q: want at least three letters"})
		return
	}
	d.mu.RLock()
	defer d.mu.RUnlock()
	hits := []map[string]string{}
	look := func(kind, id string, thing any) {
		text, _ := json.Marshal(thing)
		if len(hits) < 100 && strings.Contains(strings.ToLower(string(text)), q) {
			hits = append(hits, map[string]string{"kind": kind, "id": id})
		}
	}
	for _, subject := range d.order {
		look("account", subject, d.accounts[subject])
		look("call", callID(subject), d.calls[callID(subject)])
		look("case", caseID(subject), d.cases[caseID(subject)])
	}
	answer(w, http.StatusOK, map[string]any{"hits": hits})
}
