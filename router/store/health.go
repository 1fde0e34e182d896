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
	Failures    uint64    // transactions that have failed since Open
	LastSuccess time.Time // of the last one that has not
}

// Health is as of the last transaction.
func (s *Store) Health() Health {
	s.health.mu.Lock()
	defer s.health.mu.Unlock()
	return s.health.Health
}

type health struct {
	mu sync.Mutex
	Health
}

// note takes a transaction's outcome. The first failure and the end of failing are logged.
// Failing has no end while a checkpoint is broken, even if small commits succeed.
func (h *health) note(err error, now time.Time, broken bool, log *slog.Logger) {
	h.mu.Lock()
	defer h.mu.Unlock()
	failing := h.Err != nil
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
	if failing && !broken {
		log.Info("the state is written again", "after", now.Sub(h.Since).Round(time.Millisecond))
		h.Err, h.Since = nil, time.Time{}
	}
}
