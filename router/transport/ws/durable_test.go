package ws_test

// State on disk: protocol section 5 (acknowledgement) and promises 4 and 7.

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/router"
	"github.com/clasp-studio/clasp/router/internal/kit"
	"github.com/clasp-studio/clasp/router/wire"
)

// epoch is how far a crash moves revisions.
const epoch = 1 << 20

// "commit → ACK once it is on disk". "The writer's own echo always comes before its ACK."
func TestCommit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	g := start(t, durable(t, path))
	c, reader := g.join(t), g.join(t)
	c.subscribe(t, 1, "/**", 0)
	reader.subscribe(t, 1, "/**", 0)

	c.send(t, wire.Commit, set("/a", 1))
	c.expectSet(t, "/a", val(1), 1)
	if ack := c.expectAck(t, "/a"); ack.Revision != 1 || ack.HasLocked {
		t.Errorf("ACK %+v", ack)
	}
	reader.expectSet(t, "/a", val(1), 1)

	c.send(t, wire.Commit, publish(wire.Param, "/a", 2))
	c.expectSet(t, "/a", val(2), 2)
	c.expectAck(t, "/a")
	c.send(t, wire.Commit, setWith("/a", 3, lock))
	c.expectSet(t, "/a", val(3), 3)
	if ack := c.expectAck(t, "/a"); !ack.Locked || string(ack.Holder) != c.session {
		t.Errorf("ACK of a lock: %+v", ack)
	}
	c.send(t, wire.Commit, timeline("/t", 4))
	if ack := c.expectAck(t, "/t"); ack.Revision != 1 {
		t.Errorf("ACK of a timeline: %+v", ack)
	}
	c.send(t, wire.Commit, bundle(set("/a", 5), set("/b", 6), publish(wire.Event, "/e", 7), set("/a", 8)))
	c.expectSet(t, "/a", val(5), 4)
	c.expectSet(t, "/b", val(6), 1)
	c.expectSet(t, "/a", val(8), 5)
	if ack := c.expectAck(t, ""); ack.Revision != 5 {
		t.Errorf("ACK of a bundle: %+v", ack)
	}
	for _, want := range []string{"/a", "/a", "/t", "/a", "/b", "/e", "/a"} {
		if addr, _ := signalOf(t, reader.next(t)); addr != want {
			t.Fatalf("the reader got %s, want %s", addr, want)
		}
	}
	for addr, refused := range map[string][]byte{
		"/a": set("/a", 9), "/a//b": set("/a//b", 1), "/_clasp/x": set("/_clasp/x", 1), "/b": setWith("/b", 1, expecting(7)),
		"/t": publish(wire.Timeline, "/t", 1),
	} {
		reader.send(t, wire.Commit, refused)
		f := reader.expect(t, wire.TypeError)
		if m := must(t, f, wire.DecodeError); string(m.Address) != addr {
			t.Errorf("%s: refused with %+v", addr, m)
		}
	}
	reader.send(t, wire.Commit, bundle(set("/new", 1), set("/a", 1)))
	mention(t, reader.expectErrorAbout(t, wire.CodeLocked, "/a"), "message 2")
	reader.send(t, wire.Commit, get("/new"))
	reader.expectError(t, wire.CodeNotFound)
	c.quiet(t)

	copied := kit.Pulled(t, path)
	t.Run("is on disk", func(t *testing.T) {
		g := start(t, durable(t, copied))
		c := g.dial(t)
		got := map[string]wire.SnapshotEntry{}
		for _, e := range c.greet(t) {
			got[string(e.Address)] = e
		}
		for addr, want := range map[string]struct {
			x        any
			revision uint64
		}{"/a": {8, 5}, "/b": {6, 1}, "/t": {timelineOf(4), 1}} {
			if e := got[addr]; !same(e.Value, val(want.x)) || e.Revision != want.revision+epoch {
				t.Errorf("%s: %+v, want %v at revision %d", addr, e, want.x, want.revision+epoch)
			}
		}
		if len(got) != 3 {
			t.Errorf("restored %d params, want 3", len(got))
		}
		// Locks are not restored, and addresses that may have been lost begin in the new epoch.
		if r := c.set(t, "/a", 1); r != 6+epoch {
			t.Errorf("revision %d after the restart, want %d", r, 6+epoch)
		}
		if r := c.set(t, "/lost", 1); r != 1+epoch {
			t.Errorf("revision %d of a new address after a crash, want %d", r, 1+epoch)
		}
	})
}

