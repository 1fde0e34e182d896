package ws_test

// Legacy MessagePack messages: protocol section 4. "The router decodes legacy payloads and always answers in binary", which
// the client's parse makes sure of.

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/router/wire"
)

// fields is a legacy message.
type fields = map[string]any

// pack returns MessagePack, maps in the order of their keys.
func pack(x any) []byte {
	switch x := x.(type) {
	case nil:
		return []byte{0xC0}
	case bool:
		if x {
			return []byte{0xC3}
		}
		return []byte{0xC2}
	case int:
		return binary.BigEndian.AppendUint64([]byte{0xD3}, uint64(x))
	case uint64:
		return binary.BigEndian.AppendUint64([]byte{0xCF}, x)
	case float64:
		return binary.BigEndian.AppendUint64([]byte{0xCB}, math.Float64bits(x))
	case string:
		return append([]byte{0xD9, byte(len(x))}, x...)
	case []byte:
		return append([]byte{0xC4, byte(len(x))}, x...)
	case []any:
		b := []byte{0xDC, 0, byte(len(x))}
		for _, item := range x {
			b = append(b, pack(item)...)
		}
		return b
	case fields:
		keys := make([]string, 0, len(x))
		for key := range x {
			keys = append(keys, key)
		}
		slices.Sort(keys)
		b := []byte{0xDE, 0, byte(len(x))}
		for _, key := range keys {
			b = append(append(b, pack(key)...), pack(x[key])...)
		}
		return b
	}
	panic(fmt.Sprintf("no MessagePack for a %T", x))
}

