package router

import (
	"bytes"

	"github.com/clasp-studio/clasp/router/address"
	"github.com/clasp-studio/clasp/router/wire"
)

// signalling is where a PUBLISH goes to one session only (protocol section 6).
var signalling = []byte("/clasp/p2p/signal/")

// onPublish does PUBLISH (section 8).
func (s *Session) onPublish(b *batch, q wire.QoS, payload []byte) error {
	m, err := wire.DecodePublish(payload)
	if err != nil {
		return err
	}
	if s.guest != nil && isPairing(m.Address) {
		s.guest.take(b, q, m.Address, m.Value)
		return nil
	}
	if q == wire.Commit && writes(&m) && s.router.durable(m.Address) {
		if err := s.commitOne(b, payload[:m.Size]); err != nil {
			s.failErr(b, m.Address, err)
		}
		return nil
	}
	if m.Signal == wire.Param && !toOne(&m) {
		set, err := asSet(&m)
		if err == nil {
			err = s.set(b, q, &set)
		}
		if err != nil {
			s.failErr(b, m.Address, err)
		}
		return nil
	}
	revision := uint64(0)
	if err = s.permitSignal(&m); err == nil {
		revision, err = s.publish(b, &m, payload[:m.Size])
	}
	if err != nil {
		s.failErr(b, m.Address, err)
		return nil
	}
	if q != wire.Fire {
		ack := wire.Ack{HasAddress: true, Address: m.Address, HasRevision: revision > 0, Revision: revision}
		s.respond(b, wire.Fire, func(dst []byte) []byte { return wire.AppendAck(dst, ack) })
	}
	return nil
}

// writes reports whether a PUBLISH changes a param.
func writes(m *wire.Publish) bool {
	return !toOne(m) && (m.Signal == wire.Param || m.Signal == wire.Timeline && m.HasValue)
}

// toOne reports whether a PUBLISH goes to one session only, whatever its type.
func toOne(m *wire.Publish) bool { return bytes.HasPrefix(m.Address, signalling) }

// asSet makes a PUBLISH of a param the SET it stands for.
func asSet(m *wire.Publish) (wire.Set, error) {
	if !m.HasValue {
		return wire.Set{}, refuse(wire.CodeBadMessage, "PUBLISH of a param without a value")
	}
	return wire.Set{Address: m.Address, Value: m.Value}, nil
}

// publish sends a signal on. For a timeline it returns the revision it got.
func (s *Session) publish(b *batch, m *wire.Publish, payload []byte) (revision uint64, err error) {
	if toOne(m) {
		return 0, s.signal(b, m, payload)
	}
	switch m.Signal {
	case wire.Gesture:
		return 0, s.gesture(b, m, payload)
	case wire.Timeline:
		return s.timeline(b, m, payload)
	}
	rt, err := s.router.routeTo(b, m.Address)
	if err != nil {
		return 0, err
	}
	if len(rt.targets) == 0 {
		b.countFanout(0)
		return 0, nil
	}
	if err := b.encodePublish(m, payload); err != nil {
		return 0, err
	}
	u := reliable
	if m.Signal == wire.Stream {
		u = lossy
	}
	s.spread(b, rt, m, u)
	return 0, nil
}

// spread delivers the packet in b.out to the targets of a route, but for the sender.
func (s *Session) spread(b *batch, rt *route, m *wire.Publish, u urgency) {
	mask, n := m.Signal.Mask(), 0
	for i := range rt.targets {
		t := &rt.targets[i]
		switch {
		case t.all&mask == 0 || t.s == s:
			continue
		case t.plain&mask != 0:
			t.s.deliver(b, m, &b.out, u)
		case u == reliable:
			// Filters thin out what may be lost, never an event.
			t.s.deliverUnfiltered(b, m.Address, &b.out)
		default:
			t.s.filterSignal(b, m, &b.out, t.via)
		}
		n++
	}
	b.countFanout(n)
}

// signal delivers to the one session named in the address, subscribed or not.
func (s *Session) signal(b *batch, m *wire.Publish, payload []byte) error {
	if err := address.Valid(view(m.Address)); err != nil {
		return &wire.ProtocolError{Code: wire.CodeBadAddress, Message: err.Error()}
	}
	to := s.router.sessions.find(m.Address[len(signalling):])
	if to == nil {
		return refuse(wire.CodeNoSession, "no session of this id is connected")
	}
	if err := b.encodePublish(m, payload); err != nil {
		return err
	}
	to.deliver(b, m, &b.out, reliable)
	return nil
}

// encodePublish encodes a PUBLISH for subscribers: as it came, but for a narrow
// number (section 2) and the QoS, which is that of its type (section 8).
func (b *batch) encodePublish(m *wire.Publish, payload []byte) error {
	buf := b.out.begin(qosOf(m.Signal))
	if m.HasValue && m.Value.Wide() != m.Value.Code {
		wide := *m
		b.value = wire.AppendWideData(b.value[:0], m.Value)
		wide.Value = wire.Value{Code: m.Value.Wide(), Data: b.value}
		buf = wire.AppendPublish(buf, wide)
	} else {
		buf = append(buf, payload...)
	}
	return b.end(&b.out, buf)
}

// qosOf returns the QoS bits a signal goes out with.
func qosOf(s wire.Signal) wire.QoS {
	switch s {
	case wire.Event:
		return wire.Confirm
	case wire.Timeline:
		return wire.Commit
	default:
		return wire.Fire
	}
}
