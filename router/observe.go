// Looking on: what a dashboard asks of a running router, answered in package monitor's terms.
// All of it may be called by any goroutine at any time. It holds no lock for longer than it
// takes to look at one session or one param, or at a piece of the index as a QUERY does, and
// the router does nothing for it unasked: it counts (count.go), whether somebody looks or not.

package router

import (
	"maps"
	"sync"
	"time"

	"github.com/clasp-studio/clasp/router/monitor"
)

// Totals returns what has happened since the router began. What batches that are under way
// have done is not in it yet: at most 64 messages of each session. It costs some five hundred
// loads.
func (r *Router) Totals() monitor.Totals {
	c := &r.counts
	t := monitor.Totals{Joined: c.joined.Load(), Left: c.left.Load()}
	for i := range c.shards {
		s := &c.shards[i]
		for k := range kinds {
			t.MessagesIn += s.in[k].Load()
			t.MessagesOut += s.sent[k].Load()
		}
		t.MessagesOut -= s.taken.Load()
		t.BytesIn += s.inBytes.Load()
		t.BytesOut += s.outBytes.Load()
		for why := range s.dropped {
			t.Dropped += s.dropped[why].Load()
		}
		t.Writes += s.writes.Load()
	}
	for i := range c.errors {
		t.Errors += c.errors[i].Load()
	}
	// A shard may have more messages taken off than were put there, and others may have been
	// read before what makes up for it came.
	t.MessagesOut = notBelowZero(t.MessagesOut)
	t.BytesOut = notBelowZero(t.BytesOut)
	return t
}

func notBelowZero(n uint64) uint64 { return uint64(max(int64(n), 0)) }

// Seq returns a number that rises when anything has changed that a frame shows, but for how
// much waits for each client. It costs as much as Totals: cheap enough to be asked 40 times a
// second.
func (r *Router) Seq() uint64 {
	t := r.Totals()
	// Out and dropped together never fall.
	return t.MessagesIn + t.MessagesOut + t.Dropped + t.Errors + t.Writes + r.counts.crowd.Load() + r.subs.Generation() + r.params.Rev()
}

// StructRev returns a number that moves when an address comes or goes. It costs a load.
func (r *Router) StructRev() uint64 { return r.params.Rev() }

// censusEvery is for how long Census relies on what it last found, where nobody has come or
// gone: it is about who is slow.
const censusEvery = 250 * time.Millisecond

// census is what was found when the sessions were last gone through.
type census struct {
	sync.Mutex
	at                    time.Time
	crowd                 uint64
	sessions, lobby, slow int
	transports            map[string]int
}

// Census returns who and what is there, in figures: it fills Name, Sessions, Transports,
// Lobby, Slow, Subscriptions, Params, Totals and StructRev. Slow is up to 250 ms old; the
// sessions are gone through, at 0.1 µs or so each, only then or when one has come or gone.
func (r *Router) Census() monitor.Overview {
	o := monitor.Overview{
		Name: monitor.Clean(r.name), Subscriptions: r.subs.Len(), Params: r.params.Len(),
		Totals: r.Totals(), StructRev: r.StructRev(),
	}
	c := &r.census
	c.Lock()
	defer c.Unlock()
	crowd := r.counts.crowd.Load() // before the look: who comes meanwhile is looked for again
	if now := time.Now(); c.transports == nil || c.crowd != crowd || now.Sub(c.at) >= censusEvery {
		c.take(r.sessions.all())
		c.at, c.crowd = now, crowd
	}
	o.Sessions, o.Lobby, o.Slow, o.Transports = c.sessions, c.lobby, c.slow, maps.Clone(c.transports)
	return o
}

func (c *census) take(sessions []*Session) {
	c.sessions, c.lobby, c.slow, c.transports = 0, 0, 0, make(map[string]int)
	for _, s := range sessions {
		switch {
		case s.inside():
			c.sessions++
			c.transports[s.peer.Transport]++
		case s.greeted.Load():
			c.lobby++
		default:
			continue
		}
		s.out.Lock()
		if s.out.slow {
			c.slow++
		}
		s.out.Unlock()
	}
}
