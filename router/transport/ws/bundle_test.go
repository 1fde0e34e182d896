package ws_test

// BUNDLE: protocol section 8.

import (
	"fmt"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/router/wire"
)

// "Applied together. Then the inner messages are sent to subscribers one by one, in order. One ACK, when applied, without
// address, with the last revision."
func TestBundle(t *testing.T) {
	g := start(t)
	c, reader := g.join(t), g.join(t)
	c.subscribe(t, 1, "/**", 0)
	reader.subscribe(t, 1, "/**", 0)
	c.send(t, wire.Confirm, bundle(
		set("/b", 1), publish(wire.Event, "/e", 2), set("/a", 3), set("/b", 4), publish(wire.Stream, "/s", 5),
		publish(wire.Param, "/b", 6), gesture(wire.Start, "/g", 1, 7), timeline("/t", 8),
	))
	want := []struct {
		addr string
		x    any
	}{{"/b", 1}, {"/e", 2}, {"/a", 3}, {"/b", 4}, {"/s", 5}, {"/b", 6}, {"/g", 7}, {"/t", timelineOf(8)}}
	for _, w := range want {
		if addr, v := signalOf(t, reader.next(t)); addr != w.addr || !same(v, val(w.x)) {
			t.Fatalf("got %s = %v, want %s = %v", addr, v, w.addr, w.x)
		}
	}
	reader.quiet(t)
	c.expectSet(t, "/b", val(1), 1) // the writer's echo; signals do not come back
	c.expectSet(t, "/a", val(3), 1)
	c.expectSet(t, "/b", val(4), 2)
	c.expectSet(t, "/b", val(6), 3)
	c.expectAck(t, "")
	c.quiet(t)

	c.send(t, wire.Confirm, bundle(set("/a", 1), set("/a", 2), set("/a", 3)))
	for revision := uint64(2); revision <= 4; revision++ {
		c.expectSet(t, "/a", val(int(revision)-1), revision)
	}
	if ack := c.expectAck(t, ""); !ack.HasRevision || ack.Revision != 4 {
		t.Errorf("ACK %+v, want revision 4", ack)
	}
	for name, b := range map[string][]byte{"nothing": bundle(), "no param": bundle(publish(wire.Event, "/e", 1))} {
		c.send(t, wire.Confirm, b)
		c.expectAck(t, "")
		if c.quiet(t); t.Failed() {
			t.Fatal(name)
		}
	}
}

// "all inner messages are checked first (addresses, rights, locks, revisions, limits); if one fails nothing is applied and one
// ERROR names it. Only SET and PUBLISH may be inside: else ERROR 101."
func TestBundleRefused(t *testing.T) {
	g := start(t)
	c, reader, holder := g.join(t), g.join(t), g.join(t)
	holder.send(t, wire.Confirm, setWith("/locked", 1, lock))
	holder.expectAck(t, "/locked")
	c.set(t, "/old", 1)
	c.set(t, "/old", 2)
	reader.subscribe(t, 1, "/**", 0)

	for name, b := range map[string]struct {
		payload []byte
		code    wire.Code
		address string
	}{
		"bad address":    {set("bad", 1), wire.CodeBadAddress, "bad"},
		"reserved":       {set("/_clasp/x", 1), wire.CodeForbidden, "/_clasp/x"},
		"event reserved": {publish(wire.Event, "/_meta", 1), wire.CodeForbidden, "/_meta"},
		"locked":         {set("/locked", 1), wire.CodeLocked, "/locked"},
		"revision":       {setWith("/old", 1, expecting(1)), wire.CodeConflict, "/old"},
		"create only":    {setWith("/old", 1, expecting(0)), wire.CodeConflict, "/old"},
		"missing":        {setWith("/new", 1, expecting(1)), wire.CodeConflict, "/new"},
		"bad timeline":   {publish(wire.Timeline, "/t", 1), wire.CodeBadValue, "/t"},
		"no session":     {publish(wire.Event, "/clasp/p2p/signal/x", 1), wire.CodeNoSession, "/clasp/p2p/signal/x"},
		"empty":          {nil, wire.CodeBadMessage, ""},
		"truncated SET":  {set("/x", 1)[:3], wire.CodeBadMessage, ""},
		"GET":            {get("/old"), wire.CodeBadMessage, ""},
		"SUBSCRIBE":      {subscribe(1, "/**", 0), wire.CodeBadMessage, ""},
		"BUNDLE":         {bundle(set("/x", 1)), wire.CodeBadMessage, ""},
		"HELLO":          {hello, wire.CodeBadMessage, ""},
		"PING":           {wire.AppendPing(nil), wire.CodeBadMessage, ""},
		"unknown":        {[]byte{0x7F}, wire.CodeBadMessage, ""},
		"legacy":         {[]byte{0x81, 0xA4, 't', 'y', 'p', 'e', 0xA4, 'P', 'I', 'N', 'G'}, wire.CodeBadMessage, ""},
	} {
		t.Run(name, func(t *testing.T) {
			for at := range 3 {
				messages := [][]byte{set("/old", 9), publish(wire.Event, "/e", 1), set("/fresh", 1)}
				messages[at] = b.payload
				c.send(t, wire.QoS(at), bundle(messages...))
				m := c.expectError(t, b.code)
				mention(t, m, fmt.Sprintf("message %d", at+1))
				if string(m.Address) != b.address {
					t.Errorf("about %q, want %q", m.Address, b.address)
				}
				c.quiet(t)
			}
		})
	}
	reader.quiet(t)
	c.send(t, wire.Fire, get("/fresh"))
	c.expectErrorAbout(t, wire.CodeNotFound, "/fresh")
	c.send(t, wire.Fire, get("/old"))
	c.expectEntry(t, "/old", val(2), 2)
	if n := g.Stats().Params; n != 2 {
		t.Errorf("%d params, want 2", n)
	}
}

