package router

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/clasp-studio/clasp/router/wire"
)

// maxAhead is how far in the future a bundle may be scheduled (protocol section 8).
const maxAhead = 24 * time.Hour

// bundleOp is one message of a bundle: a write or a signal. It keeps no more than it
// must: a bundle may have thousands.
type bundleOp struct {
	payload []byte // of the message, which is decoded again when its turn comes
	param   int32  // for a write: which of the bundle's params
	writes  bool   // changes a param
	signals bool   // is sent on as a PUBLISH
	fresh   bool   // gives its param its first value
	skipped bool   // turned down by the param's strategy, silently
}

// decode returns the message. It has been checked when it came.
func (op *bundleOp) decode() (set wire.Set, publish wire.Publish) {
	if wire.Type(op.payload[0]) == wire.TypeSet {
		set, _ = wire.DecodeSet(op.payload)
		return set, publish
	}
	publish, _ = wire.DecodePublish(op.payload)
	return wire.Set{Address: publish.Address, Value: publish.Value}, publish
}

// address returns the address the message is about.
func (op *bundleOp) address() []byte {
	set, _ := op.decode()
	return set.Address
}

// onBundle does BUNDLE: applied whole or not at all, now or at its time.
func (s *Session) onBundle(b *batch, q wire.QoS, payload []byte) error {
	m, err := wire.DecodeBundle(payload)
	if err != nil {
		return err
	}
	// It was counted as one message when it came; it is as many as it holds.
	if m.Count > 1 && !s.withinRate(b, m.Count-1) {
		return nil
	}
	if m.HasTimestamp && m.Timestamp > b.wall {
		return s.scheduleBundle(b, q, m, payload)
	}
	b.pause()
	// The answers to bundles name no address: they keep the order of the requests.
	if s.bundle != nil {
		s.await(b, s.bundle.done)
	}
	s.bundle, _ = s.runBundle(b, q, m) // a session waits, it is never busy
	return nil
}

// runBundle applies a bundle, or answers with one ERROR that names what failed. One that
// has to be on disk first is returned. The only error is errBusy.
func (s *Session) runBundle(b *batch, q wire.QoS, m wire.Bundle) (c *commit, err error) {
	defer b.clearOps()
	err = s.parseBundle(b, m)
	if err == nil && !b.counted {
		err = s.countWrites(b)
	}
	var revision uint64
	switch {
	case err != nil:
	case q == wire.Commit && s.durableOps(b):
		c, err = s.commit(b, true)
	default:
		revision, err = s.applyBundle(b, q)
	}
	switch {
	case errors.Is(err, errBusy):
		return nil, err
	case err != nil:
		s.failBundle(b, err)
	case c == nil && q != wire.Fire:
		s.ackBundle(b, revision)
	}
	return c, nil
}

// ackBundle acknowledges a bundle with the last revision it has made, if any.
func (s *Session) ackBundle(b *batch, revision uint64) {
	ack := wire.Ack{HasRevision: revision > 0, Revision: revision}
	s.respond(b, wire.Fire, func(dst []byte) []byte { return wire.AppendAck(dst, ack) })
}

