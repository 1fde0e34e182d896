// Workload openloop: events at a steady rate, whatever becomes of them. Latency counts
// from the time an event was meant to go, so that a stall is seen by every event that
// it delays, those not yet sent included.

package main

import (
	"context"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"time"

	"github.com/clasp-studio/clasp/cmd/clasp-bench/internal/host"
	"github.com/clasp-studio/clasp/cmd/clasp-bench/internal/process"
)

// openLoopEvery is the time between two events.
const openLoopEvery = time.Millisecond

func runOpenLoop(ctx context.Context, r rig) (result, error) {
	p, err := r.start(ctx)
	if err != nil {
		return result{}, err
	}
	defer p.Stop()
	return openLoop(r, p)
}

// openLoop measures p50, p99, p99.9 and the maximum, in ms.
func openLoop(r rig, p *process.Process) (result, error) {
	// The load's own collector is not to be seen in what it measures.
	defer debug.SetGCPercent(debug.SetGCPercent(1000))
	warmup := uint64(r.scale.duration / 5 / openLoopEvery)
	total := warmup + uint64(r.scale.duration/openLoopEvery)
	start := time.Now()
	latencies := make([][]time.Duration, r.scale.subscribers)
	for i := range latencies {
		latencies[i] = make([]time.Duration, 0, total-warmup)
	}
	var missing atomic.Int32 // subscribers that have not got everything
	missing.Store(int32(r.scale.subscribers))
	complete := make(chan struct{})
	a, err := gather(r, p, r.scale.subscribers, func(subscriber int, number uint64, at time.Duration) {
		if number >= warmup {
			latencies[subscriber] = append(latencies[subscriber], time.Since(start)-at)
		}
		if number == total-1 && missing.Add(-1) == 0 {
			close(complete)
		}
	})
	if err != nil {
		return result{}, p.Explain(err)
	}
	defer a.close()
	a.expire(time.Duration(total)*openLoopEvery + patience)

	clock, err := host.NewAlarm()
	if err != nil {
		return result{}, err
	}
	defer clock.Close()
	message := eventMessage(a.publisher)
	first := time.Since(start) + openLoopEvery
	var m meter
	for number := range total {
		if number == warmup {
			m = measure(p)
		}
		at := first + time.Duration(number)*openLoopEvery
		if err := clock.WaitUntil(start.Add(at)); err != nil {
			return result{}, err
		}
		stamp(message, number, at)
		if _, err := a.publisher.Write(message); err != nil {
			return result{}, p.Explain(err)
		}
	}
	select {
	case <-complete:
	case err := <-a.failed:
		return result{}, p.Explain(err)
	}
	u := m.stop(int(total-warmup) * r.scale.subscribers)
	all := slices.Concat(latencies...)
	slices.Sort(all)
	ms := func(share float64) float64 {
		return float64(all[int(share*float64(len(all)-1))]) / float64(time.Millisecond)
	}
	return result{[]float64{ms(0.5), ms(0.99), ms(0.999), ms(1)}, u}, nil
}
