// clasp status --follow: looks at a router again and again, and prints what has happened.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/clasp-studio/clasp/router/monitor"
)

const (
	// lookPause is the least time between two looks, however much happens.
	lookPause = 250 * time.Millisecond
	// settle is for how long after a change the connections are looked at: the table of them
	// may be older than the count.
	settle = time.Second
	// followLogs is how many lines of the log are looked through at a time.
	followLogs = 1000
)

// follower prints what happens in one router.
type follower struct {
	source monitor.Source
	out    io.Writer
	pins   bool
	events statusEvents

	gone      bool      // and that has been said
	lookUntil time.Time // at the connections
	counts    crowd
	logs      uint64 // where to go on
}

// crowd is what changes with every connection that comes, goes or is slow.
type crowd struct {
	joined, left          uint64
	sessions, lobby, slow int
}

func newFollower(source monitor.Source, out io.Writer, pins bool) *follower {
	return &follower{source: source, out: out, pins: pins}
}

// run prints until ctx ends, which is no error.
func (f *follower) run(ctx context.Context) error {
	for ctx.Err() == nil {
		seq, err := f.look(ctx)
		if err != nil {
			return err
		}
		pause := time.NewTimer(lookPause)
		f.source.Wait(ctx, seq)
		select {
		case <-pause.C:
		case <-ctx.Done():
		}
		pause.Stop()
	}
	return nil
}

// look takes one frame and prints what is new in it. An error is one of printing.
func (f *follower) look(ctx context.Context) (seq uint64, err error) {
	frame, err := f.frame(ctx)
	switch {
	case ctx.Err() != nil:
		return 0, nil //nolint:nilerr // stopped while asking
	case err != nil:
		if f.gone {
			return 0, nil
		}
		f.gone = true
		words := "cannot look at the router: " + err.Error() + "; trying again"
		if errors.Is(err, monitor.ErrUnreachable) {
			words = "router gone: it cannot be reached any more; trying again"
		}
		return 0, f.print(time.Now(), []string{words})
	}
	if f.gone {
		f.gone = false
		f.events.back()
	}
	if !f.pins {
		withoutPINs(&frame.Pairing)
	}
	return frame.Seq, f.print(frame.At, f.events.take(frame))
}

// frame gets a frame, with the connections if something may have changed about them.
func (f *follower) frame(ctx context.Context) (*monitor.Frame, error) {
	q := monitor.Query{LogsSince: f.logs, LogsMax: followLogs}
	if !f.events.begun() {
		q.LogsMax = 0 // what was before is history
	}
	frame, err := f.source.Frame(ctx, q)
	if err != nil {
		return nil, err
	}
	o := &frame.Overview
	now := crowd{o.Totals.Joined, o.Totals.Left, o.Sessions, o.Lobby, o.Slow}
	if now != f.counts || f.gone || !f.events.knows(o) {
		f.counts, f.lookUntil = now, frame.At.Add(settle)
	}
	if frame.At.Before(f.lookUntil) {
		whole, err := wholeFrame(ctx, f.source)
		if err != nil {
			return nil, err
		}
		frame.Clients = whole.Clients
	} else {
		frame.Clients = monitor.ClientPage{Index: -1, Total: -1} // not looked at
	}
	f.logs = frame.Logs.Next
	return &frame, nil
}

// print writes lines with the time in front.
func (f *follower) print(at time.Time, lines []string) error {
	if len(lines) == 0 {
		return nil
	}
	var text strings.Builder
	for _, line := range lines {
		text.WriteString(clock(at) + " " + line + "\n")
	}
	if _, err := io.WriteString(f.out, text.String()); err != nil {
		return fmt.Errorf("print what happens: %w", err)
	}
	return nil
}
