package store

import (
	"sync/atomic"
	"time"

	bolt "go.etcd.io/bbolt"
)

// copies makes generations, on a goroutine of its own.
type copies struct {
	dirty   atomic.Bool // something was written since the last one
	quit    chan struct{}
	stopped chan struct{}
}

func (c *copies) init() { c.quit, c.stopped = make(chan struct{}), make(chan struct{}) }

// run calls f at intervals until stop.
func (c *copies) run(f func(), every time.Duration) {
	defer close(c.stopped)
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			f()
		case <-c.quit:
			return
		}
	}
}

// stop returns when run has.
func (c *copies) stop() {
	close(c.quit)
	<-c.stopped
}

// copyNow makes a generation if something has been written since the last one: an unchanged
// copy would only push an older state out.
func (s *Store) copyNow() {
	if !s.copies.dirty.Swap(false) {
		return
	}
	if err := s.disk.view(func(db *bolt.DB) error {
		_, err := makeGeneration(db, s.o.Path, time.Now(), s.o.Copies)
		return err
	}); err != nil {
		s.copies.dirty.Store(true)
		s.log.Warn("no copy of the state could be made", "error", err)
	}
}
