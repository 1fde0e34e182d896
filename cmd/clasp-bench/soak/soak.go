// Package soak keeps a real router busy with all that can happen to it for as long as one
// likes, and holds what every session was shown against the promises of ARCHITECTURE.md.
//
// Thousands of sessions come over all transports, a fifth of them through networks that are
// slow, cut to pieces or break (proxy.go), subscribe, write, and leave or are dropped
// (people.go). Beside them some write a torrent, some stop reading it, some send garbage, and
// the router reloads its files all the while (crowd.go, season.go). Every delivery is told to
// the checker (observer.go, ledger.go, events.go). At the end of each round all writing stops,
// and everybody who reads must have what the router has (compare.go). There is a rehearsal
// first: what the router needs when everybody has left it is what it may need at the end. Then the plug is pulled (plug.go).
package soak

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// Options of a soak.
type Options struct {
	Sessions int           // at once, all roles together; at least 40, at most 8,000
	For      time.Duration // how long, after the rehearsal
	Round    time.Duration // time from one comparison to the next
	Progress io.Writer
}

// Sessions: so many roles there are, and so many fit the descriptors that a process usually has.
const (
	fewestSessions = 40
	mostSessions   = 8000
)

// Check says what is wrong with them, nil if nothing is.
func (o Options) Check() error {
	switch {
	case o.Sessions < fewestSessions || o.Sessions > mostSessions:
		return fmt.Errorf("%d sessions: it takes %d to %d", o.Sessions, fewestSessions, mostSessions)
	case o.For <= 0 || o.Round < time.Second:
		return fmt.Errorf("%v in rounds of %v: it takes some time, in rounds of a second at least", o.For, o.Round)
	}
	return nil
}

// Run soaks a router, which is this program, and returns what came of it. Its error says that
// the soak could not be made; what the router did wrong is in the report. The files it lives
// on are in dir, the log among them.
func Run(ctx context.Context, o Options, program, dir string) (*Report, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	w, err := newWorld(ctx, o, program, dir)
	if err != nil {
		return nil, err
	}
	defer w.close()
	r := &Report{Sessions: o.Sessions, Asked: o.For}
	err = w.all(ctx, r)
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		err = nil // the report says that it ended early
	}
	if err != nil {
		if ended := w.srv.died(); ended != nil {
			w.verdict.fail(standing, "%v: %v", err, ended)
			err = nil // that is what is to be reported
		}
	}
	w.report(r)
	return r, err
}

// all is the whole course of a soak.
func (w *world) all(ctx context.Context, r *Report) (err error) {
	// Two hundred can come in a second, even on a busy machine.
	if err := w.season(ctx, max(w.Round, time.Duration(w.Sessions)*time.Second/200)); err != nil || ctx.Err() != nil {
		return err
	}
	w.say("everybody has come and gone once; the soak begins")
	if r.Start, err = w.rest(ctx); err != nil {
		return err
	}
	w.rehearsed.Store(true)
	begin := time.Now()
	err = w.season(ctx, w.For)
	r.Lasted = time.Since(begin).Round(time.Second)
	if err != nil || ctx.Err() != nil {
		return err
	}
	r.Ended = true
	w.say("everybody has left")
	// Whoever came over UDP said no goodbye, and the router need not wait for them the whole 30 s.
	w.srv.silence = 2
	if err := w.reload(ctx, true); err != nil {
		return err
	}
	var excess string
	if r.End, excess, err = w.srv.settled(ctx, r.Start, resting); err != nil {
		return err
	}
	if excess != "" {
		w.verdict.fail(leftover, "%s, %v after everybody has left", excess, resting)
	} else {
		w.verdict.hold(leftover, 1)
	}
	w.srv.silence = usualSilence
	if err := w.reload(ctx, true); err != nil {
		return err
	}
	if err := w.pullThePlug(ctx); err != nil {
		return err
	}
	w.stopInOrder()
	return w.readLog()
}

// resting is how long the router has to let go of what everybody has left behind: the runtime
// collects garbage at least every two minutes and gives memory back bit by bit.
const resting = 4 * time.Minute
