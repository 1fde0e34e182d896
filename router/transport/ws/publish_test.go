package ws_test

// PUBLISH: events, streams, timelines and signalling, protocol section 8 and the end of section 6.

import (
	"bytes"
	"testing"

	"github.com/clasp-studio/clasp/router/wire"
)

// "PUBLISH goes to matching subscribers except the sender, as sent. Not stored."
func TestPublishAsSent(t *testing.T) {
	g := start(t)
	sender, reader, other := g.join(t), g.join(t), g.join(t)
	for _, c := range []*client{sender, reader} {
		c.subscribe(t, 1, "/p/**", 0)
	}
	other.subscribe(t, 1, "/q/**", 0)
	nested := value(wire.ArrayCode, 0, 2, wire.I8Code, 5, wire.F32Code, 0, 0, 0, 0)
	for name, m := range map[string]wire.Publish{
		"event, nothing":     {Signal: wire.Event},
		"event, value":       {Signal: wire.Event, HasValue: true, Value: nested},
		"event, everything":  {Signal: wire.Event, Phase: 5, HasValue: true, Value: val("x"), HasTimestamp: true, Timestamp: 1 << 60, HasID: true, ID: 7, HasRate: true, Rate: 9},
		"stream, samples":    {Signal: wire.Stream, HasSamples: true, Samples: bytes.Repeat([]byte{0x40, 0, 0, 0, 0, 0, 0, 1}, 100), HasRate: true, Rate: 48_000},
		"stream, no samples": {Signal: wire.Stream, HasSamples: true, HasTimestamp: true, Timestamp: 5},
		"gesture start":      {Signal: wire.Gesture, Phase: wire.Start, HasValue: true, Value: nested, HasID: true, ID: 1},
		"gesture end":        {Signal: wire.Gesture, Phase: wire.End, HasValue: true, Value: nested, HasID: true, ID: 1},
		"timeline, nothing":  {Signal: wire.Timeline}, // as today's JavaScript and Python clients put it
	} {
		t.Run(name, func(t *testing.T) {
			m.Address = []byte("/p/" + m.Signal.String())
			payload := wire.AppendPublish(nil, m)
			for _, q := range []wire.QoS{wire.Fire, wire.Confirm, wire.Commit} {
				sender.send(t, q, payload)
				if f := reader.expect(t, wire.TypePublish); !bytes.Equal(f.payload, payload) {
					t.Fatalf("got %x, want %x", f.payload, payload)
				}
				if q != wire.Fire {
					sender.expectAck(t, string(m.Address))
				}
			}
			sender.quiet(t)
			reader.quiet(t)
			other.quiet(t)
			sender.send(t, wire.Fire, get(string(m.Address)))
			sender.expectErrorAbout(t, wire.CodeNotFound, string(m.Address))
		})
	}
	t.Run("a narrow value is made wide", func(t *testing.T) {
		for _, v := range [][2]wire.Value{{value(wire.I8Code, 0xFE), val(-2)}, {value(wire.F32Code, 0x3F, 0xC0, 0, 0), val(1.5)}} {
			m := wire.Publish{Signal: wire.Event, Address: []byte("/p/e"), HasValue: true, Value: v[0], HasTimestamp: true, Timestamp: 3, HasID: true, ID: 4, HasRate: true, Rate: 5}
			sender.send(t, wire.Fire, wire.AppendPublish(nil, m))
			m.Value = v[1]
			if f := reader.expect(t, wire.TypePublish); !bytes.Equal(f.payload, wire.AppendPublish(nil, m)) {
				t.Fatalf("got %x, want %x", f.payload, wire.AppendPublish(nil, m))
			}
		}
	})
	t.Run("the sender's timestamp of the frame stays behind", func(t *testing.T) {
		payload := publish(wire.Event, "/p/e", 1)
		b := append([]byte{0x53, 0x21, 0, byte(len(payload)), 0, 0, 0, 0, 0, 0, 0, 9}, payload...)
		sender.binary(t, b)
		if f := reader.expect(t, wire.TypePublish); !bytes.Equal(f.payload, payload) { // next checks the frame
			t.Fatalf("got %x, want %x", f.payload, payload)
		}
	})
}

