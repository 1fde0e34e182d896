package router

import (
	"unsafe"

	"github.com/clasp-studio/clasp/router/address"
	"github.com/clasp-studio/clasp/router/param"
	"github.com/clasp-studio/clasp/router/wire"
)

// view reads bytes as a string for a look-up. The string must not outlive them.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// onSet does SET (protocol section 7).
func (s *Session) onSet(b *batch, q wire.QoS, payload []byte) error {
	m, err := wire.DecodeSet(payload)
	if err != nil {
		return err
	}
	if s.guest != nil && isPairing(m.Address) {
		s.guest.take(b, q, m.Address, m.Value)
		return nil
	}
	if q == wire.Commit && s.router.durable(m.Address) {
		err = s.commitOne(b, payload)
	} else {
		err = s.set(b, q, &m)
	}
	if err != nil {
		s.failErr(b, m.Address, err)
	}
	return nil
}

// set applies one SET, tells the subscribers and acknowledges it.
func (s *Session) set(b *batch, q wire.QoS, m *wire.Set) error {
	var revision uint64
	var holder string
	err := s.write(b, q, m, false, func(p *paramEntry) {
		s.tell(b, p, q)
		revision, holder = p.Revision, p.Holder()
	})
	if err == nil && q != wire.Fire && revision > 0 {
		s.ackSet(b, m, revision, holder)
	}
	return err
}

// write applies one write and calls done under the lock of its param, or returns
// why it is refused. A write that the param's strategy turns down is an error only
// for those who asked for an answer (section 7).
func (s *Session) write(b *batch, q wire.QoS, m *wire.Set, timeline bool, done func(p *paramEntry)) error {
	p, err := s.paramFor(b, m, timeline)
	if err != nil {
		return err
	}
	for p.Lock(); p.Dead() || p.Pending; p.Lock() {
		if p.Pending {
			done := s.router.pending.of(p).done
			p.Unlock()
			s.await(b, done)
			continue
		}
		p.Unlock() // expired between finding and locking
		p = s.router.params.FindOrCreate(m.Address, s.router.strategyOf)
	}
	st := standingOf(p, b.now)
	verdict, err := st.judge(p, s, m)
	if err == nil && verdict == accepted && !st.exists {
		err = s.router.reserve(1)
	}
	if err != nil || verdict == outdone {
		strategy, unborn := p.Strategy, p.Value == nil
		p.Unlock()
		if unborn {
			s.router.params.Discard(p)
		}
		if err == nil && q != wire.Fire {
			err = refuse(wire.CodeConflict, "the %s strategy of this param keeps the value it has", strategy)
		}
		return err
	}
	s.apply(b, p, st.exists, m)
	done(p)
	p.Unlock()
	return nil
}

// reserve counts n params that are about to get their first value.
func (r *Router) reserve(n int) error {
	if limit := r.limits.Load().MaxParams; !r.params.Reserve(n, limit) {
		return refuse(wire.CodeOverloaded, "the router holds its limit of %d params: existing ones can still be set", limit)
	}
	return nil
}

// writable reports whether clients may write to an address at all (section 6).
func (r *Router) writable(addr []byte) error {
	if err := address.Valid(view(addr)); err != nil {
		return &wire.ProtocolError{Code: wire.CodeBadAddress, Message: err.Error()}
	}
	if address.Reserved(view(addr)) {
		return refuse(wire.CodeForbidden, "addresses below /_clasp, /_meta and /_admin are the router's own")
	}
	return nil
}

// standing is what a param is like before a write: for a bundle, as its earlier
// messages will have left it.
type standing struct {
	exists   bool
	revision uint64 // as clients count: 0 for a missing param
	holder   string
	value    number // what the strategies max and min compare
}

// standingOf reads a param, whose lock is held.
func standingOf(p *paramEntry, at int64) standing {
	if !p.Exists(at) {
		return standing{}
	}
	st := standing{exists: true, revision: p.Revision, holder: p.Holder()}
	if p.Strategy == param.Max || p.Strategy == param.Min {
		st.value = numberOf(valueOf(p))
	}
	return st
}

// verdict says what becomes of a write that is not an error.
type verdict uint8

