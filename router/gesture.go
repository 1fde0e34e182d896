package router

import (
	"sync"
	"time"

	"github.com/clasp-studio/clasp/router/wire"
)

// gestureInterval is the least time between two moves of a gesture that are sent on,
// in µs (protocol section 8).
const gestureInterval = 16_000

// thinned is the size up to which a move is held back. A larger one goes out at once:
// the memory of what waits is bounded so.
const thinned = 4 << 10

// maxGestures bounds the gestures a session may have open at a time: more fingers
// than any device has.
const maxGestures = 1024

// gestures are those a session has begun and not ended. The lock is held while one
// goes out, so that the clock's moves and the sender's end keep their order.
type gestures struct {
	sync.Mutex
	open    map[gestureKey]*gesture
	waiting bool // some gesture has a move held back, and the clock knows
	gone    bool // the session has ended: a bundle it left behind moves nothing
}

type gestureKey struct {
	address string
	id      uint32
}

type gesture struct {
	hasID   bool
	sentAt  int64  // µs, monotonic, of the last move sent on
	pending []byte // the payload of a move held back, empty = none
}

// gesture does one PUBLISH of a gesture: start, end and cancel go out at once, moves
// are thinned out.
func (s *Session) gesture(b *batch, m *wire.Publish, payload []byte) error {
	rt, err := s.router.routeTo(b, m.Address)
	if err != nil {
		return err
	}
	s.gestures.Lock()
	defer s.gestures.Unlock()
	if s.gestures.gone {
		return nil
	}
	g := s.gestures.open[gestureKey{view(m.Address), m.ID}]
	if m.Phase == wire.End || m.Phase == wire.Cancel {
		if g != nil {
			s.sendMove(b, g)
			delete(s.gestures.open, gestureKey{view(m.Address), m.ID})
		}
		return s.sendGesture(b, rt, m, payload)
	}
	if g == nil {
		if len(s.gestures.open) >= maxGestures {
			return refuse(wire.CodeLimit, "over the limit of %d open gestures a session: end one first", maxGestures)
		}
		if s.gestures.open == nil {
			s.gestures.open = make(map[gestureKey]*gesture)
		}
		g = &gesture{hasID: m.HasID, sentAt: b.now - gestureInterval}
		s.gestures.open[gestureKey{string(m.Address), m.ID}] = g
	}
	if m.Phase == wire.Start {
		s.sendMove(b, g)
		return s.sendGesture(b, rt, m, payload)
	}
	if b.now-g.sentAt >= gestureInterval || len(payload) > thinned {
		g.pending = nil // outdated
		g.sentAt = b.now
		return s.sendGesture(b, rt, m, payload)
	}
	g.pending = append(g.pending[:0], payload...)
	if !s.gestures.waiting {
		s.gestures.waiting = true
		s.router.wakeFor(s)
	}
	return nil
}

// sendGesture sends a gesture's message on. gestures must be locked.
func (s *Session) sendGesture(b *batch, rt *route, m *wire.Publish, payload []byte) error {
	if len(rt.targets) == 0 {
		b.countFanout(0)
		return nil
	}
	if err := b.encodePublish(m, payload); err != nil {
		return err
	}
	u := reliable
	if m.Phase == wire.Move {
		u = lossy
	}
	s.spread(b, rt, m, u)
	return nil
}

// sendMove sends the move a gesture holds back, if it does. gestures must be locked.
func (s *Session) sendMove(b *batch, g *gesture) {
	if len(g.pending) == 0 {
		return
	}
	m, err := wire.DecodePublish(g.pending)
	if err == nil {
		if rt, err := s.router.routeTo(b, m.Address); err == nil {
			// It was checked when it came; a narrow value is made wide as ever.
			_ = s.sendGesture(b, rt, &m, g.pending)
		}
	}
	g.pending = nil
	g.sentAt = b.now
}

// sendMoves sends the moves that have waited long enough. It reports whether more
// wait.
func (s *Session) sendMoves(b *batch) (more bool) {
	s.gestures.Lock()
	defer s.gestures.Unlock()
	if !s.gestures.waiting {
		return false
	}
	for _, g := range s.gestures.open {
		switch {
		case len(g.pending) == 0:
		case b.now-g.sentAt+int64(fineTick/time.Microsecond) >= gestureInterval:
			// The next tick would be too late.
			s.sendMove(b, g)
		default:
			more = true
		}
	}
	s.gestures.waiting = more
	return more
}

// cancelGestures ends what the session has left open (section 5.6).
func (s *Session) cancelGestures(b *batch) {
	s.gestures.Lock()
	defer s.gestures.Unlock()
	for key, g := range s.gestures.open {
		m := wire.Publish{
			Signal: wire.Gesture, Phase: wire.Cancel, Address: []byte(key.address),
			HasID: g.hasID, ID: key.id, HasTimestamp: true, Timestamp: b.wall,
		}
		s.sendMove(b, g)
		if rt, err := s.router.routeTo(b, m.Address); err == nil {
			_ = s.sendGesture(b, rt, &m, wire.AppendPublish(nil, m)) // a few bytes: cannot be too large
		}
	}
	s.gestures.open, s.gestures.waiting, s.gestures.gone = nil, false, true
}
