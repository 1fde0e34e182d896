package router

import (
	"math"
	"sync"

	"github.com/clasp-studio/clasp/router/wire"
)

// filtersKept bounds the addresses for which a session's filters remember what was
// sent last. Beyond it a forgotten address may get one message more than asked for.
const filtersKept = 1 << 16

// filter is what a session was last sent of one address, for the subscriptions that
// want only so many messages or so large changes (protocol section 8). One a
// session and address, because overlapping subscriptions share each message.
type filter struct {
	sentAt  int64 // µs, monotonic; 0 = never
	number  float64
	numeric bool

	// A message held back until its time comes: the last one always arrives.
	due    int64 // µs, monotonic; 0 = none
	param  *paramEntry
	signal []byte // a stream's frame and number, when it is no param
	next   float64
	isNext bool // the signal is numeric
}

// admit decides whether a message may go now. When only the rate forbids it, later
// is the time from which it may.
func (f *filter) admit(via []*subscription, mask uint8, number float64, numeric bool, at int64) (now bool, later int64) {
	for _, sub := range via {
		if sub.types&mask == 0 {
			continue
		}
		if f.sentAt != 0 && numeric && f.numeric && math.Abs(number-f.number) < sub.epsilon {
			continue
		}
		if sub.maxRate == 0 || f.sentAt == 0 {
			return true, 0
		}
		next := f.sentAt + 1_000_000/int64(sub.maxRate)
		if at >= next {
			return true, 0
		}
		if later == 0 || next < later {
			later = next
		}
	}
	return false, later
}

func (f *filter) sent(number float64, numeric bool, at int64) {
	f.sentAt, f.number, f.numeric = max(at, 1), number, numeric
	f.due, f.param, f.signal = 0, nil, nil
}

// filterOf finds or makes the filter of an address. out must be locked.
func (s *Session) filterOf(addr string) *filter {
	f := s.out.filters[addr]
	if f != nil {
		return f
	}
	if s.out.filters == nil {
		s.out.filters = make(map[string]*filter)
	}
	if len(s.out.filters) >= filtersKept {
		for other, of := range s.out.filters {
			if of.due == 0 {
				delete(s.out.filters, other)
				break
			}
		}
	}
	f = new(filter)
	s.out.filters[addr] = f
	return f
}

// filterParam queues the SET of a param, whose lock is held, if the filters of the
// subscriptions let it pass; else it may be sent later.
func (s *Session) filterParam(b *batch, p *paramEntry, pkt *packet, via []*subscription) {
	number, numeric := valueOf(p).Number()
	s.out.Lock()
	defer s.out.Unlock()
	if s.out.closing != ReasonNone || s.out.pending > 0 && !passed(via, p.Address) {
		return
	}
	f := s.filterOf(p.Address)
	now, later := f.admit(via, wire.MaskParam, number, numeric, b.now)
	switch {
	case now && s.out.queue.Slow():
		f.sent(number, numeric, b.now)
		s.out.dirty.add(p)
	case now:
		f.sent(number, numeric, b.now)
		delete(s.out.dirty.set, p)
		s.queueLocked(b, pkt.bytes(s.peer.Framing))
	case later != 0 && f.due == 0:
		f.param = p
		s.deferLocked(f, later)
	}
}

// deferLocked lists a filter that holds a message back. out must be locked.
func (s *Session) deferLocked(f *filter, due int64) {
	f.due = due
	s.out.deferred = append(s.out.deferred, f)
	s.router.deferred.add(s)
}

// filterSignal is filterParam for a stream, or a gesture's move.
func (s *Session) filterSignal(b *batch, addr []byte, mask uint8, number float64, numeric bool, pkt *packet, via []*subscription) {
	s.out.Lock()
	defer s.out.Unlock()
	if s.out.closing != ReasonNone {
		return
	}
	f := s.out.filters[view(addr)]
	if f == nil {
		f = s.filterOf(string(addr))
	}
	frame := pkt.bytes(s.peer.Framing)
	now, later := f.admit(via, mask, number, numeric, b.now)
	switch {
	case now:
		f.sent(number, numeric, b.now)
		s.deliverLocked(b, frame, lossy)
	case later != 0:
		f.signal = append(f.signal[:0], frame...)
		f.next, f.isNext = number, numeric
		if f.due == 0 {
			s.deferLocked(f, later)
		}
	}
}

// deliverUnfiltered queues what no filter may hold back, after what one has: the last
// move of a gesture comes before its end.
func (s *Session) deliverUnfiltered(b *batch, addr []byte, pkt *packet) {
	s.out.Lock()
	defer s.out.Unlock()
	if f := s.out.filters[view(addr)]; f != nil && f.due != 0 && f.param == nil {
		s.deliverLocked(b, f.signal, lossy)
		f.sent(f.next, f.isNext, b.now)
	}
	s.queueLocked(b, pkt.bytes(s.peer.Framing))
}

// noteSentLocked counts a value in a snapshot as sent. The locks of param and out
// are held.
func (s *Session) noteSentLocked(b *batch, p *paramEntry) {
	if !p.Exists(b.now) {
		return
	}
	number, numeric := valueOf(p).Number()
	s.filterOf(p.Address).sent(number, numeric, b.now)
}

// deferred knows the sessions that have a message held back.
type deferred struct {
	sync.Mutex
	sessions map[*Session]struct{}
}

// add lists a session and wakes the clock.
func (d *deferred) add(s *Session) {
	d.put(s)
	s.router.wakeClock()
}

func (d *deferred) put(s *Session) {
	d.Lock()
	defer d.Unlock()
	if d.sessions == nil {
		d.sessions = make(map[*Session]struct{})
	}
	d.sessions[s] = struct{}{}
}

func (d *deferred) any() bool {
	d.Lock()
	defer d.Unlock()
	return len(d.sessions) > 0
}

func (d *deferred) drop(s *Session) {
	d.Lock()
	defer d.Unlock()
	delete(d.sessions, s)
}

func (d *deferred) take() []*Session {
	d.Lock()
	defer d.Unlock()
	all := make([]*Session, 0, len(d.sessions))
	for s := range d.sessions {
		all = append(all, s)
	}
	clear(d.sessions)
	return all
}

// sendDeferred sends what was held back and is due. It reports whether more waits.
func (s *Session) sendDeferred(b *batch) (more bool) {
	var due []*paramEntry
	s.out.Lock()
	waiting := s.out.deferred[:0]
	for _, f := range s.out.deferred {
		switch {
		case f.due == 0: // overtaken by a later message
		case f.due > b.now:
			waiting = append(waiting, f)
		case f.param != nil:
			due = append(due, f.param)
		default:
			s.deliverLocked(b, f.signal, lossy)
			f.sent(f.next, f.isNext, b.now)
		}
	}
	s.out.deferred = waiting
	more = len(waiting) > 0
	s.out.Unlock()
	for _, p := range due {
		p.Lock()
		s.out.Lock()
		if f := s.out.filters[p.Address]; f != nil && f.due != 0 && f.param == p {
			if p.Exists(b.now) && b.encodeSet(&b.out, p) == nil {
				number, numeric := valueOf(p).Number()
				f.sent(number, numeric, b.now)
				if s.out.queue.Slow() {
					s.out.dirty.add(p)
				} else {
					s.queueLocked(b, b.out.bytes(s.peer.Framing))
				}
			} else {
				f.due, f.param = 0, nil
			}
		}
		s.out.Unlock()
		p.Unlock()
	}
	return more
}
