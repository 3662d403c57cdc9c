package redact

import (
	"errors"
	"strings"
	"testing"
)

func TestCustomRules(t *testing.T) {
	rules, err := ParseRules("rules.yaml", []byte(`
detectors:
  - name: loyalty
    class: national_id
    pattern: 'LN-?\d{8}'
  - name: locker
    class: secret
    pattern: '[A-F]\d{2}'
    context: [locker, taquilla]
  - name: member
    class: bank_account
    pattern: '9\d{9}'
    validator: luhn
  - name: projects
    class: organization
    keywords: [Blue Falcon, 蓝鹰]
suppress:
  - 4111 1111 1111 1111
  - "+1 800 555 0199"
`))
	if err != nil {
		t.Fatal(err)
	}
	e := engine(t, Config{Rules: rules})
	for _, c := range []struct{ in, want string }{
		{"LN-12345678 and LN12345678", "[national_id] and [national_id]"},
		{"locker B12, shelf B12 far away from any word that would say so, and so on, and so on", "locker [secret], shelf [secret] far away from any word that would say so, and so on, and so on"},
		{"row B12", "row B12"},
		{"member 9000000001 9000000009", "member [bank_account] 9000000009"},
		{"our blue  falcon, BLUE-FALCON, 蓝鹰", "our [organization], [organization], [organization]"},
		{"test card 4111-1111-1111-1111, real 4012888888881881", "test card 4111-1111-1111-1111, real [pan]"},
	} {
		if got := string(e.Append(nil, []byte(c.in))); got != c.want {
			t.Errorf("%q\n got %q\nwant %q", c.in, got, c.want)
		}
	}
}

func TestFaultyRulesAreRefused(t *testing.T) {
	for _, c := range []struct{ yaml, want string }{
		{"detectors:\n  - name: a\n    class: pan\n    pattern: '('\n", "rules.yaml:2: detector \"a\": pattern: error parsing regexp: missing closing ): `(`"},
		{"detectors:\n  - name: a\n    class: pan\n    pattern: 'x*'\n", "rules.yaml:2: detector \"a\": pattern: it matches the empty text"},
		{"detectors:\n  - name: a\n    class: pan\n    pattern: '^x'\n", "rules.yaml:2: detector \"a\": pattern:"},
		{"\n\ndetectors:\n  - name: a\n    class: wrong\n    pattern: x\n", "rules.yaml:4: detector \"a\": class \"wrong\" is not known"},
		{"detectors:\n  - name: a\n    class: pan\n", "rules.yaml:2: detector \"a\": has neither"},
		{"detectors:\n  - name: a\n    class: pan\n    pattern: x\n    validator: magic\n", "rules.yaml:2: detector \"a\": validator \"magic\""},
		{"detectors:\n  - nam: a\n", "rules.yaml:[2:5] unknown field \"nam\""},
		{"suppress:\n  - 12\n  - '--'\n", "rules.yaml:3: suppress"},
		{"detectors: !0 000", "rules.yaml: cannot be read as YAML"},
		{"detectors: [", "rules.yaml:[1:"},
	} {
		_, err := ParseRules("rules.yaml", []byte(c.yaml))
		if !errors.Is(err, ErrRules) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want %q", c.yaml, err, c.want)
		}
	}
}
