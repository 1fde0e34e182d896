// What has been counted, for a Prometheus server. To look takes no lock that a message needs and
// goes through no sessions: it costs the same however many there are.

package router

import (
	"maps"
	"strconv"
	"sync/atomic"
)

// Counted is what the router has counted since it began, and what there is now. All labels that
// there can be are in the maps from the start.
type Counted struct {
	Received, Sent map[string]uint64    // messages by type
	Dropped        map[string]uint64    // messages by reason
	Errors         map[string]uint64    // ERRORs sent to sessions, by code
	Handled        map[string]Histogram // by type: seconds, of some messages
	Fanout         Histogram            // sessions that a message was sent on to
	Flushed        Histogram            // frames that went out in one write
	Transports     map[string]Transport

	Slow       int   // sessions that are behind with reading
	Locks      int   // params that a session has locked
	StateBytes int64 // addresses and values of all params, as they are encoded
}

// Transport is what was counted of one.
type Transport struct {
	Opened                   uint64            // connections that got as far as a Session
	Closed                   map[string]uint64 // of them by Reason
	Failed                   map[string]uint64 // that never were a greeted session
	ReceivedBytes, SentBytes uint64
}

// Counted returns all of it. What batches that are under way have done is not in it yet.
func (r *Router) Counted() Counted {
	c := &r.counts
	var in, sent, fanout [rowWidth]uint64
	var flushed [sizeBuckets]uint64
	var dropped [dropReasons]uint64
	var fanoutSum, flushedSum, state uint64
	for i := range c.shards {
		s := &c.shards[i]
		addAll(in[:], s.in[:])
		addAll(sent[:], s.sent[:])
		addAll(fanout[:], s.fanout[:])
		addAll(flushed[:], s.flushed.n[:])
		addAll(dropped[:], s.dropped[:])
		fanoutSum += s.fanoutSum.Load()
		flushedSum += s.flushed.sum.Load()
		state += s.state.Load()
	}
	flushedSum += flushed[1] + 2*flushed[2]
	all := Counted{
		Received: make(map[string]uint64, kinds), Sent: make(map[string]uint64, kinds),
		Dropped: map[string]uint64{
			"slow": dropped[droppedSlow], "overflow": dropped[droppedOverflow], "too_large": dropped[droppedTooLarge], "unread": c.unread.Load(),
		},
		Errors: make(map[string]uint64, len(allCodes)), Handled: make(map[string]Histogram),
		Fanout:     makeHistogram(fanout[:sizeBuckets], sizeBound, float64(fanoutSum)),
		Flushed:    makeHistogram(flushed[1:], func(i int) float64 { return sizeBound(i + 1) }, float64(flushedSum)),
		Transports: make(map[string]Transport),
		Slow:       int(c.slow.Load()), Locks: int(c.locks.Load()), StateBytes: max(int64(state), 0),
	}
	for k := range kind(kinds) {
		label := k.label()
		all.Received[label] = in[k]
		if k > 0 {
			all.Sent[label] = sent[k]
		}
		if handled.has(k) {
			h := &c.handled[k]
			var n [handleBuckets]uint64
			addAll(n[:], h.n[:])
			all.Handled[label] = makeHistogram(n[:], handleBound, float64(h.sum.Load())/1e9)
		}
	}
	for i, code := range allCodes {
		all.Errors[strconv.Itoa(int(code))] = c.errors[i].Load()
	}
	r.ways.mu.RLock()
	known := maps.Clone(r.ways.all)
	r.ways.mu.RUnlock()
	for name, w := range known {
		all.Transports[name] = w.shown()
	}
	return all
}

func (w *way) shown() Transport {
	t := Transport{Opened: w.opened.Load(), Closed: make(map[string]uint64, len(w.closed)), Failed: make(map[string]uint64, failures)}
	for r := ReasonNone + 1; int(r) < len(w.closed); r++ {
		t.Closed[r.String()] = w.closed[r].Load()
	}
	for f := failedNone + 1; f < failures; f++ {
		t.Failed[failureLabels[f]] = w.failed[f].Load()
	}
	for i := range w.meters {
		t.ReceivedBytes += w.meters[i].received.Load()
		t.SentBytes += w.meters[i].sent.Load()
	}
	return t
}

// addAll adds counters to sums, each to its own.
func addAll(sums []uint64, counters []atomic.Uint64) {
	for i := range counters {
		sums[i] += counters[i].Load()
	}
}
