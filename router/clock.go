package router

import (
	"time"

	"github.com/clasp-studio/clasp/router/address"
	"github.com/clasp-studio/clasp/router/wire"
)

// The clock looks at everything that time changes: finely while a message is held
// back, coarsely otherwise.
const (
	fineTick   = 2 * time.Millisecond
	coarseTick = 250 * time.Millisecond
	// roundEvery is how often all sessions are looked through, or more often when they
	// time out sooner.
	roundEvery = int64(time.Second / time.Microsecond)
	// pingEvery is the silence after which a client is asked for a sign of life.
	pingEvery = 30 * time.Second
)

// wakeClock makes the clock tick finely.
func (r *Router) wakeClock() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// runClock does what has to be done in time, until the router stops: one goroutine
// and one timer for all sessions and params.
func (r *Router) runClock() {
	timer := time.NewTimer(coarseTick)
	defer timer.Stop()
	var nextCoarse, nextRound int64
	for {
		select {
		case <-r.stop:
			return
		case <-timer.C:
		case <-r.wake:
		}
		b := r.begin()
		tick := coarseTick
		for _, s := range r.deferred.take() {
			deferredMore := s.sendDeferred(b)
			if movesMore := s.sendMoves(b); movesMore || deferredMore {
				r.deferred.put(s)
			}
		}
		if r.deferred.any() {
			tick = fineTick
		}
		b.flush()
		if b.now >= nextCoarse {
			r.guesses.sweep(b.now)
			r.forgeable.sweep(b.now)
			r.endExpired(b)
			b.flush()
			if r.params.Expire(b.now) {
				tick = fineTick // the rest soon, but what is held back goes first
			} else {
				nextCoarse = b.now + int64(coarseTick/time.Microsecond)
			}
		}
		if b.now >= nextRound {
			nextRound = b.now + roundEvery
			if timeout := r.limits.Load().SessionTimeout; timeout > 0 {
				nextRound = min(nextRound, b.now+int64(timeout/4/time.Microsecond))
			}
			for _, s := range r.sessions.all() {
				s.checkLife(b)
			}
		}
		b.finish(r)
		timer.Reset(tick)
	}
}

// checkLife ends a session that has been silent for too long, and asks one that
// has been silent for a while for a sign of life (protocol section 5).
func (s *Session) checkLife(b *batch) {
	if !s.greeted.Load() {
		if !s.said.Load() && b.now-s.opened >= int64(helloTimeout/time.Microsecond) {
			s.close(ReasonNoHello)
		}
		return
	}
	if s.guest != nil {
		s.guest.checkTime(b)
	}
	timeout := s.timeout()
	silent := time.Duration(b.now-s.heard.Load()) * time.Microsecond
	if timeout > 0 && silent >= timeout {
		s.close(ReasonIdle)
		return
	}
	every := pingEvery
	if timeout > 0 {
		every = min(every, timeout/3)
	}
	if s.peer.Ping != nil && silent >= every && time.Duration(b.now-s.pinged.Load())*time.Microsecond >= every {
		s.pinged.Store(b.now)
		s.asked.Store(b.now)
		s.out.Lock()
		s.queueRawLocked(b, s.peer.Ping)
		s.out.Unlock()
	}
}

// timeout is the silence that ends the session, 0 = never.
func (s *Session) timeout() time.Duration {
	general, own := s.router.limits.Load().SessionTimeout, s.peer.Timeout
	if general == 0 || own > 0 && own < general {
		return own
	}
	return general
}

// bucket counts messages against a rate. Owned by the reader.
type bucket struct {
	tokens float64
	at     int64 // µs, monotonic
}

// take reports whether n more messages keep to a limit a second. Up to one second's
// worth may come at once.
func (k *bucket) take(now int64, n int, limit float64) bool {
	room := max(limit, 1) // one every few seconds is a rate, too
	if k.at == 0 {
		k.tokens = room
	} else {
		k.tokens = min(room, k.tokens+float64(max(now-k.at, 0))*limit/1e6)
	}
	k.at = max(now, k.at, 1)
	if k.tokens < float64(n) {
		return false
	}
	k.tokens -= float64(n)
	return true
}

// onSync answers SYNC at once (section 5, time).
func (s *Session) onSync(b *batch, payload []byte) error {
	received := uint64(time.Now().UnixMicro())
	m, err := wire.DecodeSync(payload)
	if err != nil {
		return err
	}
	s.respond(b, wire.Fire, func(dst []byte) []byte {
		return wire.AppendSync(dst, wire.Sync{
			T1: m.T1, HasT2: true, T2: received, HasT3: true, T3: uint64(time.Now().UnixMicro()),
		})
	})
	return nil
}

// onReplay refuses REPLAY: this router keeps no journal of signals (section 8).
func (s *Session) onReplay(b *batch, payload []byte) error {
	m, err := wire.DecodeReplay(payload)
	if err != nil {
		return err
	}
	pattern, err := address.Compile(string(m.Pattern))
	if err != nil {
		s.fail(b, wire.CodeBadPattern, m.Pattern, err.Error())
		return nil
	}
	if !s.rights.MayReplay(pattern) {
		s.failErr(b, m.Pattern, s.deny(toReplay))
		return nil
	}
	return refuse(wire.CodeUnavailable, "this router keeps no journal to replay from")
}
