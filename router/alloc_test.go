package router_test

import (
	"fmt"
	"slices"
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
	return joinWith(t, r, "")
}

func joinWith(t testing.TB, r *router.Router, token string) *router.Session {
	t.Helper()
	s, ok := r.Open(sink{}, router.Peer{Transport: "test", Remote: "test", Framing: router.WebSocket})
	if !ok {
		t.Fatal("the router is closing")
	}
	t.Cleanup(func() { s.Closed(router.ReasonClientClosed) })
	s.Receive(frameOf(t, wire.Fire, wire.AppendHello(nil, wire.Hello{Version: wire.Version, Name: []byte("test"), Token: []byte(token)})))
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

// tenPatterns is a token with many lists to go through: what is asked for stands last.
func tenPatterns(t testing.TB) string {
	t.Helper()
	const others = "/a/** /b/*/c /stage/left/** /stage/right/** /zone*/level /sound/** /video/*/fader /x/**/y /cue/"
	return sign(t, secret, rights("/light/**", others+"* /light/**", "/sensor/*", ""))
}

// TestAllocationCeilings holds what one message may allocate, its deliveries
// included, against the number of subscribers: a second subscriber costs nothing, and
// neither do rights, nor that a session is a device's.
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
				pairs := openPairs(t, pairingOn)
				r := openGuarded(t, router.Options{Settings: guarded(t, false), Pairing: pairs})
				addSubscribers(t, r, subscribers)
				token := ""
				switch subscribers {
				case 1:
					token = makeDevice(t, pairs, "device", "default")
				case 10:
					token = tenPatterns(t)
				}
				s := joinWith(t, r, token)
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

// BenchmarkRights compares a session that has every right with one that has ten patterns,
// turn by turn, so that what else the machine does is the same to both. The ratio of the
// medians is what rights cost a SET.
func BenchmarkRights(b *testing.B) {
	b.Run("100 params", func(b *testing.B) { benchmarkRights(b, 100, tenPatterns(b)) })
	b.Run("4 universes", func(b *testing.B) { benchmarkRights(b, 2048, tenPatterns(b)) })
	b.Run("a range", func(b *testing.B) {
		c := rights("/**", "/**", "", "")
		c["clasp"].(claims)["constraints"] = claims{"/light/**": claims{"range": []float64{0, 1e9}}}
		benchmarkRights(b, 100, sign(b, secret, c))
	})
}

func benchmarkRights(b *testing.B, params int, token string) {
	r := openGuarded(b, router.Options{Settings: guarded(b, false)})
	addSubscribers(b, r, 1)
	sessions := []*router.Session{join(b, r), joinWith(b, r, token)}
	frames := make([][]byte, params)
	for i := range frames {
		frames[i] = setFrame(b, wire.Fire, fmt.Sprintf("/light/%d/dimmer", i))
	}
	var turns [2][]time.Duration
	for turn := 0; b.Loop(); turn++ {
		for i := range sessions {
			who := (turn + i) % 2
			began := time.Now()
			for _, frame := range frames {
				sessions[who].Receive(frame)
			}
			turns[who] = append(turns[who], time.Since(began))
		}
	}
	median := func(turns []time.Duration) float64 {
		slices.Sort(turns)
		return float64(turns[len(turns)/2].Nanoseconds()) / float64(len(frames))
	}
	everything, ten := median(turns[0]), median(turns[1])
	b.ReportMetric(everything, "ns/set-everything")
	b.ReportMetric(ten, "ns/set-rights")
	b.ReportMetric(ten/everything, "ratio")
	for _, s := range sessions {
		s.Idle()
	}
}