// Answers about one address keep the order of the requests, and so do those to bundles.
func TestCommitOrder(t *testing.T) {
	g := start(t, durable(t, filepath.Join(t.TempDir(), "state.db")))
	c := g.join(t)
	const rounds = 50
	for i := range uint64(rounds) {
		c.send(t, wire.Commit, set("/a", 1))
		c.send(t, wire.Confirm, set("/a", 2))
		c.send(t, wire.Commit, set("/a", 3))
		c.send(t, wire.Fire, get("/a"))
		c.send(t, wire.Fire, set("/a", 4))
		c.send(t, wire.Commit, setWith("/a", 5, expecting(1)))
		for k := range uint64(3) {
			if ack := c.expectAck(t, "/a"); ack.Revision != i*4+k+1 {
				t.Fatalf("round %d: ACK of revision %d, want %d", i, ack.Revision, i*4+k+1)
			}
		}
		c.expectEntry(t, "/a", val(3), i*4+3)
		c.expectErrorAbout(t, wire.CodeConflict, "/a")

		c.send(t, wire.Commit, bundle(set("/b", 1), set("/c", 1)))
		c.send(t, wire.Confirm, bundle(set("/d", 1)))
		c.send(t, wire.Commit, bundle(set("/e", 1), set("/d", 1)))
		c.send(t, wire.Confirm, bundle(set("/d", 1), setWith("/f", 1, expecting(99))))
		for _, want := range []uint64{i + 1, i*2 + 1, i*2 + 2} {
			if ack := c.expectAck(t, ""); ack.Revision != want {
				t.Fatalf("round %d: ACK of a bundle with revision %d, want %d", i, ack.Revision, want)
			}
		}
		c.expectErrorAbout(t, wire.CodeConflict, "/f")
	}
	c.quiet(t)
}

// State is what it was: values with their types, revisions, writers, timestamps, lifetimes, timelines; locks are not restored,
// nor what has expired or is to start at rest.
func TestRestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	exclude := func(o *router.Options) { o.Exclude = []string{"/strobe/**"} }
	values := map[string]any{
		"/int": 1, "/float": 1.5, "/text": "x", "/bool": true, "/null": nil, "/bytes": []byte{1, 2},
		"/list": []any{1, "a", nil}, "/map": map[string]any{"k": 1}, "/many": 3,
	}
	before := map[string]wire.SnapshotEntry{}
	t.Run("first", func(t *testing.T) {
		g := start(t, durable(t, path), exclude)
		c := g.join(t)
		for addr, x := range values {
			c.set(t, addr, x)
		}
		c.set(t, "/many", 2)
		c.set(t, "/many", 3)
		c.send(t, wire.Fire, timeline("/timeline", 1))
		c.send(t, wire.Fire, setWith("/lasting", 1, ttl(3600)))
		c.send(t, wire.Fire, setWith("/short", 1, ttl(1)))
		c.send(t, wire.Fire, setWith("/locked", 1, lock))
		c.set(t, "/strobe/1", 1)
		c.set(t, "/strobe/1", 2)
		for _, e := range c.subscribe(t, 1, "/**", 0) {
			before[string(e.Address)] = e
		}
		eventually(t, "/short to expire", func() bool { return g.Stats().Params == len(before)-1 })
	})
	for _, again := range []string{"second", "third"} {
		t.Run(again, func(t *testing.T) {
			g := start(t, durable(t, path), exclude)
			c := g.dial(t)
			after := c.greet(t)
			if len(after) != len(before)-2 {
				t.Errorf("%d params, want %d: all but the expired and the excluded", len(after), len(before)-2)
			}
			for _, e := range after {
				if b := before[string(e.Address)]; !same(e.Value, b.Value) || e.Revision != b.Revision || e.Timestamp != b.Timestamp || string(e.Writer) != string(b.Writer) {
					t.Errorf("%s: %+v, was %+v", e.Address, e, b)
				}
			}
			c.send(t, wire.Confirm, get("/strobe/1"))
			c.expectErrorAbout(t, wire.CodeNotFound, "/strobe/1")
			c.send(t, wire.Confirm, setWith("/locked", 1, lock)) // nobody holds it
			c.expectAck(t, "/locked")
			b := before["/locked"]
			b.Revision++
			b.Writer, b.Timestamp = []byte(c.session), c.get(t, "/locked").Timestamp
			before["/locked"] = b
		})
	}
	t.Run("revisions go on", func(t *testing.T) {
		g := start(t, durable(t, path), exclude)
		c := g.join(t)
		for addr, want := range map[string]uint64{"/many": 4, "/strobe/1": 3, "/short": 2, "/new": 1} {
			if r := c.set(t, addr, 1); r != want {
				t.Errorf("%s: revision %d, want %d", addr, r, want)
			}
		}
	})
}

// get reads a param.
func (c *client) get(t testing.TB, addr string) wire.SnapshotEntry {
	t.Helper()
	c.send(t, wire.Fire, get(addr))
	all := c.expectSnapshot(t)
	if len(all) != 1 {
		t.Fatalf("%d entries answer a GET", len(all))
	}
	return all[0]
}

// A lifetime goes on while the router is down, and reads that prolong it count.
func TestRestartLifetimes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	t.Run("first", func(t *testing.T) {
		g := start(t, durable(t, path))
		c := g.join(t)
		c.send(t, wire.Commit, setWith("/gone", 1, ttl(1)))
		c.send(t, wire.Commit, setWith("/stays", 1, ttl(3600)))
		c.expectAck(t, "/gone")
		c.expectAck(t, "/stays")
	})
	time.Sleep(1100 * time.Millisecond) // the lifetime itself
	t.Run("second", func(t *testing.T) {
		g := start(t, durable(t, path))
		if n := g.Stats().Params; n != 1 {
			t.Errorf("%d params, want 1", n)
		}
		c := g.join(t)
		if r := c.set(t, "/gone", 1); r != 2 {
			t.Errorf("revision %d of an address that expired while the router was down, want 2", r)
		}
	})
}

