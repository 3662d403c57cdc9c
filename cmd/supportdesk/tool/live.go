package tool

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/coder/websocket"
)

func money(cents int) string { return fmt.Sprintf("$%d.%02d", cents/100, cents%100) }

// events tells of cases as they come in: one at once, then one a beat.
func (d *Desk) events(w http.ResponseWriter, r *http.Request) {
	flush := http.NewResponseController(w)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	beat := time.NewTicker(d.beat)
	defer beat.Stop()
	for i := 0; ; i++ {
		c := d.nthCase(i)
		if c == nil {
			return
		}
		text, err := json.Marshal(c)
		if err != nil {
			return
		}
		if _, err := fmt.Fprintf(w, "id: %d\nevent: case\ndata: %s\n\n", i, text); err != nil {
			return
		}
		if flush.Flush() != nil {
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-beat.C:
		}
	}
}

func (d *Desk) nthCase(i int) *Case {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if len(d.order) == 0 {
		return nil
	}
	return d.cases[caseID(d.order[i%len(d.order)])]
}

// chatLine is one message of a chat.
type chatLine struct {
	Standing
	From string `json:"from"` // caller or agent
	Text string `json:"text"`
}

// chat greets with the caller's first lines and answers each message of the
// agent with the caller's next one.
func (d *Desk) chat(w http.ResponseWriter, r *http.Request) {
	d.mu.RLock()
	call := d.calls[callID(r.PathValue("id"))]
	d.mu.RUnlock()
	if call == nil {
		http.NotFound(w, r)
		return
	}
	conn, err := websocket.Accept(w, r, nil)
	if err != nil {
		return // Accept answered
	}
	defer conn.CloseNow()
	ctx := r.Context()
	say := func(text string) error {
		line, err := json.Marshal(chatLine{call.Standing, "caller", text})
		if err != nil {
			return err
		}
		return conn.Write(ctx, websocket.MessageText, line)
	}
	for i := 1; ; i += 2 {
		if say(call.Turns[i%len(call.Turns)].Text) != nil {
			return
		}
		if _, _, err := conn.Read(ctx); err != nil {
			return
		}
	}
}
