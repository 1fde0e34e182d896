package param

import "sync"

// slotWidth is how finely lifetimes are watched, in µs: a param is gone within
// two of these of its time, well inside the second that protocol section 7 allows.
const slotWidth = 250_000

// expireAtOnce bounds how many params one call of Expire looks at, so that a crowd
// that expires together does not hold up the clock.
const expireAtOnce = 1000

// calendar lists the params with a lifetime under the slot in which somebody must
// look at them. Reads that prolong a lifetime do not move a param: it is moved
// when its slot comes.
type calendar[R any] struct {
	sync.Mutex
	slots map[int64][]*Param[R]
	done  int64 // slots up to this one are empty for good
}

// Watch sees to it that Expire will look at a param with a lifetime in time. The
// param's lock must be held.
func (t *Table[R]) Watch(p *Param[R]) { t.calendar.list(p, 0) }

// list puts a param, whose lock is held, under its slot, or a later one.
func (c *calendar[R]) list(p *Param[R], earliest int64) {
	c.Lock()
	defer c.Unlock()
	// A slot that has been looked through would never be looked at again.
	slot := max(p.extra.expires/slotWidth+1, c.done+1, earliest)
	if p.extra.slot != 0 && p.extra.slot <= slot {
		return
	}
	c.dropLocked(p)
	p.extra.slot, p.extra.at = slot, len(c.slots[slot])
	c.slots[slot] = append(c.slots[slot], p)
}

// drop forgets a param, whose lock is held.
func (c *calendar[R]) drop(p *Param[R]) {
	if p.extra == nil {
		return
	}
	c.Lock()
	defer c.Unlock()
	c.dropLocked(p)
}

func (c *calendar[R]) dropLocked(p *Param[R]) {
	e := p.extra
	if e.slot == 0 {
		return
	}
	list := c.slots[e.slot]
	last := len(list) - 1
	list[e.at] = list[last]
	list[e.at].extra.at = e.at
	list[last] = nil
	if last == 0 {
		delete(c.slots, e.slot)
	} else {
		c.slots[e.slot] = list[:last]
	}
	e.slot = 0
}

// next takes a param whose slot has come.
func (c *calendar[R]) next(now int64) *Param[R] {
	c.Lock()
	defer c.Unlock()
	for c.done < now {
		if list := c.slots[c.done+1]; len(list) > 0 {
			p := list[len(list)-1]
			c.dropLocked(p)
			return p
		}
		c.done++
	}
	return nil
}

// Expire removes params whose time has passed; at is the router's monotonic clock in
// µs. It reports whether there may be more.
func (t *Table[R]) Expire(at int64) (more bool) {
	for range expireAtOnce {
		p := t.calendar.next(at / slotWidth)
		if p == nil {
			return false
		}
		if t.remove(p, func() bool { return p.Expired(at) && !p.Pending }) {
			t.Release(1)
			continue
		}
		// Read, or written with another lifetime, since it was listed; or being written.
		p.Lock()
		if e := p.extra; !p.Dead() && e != nil && e.ttl > 0 {
			// Not in the present slot, or one that is being written would be next for ever.
			t.calendar.list(p, at/slotWidth+1)
		}
		p.Unlock()
	}
	return true
}
