package ws_test

// SUBSCRIBE and UNSUBSCRIBE: protocol section 8, patterns of section 6.

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/router"
	"github.com/clasp-studio/clasp/router/wire"
)

// all publishes one signal of each type to an address, in the order of their codes.
func (c *client) all(t testing.TB, addr string) {
	t.Helper()
	for _, payload := range [][]byte{
		set(addr, 1), publish(wire.Event, addr, 2), publish(wire.Stream, addr, 3), gesture(wire.Start, addr, 0, 4), timeline(addr, 5),
	} {
		c.send(t, wire.Confirm, payload)
		c.expectAck(t, addr)
	}
}

// signals says what a run of SETs and PUBLISHes is about: "param /a", "event /a".
func signals(t testing.TB, frames []frame) []string {
	t.Helper()
	all := []string{}
	for _, f := range frames {
		switch f.kind {
		case wire.TypeSet:
			all = append(all, "param "+string(must(t, f, wire.DecodeSet).Address))
		case wire.TypePublish:
			m := must(t, f, wire.DecodePublish)
			all = append(all, m.Signal.String()+" "+string(m.Address))
		default:
			t.Fatalf("got %v, want SETs and PUBLISHes", f)
		}
	}
	return all
}

// Section 3: "type mask: param 1, event 2, stream 4, gesture 8, timeline 16; 0xFF means all, and so does 0."
func TestTypeMask(t *testing.T) {
	g := start(t)
	writer := g.join(t)
	names := []string{"param", "event", "stream", "gesture", "timeline"}
	for mask := range 256 {
		if mask >= 32 && mask < 255 {
			continue // bits that mean nothing yet
		}
		reader := g.join(t)
		reader.subscribe(t, 1, "/a", uint8(mask))
		writer.all(t, "/a")
		var want []string
		for bit, name := range names {
			if mask == 0 || mask&(1<<bit) != 0 {
				want = append(want, name+" /a")
			}
		}
		if got := signals(t, reader.fence(t)); !slices.Equal(got, want) {
			t.Errorf("mask %#x: got %q, want %q", mask, got, want)
		}
		reader.drop()
	}
}

// "answered with SNAPSHOTs of the matching params (if its mask includes param), none if there are none"
func TestSubscribeSnapshot(t *testing.T) {
	g := start(t)
	c := g.join(t)
	c.set(t, "/a/1", 1)
	c.set(t, "/a/2", 2)
	c.set(t, "/a", 0)
	c.set(t, "/ab", 0)
	c.set(t, "/b/1/2", 3)
	for pattern, want := range map[string][]string{
		"/**": {"/a", "/a/1", "/a/2", "/ab", "/b/1/2"}, "**": {"/a", "/a/1", "/a/2", "/ab", "/b/1/2"},
		"/a/**": {"/a", "/a/1", "/a/2"}, "/a/*": {"/a/1", "/a/2"}, "/a": {"/a"}, "/a*": {"/a", "/ab"}, "/*/1": {"/a/1"},
		"/**/1": {"/a/1"}, "/*/**/2": {"/a/2", "/b/1/2"}, "/c/**": nil, "/c": nil,
	} {
		for _, mask := range []uint8{0, 0xFF, wire.MaskParam, wire.MaskParam | wire.MaskEvent} {
			var got []string
			for _, e := range c.subscribe(t, 1, pattern, mask) {
				got = append(got, string(e.Address))
			}
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("%s, mask %#x: %q, want %q", pattern, mask, got, want)
			}
			c.send(t, wire.Fire, unsubscribe(1))
		}
		if got := c.subscribe(t, 1, pattern, wire.MaskEvent|wire.MaskStream|wire.MaskGesture); len(got) > 0 {
			t.Errorf("%s: a snapshot for a mask without param", pattern)
		}
		c.send(t, wire.Fire, unsubscribe(1))
	}
}

// "Otherwise ERROR 202."
func TestBadPatterns(t *testing.T) {
	g := start(t)
	c := g.join(t)
	for _, pattern := range []string{"", "/", "a", "*", "//", "/a//b", "/a/", "/a**", "/**b", "/a/b**/c", "/a\x00", "/" + strings.Repeat("x", 1024)} {
		c.send(t, wire.Fire, subscribe(1, pattern, 0))
		c.expectError(t, wire.CodeBadPattern)
		c.quiet(t)
	}
	if n := g.Stats().Subscriptions; n != 0 {
		t.Errorf("%d subscriptions counted", n)
	}
}

