// The writes of the soak, each noted in the book before it is sent and when it is answered.

package soak

import (
	"context"
	"errors"
	"math/rand/v2"

	"github.com/clasp-studio/clasp/router/wire"
)

// never is a revision that no param gets to: a write that expects it is always refused.
const never = 1 << 60

// set writes one param.
func (w *world) set(ctx context.Context, s *session, to *scope, m wire.Set, q wire.QoS, size int) error {
	w.gate.RLock()
	defer w.gate.RUnlock()
	n := w.ledger.begin(q == wire.Commit, to)
	m.Address, m.Value = []byte((*to)[0]), valueOf(n, size)
	return w.write(ctx, s, n, q, wire.AppendSet(nil, m))
}

// bundle writes all params of a group, or, with a bad message at its end, none.
func (w *world) bundle(ctx context.Context, s *session, group *scope, bad bool, q wire.QoS) error {
	w.gate.RLock()
	defer w.gate.RUnlock()
	n := w.ledger.begin(q == wire.Commit, group)
	payload := wire.BeginBundle(nil, false, 0)
	for i, address := range *group {
		m := wire.Set{Address: []byte(address), Value: valueOf(n, 0)}
		if bad && i == len(*group)-1 {
			m.HasRevision, m.Revision = true, never
		}
		payload, _ = wire.AppendBundleMessage(payload, wire.AppendSet(nil, m)) // it is short
	}
	wire.SetBundleCount(payload, len(*group))
	err := w.write(ctx, s, n, q, payload)
	if bad && err == nil && q != wire.Fire {
		w.verdict.fail(whole, "bundle %d was accepted, though its last message could not be", n)
	}
	return err
}

// write sends a write and notes its answer. What is on its way when a connection ends may
// have been applied or not.
func (w *world) write(ctx context.Context, s *session, n id, q wire.QoS, payload []byte) error {
	a, err := s.ask(q, payload, patience)
	var refused errRefused
	switch {
	case errors.As(err, &refused):
		w.ledger.refused(n)
		w.did("writes refused")
		if q == wire.Fire {
			if _, err := s.answered(patience); err != nil { // the PONG, which comes as well
				return err
			}
		}
		if refused.code != wire.CodeConflict && refused.code != wire.CodeLocked {
			w.verdict.fail(standing, "%s: write %d: %v", s.name, n, err)
		}
	case err == nil && q == wire.Fire:
		w.did("writes at fire")
	case err == nil:
		w.ledger.acked(n, a.revision)
		w.did(map[wire.QoS]string{wire.Confirm: "writes acknowledged at confirm", wire.Commit: "writes acknowledged at commit"}[q])
	}
	return err
}

// publish publishes an event.
func (w *world) publish(s *session, p *publisher, size int) error {
	w.gate.RLock()
	defer w.gate.RUnlock()
	place := w.events.place(p)
	m := wire.Publish{Signal: wire.Event, Address: []byte(p.address), HasValue: true, Value: eventOf(p.number, place, size)}
	_, err := s.ask(wire.Confirm, wire.AppendPublish(nil, m), patience)
	if err == nil {
		w.events.confirm(p, place)
		w.did("events")
	}
	return err
}

// someQoS is what a write asks for.
func someQoS() wire.QoS {
	switch n := rand.IntN(10); {
	case n < 5:
		return wire.Confirm
	case n < 8:
		return wire.Commit
	default:
		return wire.Fire
	}
}
