// The end of a soak: the plug is pulled while clients write, and what the next router has is
// held against the book.

package soak

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"syscall"
	"time"

	"github.com/clasp-studio/clasp/router/wire"
)

// writers is how many write when the plug is pulled.
const writers = 32

// pullThePlug kills the router under load and starts another one on its files.
func (w *world) pullThePlug(ctx context.Context) error {
	busy, calm := context.WithCancel(ctx)
	var all sync.WaitGroup
	for range writers {
		s, err := w.enter(ctx, manner{role: "last writer", way: overWS, unruly: true})
		if err != nil {
			calm()
			return err
		}
		all.Go(func() {
			for busy.Err() == nil && w.lastWrite(busy, s) == nil {
			}
			s.reset()
			<-s.ended
		})
	}
	pause(ctx, time.Second)
	err := w.srv.signal(syscall.SIGKILL)
	if err == nil {
		_, err = w.srv.ended()
	}
	calm()
	all.Wait()
	if err == nil {
		err = w.srv.change(true) // the last one may have had a mistake
	}
	if err != nil {
		return err
	}
	if err := w.srv.start(ctx); err != nil {
		return fmt.Errorf("start again after SIGKILL: %w", err)
	}
	return w.afterwards(ctx)
}

// lastWrite writes something, most of it to be on disk when it is answered.
func (w *world) lastWrite(ctx context.Context, s *session) error {
	q := wire.Commit
	if rand.IntN(5) == 0 {
		q = wire.Confirm
	}
	z := w.zones[rand.IntN(len(w.zones))]
	err := w.set(ctx, s, z.params[rand.IntN(len(z.params))], wire.Set{}, q, 0)
	if err == nil && rand.IntN(4) == 0 {
		err = w.bundle(ctx, s, w.groups[rand.IntN(len(w.groups))], false, q)
	}
	return err
}

// afterwards holds the next router against the book, and sees that no revision comes again.
func (w *world) afterwards(ctx context.Context) error {
	p, err := w.probe(ctx)
	if err != nil {
		return err
	}
	defer p.close()
	after, err := p.get(w.ledger.addresses())
	if err != nil {
		return fmt.Errorf("ask for what there is after SIGKILL: %w", err)
	}
	w.ledger.recovered(after)
	for _, group := range w.groups {
		w.ledger.together(*group, after)
	}
	for _, z := range w.zones {
		for _, to := range z.params {
			if err := w.set(ctx, p.session, to, wire.Set{}, wire.Confirm, 0); err != nil {
				return fmt.Errorf("write after SIGKILL: %w", err)
			}
		}
	}
	return nil
}

// stopInOrder ends the router as an operator does.
func (w *world) stopInOrder() {
	err := w.srv.signal(syscall.SIGTERM)
	code := 0
	if err == nil {
		code, err = w.srv.ended()
	}
	if err != nil || code != 0 {
		w.verdict.fail(standing, "told to stop, the router ends with code %d (%v)", code, w.srv.proc.Explain(err))
	}
}
