// Workload idle: what a connection costs the peer that has subscribed and says nothing.

package versus

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/clasp-studio/clasp/cmd/clasp-bench/internal/process"
	"github.com/clasp-studio/clasp/cmd/clasp-bench/versus/peer"
)

const (
	// idleSettle is how long memory may go back after the connections have come.
	idleSettle = 10 * time.Second
	// idleAtATime is how many connect at the same time.
	idleAtATime = 16
)

var idle = workload{
	name:  "idle",
	title: "10,000 idle connections",
	about: "10,000 connections (200 with --quick) subscribe to an address of their own and rest. " +
		"After 10 s the memory of the peer is read, less what it had without them. " +
		"Then each address is published to once, and each connection has to get its message.",
	needs: peer.PubSub,
	numbers: []number{
		{"connection", "memory (RSS) a connection", kib, lower},
		{"none", "memory (RSS) with none", mib, neither},
		{"all", "memory (RSS) with all", mib, neither},
		{"rate", "connected and subscribed, 16 at a time", perSecond, neither},
	},
	run: runIdle,
}

func runIdle(ctx context.Context, r *rig) (res result, err error) {
	s, err := r.start(ctx, false)
	if err != nil {
		return result{}, err
	}
	defer end(s, &err)
	before, err := s.RSS()
	if err != nil {
		return result{}, err
	}
	resting := make([]*peer.Conn, r.of(10_000, 200))
	defer func() {
		for _, c := range resting {
			if c != nil {
				abandon(c)
			}
		}
	}()
	start := time.Now()
	if err := r.settleDown(ctx, s, resting); err != nil {
		return result{}, err
	}
	took := time.Since(start)
	settle := idleSettle
	if r.quick {
		settle /= 20
	}
	if err := pause(ctx, settle); err != nil {
		return result{}, err
	}
	after, err := s.RSS()
	if err != nil {
		return result{}, err
	}
	if err := r.wake(ctx, s, resting); err != nil {
		return result{}, err
	}
	count := float64(len(resting))
	res.set("connection", float64(after-before)/count/(1<<10))
	res.set("none", float64(before)/(1<<20))
	res.set("all", float64(after)/(1<<20))
	res.set("rate", count/took.Seconds())
	return res, nil
}

// settleDown connects and subscribes all of them, some at a time: there are peers that take
// an eternity for each.
func (r *rig) settleDown(ctx context.Context, s *peer.Server, resting []*peer.Conn) error {
	errs := make([]error, idleAtATime)
	var all sync.WaitGroup
	for from := range idleAtATime {
		all.Go(func() {
			for i := from; i < len(resting); i += idleAtATime {
				c, err := r.peer.Dial(ctx, s.Addr())
				if err == nil {
					resting[i] = c
					err = c.Subscribe(idleAddress(i))
					c.Rest()
				}
				if err != nil {
					errs[from] = fmt.Errorf("connection %d: %w", i+1, err)
					return
				}
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

func idleAddress(i int) string { return fmt.Sprintf("/bench/idle/%d", i) }

// wake publishes to each connection once and says whether each gets its message: one that
// the peer has let go of costs nothing, and must not count.
func (r *rig) wake(ctx context.Context, s *peer.Server, resting []*peer.Conn) error {
	publisher, err := r.peer.Dial(ctx, s.Addr())
	if err != nil {
		return err
	}
	defer func() { _ = publisher.Close() }()
	var out, payload []byte
	for i := range resting {
		payload = peer.Stamp{Sequence: uint64(i)}.Append(payload[:0])
		out = publisher.AppendPublish(out, idleAddress(i), payload)
	}
	end := time.Now().Add(process.Patience) // for all of them
	if err := publisher.SetDeadline(end); err != nil {
		return err
	}
	if _, err := publisher.Write(out); err != nil {
		return err
	}
	var wrong void
	for i, c := range resting {
		if err := c.SetReadDeadline(end); err != nil {
			return fmt.Errorf("connection %d: %w", i+1, err)
		}
		for got := 0; got == 0; {
			err := c.Read(func(payload []byte) {
				p, err := peer.ReadStamp(payload)
				got++
				if err != nil || p.Sequence != uint64(i) || got > 1 {
					wrong.disordered++
				}
			})
			if errors.Is(err, os.ErrDeadlineExceeded) {
				wrong.lost++
				break
			}
			if err != nil {
				return fmt.Errorf("connection %d, after its idle time: %w", i+1, err)
			}
		}
	}
	if wrong != (void{}) {
		return wrong
	}
	return nil
}
