package tui

// The last four minutes of the router, a sample a second.

import (
	"time"

	"github.com/clasp-studio/clasp/router/monitor"
)

const (
	overviewEvery   = time.Second
	overviewSamples = 240
)

// overviewTrack is how fast one counter has moved.
type overviewTrack []float64

// add notes a rate that held for so many samples.
func (t *overviewTrack) add(rate float64, times int) {
	for range min(times, overviewSamples) {
		if len(*t) == overviewSamples {
			copy(*t, (*t)[1:])
			*t = (*t)[:overviewSamples-1]
		}
		*t = append(*t, rate)
	}
}

// top is the greatest of the last n samples.
func (t overviewTrack) top(n int) float64 {
	top := 0.0
	for _, v := range t[max(0, len(t)-n):] {
		top = max(top, v)
	}
	return top
}

// overviewRates samples the router's totals. It takes two frames at least a second apart
// for one sample: closer ones say more of chance than of the router.
type overviewRates struct {
	at                     time.Time
	from                   monitor.Totals
	in, out, bytes, writes overviewTrack
}

// note takes the totals of a frame, and reports whether that made a sample.
func (r *overviewRates) note(now monitor.Totals, at time.Time) bool {
	if r.at.IsZero() || at.Before(r.at) || now.MessagesIn < r.from.MessagesIn || now.Joined < r.from.Joined { // the first one, or a router that has started anew
		r.at, r.from = at, now
		return false
	}
	gone := at.Sub(r.at)
	if gone < overviewEvery {
		return false
	}
	times, seconds := int(gone/overviewEvery), gone.Seconds()
	each := func(t *overviewTrack, from, to uint64) {
		if to < from {
			to = from
		}
		t.add(float64(to-from)/seconds, times)
	}
	each(&r.in, r.from.MessagesIn, now.MessagesIn)
	each(&r.out, r.from.MessagesOut, now.MessagesOut)
	each(&r.bytes, r.from.BytesIn+r.from.BytesOut, now.BytesIn+now.BytesOut)
	each(&r.writes, r.from.Writes, now.Writes)
	r.at, r.from = at, now
	return true
}
