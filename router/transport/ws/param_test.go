package ws_test

// Params: protocol section 7, and section 2 for what becomes of values.

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/router"
	"github.com/clasp-studio/clasp/router/wire"
)

// "Revisions start at 1 and rise by 1 with every accepted write." "The ACK of a SET carries address and revision."
func TestRevisions(t *testing.T) {
	g := start(t)
	a, b := g.join(t), g.join(t)
	for want := uint64(1); want <= 6; want++ {
		c := a
		if want%2 == 0 {
			c = b
		}
		c.send(t, wire.Confirm, set("/p", int64(want)))
		if ack := c.expectAck(t, "/p"); !ack.HasRevision || ack.Revision != want || ack.HasLocked || ack.HasHolder {
			t.Fatalf("ACK %+v, want revision %d and no word of locks", ack, want)
		}
	}
	if got := a.set(t, "/q", 1); got != 1 {
		t.Errorf("another address starts at revision %d", got)
	}
}

// "Stated revision ≠ current (a missing param has revision 0): ERROR 400, message saying both numbers. Stated 0: create only."
func TestExpectedRevision(t *testing.T) {
	g := start(t)
	c := g.join(t)
	c.send(t, wire.Confirm, setWith("/p", 1, expecting(7)))
	mention(t, c.expectErrorAbout(t, wire.CodeConflict, "/p"), "7", "0")
	c.send(t, wire.Confirm, setWith("/p", 1, expecting(0)))
	c.expectAck(t, "/p")
	c.send(t, wire.Confirm, setWith("/p", 2, expecting(0)))
	mention(t, c.expectErrorAbout(t, wire.CodeConflict, "/p"), "0", "1")
	c.send(t, wire.Confirm, setWith("/p", 3, expecting(1)))
	c.expectAck(t, "/p")
	c.send(t, wire.Fire, setWith("/p", 4, expecting(1))) // "An error is reported whatever the QoS"
	mention(t, c.expectErrorAbout(t, wire.CodeConflict, "/p"), "1", "2")
	c.send(t, wire.Fire, get("/p"))
	c.expectEntry(t, "/p", val(3), 2)

	// A refused write of a new address leaves nothing behind.
	c.send(t, wire.Confirm, setWith("/never", 1, expecting(3)))
	c.expectErrorAbout(t, wire.CodeConflict, "/never")
	c.send(t, wire.Fire, get("/never"))
	c.expectErrorAbout(t, wire.CodeNotFound, "/never")
	if n := g.Stats().Params; n != 1 {
		t.Errorf("%d params counted, want 1", n)
	}
}

// "lock: the writer takes the lock if free. A locked param refuses other writers: ERROR 401, with the address, message naming
// the holder. unlock by the holder releases and applies the value. unlock by another: ERROR 401." And the ACK of these.
func TestLock(t *testing.T) {
	g := start(t)
	holder, other := g.join(t), g.join(t)

	refused := func(c *client, payload []byte) {
		t.Helper()
		c.send(t, wire.Confirm, payload)
		mention(t, c.expectErrorAbout(t, wire.CodeLocked, "/p"), holder.session)
	}
	takes := func(c *client, revision uint64) {
		t.Helper()
		c.send(t, wire.Confirm, setWith("/p", int64(revision), lock))
		ack := c.expectAck(t, "/p")
		if ack.Revision != revision || !ack.HasLocked || !ack.Locked || string(ack.Holder) != c.session {
			t.Fatalf("ACK %+v, want revision %d, locked by %s", ack, revision, c.session)
		}
	}
	takes(holder, 1)
	refused(other, set("/p", 9))
	refused(other, setWith("/p", 9, lock))
	refused(other, setWith("/p", 9, unlock))
	refused(other, setWith("/p", 9, expecting(1)))
	other.send(t, wire.Fire, publish(wire.Param, "/p", 9))
	other.expectErrorAbout(t, wire.CodeLocked, "/p")

	if got := holder.set(t, "/p", 2); got != 2 {
		t.Errorf("the holder's write is at revision %d", got)
	}
	refused(other, set("/p", 9)) // a write by the holder keeps the lock
	takes(holder, 3)             // once more: still the holder's

	holder.send(t, wire.Confirm, setWith("/p", 4, unlock))
	ack := holder.expectAck(t, "/p")
	if ack.Revision != 4 || !ack.HasLocked || ack.Locked || ack.HasHolder {
		t.Fatalf("ACK %+v, want revision 4, unlocked, no holder", ack)
	}
	other.send(t, wire.Fire, get("/p"))
	other.expectEntry(t, "/p", val(4), 4)
	takes(other, 5)
	holder.send(t, wire.Confirm, set("/p", 9))
	mention(t, holder.expectErrorAbout(t, wire.CodeLocked, "/p"), other.session)
}

