package assertion_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/privet-gateway/privet/gateway/assertion"
)

// A tool lets requests in that come through Privet, and knows who asks.
func Example() {
	verifier := &assertion.Verifier{
		Keys:   "https://desk.example.com/.well-known/jwks.json",
		Issuer: "https://desk.example.com",
		Tool:   "cases",
	}
	app := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who, _ := assertion.From(r.Context())
		fmt.Fprintf(w, "good morning, %s", who.Name)
	})
	protected := verifier.Protect(app)

	past := httptest.NewRequest("GET", "http://10.0.0.7:8000/accounts", nil) // past the gateway
	w := httptest.NewRecorder()
	protected.ServeHTTP(w, past)
	fmt.Println(w.Code, w.Body)
	// Output: 401 this application is reached through Privet only
}