// The messages of a bundle are judged one after the other, each as those before it will have left things.
func TestBundleSeesItself(t *testing.T) {
	g := start(t)
	c, other := g.join(t), g.join(t)
	c.send(t, wire.Confirm, bundle(
		setWith("/p", 1, expecting(0)), setWith("/p", 2, expecting(1)), setWith("/p", 3, func(m *wire.Set) { expecting(2)(m); lock(m) }),
	))
	if ack := c.expectAck(t, ""); ack.Revision != 3 {
		t.Errorf("ACK %+v, want revision 3", ack)
	}
	other.send(t, wire.Confirm, set("/p", 9))
	other.expectErrorAbout(t, wire.CodeLocked, "/p")
	c.send(t, wire.Confirm, bundle(setWith("/p", 4, unlock), setWith("/p", 5, expecting(3))))
	c.expectErrorAbout(t, wire.CodeConflict, "/p")
	other.send(t, wire.Confirm, set("/p", 9)) // nothing was applied: still locked
	other.expectErrorAbout(t, wire.CodeLocked, "/p")
	c.send(t, wire.Confirm, bundle(setWith("/p", 4, unlock)))
	c.expectAck(t, "")
	other.set(t, "/p", 5)
}

// micros is a time as the wire has it.
func micros(t time.Time) uint64 { return uint64(t.UnixMicro()) }

