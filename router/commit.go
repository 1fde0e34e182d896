package router

import (
	"errors"
	"sync"
	"unsafe"

	"github.com/clasp-studio/clasp/router/param"
	"github.com/clasp-studio/clasp/router/store"
	"github.com/clasp-studio/clasp/router/wire"
)

// commit is a SET, a timeline or a bundle whose sender wants to know it on disk
// (protocol section 5, acknowledgement). It has been judged, and is applied and
// acknowledged once it is stored; until then its params are pending, and whoever wants
// to write them waits.
type commit struct {
	session *Session
	bundle  bool
	ops     []bundleOp    // with a copy of their messages
	params  []*paramEntry // in address order
	created int           // how many get their first value
	records []byte
	wall    uint64        // when it was judged, µs, Unix
	done    chan struct{} // closed when it is applied or has failed
}

// Records is what the store writes.
func (c *commit) Records() []byte { return c.records }

// pending finds the commit that a param waits for.
type pending struct {
	sync.Mutex
	commits map[*paramEntry]*commit
	settled *sync.Cond // there are none left
}

func (pd *pending) init() {
	pd.commits = make(map[*paramEntry]*commit)
	pd.settled = sync.NewCond(pd)
}

// put marks the params of a commit, whose locks are held.
func (pd *pending) put(c *commit) {
	pd.Lock()
	defer pd.Unlock()
	for _, p := range c.params {
		p.Pending = true
		pd.commits[p] = c
	}
}

// drop is put undone.
func (pd *pending) drop(c *commit) {
	pd.Lock()
	defer pd.Unlock()
	for _, p := range c.params {
		p.Pending = false
		delete(pd.commits, p)
	}
	if len(pd.commits) == 0 {
		pd.settled.Broadcast()
	}
}

// of returns the commit of a pending param, whose lock is held.
func (pd *pending) of(p *paramEntry) *commit {
	pd.Lock()
	defer pd.Unlock()
	return pd.commits[p]
}

// wait returns when no commit is on its way.
func (pd *pending) wait() {
	pd.Lock()
	defer pd.Unlock()
	for len(pd.commits) > 0 {
		pd.settled.Wait()
	}
}

// errBusy is why a bundle is not run by a prompt batch: a commit is on its way to one of
// its params.
var errBusy = errors.New("a commit is on its way")

// await waits until a commit is settled, with no lock held.
func (s *Session) await(b *batch, done <-chan struct{}) {
	select {
	case <-done:
		return
	default:
	}
	b.flush()
	<-done
	b.clock(s.router)
}

// durable reports whether a commit of an address goes to disk before it counts. If
// not, it is answered like confirm.
func (r *Router) durable(addr []byte) bool { return r.store != nil && !r.volatile(view(addr)) }

// commitOne does a SET or PUBLISH at commit that changes one param.
func (s *Session) commitOne(b *batch, payload []byte) error {
	op, addr, err := parseOp(payload)
	if err == nil {
		err = s.router.writable(addr)
	}
	if err == nil {
		err = s.permitOp(&op)
	}
	if err == nil {
		err = s.withinRates(b.now, s.rights.Constraints(view(addr)))
	}
	if err != nil {
		return err
	}
	b.ops = append(b.ops[:0], op)
	_, err = s.commit(b, false)
	b.clearOps()
	return err
}

// durableOps reports whether any message of b.ops goes to disk before it counts.
func (s *Session) durableOps(b *batch) bool {
	for i := range b.ops {
		if op := &b.ops[i]; op.writes && s.router.durable(op.address()) {
			return true
		}
	}
	return false
}

// commit judges b.ops and hands them to the store, or returns why they are refused.
func (s *Session) commit(b *batch, bundle bool) (*commit, error) {
	r := s.router
	c := &commit{session: s, bundle: bundle, done: make(chan struct{})}
	params, err := s.lockParams(b)
	if err != nil {
		return nil, err
	}
	c.params = params
	created, err := s.judgeBundle(b, wire.Commit, c.params)
	if err != nil {
		r.giveBack(c.params)
		return nil, err
	}
	c.created, c.wall = created, b.wall
	c.ops = ownOps(b.ops)
	c.records = r.recordsOf(c, s, b)
	r.pending.put(c)
	r.unlockParams(c.params)
	if b.prompt {
		go r.store.Commit(c)
		return c, nil
	}
	b.flush() // the store may be busy, and the session then waits for it
	r.store.Commit(c)
	return c, nil
}

