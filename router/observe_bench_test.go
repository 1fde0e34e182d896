// What looking on costs: those who look, and those who are looked at.

package router_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/router"
	"github.com/clasp-studio/clasp/router/monitor"
	"github.com/clasp-studio/clasp/router/wire"
)

// TestObserveAllocations holds what looking may allocate: the window that is on the screen counts, not what is there. And
// what is counted for it costs a message nothing, not even one that comes alone.
func TestObserveAllocations(t *testing.T) {
	r := openRouter(t)
	fill(t, r, 20_000)
	addSubscribers(t, r, 50)
	names := r.Addresses(nil, 0, nil)[:100]
	s := join(t, r)
	frame := setFrame(t, wire.Fire, "/stage/0/0/level")
	tests := []struct {
		name    string
		ceiling float64
		f       func()
	}{
		{"Seq", 0, func() { r.Seq() }},
		{"Totals", 0, func() { r.Totals() }},
		{"StructRev", 0, func() { r.StructRev() }},
		{"Census", 5, func() { r.Census() }},
		{"Values of 100", 2*100 + 20, func() { r.Values(names) }}, // a text each, and some room
		{"Clients", 5, func() { r.Clients() }},
		// A few a piece, and a piece is at least 32 addresses on the slowest machine.
		{"Branches over 20,000", 20_000 / 10, func() { r.Branches([]string{"/stage", "/stage/1", "/sound"}) }},
		{"one message a batch", 55 * 2, func() { s.Receive(frame); s.Idle() }}, // each of 50 subscribers gets a flusher
	}
	for _, test := range tests {
		test.f()
		// Flushers that are late are counted too: the fewest of a few is what it takes itself.
		got := testing.AllocsPerRun(100, test.f)
		for range 4 {
			got = min(got, testing.AllocsPerRun(100, test.f))
		}
		if got > test.ceiling {
			t.Errorf("%s: %.2f allocations, ceiling %.0f", test.name, got, test.ceiling)
		}
	}
}

// TestCountingAllocatesNothing holds the counting path alone: a message that nobody subscribes to, in a batch of its own.
func TestCountingAllocatesNothing(t *testing.T) {
	r := openRouter(t)
	s := join(t, r)
	for name, frame := range map[string][]byte{"SET": setFrame(t, wire.Fire, "/a"), "PUBLISH": publishFrame(t, wire.Stream, "/b")} {
		turn := func() { s.Receive(frame); s.Idle() }
		for range 100 {
			turn()
		}
		before := r.Totals().MessagesIn
		if got := testing.AllocsPerRun(1000, turn); got > 0.1 { // a collection empties the pool of batches
			t.Errorf("%s: %.2f allocations", name, got)
		}
		if got := r.Totals().MessagesIn - before; got != 1001 {
			t.Errorf("%s: %d messages counted of 1001", name, got)
		}
	}
}

// fill makes n params, a hundred below each of many branches.
func fill(tb testing.TB, r *router.Router, n int) {
	tb.Helper()
	s := join(tb, r)
	for i := range n {
		s.Receive(setFrame(tb, wire.Fire, fmt.Sprintf("/stage/%d/%d/level", i/100, i%100)))
	}
	s.Idle()
}

// BenchmarkFrame is what one frame of a dashboard asks, of a router with 100,000 addresses and 1,000 clients, and each
// part of it. "frame" goes through all clients every fifth time, as a table that is looked at 20 times a second does.
func BenchmarkFrame(b *testing.B) {
	r := openRouter(b)
	fill(b, r, 100_000)
	for i := range 1000 {
		s := join(b, r)
		s.Receive(frameOf(b, wire.Fire, subscribePayload(fmt.Sprintf("/stage/%d/**", i))))
		s.Idle()
	}
	all := r.Addresses(nil, 0, nil)
	window := all[50_000:50_100]
	turn := 0
	for _, part := range []struct {
		name string
		f    func()
	}{
		{"frame", func() {
			r.Census()
			r.Values(window)
			if turn++; turn%5 == 0 {
				r.Clients()
			}
		}},
		{"seq", func() { r.Seq() }},
		{"census", func() { r.Census() }},
		{"values", func() { r.Values(window) }},
		{"clients", func() { r.Clients() }},
		{"addresses", func() { r.Addresses(nil, 0, nil) }},
		{"addresses-by-value", func() { r.Addresses(func(v *monitor.Value) bool { return v.Number == 1 }, monitor.NeedValue, nil) }},
		{"branches", func() { r.Branches([]string{"/"}) }},
	} {
		b.Run(part.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				part.f()
			}
		})
	}
}

// BenchmarkLookedAt has 1,000 sessions, of which each message reaches ten, and measures in turns what is routed with and
// without somebody who looks 20 times a second. The ratio is what is left of the speed, the median of those of each two
// turns that follow each other: what else the machine does is much the same to both.
func BenchmarkLookedAt(b *testing.B) {
	r := openRouter(b)
	fill(b, r, 100_000)
	for i := range 1000 {
		s := join(b, r)
		s.Receive(frameOf(b, wire.Fire, subscribePayload(fmt.Sprintf("/stage/%d/**", i%100))))
		s.Idle()
	}
	sender := join(b, r)
	frames := make([][]byte, 10_000)
	for i := range frames {
		frames[i] = setFrame(b, wire.Fire, fmt.Sprintf("/stage/%d/%d/level", i%100, i/100))
	}
	window := r.Addresses(nil, 0, nil)[:100]
	look := func(stop <-chan struct{}) {
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			case <-tick.C:
			}
			r.Seq()
			r.Census()
			r.Values(window)
			if n%5 == 0 {
				r.Clients()
			}
			if n%20 == 0 {
				r.Branches([]string{"/stage", "/stage/1"})
			}
		}
	}
	const turnTime = 200 * time.Millisecond // four looks
	var speeds [2][]float64
	var ratios []float64
	for turn := 0; b.Loop(); turn++ {
		for i := range 2 {
			looked := (turn+i)%2 == 1
			stop := make(chan struct{})
			var looking sync.WaitGroup
			if looked {
				looking.Go(func() { look(stop) })
			}
			sent, began := 0, time.Now()
			for ; time.Since(began) < turnTime; sent += 100 {
				for j := range 100 {
					sender.Receive(frames[(sent+j)%len(frames)])
				}
			}
			which := 0
			if looked {
				which = 1
			}
			speeds[which] = append(speeds[which], float64(sent)/time.Since(began).Seconds())
			close(stop)
			looking.Wait()
		}
		ratios = append(ratios, speeds[1][turn]/speeds[0][turn])
	}
	sender.Idle()
	median := func(of []float64) float64 {
		slices.Sort(of)
		return of[len(of)/2]
	}
	b.ReportMetric(median(ratios), "ratio")
	b.ReportMetric(median(speeds[0]), "msg/s-alone")
	b.ReportMetric(median(speeds[1]), "msg/s-looked-at")
}