// 5.6: "On disconnect: locks the session held are released", whichever way it goes.
func TestLockReleasedOnDisconnect(t *testing.T) {
	g := start(t)
	other := g.join(t)
	for name, leave := range map[string]func(*client){
		"goodbye": func(c *client) { c.raw(t, wsFrame(fin|opClose, true, []byte{0x03, 0xE8})); c.expectClose(t, 0) },
		"drop":    (*client).drop,
		"reset":   (*client).abort,
	} {
		t.Run(name, func(t *testing.T) {
			holder := g.join(t)
			for i := range 10 {
				holder.send(t, wire.Confirm, setWith(fmt.Sprintf("/%s/%d", name, i), 1, lock))
				holder.expectAck(t, fmt.Sprintf("/%s/%d", name, i))
			}
			leave(holder)
			eventually(t, "the locks to be released", func() bool {
				other.send(t, wire.Confirm, set("/"+name+"/9", 2))
				return other.next(t).kind == wire.TypeAck
			})
			for i := range 10 {
				other.set(t, fmt.Sprintf("/%s/%d", name, i), 2)
			}
		})
	}
}

// "Every accepted SET goes to all matching subscribers including the writer, with the new revision." Section 5: "The
// writer's own echo always comes before its ACK."
func TestEcho(t *testing.T) {
	g := start(t)
	writer, reader := g.join(t), g.join(t)
	writer.subscribe(t, 1, "/p", 0)
	reader.subscribe(t, 1, "/p", 0)
	for i := uint64(1); i <= 100; i++ {
		writer.send(t, wire.Confirm, set("/p", int64(i)))
		writer.expectSet(t, "/p", val(int64(i)), i)
		writer.expectAck(t, "/p")
		reader.expectSet(t, "/p", val(int64(i)), i)
	}
	writer.send(t, wire.Fire, set("/p", "fire"))
	writer.expectSet(t, "/p", val("fire"), 101)
	reader.expectSet(t, "/p", val("fire"), 101)
	writer.quiet(t)
}

// Nothing of a SET's flags but the revision is told to subscribers: the value is all they need.
func TestSetGoesOutPlain(t *testing.T) {
	g := start(t)
	writer, reader := g.join(t), g.join(t)
	reader.subscribe(t, 1, "/**", 0)
	writer.send(t, wire.Commit, setWith("/p", 1, func(m *wire.Set) { m.Lock, m.HasTTL, m.TTL = true, true, 60 }))
	writer.expectAck(t, "/p")
	want := setWith("/p", 1, expecting(1))
	if f := reader.expect(t, wire.TypeSet); !bytes.Equal(f.payload, want) {
		t.Errorf("SET %x, want %x", f.payload, want)
	}
}

// Section 5: "Acknowledgement": fire is never answered, confirm and commit are.
func TestAcknowledgement(t *testing.T) {
	g := start(t)
	c := g.join(t)
	for name, m := range map[string]struct {
		payload []byte
		address string
	}{
		"SET":              {set("/p", 1), "/p"},
		"PUBLISH param":    {publish(wire.Param, "/p", 1), "/p"},
		"PUBLISH event":    {publish(wire.Event, "/e", 1), "/e"},
		"PUBLISH stream":   {publish(wire.Stream, "/s", 1), "/s"},
		"PUBLISH gesture":  {gesture(wire.Start, "/g", 1, 1), "/g"},
		"PUBLISH timeline": {timeline("/t", 1), "/t"},
		"ANNOUNCE":         {announce("/ns", wire.SignalInfo{Address: []byte("/ns/a")}), "/ns"},
		"BUNDLE":           {bundle(set("/p", 1)), ""},
	} {
		t.Run(name, func(t *testing.T) {
			c.send(t, wire.Fire, m.payload)
			c.quiet(t)
			for _, q := range []wire.QoS{wire.Confirm, wire.Commit} {
				c.send(t, q, m.payload)
				c.expectAck(t, m.address)
				c.quiet(t)
			}
		})
	}
	t.Run("never", func(t *testing.T) {
		c.send(t, wire.Confirm, subscribe(1, "/nothing", 0))
		c.quiet(t)
		c.send(t, wire.Confirm, unsubscribe(1))
		c.quiet(t)
		c.send(t, wire.Commit, wire.AppendPong(nil))
		c.quiet(t)
	})
}

