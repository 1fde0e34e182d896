package udp

// How fast something may go on, over all addresses together.

import (
	"sync"
	"time"
)

// pace lets so much through a second, and a burst of more at once. Only when the next may
// come is remembered: a burst after that.
type pace struct {
	rate, burst float64 // a second, and at once

	mu  sync.Mutex
	due time.Time // when what has been spent is paid
}

// spend takes n, and returns how long to wait before it may be used. The first who takes is the
// first who may.
func (p *pace) spend(n int, now time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.spendLocked(n, now)
}

// try takes n if it may be used at once, and reports whether.
func (p *pace) try(n int, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.spendLocked(n, now) == 0 {
		return true
	}
	p.due = p.due.Add(-p.takes(float64(n)))
	return false
}

func (p *pace) spendLocked(n int, now time.Time) time.Duration {
	if p.due.Before(now) {
		p.due = now
	}
	p.due = p.due.Add(p.takes(float64(n)))
	return max(p.due.Sub(now)-p.takes(p.burst), 0)
}

// giveBack is spend undone, for what was not used.
func (p *pace) giveBack(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.due = p.due.Add(-p.takes(float64(n)))
}

// takes returns how long it takes to pay for so much.
func (p *pace) takes(n float64) time.Duration {
	return time.Duration(n / p.rate * float64(time.Second))
}
