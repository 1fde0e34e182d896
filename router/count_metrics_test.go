// What the metrics are told of messages, sessions and state, by a real router and what it is sent.

package router_test

import (
	"maps"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/clasp-studio/clasp/router"
	"github.com/clasp-studio/clasp/router/internal/kit"
	"github.com/clasp-studio/clasp/router/outbox"
	"github.com/clasp-studio/clasp/router/store"
	"github.com/clasp-studio/clasp/router/wire"
)

// expectCounts compares counters with those that are wanted; all others have to be 0.
func expectCounts(t *testing.T, what string, got, want map[string]uint64) {
	t.Helper()
	for label, n := range got {
		if n != want[label] {
			t.Errorf("%s %q: %d, want %d", what, label, n, want[label])
		}
	}
	for label := range want {
		if _, there := got[label]; !there {
			t.Errorf("no %s %q", what, label)
		}
	}
}

func sum(counts map[string]uint64) (all uint64) {
	for n := range maps.Values(counts) {
		all += n
	}
	return all
}

// TestCountedMessages: what comes in and goes out is counted by its type, binary or MessagePack, and so are ERRORs.
func TestCountedMessages(t *testing.T) {
	r := openRouter(t)
	addSubscribers(t, r, 3)
	s := join(t, r)
	for _, frame := range [][]byte{
		setFrame(t, wire.Confirm, "/a"), setFrame(t, wire.Fire, "/a"), publishFrame(t, wire.Event, "/b"),
		frameOf(t, wire.Fire, wire.AppendGet(nil, wire.Get{Address: []byte("/a")})),
		frameOf(t, wire.Fire, wire.AppendGet(nil, wire.Get{Address: []byte("/nothing")})), // ERROR 201
		frameOf(t, wire.Fire, []byte("\x81\xa4type\xa4PING")),                             // MessagePack
		frameOf(t, wire.Fire, []byte("\x81\xa4type\xa4NONE")),                             // no such type: ERROR 101
		frameOf(t, wire.Fire, []byte{0x0f}),                                               // ERROR 101
		frameOf(t, wire.Fire, nil),                                                        // ERROR 101
		frameOf(t, wire.Fire, wire.AppendPing(nil)),
		frameOf(t, wire.Fire, queryPayload("/**")),
	} {
		s.Receive(frame)
	}
	s.Idle()
	c := r.Counted()
	expectCounts(t, "received", c.Received, map[string]uint64{
		"hello": 4, "subscribe": 3, "set": 2, "publish": 1, "get": 2, "ping": 2, "query": 1, "unknown": 3,
	})
	expectCounts(t, "sent", c.Sent, map[string]uint64{
		"welcome": 4, "snapshot": 4 + 1, "set": 6, "publish": 3, "ack": 1, "error": 4, "pong": 2, "result": 1,
	})
	expectCounts(t, "error", c.Errors, map[string]uint64{"101": 3, "201": 1})
	expectCounts(t, "dropped", c.Dropped, nil)
	total := r.Totals()
	if total.MessagesIn != sum(c.Received) || total.MessagesOut != sum(c.Sent) || total.Errors != sum(c.Errors) {
		t.Errorf("%+v, but %d in, %d out, %d ERRORs", total, sum(c.Received), sum(c.Sent), sum(c.Errors))
	}
	if f := c.Fanout; f.Count != 3 || f.Sum != 9 || f.Buckets[2] != 0 || f.Buckets[4] != 3 {
		t.Errorf("fan-out %+v, want 3 messages to 3 each", f)
	}
	kit.Eventually(t, "all to be written", func() bool { return r.Counted().Flushed.Sum == float64(sum(c.Sent)) })
	if f := r.Counted().Flushed; f.Count < 4 || f.Count > sum(c.Sent) {
		t.Errorf("%d writes of %d messages to 4 clients", f.Count, sum(c.Sent))
	}
}

// TestFanoutToNobody: a message that nobody wants is one, too, whatever it is.
func TestFanoutToNobody(t *testing.T) {
	r := openRouter(t)
	s := join(t, r)
	s.Receive(setFrame(t, wire.Fire, "/a"))
	s.Receive(publishFrame(t, wire.Stream, "/b"))
	s.Idle()
	if f := r.Counted().Fanout; f.Count != 2 || f.Sum != 0 || f.Buckets[0] != 2 {
		t.Errorf("fan-out %+v, want 2 messages to nobody", f)
	}
}