// Section 2: "A value leaves as it came, byte for byte, map entries in their order, with one exception: a value that is itself
// an integer narrower than 64 bits or an f32 is widened. Numbers nested in arrays and maps keep their width."
func TestValues(t *testing.T) {
	g := start(t)
	writer, reader := g.join(t), g.join(t)
	reader.subscribe(t, 1, "/v", 0)
	i64 := func(x int64) wire.Value { return val(x) }
	keep := func(v wire.Value) [2]wire.Value { return [2]wire.Value{v, v} }
	for i, c := range [][2]wire.Value{
		{value(wire.I8Code, 0xFF), i64(-1)},
		{value(wire.I8Code, 0x7F), i64(127)},
		{value(wire.I16Code, 0x80, 0x00), i64(-32768)},
		{value(wire.I32Code, 0xFF, 0xFF, 0xFF, 0xFE), i64(-2)},
		{value(wire.F32Code, 0x3F, 0xC0, 0, 0), val(1.5)},
		{value(wire.F32Code, 0xFF, 0x80, 0, 0), val(math.Inf(-1))},
		keep(i64(math.MinInt64)),
		keep(val(math.NaN())),
		keep(value(wire.F64Code, 0x7F, 0xF8, 0, 0, 0, 0, 0xAB, 0xCD)), // a NaN of another kind
		keep(val(nil)), keep(val(true)), keep(val(false)), keep(val("")), keep(val("Ω\x00")),
		keep(val([]byte{0, 0xFF})), keep(val([]any{})), keep(val(map[string]any{})),
		// [i8 -1, f32 1.5, {"z": i16 1, "a": [null], "z": true}]
		keep(value(wire.ArrayCode, 0, 3, 0x02, 0xFF, 0x06, 0x3F, 0xC0, 0, 0, 0x0B, 0, 3, 0, 1, 'z', 0x03, 0, 1,
			0, 1, 'a', 0x0A, 0, 1, 0x00, 0, 1, 'z', 0x01, 1)),
		keep(value(wire.MapCode, 0, 2, 0, 1, 'b', 0x04, 0, 0, 0, 5, 0, 0, 0x02, 0x80)),
	} {
		revision := uint64(i + 1)
		writer.send(t, wire.Confirm, setWith("/v", c[0], nil))
		writer.expectAck(t, "/v")
		reader.expectSet(t, "/v", c[1], revision)
		reader.send(t, wire.Fire, get("/v"))
		reader.expectEntry(t, "/v", c[1], revision)
	}
}

// "A value so large that its broadcast or snapshot form would pass 65 535 bytes is refused with ERROR 402."
func TestLargestValue(t *testing.T) {
	g := start(t)
	c, reader := g.join(t), g.join(t)
	reader.subscribe(t, 1, "/**", 0)
	// A SNAPSHOT of one: type, count, address, code, length, value, revision, options, writer, timestamp.
	const room = wire.MaxPayload - (1 + 2 + (2 + 2) + 1 + 2 + 8 + 1 + (2 + 36) + 8)
	text := strings.Repeat("x", room+1)
	for _, payload := range [][]byte{set("/p", text), publish(wire.Param, "/p", text), bundle(set("/p", text))} {
		c.send(t, wire.Fire, payload)
		c.expectErrorAbout(t, wire.CodeBadValue, "/p")
	}
	c.send(t, wire.Fire, get("/p"))
	c.expectErrorAbout(t, wire.CodeNotFound, "/p")
	reader.quiet(t)

	c.set(t, "/p", text[:room])
	reader.expectSet(t, "/p", val(text[:room]), 1)
	c.send(t, wire.Fire, get("/p"))
	c.expectEntry(t, "/p", val(text[:room]), 1)
	if e := g.dial(t).greet(t); len(e) != 1 {
		t.Errorf("%d params in the welcome snapshot", len(e))
	}
}