// "An id already in use on the session gains another pattern, and UNSUBSCRIBE removes all of them." "Unknown UNSUBSCRIBE id:
// ignored."
func TestSubscriptionIDs(t *testing.T) {
	g := start(t)
	writer, c := g.join(t), g.join(t)
	gets := func(want ...string) {
		t.Helper()
		c.quiet(t) // what it sent has been taken in
		for _, addr := range []string{"/a", "/b", "/c"} {
			writer.send(t, wire.Confirm, publish(wire.Event, addr, 1))
			writer.expectAck(t, addr)
		}
		equal(t, signals(t, c.fence(t)), want...)
	}
	c.subscribe(t, 0, "/a", 0)
	c.subscribe(t, 0, "/b", 0)
	c.subscribe(t, 7, "/b", 0)
	c.subscribe(t, 7, "/c", 0)
	gets("event /a", "event /b", "event /c")
	c.send(t, wire.Fire, unsubscribe(0))
	gets("event /b", "event /c")
	c.send(t, wire.Fire, unsubscribe(0))
	c.send(t, wire.Fire, unsubscribe(99))
	gets("event /b", "event /c")
	c.send(t, wire.Fire, unsubscribe(7))
	gets()
	c.subscribe(t, 0, "/a", 0)
	gets("event /a")
	other := g.join(t) // ids are a session's own
	other.send(t, wire.Fire, unsubscribe(0))
	other.quiet(t)
	gets("event /a")
}

// "A session's overlapping subscriptions get a message once."
func TestOverlap(t *testing.T) {
	g := start(t)
	writer, c := g.join(t), g.join(t)
	for i, pattern := range []string{"/**", "/a/**", "/a/*", "/a/b", "/*/b", "/**/b"} {
		c.subscribe(t, uint32(i), pattern, 0)
	}
	c.subscribe(t, 1, "/a/**", 0) // the same once more
	c.subscribe(t, 90, "/a/b", wire.MaskEvent)
	writer.all(t, "/a/b")
	equal(t, signals(t, c.fence(t)), "param /a/b", "event /a/b", "stream /a/b", "gesture /a/b", "timeline /a/b")
	for i := range 5 {
		c.send(t, wire.Fire, unsubscribe(uint32(i)))
	}
	c.quiet(t)
	writer.all(t, "/a/b")
	equal(t, signals(t, c.fence(t)), "param /a/b", "event /a/b", "stream /a/b", "gesture /a/b", "timeline /a/b")
}

// Overlapping subscriptions share each message, but each has its own types.
func TestOverlappingMasks(t *testing.T) {
	g := start(t)
	writer, c := g.join(t), g.join(t)
	c.subscribe(t, 1, "/a/**", wire.MaskParam)
	c.subscribe(t, 2, "/a/b", wire.MaskStream)
	writer.all(t, "/a/b")
	equal(t, signals(t, c.fence(t)), "param /a/b", "stream /a/b")
}

// "Patterns, not ids, count against the limit. Over the limit: ERROR 429 naming the limit."
func TestSubscriptionLimit(t *testing.T) {
	g := start(t, limits(func(l *router.Limits) { l.MaxSubscriptions = 3 }))
	c := g.join(t)
	c.subscribe(t, 0, "/a", 0)
	c.subscribe(t, 0, "/b", 0)
	c.subscribe(t, 1, "/a", 0)
	for _, id := range []uint32{0, 5} {
		c.send(t, wire.Fire, subscribe(id, "/c", 0))
		mention(t, c.expectError(t, wire.CodeLimit), "3")
		c.quiet(t)
	}
	c.subscribe(t, 0, "/b", wire.MaskEvent) // not one more
	if n := g.Stats().Subscriptions; n != 3 {
		t.Errorf("%d subscriptions counted, want 3", n)
	}
	c.send(t, wire.Fire, unsubscribe(0))
	c.subscribe(t, 9, "/c", 0)
	c.subscribe(t, 9, "/d", 0)
	c.send(t, wire.Fire, subscribe(9, "/e", 0))
	c.expectError(t, wire.CodeLimit)
	other := g.join(t) // the limit is a session's own
	other.subscribe(t, 1, "/a", 0)
}

// option makes a SUBSCRIBE with options.
func option(id uint32, pattern string, types uint8, options func(*wire.Subscribe)) []byte {
	m := wire.Subscribe{ID: id, Pattern: []byte(pattern), Types: types}
	options(&m)
	return wire.AppendSubscribe(nil, m)
}

