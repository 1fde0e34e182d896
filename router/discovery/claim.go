// The name a router goes by in multicast DNS: one for all links.

package discovery

import "sync"

// claim is the name that all stations want. It changes when one of them finds it taken.
type claim struct {
	wanted string

	mu      sync.Mutex
	n       int
	changed chan struct{} // closed at the next change
}

func newClaim(name string) *claim { return &claim{wanted: name, n: 1, changed: make(chan struct{})} }

// current returns the name, and what is closed when it is no longer the name.
func (c *claim) current() (name string, changed <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return numbered(c.wanted, c.n), c.changed
}

// taken gives a name up for the next one, unless another link has already done so.
func (c *claim) taken(name string) (next string, moved bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if moved = name == numbered(c.wanted, c.n); moved {
		c.n++
		close(c.changed)
		c.changed = make(chan struct{})
	}
	return numbered(c.wanted, c.n), moved
}
