// Workload pairs: very many conversations beside each other, each of one publisher and
// one subscriber with an address of their own.

package versus

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/clasp-studio/clasp/cmd/clasp-bench/versus/peer"
)

var pairs = workload{
	name:  "pairs-1000",
	title: "1,000 pairs of a publisher and a subscriber",
	about: "Closed loop: each pair has an address of its own and one message under way, in a write of its own; 2,000 connections in all.",
	needs: peer.PubSub, raw: true, placed: true,
	numbers: []number{rateNumber, cpuNumber, serverBusyNumber, loadBusyNumber},
	run:     runPairs,
}

func runPairs(ctx context.Context, r *rig) (result, error) {
	var res result
	server, err := r.start(ctx, false)
	if err != nil {
		return res, err
	}
	defer server.Stop()
	n := r.of(1000, 50)
	addresses := make([]string, n)
	for i := range addresses {
		addresses[i] = fmt.Sprintf("/bench/pair/%d", i)
	}
	var (
		a     *audience
		from  = make([]*messages, n)
		turns = make([]sync.Mutex, n) // the first message of a pair is not sent by its reader
		until atomic.Int64            // a time of the audience's clock: then no pair sends any more
		ended = make(chan struct{}, n)
	)
	next := func(i int, now time.Duration) {
		if now >= time.Duration(until.Load()) {
			ended <- struct{}{}
			return
		}
		turns[i].Lock()
		defer turns[i].Unlock()
		from[i].add(0)
		if err := from[i].flush(); err != nil {
			a.fail(fmt.Errorf("publisher %d: %w", i, err))
		}
	}
	a, err = gather(ctx, r, server, addresses, n, func(i int, _ peer.Stamp, now time.Duration) { next(i, now) })
	if err != nil {
		return res, err
	}
	for i, c := range a.publishers {
		from[i] = newMessages(c, i, addresses[i])
	}
	// send lets all pairs talk for as long as d and returns when they have ended.
	send := func(d time.Duration) error {
		now := time.Since(a.start)
		until.Store(int64(now + d))
		for i := range n {
			next(i, now)
		}
		for range n {
			if _, err := await(ctx, a, ended); err != nil {
				return err
			}
		}
		return nil
	}
	err = send(r.duration / 5) // buffers grow, caches fill
	if err == nil {
		before, m := allSent(from), measure(server)
		if err = send(r.duration); err == nil {
			u, deliveries := m.stop(), allSent(from)-before
			res.set(rateNumber.key, float64(deliveries)/u.wall.Seconds())
			u.add(&res, r.at, deliveries)
		}
	}
	return res, a.verdict(err, func(i int) map[uint32]uint64 { return map[uint32]uint64{uint32(i): from[i].sent} })
}
