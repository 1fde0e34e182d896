// What a session may do, asked at each message (protocol section 10). A session without
// constraints and with every right is asked nothing.

package router

import (
	"slices"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/clasp-studio/clasp/router/auth"
	"github.com/clasp-studio/clasp/router/wire"
)

// action is what a right is needed for.
type action uint8

const (
	toRead action = iota
	toWrite
	toEmit
	toSubscribe
	toAnnounce
	toReplay
)

// actions are the labels of metrics, and verbs for the client.
var actions = [...]string{
	toRead: "read", toWrite: "write", toEmit: "emit", toSubscribe: "subscribe", toAnnounce: "announce", toReplay: "replay",
}

// refusals counts who was turned away, and what was denied to those inside.
type refusals struct {
	auth   map[string]*atomic.Uint64 // by reason; never changes
	denied [len(actions)]atomic.Uint64
}

func (c *refusals) init() {
	c.auth = make(map[string]*atomic.Uint64)
	for _, reason := range append(auth.Reasons(), refusedByPairing) {
		c.auth[reason] = new(atomic.Uint64)
	}
}

// Refused are counts of what was refused since the router began, each with all of its
// labels.
type Refused struct {
	Auth   map[string]uint64 // failed HELLOs by reason: auth.Reasons, and "pairing"
	Denied map[string]uint64 // messages answered with ERROR 301 for want of a right, by what they wanted
}

// Refused returns counts of what was refused.
func (r *Router) Refused() Refused {
	counts := Refused{Auth: make(map[string]uint64), Denied: make(map[string]uint64)}
	for reason, n := range r.refusals.auth {
		counts.Auth[reason] = n.Load()
	}
	for i, name := range actions {
		counts.Denied[name] = r.refusals.denied[i].Load()
	}
	return counts
}

// deny returns the error of a message that its sender has no right to.
func (s *Session) deny(a action) error {
	s.router.refusals.denied[a].Add(1)
	return refuse(wire.CodeForbidden, "this session has no right to %s here", actions[a])
}

// mayRead reports whether the session may learn the value of an address.
func (s *Session) mayRead(addr string) bool { return s.rights.MayRead(addr) }

// access says in a RESULT what the session, which may read an address, may do there
// (section 8).
func (s *Session) access(addr string) []byte {
	if s.rights.MayWrite(addr) {
		return []byte("rw")
	}
	return []byte("r")
}

// permitOp reports why the session may not send a message in a bundle or a commit, whose
// address has been found good. What a constraint allows each second is counted later.
func (s *Session) permitOp(op *bundleOp) error {
	if s.rights.All() {
		return nil
	}
	set, publish := op.decode()
	if !op.writes {
		return s.permitSignal(&publish)
	}
	return s.permitWrite(&set, op.signals)
}

// permitSignal reports why the session may not publish what changes no param. A timeline
// without keyframes changes none, and needs the right to write all the same; samples in it
// cannot be held against constraints as keyframes are.
func (s *Session) permitSignal(m *wire.Publish) error {
	if s.rights.All() {
		return nil
	}
	if err := s.router.writable(m.Address); err != nil {
		return err
	}
	if m.Signal != wire.Timeline || toOne(m) {
		if !s.rights.MayEmit(view(m.Address)) {
			return s.deny(toEmit)
		}
		return nil
	}
	constraints, err := s.writing(m.Address)
	if err == nil && len(constraints) > 0 && m.HasSamples {
		err = refuse(wire.CodeBadValue, "the token bounds what is written here: send a timeline with keyframes")
	}
	return err
}

// permitWrite reports why the session may not write a value, or a timeline, to a good
// address.
func (s *Session) permitWrite(m *wire.Set, timeline bool) error {
	constraints, err := s.writing(m.Address)
	if err == nil {
		err = s.withinRanges(constraints, m.Value, timeline)
	}
	return err
}

// writing reports why the session may not write to a good address, or which constraints it
// has to keep to.
func (s *Session) writing(addr []byte) (constraints []int, err error) {
	if !s.rights.MayWrite(view(addr)) {
		return nil, s.deny(toWrite)
	}
	return s.rights.Constraints(view(addr)), nil
}

// withinRanges holds a value, or a timeline, against constraints.
func (s *Session) withinRanges(constraints []int, v wire.Value, timeline bool) error {
	for _, i := range constraints {
		c := s.rights.Constraint(i)
		if !c.HasRange {
			continue
		}
		if timeline && !keyframesWithin(&c, v) || !timeline && !within(&c, v) {
			return refuse(wire.CodeBadValue, "the token allows only numbers in the range %v to %v here", c.Min, c.Max)
		}
	}
	return nil
}

// within reports whether a value is a number in a constraint's range, or an array of such
// values and of at least one: the color of a lamp is bounded like its dimmer. Nothing else
// is, NaN neither.
func within(c *auth.Constraint, v wire.Value) bool {
	if x, ok := v.Number(); ok {
		return x >= c.Min && x <= c.Max
	}
	ok := false
	if v.Code == wire.ArrayCode {
		v.Range(func(_ []byte, item wire.Value) bool {
			ok = within(c, item)
			return ok
		})
	}
	return ok
}

