package quic_test

// What a link that loses packets does to latencies.

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/router/client"
)

// latencies are those of all events to all clients, by transport.
type latencies map[string][]time.Duration

// TestLossyLink: over a link that loses one packet in a hundred, with 20 ms each way, QUIC's slowest are faster than
// WebSocket's. A fader that is moved now and then sends single messages: none comes behind a lost one to show the loss,
// and QUIC asks again after less time than TCP. (In a dense stream both see the loss by what follows it, and QUIC's lead
// is a few percent only.) Both carry the same events at the same time, so that a busy machine delays both. How packets
// get lost is chance: every event comes and goes over the bad link, so one event in fifty meets a loss, twice as
// many as p99 looks at.
func TestLossyLink(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skipf("%s takes half a minute", t.Name())
	}
	g := start(t)
	f := startFar(t, g, 20*time.Millisecond, 0.01)
	p99 := make(map[string]time.Duration)
	for scheme, each := range race(t, f) {
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

// race has clients of both kinds, each of which loses packets of its own, send events to each other in pairs.
func race(t *testing.T, f *far) latencies {
	t.Helper()
	const events, every, pairs = 150, 100 * time.Millisecond, 12
	begin := time.Now()
	all := make(latencies)
	var mu sync.Mutex
	var arrived sync.WaitGroup
	for _, scheme := range []string{"quic", "ws"} {
		for i := range pairs {
			from, to := f.dial(t, scheme), f.dial(t, scheme)
			defer from.Close()
			defer to.Close()
			arrived.Add(events)
			address := fmt.Sprintf("/%s/%d", scheme, i)
			if _, err := to.Subscribe(t.Context(), address, client.SubscribeOptions{}, func(m *client.Message) {
				sent, _ := m.Value.Any().(int64)
				took := time.Since(begin) - time.Duration(sent)
				mu.Lock()
				all[scheme] = append(all[scheme], took)
				mu.Unlock()
				arrived.Done()
			}); err != nil {
				t.Fatal(err)
			}
			arrived.Go(func() {
				for range events {
					time.Sleep(every)
					if err := from.Emit(t.Context(), address, int64(time.Since(begin))); err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
	arrived.Wait()
	return all
}
