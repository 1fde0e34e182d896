package tui

// The lines of the log that the dashboard keeps: a ring, and which of them pass the filters.

import (
	"github.com/clasp-studio/clasp/router/monitor"
)

// logsKept is how many lines are kept.
const logsKept = monitor.MaxLogs

// logsRing has the last lines. A line's number never changes, and none is given twice, also
// when another router's lines follow.
type logsRing struct {
	lines []monitor.Line
	first uint64 // number of the oldest one
	next  uint64 // number of the one to come
}

func (r *logsRing) add(line monitor.Line) {
	if len(r.lines) < logsKept {
		r.lines = append(r.lines, line)
	} else {
		r.lines[r.next%logsKept] = line
		r.first++
	}
	r.next++
}

// at returns a line by its number, which has to be in the ring.
func (r *logsRing) at(number uint64) *monitor.Line { return &r.lines[number%logsKept] }

// logsHits are the numbers of the lines that pass, in order.
type logsHits struct{ numbers []uint64 }

func (h *logsHits) add(number uint64) { h.numbers = append(h.numbers, number) }

// drop forgets those before first, and says how many that were. The front of the slice is
// given back when append has to make room, so that this costs nothing a line.
func (h *logsHits) drop(first uint64) int {
	n := 0
	for n < len(h.numbers) && h.numbers[n] < first {
		n++
	}
	h.numbers = h.numbers[n:]
	return n
}

// weight is about how many bytes the lines hold.
func (r *logsRing) weight() (n uint64) {
	const line = 128 // of the struct
	for i := range r.lines {
		l := &r.lines[i]
		n += line + uint64(len(l.Text)+len(l.Attrs)+len(l.Session))
	}
	return n
}
