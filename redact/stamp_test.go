package redact

import "testing"

// TestTimestamps: the time at which something was logged is nobody's number,
// whatever its digits are and whatever the line before asked for; a date of
// birth and what stands beside a timestamp are found all the same.
func TestTimestamps(t *testing.T) {
	for text, want := range map[string]string{
		"9456-50-69 61:39:83.606 [DEBUG] up":                 "9456-50-69 61:39:83.606 [DEBUG] up",
		"[0765-82-25T09:70:98.883Z] up":                      "[0765-82-25T09:70:98.883Z] up",
		"card cvv\n2024-09-27 10:18,123 up":                  "card cvv\n2024-09-27 10:18,123 up",
		"2024-09-27 10:18:03.502 4012888888881881 up":        "2024-09-27 10:18:03.502 [pan] up",
		"2024-09-27 10:18:03 call 415-555-0132":              "2024-09-27 10:18:03 call [phone]",
		"date of birth: 1980-05-03 10:18":                    "date of birth: [dob] 10:18",
		"phone 9456-50-69 61 39":                             "phone [phone]",
		"password: 2024-09-27 10:18:03 up":                   "password: [password] 10:18:03 up",
		"at 9456-50-69 61:39:83.6061234567 (not a fraction)": "at [phone]:39:83.6061234567 (not a fraction)",
	} {
		e := engine(t, Config{Profile: Logs, Lang: "en"})
		if got := string(e.Append(nil, []byte(text))); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
	e := engine(t, Config{Profile: Strict})
	if got := string(e.Append(nil, []byte("2024-09-27 10:18:03 up"))); got != "[date] 10:18:03 up" {
		t.Errorf("strict: %q", got)
	}
}
