package redact

import (
	"strings"
	"testing"
)

// TestEveryKeyword: every keyword of the lists announces its class, in a
// sentence's way, as a key and in a log line, so that no word of them is dead.
func TestEveryKeyword(t *testing.T) {
	told := map[string][]string{ // "%" is the keyword, "[…]" the value
		"cvv": {"%: [318]", "% [318]", "%=[318]"}, "pin": {"%: [4471]", "%=[4471]"}, "otp": {"%: [884213]", "%=[884213]"},
		"expiry": {"%: [09/27]", "% [09/27]"}, "card": {"%: [4485 2756 3341 9912]", "%=[4485275633419912]"},
		"ssn": {"%: [536-22-8726]", "% [536228726]"}, "dob": {"%: [14/03/1979]", "% [14.03.1979]", "%=[1979-03-14]"},
		"phone": {"%: [415 555 0148]", "% [030 5550148]"}, "iban": {"%: [DE89370400440532013000]"}, "swift": {"%: [COBADEFFXXX]"},
		"passport": {"%: [561234907]"}, "licence": {"%: [D44712298]"}, "tax": {"%: [12-3456789]"}, "account": {"%: [000123456789]"},
		"routing": {"%: [021000021]"}, "postcode": {"%: [10243]", "%=[10243]"}, "vehicle": {"%: [7ABC123]", "% [4821 KLM]", "%: [M-AB 1234]"},
		"password": {"%: [Trub4dor&3]", "%=[Trub4dor&3]", "% = \"[two words]\""}, "secret": {"%: [a8Fk29dLq0Zx81]", "%=[a8Fk29dLq0Zx81]"},
		"user": {"%: [zorvanel92]", "%=[zorvanel92]"}, "name": {"%: [Zorvanel Quimbysson]", "%=\"[Zorvanel Quimbysson]\""},
		"called": {"% [Zorvanel Quimbysson]", "% [zorvanel quimbysson]"}, "intro": {"% [Zorvanel Quimbysson]"}, "box": {"% [4471]", "% : [4471]"},
		"crypto": {"%: [bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq]"}, "mac": {"%: [3c:22:fb:9a:10:7e]"}, "ip": {"%: [203.0.113.77]"},
	}
	e := engine(t, Config{Profile: Strict})
	text, err := lists.ReadFile("lists/keywords.txt")
	if err != nil {
		t.Fatal(err)
	}
	kind := ""
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		if line[0] == '[' {
			kind = strings.Trim(line, "[]")
			continue
		}
		for keyword := range strings.SplitSeq(line, ",") {
			for _, form := range told[kind] {
				form = strings.Replace(form, "%", strings.TrimSpace(keyword), 1)
				from, to := strings.Index(form, "["), strings.Index(form, "]")-1
				said := form[:from] + form[from+1:to+1] + form[to+2:]
				covered := false
				for _, f := range e.Find(nil, []byte(said+"\n")) {
					covered = covered || f.Start <= from && f.End >= to
				}
				if !covered {
					t.Errorf("[%s] %q: %q is not found", kind, said, said[from:to])
				}
			}
		}
	}
}
