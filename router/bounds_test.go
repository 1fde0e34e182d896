package router_test

import (
	"bytes"
	"fmt"
	"math"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/router"
	"github.com/clasp-studio/clasp/router/wire"
)

// recorder is a transport that keeps what the client gets.
type recorder struct {
	sink
	mu  sync.Mutex
	got []byte
}

func (c *recorder) Write(b []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.got = append(c.got, b...)
	return nil
}

// guest is a session whose answers can be read.
type guest struct {
	*router.Session
	conn *recorder
}

func openWith(t *testing.T, l router.Limits, rules ...router.ConflictRule) *router.Router {
	t.Helper()
	r, err := router.New(router.Options{Name: "test", Settings: router.Settings{Limits: l, Conflicts: rules}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close(t.Context()) })
	return r
}

func visit(t *testing.T, r *router.Router) guest {
	t.Helper()
	conn := &recorder{}
	s, ok := r.Open(conn, router.Peer{Transport: "test", Remote: "test"})
	if !ok {
		t.Fatal("the router is closing")
	}
	t.Cleanup(func() { s.Closed(router.ReasonClientClosed) })
	g := guest{s, conn}
	g.ask(t, wire.Fire, wire.AppendHello(nil, wire.Hello{Version: wire.Version, Name: []byte("test")}))
	return g
}

// ask sends a message and returns what has come when the PONG that follows it does.
func (g guest) ask(t *testing.T, q wire.QoS, payload []byte) (answers []string) {
	t.Helper()
	g.Receive(frameOf(t, q, payload))
	g.Receive(frameOf(t, wire.Fire, wire.AppendPing(nil)))
	g.Idle()
	deadline := time.Now().Add(10 * time.Second)
	for {
		g.conn.mu.Lock()
		rest := bytes.Clone(g.conn.got)
		g.conn.mu.Unlock()
		answers = answers[:0]
		for len(rest) > 0 {
			f, after, err := wire.ReadFrame(rest)
			if err != nil {
				break // not all of it is there
			}
			switch rest = after; wire.Type(f.Payload[0]) {
			case wire.TypePong:
				g.conn.mu.Lock()
				g.conn.got = nil
				g.conn.mu.Unlock()
				return answers
			case wire.TypeError:
				m, err := wire.DecodeError(f.Payload)
				if err != nil {
					t.Fatal(err)
				}
				answers = append(answers, fmt.Sprintf("ERROR %d", m.Code))
			default:
				answers = append(answers, wire.Type(f.Payload[0]).String())
			}
		}
		if time.Now().After(deadline) {
			t.Fatal("no PONG")
		}
		runtime.Gosched()
	}
}

func expectAnswers(t *testing.T, got []string, want ...string) {
	t.Helper()
	if strings.Join(got, ", ") != strings.Join(want, ", ") {
		t.Errorf("answered %q, want %q", got, want)
	}
}

func setPayload(address string, value any) []byte {
	v, err := wire.AppendAny(nil, value)
	if err != nil {
		panic(err) // of this file's own making
	}
	return wire.AppendSet(nil, wire.Set{Address: []byte(address), Value: wire.Value{Code: v[0], Data: v[1:]}})
}

func bundlePayload(t testing.TB, messages ...[]byte) []byte {
	t.Helper()
	p := wire.BeginBundle(nil, false, 0)
	for _, m := range messages {
		var err error
		if p, err = wire.AppendBundleMessage(p, m); err != nil {
			t.Fatal(err)
		}
	}
	wire.SetBundleCount(p, len(messages))
	return p
}

// TestFullRouter fills the params and then lowers the limit: what makes no new param
// goes on working, an empty bundle included.
func TestFullRouter(t *testing.T) {
	r := openWith(t, router.Limits{MaxParams: 2})
	g := visit(t, r)
	expectAnswers(t, g.ask(t, wire.Confirm, setPayload("/a", 1)), "ACK")
	expectAnswers(t, g.ask(t, wire.Confirm, setPayload("/b", 1)), "ACK")
	expectAnswers(t, g.ask(t, wire.Confirm, setPayload("/c", 1)), "ERROR 503")
	if err := r.Reload(router.Settings{Limits: router.Limits{MaxParams: 1}}); err != nil {
		t.Fatal(err)
	}
	expectAnswers(t, g.ask(t, wire.Confirm, bundlePayload(t)), "ACK")
	expectAnswers(t, g.ask(t, wire.Confirm, bundlePayload(t, setPayload("/a", 2), setPayload("/b", 2))), "ACK")
	expectAnswers(t, g.ask(t, wire.Confirm, bundlePayload(t, setPayload("/a", 3), setPayload("/c", 3))), "ERROR 503")
	if n := r.Stats().Params; n != 2 {
		t.Errorf("%d params, want 2", n)
	}
}

// TestPatternsThatCost refuses patterns that are made to be slow.
func TestPatternsThatCost(t *testing.T) {
	r := openWith(t, router.Limits{})
	g := visit(t, r)
	pattern := []byte("/**" + strings.Repeat("/*", 250) + "/x")
	expectAnswers(t, g.ask(t, wire.Fire, wire.AppendQuery(nil, wire.Query{Pattern: pattern})), "ERROR 429")
	expectAnswers(t, g.ask(t, wire.Fire, wire.AppendSubscribe(nil, wire.Subscribe{ID: 1, Pattern: pattern})), "ERROR 429")
	for id := range 1000 { // all that may be, and no more
		deep := fmt.Appendf(nil, "/**/a/b/c/d%d", id)
		expectAnswers(t, g.ask(t, wire.Fire, wire.AppendSubscribe(nil, wire.Subscribe{ID: uint32(id), Pattern: deep})))
	}
	expectAnswers(t, g.ask(t, wire.Fire, wire.AppendSubscribe(nil, wire.Subscribe{ID: 9999, Pattern: []byte("/**/x")})), "ERROR 429")
	// The same again is no more than it was.
	expectAnswers(t, g.ask(t, wire.Fire, wire.AppendSubscribe(nil, wire.Subscribe{ID: 0, Pattern: []byte("/**/a/b/c/d0")})))
}

