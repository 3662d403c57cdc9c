package evidence

import (
	"encoding/json"
	"slices"
	"strconv"
)

// Append appends the leaf's JSON, byte for byte what encoding/json would write.
//
// # Why
//
// Every entry is encoded on the way of a request, and reflection over its maps
// was a sixth of the gateway's work.
func (l *Leaf) Append(b []byte) []byte {
	b = appendText(append(b, `{"time":`...), l.Time)
	b = appendText(append(b, `,"kind":`...), l.Kind)
	b = appendMember(b, `,"agent":`, l.Agent)
	b = appendList(b, `,"roles":`, l.Roles)
	for _, m := range [...]struct{ name, value string }{
		{`,"session":`, l.Session}, {`,"tool":`, l.Tool}, {`,"screen":`, l.Screen}, {`,"outcome":`, l.Outcome},
		{`,"reason":`, l.Reason}, {`,"purpose":`, l.Purpose}, {`,"case":`, l.Case}, {`,"request":`, l.Request},
		{`,"intent":`, l.Intent}, {`,"bundle":`, l.Bundle},
	} {
		b = appendMember(b, m.name, m.value)
	}
	if l.Records != 0 {
		b = strconv.AppendInt(append(b, `,"records":`...), int64(l.Records), 10)
	}
	b = appendPairs(b, `,"classes":`, l.Classes)
	b = appendPairs(b, `,"detail":`, l.Detail)
	b = appendList(b, `,"subjects":`, l.Subjects)
	b = appendPairs(b, `,"personal":`, l.Personal)
	return append(b, '}')
}

func appendMember(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	return appendText(append(b, name...), value)
}

func appendList(b []byte, name string, list []string) []byte {
	if len(list) == 0 {
		return b
	}
	b = append(append(b, name...), '[')
	for i, s := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendText(b, s)
	}
	return append(b, ']')
}

func appendPairs(b []byte, name string, pairs map[string]string) []byte {
	if len(pairs) == 0 {
		return b
	}
	var few [48]string
	names := few[:0]
	for n := range pairs {
		names = append(names, n)
	}
	slices.Sort(names)
	b = append(append(b, name...), '{')
	for i, n := range names {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendText(append(appendText(b, n), ':'), pairs[n])
	}
	return append(b, '}')
}

// appendText quotes a string; what needs an escape is left to encoding/json.
func appendText(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			quoted, _ := json.Marshal(s) // a string always has a form
			return append(b, quoted...)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}
