package page_test

import (
	"fmt"
	"net/http/httptest"

	"github.com/privet-gateway/privet/gateway/page"
)

func ExampleRefuse() {
	w := httptest.NewRecorder()
	r := httptest.NewRequest("GET", "https://cases.example/api/accounts/7", nil)
	page.Refuse(w, r, page.Refusal{Status: 404, Code: "screen_unknown", RequestID: "q1", Receipt: "privet.12"})
	fmt.Print(w.Body)
	// Output:
	// {"type":"urn:privet:problem:screen_unknown","title":"This screen is not known","status":404,"detail":"Only screens that have been described can be opened through this door. Ask your administrator if you need it.","code":"screen_unknown","request_id":"q1","receipt":"privet.12"}
}
