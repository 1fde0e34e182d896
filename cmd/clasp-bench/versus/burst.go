// Workload burst: many messages at once, again and again, as when a scene is called up.

package versus

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"time"

	"github.com/clasp-studio/clasp/cmd/clasp-bench/internal/host"
	"github.com/clasp-studio/clasp/cmd/clasp-bench/versus/peer"
)

const (
	burstMessages    = 1000
	burstEvery       = 100 * time.Millisecond
	burstSubscribers = 100
	// burstsBehind is how many bursts may be under way. With more the peer does not keep
	// up: its latency would say only how long it was tried.
	burstsBehind = 10
)

var burst = workload{
	name:  "burst",
	title: "Bursts: 1,000 messages at once each 100 ms to 100 subscribers",
	about: "Open loop. The time of a burst counts from when it was meant to go to when the last subscriber has read its last message. " +
		"A peer that falls 10 bursts behind does not keep up, and has no numbers.",
	needs: peer.PubSub, raw: true, placed: true,
	numbers: []number{
		{key: "median", title: "last delivery, median", unit: millis, better: lower},
		{key: "max", title: "last delivery, max", unit: millis, better: lower},
		{key: "p50", title: "all deliveries, p50", unit: millis, better: lower},
		cpuNumber, serverBusyNumber, loadBusyNumber,
	},
	run: runBurst,
}

func runBurst(ctx context.Context, r *rig) (result, error) {
	defer debug.SetGCPercent(debug.SetGCPercent(1000)) // the load's own is not to be seen
	var res result
	server, err := r.start(ctx, false)
	if err != nil {
		return res, err
	}
	defer server.Stop()
	subscribers := r.of(burstSubscribers, 20)
	const warmup = 2
	total := warmup + max(3, int(r.duration/burstEvery))
	var (
		latencies = make([]histogram, subscribers) // of every delivery
		missing   = make([]atomic.Int32, total)    // subscribers that have not got all of a burst
		got       = make([][]int, subscribers)     // messages of each burst
		arrived   = make(chan time.Duration, total)
	)
	for i := range missing {
		missing[i].Store(int32(subscribers))
	}
	for i := range got {
		got[i] = make([]int, total)
	}
	a, err := gather(ctx, r, server, slices.Repeat([]string{fanAddress}, subscribers), 1, func(i int, s peer.Stamp, now time.Duration) {
		of := int(s.Sequence / burstMessages)
		if of >= total {
			return // the verdict counts what was never sent
		}
		if of >= warmup {
			latencies[i].add(now - s.At)
		}
		if got[i][of]++; got[i][of] == burstMessages && missing[of].Add(-1) == 0 {
			arrived <- now - s.At
		}
	})
	if err != nil {
		return res, err
	}
	clock, err := host.NewAlarm()
	if err != nil {
		a.close()
		return res, err
	}
	defer clock.Close()

	m := newMessages(a.publishers[0], 0, fanAddress)
	whole := new(histogram) // of whole bursts
	var used meter
	first := time.Since(a.start) + burstEvery
	for i := 0; i < total && err == nil; i++ {
		if i == warmup {
			used = measure(server)
		}
		at := first + time.Duration(i)*burstEvery
		if err = clock.WaitUntil(a.start.Add(at)); err != nil {
			break
		}
		if behind := i - len(arrived); behind > burstsBehind {
			err = unable{fmt.Sprintf("does not keep up: %d bursts behind after %v", behind, (at - first).Round(burstEvery))}
			break
		}
		for range burstMessages {
			m.add(at)
		}
		err = m.flush()
	}
	// The rest of one that does not keep up is not waited for.
	for i := 0; i < total && err == nil; i++ {
		var took time.Duration
		if took, err = await(ctx, a, arrived); err == nil && i >= warmup {
			whole.add(took)
		}
	}
	if err == nil {
		used.stop().add(&res, r.at, uint64(total-warmup)*burstMessages*uint64(subscribers))
	}
	if slow := (unable{}); errors.As(err, &slow) {
		a.close()
		return res, slow
	}
	err = a.verdict(err, func(int) map[uint32]uint64 { return map[uint32]uint64{0: m.sent} })
	each := new(histogram)
	for i := range latencies {
		each.merge(&latencies[i])
	}
	for key, q := range map[string]time.Duration{"median": whole.quantile(0.5), "max": whole.quantile(1), "p50": each.quantile(0.5)} {
		res.set(key, float64(q)/float64(time.Millisecond))
	}
	res.keep("last delivery", whole)
	res.keep("all deliveries", each)
	return res, err
}