// TestAnnouncedBytes bounds the text that one session can leave here.
func TestAnnouncedBytes(t *testing.T) {
	r := openWith(t, router.Limits{})
	g := visit(t, r)
	announce := func(address string) []string {
		p := wire.BeginAnnounce(nil, []byte("/n"))
		p = wire.AppendAnnounceSignal(p, wire.SignalInfo{
			Address: []byte(address), HasDatatype: true, Datatype: bytes.Repeat([]byte("x"), 60_000),
		})
		wire.SetAnnounceCount(p, 1)
		return g.ask(t, wire.Confirm, p)
	}
	for i := range 69 {
		expectAnswers(t, announce(fmt.Sprintf("/n/%d", i)), "ACK")
	}
	expectAnswers(t, announce("/n/69"), "ERROR 429")
	expectAnswers(t, announce("/n/68"), "ACK") // in the place of the one that is there
}

// TestBundleMemory holds what a bundle makes the router allocate against its size.
func TestBundleMemory(t *testing.T) {
	r := openWith(t, router.Limits{})
	s := join(t, r)
	var messages [][]byte
	for i := range 6000 {
		messages = append(messages, setPayload(fmt.Sprintf("/%d", i%10), nil))
	}
	frame := frameOf(t, wire.Fire, bundlePayload(t, messages...))
	s.Receive(frame) // the params are there from now on
	result := testing.Benchmark(func(b *testing.B) {
		for b.Loop() {
			s.Receive(frame)
		}
	})
	if got := int(result.AllocedBytesPerOp()); got > 10*len(frame) {
		t.Errorf("a bundle of %d bytes allocates %d", len(frame), got)
	}
}

// TestStrategiesCompareNumbers: integers to the last digit, and a NaN gives way.
func TestStrategiesCompareNumbers(t *testing.T) {
	r := openWith(t, router.Limits{}, router.ConflictRule{Pattern: "/max/**", Strategy: "max"}, router.ConflictRule{Pattern: "/min/**", Strategy: "min"})
	g := visit(t, r)
	tests := []struct {
		address string
		value   any
		want    string
	}{
		{"/max/i", int64(1) << 53, "ACK"},
		{"/max/i", int64(1)<<53 + 1, "ACK"},
		{"/max/i", int64(1)<<53 + 1, "ERROR 400"},
		{"/max/nan", math.NaN(), "ACK"},
		{"/max/nan", 1.0, "ACK"},
		{"/max/nan", math.NaN(), "ERROR 400"},
		{"/max/nan", 0.5, "ERROR 400"},
		{"/max/nan", "text", "ACK"},
		{"/max/nan", 0.5, "ACK"},
		{"/min/f", 1.5, "ACK"},
		{"/min/f", int64(1), "ACK"},
		{"/min/f", int64(2), "ERROR 400"},
	}
	for _, test := range tests {
		expectAnswers(t, g.ask(t, wire.Confirm, setPayload(test.address, test.value)), test.want)
	}
}

// TestSignallingIsForOne: whatever the type, nothing sent to one session is stored or
// seen by another (protocol section 6).
func TestSignallingIsForOne(t *testing.T) {
	r := openWith(t, router.Limits{})
	g, spy := visit(t, r), visit(t, r)
	spy.ask(t, wire.Fire, wire.AppendSubscribe(nil, wire.Subscribe{ID: 1, Pattern: []byte("/**")}))
	for _, signal := range []wire.Signal{wire.Param, wire.Event, wire.Stream, wire.Timeline} {
		publish := wire.AppendPublish(nil, wire.Publish{
			Signal: signal, Address: []byte("/clasp/p2p/signal/nobody"), HasValue: true, Value: wire.Value{Code: wire.NullCode},
		})
		expectAnswers(t, g.ask(t, wire.Confirm, publish), "ERROR 404")
		expectAnswers(t, g.ask(t, wire.Confirm, bundlePayload(t, publish)), "ERROR 404")
	}
	expectAnswers(t, spy.ask(t, wire.Fire, wire.AppendPing(nil)))
	if n := r.Stats().Params; n != 0 {
		t.Errorf("%d params were made", n)
	}
}

// On one processor, who sends without a pause is answered meanwhile, whether all of it comes in one
// read or in many. So few messages that Go's scheduler does not step in by itself.
func TestAnsweredMeanwhile(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // before the router, which asks
	for _, reads := range []int{1, 32} {
		g := visit(t, openWith(t, router.Limits{}))
		read := bytes.Repeat(frameOf(t, wire.Confirm, setPayload("/turn", 1)), 512/reads)
		for range reads {
			g.Idle()
			g.Receive(read)
		}
		g.conn.mu.Lock()
		acks := bytes.Count(g.conn.got, []byte("/turn"))
		g.conn.mu.Unlock()
		if acks < 256 {
			t.Errorf("512 SETs in %d reads: %d had their ACK when the last was read", reads, acks)
		}
		g.Idle()
	}
}