const (
	accepted verdict = iota
	outdone          // the param's strategy keeps the value it has
)

// judge decides on a write, in this order: form, lock, revision, strategy.
func (st *standing) judge(p *paramEntry, s *Session, m *wire.Set) (verdict, error) {
	if m.Lock && m.Unlock {
		return 0, refuse(wire.CodeBadValue, "a SET cannot lock and unlock at once")
	}
	if size := entrySize(m); size > wire.MaxPayload {
		return 0, refuse(wire.CodeBadValue, "the value is too large: its snapshot would take %d bytes of the %d a frame holds", size, wire.MaxPayload)
	}
	if st.holder != "" && st.holder != s.id {
		return 0, refuse(wire.CodeLocked, "locked by session %s", st.holder)
	}
	if m.HasRevision && m.Revision != st.revision {
		return 0, refuse(wire.CodeConflict, "revision %d stated, the param is at revision %d", m.Revision, st.revision)
	}
	if st.exists && p.Strategy.Refuses(st.value.compare(numberOf(m.Value))) {
		return outdone, nil
	}
	return accepted, nil
}

// advance makes st what it is after the write.
func (st *standing) advance(p *paramEntry, s *Session, m *wire.Set) {
	if !st.exists {
		st.revision = p.Revision // an address that comes back goes on counting
	}
	st.exists = true
	st.revision++
	st.holder = holderAfter(st.holder, p.Strategy, s, m)
	st.value = numberOf(m.Value)
}

// holderAfter returns who holds the lock once a write is applied.
func holderAfter(holder string, strategy param.Strategy, s *Session, m *wire.Set) string {
	switch {
	case m.Unlock:
		return ""
	case m.Lock, strategy == param.Lock:
		return s.id
	default:
		return holder
	}
}

// apply writes an accepted SET into its param, whose lock is held. exists says whether
// the param has a value that has not expired.
func (s *Session) apply(b *batch, p *paramEntry, exists bool, m *wire.Set) {
	if !exists && p.Value != nil {
		// Expired, and not yet cleared away: the room it had is the new one's.
		s.router.params.Vacate(p)
	}
	b.value = wire.AppendWideValue(b.value[:0], m.Value)
	before := stateBytes(p)
	p.Store(b.value, s.id, b.wall)
	b.tally.state += stateBytes(p) - before
	b.tally.writes++
	p.Timeline = false
	if m.HasTTL {
		p.SetTTL(m.TTL)
	}
	if p.Restart(b.now) {
		s.router.params.Watch(p)
	}
	s.router.change(p)
	if holder := holderAfter(p.Holder(), p.Strategy, s, m); holder != p.Holder() {
		if holder != "" && !s.hold(p) {
			holder = "" // the session has gone: a scheduled bundle locks for nobody
		}
		if holder == "" {
			s.unhold(p)
		}
		s.router.counts.countLock(p.Holder(), holder)
		p.SetHolder(holder)
	}
}

// tell sends the SET of a param, whose lock is held, to its subscribers.
func (s *Session) tell(b *batch, p *paramEntry, q wire.QoS) {
	rt := s.router.routeOf(b, p)
	if len(rt.targets) == 0 {
		b.countFanout(0)
		return
	}
	if b.encodeSet(&b.out, p) != nil {
		return // cannot be: judge keeps to the limit
	}
	n := 0
	for i := range rt.targets {
		t := &rt.targets[i]
		switch {
		case t.plain&wire.MaskParam != 0:
			t.s.deliverParam(b, p, &b.out, t.via, t.s == s && q != wire.Fire)
		case t.all&wire.MaskParam != 0:
			t.s.filterParam(b, p, &b.out, t.via, t.s == s && q != wire.Fire)
		default:
			continue
		}
		n++
	}
	b.countFanout(n)
}

func (s *Session) ackSet(b *batch, m *wire.Set, revision uint64, holder string) {
	ack := wire.Ack{HasAddress: true, Address: m.Address, HasRevision: true, Revision: revision}
	if m.Lock || m.Unlock {
		ack.HasLocked, ack.Locked = true, holder != ""
		ack.HasHolder, ack.Holder = holder != "", []byte(holder)
	}
	s.respond(b, wire.Fire, func(dst []byte) []byte { return wire.AppendAck(dst, ack) })
}

