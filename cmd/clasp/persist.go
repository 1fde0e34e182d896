// The state on disk of a running server: opening it, the words for what goes wrong
// with it, closing it.

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/clasp-studio/clasp/config"
	"github.com/clasp-studio/clasp/router/metrics"
	"github.com/clasp-studio/clasp/router/store"
)

// state is what a server keeps on disk. Without --persist it has no store.
type state struct {
	store   *store.Store // nil without --persist
	path    string
	log     *slog.Logger
	opened  time.Time
	metrics *metrics.Persistence
}

// openState opens the database that c names, if there is to be one. The store logs what
// had to be done to have one that is in order.
func openState(c config.Persistence, log *slog.Logger) (*state, error) {
	s := &state{path: c.Path, log: log, opened: time.Now()}
	if !c.Enabled {
		return s, nil
	}
	s.metrics = metrics.NewPersistence()
	var err error
	s.store, err = store.Open(store.Options{Path: c.Path, Interval: c.SyncInterval, Logger: log, Wrote: s.metrics.Wrote})
	if err != nil {
		return nil, fmt.Errorf("%w (--persist-path)", stateError(err))
	}
	s.metrics.Restored(s.store.Recovery().Number) // what it did is in the log
	return s, nil
}

// loaded tells that the router has its params, n of them.
func (s *state) loaded(n int) {
	if s.store != nil {
		s.log.Info("state loaded", "path", s.path, "params", n, "took", time.Since(s.opened).Round(time.Millisecond))
	}
}

// failing says what keeps the router from writing and since when, "" if nothing does.
func (s *state) failing() string {
	if s.store == nil {
		return ""
	}
	health := s.store.Health()
	if health.Err == nil {
		return ""
	}
	return fmt.Sprintf("persistence: failing since %s: %v", health.Since.UTC().Format(time.RFC3339), health.Err)
}

// close writes what is not on disk yet. The router must have been closed.
func (s *state) close(ctx context.Context) error {
	if s.store == nil {
		return nil
	}
	return s.store.Close(ctx)
}

// stateError gives an error of package store its exit code, and says what to do when the
// database cannot be written.
func stateError(err error) error {
	var other *store.InUseError
	switch {
	case errors.As(err, &other):
		return exitError{exitDataInUse, err}
	case errors.Is(err, store.ErrNotWritable):
		return exitError{exitNotWritable, fmt.Errorf("%w: see that its directory is there and this user may write to it, or use another file", err)}
	default:
		return err
	}
}