// TestCountedLatency: rare messages are all timed, of the others one in 61 and the first.
func TestCountedLatency(t *testing.T) {
	r := openRouter(t)
	s := join(t, r)
	const sets = 6100
	frame := setFrame(t, wire.Fire, "/a")
	for range sets {
		s.Receive(frame)
	}
	s.Receive(frameOf(t, wire.Fire, queryPayload("/**")))
	s.Receive(frameOf(t, wire.Fire, queryPayload("/**")))
	s.Idle()
	h := r.Counted().Handled
	// All of it is one batch, and a batch that is another's meanwhile begins anew.
	if n := h["set"].Count; n < sets/61-1 || n > sets/61+2 {
		t.Errorf("%d of %d SETs are timed", n, sets)
	}
	for kind, want := range map[string]uint64{"hello": 1, "query": 2, "bundle": 0} {
		if n := h[kind].Count; n != want {
			t.Errorf("%d of %s are timed, want %d", n, kind, want)
		}
	}
	for kind, one := range h {
		if (one.Count > 0) != (one.Sum > 0) || len(one.Buckets) != 11 {
			t.Errorf("%s: %+v", kind, one)
		}
	}
	if _, there := h["welcome"]; there {
		t.Error("what no client sends is timed")
	}
}

// blocked is a client that reads nothing until it is told to.
func blocked(t *testing.T, r *router.Router) (s *router.Session, read func()) {
	t.Helper()
	begun, over := make(chan struct{}, 1000), make(chan struct{})
	s, _ = r.Open(stuck{begun: begun, over: over}, router.Peer{Transport: "stuck", Framing: router.WebSocket})
	read = sync.OnceFunc(func() { close(over) })
	t.Cleanup(read)
	s.Receive(frameOf(t, wire.Fire, wire.AppendHello(nil, wire.Hello{Version: wire.Version, Name: []byte("stuck")})))
	s.Receive(frameOf(t, wire.Fire, subscribePayload("/**")))
	s.Idle()
	<-begun
	return s, read
}

// TestCountedSlow: a client is slow from when much waits for it to when it has all of it, or has gone.
func TestCountedSlow(t *testing.T) {
	for name, frame := range map[string]func(i int) []byte{
		"events":  func(int) []byte { return publishFrame(t, wire.Event, "/e") },
		"streams": func(int) []byte { return publishFrame(t, wire.Stream, "/s") },
		"params":  func(i int) []byte { return setFrame(t, wire.Fire, "/p/"+string(rune('a'+i%20))) },
	} {
		for _, end := range []string{"reads", "goes"} {
			t.Run(name+" "+end, func(t *testing.T) {
				r := openRouter(t)
				s, read := blocked(t, r)
				publisher := join(t, r)
				if n := r.Counted().Slow; n != 0 {
					t.Errorf("%d are slow from the start", n)
				}
				for i := range 2500 { // 64 KiB and more
					publisher.Receive(frame(i))
				}
				publisher.Idle()
				if n := r.Counted().Slow; n != 1 || r.Census().Slow != 1 {
					t.Errorf("%d are slow, want 1", n)
				}
				if end == "reads" {
					read()
					kit.Eventually(t, "it to catch up", func() bool { return r.Counted().Slow == 0 })
					s.Closed(router.ReasonLost)
				} else {
					s.Closed(router.ReasonLost)
				}
				if n := r.Counted().Slow; n != 0 {
					t.Errorf("%d are slow when it has gone", n)
				}
			})
		}
	}
}

// TestCountedTaken: that the flusher has taken all that waited makes nobody keep up, and what is given up is no write.
func TestCountedTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := openRouter(t)
		slow := enterAs(t, r, router.Peer{Transport: "slow"})
		slow.say(t, wire.Fire, subscribePayload("/**"))
		slow.read(t)
		publisher := join(t, r)
		send := func(n int) {
			for range n {
				publisher.Receive(frameOf(t, wire.Fire, signalPayload(wire.Event, "/e", strings.Repeat("x", 1000))))
			}
			publisher.Idle()
			synctest.Wait()
		}
		expect := func(when string, want int) {
			t.Helper()
			if n := r.Counted().Slow; n != want {
				t.Errorf("%d are slow %s, want %d", n, when, want)
			}
		}
		slow.close()
		send(1)
		expect("with one write under way", 0)
		send(2 * outbox.Soft / 1000)
		expect("with a queue", 1)
		slow.close()()
		synctest.Wait()
		expect("with that queue as the write under way", 1)
		before := r.Counted().Flushed.Count
		send(1)
		slow.session.Closed(router.ReasonLost)
		close(slow.shut)
		synctest.Wait()
		expect("when it has gone", 0)
		if n := r.Counted().Flushed.Count; n != before {
			t.Errorf("%d writes to a client that has gone", n-before)
		}
	})
}

