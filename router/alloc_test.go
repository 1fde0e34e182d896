package router_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/router"
	"github.com/clasp-studio/clasp/router/wire"
)

// sink is a transport whose client takes everything at once: what is measured with
// it is the engine alone.
type sink struct{}

func (sink) Write([]byte) error   { return nil }
func (sink) Limit(time.Duration)  {}
func (sink) Finish(router.Reason) {}
func (sink) Abort()               {}

func openRouter(t testing.TB) *router.Router {
	t.Helper()
	r, err := router.New(router.Options{Name: "test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close(t.Context()) })
	return r
}

func join(t testing.TB, r *router.Router) *router.Session {
	t.Helper()
	s, ok := r.Open(sink{}, router.Peer{Transport: "test", Remote: "test", Framing: router.WebSocket})
	if !ok {
		t.Fatal("the router is closing")
	}
	t.Cleanup(func() { s.Closed(router.ReasonClientClosed) })
	s.Receive(frameOf(t, wire.Fire, wire.AppendHello(nil, wire.Hello{Version: wire.Version, Name: []byte("test")})))
	return s
}

func frameOf(t testing.TB, q wire.QoS, payload []byte) []byte {
	t.Helper()
	f, err := wire.AppendFrame(nil, q, payload)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func setFrame(t testing.TB, q wire.QoS, address string) []byte {
	t.Helper()
	return frameOf(t, q, wire.AppendSet(nil, wire.Set{
		Address: []byte(address), Value: wire.Value{Code: wire.F64Code, Data: make([]byte, 8)},
	}))
}

func publishFrame(t testing.TB, signal wire.Signal, address string) []byte {
	t.Helper()
	return frameOf(t, wire.Fire, wire.AppendPublish(nil, wire.Publish{
		Signal: signal, Address: []byte(address),
		HasValue: true, Value: wire.Value{Code: wire.BytesCode, Data: append([]byte{0, 30}, make([]byte, 30)...)},
	}))
}

// addSubscribers joins n sessions that subscribe to everything.
func addSubscribers(t testing.TB, r *router.Router, n int) {
	t.Helper()
	sub := frameOf(t, wire.Fire, wire.AppendSubscribe(nil, wire.Subscribe{ID: 1, Pattern: []byte("/**"), Types: 0xff}))
	for range n {
		s := join(t, r)
		s.Receive(sub)
		s.Idle()
	}
}

// TestAllocationCeilings holds what one message may allocate, its deliveries
// included, against the number of subscribers: a second subscriber costs nothing.
func TestAllocationCeilings(t *testing.T) {
	tests := []struct {
		name    string
		frame   []byte
		ceiling float64
	}{
		{"SET at fire", setFrame(t, wire.Fire, "/light/1/dimmer"), 2},
		{"SET at confirm", setFrame(t, wire.Confirm, "/light/1/dimmer"), 2},
		{"PUBLISH event", publishFrame(t, wire.Event, "/cue/go"), 1},
		{"PUBLISH stream", publishFrame(t, wire.Stream, "/sensor/1"), 1},
		{"GET", frameOf(t, wire.Fire, wire.AppendGet(nil, wire.Get{Address: []byte("/light/1/dimmer")})), 0},
	}
	for _, test := range tests {
		for _, subscribers := range []int{0, 1, 10, 100} {
			t.Run(fmt.Sprintf("%s to %d", test.name, subscribers), func(t *testing.T) {
				r := openRouter(t)
				addSubscribers(t, r, subscribers)
				s := join(t, r)
				s.Receive(setFrame(t, wire.Fire, "/light/1/dimmer"))
				const warm = 2000
				for range warm {
					s.Receive(test.frame)
				}
				// The starts of flushers are part of a batch, not of a message: a batch
				// of 64 messages starts each once.
				ceiling := test.ceiling + float64(subscribers+1)*2/64
				if got := testing.AllocsPerRun(5000, func() { s.Receive(test.frame) }); got > ceiling {
					t.Errorf("%.2f allocations a message, ceiling %.2f", got, ceiling)
				}
			})
		}
	}
}

func BenchmarkFanout(b *testing.B) {
	for _, subscribers := range []int{1, 10, 100, 1000} {
		for name, frame := range map[string][]byte{
			"set":   setFrame(b, wire.Fire, "/light/1/dimmer"),
			"event": publishFrame(b, wire.Event, "/cue/go"),
		} {
			b.Run(fmt.Sprintf("%s/%d", name, subscribers), func(b *testing.B) {
				r := openRouter(b)
				addSubscribers(b, r, subscribers)
				s := join(b, r)
				b.ReportAllocs()
				for b.Loop() {
					s.Receive(frame)
				}
				s.Idle()
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(subscribers), "ns/delivery")
			})
		}
	}
}
