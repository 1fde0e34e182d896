package router

import (
	"math"
	"sync"

	"github.com/clasp-studio/clasp/router/wire"
)

// Past these bounds a session's filters let through what they might hold back: how many
// addresses they remember, and how many bytes of signals wait.
const (
	filtersKept   = 1 << 14
	heldBackBytes = 256 << 10
)

// filter is what a session was last sent of one address, for the subscriptions that
// want only so many messages or so large changes (protocol section 8). One a
// session and address, because overlapping subscriptions share each message. All of
// it is guarded by the session's out.
type filter struct {
	address string
	sentAt  int64 // µs, monotonic; 0 = never
	number  float64
	numeric bool

	// What is held back until its time comes: the last one always arrives.
	due    int64 // µs, monotonic; 0 = none
	listed bool  // in out.deferred
	param  *paramEntry
	signal []byte // a stream's frame, or a gesture's move, and its number
	next   float64
	isNext bool
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

// sent notes what was sent; nothing older is held back any more.
func (o *out) sent(f *filter, number float64, numeric bool, at int64) {
	f.sentAt, f.number, f.numeric = max(at, 1), number, numeric
	o.forget(f)
}

// forget gives up what a filter holds back.
func (o *out) forget(f *filter) {
	o.heldBack -= len(f.signal)
	f.due, f.param, f.signal = 0, nil, nil
}

// filterOf finds or makes the filter of an address, or returns nil when there are too
// many. out must be locked.
func (s *Session) filterOf(addr string) *filter {
	f := s.out.filters[addr]
	if f != nil || len(s.out.filters) >= filtersKept {
		return f
	}
	if s.out.filters == nil {
		s.out.filters = make(map[string]*filter)
	}
	f = &filter{address: addr}
	s.out.filters[addr] = f
	return f
}

// passedParam tells the filter of an address, if there is one, that the value of a
// param has been sent, whichever way it took; and the snapshot on its way that it need
// not send it as well. The locks of param and out are held.
func (s *Session) passedParam(p *paramEntry, at int64) {
	if len(s.out.cursors) > 0 {
		s.out.cursors[0].left.drop(p) // the others have not begun
	}
	if len(s.out.filters) == 0 || !p.Exists(at) {
		return
	}
	if f := s.out.filters[p.Address]; f != nil {
		number, numeric := valueOf(p).Number()
		s.out.sent(f, number, numeric, at)
	}
}

// passedSignal is passedParam for a signal. out must be locked.
func (s *Session) passedSignal(m *wire.Publish, at int64) {
	if f := s.out.filters[view(m.Address)]; f != nil {
		number, numeric := signalNumber(m)
		s.out.sent(f, number, numeric, at)
	}
}

func signalNumber(m *wire.Publish) (float64, bool) {
	if !m.HasValue {
		return 0, false
	}
	return m.Value.Number()
}

// filterParam queues the SET of a param, whose lock is held, if the filters of the
// subscriptions let it pass; else it may be sent later. now says that it has to go at
// once, before the ACK of its writer.
func (s *Session) filterParam(b *batch, p *paramEntry, pkt *packet, via []*subscription, now bool) {
	number, numeric := valueOf(p).Number()
	s.out.Lock()
	defer s.out.Unlock()
	if s.out.closing != ReasonNone || s.out.pending > 0 && !now && !passed(via, p.Address) {
		return
	}
	f := s.filterOf(p.Address)
	echo, later := now, int64(0)
	if f != nil && !echo {
		now, later = f.admit(via, wire.MaskParam, number, numeric, b.now)
	} else {
		now = true
	}
	switch {
	case now && !echo && s.out.queue.Slow():
		s.out.dirty.add(p)
	case now:
		s.sendParamLocked(b, p, pkt.bytes(s.peer.Framing), echo)
	case later != 0:
		f.param = p
		s.deferLocked(f, later)
	default:
		s.out.forget(f) // back to what was sent last
	}
}

// filterSignal is filterParam for a stream, or a gesture's move.
func (s *Session) filterSignal(b *batch, m *wire.Publish, pkt *packet, via []*subscription) {
	number, numeric := signalNumber(m)
	s.out.Lock()
	defer s.out.Unlock()
	if s.out.closing != ReasonNone {
		return
	}
	f := s.out.filters[view(m.Address)]
	if f == nil {
		f = s.filterOf(string(m.Address))
	}
	frame := pkt.bytes(s.peer.Framing)
	now, later := true, int64(0)
	if f != nil {
		now, later = f.admit(via, m.Signal.Mask(), number, numeric, b.now)
	}
	switch {
	case now || later != 0 && s.out.heldBack-len(f.signal)+len(frame) > heldBackBytes:
		if f != nil {
			s.out.sent(f, number, numeric, b.now)
		}
		s.deliverLocked(b, frame, lossy)
	case later != 0:
		s.out.heldBack += len(frame) - len(f.signal)
		f.signal = append(f.signal[:0], frame...)
		f.next, f.isNext = number, numeric
		s.deferLocked(f, later)
	default:
		s.out.forget(f)
	}
}

// deferLocked lists a filter that holds something back. out must be locked.
func (s *Session) deferLocked(f *filter, due int64) {
	if f.due == 0 {
		f.due = due
	}
	if !f.listed {
		f.listed = true
		s.out.deferred = append(s.out.deferred, f)
	}
	s.router.wakeFor(s)
}

// deliverUnfiltered queues what no filter may hold back, after what one has: the last
// move of a gesture comes before its end.
func (s *Session) deliverUnfiltered(b *batch, addr []byte, pkt *packet) {
	s.out.Lock()
	defer s.out.Unlock()
	if f := s.out.filters[view(addr)]; f != nil && f.signal != nil {
		s.deliverLocked(b, f.signal, lossy)
		s.out.sent(f, f.next, f.isNext, b.now)
	}
	s.queueLocked(b, pkt.bytes(s.peer.Framing))
}

// unwanted gives up what was held back for a subscription that has gone and that no
// other asks for. out must be locked; the reader calls it.
func (s *Session) unwantedLocked(gone *subscription) {
	for _, f := range s.out.deferred {
		if f.due == 0 || !gone.pattern.Match(f.address) {
			continue
		}
		wanted := false
		for _, sub := range s.subs {
			if wanted = sub.filtered() && sub.pattern.Match(f.address); wanted {
				break
			}
		}
		if !wanted {
			s.out.forget(f)
		}
	}
}

// deferred knows the sessions that have a message held back.
type deferred struct {
	sync.Mutex
	sessions map[*Session]struct{}
}

// wakeFor lists a session that holds something back, and wakes the clock.
func (r *Router) wakeFor(s *Session) {
	r.deferred.put(s)
	r.wakeClock()
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
		if f.due > b.now {
			waiting = append(waiting, f)
			continue
		}
		f.listed = false
		if f.due == 0 {
			continue // overtaken by a later message
		}
		if f.param != nil {
			due = append(due, f.param)
		}
		if f.signal != nil {
			s.deliverLocked(b, f.signal, lossy)
		}
		if f.param == nil {
			s.out.sent(f, f.next, f.isNext, b.now)
		}
	}
	clear(s.out.deferred[len(waiting):])
	s.out.deferred = waiting
	more = len(waiting) > 0
	s.out.Unlock()
	for _, p := range due {
		s.sendHeldBack(b, p)
	}
	return more
}

// sendHeldBack sends the newest value of a param whose SET was held back.
func (s *Session) sendHeldBack(b *batch, p *paramEntry) {
	p.Lock()
	defer p.Unlock()
	s.out.Lock()
	defer s.out.Unlock()
	f := s.out.filters[p.Address]
	if f == nil || f.param != p {
		return // sent meanwhile
	}
	switch {
	case !p.Exists(b.now) || p.Timeline:
		s.out.forget(f)
	case s.out.queue.Slow():
		s.out.forget(f)
		s.out.dirty.add(p)
	case b.encodeSet(&b.out, p) == nil:
		s.out.dirty.drop(p)
		s.passedParam(p, b.now)
		s.queueLocked(b, b.out.bytes(s.peer.Framing))
	}
}