// TestCountedDrops: what a client does not get is counted by why.
func TestCountedDrops(t *testing.T) {
	r := openRouter(t)
	s, _ := blocked(t, r)
	defer s.Closed(router.ReasonLost)
	publisher := join(t, r)
	for range 10_000 {
		publisher.Receive(publishFrame(t, wire.Stream, "/s"))
	}
	publisher.Idle()
	c := r.Counted()
	lost := c.Dropped["slow"]
	if lost < 5000 || lost > 10_000 {
		t.Errorf("of 10,000 moves for a client that does not read %d are dropped", lost)
	}
	expectCounts(t, "dropped", c.Dropped, map[string]uint64{"slow": lost})
	if c.Sent["publish"] != 10_000 {
		t.Errorf("%d PUBLISHes were queued", c.Sent["publish"])
	}
	for range 30_000 { // events may not be dropped: it is closed instead
		publisher.Receive(publishFrame(t, wire.Event, "/e"))
	}
	publisher.Idle()
	c = r.Counted()
	if n := c.Dropped["overflow"]; n < 10_000 || c.Errors["503"] < 1 {
		t.Errorf("%d given up, ERRORs %v", n, c.Errors)
	}
	if n := r.Totals().Dropped; n != sum(c.Dropped) {
		t.Errorf("%d dropped in all, by reason %v", n, c.Dropped)
	}
	r.CountUnread()
	if n := r.Counted().Dropped["unread"]; n != 1 {
		t.Errorf("%d unread", n)
	}
}

// valued makes a SET of bytes.
func valued(t *testing.T, address string, n int, change func(*wire.Set)) []byte {
	t.Helper()
	m := wire.Set{Address: []byte(address), Value: wire.Value{Code: wire.BytesCode, Data: append([]byte{byte(n >> 8), byte(n)}, make([]byte, n)...)}}
	if change != nil {
		change(&m)
	}
	return frameOf(t, wire.Confirm, wire.AppendSet(nil, m))
}

// size is what the state has of such a param: its address, and code, length and bytes of its value.
func size(address string, n int) int64 { return int64(len(address) + 3 + n) }

// TestCountedState: values count as long as they are there, and as they are.
func TestCountedState(t *testing.T) {
	t.Parallel() // waits for a param to expire
	r := openRouter(t)
	s := join(t, r)
	expect := func(what string, want int64) {
		t.Helper()
		s.Idle()
		if got := r.Counted().StateBytes; got != want {
			t.Errorf("%s: %d bytes, want %d", what, got, want)
		}
	}
	expect("nothing", 0)
	s.Receive(valued(t, "/a", 100, nil))
	s.Receive(valued(t, "/b/c", 10, nil))
	expect("two", size("/a", 100)+size("/b/c", 10))
	s.Receive(valued(t, "/a", 10, nil))
	expect("one has shrunk", size("/a", 10)+size("/b/c", 10))
	s.Receive(valued(t, "/a", 50, func(m *wire.Set) { m.HasRevision, m.Revision = true, 77 }))
	s.Receive(valued(t, "/new", 50, func(m *wire.Set) { m.HasRevision, m.Revision = true, 77 }))
	expect("two were refused", size("/a", 10)+size("/b/c", 10))
	s.Receive(valued(t, "/b/c", 20, func(m *wire.Set) { m.HasTTL, m.TTL = true, 1 }))
	expect("one will expire", size("/a", 10)+size("/b/c", 20))
	kit.Eventually(t, "it to expire", func() bool { return r.Stats().Params == 1 })
	expect("it has", size("/a", 10))
	s.Receive(valued(t, "/b/c", 5, nil))
	expect("it is back", size("/a", 10)+size("/b/c", 5))
}

