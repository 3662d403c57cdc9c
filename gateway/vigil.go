package gateway

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/privet-gateway/privet/policy"
)

// vigil watches over answers that stay open: event streams, long answers and
// WebSockets. One goroutine for each session waits for its end and for changes
// of it, and one for all asks the rules anew when others are in force, and every
// [Config.Recheck] for what only time changes; answers that rest on the same
// question are asked for together, so that ten tabs cost what one does.
type vigil struct {
	g *Gateway

	mu        sync.Mutex
	sessions  map[string]*wards // by session id
	questions map[question]*wards
	asking    bool
}

// question is all that two answers must share to be decided anew together.
type question struct {
	token, host, address, subject string
	screen                        *policy.Screen
}

// wards is what is open for one session, or for one question.
type wards struct {
	open []*ward
	over chan struct{} // closed when nothing is, for a session
}

// ward is an open answer.
type ward struct {
	v     *visit
	stop  func(error) // called again until the answer has left
	asked *wards      // those that are asked for together with it
	wire  *strictConn // that it is shown on alone; nil: nothing is cut
	mu    sync.Mutex
	gone  bool // guarded by mu: the wire may be another's
}

// asksAtOnce bounds the questions under way; a slow door does not hold up the
// others for longer than half of the patience.
const asksAtOnce = 64

func newVigil(g *Gateway) *vigil {
	return &vigil{g: g, sessions: map[string]*wards{}, questions: map[question]*wards{}}
}

// over watches an answer until it is told that it has left. stop is called when
// its session ends or the rules no longer give the same answer. With a session's
// end the wire, if there is one, falls silent before that.
func (w *vigil) over(v *visit, wire *strictConn, stop func(error)) (left func()) {
	one := &ward{v: v, stop: stop, wire: wire}
	q := question{v.token, v.r.Host, v.question.Address, v.question.Subject, v.screen}
	w.mu.Lock()
	defer w.mu.Unlock()
	mine := w.sessions[v.session.ID]
	if mine == nil {
		mine = &wards{over: make(chan struct{})}
		w.sessions[v.session.ID] = mine
		go w.wait(mine, v.session.ID)
	}
	mine.open = append(mine.open, one)
	same := w.questions[q]
	if same == nil {
		same = &wards{}
		w.questions[q] = same
	}
	same.open, one.asked = append(same.open, one), same
	if !w.asking {
		w.asking = true
		go w.ask()
	}
	return func() {
		w.left(one, q, mine)
		one.mu.Lock()
		defer one.mu.Unlock()
		one.gone = true
	}
}

func (w *vigil) left(one *ward, q question, mine *wards) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if mine.leave(one) {
		close(mine.over)
		if id := one.v.session.ID; w.sessions[id] == mine {
			delete(w.sessions, id)
		}
	}
	if one.asked.leave(one) && w.questions[q] == one.asked {
		delete(w.questions, q)
	}
}

// leave says whether it was the last.
func (s *wards) leave(one *ward) bool {
	i := slices.Index(s.open, one)
	if i < 0 {
		return false
	}
	last := len(s.open) - 1
	s.open[i], s.open[last] = s.open[last], nil
	s.open = s.open[:last]
	return last == 0
}

// wait ends what is open for a session together with it, and has it decided anew
// when the session is another.
func (w *vigil) wait(mine *wards, id string) {
	door := w.g.cfg.Door
	for ended := door.Ended(id); ; {
		changed := door.Changed(id)
		select {
		case <-mine.over:
			return
		case <-w.g.open.Done():
			w.end(mine, id, errClosing)
			return
		case <-ended:
			w.end(mine, id, errRevoked)
			return
		case <-changed:
			if !isClosed(ended) {
				w.doubt(mine)
			}
		}
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// doubt has everything that is open for a session decided anew.
func (w *vigil) doubt(mine *wards) {
	var round []*wards
	w.mu.Lock()
	for _, one := range mine.open {
		one.v.changes.Add(1)
		if !slices.Contains(round, one.asked) {
			round = append(round, one.asked)
		}
	}
	w.mu.Unlock()
	w.askAll(round)
}

// end ends what is open for a session.
func (w *vigil) end(mine *wards, id string, why error) {
	w.mu.Lock()
	open := slices.Clone(mine.open)
	if w.sessions[id] == mine {
		delete(w.sessions, id) // who comes from now on waits anew
	}
	w.mu.Unlock()
	if why == errRevoked {
		w.silence(open)
	}
	for _, one := range open {
		one.stop(why)
	}
}

// ask asks every open question again, for as long as there are any.
func (w *vigil) ask() {
	rules := w.g.cfg.Policy.Changed()
	again := time.NewTicker(w.g.cfg.Recheck)
	defer again.Stop()
	var round []*wards
	for {
		news := int64(0)
		select {
		case <-w.g.open.Done():
			return
		case <-again.C:
		case <-rules:
			rules, news = w.g.cfg.Policy.Changed(), 1
		}
		round = round[:0]
		w.mu.Lock()
		for _, s := range w.questions {
			for _, one := range s.open {
				one.v.changes.Add(news)
			}
			round = append(round, s)
		}
		if len(round) == 0 {
			w.asking = false
			w.mu.Unlock()
			return
		}
		w.mu.Unlock()
		w.askAll(round)
	}
}

func (w *vigil) askAll(round []*wards) {
	slow, stop := context.WithTimeout(context.Background(), w.g.cfg.Patience/2)
	defer stop()
	places := make(chan struct{}, asksAtOnce)
	var asked sync.WaitGroup
	for _, s := range round {
		placed := false
		select {
		case places <- struct{}{}:
			placed = true
		case <-slow.Done():
		}
		asked.Go(func() {
			w.askOne(s)
			if placed {
				<-places
			}
		})
	}
	asked.Wait()
}

// askOne lets only those go on whose decision is still the same: a tool's page
// that is open would otherwise mix two views.
func (w *vigil) askOne(s *wards) {
	w.mu.Lock()
	if len(s.open) == 0 {
		w.mu.Unlock()
		return
	}
	first := s.open[0].v
	w.mu.Unlock()
	d, err := first.again(context.Background())
	var changed []*ward
	w.mu.Lock()
	for _, one := range s.open {
		if err != nil || !same(one.v.decision, d) {
			changed = append(changed, one)
		}
	}
	w.mu.Unlock()
	for _, one := range changed {
		one.stop(errRevoked)
	}
}
