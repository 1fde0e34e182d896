package ws_test

// Short ways to make messages.

import (
	"bytes"
	"encoding/binary"
	"math"
	"testing"

	"github.com/clasp-studio/clasp/router/wire"
)

// val returns the value of a plain Go one.
func val(x any) wire.Value {
	b, err := wire.AppendAny(nil, x)
	if err != nil {
		panic(err) // the test's own mistake
	}
	return wire.Value{Code: b[0], Data: b[1:]}
}

// value returns a value with exactly these data.
func value(code byte, data ...byte) wire.Value { return wire.Value{Code: code, Data: data} }

var nan = math.NaN()

func same(a, b wire.Value) bool { return a.Code == b.Code && bytes.Equal(a.Data, b.Data) }

// number reads an integer value.
func number(v wire.Value) uint64 { return binary.BigEndian.Uint64(v.Data) }

func set(addr string, x any) []byte { return setWith(addr, x, nil) }

// setWith makes a SET with options.
func setWith(addr string, x any, options func(*wire.Set)) []byte {
	m := wire.Set{Address: []byte(addr)}
	if v, ok := x.(wire.Value); ok {
		m.Value = v
	} else {
		m.Value = val(x)
	}
	if options != nil {
		options(&m)
	}
	return wire.AppendSet(nil, m)
}

func lock(m *wire.Set)   { m.Lock = true }
func unlock(m *wire.Set) { m.Unlock = true }

func expecting(revision uint64) func(*wire.Set) {
	return func(m *wire.Set) { m.HasRevision, m.Revision = true, revision }
}

func ttl(seconds uint32) func(*wire.Set) {
	return func(m *wire.Set) { m.HasTTL, m.TTL = true, seconds }
}

func get(addr string) []byte { return wire.AppendGet(nil, wire.Get{Address: []byte(addr)}) }

func subscribe(id uint32, pattern string, types uint8) []byte {
	return wire.AppendSubscribe(nil, wire.Subscribe{ID: id, Pattern: []byte(pattern), Types: types})
}

func unsubscribe(id uint32) []byte { return wire.AppendUnsubscribe(nil, wire.Unsubscribe{ID: id}) }

// publish makes a PUBLISH of a value.
func publish(signal wire.Signal, addr string, x any) []byte {
	return wire.AppendPublish(nil, wire.Publish{Signal: signal, Address: []byte(addr), HasValue: true, Value: val(x)})
}

// gesture makes a PUBLISH of one moment of a gesture.
func gesture(phase wire.Phase, addr string, id uint32, x any) []byte {
	return wire.AppendPublish(nil, wire.Publish{
		Signal: wire.Gesture, Phase: phase, Address: []byte(addr), HasID: true, ID: id, HasValue: true, Value: val(x),
	})
}

// timeline makes a PUBLISH of a timeline with one keyframe.
func timeline(addr string, x any) []byte { return publish(wire.Timeline, addr, timelineOf(x)) }

func timelineOf(x any) any {
	return map[string]any{"keyframes": []any{map[string]any{"time": 0, "value": x, "easing": "linear"}}, "loop": false}
}

func bundle(messages ...[]byte) []byte { return bundleAt(0, messages...) }

// bundleAt makes a BUNDLE; a time of 0 stands for none.
func bundleAt(at uint64, messages ...[]byte) []byte {
	b := wire.BeginBundle(nil, at != 0, at)
	for _, m := range messages {
		var err error
		if b, err = wire.AppendBundleMessage(b, m); err != nil {
			panic(err) // the test's own mistake
		}
	}
	wire.SetBundleCount(b, len(messages))
	return b
}

// set sets a param at confirm and returns its revision. The client must not be subscribed to it.
func (c *client) set(t testing.TB, addr string, x any) uint64 {
	t.Helper()
	c.send(t, wire.Confirm, set(addr, x))
	return c.expectAck(t, addr).Revision
}

// subscribe subscribes and returns the snapshot that answers.
func (c *client) subscribe(t testing.TB, id uint32, pattern string, types uint8) []wire.SnapshotEntry {
	t.Helper()
	c.send(t, wire.Fire, subscribe(id, pattern, types))
	return snapshotOf(t, c.fence(t))
}

// snapshotOf returns the entries of frames that are all SNAPSHOTs.
func snapshotOf(t testing.TB, frames []frame) []wire.SnapshotEntry {
	t.Helper()
	var all []wire.SnapshotEntry
	for _, f := range frames {
		if f.kind != wire.TypeSnapshot {
			t.Fatalf("got %v, want SNAPSHOTs only", f)
		}
		all = append(all, entries(t, f)...)
	}
	return all
}
