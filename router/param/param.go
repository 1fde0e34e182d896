// Package param holds the live params of a router: their values, revisions,
// locks and lifetimes, found by address or walked in address order.
//
// It knows nothing of sessions or of the wire beyond encoded values. What may be
// written, and who is told, is decided by the router; this package makes sure
// that a param found is the only one of its address.
package param

import (
	"sync"
	"sync/atomic"
)

// Param is the state of one address. All fields but Address are guarded by the
// param's own lock, which the holder keeps while it tells the subscribers: that
// is what makes revisions rise strictly for every one of them.
//
// R is what the router caches with the param to find its subscribers again.
type Param[R any] struct {
	sync.Mutex

	// Address never changes.
	Address string

	// Guarded by the lock.

	// Revision is 0 until the first accepted write (protocol section 7).
	Revision uint64
	// Value is the encoded value, its code first. Its memory is reused by the
	// next write, so nobody keeps it past the lock.
	Value []byte
	// Written is when the value was set, Unix µs, for snapshots only: it decides
	// nothing (protocol section 7, "the clock never decides").
	Written uint64
	// Writer is the id of the session that set the value.
	Writer string
	// Route is the router's cache.
	Route R
	// extra is nil for the great majority, which has no lock and no lifetime.
	extra *extra
	// Timeline says that the value came as a timeline, not by SET.
	Timeline bool
	// Pending says that a write is on its way to the disk and not applied yet: other
	// writes wait, and the param stays in the table.
	Pending bool
	// Changed says that the router has listed the param among those to be stored.
	Changed bool
	// Strategy decides between a write and the value that is there.
	Strategy Strategy
	// dead says that the table has let go of this param: find it again. Set under the
	// lock; read without it only to tidy up.
	dead atomic.Bool
}

// extra is what few params have.
type extra struct {
	holder   string // session that holds the lock
	ttl      int64  // µs, 0 = none
	absolute bool   // counted from the write only, not from reads
	expires  int64  // µs on the router's monotonic clock

	// Guarded by the calendar's lock: the slot that looks at it, 0 = none, and its
	// place there.
	slot int64
	at   int
}

// Exists reports whether the param has a value now; at is the time on the
// router's monotonic clock in µs. The lock must be held.
func (p *Param[R]) Exists(at int64) bool {
	return p.Revision > 0 && p.Value != nil && !p.Expired(at)
}

// Expired reports whether the param's lifetime has passed. The lock must be held.
func (p *Param[R]) Expired(at int64) bool {
	return p.extra != nil && p.extra.ttl > 0 && at >= p.extra.expires
}

// Dead reports whether the table let go of the param between finding and locking
// it; the caller looks it up again.
func (p *Param[R]) Dead() bool { return p.dead.Load() }

// Holder returns the session that holds the lock, "" if none. The lock must be held.
func (p *Param[R]) Holder() string {
	if p.extra == nil {
		return ""
	}
	return p.extra.holder
}

// SetHolder gives the param's lock to a session, or frees it with "". The lock
// must be held.
func (p *Param[R]) SetHolder(session string) {
	if p.extra == nil {
		if session == "" {
			return
		}
		p.extra = &extra{}
	}
	p.extra.holder = session
}

// Store replaces the value and takes the next revision. The lock must be held.
func (p *Param[R]) Store(value []byte, writer string, written uint64) {
	p.Value = append(p.Value[:0], value...)
	p.Revision++
	p.Writer = writer
	p.Written = written
}

// Touch counts a read: a sliding lifetime starts anew (protocol section 3). It reports
// whether there is one. The lock must be held.
func (p *Param[R]) Touch(at int64) bool {
	e := p.extra
	if e == nil || e.ttl == 0 || e.absolute {
		return false
	}
	e.expires = at + e.ttl
	return true
}

// absolute is the bit of a ttl on the wire that says that reads do not prolong it.
const absolute = 1 << 31

// Seconds returns how long a ttl on the wire lasts, 0 for ever.
func Seconds(ttl uint32) int64 { return int64(ttl &^ absolute) }

// TTL returns the lifetime as the wire has it, and when it ends, in µs on the router's
// monotonic clock; 0 and 0 for a param that does not expire. The lock must be held.
func (p *Param[R]) TTL() (ttl uint32, expires int64) {
	e := p.extra
	if e == nil || e.ttl == 0 {
		return 0, 0
	}
	ttl = uint32(e.ttl / 1e6)
	if e.absolute {
		ttl |= absolute
	}
	return ttl, e.expires
}

// SetTTL sets the lifetime in seconds as the wire has it: 0 never expires, bit 31
// makes it absolute (protocol section 3). It reports whether the param can expire.
// The lock must be held.
func (p *Param[R]) SetTTL(ttl uint32) bool {
	seconds := Seconds(ttl)
	if p.extra == nil {
		if seconds == 0 {
			return false
		}
		p.extra = &extra{}
	}
	p.extra.ttl = seconds * 1e6
	p.extra.absolute = ttl&absolute != 0
	return seconds != 0
}

// Restart counts the lifetime from a write at the given time, and reports whether
// there is one. The lock must be held.
func (p *Param[R]) Restart(at int64) bool {
	e := p.extra
	if e == nil || e.ttl == 0 {
		return false
	}
	e.expires = at + e.ttl
	return true
}

// ExpireAt moves the end of a lifetime that SetTTL has set. The lock must be held.
func (p *Param[R]) ExpireAt(at int64) { p.extra.expires = at }

// clear makes an expired param one that has no value but remembers its revision.
func (p *Param[R]) clear() {
	p.Value = nil
	p.extra.ttl, p.extra.holder = 0, ""
	p.Timeline = false
}
