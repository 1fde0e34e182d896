package quic_test

// What a link that loses packets does to latencies.

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/router/client"
)

// latencies are those of all events to all clients, by transport.
type latencies map[string][]time.Duration

// TestLossyLink: over a link that loses one packet in a hundred, with 20 ms each way, QUIC's slowest are faster than
// WebSocket's. Both carry the same events at the same time, so that a busy machine delays both. How packets get lost is
// chance, so the samples of all rounds, each with connections of its own, are taken together and compared once.
func TestLossyLink(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skipf("%s takes 15 s and more", t.Name())
	}
	const rounds = 2
	g := start(t)
	f := startFar(t, g, 20*time.Millisecond, 0.01)
	publisher := g.dial(t)
	all := make(latencies)
	for range rounds {
		race(t, publisher, f, all)
	}
	p99 := make(map[string]time.Duration)
	for scheme, each := range all {
		slices.Sort(each)
		at := func(percent int) time.Duration { return each[(len(each)-1)*percent/100] }
		t.Logf("%s: p50 %v, p90 %v, p99 %v, max %v", scheme, at(50), at(90), at(99), at(100))
		p99[scheme] = at(99)
	}
	t.Logf("p99 over QUIC is %.2f of that over WebSocket", float64(p99["quic"])/float64(p99["ws"]))
	if p99["quic"] >= p99["ws"] {
		t.Error("p99 is not better over QUIC than over WebSocket")
	}
}

// race sends events to clients of both kinds, each of which loses packets of its own.
func race(t *testing.T, publisher *client.Client, f *far, all latencies) {
	t.Helper()
	const events, every, clients = 1000, 5 * time.Millisecond, 12
	begin := time.Now()
	var mu sync.Mutex
	var arrived sync.WaitGroup
	for _, scheme := range []string{"quic", "ws"} {
		for range clients {
			c := f.dial(t, scheme)
			defer c.Close()
			arrived.Add(events)
			if _, err := c.Subscribe(t.Context(), "/e", client.SubscribeOptions{}, func(m *client.Message) {
				sent, _ := m.Value.Any().(int64)
				took := time.Since(begin) - time.Duration(sent)
				mu.Lock()
				all[scheme] = append(all[scheme], took)
				mu.Unlock()
				arrived.Done()
			}); err != nil {
				t.Fatal(err)
			}
		}
	}
	ticks := time.NewTicker(every)
	defer ticks.Stop()
	for range events {
		<-ticks.C
		if err := publisher.Emit(t.Context(), "/e", int64(time.Since(begin))); err != nil {
			t.Fatal(err)
		}
	}
	arrived.Wait()
}
