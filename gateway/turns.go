package gateway

import (
	"bytes"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/privet-gateway/privet/redact"
)

// holdBack is how long a message may wait for the one that would explain it: a
// card number dictated over three messages is no number in any of them.
const holdBack = 2 * time.Second

// turns feeds the messages of a chat, of both sides, to one conversation, and
// lets each go, in order, when nothing said later can change it or when it has
// waited long enough.
type turns struct {
	scan *redact.Engine

	mu     sync.Mutex
	talk   *redact.Dialogue
	held   []heldMessage
	waiter *time.Timer
	failed func(error) // called when a message that waited cannot be sent
}

// heldMessage is a message on its way.
type heldMessage struct {
	json bool
	body []byte
	said string
	send func([]byte) error
}

// say takes the next message of a speaker.
func (t *turns) say(speaker string, m heldMessage) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.talk == nil {
		t.talk = t.scan.Dialogue()
	}
	m.said = string(m.body)
	if m.json {
		m.said = longestString(m.body)
	}
	t.held = append(t.held, m)
	err := t.release(t.talk.Say(redact.Turn{Speaker: speaker, Text: m.said}))
	switch {
	case len(t.held) == 0 && t.waiter != nil:
		t.waiter.Stop()
		t.waiter = nil
	case len(t.held) > 0 && t.waiter == nil:
		t.waiter = time.AfterFunc(holdBack, t.letGo)
	}
	return err
}

// letGo sends what has waited long enough, and begins a new conversation.
func (t *turns) letGo() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.waiter = nil
	if t.talk == nil {
		return
	}
	rest := t.talk.Close()
	t.talk = nil
	if err := t.release(rest); err != nil {
		t.failed(err)
	}
}

// close forgets what still waits: its reader has gone.
func (t *turns) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.waiter != nil {
		t.waiter.Stop()
	}
	t.talk, t.held = nil, nil
}

func (t *turns) release(ready []redact.RedactedTurn) error {
	for _, turn := range ready {
		m := t.held[0]
		t.held = t.held[1:]
		if turn.Redacted != m.said {
			if !m.json {
				m.body = []byte(turn.Redacted)
			} else if body, err := replaceString(m.body, m.said, turn.Redacted); err != nil {
				return err
			} else {
				m.body = body
			}
		}
		if err := m.send(m.body); err != nil {
			return err
		}
	}
	return nil
}

// longestString is what a JSON message says; the other strings in it are
// names and times.
func longestString(doc []byte) (longest string) {
	_ = eachToken(doc, func(t jsontext.Token, name bool) jsontext.Token {
		if !name && t.Kind() == '"' && len(t.String()) > len(longest) {
			longest = t.String()
		}
		return t
	}, io.Discard)
	return longest
}

// replaceString replaces every value that is a given string.
func replaceString(doc []byte, old, by string) ([]byte, error) {
	var out bytes.Buffer
	err := eachToken(doc, func(t jsontext.Token, name bool) jsontext.Token {
		if !name && t.Kind() == '"' && t.String() == old {
			return jsontext.String(by)
		}
		return t
	}, &out)
	return bytes.TrimRight(out.Bytes(), "\n"), err
}

// eachToken copies a JSON document with its tokens changed.
func eachToken(doc []byte, change func(t jsontext.Token, name bool) jsontext.Token, w io.Writer) error {
	dec, enc := jsontext.NewDecoder(bytes.NewReader(doc)), jsontext.NewEncoder(w)
	for {
		t, err := dec.ReadToken()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		kind, n := dec.StackIndex(dec.StackDepth())
		if err := enc.WriteToken(change(t, kind == '{' && n%2 == 1)); err != nil {
			return err
		}
	}
}