// "PUBLISH with signal param is treated as SET of its value."
func TestPublishParam(t *testing.T) {
	g := start(t)
	c, reader := g.join(t), g.join(t)
	c.subscribe(t, 1, "/p", 0)
	reader.subscribe(t, 1, "/p", wire.MaskParam)
	c.send(t, wire.Confirm, publish(wire.Param, "/p", "x"))
	c.expectSet(t, "/p", val("x"), 1) // the writer's echo, as for SET
	if ack := c.expectAck(t, "/p"); ack.Revision != 1 {
		t.Errorf("ACK %+v", ack)
	}
	reader.expectSet(t, "/p", val("x"), 1)
	c.send(t, wire.Fire, get("/p"))
	c.expectEntry(t, "/p", val("x"), 1)

	c.send(t, wire.Fire, wire.AppendPublish(nil, wire.Publish{Signal: wire.Param, Address: []byte("/p")}))
	c.expectErrorAbout(t, wire.CodeBadMessage, "/p")
	c.send(t, wire.Fire, wire.AppendPublish(nil, wire.Publish{Signal: wire.Param, Address: []byte("/p"), HasSamples: true}))
	c.expectErrorAbout(t, wire.CodeBadMessage, "/p")
	c.quiet(t)
	reader.quiet(t)
}

// Messages of one sender arrive in the order in which it sent them, whatever their type.
func TestOrder(t *testing.T) {
	g := start(t)
	sender, reader := g.join(t), g.join(t)
	reader.subscribe(t, 1, "/**", 0)
	var all []byte
	const rounds = 200
	for i := range rounds {
		for _, payload := range [][]byte{set("/p", 4*i), publish(wire.Event, "/e", 4*i+1), publish(wire.Stream, "/s", 4*i+2), gesture(wire.Start, "/g", 0, 4*i+3)} {
			all = append(all, claspFrame(wire.Fire, payload)...)
		}
	}
	sender.binary(t, all)
	for i := range 4 * rounds {
		if addr, v := signalOf(t, reader.next(t)); !same(v, val(i)) {
			t.Fatalf("message %d is %s = %v", i, addr, v)
		}
	}
}

// "timeline: stored like a param (last one per address, with revision, in snapshots as the map)". Section 3: its form.
func TestTimeline(t *testing.T) {
	g := start(t)
	c, reader, other := g.join(t), g.join(t), g.join(t)
	c.subscribe(t, 1, "/t", 0)
	reader.subscribe(t, 1, "/t", wire.MaskTimeline)
	stored := func(x any, revision uint64) {
		t.Helper()
		other.send(t, wire.Fire, get("/t"))
		if e := other.expectEntry(t, "/t", val(x), revision); string(e.Writer) != c.session {
			t.Errorf("writer %s, want %s", e.Writer, c.session)
		}
		if all := g.dial(t).greet(t); len(all) != 1 || !same(all[0].Value, val(x)) {
			t.Errorf("welcome snapshot %+v", all)
		}
		if all := other.subscribe(t, 9, "/t", 0); len(all) != 1 || !same(all[0].Value, val(x)) {
			t.Errorf("snapshot %+v", all)
		}
		other.send(t, wire.Fire, unsubscribe(9))
		other.quiet(t)
	}
	for revision := uint64(1); revision <= 3; revision++ {
		payload := timeline("/t", int(revision))
		c.send(t, wire.Commit, payload)
		if ack := c.expectAck(t, "/t"); ack.Revision != revision { // and nothing to the sender before it
			t.Errorf("ACK %+v, want revision %d", ack, revision)
		}
		if f := reader.expect(t, wire.TypePublish); !bytes.Equal(f.payload, payload) {
			t.Errorf("got %x, want %x", f.payload, payload)
		}
		stored(timelineOf(int(revision)), revision)
	}

	frame := func(entries map[string]any) any { return map[string]any{"keyframes": []any{entries}} }
	for name, x := range map[string]any{
		"not a map":          []any{},
		"no keyframes":       map[string]any{"loop": true},
		"keyframes no array": map[string]any{"keyframes": 1},
		"keyframe no map":    map[string]any{"keyframes": []any{1}},
		"no time":            frame(map[string]any{"value": 1}),
		"no value":           frame(map[string]any{"time": 1}),
		"time no number":     frame(map[string]any{"time": "x", "value": 1}),
		"time before 0":      frame(map[string]any{"time": -1, "value": 1}),
		"unknown easing":     frame(map[string]any{"time": 1, "value": 1, "easing": "bounce"}),
	} {
		c.send(t, wire.Fire, publish(wire.Timeline, "/t", x))
		if m := c.expectErrorAbout(t, wire.CodeBadValue, "/t"); t.Failed() {
			t.Fatalf("%s: %s", name, m.Message)
		}
	}
	stored(timelineOf(3), 3)
	for _, easing := range []string{"linear", "ease-in", "ease-out", "ease-in-out", "step", "cubic-bezier"} {
		c.send(t, wire.Confirm, publish(wire.Timeline, "/t", frame(map[string]any{
			"time": 1.5, "value": nil, "easing": easing, "bezier": []any{0, 0, 1, 1}, "more": 1,
		})))
		c.expectAck(t, "/t")
		reader.expectPublish(t)
	}

	// The lock of its address holds for a timeline too.
	other.send(t, wire.Confirm, setWith("/t", 1, lock))
	other.expectAck(t, "/t")
	c.expectSet(t, "/t", val(1), 10)
	c.send(t, wire.Confirm, timeline("/t", 1))
	c.expectErrorAbout(t, wire.CodeLocked, "/t")
	reader.quiet(t) // it asked for timelines only
}

