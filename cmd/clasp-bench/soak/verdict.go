// What is held and what is not: every check of a promise is counted, so that a report can
// say how often it held, and every one that fails is kept in words.

package soak

import (
	"fmt"
	"sync"
)

// promise is one of those in ARCHITECTURE.md, by its number there.
type promise int

const (
	rising   promise = 1 + iota // per address, every subscriber sees revisions strictly rising
	newest                      // who keeps reading ends on the newest value
	complete                    // a late joiner misses nothing, and nobody an event
	durable                     // what was acknowledged at commit is there after SIGKILL
	unhurt                      // who stops reading costs a bounded memory and hurts nobody
	whole                       // a bundle is applied whole or not at all
	unique                      // a revision is never given to two values
	standing                    // no input ends, hangs or confuses the router
	leftover                    // not one of the eight: nothing stays behind when everybody has left
)

// promises are their words in a report.
var promises = map[promise]string{
	rising:   "revisions strictly rising for every subscriber",
	newest:   "who keeps reading ends on the newest value",
	complete: "a late joiner misses nothing, nobody misses an event",
	durable:  "what was acknowledged at commit survives SIGKILL",
	unhurt:   "who stops reading hurts nobody, in bounded memory",
	whole:    "bundles whole or not at all",
	unique:   "no revision for two values, none used again",
	standing: "no input ends or confuses the router, no session ends unasked",
	leftover: "nothing stays behind",
}

// mostFailures is how many are kept in words: what breaks, often breaks for everybody.
const mostFailures = 20

// verdict counts. Any goroutine may use it.
type verdict struct {
	mu     sync.Mutex
	held   map[promise]int
	broken map[promise]int
	words  []string
}

func newVerdict() *verdict {
	return &verdict{held: make(map[promise]int), broken: make(map[promise]int)}
}

// hold counts n checks that came out right.
func (v *verdict) hold(p promise, n int) {
	v.mu.Lock()
	v.held[p] += n
	v.mu.Unlock()
}

// fail notes one that did not.
func (v *verdict) fail(p promise, format string, args ...any) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.broken[p]++
	if len(v.words) < mostFailures {
		v.words = append(v.words, fmt.Sprintf("%s: ", p)+fmt.Sprintf(format, args...))
	}
}

// String is how a failure begins.
func (p promise) String() string {
	if p == leftover {
		return promises[p]
	}
	return fmt.Sprintf("promise %d (%s)", int(p), promises[p])
}

// failures are those in words, and how many there were in all.
func (v *verdict) failures() (words []string, all int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, n := range v.broken {
		all += n
	}
	return append(words, v.words...), all
}
