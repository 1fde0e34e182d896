// The list of addresses for whoever filters it. A walk over all params takes a core while it
// lasts, so that there is one at a time, with a rest behind it, however many look on; and those
// who wait for the same one share it.

package main

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/clasp-studio/clasp/router/monitor"
)

const (
	// walkTime is how long a filter may go through the addresses.
	walkTime = 3 * time.Second
	// walkPatience is how long somebody waits for his turn. With it and a walk of his own he
	// has his answer before package remote takes the router for gone.
	walkPatience = 3 * time.Second
	// restAtMost is the longest rest behind a walk, which else is as long as the walk was.
	restAtMost = time.Second
	// slowKept is how long a filter that took too long is not tried again.
	slowKept = 10 * time.Second
)

// walks takes care that there is one walk at a time.
type walks struct {
	turn    chan struct{} // whoever has put something in has the turn, and the fields below
	waiting atomic.Int32  // for the turn

	last   walked
	rest   time.Time // nobody walks before
	slow   string    // the filter that took too long last, and when
	slowAt time.Time
}

// walked is what a walk has found. It is kept while somebody waits who may want it.
type walked struct {
	text  string
	began time.Time
	index monitor.Index
}

// Index is the list of addresses that pass a filter.
func (w *watched) Index(ctx context.Context, since uint64, text string) (monitor.Index, error) {
	filter, err := monitor.ParseFilter(text)
	if err != nil {
		return monitor.Index{}, err
	}
	// A value may pass today and not tomorrow without a name that comes or goes.
	if rev := w.s.router.StructRev(); since == rev && filter.Needs()&^monitor.NeedAddress == 0 {
		return monitor.Index{Rev: rev, Total: w.s.router.Stats().Params, Same: true}, nil
	}
	return w.walks.index(ctx, text, func() (monitor.Index, error) { return w.find(ctx, text, filter) })
}

// index returns what find finds, or what somebody else has found since it was asked for.
func (k *walks) index(ctx context.Context, text string, find func() (monitor.Index, error)) (monitor.Index, error) {
	asked := time.Now()
	if err := k.wait(ctx); err != nil {
		return monitor.Index{}, err
	}
	defer func() {
		if k.waiting.Load() == 0 {
			k.last = walked{}
		}
		<-k.turn
	}()
	switch {
	case k.last.text == text && !k.last.began.Before(asked):
		return k.last.index, nil
	case text != "" && k.slow == text && time.Since(k.slowAt) < slowKept:
		return monitor.Index{}, monitor.ErrTooSlow
	}
	if err := pause(ctx, time.Until(k.rest)); err != nil {
		return monitor.Index{}, err
	}
	began := time.Now()
	index, err := find()
	k.rest = time.Now().Add(min(time.Since(began), restAtMost))
	if err == nil {
		k.last = walked{text, began, index}
	} else if errors.Is(err, monitor.ErrTooSlow) {
		k.slow, k.slowAt = text, time.Now()
	}
	return index, err
}

// wait waits for the turn.
func (k *walks) wait(ctx context.Context) error {
	k.waiting.Add(1)
	defer k.waiting.Add(-1)
	enough := time.NewTimer(walkPatience)
	defer enough.Stop()
	select {
	case k.turn <- struct{}{}:
		return nil
	case <-enough.C:
		return refuse(monitor.ErrRefused, "too many look through the addresses at once: try again")
	case <-ctx.Done():
		return ctx.Err()
	}
}

func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// find walks.
func (w *watched) find(ctx context.Context, text string, filter *monitor.Filter) (monitor.Index, error) {
	r := w.s.router
	i := monitor.Index{Rev: r.StructRev(), Total: r.Stats().Params} // before the walk, as with the Seq of a frame
	end, slow := time.Now().Add(walkTime), false
	stop := func() bool {
		slow = text != "" && time.Now().After(end)
		return slow || ctx.Err() != nil
	}
	pass := filter.Value
	if text == "" {
		pass = nil
	}
	i.Names = r.Addresses(pass, filter.Needs(), stop)
	switch {
	case ctx.Err() != nil:
		return monitor.Index{}, ctx.Err()
	case slow:
		return monitor.Index{}, monitor.ErrTooSlow
	}
	return i, nil
}