func maxRate(n uint32) func(*wire.Subscribe) {
	return func(m *wire.Subscribe) { m.HasMaxRate, m.MaxRate = true, n }
}

func epsilon(e float64) func(*wire.Subscribe) {
	return func(m *wire.Subscribe) { m.HasEpsilon, m.Epsilon = true, e }
}

// "maxRate n: at most n messages a second per address, and the last value always arrives (trailing edge)."
func TestMaxRate(t *testing.T) {
	const rate, writes = 20, 200
	g := start(t)
	for name, send := range map[string]func(addr string, i int) []byte{
		"param":  func(addr string, i int) []byte { return set(addr, i) },
		"stream": func(addr string, i int) []byte { return publish(wire.Stream, addr, i) },
	} {
		t.Run(name, func(t *testing.T) {
			writer, c := g.join(t), g.join(t)
			c.send(t, wire.Fire, option(1, "/"+name+"/*", 0, maxRate(rate)))
			c.quiet(t)
			began := time.Now()
			for i := 1; i <= writes; i++ {
				for _, addr := range []string{"/a", "/b"} {
					writer.send(t, wire.Fire, send("/"+name+addr, i))
				}
			}
			got := make(map[string]int)
			last := make(map[string]uint64)
			for last["/"+name+"/a"] != writes || last["/"+name+"/b"] != writes {
				addr, v := signalOf(t, c.next(t))
				if number(v) <= last[addr] {
					t.Fatalf("%s goes from %d to %d", addr, last[addr], number(v))
				}
				last[addr] = number(v)
				got[addr]++
			}
			most := int(time.Since(began).Seconds()*rate) + 2 // the first is free, and so is a started interval
			for addr, n := range got {
				if n > most || n < 2 {
					t.Errorf("%d messages of %s, want 2 to %d", n, addr, most)
				}
			}
			c.quiet(t)
		})
	}
	t.Run("events are not held back", func(t *testing.T) {
		writer, c := g.join(t), g.join(t)
		c.send(t, wire.Fire, option(1, "/e", 0, maxRate(1)))
		c.quiet(t)
		for i := range 50 {
			writer.send(t, wire.Confirm, publish(wire.Event, "/e", i))
			writer.expectAck(t, "/e")
		}
		if n := len(c.fence(t)); n != 50 {
			t.Errorf("%d events of 50", n)
		}
	})
	t.Run("another subscription without it", func(t *testing.T) {
		writer, c := g.join(t), g.join(t)
		c.send(t, wire.Fire, option(1, "/r/**", 0, maxRate(1)))
		c.subscribe(t, 2, "/r/x", 0)
		for i := range 50 {
			writer.set(t, "/r/x", i)
		}
		if n := len(c.fence(t)); n != 50 {
			t.Errorf("%d SETs of 50", n)
		}
	})
}

// signalOf returns address and value of a SET or PUBLISH.
func signalOf(t testing.TB, f frame) (string, wire.Value) {
	t.Helper()
	if f.kind == wire.TypeSet {
		m := must(t, f, wire.DecodeSet)
		return string(m.Address), m.Value
	}
	if f.kind != wire.TypePublish {
		t.Fatalf("got %v, want SET or PUBLISH", f)
	}
	m := must(t, f, wire.DecodePublish)
	return string(m.Address), m.Value
}

// "epsilon e: a numeric SET/stream is sent only when it differs from the last sent by at least e; non-numeric always."
func TestEpsilon(t *testing.T) {
	g := start(t)
	writer, c := g.join(t), g.join(t)
	writer.set(t, "/e", 10.0)
	c.send(t, wire.Fire, option(1, "/e", 0, epsilon(0.5)))
	c.expectEntry(t, "/e", val(10.0), 1) // the last sent is the snapshot's
	revision := uint64(1)
	for _, s := range []struct {
		x    any
		sent bool
	}{
		{10.25, false}, {9.75, false}, {10.5, true}, {10.75, false}, {11, true}, {10.5, true}, {10.25, false}, {10.0, true},
		{"text", true}, {"text", true}, {10.0, true}, {10.25, false}, {nil, true}, {true, true}, {10.25, true}, {-1000, true},
	} {
		revision++
		if got := writer.set(t, "/e", s.x); got != revision {
			t.Fatalf("revision %d, want %d", got, revision)
		}
		if s.sent {
			c.expectSet(t, "/e", val(s.x), revision)
		}
		c.quiet(t)
	}
	c.send(t, wire.Fire, option(1, "/s", 0, epsilon(2)))
	c.quiet(t)
	for _, s := range []struct {
		x    any
		sent bool
	}{{1, true}, {2, false}, {3, true}, {1.5, false}, {1, true}, {"x", true}, {1, true}} {
		writer.send(t, wire.Confirm, publish(wire.Stream, "/s", s.x))
		writer.expectAck(t, "/s")
		if s.sent {
			if m := c.expectPublish(t); !same(m.Value, val(s.x)) {
				t.Fatalf("got %v, want %v", m.Value, s.x)
			}
		}
		c.quiet(t)
	}
	t.Run("is a number from 0 up", func(t *testing.T) {
		for _, payload := range [][]byte{option(2, "/x", 0, epsilon(-1)), option(2, "/x", 0, func(m *wire.Subscribe) {
			m.HasEpsilon, m.Epsilon = true, nan
		})} {
			c.send(t, wire.Fire, payload)
			c.expectError(t, wire.CodeBadMessage)
		}
	})
}

