// What is looked at when nobody is there.

package soak

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"time"
)

// rest waits until everybody's sessions have ended and the collector has been through twice
// since, and returns what the router is then: what it may have at the end as well.
func (w *world) rest(ctx context.Context) (vitals, error) {
	collections, since := 0.0, false
	for deadline := time.Now().Add(resting); ; {
		m, err := w.srv.scrape(ctx) // which is work for the collector too
		if err != nil {
			return vitals{}, err
		}
		switch now := m["go_gc_duration_seconds_count"]; {
		case !since && m["clasp_sessions_active"] == 0:
			collections, since = now, true
		case since && now >= collections+2:
			return w.srv.look(ctx)
		}
		if time.Now().After(deadline) {
			return vitals{}, fmt.Errorf("everybody has left, and after %v the router still has %v sessions", resting, m["clasp_sessions_active"])
		}
		if !pause(ctx, 5*time.Millisecond) {
			return vitals{}, context.Cause(ctx)
		}
	}
}

// readLog looks for what the router has survived but should not have met.
func (w *world) readLog() error {
	log, err := os.ReadFile(w.srv.file("clasp.log"))
	if err != nil {
		return err
	}
	for line := range bytes.Lines(log) {
		if bytes.Contains(line, []byte("panic")) {
			w.verdict.fail(standing, "its log says: %s", bytes.TrimSpace(line))
		}
	}
	return nil
}

func (w *world) say(words string) {
	_, _ = fmt.Fprintf(w.Progress, "%v: %s\n", time.Since(w.began).Round(time.Second), words)
}
