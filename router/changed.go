package router

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/clasp-studio/clasp/router/store"
)

// changes lists what the store does not have yet: it asks for it in rounds.
type changes struct {
	sync.Mutex
	params []*paramEntry
	tidyAt int // how long params must be for those that have gone to be taken out
	gone   []goneAddress
	floor  uint64 // the highest revision of those that gone had no room for

	// Owned by the store's goroutine: the present round. It goes through a sorted list
	// or, when that is long, through the index.
	round     []*paramEntry
	walking   bool
	next      string // walk on from here
	roundGone []goneAddress
	rest      uint64 // what floor was
}

// sortAtOnce is how many params a round sorts: 1 ms or so, which commits wait for. Going
// through the index instead means looking at every param there is, but in pieces.
const sortAtOnce = 4096

// goneAddress is an address that has expired. Its revision is kept, so that it goes on
// counting when it comes back.
type goneAddress struct {
	address  string
	revision uint64
}

// hurry is a power of two. When a revision reaches a multiple of it the param is stored
// soon: one that was a whole epoch of 2^20 revisions ahead of the file could repeat some of
// them after a crash.
const hurry = 1 << 17

// maxGone bounds how many expired addresses wait for the store.
const maxGone = 1 << 17

// change lists a param, whose lock is held, as one to be stored.
func (r *Router) change(p *paramEntry) {
	if r.store == nil {
		return
	}
	if p.Revision%hurry == 0 {
		r.store.Soon()
	}
	if p.Changed {
		return
	}
	p.Changed = true
	c := &r.changes
	c.Lock()
	defer c.Unlock()
	if len(c.params) >= c.tidyAt {
		// A disk that fails for long must not cost memory for every address there was.
		c.params = slices.DeleteFunc(c.params, (*paramEntry).Dead)
		c.tidyAt = max(2*len(c.params), 1024)
	}
	c.params = append(c.params, p)
}

// changeGone lists an address that has expired; its param's lock is held.
func (r *Router) changeGone(address string, revision uint64) {
	if r.store == nil {
		return
	}
	c := &r.changes
	c.Lock()
	defer c.Unlock()
	if len(c.gone) >= maxGone {
		// The file keeps where addresses it does not know begin instead.
		for _, g := range c.gone[:maxGone/2] {
			c.floor = max(c.floor, g.revision)
		}
		c.gone = slices.Delete(c.gone, 0, maxGone/2)
	}
	c.gone = append(c.gone, goneAddress{address, revision})
}

// Checkpoint begins a round: what has changed until now will be asked for. The store
// calls it, and goes through each round to its end.
func (r *Router) Checkpoint() {
	c := &r.changes
	c.Lock()
	c.round, c.params = c.params, nil
	c.roundGone, c.gone = c.gone, nil
	c.rest, c.floor = c.floor, 0
	c.Unlock()
	if c.walking = len(c.round) > sortAtOnce; c.walking {
		c.round, c.next = nil, ""
		return
	}
	slices.SortFunc(c.round, func(x, y *paramEntry) int { return cmp.Compare(x.Address, y.Address) })
}

// Changed appends records of the round until it has added size bytes, or all. The store
// calls it.
func (r *Router) Changed(dst []byte, size int) []byte {
	c := &r.changes
	now := time.Now()
	end := len(dst) + size
	if c.rest > 0 {
		dst = r.store.Append(dst, &store.Record{Revision: c.rest})
		c.rest = 0
	}
	for len(c.roundGone) > 0 && len(dst) < end {
		g := c.roundGone[0]
		c.roundGone = c.roundGone[1:]
		dst = r.store.Append(dst, &store.Record{Address: []byte(g.address), Revision: g.revision})
	}
	for len(c.round) > 0 && len(dst) < end {
		p := c.round[0]
		c.round[0] = nil
		c.round = c.round[1:]
		p.Lock()
		dst = r.appendChanged(dst, p, now)
		p.Unlock()
	}
	for c.walking && len(dst) < end {
		looks, last := 0, ""
		r.params.Ascend(c.next, func(p *paramEntry) bool {
			p.Lock()
			dst = r.appendChanged(dst, p, now)
			p.Unlock()
			last = p.Address
			looks++
			return looks < pieceLooks && len(dst) < end
		}, func(all bool) { c.walking, c.next = !all, last+"\x00" })
	}
	return dst
}

// appendChanged appends the record of a param, whose lock is held, if it has changed.
func (r *Router) appendChanged(dst []byte, p *paramEntry, now time.Time) []byte {
	if p.Changed && p.Value != nil { // without a value it has gone, and is among those
		dst = r.appendRecord(dst, p, now)
	}
	p.Changed = false
	return dst
}

// Everything lists all params as changed. The store calls it when it cannot know what of
// its file is on disk.
func (r *Router) Everything() {
	r.eachParam(r.change)
}

// appendRecord appends the record of a param, whose lock is held.
func (r *Router) appendRecord(dst []byte, p *paramEntry, now time.Time) []byte {
	if r.volatile(p.Address) {
		// It starts at rest, but goes on counting.
		return r.store.Append(dst, &store.Record{Address: addressBytes(p), Revision: p.Revision})
	}
	rec := store.Record{
		Address: addressBytes(p), Value: p.Value, Revision: p.Revision,
		Writer: stringBytes(p.Writer), Written: p.Written,
		Strategy: uint8(p.Strategy), Timeline: p.Timeline,
	}
	var expires int64
	if rec.TTL, expires = p.TTL(); rec.TTL != 0 {
		rec.Expires = uint64(now.UnixMicro() + expires - r.monotonic(now))
	}
	return r.store.Append(dst, &rec)
}

// volatile reports whether the operator wants an address to start at rest: its value is
// not stored.
func (r *Router) volatile(addr string) bool {
	for _, p := range r.exclude {
		if p.Match(addr) {
			return true
		}
	}
	return false
}