// "With a timestamp in the future it is checked on arrival for form and rights, runs within 1 ms of its time, and is checked
// again then." One that is past runs at once.
func TestBundleScheduled(t *testing.T) {
	g := start(t)
	const ahead = 300 * time.Millisecond
	together(t, map[string]func(t *testing.T){
		"past": func(t *testing.T) {
			c := g.join(t)
			for _, at := range []uint64{1, micros(time.Now().Add(-time.Second)), micros(time.Now())} {
				c.send(t, wire.Confirm, bundleAt(at, set("/past", 1)))
				c.expectAck(t, "")
			}
		},
		"future": func(t *testing.T) {
			c, reader := g.join(t), g.join(t)
			reader.subscribe(t, 1, "/future/*", 0)
			due := time.Now().Add(ahead)
			// The later one is sent first.
			c.send(t, wire.Commit, bundleAt(micros(due.Add(ahead/2)), set("/future/a", 2), publish(wire.Event, "/future/e", 2)))
			c.send(t, wire.Confirm, bundleAt(micros(due), set("/future/a", 1), publish(wire.Event, "/future/e", 1)))
			if c.quiet(t); time.Now().After(due) {
				t.Skipf("%s: the machine is too busy to ask before it is time", t.Name())
			}
			for i := range 2 {
				for range 2 {
					if _, v := signalOf(t, reader.next(t)); !same(v, val(i+1)) {
						t.Errorf("got %v, want those of bundle %d", v, i+1)
					}
				}
				if early := time.Until(due.Add(time.Duration(i) * ahead / 2)); early > time.Millisecond {
					t.Errorf("bundle %d runs %v before its time", i+1, early)
				}
				if ack := c.expectAck(t, ""); ack.Revision != uint64(i+1) {
					t.Errorf("ACK %+v, want revision %d", ack, i+1)
				}
			}
		},
		"many at one time": func(t *testing.T) {
			c, reader := g.join(t), g.join(t)
			reader.subscribe(t, 1, "/many", 0)
			at := micros(time.Now().Add(ahead))
			for i := range 200 {
				c.send(t, wire.Fire, bundleAt(at, set("/many", i)))
			}
			for i := range 200 { // those of the same time as they came
				reader.expectSet(t, "/many", val(i), uint64(i+1))
			}
		},
		"form checked on arrival": func(t *testing.T) {
			c := g.join(t)
			at := micros(time.Now().Add(time.Hour))
			for _, b := range []struct {
				payload []byte
				code    wire.Code
			}{
				{get("/x"), wire.CodeBadMessage}, {set("x", 1), wire.CodeBadAddress}, {set("/_meta/x", 1), wire.CodeForbidden},
				{set("/x", 1)[:5], wire.CodeBadMessage}, {publish(wire.Timeline, "/x", 1), wire.CodeBadValue},
			} {
				c.send(t, wire.Fire, bundleAt(at, set("/form", 1), b.payload))
				mention(t, c.expectError(t, b.code), "message 2")
			}
			c.quiet(t)
		},
		"checked again then": func(t *testing.T) {
			c, other := g.join(t), g.join(t)
			c.send(t, wire.Fire, bundleAt(micros(time.Now().Add(ahead)), set("/again/a", 1), setWith("/again/b", 1, expecting(0))))
			c.quiet(t)
			other.set(t, "/again/b", 5)
			m := c.expectErrorAbout(t, wire.CodeConflict, "/again/b")
			mention(t, m, "message 2")
			c.send(t, wire.Fire, get("/again/a"))
			c.expectErrorAbout(t, wire.CodeNotFound, "/again/a")
			c.quiet(t)
		},
		"not checked for the state on arrival": func(t *testing.T) {
			c, other := g.join(t), g.join(t)
			other.send(t, wire.Confirm, setWith("/state", 1, lock))
			other.expectAck(t, "/state")
			c.send(t, wire.Confirm, bundleAt(micros(time.Now().Add(ahead)), set("/state", 2)))
			c.quiet(t)
			other.send(t, wire.Confirm, setWith("/state", 1, unlock))
			other.expectAck(t, "/state")
			if ack := c.expectAck(t, ""); ack.Revision != 3 {
				t.Errorf("ACK %+v, want revision 3", ack)
			}
		},
		// 5.6: "scheduled bundles it sent still run"
		"after the sender has left": func(t *testing.T) {
			c, reader := g.join(t), g.join(t)
			reader.subscribe(t, 1, "/left/*", 0)
			c.send(t, wire.Confirm, bundleAt(micros(time.Now().Add(ahead)),
				setWith("/left/p", 1, lock), publish(wire.Event, "/left/e", 2), timeline("/left/t", 3)))
			c.quiet(t)
			c.drop()
			reader.expectSet(t, "/left/p", val(1), 1)
			for range 2 {
				reader.expectPublish(t)
			}
			reader.quiet(t)
			reader.send(t, wire.Confirm, set("/left/p", 2)) // nobody is there to hold the lock
			reader.expectSet(t, "/left/p", val(2), 2)
			reader.expectAck(t, "/left/p")
		},
		// "Up to 24 h ahead is allowed; beyond, ERROR 402."
		"24 h": func(t *testing.T) {
			c := g.join(t)
			for _, at := range []uint64{micros(time.Now().Add(24*time.Hour + time.Minute)), 1 << 63, ^uint64(0)} {
				c.send(t, wire.Fire, bundleAt(at, set("/day", 1)))
				c.expectError(t, wire.CodeBadValue)
			}
			c.send(t, wire.Confirm, bundleAt(micros(time.Now().Add(24*time.Hour-time.Minute)), set("/day", 1)))
			c.quiet(t)
			c.send(t, wire.Fire, get("/day"))
			c.expectErrorAbout(t, wire.CodeNotFound, "/day")
		},
	})
}

// A session may not fill the memory with bundles that wait.
func TestBundlesScheduledAreBounded(t *testing.T) {
	g := start(t)
	c := g.join(t)
	at := micros(time.Now().Add(time.Hour))
	large := bundleAt(at, set("/p", make([]byte, 60_000)))
	before := heap()
	refused := 0
	for range 500 { // 30 MB
		c.send(t, wire.Fire, large)
	}
	for _, f := range c.fence(t) {
		if m := must(t, f, wire.DecodeError); m.Code != wire.CodeLimit {
			t.Fatalf("got %v, want ERROR 429", f)
		}
		refused++
	}
	if refused == 0 {
		t.Error("500 bundles of 60 kB are all kept")
	}
	if grown := heap() - before; grown > 8<<20 {
		t.Errorf("the heap has grown by %d bytes", grown)
	}
}
