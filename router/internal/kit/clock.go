package kit

import (
	"sync"
	"time"
)

// Clock stands still but for Move. Any goroutine may read it.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock makes one that shows a time.
func NewClock(now time.Time) *Clock { return &Clock{now: now} }

// Now is what it shows.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Move has time pass, or go back.
func (c *Clock) Move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}