// ownOps copies the messages of a bundle, which are views into a buffer of others.
func ownOps(ops []bundleOp) []bundleOp {
	size := 0
	for i := range ops {
		size += len(ops[i].payload)
	}
	own := make([]bundleOp, len(ops))
	text := make([]byte, 0, size)
	for i, op := range ops {
		start := len(text)
		text = append(text, op.payload...)
		op.payload = text[start:len(text):len(text)]
		own[i] = op
	}
	return own
}

// recordsOf returns what the params of a commit, which are locked, will be like after
// it.
func (r *Router) recordsOf(c *commit, s *Session, b *batch) []byte {
	after := make([]store.Record, len(c.params))
	for i, p := range c.params {
		ttl, _ := p.TTL()
		after[i] = store.Record{
			Address: addressBytes(p), Revision: p.Revision, Writer: stringBytes(s.id), Written: b.wall,
			TTL: ttl, Strategy: uint8(p.Strategy),
		}
	}
	for i := range c.ops {
		op := &c.ops[i]
		if !op.writes {
			continue
		}
		set, _ := op.decode()
		rec := &after[op.param]
		if op.fresh {
			rec.TTL = 0
		}
		if set.HasTTL {
			rec.TTL = set.TTL
		}
		rec.Revision++
		rec.Value = wire.AppendWideValue(nil, set.Value)
		rec.Timeline = op.signals
	}
	var records []byte
	for i := range after {
		rec := &after[i]
		if rec.Value == nil || r.volatile(c.params[i].Address) {
			continue
		}
		rec.Expires = expiresAt(rec.TTL, b.wall)
		records = r.store.Append(records, rec)
	}
	return records
}

// Settle applies commits that are on disk, in their order, or answers those that could
// not be stored with ERROR 500. The store calls it.
func (r *Router) Settle(commits []store.Commit, err error) {
	b := r.begin()
	for _, waiting := range commits {
		c := waiting.(*commit) // the router hands over nothing else
		c.settle(b, err)
		b.next(r)
	}
	b.finish(r)
}

func (c *commit) settle(b *batch, err error) {
	r := c.session.router
	_ = r.tryLockParams(c.params) // pending params cannot have gone
	// The answer is queued under the locks: behind the echoes, and before the answer to
	// any later message about the same address.
	if err == nil {
		c.apply(b)
		r.pending.drop(c)
		r.unlockParams(c.params)
	} else {
		c.fail(b, err)
		r.pending.drop(c)
		r.params.Release(c.created)
		r.giveBack(c.params)
	}
	close(c.done)
}

func (c *commit) apply(b *batch) {
	s := c.session
	now := b.wall
	b.wall = c.wall // as it is in the file
	revision := s.runOps(b, c.ops, c.params)
	b.wall = now
	if c.bundle {
		s.ackBundle(b, revision)
		return
	}
	set, _ := c.ops[0].decode()
	s.ackSet(b, &set, revision, c.params[0].Holder())
}

func (c *commit) fail(b *batch, err error) {
	err = refuse(wire.CodeInternal, "not stored, and so not applied: %v: it can be sent again", err)
	if c.bundle {
		c.session.failErr(b, nil, err)
		return
	}
	c.session.failErr(b, c.ops[0].address(), err)
}

// stringBytes reads a string as bytes, which nobody may change.
func stringBytes(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

// expiresAt returns when a lifetime that begins now ends on the wall clock, in µs; 0 for
// never.
func expiresAt(ttl uint32, now uint64) uint64 {
	if seconds := param.Seconds(ttl); seconds > 0 {
		return now + uint64(seconds)*1e6
	}
	return 0
}