// "GET: SNAPSHOT of one. Unknown address: ERROR 201 with the address." Section 6: a bad one is ERROR 200.
func TestGet(t *testing.T) {
	g := start(t)
	c := g.join(t)
	before := uint64(time.Now().UnixMicro())
	c.set(t, "/p", "v")
	c.send(t, wire.Fire, get("/p"))
	e := c.expectEntry(t, "/p", val("v"), 1)
	if string(e.Writer) != c.session || e.Timestamp < before || e.Timestamp > uint64(time.Now().UnixMicro()) {
		t.Errorf("entry %+v, want writer %s and a time from %d on", e, c.session, before)
	}
	c.send(t, wire.Confirm, get("/q"))
	c.expectErrorAbout(t, wire.CodeNotFound, "/q")
	c.send(t, wire.Confirm, get("/p/**"))
	c.expectErrorAbout(t, wire.CodeBadAddress, "/p/**")
	c.quiet(t)
}

// badAddresses break each rule of section 6 once.
var badAddresses = []string{"", "/", "a", "a/b", "//", "/a//b", "/a/", "/a*", "/*", "/**", "/a\x00", "/" + strings.Repeat("x", 1024)}

// Section 6: "Otherwise ERROR 200." "any other write there is ERROR 301."
func TestAddresses(t *testing.T) {
	g := start(t)
	c := g.join(t)
	writes := func(addr string) [][]byte {
		return [][]byte{
			set(addr, 1), publish(wire.Param, addr, 1), publish(wire.Event, addr, 1), publish(wire.Stream, addr, 1),
			gesture(wire.Start, addr, 1, 1), gesture(wire.Cancel, addr, 1, 1), timeline(addr, 1), bundle(set(addr, 1)),
			bundle(publish(wire.Event, addr, 1)),
		}
	}
	for _, addr := range badAddresses {
		for _, payload := range append(writes(addr), get(addr)) {
			c.send(t, wire.Fire, payload)
			c.expectError(t, wire.CodeBadAddress)
		}
	}
	for _, addr := range []string{"/_clasp", "/_clasp/x", "/_meta", "/_meta/a/b", "/_admin/x"} {
		for _, payload := range writes(addr) {
			c.send(t, wire.Fire, payload)
			c.expectErrorAbout(t, wire.CodeForbidden, addr)
		}
	}
	for _, addr := range []string{"/" + strings.Repeat("x", 1023), "/_claspish/x", "/a/_clasp", "/Ω/ /\n", "/a.b-c~{}[]?"} {
		for _, payload := range writes(addr) {
			c.send(t, wire.Fire, payload)
		}
		c.quiet(t)
		c.send(t, wire.Fire, get(addr))
		if all := c.expectSnapshot(t); len(all) != 1 || string(all[0].Address) != addr {
			t.Errorf("GET %q: %+v", addr, all)
		}
	}
	c.send(t, wire.Confirm, set("/a\xFF", 1)) // strings must be valid UTF-8: section 2
	c.expectError(t, wire.CodeBadMessage)
	c.quiet(t)
}

// "Conflict strategies, by configuration per pattern: lww (default), max, min, lock. A write that max/min refuses is ERROR 400
// at confirm and silently ignored at fire."
func TestStrategies(t *testing.T) {
	g := start(t, func(o *router.Options) {
		o.Conflicts = []router.ConflictRule{
			{Pattern: "/max/free", Strategy: "lww"}, // the first that matches counts
			{Pattern: "/max/**", Strategy: "max"}, {Pattern: "/min/*", Strategy: "min"}, {Pattern: "/lock/**", Strategy: "lock"},
		}
	})
	c, reader := g.join(t), g.join(t)
	reader.subscribe(t, 1, "/**", 0)

	keeps := func(addr string, x any) {
		t.Helper()
		c.send(t, wire.Confirm, set(addr, x))
		c.expectErrorAbout(t, wire.CodeConflict, addr)
		c.send(t, wire.Fire, set(addr, x))
		c.quiet(t)
		reader.quiet(t)
	}
	takes := func(addr string, x any, revision uint64) {
		t.Helper()
		if got := c.set(t, addr, x); got != revision {
			t.Fatalf("%s = %v is at revision %d, want %d", addr, x, got, revision)
		}
		reader.expectSet(t, addr, val(x), revision)
	}
	takes("/max/a/b", 5, 1)
	keeps("/max/a/b", 4)
	keeps("/max/a/b", 4.9)
	takes("/max/a/b", 5.5, 2)
	keeps("/max/a/b", -1)
	takes("/min/a", 5, 1)
	keeps("/min/a", 6)
	takes("/min/a", -3.5, 2)
	takes("/max/free", 5, 1)
	takes("/max/free", 4, 2)

	// A refused write of a bundle that asks for an answer fails it whole; without one it is left out.
	c.send(t, wire.Confirm, bundle(set("/x", 1), set("/max/a/b", 1)))
	c.expectErrorAbout(t, wire.CodeConflict, "/max/a/b")
	reader.quiet(t)
	c.send(t, wire.Fire, bundle(set("/x", 1), set("/max/a/b", 1)))
	c.quiet(t)
	reader.expectSet(t, "/x", val(1), 1)
	reader.quiet(t)

	// Whoever writes first under the lock strategy holds the param until it leaves or unlocks.
	takes("/lock/p", 1, 1)
	other := g.join(t)
	other.send(t, wire.Confirm, set("/lock/p", 2))
	mention(t, other.expectErrorAbout(t, wire.CodeLocked, "/lock/p"), c.session)
	c.send(t, wire.Confirm, setWith("/lock/p", 3, unlock))
	c.expectAck(t, "/lock/p")
	other.set(t, "/lock/p", 4)
}

