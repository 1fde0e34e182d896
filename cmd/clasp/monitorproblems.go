// What an operator should know about, in words, and what to do about it.

package main

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/clasp-studio/clasp/router/discovery"
	"github.com/clasp-studio/clasp/router/monitor"
)

const (
	certSoon  = 7 * 24 * time.Hour
	diskFresh = 10 * time.Second
	diskLow   = 100 << 20 // bytes: a database grows and is copied
)

// problems are those there are, worst first.
func (w *watched) problems(o *monitor.Overview, f *inForce, now time.Time) (all []monitor.Problem) {
	add := func(level monitor.Level, text, do string) {
		all = append(all, monitor.Problem{Level: level, Text: monitor.Clean(text), Do: do})
	}
	if store := w.s.state.store; store != nil {
		if h := store.Health(); h.Err != nil {
			add(monitor.LevelError, fmt.Sprintf("the state is not on disk since %s: %v", h.Since.Local().Format("15:04:05"), h.Err),
				"see that the disk of "+o.Persistence+" has room and can be written; it is tried again by itself")
		}
		if low := w.disk.get(now, diskFresh, func() string { return lowDisk(o.Persistence) }); low != "" {
			add(monitor.LevelWarn, low, "make room, or the state will not get there")
		}
	}
	for _, l := range o.Listeners {
		if !l.Up {
			add(monitor.LevelError, l.Transport+" is not listening: "+l.Error, "free its port or choose another one; it is tried again by itself")
		}
	}
	if o.Encrypted && !o.CertExpires.IsZero() {
		switch left := o.CertExpires.Sub(now); {
		case left <= 0:
			add(monitor.LevelError, "the certificate expired on "+o.CertExpires.Local().Format(time.DateOnly), "put a new one in its place; it is taken up without a restart")
		case left < certSoon:
			add(monitor.LevelWarn, fmt.Sprintf("the certificate expires in %s", inDays(left)), "put a new one in its place; it is taken up without a restart")
		}
	}
	if o.Slow > 0 {
		add(monitor.LevelWarn, counted(o.Slow, "client cannot keep up and loses messages", "clients cannot keep up and lose messages"), "look at the rows marked SLOW in Connections: a weak network, or a client that hangs")
	}
	if why := w.s.log.output.broken.Load(); why != nil {
		add(monitor.LevelError, fmt.Sprintf("the log is not written, %s lost: %s", counted(o.LogDropped, "line is", "lines are"), *why),
			"see that its disk has room and can be written; the next line is tried again by itself")
	} else if o.LogDropped > 0 {
		add(monitor.LevelWarn, counted(o.LogDropped, "line", "lines")+" of the log could not be written", "see what reads the log, or log less with --log-level")
	}
	if p := w.pairingNow(now); p.Locked != "" {
		add(monitor.LevelWarn, "PINs of invites are locked: "+p.Locked, "unlock them in Pairing, or with 'clasp paired unlock'; other ways in still work")
	}
	if n := len(w.s.router.Bans()); n > 0 {
		add(monitor.LevelInfo, counted(n, "client is", "clients are")+" kept out", "who was banned may come in again after a restart of the router")
	}
	if f.access == discovery.AuthOpen && outside(f.config.Bind) {
		add(monitor.LevelInfo, "anybody on the network may come in and change everything", "start with --pairing or --require-auth to decide who may")
	}
	slices.SortStableFunc(all, func(a, b monitor.Problem) int { return cmp.Compare(b.Level, a.Level) })
	return all
}

// lowDisk says that there is little room where a file is, "" when there is enough.
func lowDisk(path string) string {
	free, known := diskFree(path)
	if !known || free >= diskLow {
		return ""
	}
	return fmt.Sprintf("the disk of %s has %d MiB left", path, free>>20)
}

// inDays is a time in the unit that fits: "3 days", "5 hours".
func inDays(left time.Duration) string {
	if left >= 48*time.Hour {
		return counted(int(left/(24*time.Hour)), "day", "days")
	}
	return counted(int(left/time.Hour), "hour", "hours")
}
