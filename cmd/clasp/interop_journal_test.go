// What a party to an interop test received, as one line of text a message, and waiting for a certain line.

package main_test

import (
	"strings"
	"sync"
	"testing"
	"time"
)

// patience is how long a test waits for what must come. It bounds a failing run and is no measure of speed.
const patience = 30 * time.Second

// journal collects lines from one goroutine while a test waits for them in another.
type journal struct {
	mu      sync.Mutex
	lines   []string
	read    int           // lines a test has already taken
	late    bool          // something has not come, so that little can be expected of the rest
	arrived chan struct{} // closed and replaced at every line
}

func newJournal() *journal { return &journal{arrived: make(chan struct{})} }

func (j *journal) add(line string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, line)
	close(j.arrived)
	j.arrived = make(chan struct{})
}

// until waits for a line that starts with prefix, and returns those between the previous call's and this one.
func (j *journal) until(t *testing.T, prefix string) []string {
	t.Helper()
	j.mu.Lock()
	defer j.mu.Unlock()
	wait := patience
	if j.late { // what follows the first failure should not take patience each
		wait = time.Second
	}
	deadline := time.After(wait)
	for next := j.read; ; next++ {
		for next == len(j.lines) {
			arrived := j.arrived
			j.mu.Unlock()
			select {
			case <-arrived:
				j.mu.Lock()
			case <-deadline:
				j.mu.Lock()
				j.late = true
				t.Fatalf("waited %v for %q; what came instead:\n%s", wait, prefix, strings.Join(j.lines[j.read:], "\n"))
			}
		}
		if strings.HasPrefix(j.lines[next], prefix) {
			between := j.lines[j.read:next]
			j.read = next + 1
			return between
		}
	}
}
