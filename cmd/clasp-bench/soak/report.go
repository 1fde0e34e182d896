// What came of a soak, for people and as JSON.

package soak

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"time"
)

// Report is what was done and what came of it.
type Report struct {
	Sessions int            `json:"sessions"`
	Asked    time.Duration  `json:"asked_ns"`
	Lasted   time.Duration  `json:"lasted_ns"`
	Ended    bool           `json:"ended"` // false: it was broken off
	Done     map[string]int `json:"done"`
	Held     []Held         `json:"held"`
	Failures int            `json:"failures"`
	Words    []string       `json:"words"` // of the first failures

	Start vitals `json:"start"` // after the rehearsal, when everybody had left
	Peak  vitals `json:"peak"`
	End   vitals `json:"end"` // when everybody had left again

	// Round trips of those who only look on, on the machine that everything else runs on too.
	Trips [3]time.Duration `json:"round_trips_p50_p99_max_ns"`
}

// Held is a promise and how often it was found kept and broken.
type Held struct {
	Promise string `json:"promise"`
	Held    int    `json:"held"`
	Broken  int    `json:"broken"`
}

// report fills in what the world has counted.
func (w *world) report(r *Report) {
	r.Words, r.Failures = w.verdict.failures()
	w.mu.Lock()
	defer w.mu.Unlock()
	r.Done, r.Peak = maps.Clone(w.done), w.peak
	for p := rising; p <= leftover; p++ {
		r.Held = append(r.Held, Held{p.String(), w.verdict.held[p], w.verdict.broken[p]})
	}
	if trips := w.trips; len(trips) > 0 {
		slices.Sort(trips)
		r.Trips = [3]time.Duration{trips[len(trips)/2], trips[len(trips)*99/100], trips[len(trips)-1]}
	}
}

// Err says in a line what is wrong, nil if nothing is. A soak that was broken off shows
// nothing of the time that was asked for.
func (r *Report) Err() error {
	switch {
	case r.Failures > 0:
		return fmt.Errorf("the soak found %d failures: %s", r.Failures, r.Words[0])
	case !r.Ended:
		return fmt.Errorf("the soak was broken off after %v of %v; nothing had failed until then", r.Lasted, r.Asked)
	}
	return nil
}

// Write writes it for people.
func (r *Report) Write(to io.Writer) error {
	var err error
	line := func(format string, args ...any) {
		if err == nil {
			_, err = fmt.Fprintf(to, format+"\n", args...)
		}
	}
	line("Soak: %d sessions, up to %d of them at the same time, %v of %v", r.Sessions, r.Peak.Sessions, r.Lasted, r.Asked)
	line("\nDone:")
	for _, what := range slices.Sorted(maps.Keys(r.Done)) {
		line("%12d  %s", r.Done[what], what)
	}
	line("\nHeld (times looked at):")
	for _, h := range r.Held {
		line("%12d  %s%s", h.Held, h.Promise, map[bool]string{true: fmt.Sprintf("; BROKEN %d times", h.Broken)}[h.Broken > 0])
	}
	line("\nThe router:\n  start  %s\n  peak   %s", r.Start, r.Peak)
	if r.Ended {
		line("  end    %s", r.End)
	}
	line("\nRound trips beside all this: p50 %v, p99 %v, longest %v", r.Trips[0], r.Trips[1], r.Trips[2])
	for _, words := range r.Words {
		line("FAILED: %s", words)
	}
	if more := r.Failures - len(r.Words); more > 0 {
		line("FAILED: and %d times more", more)
	}
	return err
}