// "history/window are accepted; history ≥ 1 is the snapshot."
func TestHistory(t *testing.T) {
	g := start(t)
	c := g.join(t)
	c.set(t, "/p", 1)
	c.set(t, "/p", 2)
	for history := range uint32(3) {
		c.send(t, wire.Fire, option(history, "/p", 0, func(m *wire.Subscribe) {
			m.HasHistory, m.History, m.HasWindow, m.Window = true, history, true, 1000
		}))
		if history >= 1 {
			c.expectEntry(t, "/p", val(2), 2)
			c.quiet(t)
		} else if all := c.fence(t); len(all) > 1 {
			t.Errorf("history 0 is answered with %v", all)
		}
	}
}

// Section 6: matching is one thing for live messages and snapshots, and case-sensitive.
func TestPatternsMatchLive(t *testing.T) {
	g := start(t)
	writer := g.join(t)
	addresses := []string{"/a", "/A", "/a/b", "/a/b/c", "/ab", "/zone1/x", "/zone/x", "/zone12/y/x", "/Ω/b"}
	for pattern, want := range map[string][]string{
		"/a":        {"/a"},
		"/a/**":     {"/a", "/a/b", "/a/b/c"},
		"/*":        {"/a", "/A", "/ab"},
		"/*/*":      {"/a/b", "/zone1/x", "/zone/x", "/Ω/b"},
		"/zone*/x":  {"/zone1/x", "/zone/x"},
		"/zone*/**": {"/zone1/x", "/zone/x", "/zone12/y/x"},
		"/**/x":     {"/zone1/x", "/zone/x", "/zone12/y/x"},
		"/**/b/**":  {"/a/b", "/a/b/c", "/Ω/b"},
		"**":        addresses,
		"/*b*":      {"/ab"},
	} {
		c := g.join(t)
		c.subscribe(t, 1, pattern, 0)
		var events, params []string
		for _, addr := range addresses {
			writer.send(t, wire.Confirm, publish(wire.Event, addr, 1))
			writer.expectAck(t, addr)
		}
		for _, addr := range want {
			events = append(events, "event "+addr)
			params = append(params, addr)
		}
		if got := signals(t, c.fence(t)); !slices.Equal(got, events) {
			t.Errorf("%s: got %q, want %q", pattern, got, events)
		}
		for _, addr := range addresses {
			writer.set(t, addr, 1)
		}
		c.send(t, wire.Fire, unsubscribe(1))
		c.fence(t)
		var listed []string
		for _, e := range c.subscribe(t, 2, pattern, 0) {
			listed = append(listed, string(e.Address))
		}
		equal(t, listed, params...)
		c.drop()
	}
}

// A thousand subscriptions of one session are one delivery each time.
func TestManySubscriptions(t *testing.T) {
	g := start(t)
	writer, c := g.join(t), g.join(t)
	for i := range 1000 {
		c.send(t, wire.Fire, subscribe(uint32(i), fmt.Sprintf("/m/*/%d/**", i), 0))
	}
	c.subscribe(t, 0, "/m/x/**", 0)
	for i := range 1000 {
		writer.send(t, wire.Fire, publish(wire.Event, fmt.Sprintf("/m/x/%d/y", i), i))
	}
	for i := range 1000 {
		if m := c.expectPublish(t); !same(m.Value, val(i)) {
			t.Fatalf("event %d is %v", i, m.Value)
		}
	}
	c.quiet(t)
}
