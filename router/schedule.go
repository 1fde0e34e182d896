package router

import (
	"container/heap"
	"slices"
	"sync"
	"time"

	"github.com/clasp-studio/clasp/router/wire"
)

// Bundles waiting for their time are bounded, in number and bytes for each session and
// in bytes for all: they outlive the session that sent them.
const (
	maxScheduled      = 4096
	maxScheduledBytes = 4 << 20
	maxAllScheduled   = 64 << 20
)

// schedule holds the bundles that wait for their time, the next one first.
type schedule struct {
	sync.Mutex
	waiting   bundleHeap
	bytes     int
	offset    int64 // the wall clock's lead on the monotonic one, µs
	bySession map[*Session]*backlog
	changed   chan struct{} // tells runSchedule that the first may be another one
}

// backlog counts what a session has scheduled.
type backlog struct{ bundles, bytes int }

// scheduled is a bundle that waits. It runs even when its sender has gone (protocol
// section 5.6).
type scheduled struct {
	at      int64 // µs, monotonic
	seq     uint64
	s       *Session
	qos     wire.QoS
	payload []byte
}

func (sc *schedule) init() {
	sc.bySession = make(map[*Session]*backlog)
	sc.changed = make(chan struct{}, 1)
}

// scheduleBundle checks a bundle's form and rights and keeps it until its time, when both are
// checked again.
func (s *Session) scheduleBundle(b *batch, q wire.QoS, m wire.Bundle, payload []byte) error {
	// The sender counts on the clock of now; a wall clock that is set later moves
	// nothing.
	ahead := m.Timestamp - b.wall
	if ahead > uint64(maxAhead/time.Microsecond) {
		return refuse(wire.CodeBadValue, "the bundle is scheduled %v ahead, up to %v is allowed",
			time.Duration(min(ahead, 1<<53))*time.Microsecond, maxAhead)
	}
	err := s.parseBundle(b, m)
	b.clearOps()
	if err != nil {
		s.failBundle(b, err)
		return nil
	}
	sc := &s.router.schedule
	sc.Lock()
	defer sc.Unlock()
	if sc.bytes+len(payload) > maxAllScheduled {
		return refuse(wire.CodeOverloaded, "the router holds its limit of %d bytes of scheduled bundles", maxAllScheduled)
	}
	log := sc.bySession[s]
	if log == nil {
		log = new(backlog)
	}
	if log.bundles >= maxScheduled || log.bytes+len(payload) > maxScheduledBytes {
		return refuse(wire.CodeLimit, "over the limit of %d bundles or %d bytes scheduled by one session", maxScheduled, maxScheduledBytes)
	}
	sc.bySession[s] = log
	log.bundles++
	log.bytes += len(payload)
	sc.bytes += len(payload)
	next := &scheduled{at: sc.when(b, m.Timestamp), seq: sc.waiting.seq, s: s, qos: q, payload: slices.Clone(payload)}
	sc.waiting.seq++
	heap.Push(&sc.waiting, next)
	if sc.waiting.list[0] == next {
		select {
		case sc.changed <- struct{}{}:
		default:
		}
	}
	return nil
}

// when turns a sender's time into the router's. Bundles of one time keep one time, so
// the offset between the clocks is taken anew only when the wall clock has been set.
func (sc *schedule) when(b *batch, timestamp uint64) int64 {
	const set = 1000 // µs
	if now := int64(b.wall) - b.now; sc.offset == 0 || max(now-sc.offset, sc.offset-now) > set {
		sc.offset = now
	}
	return int64(timestamp) - sc.offset
}

// due takes the next bundle if its time has come; else it says how long to wait.
func (sc *schedule) due(now int64) (next *scheduled, wait time.Duration) {
	sc.Lock()
	defer sc.Unlock()
	if len(sc.waiting.list) == 0 {
		return nil, time.Hour
	}
	if first := sc.waiting.list[0]; first.at > now {
		return nil, time.Duration(first.at-now) * time.Microsecond
	}
	next = heap.Pop(&sc.waiting).(*scheduled)
	log := sc.bySession[next.s]
	log.bundles--
	log.bytes -= len(next.payload)
	sc.bytes -= len(next.payload)
	if log.bundles == 0 {
		delete(sc.bySession, next.s)
	}
	return next, 0
}

// runSchedule runs bundles at their time, until the router stops. One timer serves
// all of them.
func (r *Router) runSchedule() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-r.stop:
			return
		case <-timer.C:
		case <-r.schedule.changed:
		}
		b := r.begin()
		b.prompt = true
		for {
			next, wait := r.schedule.due(b.now)
			if next == nil {
				timer.Reset(wait)
				break
			}
			if _, err := next.run(b); err != nil {
				// It waits for the disk, the others do not wait for it.
				r.stopped.Go(func() {
					b := r.begin()
					b.counted = true
					_, _ = next.run(b)
					b.counted = false
					b.finish(r)
				})
			}
			b.flush()
			b.clock(r)
		}
		b.prompt = false
		b.finish(r)
	}
}

// run does what the bundle's sender might still do itself, were it there: a session that
// has ended leaves its bundles behind (section 5.6), a token that has expired or been
// revoked takes them along.
func (next *scheduled) run(b *batch) (*commit, error) {
	if s := next.s; s.token.expired(b.wall) || s.revoked() {
		if !s.warned.Swap(true) {
			s.router.log.Warn("scheduled bundles are not run: their sender's token is no longer good", s.attrs()...)
		}
		return nil, nil
	}
	m, _ := wire.DecodeBundle(next.payload) // checked when it came
	return next.s.runBundle(b, next.qos, m)
}

// bundleHeap orders bundles by time, those of the same time as they came.
type bundleHeap struct {
	list []*scheduled
	seq  uint64
}

func (h *bundleHeap) Len() int { return len(h.list) }

func (h *bundleHeap) Less(i, j int) bool {
	x, y := h.list[i], h.list[j]
	return x.at < y.at || x.at == y.at && x.seq < y.seq
}

func (h *bundleHeap) Swap(i, j int) { h.list[i], h.list[j] = h.list[j], h.list[i] }

func (h *bundleHeap) Push(x any) { h.list = append(h.list, x.(*scheduled)) }

func (h *bundleHeap) Pop() any {
	last := len(h.list) - 1
	x := h.list[last]
	h.list[last] = nil
	h.list = h.list[:last]
	return x
}