// TestCountedStateRestored: a router that has restored its state has as much of it as the one before had.
func TestCountedStateRestored(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	for turn := range 3 {
		disk, err := store.Open(store.Options{Path: path, Interval: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		r, err := router.New(router.Options{Store: disk})
		if err != nil {
			t.Fatal(err)
		}
		want := int64(0)
		if turn > 0 {
			want = size("/a", 30) + size("/b", 3)
		}
		if got := r.Counted().StateBytes; got != want {
			t.Errorf("turn %d: %d bytes, want %d", turn, got, want)
		}
		s, _ := r.Open(sink{}, router.Peer{Transport: "test"})
		s.Receive(frameOf(t, wire.Fire, wire.AppendHello(nil, wire.Hello{Version: wire.Version})))
		s.Receive(valued(t, "/a", 20, nil))
		s.Receive(valued(t, "/a", 30, nil))
		s.Receive(valued(t, "/b", 3, nil))
		s.Closed(router.ReasonClientClosed)
		if err := r.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if err := disk.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// TestCountedLocks: a lock is held until it is given back, its holder goes or its param expires.
func TestCountedLocks(t *testing.T) {
	t.Parallel() // waits for a param to expire
	r := openRouter(t)
	s, other := join(t, r), join(t, r)
	lock := func(m *wire.Set) { m.Lock = true }
	expect := func(what string, want int) {
		t.Helper()
		s.Idle()
		other.Idle()
		if got := r.Counted().Locks; got != want {
			t.Errorf("%s: %d locks, want %d", what, got, want)
		}
	}
	s.Receive(valued(t, "/a", 1, lock))
	s.Receive(valued(t, "/b", 1, lock))
	s.Receive(valued(t, "/b", 2, lock))
	expect("two, one of them again", 2)
	other.Receive(valued(t, "/a", 1, lock))
	expect("one is refused", 2)
	s.Receive(valued(t, "/a", 1, func(m *wire.Set) { m.Unlock = true }))
	expect("one is given back", 1)
	other.Receive(valued(t, "/a", 1, lock))
	expect("another takes it", 2)
	other.Receive(valued(t, "/c", 1, func(m *wire.Set) { m.Lock, m.HasTTL, m.TTL = true, true, 1 }))
	expect("one that will expire", 3)
	kit.Eventually(t, "it to expire", func() bool { return r.Stats().Params == 2 })
	expect("it has", 2)
	gone, _ := r.Open(sink{}, router.Peer{Transport: "test"})
	gone.Receive(frameOf(t, wire.Fire, wire.AppendHello(nil, wire.Hello{Version: wire.Version})))
	gone.Receive(valued(t, "/d", 1, lock))
	expect("a third session", 3)
	gone.Closed(router.ReasonLost)
	expect("its holder has gone", 2)
}

// TestCountedTogether: nothing is lost when many count at the same time.
func TestCountedTogether(t *testing.T) {
	r := openRouter(t)
	addSubscribers(t, r, 2)
	before := r.Counted()
	const senders, each = 8, 2000
	var all sync.WaitGroup
	stop := make(chan struct{})
	for range senders {
		s := join(t, r)
		all.Go(func() {
			set, stream := setFrame(t, wire.Fire, "/a"), publishFrame(t, wire.Event, "/s")
			for i := range each {
				s.Receive(set)
				s.Receive(stream)
				if i%7 == 0 {
					s.Idle()
				}
			}
			s.Idle()
		})
	}
	var looking sync.WaitGroup
	looking.Go(func() {
		last := before
		for {
			now := r.Counted()
			for label, n := range now.Sent {
				if n < last.Sent[label] {
					t.Errorf("sent %q falls from %d to %d", label, last.Sent[label], n)
				}
			}
			last = now
			select {
			case <-stop:
				return
			default:
			}
		}
	})
	all.Wait()
	close(stop)
	looking.Wait()
	c := r.Counted()
	for _, kind := range []string{"set", "publish"} {
		if n := c.Received[kind]; n != senders*each {
			t.Errorf("%d %s received, want %d", n, kind, senders*each)
		}
	}
	if n := c.Fanout; n.Count != 2*senders*each || n.Sum != 4*senders*each {
		t.Errorf("fan-out %+v", n)
	}
	if n := c.Sent["publish"]; n != 2*senders*each {
		t.Errorf("%d PUBLISHes sent", n)
	}
}

// TestCountedStaysCheap: to look costs the same with a hundred times the sessions.
func TestCountedStaysCheap(t *testing.T) {
	r := openRouter(t)
	cost := func(n int) float64 {
		for r.Stats().Sessions < n {
			join(t, r).Idle()
		}
		return testing.AllocsPerRun(20, func() { r.Counted(); r.Stats(); r.Refused() })
	}
	few, many := cost(100), cost(10_000)
	if many > few+1 || many > 300 {
		t.Errorf("%.0f allocations with 100 sessions, %.0f with 10,000", few, many)
	}
}

// BenchmarkCounted is what a scrape asks of the engine.
func BenchmarkCounted(b *testing.B) {
	r := openRouter(b)
	for range 10_000 {
		join(b, r).Idle()
	}
	b.ReportAllocs()
	for b.Loop() {
		r.Counted()
	}
}
