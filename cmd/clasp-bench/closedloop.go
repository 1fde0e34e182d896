// Clients that each wait for one answer before they ask for the next, and how long they
// waited.

package main

import (
	"slices"
	"sync"
	"time"
)

// tally is what closed loops of the same kind have done so far.
type tally struct {
	took  time.Duration // with all clients at work
	waits []time.Duration
}

// closedLoop lets n clients ask for as long as d. ask returns when client i has its
// answer; the first error ends that client's loop.
func (t *tally) closedLoop(n int, d time.Duration, ask func(i int) error) error {
	var (
		mu     sync.Mutex
		failed error
		all    sync.WaitGroup
	)
	start := time.Now()
	for i := range n {
		all.Go(func() {
			var (
				waits []time.Duration
				err   error
			)
			for now := start; err == nil && now.Sub(start) < d; {
				before := now
				err = ask(i)
				now = time.Now()
				waits = append(waits, now.Sub(before))
			}
			mu.Lock()
			defer mu.Unlock()
			t.waits = append(t.waits, waits...)
			if failed == nil {
				failed = err
			}
		})
	}
	all.Wait()
	t.took += time.Since(start)
	return failed
}

func (t *tally) rate() float64 { return float64(len(t.waits)) / t.took.Seconds() }

// quantile returns the wait in ms that a share of all was not above. There is at least one.
func quantile(waits []time.Duration, share float64) float64 {
	slices.Sort(waits) // mostly sorted already when asked again
	return float64(waits[int(share*float64(len(waits)-1))]) / float64(time.Millisecond)
}
