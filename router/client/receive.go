package client

// What the router sends: answers go to their requests, the rest to the handlers.

import (
	"bytes"
	"time"

	"github.com/clasp-studio/clasp/router/wire"
)

func (l *link) receive(payload []byte) {
	var err error
	switch wire.Type(payload[0]) {
	case wire.TypeSet, wire.TypePublish:
		l.hand(payload)
	case wire.TypeSnapshot:
		err = l.onSnapshot(payload)
	case wire.TypeAck:
		err = l.onAck(payload)
	case wire.TypeError:
		err = l.onError(payload)
	case wire.TypeSync:
		err = l.onSync(payload)
	case wire.TypeResult:
		err = l.onResult(payload)
	case wire.TypePing:
		l.answerRaw(l.conn.frame(nil, pongFrame))
	default: // a newer router may say more than this client knows
	}
	if err != nil {
		l.client.report(err)
	}
}

// hand gives a message to the handlers.
func (l *link) hand(payload []byte) {
	if l.backlog = l.client.inbox.put(payload); l.backlog > inboxHard {
		l.fail(ErrSlowHandler)
	}
}

// answer takes the request that an answer is for out of the queue, and finishes it and what it settles by the way. fill puts
// the answer into the request and says how it has ended.
func (l *link) answer(take func(*answers) *request, fill func(*request) error) (found bool) {
	l.mu.Lock()
	r := take(&l.requests)
	abandoned := r == nil || r.abandoned
	over := l.requests.takeOver()
	l.takenLocked()
	l.mu.Unlock()
	for _, r := range over {
		r.finish(r.err)
	}
	if !abandoned {
		r.finish(fill(r))
	}
	return r != nil
}

func (l *link) onAck(payload []byte) error {
	m, err := wire.DecodeAck(payload)
	if err != nil {
		return err
	}
	fits := func(r *request) bool {
		if !m.HasAddress {
			return r.kind == kindBundle
		}
		return (r.kind == kindAcked || r.kind == kindAnnounce) && r.address == string(m.Address)
	}
	l.answer(func(a *answers) *request { return a.take(fits, false) }, func(r *request) error {
		r.ack = Ack{Revision: m.Revision, Locked: m.Locked, Holder: string(m.Holder)}
		return nil
	})
	return nil
}

func (l *link) onError(payload []byte) error {
	m, err := wire.DecodeError(payload)
	if err != nil {
		return err
	}
	refused := &Error{Code: m.Code, Message: string(m.Message), Address: string(m.Address)}
	found := l.answer(func(a *answers) *request {
		r := a.take(func(r *request) bool { return r.refusedBy(&m) }, true)
		if r == nil && m.Code == wire.CodeLimit && !m.HasAddress && !a.empty() {
			a.lost = refused
			l.probeLocked()
		}
		return r
	}, func(*request) error { return refused })
	if !found {
		return refused
	}
	return nil
}

func (l *link) onSync(payload []byte) error {
	m, err := wire.DecodeSync(payload)
	if err != nil {
		return err
	}
	now := time.Now()
	l.answer(func(a *answers) *request { return a.takeSync(m.T1) }, func(r *request) error {
		r.sync, r.answered = m, now
		return nil
	})
	return nil
}

// onResult adds to the answer of the oldest QUERY; the SYNC behind it completes it.
func (l *link) onResult(payload []byte) error {
	m, err := wire.DecodeResult(payload)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.requests.first(func(r *request) bool { return r.kind == kindQuery })
	if r == nil {
		return nil
	}
	for s, ok := m.Next(); ok; s, ok = m.Next() {
		r.signals = append(r.signals, SignalInfo{
			Address: string(s.Address), Signal: s.Signal, Datatype: string(s.Datatype), Access: string(s.Access),
		})
	}
	return nil
}

func (l *link) onSnapshot(payload []byte) error {
	m, err := wire.DecodeSnapshot(payload)
	if err != nil {
		return err
	}
	if m.Count == 1 {
		entries := m
		e, _ := entries.Next()
		l.answer(func(a *answers) *request {
			l.getSize = max(len(payload), l.getSize*7/8)
			// Behind a fence that seems to be lost it is not the next in line.
			return a.take(func(r *request) bool { return r.kind == kindGet && r.address == string(e.Address) }, a.lost == nil)
		}, func(r *request) error {
			r.param = paramOf(r.address, e)
			return nil
		})
	}
	l.collect(m)
	// The subscriptions get the answer of a GET too: to one that has fallen behind the router sends that value no second time.
	if m.Count > 0 {
		l.hand(payload)
	}
	return nil
}

// paramOf copies an entry of a snapshot.
func paramOf(address string, e wire.SnapshotEntry) Param {
	p := Param{
		Address: address, Value: wire.Value{Code: e.Value.Code, Data: bytes.Clone(e.Value.Data)},
		Revision: e.Revision, Writer: string(e.Writer),
	}
	if e.HasTimestamp {
		p.Timestamp = unixMicro(e.Timestamp)
	}
	return p
}

func unixMicro(us uint64) time.Time { return time.UnixMicro(int64(us)) }
