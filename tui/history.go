package tui

// What a watched number has been of late: a ring that does not grow, filled from frames.

import "time"

const (
	historySize = 600
	historyStep = 250 * time.Millisecond // 600 of them are two and a half minutes
)

// history has one sample a step. What happened within a step is seen in least and greatest
// only. The zero value is empty.
type history struct {
	ring            [historySize]float64
	head, n         int
	at              time.Time // of the newest sample
	least, greatest float64
	last            float64
	changes         int // revisions seen to come
	revision        uint64
	since           time.Time
}

// look takes the address's value in a frame.
func (h *history) look(now time.Time, revision uint64, number float64, numeric bool) {
	if h.since.IsZero() {
		h.since, h.revision = now, revision
	}
	if revision != h.revision {
		h.changes += max(1, int(min(int64(revision-h.revision), 1<<30))) // a router that started anew counts as one
		h.revision = revision
	}
	if numeric {
		h.add(now, number)
	}
}

// add notes a number. A value stands until the next one comes, so gaps are filled with it.
func (h *history) add(now time.Time, number float64) {
	if h.n == 0 {
		h.at, h.least, h.greatest = now, number, number
		h.push(number)
	} else {
		steps := max(0, now.Sub(h.at)/historyStep)
		for range min(steps-1, historySize) {
			h.push(h.last)
		}
		if steps > 0 {
			h.at = h.at.Add(steps * historyStep)
			h.push(number)
		} else {
			h.ring[(h.head+historySize-1)%historySize] = number
		}
	}
	h.least, h.greatest, h.last = min(h.least, number), max(h.greatest, number), number
}

func (h *history) push(number float64) {
	h.ring[h.head] = number
	h.head = (h.head + 1) % historySize
	h.n = min(h.n+1, historySize)
}

// samples are the last w, oldest first.
func (h *history) samples(w int) []float64 {
	n := max(0, min(w, h.n))
	out := make([]float64, n)
	for i := range out {
		out[i] = h.ring[(h.head-n+i+historySize)%historySize]
	}
	return out
}