// clearOps lets go of a bundle's messages, which are views into a buffer of others.
func (b *batch) clearOps() {
	clear(b.ops)
	b.ops = b.ops[:0]
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

// countWrites counts the writes of b.ops against the constraints that bound them.
func (s *Session) countWrites(b *batch) error {
	if s.rights.All() {
		return nil
	}
	for i := range b.ops {
		op := &b.ops[i]
		if !op.writes {
			continue
		}
		if err := s.withinRates(b.now, s.rights.Constraints(view(op.address()))); err != nil {
			return &bundleError{i + 1, slices.Clone(op.address()), err}
		}
	}
	return nil
}

// parseBundle puts the messages of a bundle into b.ops and checks what does not
// depend on the state: form, addresses and rights.
func (s *Session) parseBundle(b *batch, m wire.Bundle) error {
	b.ops = slices.Grow(b.ops[:0], m.Count)
	for n := 1; ; n++ {
		payload, ok := m.Next()
		if !ok {
			return nil
		}
		op, addr, err := parseOp(payload)
		if err == nil {
			err = s.router.writable(addr)
		}
		if err == nil {
			err = s.permitOp(&op)
		}
		if err != nil {
			return &bundleError{n, slices.Clone(addr), err}
		}
		b.ops = append(b.ops, op)
	}
}

func parseOp(payload []byte) (op bundleOp, addr []byte, err error) {
	op.payload = payload
	if len(payload) == 0 {
		return op, nil, refuse(wire.CodeBadMessage, "it is empty")
	}
	switch t := wire.Type(payload[0]); t {
	case wire.TypeSet:
		m, err := wire.DecodeSet(payload)
		op.writes = true
		return op, m.Address, err
	case wire.TypePublish:
	default:
		return op, nil, refuse(wire.CodeBadMessage, "%s cannot be in a bundle: only SET and PUBLISH can", t)
	}
	m, err := wire.DecodePublish(payload)
	if err != nil {
		return op, nil, err
	}
	op.payload = payload[:m.Size]
	switch {
	case toOne(&m):
		op.signals = true
	case m.Signal == wire.Param:
		op.writes = true
		_, err = asSet(&m)
	case m.Signal == wire.Timeline && m.HasValue:
		op.writes, op.signals = true, true
		err = checkTimeline(m.Value)
	default:
		op.signals = true
	}
	if err == nil && op.signals && len(op.payload) > wire.MaxPayload-8 {
		err = refuse(wire.CodeBadValue, "the value is too large to send on")
	}
	return op, m.Address, err
}

// applyBundle applies b.ops whole or not at all, and returns the last revision. All
// params are locked from before the first check until after the last delivery.
func (s *Session) applyBundle(b *batch, q wire.QoS) (revision uint64, err error) {
	params, err := s.lockParams(b)
	if err != nil {
		return 0, err
	}
	if _, err := s.judgeBundle(b, q, params); err != nil {
		s.router.giveBack(params)
		return 0, err
	}
	revision = s.runOps(b, b.ops, params)
	s.router.unlockParams(params)
	return revision, nil
}

// runOps applies messages that have been accepted, whose params are locked, and returns
// the last revision.
func (s *Session) runOps(b *batch, ops []bundleOp, params []*paramEntry) (revision uint64) {
	for i := range ops {
		op := &ops[i]
		if op.skipped {
			continue
		}
		if r := s.runOp(b, op, params); r > 0 {
			revision = r
		}
	}
	if len(params) > 1 {
		s.router.welcoming.redo(params)
	}
	return revision
}

// lockParams finds the params that b.ops write, and locks each once, in address
// order, when no other commit is on its way to them. A prompt batch gets errBusy instead
// of waiting for that.
func (s *Session) lockParams(b *batch) (params []*paramEntry, err error) {
	for {
		params = params[:0]
		for i := range b.ops {
			if op := &b.ops[i]; op.writes {
				params = append(params, s.router.params.FindOrCreate(op.address(), s.router.strategyOf))
			}
		}
		slices.SortFunc(params, func(x, y *paramEntry) int { return cmp.Compare(x.Address, y.Address) })
		params = slices.Compact(params)
		if !s.router.tryLockParams(params) {
			continue
		}
		at := slices.IndexFunc(params, func(p *paramEntry) bool { return p.Pending })
		if at < 0 {
			return params, nil
		}
		done := s.router.pending.of(params[at]).done
		s.router.unlockParams(params)
		if b.prompt {
			return nil, errBusy
		}
		s.await(b, done)
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

// giveBack unlocks params that get nothing from a bundle after all, and lets go of those
// that nobody has set yet.
func (r *Router) giveBack(params []*paramEntry) {
	r.unlockParams(params)
	for _, p := range params {
		r.params.Discard(p)
	}
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
// the params, and makes room for those that are new, which it counts. It changes nothing
// else.
func (s *Session) judgeBundle(b *batch, q wire.QoS, params []*paramEntry) (created int, err error) {
	after := make([]standing, len(params))
	for i, p := range params {
		after[i] = standingOf(p, b.now)
	}
	last := 0 // the last message that makes a param
	for i := range b.ops {
		op := &b.ops[i]
		if err := s.judgeOp(q, op, params, after); err != nil {
			return 0, &bundleError{i + 1, slices.Clone(op.address()), err}
		}
		if op.fresh {
			created, last = created+1, i
		}
	}
	if created > 0 {
		if err := s.router.reserve(created); err != nil {
			return 0, &bundleError{last + 1, slices.Clone(b.ops[last].address()), err}
		}
	}
	return created, nil
}

func (s *Session) judgeOp(q wire.QoS, op *bundleOp, params []*paramEntry, after []standing) error {
	set, publish := op.decode()
	if !op.writes {
		if toOne(&publish) && s.router.sessions.find(publish.Address[len(signalling):]) == nil {
			return refuse(wire.CodeNoSession, "no session of this id is connected")
		}
		return nil
	}
	at, _ := slices.BinarySearchFunc(params, view(set.Address), func(p *paramEntry, addr string) int {
		return cmp.Compare(p.Address, addr)
	})
	op.param = int32(at)
	p, st := params[at], &after[at]
	verdict, err := st.judge(p, s, &set)
	switch {
	case err != nil:
		return err
	case verdict == outdone && q != wire.Fire:
		return refuse(wire.CodeConflict, "the %s strategy of this param keeps the value it has", p.Strategy)
	case verdict == outdone:
		op.skipped = true
		return nil
	}
	op.fresh = !st.exists
	st.advance(p, s, &set)
	return nil
}

// runOp applies one message that has been accepted, and sends it on. It returns the
// revision of a write.
func (s *Session) runOp(b *batch, op *bundleOp, params []*paramEntry) uint64 {
	set, publish := op.decode()
	if !op.writes {
		// Checked before; a gesture over its limit is the one thing left that can be
		// refused, and it changes nothing.
		_, _ = s.publish(b, &publish, op.payload)
		return 0
	}
	p := params[op.param]
	s.apply(b, p, !op.fresh, &set)
	if op.signals {
		s.tellTimeline(b, p, &publish, op.payload)
	} else {
		s.tell(b, p, wire.Confirm)
	}
	return p.Revision
}