// keyframesWithin reports whether every keyframe of a timeline, whose form is checked
// elsewhere, has its value within.
func keyframesWithin(c *auth.Constraint, timeline wire.Value) bool {
	ok := true
	each(timeline, "keyframes", func(keyframes wire.Value) {
		keyframes.Range(func(_ []byte, frame wire.Value) bool {
			each(frame, "value", func(v wire.Value) { ok = ok && within(c, v) })
			return ok
		})
	})
	return ok
}

// each calls f for every value that a map has under a key: more than one is no valid map to
// some readers, and the last one counts to others.
func each(m wire.Value, key string, f func(wire.Value)) {
	if m.Code != wire.MapCode {
		return
	}
	m.Range(func(k []byte, item wire.Value) bool {
		if string(k) == key {
			f(item)
		}
		return true
	})
}

// rates count writes against the constraints that bound them. Scheduled bundles run beside
// the reader, hence the lock.
type rates struct {
	sync.Mutex
	buckets map[int]*bucket // by constraint
}

// withinRates counts a write against constraints, or reports which one it is over. A write
// that is refused later counts as well.
func (s *Session) withinRates(now int64, constraints []int) error {
	for _, i := range constraints {
		if limit := s.rights.Constraint(i).MaxRate; limit > 0 && !s.rates.take(i, now, limit) {
			return refuse(wire.CodeLimit, "the token allows %v writes a second here: message ignored", limit)
		}
	}
	return nil
}

func (k *rates) take(constraint int, now int64, limit float64) bool {
	k.Lock()
	defer k.Unlock()
	if k.buckets == nil {
		k.buckets = make(map[int]*bucket)
	}
	if k.buckets[constraint] == nil {
		k.buckets[constraint] = new(bucket)
	}
	return k.buckets[constraint].take(now, 1, limit)
}

// allowed remembers the params that a session may write, and the constraints of each, so that
// a SET need not look at patterns. It is owned by the reader, and made at the first write that
// had to be looked at.
type allowed struct {
	// A power of two of rows, each a cache line; a param is in the one that its place in
	// memory leads to.
	rows  [][8]*paramEntry
	bound [][8][]int // the constraints of each, nil as long as none has any
}

// A table has as many rows as it takes, within bounds: 4 KiB to 128 KiB, for 16 384 params.
const (
	firstRows = 64
	mostRows  = 2048
)

// place returns where a param is, if it is there. Where it is in memory is cheaper to ask than
// to hash its address. The collector moves none; were it to, there would be more misses and
// nothing worse.
func (a *allowed) place(p *paramEntry) (row, column int) {
	hash := uint64(uintptr(unsafe.Pointer(p))>>4) * 0x9e3779b97f4a7c15
	return int(hash >> 32 & uint64(len(a.rows)-1)), int(hash >> 61)
}

// find returns the constraints of a param that may be written.
func (a *allowed) find(p *paramEntry) (constraints []int, ok bool) {
	if a.rows == nil || p == nil {
		return nil, false
	}
	at, column := a.place(p)
	row := &a.rows[at]
	if row[column] != p { // where it is mostly
		if column = slices.Index(row[:], p); column < 0 {
			return nil, false
		}
	}
	if a.bound != nil {
		constraints = a.bound[at][column]
	}
	return constraints, true
}

// put remembers a param. When its row is full the table grows; one that may not grow gives
// it another's place.
func (a *allowed) put(p *paramEntry, constraints []int) {
	if a.rows == nil {
		a.rows = make([][8]*paramEntry, firstRows)
	}
	at, column := a.place(p)
	if row := &a.rows[at]; row[column] != nil {
		if free := slices.Index(row[:], nil); free >= 0 {
			column = free
		} else if len(a.rows) < mostRows {
			a.grow()
			a.put(p, constraints)
			return
		}
	}
	if a.bound == nil && constraints != nil {
		a.bound = make([][8][]int, len(a.rows))
	}
	a.rows[at][column] = p
	if a.bound != nil {
		a.bound[at][column] = constraints
	}
}

func (a *allowed) grow() {
	old := *a
	*a = allowed{rows: make([][8]*paramEntry, 2*len(old.rows))}
	for at := range old.rows {
		for _, p := range old.rows[at] {
			if p != nil {
				constraints, _ := old.find(p)
				a.put(p, constraints)
			}
		}
	}
}

// paramFor finds the param that a SET or a timeline is to change, or makes one, if the
// session may write it.
func (s *Session) paramFor(b *batch, m *wire.Set, timeline bool) (*paramEntry, error) {
	r := s.router
	p := r.params.Find(m.Address)
	if p == nil { // only good addresses have one
		if err := r.writable(m.Address); err != nil {
			return nil, err
		}
	}
	free := s.rights.All()
	var constraints []int
	known := false
	if !free {
		var err error
		if constraints, known = s.allowed.find(p); !known {
			constraints, err = s.writing(m.Address)
		}
		if err == nil {
			err = s.withinRanges(constraints, m.Value, timeline)
		}
		if err == nil {
			err = s.withinRates(b.now, constraints)
		}
		if err != nil {
			return nil, err
		}
	}
	if p == nil {
		p = r.params.FindOrCreate(m.Address, r.strategyOf)
	}
	if !free && !known {
		s.allowed.put(p, constraints)
	}
	return p, nil
}
