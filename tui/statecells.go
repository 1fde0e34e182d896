package tui

// The values on the screen, and what takes two frames to know of them: rates, and whether
// they have just changed.

import (
	"time"

	"github.com/clasp-studio/clasp/router/monitor"
)

const (
	fadeSteps = 3
	fadeStep  = 200 * time.Millisecond // the least a step lasts: at 20 frames a second three frames are too short to be seen
)

// stateCell is an address on the screen.
type stateCell struct {
	v     monitor.Value
	tally tally
	fade  fade
	way   int // where a number went with its last change: -1 down, 1 up, 0 not known
}

// stateBranch is a branch on the screen.
type stateBranch struct {
	b     monitor.Branch
	tally tally
	fade  fade
}

// stateCells are the addresses and branches of the last frame: what has left the screen is
// forgotten, so that looking through 100,000 of them takes no more memory than one page.
type stateCells struct {
	values   map[string]*stateCell
	branches map[string]*stateBranch
}

// apply takes a frame, and reports whether anything is to be drawn otherwise but ages.
func (s *stateCells) apply(f *frame, now time.Time) (moved bool) {
	values := make(map[string]*stateCell, len(f.Values))
	for i := range f.Values {
		v := &f.Values[i]
		c, known := s.values[v.Address]
		switch {
		case !known:
			c, moved = &stateCell{v: *v}, true
		case v.Missing != c.v.Missing || v.Revision != c.v.Revision || v.Type != c.v.Type || v.Text != c.v.Text:
			c.way = 0
			if v.Numeric && c.v.Numeric && v.Number != c.v.Number {
				c.way = map[bool]int{true: 1, false: -1}[v.Number > c.v.Number]
			}
			c.v, moved = *v, true
			c.fade.start(now)
		default:
			c.v = *v
			moved = c.fade.step(now) || moved
		}
		moved = c.tally.add(now, v.Revision) || moved
		values[v.Address] = c
	}
	branches := make(map[string]*stateBranch, len(f.Branches))
	for _, b := range f.Branches {
		c, known := s.branches[b.Address]
		switch {
		case !known:
			c, moved = &stateBranch{b: b}, true
		case b.Writes != c.b.Writes || b.Count != c.b.Count || b.Rate != c.b.Rate:
			if b.Writes != c.b.Writes {
				c.fade.start(now)
			}
			c.b, moved = b, true
		default:
			moved = c.fade.step(now) || moved
		}
		moved = c.tally.add(now, b.Writes) || moved
		branches[b.Address] = c
	}
	s.values, s.branches = values, branches
	return moved
}

// fill takes of a frame only what is not known yet: rows that came onto a frozen screen.
func (s *stateCells) fill(f *frame) (moved bool) {
	if s.values == nil {
		return false
	}
	for i := range f.Values {
		if v := &f.Values[i]; s.values[v.Address] == nil {
			s.values[v.Address] = &stateCell{v: *v}
			moved = true
		}
	}
	for _, b := range f.Branches {
		if s.branches[b.Address] == nil {
			s.branches[b.Address] = &stateBranch{b: b}
			moved = true
		}
	}
	return moved
}

// rate is a branch's: the router's own, or else ours.
func (b *stateBranch) rate() (float64, bool) {
	if b.b.Rate >= 0 {
		return b.b.Rate, true
	}
	return b.tally.rate, b.tally.known
}

// tally makes a rate of a number that counts up.
type tally struct {
	at    time.Time
	count uint64
	rate  float64
	known bool
}

// add takes the count of now, and reports whether the rate is another.
func (t *tally) add(now time.Time, count uint64) bool {
	if t.at.IsZero() || count < t.count || now.Before(t.at) {
		had := t.known
		*t = tally{at: now, count: count}
		return had
	}
	d := now.Sub(t.at)
	if d < time.Second {
		return false
	}
	before := *t
	t.rate, t.known = float64(count-t.count)/d.Seconds(), true
	t.at, t.count = now, count
	return t.rate != before.rate || !before.known
}

// fade is how much of a change's mark is left: fadeSteps directly after it, 0 = none.
type fade struct {
	left int
	at   time.Time
}

func (f *fade) start(now time.Time) { f.left, f.at = fadeSteps, now }

// step takes one off with a frame, and reports whether it did.
func (f *fade) step(now time.Time) bool {
	if f.left == 0 || now.Sub(f.at) < fadeStep {
		return false
	}
	f.left--
	f.at = now
	return true
}

// role is how a change that old is drawn.
func (f *fade) role() (role, bool) {
	return [fadeSteps + 1]role{plain, changed2, changed1, changed0}[f.left], f.left > 0
}
