package pairweb

import (
	"sync"
	"time"

	"github.com/clasp-studio/clasp/pairing"
)

const (
	// pollEvery is how often a device may ask whether it is let in.
	pollEvery = 2 * time.Second
	// pollSlack is how much earlier its question may come in: not all take the same time.
	pollSlack = 500 * time.Millisecond
	// slowDownBy is added to what a device has to wait each time that it did not (RFC 8628
	// section 3.5).
	slowDownBy = 5 * time.Second
	slowest    = time.Minute
	// forgetPace is how long a visit that nobody asks about is remembered: there is none
	// any more.
	forgetPace = 10 * time.Minute
)

// paces are how often devices ask. Only who knows its device code has one, so that they are
// about as many as requests.
type paces struct {
	sync.Mutex
	of map[*pairing.Visit]*pace
}

type pace struct {
	last     time.Time
	interval time.Duration
}

// asks notes a question, and reports whether it comes too early, and how long to wait with the
// next one.
func (p *paces) asks(v *pairing.Visit, now time.Time) (interval time.Duration, early bool) {
	p.Lock()
	defer p.Unlock()
	known := p.of[v]
	if known == nil {
		for other, old := range p.of {
			if now.Sub(old.last) >= forgetPace {
				delete(p.of, other)
			}
		}
		p.of[v] = &pace{now, pollEvery}
		return pollEvery, false
	}
	if now.Sub(known.last) < known.interval-pollSlack {
		known.interval = min(known.interval+slowDownBy, slowest)
		early = true
	}
	known.last = now
	return known.interval, early
}

// interval is how long to wait between two questions.
func (p *paces) interval(v *pairing.Visit) time.Duration {
	p.Lock()
	defer p.Unlock()
	if known := p.of[v]; known != nil {
		return known.interval
	}
	return pollEvery
}
