package tool

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"github.com/nyaruka/phonenumbers"
)

func get(t *testing.T, d *Desk, method, url, body string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	d.ServeHTTP(w, httptest.NewRequest(method, url, strings.NewReader(body)))
	return w
}

// The same seed makes the same people, and the sizes are those a gateway must carry.
func TestPeople(t *testing.T) {
	d := New(Config{Seed: 1})
	if !reflect.DeepEqual(d.People(), New(Config{Seed: 1}).People()) {
		t.Error("two tools of one seed differ")
	}
	if reflect.DeepEqual(d.People(), New(Config{Seed: 2}).People()) {
		t.Error("the seed changes nothing")
	}
	list := get(t, d, "GET", "/api/accounts?limit=600", "").Body.Len()
	one := get(t, d, "GET", "/api/accounts/"+d.order[0], "").Body.Len()
	t.Logf("list of 600: %d bytes; one account: %d bytes", list, one)
	if list < 1<<20 || one < 1500 || one > 3000 {
		t.Error("want a list of at least 1 MB and an account of about 2 KB")
	}
	for _, a := range d.People() {
		if a.Card.PAN[len(a.Card.PAN)-1:] != luhn(a.Card.PAN[:len(a.Card.PAN)-1]) {
			t.Fatalf("%s: card fails Luhn", a.Subject)
		}
		if a.Bank.IBAN != "" && iban(a.Bank.IBAN[:2]+"00"+a.Bank.IBAN[4:]) != a.Bank.IBAN {
			t.Fatalf("%s: IBAN fails mod 97", a.Subject)
		}
		n, err := phonenumbers.Parse(a.Phone.Mobile, "")
		if err != nil || !phonenumbers.IsValidNumber(n) {
			t.Fatalf("%s: phone %q is not valid: %v", a.Subject, a.Phone.Mobile, err)
		}
	}
}

func TestChange(t *testing.T) {
	d := New(Config{Seed: 1, People: 6})
	at := "/api/accounts/" + d.order[0]
	before := d.accounts[d.order[0]].Email
	for _, c := range []struct {
		body   string
		status int
	}{
		{`{"email":{"old":"wrong@example.com","new":"new@example.com"}}`, http.StatusConflict},
		{`{"card.pan":"1"}`, http.StatusUnprocessableEntity},
		{`[]`, http.StatusBadRequest},
		{`{"email":{"old":"` + before + `","new":"new@example.com"}}`, http.StatusOK},
	} {
		if w := get(t, d, "PATCH", at, c.body); w.Code != c.status {
			t.Errorf("PATCH %s: %d, want %d", c.body, w.Code, c.status)
		}
	}
	var found struct{ Subjects []map[string]string }
	_ = json.Unmarshal(get(t, d, "GET", "/api/subjects?email=new@example.com", "").Body.Bytes(), &found)
	if len(found.Subjects) != 1 {
		t.Errorf("the changed account is not found by its new address")
	}
	if w := get(t, d, "DELETE", at, ""); w.Code != http.StatusNoContent {
		t.Errorf("DELETE: %d", w.Code)
	}
	if w := get(t, d, "GET", "/api/search?q=new@example.com", ""); strings.Contains(w.Body.String(), "account") {
		t.Errorf("erased, yet found: %s", w.Body)
	}
}

func TestReceived(t *testing.T) {
	d := New(Config{Seed: 1, People: 6})
	get(t, d, "GET", "/api/accounts?limit=1", "")
	get(t, d, "GET", "/nowhere", "")
	if count, last := d.Received(); count != 2 || last[1].URL != "/nowhere" {
		t.Errorf("received %d: %v", count, last)
	}
}
