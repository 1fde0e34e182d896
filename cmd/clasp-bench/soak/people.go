// The people of the soak: they come over any transport and network, subscribe, write, and
// leave politely or not.

package soak

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/clasp-studio/clasp/router/wire"
)

// thinking is how long somebody waits between two things he does.
const thinking = 2 * time.Second

// somebody is how one of them comes: most over WebSocket, a fifth through bad networks.
func (w *world) somebody() manner {
	m := manner{role: people, way: overWS}
	switch n := rand.IntN(100); {
	case n < 20:
		m.way = overTCP
	case n < 30:
		m.way = overQUIC
	case n < 35 && w.rehearsed.Load():
		m.way = overUDP
	}
	m.bad = (m.way == overWS || m.way == overTCP) && rand.IntN(5) == 0
	return m
}

// person comes and goes until ctx ends.
func (w *world) person(ctx context.Context) {
	for ctx.Err() == nil {
		s, err := w.enter(ctx, w.somebody())
		if err != nil {
			pause(ctx, thinking)
			continue
		}
		w.faulty(ctx, s, w.live(ctx, s))
		switch {
		case ctx.Err() != nil || rand.IntN(2) == 0:
			s.close()
			w.did("sessions closed")
		default:
			s.reset()
			w.did("sessions dropped")
		}
		<-s.ended
		pause(ctx, thinking/4)
	}
}

// live is the time of one session.
func (w *world) live(ctx context.Context, s *session) error {
	z := w.zones[rand.IntN(len(w.zones))]
	publisher := w.events.enter(z.event)
	defer w.events.leave(publisher)
	s.obs.is(publisher)
	below := []string{z.below}
	if rand.IntN(4) == 0 {
		below = append(below, w.zones[rand.IntN(len(w.zones))].below, "/soak/fresh/")
	}
	if err := s.subscribe(1, w.events.now, below...); err != nil {
		return err
	}
	// From a second to some rounds: some see many comparisons, others none. And long enough that
	// a hundred who come in a second make up for those who leave, or else they would not be so
	// many at once.
	usual := max(2*w.Round, time.Duration(w.Sessions)*time.Second/100)
	stay, leave := context.WithTimeout(ctx, time.Second+time.Duration(rand.ExpFloat64()*float64(usual)))
	defer leave()
	for locked := (*scope)(nil); pause(stay, thinking); {
		var err error
		to := z.params[rand.IntN(len(z.params))]
		switch n := rand.IntN(100); {
		case locked != nil:
			err = w.set(ctx, s, locked, wire.Set{Unlock: true}, wire.Confirm, 0)
			locked = nil
		case n < 55:
			err = w.set(ctx, s, to, wire.Set{}, someQoS(), 0)
		case n < 75:
			err = w.publish(s, publisher, 0)
		case n < 80: // somebody else may have written meanwhile
			err = w.set(ctx, s, to, wire.Set{HasRevision: true, Revision: s.obs.last((*to)[0])}, wire.Confirm, 0)
		case n < 83:
			err = w.set(ctx, s, to, wire.Set{HasRevision: true, Revision: never}, wire.Confirm, 0)
		case n < 85:
			if err = w.set(ctx, s, to, wire.Set{Lock: true}, wire.Confirm, 0); err == nil {
				locked = to
			}
		case n < 92:
			err = w.bundle(ctx, s, w.groups[rand.IntN(len(w.groups))], false, someQoS())
		case n < 95:
			err = w.bundle(ctx, s, w.groups[rand.IntN(len(w.groups))], true, wire.Confirm)
		case n < 98:
			err = w.subscribeAgain(s, below)
		default:
			err = s.ping()
		}
		if w.faulty(ctx, s, err); err != nil && !isRefusal(err) {
			return err
		}
	}
	return nil
}

// subscribeAgain drops all subscriptions and joins again, late.
func (w *world) subscribeAgain(s *session, below []string) error {
	w.gate.RLock()
	defer w.gate.RUnlock()
	if err := s.unsubscribe(1); err != nil {
		return err
	}
	w.did("subscriptions made again")
	return s.subscribe(1, w.events.now, below...)
}
