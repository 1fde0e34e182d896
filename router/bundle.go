package router

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/clasp-studio/clasp/router/wire"
)

// maxAhead is how far in the future a bundle may be scheduled (protocol section 8).
const maxAhead = 24 * time.Hour

// bundleOp is one message of a bundle: a write or a signal.
type bundleOp struct {
	payload []byte
	set     wire.Set // for writes, timelines included
	publish wire.Publish
	writes  bool // changes a param
	signals bool // is sent on as a PUBLISH

	entry   *paramEntry
	before  standing
	skipped bool // turned down by the param's strategy, silently
}

// address returns the address the message is about.
func (op *bundleOp) address() []byte {
	if op.writes {
		return op.set.Address
	}
	return op.publish.Address
}

// onBundle does BUNDLE: applied whole or not at all, now or at its time.
func (s *Session) onBundle(b *batch, q wire.QoS, payload []byte) error {
	m, err := wire.DecodeBundle(payload)
	if err != nil {
		return err
	}
	if m.HasTimestamp && m.Timestamp > b.wall {
		return s.scheduleBundle(b, q, m, payload)
	}
	s.runBundle(b, q, m)
	return nil
}

// runBundle applies a bundle, or answers with one ERROR that names what failed.
func (s *Session) runBundle(b *batch, q wire.QoS, m wire.Bundle) {
	err := s.parseBundle(b, m)
	var revision uint64
	if err == nil {
		revision, err = s.applyBundle(b, q)
	}
	// The views into the payload end with it.
	clear(b.ops)
	b.ops = b.ops[:0]
	if err != nil {
		s.failBundle(b, err)
		return
	}
	if q != wire.Fire {
		ack := wire.Ack{HasRevision: revision > 0, Revision: revision}
		s.respond(b, wire.Fire, func(dst []byte) []byte { return wire.AppendAck(dst, ack) })
	}
}

// bundleError names the message of a bundle that failed.
type bundleError struct {
	n       int // from 1
	address []byte
	err     error
}

func (e *bundleError) Error() string {
	text := e.err.Error()
	var pe *wire.ProtocolError
	if errors.As(e.err, &pe) {
		text = pe.Message
	}
	return fmt.Sprintf("bundle message %d: %s: nothing of the bundle is applied", e.n, text)
}

func (e *bundleError) Unwrap() error { return e.err }

func (s *Session) failBundle(b *batch, err error) {
	var be *bundleError
	var pe *wire.ProtocolError
	if errors.As(err, &be) && errors.As(err, &pe) {
		s.fail(b, pe.Code, be.address, be.Error())
		return
	}
	s.failErr(b, nil, err)
}

// parseBundle decodes the messages of a bundle into b.ops and checks what does not
// depend on the state: form and addresses.
func (s *Session) parseBundle(b *batch, m wire.Bundle) error {
	b.ops = b.ops[:0]
	for n := 1; ; n++ {
		payload, ok := m.Next()
		if !ok {
			return nil
		}
		op, err := parseOp(payload)
		if err == nil {
			err = s.router.writable(op.address())
		}
		if err != nil {
			return &bundleError{n, slices.Clone(op.address()), err}
		}
		b.ops = append(b.ops, op)
	}
}

func parseOp(payload []byte) (op bundleOp, err error) {
	op.payload = payload
	if len(payload) == 0 {
		return op, refuse(wire.CodeBadMessage, "it is empty")
	}
	switch t := wire.Type(payload[0]); t {
	case wire.TypeSet:
		op.writes = true
		op.set, err = wire.DecodeSet(payload)
		return op, err
	case wire.TypePublish:
		op.publish, err = wire.DecodePublish(payload)
		if err != nil {
			return op, err
		}
		op.payload = payload[:op.publish.Size]
	default:
		return op, refuse(wire.CodeBadMessage, "%s cannot be in a bundle: only SET and PUBLISH can", t)
	}
	switch op.publish.Signal {
	case wire.Param:
		op.writes = true
		op.set, err = asSet(&op.publish)
	case wire.Timeline:
		op.signals = true
		if op.publish.HasValue {
			op.writes = true
			op.set = wire.Set{Address: op.publish.Address, Value: op.publish.Value}
			err = checkTimeline(op.publish.Value)
		}
	default:
		op.signals = true
	}
	return op, err
}