// onGet does GET: a SNAPSHOT of one (section 7).
func (s *Session) onGet(b *batch, payload []byte) error {
	m, err := wire.DecodeGet(payload)
	if err != nil {
		return err
	}
	if err := address.Valid(view(m.Address)); err != nil {
		s.fail(b, wire.CodeBadAddress, m.Address, err.Error())
		return nil
	}
	if s.guest != nil && isPairing(m.Address) {
		s.guest.get(b, m.Address)
		return nil
	}
	if !s.mayRead(view(m.Address)) {
		s.failErr(b, m.Address, s.deny(toRead))
		return nil
	}
	for p := s.router.params.Find(m.Address); p != nil; p = s.router.params.Find(m.Address) {
		p.Lock()
		if p.Pending {
			// Its own commit comes first; those of others have not happened yet.
			if c := s.router.pending.of(p); c.session == s {
				p.Unlock()
				s.await(b, c.done)
				continue
			}
		}
		dead, exists := p.Dead(), p.Exists(b.now)
		if exists {
			s.router.touch(b, p)
			s.answerGet(b, p)
		}
		p.Unlock()
		if exists {
			return nil
		}
		if !dead {
			break
		}
	}
	s.fail(b, wire.CodeNotFound, m.Address, "no param has this address")
	return nil
}

func (s *Session) answerGet(b *batch, p *paramEntry) {
	err := b.encode(&b.reply, wire.Fire, func(dst []byte) []byte {
		at := len(dst)
		dst = appendEntry(wire.BeginSnapshot(dst), p)
		wire.SetSnapshotCount(dst[at:], 1)
		return dst
	})
	if err != nil {
		s.failErr(b, []byte(p.Address), err)
		return
	}
	s.out.Lock()
	// This is the newest value: a slow session need not get it a second time.
	s.out.dirty.drop(p)
	s.passedParam(p, b.now)
	s.answerLocked(b, b.reply.bytes(s.peer.Framing))
	s.out.Unlock()
}

// valueOf returns the value of a param, whose lock is held.
func valueOf(p *paramEntry) wire.Value { return wire.Value{Code: p.Value[0], Data: p.Value[1:]} }

// signalOf returns what a param, whose lock is held, holds.
func signalOf(p *paramEntry) wire.Signal {
	if p.Timeline {
		return wire.Timeline
	}
	return wire.Param
}

// encodeSet encodes the SET that tells of a param, whose lock is held. It always
// carries the revision (section 7).
func (b *batch) encodeSet(pkt *packet, p *paramEntry) error {
	return b.encode(pkt, wire.Confirm, func(dst []byte) []byte {
		return wire.AppendSet(dst, wire.Set{
			Address: addressBytes(p), Value: valueOf(p), HasRevision: true, Revision: p.Revision,
		})
	})
}

// appendEntry appends a param, whose lock is held, to a snapshot. Writer and
// timestamp are always there (section 7).
func appendEntry(dst []byte, p *paramEntry) []byte {
	return wire.AppendSnapshotEntry(dst, wire.SnapshotEntry{
		Address: addressBytes(p), Value: valueOf(p), Revision: p.Revision,
		HasWriter: true, Writer: unsafe.Slice(unsafe.StringData(p.Writer), len(p.Writer)),
		HasTimestamp: true, Timestamp: p.Written,
	})
}

// addressBytes reads a param's address as bytes, which nobody may change.
func addressBytes(p *paramEntry) []byte {
	return unsafe.Slice(unsafe.StringData(p.Address), len(p.Address))
}

// entrySize is the payload of a SNAPSHOT with nothing but this param, which is
// larger than that of its SET: type, count, address, code, value, revision,
// options, writer and timestamp.
func entrySize(m *wire.Set) int {
	const fixed = 1 + 2 + 2 + 1 + 8 + 1 + (2 + 36) + 8
	wide := len(m.Value.Data)
	if m.Value.Wide() != m.Value.Code {
		wide = 8
	}
	return fixed + len(m.Address) + wide
}
