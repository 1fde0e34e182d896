package param

import "sync"

// slotWidth is how finely lifetimes are watched, in µs: a param is gone within
// two of these of its time, well inside the second that protocol section 7 allows.
const slotWidth = 250_000

// calendar lists the params with a lifetime under the slot in which somebody must
// look at them. Reads that prolong a lifetime do not move a param: it is moved
// when its slot comes.
type calendar[R any] struct {
	sync.Mutex
	slots map[int64][]*Param[R]
	done  int64 // slots up to this one are empty for good
}

func (c *calendar[R]) add(p *Param[R], slot int64) {
	c.Lock()
	defer c.Unlock()
	// A slot that has been looked through would never be looked at again.
	slot = max(slot, c.done+1)
	p.extra.due = slot
	c.slots[slot] = append(c.slots[slot], p)
}

// Watch sees to it that Expire will look at a param with a lifetime in time. The
// param's lock must be held.
func (t *Table[R]) Watch(p *Param[R]) {
	slot := p.extra.expires/slotWidth + 1
	if p.extra.due != 0 && p.extra.due <= slot {
		return
	}
	// An entry in a later slot, left from a longer lifetime, is passed over there.
	t.calendar.add(p, slot)
}

// Expire removes the params whose time has passed; at is the router's monotonic
// clock in µs.
func (t *Table[R]) Expire(at int64) {
	c := &t.calendar
	var due []*Param[R]
	var slots []int64
	c.Lock()
	now := at / slotWidth
	for slot := c.done + 1; slot <= now; slot++ {
		for _, p := range c.slots[slot] {
			due, slots = append(due, p), append(slots, slot)
		}
		delete(c.slots, slot)
	}
	c.done = now
	c.Unlock()
	for i, p := range due {
		if !t.expired(p, slots[i], at) {
			continue
		}
		if t.remove(p, func() bool { return p.Expired(at) }) {
			t.alive.Add(-1)
			continue
		}
		// Read or written in between: look again when its new time comes.
		p.Lock()
		if !p.dead && p.extra != nil && p.extra.ttl > 0 {
			t.Watch(p)
		}
		p.Unlock()
	}
}

// expired looks at a param whose slot has come, and lists it again if its time has
// moved.
func (t *Table[R]) expired(p *Param[R], slot, at int64) bool {
	p.Lock()
	defer p.Unlock()
	e := p.extra
	if p.dead || e == nil || e.due != slot {
		return false
	}
	e.due = 0
	if p.Expired(at) {
		return true
	}
	if e.ttl > 0 {
		t.Watch(p)
	}
	return false
}