// applyBundle applies b.ops whole or not at all, and returns the last revision. All
// params are locked from before the first check until after the last delivery.
func (s *Session) applyBundle(b *batch, q wire.QoS) (revision uint64, err error) {
	params, err := s.lockParams(b)
	if err != nil {
		return 0, err
	}
	if err = s.judgeBundle(b, q); err == nil {
		for i := range b.ops {
			if op := &b.ops[i]; !op.skipped {
				revision = max(revision, s.runOp(b, op))
			}
		}
	}
	s.router.unlockParams(params)
	if err != nil {
		for _, p := range params {
			s.router.params.Discard(p) // those that nobody has set yet
		}
	}
	return revision, err
}

// lockParams finds the params that b.ops write, and locks each once, in address
// order.
func (s *Session) lockParams(b *batch) ([]*paramEntry, error) {
	params := make([]*paramEntry, 0, len(b.ops))
	for {
		params = params[:0]
		for i := range b.ops {
			op := &b.ops[i]
			if !op.writes {
				continue
			}
			p, err := s.router.paramFor(op.set.Address)
			if err != nil {
				return nil, &bundleError{i + 1, slices.Clone(op.set.Address), err}
			}
			op.entry = p
			params = append(params, p)
		}
		slices.SortFunc(params, func(x, y *paramEntry) int { return cmp.Compare(x.Address, y.Address) })
		params = slices.Compact(params)
		if s.router.tryLockParams(params) {
			return params, nil
		}
	}
}

// tryLockParams locks params, or none when one of them has gone meanwhile. Snapshots
// wait while several are locked, so that none sees half a bundle.
func (r *Router) tryLockParams(params []*paramEntry) bool {
	if len(params) > 1 {
		r.bundles.Lock()
	}
	alive := true
	for _, p := range params {
		p.Lock()
		alive = alive && !p.Dead()
	}
	if !alive {
		r.unlockParams(params)
	}
	return alive
}

func (r *Router) unlockParams(params []*paramEntry) {
	for _, p := range params {
		p.Unlock()
	}
	if len(params) > 1 {
		r.bundles.Unlock()
	}
}

// judgeBundle decides on every message of b.ops as its predecessors will have left
// the params, and makes room for those that are new. It changes nothing else.
func (s *Session) judgeBundle(b *batch, q wire.QoS) error {
	after := make(map[*paramEntry]*standing, len(b.ops))
	created, last := 0, 0 // how many messages make a param, and which is the last
	for i := range b.ops {
		op := &b.ops[i]
		before := created
		if err := s.judgeOp(b, q, op, after, &created); err != nil {
			return &bundleError{i + 1, slices.Clone(op.address()), err}
		}
		if created > before {
			last = i
		}
	}
	if err := s.router.reserve(created); err != nil {
		return &bundleError{last + 1, slices.Clone(b.ops[last].address()), err}
	}
	return nil
}

func (s *Session) judgeOp(b *batch, q wire.QoS, op *bundleOp, after map[*paramEntry]*standing, created *int) error {
	if op.signals && len(op.payload) > wire.MaxPayload-8 {
		return refuse(wire.CodeBadValue, "the value is too large to send on")
	}
	if !op.writes {
		if id, ok := bytes.CutPrefix(op.publish.Address, signalling); ok && s.router.sessions.find(id) == nil {
			return refuse(wire.CodeNoSession, "no session of this id is connected")
		}
		return nil
	}
	p := op.entry
	st := after[p]
	if st == nil {
		fresh := standingOf(p, b.now)
		st = &fresh
		after[p] = st
	}
	op.before = *st
	verdict, err := st.judge(p, s, &op.set)
	switch {
	case err != nil:
		return err
	case verdict == outdone && q != wire.Fire:
		return refuse(wire.CodeConflict, "the %s strategy of this param keeps the value it has", p.Strategy)
	case verdict == outdone:
		op.skipped = true
		return nil
	}
	if !st.exists {
		*created++
	}
	st.advance(p, s, &op.set)
	return nil
}

// runOp applies one message that has been accepted, and sends it on. It returns the
// revision of a write.
func (s *Session) runOp(b *batch, op *bundleOp) uint64 {
	switch {
	case !op.writes:
		// Checked before; a gesture over its limit is the one thing left that can be
		// refused, and it changes nothing.
		_, _ = s.publish(b, &op.publish, op.payload)
		return 0
	case op.signals:
		s.apply(b, op.entry, &op.before, &op.set)
		s.tellTimeline(b, op.entry, &op.publish, op.payload)
	default:
		s.apply(b, op.entry, &op.before, &op.set)
		s.tell(b, op.entry, wire.Confirm)
	}
	return op.entry.Revision
}
