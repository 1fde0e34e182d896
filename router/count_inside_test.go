package router

// The parts of counting that cannot be seen from outside: where buckets end, and what a look waits for.

import (
	"testing"
	"time"

	"github.com/clasp-studio/clasp/router/wire"
)

// Each number is in the first bucket whose bound it does not pass.
func TestBuckets(t *testing.T) {
	for n := range 40_000 {
		want := 0
		for want < sizeBuckets-1 && float64(n) > sizeBound(want) {
			want++
		}
		if got := int(sizeBucket(n)); got != want {
			t.Fatalf("%d is in bucket %d, want %d", n, got, want)
		}
	}
	for _, d := range []time.Duration{-1, 0, 1, 999, 1000, 1001, 3999, 4000, 4001, 16_000, 16_001, 64_000, 64_001, 1 << 20 * 1000, 1<<20*1000 + 1, time.Hour} {
		var h latency
		h.add(d)
		want := 0
		for want < handleBuckets-1 && d.Seconds() > handleBound(want) {
			want++
		}
		if h.n[want].Load() != 1 {
			t.Errorf("%d ns is not in bucket %d", d, want)
		}
		if got := h.sum.Load(); got != uint64(max(d, 0)) {
			t.Errorf("the sum of %d ns is %d", d, got)
		}
	}
}

// The sum of a histogram is exact, though that of the most frequent numbers is not kept.
func TestSizesSum(t *testing.T) {
	r := countRouter(t)
	want := 0
	for n := 1; n < 300; n++ {
		r.counts.shards[n%countShards].flushed.add(n)
		want += n
	}
	h := r.Counted().Flushed
	if h.Count != 299 || h.Sum != float64(want) || h.Buckets[2] != 2 || h.Buckets[256] != 256 {
		t.Errorf("%+v, want a sum of %d", h, want)
	}
}

func countRouter(t *testing.T) *Router {
	t.Helper()
	r, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close(t.Context()) })
	return r
}

// TestCountedWaitsForNothing: whoever looks gets his answer while every lock that messages need is held.
func TestCountedWaitsForNothing(t *testing.T) {
	r := countRouter(t)
	s, _ := r.Open(silent{}, Peer{Transport: "test"})
	defer s.Closed(ReasonLost)
	send := func(payload []byte) {
		frame, err := wire.AppendFrame(nil, wire.Fire, payload)
		if err != nil {
			t.Fatal(err)
		}
		s.Receive(frame)
	}
	send(wire.AppendHello(nil, wire.Hello{Version: wire.Version, Name: []byte("x")}))
	send(setOf("/a", 1, 0))
	s.Idle()
	p := r.params.Find([]byte("/a"))
	looked := make(chan Counted)
	func() {
		r.bundles.Lock()
		defer r.bundles.Unlock()
		p.Lock()
		defer p.Unlock()
		s.held.Lock()
		defer s.held.Unlock()
		s.out.Lock()
		defer s.out.Unlock()
		r.sessions.mu.Lock()
		defer r.sessions.mu.Unlock()
		r.routes.mu.Lock()
		defer r.routes.mu.Unlock()
		go func() { looked <- r.Counted() }()
		select {
		case c := <-looked:
			if c.Received["set"] != 1 {
				t.Errorf("%d SETs", c.Received["set"])
			}
		case <-time.After(10 * time.Second):
			t.Error("it waits")
			go func() { <-looked }()
		}
	}()
}

// Every way to end says whether a handshake has failed, and which: a reason made later is to be thought of.
func TestFailureOfReasons(t *testing.T) {
	want := map[Reason]Failure{
		ReasonNone: failedNone, ReasonShutdown: failedNone,
		ReasonClientClosed: FailedLost, ReasonLost: FailedLost, ReasonSlow: FailedLost,
		ReasonNoHello: FailedTimeout, ReasonIdle: FailedTimeout,
		ReasonBadHello: failedHello, ReasonNotGreeted: failedHello, ReasonTooBig: failedHello, ReasonBadFrame: failedHello,
		ReasonVersion: failedVersion, ReasonEvicted: FailedLimit, ReasonFull: FailedLimit,
	}
	for _, r := range []Reason{
		ReasonUnauthenticated, ReasonExpired, ReasonUnpaired, ReasonGrantEnded, ReasonPINInvalid, ReasonPINExpired, ReasonPairingClosed,
		ReasonPairingDenied, ReasonTransport, ReasonPairingTimeout, ReasonRevoked, ReasonPairingLocked, ReasonPairingBusy,
		ReasonRightsChanged, ReasonDisconnected, ReasonBanned,
	} {
		want[r] = failedAuth
	}
	if len(want) != len(reasons) {
		t.Errorf("%d reasons, %d are thought of", len(reasons), len(want))
	}
	for r, f := range want {
		if got := r.failure(); got != f {
			t.Errorf("%s counts as %q, want %q", r, failureLabels[got], failureLabels[f])
		}
		counted := countRouter(t)
		s, _ := counted.Open(silent{}, Peer{Transport: "test"})
		s.Closed(r)
		way := counted.Counted().Transports["test"]
		if n := way.Closed[r.String()]; way.Opened != 1 || r != ReasonNone && n != 1 {
			t.Errorf("%s: %d opened, %d ended for it", r, way.Opened, n)
		}
		if f != failedNone && way.Failed[failureLabels[f]] != 1 {
			t.Errorf("%s: %v", r, way.Failed)
		}
	}
}