// Section 6: "`/clasp/p2p/announce` (PUBLISH) is broadcast to its subscribers. `/clasp/p2p/signal/{session}` (PUBLISH) goes to
// that one session, subscribed or not, and to nobody else; unknown session: ERROR 404 with the address."
func TestSignalling(t *testing.T) {
	g := start(t)
	a, b, nosy := g.join(t), g.join(t), g.join(t)
	nosy.subscribe(t, 1, "/**", 0)
	nosy.subscribe(t, 2, "/clasp/p2p/signal/**", 0)
	nosy.subscribe(t, 3, "/clasp/p2p/signal/"+b.session, 0)

	a.send(t, wire.Confirm, publish(wire.Event, "/clasp/p2p/announce", "here"))
	a.expectAck(t, "/clasp/p2p/announce")
	if m := nosy.expectPublish(t); string(m.Address) != "/clasp/p2p/announce" {
		t.Errorf("got %s", m.Address)
	}
	b.quiet(t)

	to := "/clasp/p2p/signal/" + b.session
	for _, signal := range []wire.Signal{wire.Event, wire.Stream} {
		payload := publish(signal, to, map[string]any{"sdp": "x"})
		a.send(t, wire.Confirm, payload)
		a.expectAck(t, to)
		if f := b.expect(t, wire.TypePublish); !bytes.Equal(f.payload, payload) {
			t.Errorf("got %x, want %x", f.payload, payload)
		}
	}
	a.send(t, wire.Confirm, bundle(publish(wire.Event, to, 1)))
	a.expectAck(t, "")
	b.expectPublish(t)
	b.send(t, wire.Fire, subscribe(1, "/clasp/**", 0)) // subscribed and named: once
	b.quiet(t)
	a.send(t, wire.Confirm, publish(wire.Event, to, 1))
	a.expectAck(t, to)
	b.expectPublish(t)
	b.quiet(t)
	nosy.quiet(t)

	gone := b.session
	b.drop()
	eventually(t, "the session to go", func() bool { return g.Stats().Sessions == 2 })
	for _, id := range []string{gone, "nobody", "a/b"} {
		addr := "/clasp/p2p/signal/" + id
		a.send(t, wire.Fire, publish(wire.Event, addr, 1))
		a.expectErrorAbout(t, wire.CodeNoSession, addr)
		a.send(t, wire.Fire, bundle(set("/x", 1), publish(wire.Event, addr, 1)))
		a.expectErrorAbout(t, wire.CodeNoSession, addr)
	}
	a.send(t, wire.Fire, get("/x"))
	a.expectErrorAbout(t, wire.CodeNotFound, "/x")
	a.send(t, wire.Fire, publish(wire.Event, "/clasp/p2p/signal/", 1))
	a.expectErrorAbout(t, wire.CodeBadAddress, "/clasp/p2p/signal/")
	nosy.quiet(t)
}
