// The connections of a run: publishers, and subscribers that note everything they get,
// until the run is over and it is said whether it counts.

package versus

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/clasp-studio/clasp/cmd/clasp-bench/internal/process"
	"github.com/clasp-studio/clasp/cmd/clasp-bench/versus/peer"
)

// audience is all connections to one server. They are read until it is closed.
type audience struct {
	server      *peer.Server // whose last words explain why a run has failed; nil = nobody's
	start       time.Time    // that stamps count from
	publishers  []*peer.Conn
	subscribers []*subscriber

	readers sync.WaitGroup
	closed  atomic.Bool
	stop    chan struct{} // closed with it
	failed  chan error    // the first error: a connection ended, or nothing comes any more
}

// subscriber is one connection and what came on it. Only its reader touches it while it
// reads, but for got.
type subscriber struct {
	conn   *peer.Conn
	ledger *ledger
	got    atomic.Uint64 // deliveries, counted once a read
}

// received is told of every message once, in the order in which they come; one subscriber's
// calls do not overlap. now is when it was read, by the audience's clock.
type received func(subscriber int, s peer.Stamp, now time.Duration)

// gather connects one subscriber to each of patterns, and so many publishers. The caller
// ends it with verdict.
func gather(ctx context.Context, r *rig, server *peer.Server, patterns []string, publishers int, tell received) (*audience, error) {
	return gatherBy(ctx, r, server, crowd{
		subscribers: len(patterns), subscribe: func(i int, c *peer.Conn) error { return c.Subscribe(patterns[i]) },
		publishers: publishers, tell: tell,
	})
}

// crowd is who an audience is made of.
type crowd struct {
	subscribers int
	subscribe   func(i int, c *peer.Conn) error
	publishers  int
	tell        received
	// sample is n where only one subscriber of n is to be read as soon as something comes, as
	// sampled says, and the others now and then; 0 = all are read at once.
	sample int
	// quiet is how long nothing may come at all; 0 = process.Patience.
	quiet time.Duration
}

// sampled says whether a subscriber is one of those that are read as soon as something comes.
func (c crowd) sampled(subscriber int) bool {
	return c.sample == 0 || subscriber%c.sample == c.sample/2
}

// gatherBy is gather of a crowd that is told in more detail.
func gatherBy(ctx context.Context, r *rig, server *peer.Server, of crowd) (*audience, error) {
	a, err := assemble(ctx, r.peer, server.Addr(), of)
	if err == nil {
		a.server = server
	}
	return a, err
}

// assemble makes the audience of whatever speaks like p at addr.
func assemble(ctx context.Context, p *peer.Peer, addr string, of crowd) (*audience, error) {
	a := &audience{start: time.Now(), failed: make(chan error, 1), stop: make(chan struct{})}
	for i := range of.subscribers {
		c, err := p.Dial(ctx, addr)
		if err == nil {
			a.subscribers = append(a.subscribers, &subscriber{conn: c, ledger: newLedger()})
			err = of.subscribe(i, c)
		}
		if err != nil {
			a.close()
			return nil, fmt.Errorf("subscriber %d: %w", i, err)
		}
	}
	for i := range of.publishers {
		c, err := p.Dial(ctx, addr)
		if err != nil {
			a.close()
			return nil, fmt.Errorf("publisher %d: %w", i, err)
		}
		a.publishers = append(a.publishers, c)
	}
	// Nobody reads before all are there: reading begins with the first message.
	var seldom []*reader
	for i, s := range a.subscribers {
		r := a.reader(i, s, of.tell)
		if !of.sampled(i) && r.neverWait() == nil {
			seldom = append(seldom, r)
			continue
		}
		a.readers.Go(r.run)
	}
	if len(seldom) > 0 {
		a.readers.Go(func() { a.sweep(seldom) })
	}
	for i, c := range a.publishers {
		a.readers.Go(func() {
			for {
				err := c.Read(func(p []byte) { a.fail(fmt.Errorf("publisher %d was sent the message %q", i, p)) })
				if err != nil {
					a.fail(fmt.Errorf("publisher %d: %w", i, err))
					return
				}
			}
		})
	}
	quiet := cmp.Or(of.quiet, process.Patience)
	a.readers.Go(func() { a.watch(quiet) })
	return a, nil
}

// watch fails when nothing has come to anybody for longer than is sane: what is still
// awaited then is lost.
func (a *audience) watch(patience time.Duration) {
	const look = 100 * time.Millisecond
	tick := time.NewTicker(look)
	defer tick.Stop()
	before, quiet := uint64(0), time.Duration(0)
	for {
		select {
		case <-a.stop:
			return
		case <-tick.C:
		}
		quiet += look
		if now := a.delivered(); now != before {
			before, quiet = now, 0
		}
		if quiet >= patience {
			a.fail(fmt.Errorf("nothing has come for %v", patience))
			return
		}
	}
}

// delivered is how many messages have come to all subscribers together.
func (a *audience) delivered() (n uint64) {
	for _, s := range a.subscribers {
		n += s.got.Load()
	}
	return n
}

// fail notes the first error, unless it comes from closing.
func (a *audience) fail(err error) {
	if a.closed.Load() {
		return
	}
	select {
	case a.failed <- err:
	default:
	}
}

// await takes one token, and fails when the audience does or ctx ends.
func await[T any](ctx context.Context, a *audience, tokens <-chan T) (token T, err error) {
	select {
	case token = <-tokens: // most often there is one
		return token, nil
	default:
	}
	select {
	case token = <-tokens:
		return token, nil
	case err = <-a.failed:
		return token, err
	case <-ctx.Done():
		return token, context.Cause(ctx)
	}
}

// settle returns when all tokens that there are have come back, and leaves them there.
func settle[T any](ctx context.Context, a *audience, tokens chan T) error {
	back := make([]T, cap(tokens))
	for i := range back {
		var err error
		if back[i], err = await(ctx, a, tokens); err != nil {
			return err
		}
	}
	for _, token := range back {
		tokens <- token
	}
	return nil
}

// close disconnects all and returns when nobody reads any more.
func (a *audience) close() {
	if a.closed.Swap(true) {
		return
	}
	close(a.stop)
	for _, c := range a.publishers {
		_ = c.Close()
	}
	for _, s := range a.subscribers {
		_ = s.conn.Close()
	}
	a.readers.Wait()
}

// verdict closes the audience and says whether the run counts: not when it has failed
// with err, nor when a subscriber has not had everything once, and in order unless the
// peer is one that keeps none. sent says how many messages of which publishers subscriber i
// is due.
func (a *audience) verdict(err error, sent func(i int) map[uint32]uint64) error {
	var dead error
	if a.server != nil {
		dead = a.server.Alive()
	}
	a.close()
	var wrong void
	for i, s := range a.subscribers {
		wrong = wrong.plus(s.ledger.close(sent(i)))
	}
	switch {
	case err == nil && wrong.disordered > 0 && wrong == void{disordered: wrong.disordered}:
		err = disorder{wrong.disordered}
	case wrong != void{} && err != nil:
		err = fmt.Errorf("%w: %w", wrong, err)
	case wrong != void{}:
		err = wrong
	}
	if err != nil && dead != nil {
		err = fmt.Errorf("%w; %w", err, dead)
	}
	select {
	case late := <-a.failed: // seen by a reader after the last that was waited for
		err = errors.Join(err, late)
	default:
	}
	return err
}