func TestLegacy(t *testing.T) {
	g := start(t)
	c, reader := g.dial(t), g.join(t)
	// The Python client puts MessagePack under bits that say binary, the JavaScript client under bits that say MessagePack: the
	// payload's first byte decides, not the flags.
	bits := byte(0)
	send := func(q wire.QoS, m fields) {
		t.Helper()
		b := claspFrame(q, pack(m))
		bits ^= 1
		b[1] = b[1]&^7 | bits
		c.binary(t, b)
	}

	send(wire.Fire, fields{"type": "HELLO", "version": 1, "name": "legacy", "features": []any{"param", "event"}, "token": nil})
	c.session = string(c.expectWelcome(t).Session)
	c.expectSnapshot(t)

	send(wire.Confirm, fields{"type": "SET", "address": "/a", "value": fields{"x": []any{1, 1.5, nil, true, "s", []byte{1}}}})
	c.expectAck(t, "/a")
	send(wire.Fire, fields{"type": "GET", "address": "/a"})
	c.expectEntry(t, "/a", val(map[string]any{"x": []any{1, 1.5, nil, true, "s", []byte{1}}}), 1)
	send(wire.Confirm, fields{"type": "SET", "address": "/a", "value": 1, "revision": 7})
	c.expectErrorAbout(t, wire.CodeConflict, "/a")
	send(wire.Confirm, fields{"type": "SET", "address": "/l", "value": 1, "lock": true, "ttl": fields{"Sliding": 60}})
	if ack := c.expectAck(t, "/l"); !ack.Locked || string(ack.Holder) != c.session {
		t.Errorf("ACK %+v", ack)
	}
	send(wire.Confirm, fields{"type": "SET", "address": "/l", "value": 1, "unlock": true, "ttl": "Never"})
	if ack := c.expectAck(t, "/l"); !ack.HasLocked || ack.Locked {
		t.Errorf("ACK %+v", ack)
	}
	send(wire.Confirm, fields{"type": "SET", "address": "/u", "value": uint64(math.MaxUint64)}) // above i64: a float
	c.expectAck(t, "/u")
	send(wire.Fire, fields{"type": "GET", "address": "/u"})
	c.expectEntry(t, "/u", val(float64(math.MaxUint64)), 1)

	send(wire.Fire, fields{"type": "SUBSCRIBE", "id": 5, "pattern": "/s/*", "types": []any{"param", "stream"}, "options": fields{"maxRate": 1000}})
	c.quiet(t)
	reader.send(t, wire.Confirm, publish(wire.Event, "/s/x", 1))
	reader.expectAck(t, "/s/x")
	reader.send(t, wire.Confirm, publish(wire.Stream, "/s/x", 2))
	reader.expectAck(t, "/s/x")
	if m := c.expectPublish(t); m.Signal != wire.Stream {
		t.Errorf("got %v, want the stream only", m.Signal)
	}
	send(wire.Fire, fields{"type": "UNSUBSCRIBE", "id": 5})
	c.quiet(t)
	reader.set(t, "/s/x", 1)
	c.quiet(t)

	reader.subscribe(t, 1, "/**", wire.MaskEvent|wire.MaskStream|wire.MaskGesture|wire.MaskTimeline)
	for name, p := range map[string]struct {
		m      fields
		signal wire.Signal
		want   any
	}{
		"value":     {fields{"signal": "event", "value": 1.5}, wire.Event, 1.5},
		"payload":   {fields{"signal": "event", "payload": "x"}, wire.Event, "x"},
		"unnamed":   {fields{"payload": 1}, wire.Event, 1},
		"gesture":   {fields{"signal": "gesture", "phase": "start", "id": 3, "payload": 1}, wire.Gesture, 1},
		"timeline":  {fields{"signal": "timeline", "timeline": fields{"keyframes": []any{fields{"time": 0, "value": 7, "easing": "linear"}}, "loop": false}}, wire.Timeline, timelineOf(7)},
		"keyframes": {fields{"signal": "timeline", "keyframes": []any{fields{"time": 0, "value": 8, "easing": "linear"}}, "loop": false}, wire.Timeline, timelineOf(8)},
	} {
		p.m["type"], p.m["address"] = "PUBLISH", "/p/"+name
		send(wire.Confirm, p.m)
		c.expectAck(t, "/p/"+name)
		if m := reader.expectPublish(t); m.Signal != p.signal || !same(m.Value, val(p.want)) {
			t.Errorf("%s: got %v of %v, want %v of %v", name, m.Signal, m.Value, p.signal, p.want)
		}
	}
	send(wire.Confirm, fields{"type": "PUBLISH", "address": "/p/s", "signal": "stream", "samples": []any{1, 2.5}, "rate": 100})
	c.expectAck(t, "/p/s")
	if m := reader.expectPublish(t); m.Signal != wire.Stream || len(m.Samples) != 16 || m.Rate != 100 {
		t.Errorf("got %+v, want two samples", m)
	}

	send(wire.Confirm, fields{"type": "BUNDLE", "messages": []any{
		fields{"type": "SET", "address": "/b", "value": 1},
		fields{"type": "PUBLISH", "address": "/e", "signal": "event", "payload": 2},
		fields{"type": "SET", "address": "/b", "value": 3},
	}})
	if ack := c.expectAck(t, ""); ack.Revision != 2 {
		t.Errorf("ACK %+v, want revision 2", ack)
	}
	reader.expectPublish(t)
	send(wire.Confirm, fields{"type": "BUNDLE", "timestamp": int(micros(time.Now().Add(50 * time.Millisecond))), "messages": []any{
		fields{"type": "SET", "address": "/b", "value": 4}}})
	if ack := c.expectAck(t, ""); ack.Revision != 3 {
		t.Errorf("ACK %+v, want revision 3", ack)
	}
	send(wire.Fire, fields{"type": "BUNDLE", "messages": []any{fields{"type": "GET", "address": "/b"}}})
	c.expectError(t, wire.CodeBadMessage)

	send(wire.Confirm, fields{"type": "ANNOUNCE", "namespace": "/n", "signals": []any{
		fields{"address": "/n/x", "type": "param", "datatype": "f32", "access": "rw", "meta": fields{"unit": "%", "range": []any{0, 1.0}}}}})
	c.expectAck(t, "/n")
	send(wire.Fire, fields{"type": "QUERY", "pattern": "/n/*"})
	if m := must(t, c.expect(t, wire.TypeResult), wire.DecodeResult); m.Count != 1 {
		t.Errorf("%d signals found", m.Count)
	}
	send(wire.Fire, fields{"type": "SYNC", "t1": 42})
	if m := must(t, c.expect(t, wire.TypeSync), wire.DecodeSync); m.T1 != 42 || !m.HasT3 {
		t.Errorf("SYNC %+v", m)
	}
	send(wire.Fire, fields{"type": "PING"})
	c.expect(t, wire.TypePong)
	send(wire.Fire, fields{"type": "REPLAY", "pattern": "/**"})
	c.expectError(t, wire.CodeUnavailable)
	send(wire.Fire, fields{"type": "HELLO", "version": 1, "name": "again", "features": []any{}})
	c.expectError(t, wire.CodeBadFrame)
	for _, name := range []string{"WELCOME", "SNAPSHOT", "ACK", "ERROR", "RESULT", "PONG"} {
		send(wire.Confirm, fields{"type": name})
	}
	c.quiet(t)
	for _, m := range []fields{
		{}, {"type": "NOTHING"}, {"type": 1}, {"type": "SET", "address": "/a"}, {"type": "SET", "address": 5, "value": 1},
		{"type": "SUBSCRIBE", "id": -1, "pattern": "/a"}, {"type": "PUBLISH", "address": "/a", "signal": "loud"},
	} {
		send(wire.Fire, m)
		c.expectError(t, wire.CodeBadMessage)
	}
	send(wire.Fire, fields{"type": "SUBSCRIBE", "id": 1, "pattern": "a"})
	c.expectError(t, wire.CodeBadPattern)
	c.quiet(t)
	reader.quiet(t)
}

// A legacy HELLO is held against the same rules.
func TestLegacyHello(t *testing.T) {
	g := start(t)
	c := g.dial(t)
	c.send(t, wire.Fire, pack(fields{"type": "HELLO", "version": 2, "name": "x", "features": []any{}}))
	c.expectError(t, wire.CodeVersion)
	c.expectClose(t, 0)
	c = g.dial(t)
	c.send(t, wire.Fire, pack(fields{"type": "PING"}))
	c.expectError(t, wire.CodeUnauthenticated)
	c.expectClose(t, 0)
	c = g.dial(t)
	c.send(t, wire.Fire, pack(fields{"type": "HELLO", "name": "x"}))
	c.expectClose(t, 1002)
}
