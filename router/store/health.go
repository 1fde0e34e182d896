package store

import (
	"log/slog"
	"sync"
	"time"
)

// Health says whether what should be on the disk gets there.
type Health struct {
	Err         error     // why it does not; nil when all is well
	Since       time.Time // of the first failure, when there is an error
	Failures    uint64    // writes of commits and checkpoints that have failed since Open
	LastSuccess time.Time // of the last one that has not
}

// Health is as of the last write.
func (s *Store) Health() Health {
	s.health.mu.Lock()
	defer s.health.mu.Unlock()
	return s.health.Health
}

type health struct {
	mu sync.Mutex
	Health
	failing [2]bool // the journal, the database
}

// part of the store that can fail by itself.
type part int

const (
	thatJournal part = iota
	thatDatabase
)

// note takes the outcome of a write. The first failure and the end of failing are logged.
// Failing has no end before both parts work.
func (h *health) note(of part, err error, now time.Time, log *slog.Logger) {
	h.mu.Lock()
	defer h.mu.Unlock()
	failing := h.Err != nil
	h.failing[of] = err != nil
	if err != nil {
		h.Failures++
		h.Err = err
		if !failing {
			h.Since = now
			log.Error("the state cannot be written: commits are refused, the rest is kept in memory", "error", err)
		}
		return
	}
	h.LastSuccess = now
	if failing && h.failing == [2]bool{} {
		log.Info("the state is written again", "after", now.Sub(h.Since).Round(time.Millisecond))
		h.Err, h.Since = nil, time.Time{}
	}
}