// "`limits.max_params`: a SET that would create one more is ERROR 503; existing ones still update."
func TestParamLimit(t *testing.T) {
	g := start(t, limits(func(l *router.Limits) { l.MaxParams = 2 }))
	c := g.join(t)
	c.set(t, "/a", 1)
	c.send(t, wire.Confirm, bundle(set("/b", 1), set("/c", 1)))
	c.expectError(t, wire.CodeOverloaded)
	c.set(t, "/b", 1)
	for _, payload := range [][]byte{set("/c", 1), publish(wire.Param, "/c", 1), timeline("/c", 1)} {
		c.send(t, wire.Fire, payload)
		mention(t, c.expectErrorAbout(t, wire.CodeOverloaded, "/c"), "2")
	}
	c.send(t, wire.Fire, get("/c"))
	c.expectErrorAbout(t, wire.CodeNotFound, "/c")
	if got := c.set(t, "/a", 2); got != 2 {
		t.Errorf("an existing param is at revision %d", got)
	}
	if n := g.Stats().Params; n != 2 {
		t.Errorf("%d params counted, want 2", n)
	}
}

// Section 3, ttl: sliding and absolute, never, kept. Section 7: "Expired params vanish within a second of their time, from
// snapshots too." The subtests share the seconds.
func TestTTL(t *testing.T) {
	g := start(t)
	const absolute = wire.AbsoluteTTL

	tests := make(map[string]func(t *testing.T))
	for name, test := range map[string]func(t *testing.T, c *client, addr string){
		"absolute": func(t *testing.T, c *client, addr string) {
			life := c.setFor(t, addr, 1|absolute)
			life.ends(t, time.Second, func() bool { return c.reads(t, addr) }) // reads do not prolong it
		},
		"sliding read": func(t *testing.T, c *client, addr string) {
			life := c.setFor(t, addr, 1)
			for until := time.Now().Add(2500 * time.Millisecond); time.Now().Before(until); time.Sleep(20 * time.Millisecond) {
				before := time.Now()
				if !c.reads(t, addr) {
					life.busy(t)
					t.Fatal("gone although it is read all the time")
				}
				life = lifetime{before, time.Now()}
			}
			life.ends(t, time.Second, func() bool { return c.query(t, addr) > 0 })
		},
		"sliding alone": func(t *testing.T, c *client, addr string) {
			life := c.setFor(t, addr, 1)
			life.ends(t, time.Second, func() bool { return c.query(t, addr) > 0 })
			if c.reads(t, addr) || c.lists(t, addr) {
				t.Error("gone from QUERY, but not from GET and snapshots")
			}
		},
		"snapshot": func(t *testing.T, c *client, addr string) {
			life := c.setFor(t, addr, 1|absolute)
			life.ends(t, time.Second, func() bool { return c.lists(t, addr) })
		},
		// "A SET without ttl keeps the param's ttl", and counts it from this write.
		"written": func(t *testing.T, c *client, addr string) {
			life := c.setFor(t, addr, 1|absolute)
			revision := uint64(1)
			for until := time.Now().Add(2500 * time.Millisecond); time.Now().Before(until); time.Sleep(20 * time.Millisecond) {
				before := time.Now()
				c.send(t, wire.Confirm, setWith(addr, 2, expecting(revision)))
				if f := c.next(t); f.kind != wire.TypeAck {
					life.busy(t)
					t.Fatalf("gone although it is written all the time: %v", f)
				}
				revision++
				life = lifetime{before, time.Now()}
			}
			life.ends(t, time.Second, func() bool { return c.reads(t, addr) })
		},
		"never": func(t *testing.T, c *client, addr string) {
			c.setFor(t, addr, 1)
			c.setFor(t, addr, 0)
			c.setFor(t, addr+"/longer", 2|absolute)
			eventually(t, "a longer ttl to pass", func() bool { return !c.reads(t, addr+"/longer") })
			if !c.reads(t, addr) {
				t.Error("ttl 0 does not make a param stay")
			}
		},
		// What comes back after it has expired is new to those who create, and goes on counting for those who watch.
		"again": func(t *testing.T, c *client, addr string) {
			c.setFor(t, addr, 1|absolute)
			eventually(t, "the param to expire", func() bool { return !c.reads(t, addr) })
			c.send(t, wire.Confirm, setWith(addr, 1, expecting(0)))
			if ack := c.expectAck(t, addr); ack.Revision != 2 {
				t.Errorf("revision %d after it has come back, want 2", ack.Revision)
			}
			c.setFor(t, addr+"/longer", 2|absolute)
			eventually(t, "a longer ttl to pass", func() bool { return !c.reads(t, addr+"/longer") })
			if !c.reads(t, addr) {
				t.Error("it has come back with the ttl it had before")
			}
		},
		// A lock goes with the param it was on.
		"locked": func(t *testing.T, c *client, addr string) {
			c.send(t, wire.Confirm, setWith(addr, 1, func(m *wire.Set) { lock(m); ttl(1 | absolute)(m) }))
			c.expectAck(t, addr)
			other := g.join(t)
			eventually(t, "the param to expire", func() bool { return !other.reads(t, addr) })
			other.send(t, wire.Confirm, setWith(addr, 1, lock))
			other.expectAck(t, addr)
			c.send(t, wire.Confirm, set(addr, 2))
			c.expectErrorAbout(t, wire.CodeLocked, addr)
		},
	} {
		tests[name] = func(t *testing.T) { test(t, g.join(t), "/"+strings.ReplaceAll(name, " ", "-")) }
	}
	together(t, tests)
	eventually(t, "expired params to be forgotten", func() bool { return g.Stats().Params == 3 }) // never, again, locked
}

