// Calls to those who listen, made without a lock held and in order.

package pairing

import "sync"

// queue is what is still to be said. It is a leaf: nothing is locked inside of it.
type queue struct {
	mu    sync.Mutex
	calls []func()
	busy  bool // somebody is saying it
}

func (q *queue) add(call func()) {
	q.mu.Lock()
	q.calls = append(q.calls, call)
	q.mu.Unlock()
}

// waiting is how many calls nobody has begun with.
func (q *queue) waiting() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.calls)
}

// run makes the calls, unless somebody is at it: then that one goes on with ours. So they
// keep their order, and what a call adds comes after it.
func (q *queue) run() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.busy {
		return
	}
	q.busy = true
	for len(q.calls) > 0 {
		calls := q.calls
		q.calls = nil
		q.mu.Unlock()
		for _, call := range calls {
			call()
		}
		q.mu.Lock()
	}
	q.busy = false
}