// TestCommitRace races writers at every QoS on the same params, with bundles, over a disk. The subscribers see rising revisions
// and whole bundles, and what was acknowledged is in the file.
func TestCommitRace(t *testing.T) {
	const writers, shared, rounds = 8, 6, 60
	path := filepath.Join(t.TempDir(), "state.db")
	g := start(t, durable(t, path))
	control := g.join(t)
	want := make(chan map[string]known, 4)
	var reading, writing sync.WaitGroup
	for i := range 4 {
		c := g.join(t)
		c.send(t, wire.Fire, subscribe(1, "/shared/**", 0))
		c.send(t, wire.Fire, subscribe(1, done, 0))
		reading.Go(func() {
			if err := c.follow(new(watch), want, func() error { return nil }); err != nil {
				t.Errorf("subscriber %d: %v", i, err)
			}
		})
	}
	var mu sync.Mutex
	acked := map[string]map[uint64]bool{}
	for i := range writers {
		c := g.join(t)
		writing.Go(func() {
			for n := range rounds {
				x, addr := i<<20|n, live(rand.IntN(shared))
				switch rand.IntN(4) {
				case 0:
					c.send(t, wire.Fire, set(addr, x))
				case 1:
					c.send(t, wire.Commit, bundle(set(addr, x), set(live(rand.IntN(shared)), x)))
					c.expectAck(t, "")
				default:
					c.send(t, wire.QoS(1+n%2), set(addr, x))
					ack := c.expectAck(t, addr)
					mu.Lock()
					if acked[addr] == nil {
						acked[addr] = map[uint64]bool{}
					}
					if acked[addr][ack.Revision] {
						t.Errorf("%s: revision %d acknowledged twice", addr, ack.Revision)
					}
					acked[addr][ack.Revision] = true
					mu.Unlock()
				}
			}
			c.quiet(t)
		})
	}
	writing.Wait()
	addresses := make([]string, shared)
	last := map[string]wire.SnapshotEntry{}
	for i := range addresses {
		addresses[i] = live(i)
		control.send(t, wire.Commit, set(live(i), i))
		control.expectAck(t, live(i))
		last[live(i)] = control.get(t, live(i))
	}
	control.finish(t, want, 4, addresses)
	reading.Wait()

	copied := kit.Pulled(t, path)
	t.Run("is on disk", func(t *testing.T) {
		g := start(t, durable(t, copied))
		c := g.join(t)
		for addr, before := range last {
			if e := c.get(t, addr); e.Revision != before.Revision+epoch || !same(e.Value, before.Value) {
				t.Errorf("%s: %+v, was %+v", addr, e, before)
			}
		}
	})
}

// A session that goes while its commits are on their way takes nothing with it.
func TestCommitAndGo(t *testing.T) {
	g := start(t, durable(t, filepath.Join(t.TempDir(), "state.db")))
	const each = 40
	for i := range 5 {
		c := g.join(t)
		for n := range each {
			c.send(t, wire.Commit, setWith(fmt.Sprintf("/%d/%d", i, n), 1, lock))
		}
		c.send(t, wire.Commit, bundle(set(fmt.Sprintf("/%d/last", i), 1)))
		c.fence(t) // all of it has been read
		c.drop()
	}
	eventually(t, "the params", func() bool { return g.Stats().Params == 5*(each+1) })
	c := g.join(t)
	c.send(t, wire.Confirm, set("/0/0", 2))
	c.expectAck(t, "/0/0") // its holder has gone
}

// Rounds with more changes than are sorted at once lose nothing, nor do those that follow.
func TestRestartMany(t *testing.T) {
	const params = 10_000
	path := filepath.Join(t.TempDir(), "state.db")
	addr := func(i int) string { return fmt.Sprintf("/many/%d", i) }
	want := make([]uint64, params)
	for round, count := range []int{params, 0, params / 2, 3} {
		t.Run(fmt.Sprint("round ", round), func(t *testing.T) {
			g := start(t, durable(t, path), limits(func(l *router.Limits) { l.WelcomeSnapshot = 0 }))
			c := g.join(t)
			if n := g.Stats().Params; round > 0 && n != params {
				t.Fatalf("%d params restored, want %d", n, params)
			}
			c.send(t, wire.Fire, subscribe(1, "/many/**", 0))
			for got := 0; round > 0 && got < params; {
				for _, e := range c.expectSnapshot(t) {
					var i int
					if _, err := fmt.Sscanf(string(e.Address), "/many/%d", &i); err != nil {
						t.Fatal(err)
					}
					if e.Revision != want[i] || !same(e.Value, val(i)) {
						t.Fatalf("%s: %+v, want revision %d", e.Address, e, want[i])
					}
					got++
				}
			}
			c.send(t, wire.Fire, unsubscribe(1))
			for i := range count {
				c.send(t, wire.Fire, set(addr(i), i))
				want[i]++
			}
			c.quiet(t)
		})
	}
}