// lifetime is when a param was written last: some time between the two.
type lifetime struct{ after, before time.Time }

// busy gives a test up when the machine has been too slow to keep a param with a ttl of one second alive.
func (l lifetime) busy(t *testing.T) {
	t.Helper()
	if since := time.Since(l.after); since >= time.Second {
		t.Skipf("%s: nothing was done for %v: the machine is too busy", t.Name(), since)
	}
}

// ends waits until alive says no. The param must not have gone before its time, nor live over a second past it.
func (l lifetime) ends(t *testing.T, least time.Duration, alive func() bool) {
	t.Helper()
	last := l.after
	eventually(t, "the param to expire", func() bool {
		now := time.Now()
		if !alive() {
			return true
		}
		last = now
		return false
	})
	if d := time.Since(l.after); d < least {
		t.Errorf("gone after %v, before its %v", d, least)
	}
	if d := last.Sub(l.before); d > least+time.Second {
		t.Errorf("still there after %v, over a second past its %v", d, least)
	}
}

// setFor sets a param with a ttl.
func (c *client) setFor(t *testing.T, addr string, seconds uint32) lifetime {
	t.Helper()
	after := time.Now()
	c.send(t, wire.Confirm, setWith(addr, 1, ttl(seconds)))
	c.expectAck(t, addr)
	return lifetime{after, time.Now()}
}

// reads says whether GET finds a param.
func (c *client) reads(t *testing.T, addr string) bool {
	t.Helper()
	c.send(t, wire.Fire, get(addr))
	return c.next(t).kind == wire.TypeSnapshot
}

// lists says whether a param is in the snapshot that answers SUBSCRIBE.
func (c *client) lists(t *testing.T, addr string) bool {
	t.Helper()
	all := c.subscribe(t, 1, addr, 0)
	c.send(t, wire.Fire, unsubscribe(1))
	return len(all) > 0
}
