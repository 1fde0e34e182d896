// Sending to many sessions from few goroutines. Most of what a message to a hundred subscribers
// costs beyond the kernel's part would be the hundred goroutines that write it: where a
// connection can be written to without waiting, one goroutine goes through many of them. Whoever
// has no room gets a goroutine of its own, and holds nobody up.

package router

import (
	"runtime"
	"sync"

	"github.com/clasp-studio/clasp/router/outbox"
)

const (
	// sweepShare is from how many sessions on another goroutine helps.
	sweepShare = 16
	// sweepMessages is up to how many messages of a batch one goroutine goes round. With more of
	// them it is throughput that counts, and goroutines of their own let more gather for each
	// write: a sweep took up to twice the CPU then.
	sweepMessages = 8
)

// sweep goes through sessions that have something to send. It is the flusher of each.
type sweep struct{ sessions []*Session }

var sweeps = sync.Pool{New: func() any { return new(sweep) }}

// startSweeps sends to sessions, on as many processors as is worth it.
func (r *Router) startSweeps(sessions []*Session) {
	for n := min(r.processors, max(1, len(sessions)/sweepShare)); n > 0; n-- {
		share := len(sessions) / n
		w := sweeps.Get().(*sweep)
		w.sessions = append(w.sessions, sessions[:share]...)
		sessions = sessions[share:]
		go w.run()
	}
}

// run goes round until nothing waits any more.
func (w *sweep) run() {
	// Whoever else has just read something has its turn first: one write takes all of it then.
	// (A thousand that publish to one: 134,000 messages/s without, 260,000 with it.)
	runtime.Gosched()
	for len(w.sessions) > 0 {
		left := w.sessions[:0]
		for _, s := range w.sessions {
			if s.flushNow() {
				left = append(left, s)
			}
		}
		clear(w.sessions[len(left):])
		w.sessions = left
	}
	sweeps.Put(w)
}

// flushNow writes what waits as far as that needs no waiting, and reports whether more has come
// meanwhile. What would take longer is left to a goroutine of its own.
func (s *Session) flushNow() bool {
	o := &s.out
	o.Lock()
	if o.closing != ReasonNone || o.gone || !o.dirty.empty() || len(o.cursors) > 0 {
		o.Unlock()
		go s.flush()
		return false
	}
	buf := o.queue.Take()
	s.countFlushLocked(len(buf))
	if buf == nil {
		o.flushing = false
		o.Unlock()
		return false
	}
	if o.room != nil {
		o.room.Broadcast()
	}
	o.Unlock()
	n, err := s.prompt.WriteNow(buf)
	switch {
	case err != nil:
		outbox.PutBuffer(buf)
		s.broken(err)
		return false
	case n < len(buf):
		go s.flushRest(buf, n)
		return false
	}
	outbox.PutBuffer(buf)
	return true
}

// flushRest writes what is left of a buffer, and then flushes.
func (s *Session) flushRest(buf []byte, from int) {
	err := s.conn.Write(buf[from:])
	outbox.PutBuffer(buf)
	if err != nil {
		s.broken(err)
		return
	}
	s.flush()
}
