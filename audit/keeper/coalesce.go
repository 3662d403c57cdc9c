package keeper

import (
	"context"
	"sync"
)

// coalescer turns concurrent calls for one key into batches, the way a group
// commit does: a call goes out at once if nothing is on its way; what arrives
// meanwhile goes out together when that comes back. So a lone call waits for
// nothing, and a storm of single unwraps costs Vault few requests.
type coalescer struct {
	send  func(items []Item) ([][]byte, error) // one request; bounded by itself
	slots chan struct{}                        // shared by all keys: the fewer, the larger the batches

	mu    sync.Mutex
	queue []waiting
	busy  bool
}

// waiting is one item of one call.
type waiting struct {
	call *call
	at   int
}

// call is one caller's items; its fields belong to the sender until done is closed.
type call struct {
	items  []Item
	out    [][]byte
	failed ItemErrors
	err    error // of a whole request
	left   int
	done   chan struct{}
}

// batchItems is how many items a request carries at most: beyond this, a batch
// takes longer without carrying more per second.
const batchItems = 256

// do answers the items in order.
func (c *coalescer) do(ctx context.Context, items []Item) ([][]byte, error) {
	if len(items) == 0 {
		return nil, nil
	}
	k := &call{items: items, out: make([][]byte, len(items)), failed: ItemErrors{}, left: len(items), done: make(chan struct{})}
	c.mu.Lock()
	for i := range items {
		c.queue = append(c.queue, waiting{k, i})
	}
	if !c.busy {
		c.busy = true
		go c.drain()
	}
	c.mu.Unlock()
	select {
	case <-k.done:
		if k.err != nil {
			return nil, k.err
		}
		return k.failed.answer(k.out)
	case <-ctx.Done():
		return nil, ctx.Err() // the sender still answers k, which nobody reads
	}
}

// drain sends batches until the queue is empty.
func (c *coalescer) drain() {
	for {
		c.slots <- struct{}{}
		batch := c.take()
		if batch == nil {
			<-c.slots
			return
		}
		items := make([]Item, len(batch))
		for i, w := range batch {
			items[i] = w.call.items[w.at]
		}
		out, err := c.send(items)
		<-c.slots
		answer(batch, out, err)
	}
}

// take cuts the next batch off the queue; nil says that draining is over.
func (c *coalescer) take() []waiting {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.queue) == 0 {
		c.busy, c.queue = false, nil
		return nil
	}
	n := min(len(c.queue), batchItems)
	batch := c.queue[:n:n]
	c.queue = c.queue[n:]
	return batch
}

// answer hands the results of one request to the calls that wait for them.
func answer(batch []waiting, out [][]byte, err error) {
	failed, partial := err.(ItemErrors)
	for i, w := range batch {
		switch {
		case err != nil && !partial:
			w.call.err = err
		case failed[i] != nil:
			w.call.failed[w.at] = failed[i]
		default:
			w.call.out[w.at] = out[i]
		}
		if w.call.left--; w.call.left == 0 {
			close(w.call.done)
		}
	}
}
