package client

// The queue of requests that wait for an answer, and the rule which answer belongs to which (see the package's words).

import (
	"context"
	"fmt"
	"time"

	"github.com/clasp-studio/clasp/router/wire"
)

// kind is what a request is to its answer.
type kind uint8

const (
	kindAcked     kind = iota // SET, PUBLISH: ACK with the address
	kindAnnounce              // ACK with the namespace
	kindBundle                // ACK without address
	kindScheduled             // nothing; complete when the next answer comes
	kindGet                   // SNAPSHOT of one
	kindSubscribe             // nothing; complete when the next answer comes
	kindQuery                 // RESULTs; complete when the next answer comes
	kindFence                 // SYNC with the same t1, which nobody waits for; takes no ERROR
	kindSync                  // SYNC with the same t1
)

// request is one message that the router answers.
type request struct {
	kind    kind
	qos     wire.QoS
	address string // what its answer names: address, pattern or namespace; "" accepts any
	t1      uint64 // of a SYNC, which no other has
	weight  int    // bytes the router may send for it, about
	link    *link  // set when posted

	// Guarded by the link's lock.
	passed    bool // an answer to a later request has come
	abandoned bool // nobody waits any more, but the answer may still come

	// The answer, complete when done is closed or onAck is called.
	ack      Ack
	param    Param
	signals  []SignalInfo
	sync     wire.Sync
	answered time.Time // when the SYNC came
	err      error
	done     chan struct{}    // nil when nobody waits
	onAck    func(Ack, error) // instead of done
}

// finish hands over the answer.
func (r *request) finish(err error) {
	r.err = err
	switch {
	case r.onAck != nil:
		r.onAck(r.ack, err)
	case r.done != nil:
		close(r.done)
	}
}

// wait returns when the answer is there, the link is dead or ctx ends.
func (r *request) wait(ctx context.Context) error {
	select {
	case <-r.done:
		return r.err
	case <-ctx.Done():
	}
	r.link.mu.Lock()
	defer r.link.mu.Unlock()
	select {
	case <-r.done:
		return r.err
	default:
		r.abandoned = true
		// Its answer may be lost (UDP): the next request has to be told from it, or every answer would go one too far forward.
		r.link.unfenced = true
		return fmt.Errorf("no answer from the router yet, the request may or may not have been applied: %w", ctx.Err())
	}
}

// implicit reports whether silence means success.
func (r *request) implicit() bool {
	return r.kind == kindSubscribe || r.kind == kindQuery || r.kind == kindScheduled
}

// blocks reports whether an ERROR cannot be for a request behind this one: this one is answered first.
func (r *request) blocks() bool { return !r.passed && !r.implicit() && r.qos != wire.Commit }

// refusedBy reports whether an ERROR can be the answer.
func (r *request) refusedBy(m *wire.ErrorMessage) bool {
	switch {
	case aboutSession(m) || r.passed || r.kind == kindFence:
		return false
	case !m.HasAddress:
		return true
	case r.kind == kindBundle || r.kind == kindScheduled || r.kind == kindAnnounce:
		return true // it names the address of one of the messages or signals inside
	default:
		return string(m.Address) == r.address
	}
}

// answers is the queue. It has no lock of its own.
type answers struct {
	list   []*request // nil where one has gone from the middle
	head   int
	weight int // of all in it

	// lost is the last ERROR 429 about nothing in particular that went to no request, nil once a SYNC has been answered. It may
	// have been a request's, or that of the fence before it.
	lost error
	over []*request // complete by what came after them: to be finished once the link's lock is free
}

func (a *answers) push(r *request) {
	a.list = append(a.list, r)
	a.weight += r.weight
}

func (a *answers) remove(i int) {
	a.weight -= a.list[i].weight
	a.list[i] = nil
}

func (a *answers) empty() bool { return a.head == len(a.list) }

// take removes and returns the first request that fits, nil if there is none. What stands before it has been passed and
// stays, but for those that are complete by that or that nobody waits for. With next, it looks no further than a request that
// has to be answered first.
func (a *answers) take(fits func(*request) bool, next bool) *request {
	for i := a.head; i < len(a.list); i++ {
		r := a.list[i]
		switch {
		case r == nil:
		case fits(r):
			a.remove(i)
			for j := a.head; j < i; j++ {
				a.pass(j, false)
			}
			a.trim()
			return r
		case next && r.blocks():
			return nil
		}
	}
	return nil
}

// first returns the first request that fits and leaves it in the queue.
func (a *answers) first(fits func(*request) bool) *request {
	for _, r := range a.list[a.head:] {
		if r != nil && fits(r) {
			return r
		}
	}
	return nil
}

// takeSync removes and returns the SYNC with this t1, nil if there is none. As it cannot be mistaken for another, it settles
// what stands before it: that was answered, or has gone the way of the 429 that is lost.
func (a *answers) takeSync(t1 uint64) *request {
	for i := a.head; i < len(a.list); i++ {
		r := a.list[i]
		if r == nil || r.kind != kindSync && r.kind != kindFence || r.t1 != t1 {
			continue
		}
		a.remove(i)
		for j := a.head; j < i; j++ {
			a.pass(j, true)
		}
		a.lost = nil
		a.trim()
		return r
	}
	return nil
}

// pass does what the answer to a later request means for the i-th; certain says that it was the answer to a SYNC.
func (a *answers) pass(i int, certain bool) {
	r := a.list[i]
	switch {
	case r == nil:
	case r.kind == kindFence:
		a.remove(i)
	case r.implicit() || certain && a.lost != nil && r.qos != wire.Commit:
		a.remove(i)
		r.err = a.lost
		a.over = append(a.over, r)
	case r.abandoned && r.qos != wire.Commit:
		a.remove(i)
	default:
		r.passed = true
	}
}

// takeOver returns what is to be finished.
func (a *answers) takeOver() []*request {
	over := a.over
	a.over = nil
	return over
}

// waits reports whether somebody waits for an answer.
func (a *answers) waits() bool {
	return a.first(func(r *request) bool { return r.kind != kindFence && !r.abandoned }) != nil
}

// trim lets the queue start at its first request again.
func (a *answers) trim() {
	for a.head < len(a.list) && a.list[a.head] == nil {
		a.head++
	}
	switch {
	case a.head == len(a.list):
		a.list, a.head = a.list[:0], 0
	case a.head >= 1024 && a.head > len(a.list)/2:
		n := copy(a.list, a.list[a.head:])
		clear(a.list[n:])
		a.list, a.head = a.list[:n], 0
	}
}

// drain empties the queue and returns what was in it.
func (a *answers) drain() []*request {
	var left []*request
	for _, r := range a.list[a.head:] {
		if r != nil {
			left = append(left, r)
		}
	}
	*a = answers{}
	return left
}
