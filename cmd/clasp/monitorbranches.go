// What is below the branches of the tree, added up. A walk over all params is dear, so that
// what it finds is shown for a while, and rates are made of two walks.

package main

import (
	"maps"
	"slices"
	"time"

	"github.com/clasp-studio/clasp/router/address"
	"github.com/clasp-studio/clasp/router/monitor"
)

const (
	branchFresh = time.Second            // what was found holds for so long
	branchPause = 250 * time.Millisecond // between two walks, even for branches that are new on the screen
	branchKept  = 10 * time.Second       // unasked
	branchOver  = 500 * time.Millisecond // the shortest time that a rate is made of

	branchMost    = 4 * monitor.MaxBranches // kept: some dashboards full
	branchLongest = 6 * address.MaxLength   // bytes of a name: escapes are longer than what they stand for
)

// seenBranch is one with what the last walk has found.
type seenBranch struct {
	monitor.Branch
	asked  time.Time
	at     time.Time // of the sample that the next rate begins at
	writes uint64    // then
}

// seenBranches are the branches asked for, in that order.
func (w *watched) seenBranches(addresses []string, now time.Time) []monitor.Branch {
	if len(addresses) == 0 {
		return nil
	}
	w.branchMu.Lock()
	defer w.branchMu.Unlock()
	fresh := true
	for _, name := range addresses {
		b := w.branches[name]
		if b == nil {
			b = &seenBranch{Branch: monitor.Branch{Address: name, Rate: -1}}
			w.branches[name] = b
		}
		fresh = fresh && !b.at.IsZero()
		b.asked = now
	}
	w.forget()
	if pause := now.Sub(w.walked); pause >= branchFresh || !fresh && pause >= branchPause {
		w.walk(now)
	}
	shown := make([]monitor.Branch, len(addresses))
	for i, name := range addresses {
		shown[i] = w.branches[name].Branch
	}
	return shown
}

// forget drops those that nobody has asked for the longest, if they are too many.
func (w *watched) forget() {
	if len(w.branches) <= branchMost {
		return
	}
	oldest := slices.SortedFunc(maps.Values(w.branches), func(a, b *seenBranch) int { return a.asked.Compare(b.asked) })
	for _, b := range oldest[:len(oldest)-branchMost] {
		delete(w.branches, b.Address)
	}
}

// walk adds up all branches that somebody has on the screen.
func (w *watched) walk(now time.Time) {
	w.walked = now
	var addresses []string
	for name, b := range w.branches {
		if now.Sub(b.asked) > branchKept {
			delete(w.branches, name)
			continue
		}
		addresses = append(addresses, name)
	}
	for _, found := range w.s.router.Branches(addresses) {
		if b := w.branches[found.Address]; b != nil {
			b.take(found, now)
		}
	}
}

// take has it hold what a walk has found.
func (b *seenBranch) take(found monitor.Branch, now time.Time) {
	found.Rate = b.Rate
	b.Branch = found
	passed := now.Sub(b.at)
	switch {
	case b.at.IsZero():
	case passed < branchOver:
		return
	case found.Writes < b.writes: // addresses have gone, and their writes with them
		b.Rate = 0
	default:
		b.Rate = float64(found.Writes-b.writes) / passed.Seconds()
	}
	b.at, b.writes = now, found.Writes
}
