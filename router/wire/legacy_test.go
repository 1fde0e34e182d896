package wire_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/clasp-studio/clasp/router/wire"
)

// fields is a MessagePack map in the order written: key, item, key, item.
type fields []any

// packed is MessagePack that is written as it stands.
type packed string

// pack encodes nil, bool, int, int64, float64, string, []byte, []any, fields and packed as MessagePack.
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
		if x >= 0 && x < 0x80 {
			return []byte{byte(x)}
		}
		return pack(int64(x))
	case int64:
		return binary.BigEndian.AppendUint64([]byte{0xD3}, uint64(x))
	case float64:
		return binary.BigEndian.AppendUint64([]byte{0xCB}, math.Float64bits(x))
	case string:
		return append(binary.BigEndian.AppendUint16([]byte{0xDA}, uint16(len(x))), x...)
	case []byte:
		return append([]byte{0xC4, byte(len(x))}, x...)
	case []any:
		return packAll(binary.BigEndian.AppendUint16([]byte{0xDC}, uint16(len(x))), x)
	case fields:
		return packAll(binary.BigEndian.AppendUint16([]byte{0xDE}, uint16(len(x)/2)), x)
	case packed:
		return []byte(x)
	}
	panic(fmt.Sprintf("pack: a %T", x))
}

func packAll(b []byte, items []any) []byte {
	for _, item := range items {
		b = append(b, pack(item)...)
	}
	return b
}

func transcode(t *testing.T, m fields) (message, error) {
	t.Helper()
	payload, err := wire.Transcode(nil, pack(m))
	if err != nil {
		return nil, err
	}
	return describe(t, payload)
}

func TestIsLegacy(t *testing.T) {
	for head := range 256 {
		want := head >= 0x80 && head <= 0x8F || head == 0xDE || head == 0xDF
		if got := wire.IsLegacy([]byte{byte(head)}); got != want {
			t.Errorf("first byte 0x%02x: %v", head, got)
		}
	}
	if wire.IsLegacy(nil) {
		t.Error("no bytes are a map")
	}
}

func TestTranscode(t *testing.T) {
	keyframes := []any{fields{"time", 0, "value", 0.5, "easing", "step"}}
	timeline := message{
		"keyframes": []any{message{"time": 0.0, "value": 0.5, "easing": "step"}}, "loop": true, "start_time": 7.0, "duration": 9.0,
	}
	for _, c := range []struct {
		in   fields
		want message
	}{
		{
			fields{"type", "HELLO", "version", 1, "name", "n", "features", []any{"param", "event", "stream", "gesture", "federation", "timeline"}, "token", nil, "capabilities", fields{}},
			message{"type": "HELLO", "version": 1.0, "name": "n", "features": 248.0},
		},
		{
			fields{"type", "HELLO", "version", 2.0},
			message{"type": "HELLO", "version": 2.0, "name": "", "features": 0.0},
		},
		{
			fields{"type", "ANNOUNCE", "namespace", "/n", "signals", []any{
				fields{"address", "/n/a", "type", "param", "datatype", "f32", "access", "rw", "meta",
					fields{"unit", "s", "range", []any{0, 1.5}, "default", nil, "description", "d"}},
				fields{"address", "/n/b", "type", "gesture", "meta", fields{"default", []any{1}}},
			}},
			message{"type": "ANNOUNCE", "namespace": "/n", "signals": []any{
				message{"address": "/n/a", "type": "param", "datatype": "f32", "access": "rw", "meta": message{
					"unit": "s", "range": []any{0.0, 1.5}, "description": "d"}},
				message{"address": "/n/b", "type": "gesture", "meta": message{"default": []any{1.0}}},
			}},
		},
		{
			fields{"type", "SUBSCRIBE", "id", 1, "pattern", "/**", "options", fields{"max_rate", 30, "epsilon", 1, "history", nil, "window", 5}},
			message{"type": "SUBSCRIBE", "id": 1.0, "pattern": "/**", "types": 255.0, "maxRate": 30.0, "epsilon": 1.0, "window": 5.0},
		},
		{
			fields{"types", []any{"event", "stream", "timeline"}, "pattern", "/a", "id", int64(math.MaxUint32), "type", "SUBSCRIBE", "options", fields{"maxRate", 60}},
			message{"type": "SUBSCRIBE", "id": 4294967295.0, "pattern": "/a", "types": 22.0, "maxRate": 60.0},
		},
		{fields{"type", "UNSUBSCRIBE", "id", 9}, message{"type": "UNSUBSCRIBE", "id": 9.0}},
		{
			fields{"type", "PUBLISH", "address", "/e"},
			message{"type": "PUBLISH", "address": "/e", "signal": "event"},
		},
		{
			fields{"type", "PUBLISH", "address", "/e", "signal", "event", "value", nil, "payload", fields{"a", []byte{1}}, "timestamp", int64(1704067200000000)},
			message{"type": "PUBLISH", "address": "/e", "signal": "event", "value": message{"a": message{"$bytes": "01"}}, "timestamp": 1704067200000000.0},
		},
		{
			fields{"type", "PUBLISH", "address", "/p", "signal", "param", "value", 1, "payload", 2},
			message{"type": "PUBLISH", "address": "/p", "signal": "param", "value": 1.0},
		},
		{
			fields{"type", "PUBLISH", "address", "/s", "signal", "stream", "samples", []any{1, 0.5, -1}, "rate", 60.0},
			message{"type": "PUBLISH", "address": "/s", "signal": "stream", "samples": []any{1.0, 0.5, -1.0}, "rate": 60.0},
		},
		{
			fields{"type", "PUBLISH", "address", "/g", "signal", "gesture", "phase", "cancel", "id", 3},
			message{"type": "PUBLISH", "address": "/g", "signal": "gesture", "phase": "cancel", "id": 3.0},
		},
		{
			fields{"type", "PUBLISH", "address", "/t", "signal", "timeline", "keyframes", keyframes, "loop", true, "start_time", 7, "duration", 9},
			message{"type": "PUBLISH", "address": "/t", "signal": "timeline", "value": timeline},
		},
		{
			fields{"type", "PUBLISH", "address", "/t", "signal", "timeline", "timeline", fields{"loop_", true, "duration", 9, "startTime", 7, "keyframes", keyframes}},
			message{"type": "PUBLISH", "address": "/t", "signal": "timeline", "value": timeline},
		},
		{
			fields{"type", "PUBLISH", "address", "/t", "signal", "timeline", "timeline", fields{"keyframes", []any{}, "start_time", nil}},
			message{"type": "PUBLISH", "address": "/t", "signal": "timeline", "value": message{"keyframes": []any{}, "loop": false}},
		},
		{
			fields{"type", "SET", "address", "/a", "value", nil, "revision", 0, "lock", true, "unlock", nil, "unknown", fields{"x", 1}},
			message{"type": "SET", "address": "/a", "value": nil, "revision": 0.0, "lock": true},
		},
		{
			fields{"type", "SET", "address", "/a", "value", 1, "value", 2},
			message{"type": "SET", "address": "/a", "value": 2.0},
		},
		{fields{"type", "GET", "address", "/a"}, message{"type": "GET", "address": "/a"}},
		{
			fields{"type", "REPLAY", "pattern", "/**", "from", 1, "to", 2, "limit", 3, "types", []any{"param"}},
			message{"type": "REPLAY", "pattern": "/**", "from": 1.0, "to": 2.0, "limit": 3.0, "types": 1.0},
		},
		{fields{"type", "REPLAY", "pattern", "/**"}, message{"type": "REPLAY", "pattern": "/**", "types": 255.0}},
		{
			fields{"type", "BUNDLE", "timestamp", 5, "messages", []any{
				fields{"value", []any{fields{"deep", 1}}, "address", "/a", "type", "SET"}, fields{"type", "PUBLISH", "address", "/e"}}},
			message{"type": "BUNDLE", "timestamp": 5.0, "messages": []any{
				message{"type": "SET", "address": "/a", "value": []any{message{"deep": 1.0}}},
				message{"type": "PUBLISH", "address": "/e", "signal": "event"}}},
		},
		{fields{"type", "BUNDLE", "messages", []any{}}, message{"type": "BUNDLE", "messages": []any{}}},
		{fields{"type", "SYNC", "t1", 1, "t2", 2, "t3", nil}, message{"type": "SYNC", "t1": 1.0, "t2": 2.0}},
		{fields{"type", "PING"}, message{"type": "PING"}},
		{fields{"type", "PONG"}, message{"type": "PONG"}},
		{fields{"type", "QUERY", "pattern", "**"}, message{"type": "QUERY", "pattern": "**"}},
	} {
		got, err := transcode(t, c.in)
		if err != nil || !same(got, c.want) {
			t.Errorf("%v is\n%#v (%v), want\n%#v", c.in, got, err, c.want)
		}
	}
}

func TestTranscodeTTL(t *testing.T) {
	const absolute = wire.AbsoluteTTL
	for _, c := range []struct {
		fields fields
		want   any
	}{
		{fields{}, nil},
		{fields{"ttl", nil}, nil},
		{fields{"ttl", nil, "absolute", true}, nil},
		{fields{"ttl", 0}, 0.0},
		{fields{"ttl", "Never"}, 0.0},
		{fields{"ttl", 60}, 60.0},
		{fields{"ttl", 60.0, "absolute", false}, 60.0},
		{fields{"ttl", 60, "absolute", true}, absolute + 60.0},
		{fields{"ttl", fields{"Sliding", 5}}, 5.0},
		{fields{"ttl", fields{"Absolute", 5}}, absolute + 5.0},
		{fields{"ttl", math.MaxInt32}, float64(math.MaxInt32)},
	} {
		got, err := transcode(t, append(fields{"type", "SET", "address", "/a", "value", 1}, c.fields...))
		if err != nil || got["ttl"] != c.want {
			t.Errorf("%v is ttl %v (%v), want %v", c.fields, got["ttl"], err, c.want)
		}
	}
}

// TestTranscodeNumbers: numbers keep their kind, at the width that a value has anyway (protocol section 4).
func TestTranscodeNumbers(t *testing.T) {
	for in, want := range map[packed]any{
		"\x00": int64(0), "\x7f": int64(127), "\xe0": int64(-32), "\xff": int64(-1),
		"\xcc\xff": int64(255), "\xcd\xff\xff": int64(65535), "\xce\xff\xff\xff\xff": int64(math.MaxUint32),
		"\xcf\x7f\xff\xff\xff\xff\xff\xff\xff": int64(math.MaxInt64), "\xcf\x80\x00\x00\x00\x00\x00\x00\x00": float64(1 << 63),
		"\xd0\x80": int64(-128), "\xd1\x80\x00": int64(-32768), "\xd2\x80\x00\x00\x00": int64(math.MinInt32),
		"\xd3\x80\x00\x00\x00\x00\x00\x00\x00": int64(math.MinInt64),
		"\xca\x3f\x00\x00\x00":                 0.5, "\xcb\x3f\xf0\x00\x00\x00\x00\x00\x00": 1.0,
		"\xc0": nil, "\xc2": false, "\xc3": true,
		"\xa1a": "a", "\xd9\x01a": "a", "\xda\x00\x01a": "a", "\xdb\x00\x00\x00\x01a": "a",
	} {
		payload, err := wire.Transcode([]byte("x"), pack(fields{"type", "SET", "address", "/a", "value", in}))
		if err != nil {
			t.Errorf("%x: %v", in, err)
			continue
		}
		m, err := wire.DecodeSet(payload[1:])
		if err != nil {
			t.Errorf("%x: %v", in, err)
			continue
		}
		if got := m.Value.Any(); got != want {
			t.Errorf("%x is %T %v, want %T %v", in, got, got, want, want)
		}
	}
	for _, in := range []packed{
		"\xc4\x01a", "\xc5\x00\x01a", "\xc6\x00\x00\x00\x01a", "\x91\x01", "\xdc\x00\x01\x01", "\xdd\x00\x00\x00\x01\x01",
		"\x81\xa1k\x01", "\xde\x00\x01\xa1k\x01", "\xdf\x00\x00\x00\x01\xa1k\x01",
	} {
		d, err := transcode(t, fields{"type", "SET", "address", "/a", "value", in})
		want := any(message{"$bytes": "61"})
		switch in[0] {
		case 0x91, 0xDC, 0xDD:
			want = []any{1.0}
		case 0x81, 0xDE, 0xDF:
			want = message{"k": 1.0}
		}
		if err != nil || !same(d["value"], want) {
			t.Errorf("%x is %v (%v), want %v", in, d["value"], err, want)
		}
	}
}

func TestTranscodeRefuses(t *testing.T) {
	set := func(more ...any) fields { return append(fields{"type", "SET", "address", "/a", "value", 1}, more...) }
	publish := func(more ...any) fields { return append(fields{"type", "PUBLISH", "address", "/a"}, more...) }
	subscribe := func(more ...any) fields {
		return append(fields{"type", "SUBSCRIBE", "id", 1, "pattern", "/a"}, more...)
	}
	announce := func(more ...any) fields {
		return fields{"type", "ANNOUNCE", "signals", []any{append(fields{"address", "/a"}, more...)}}
	}
	bundle := func(messages ...any) fields { return fields{"type", "BUNDLE", "messages", messages} }
	for _, c := range []struct {
		in      fields
		problem string
	}{
		{fields{}, "type is missing"},
		{fields{"type", nil}, "type is missing"},
		{fields{"type", 33}, "type is not a string"},
		{fields{"type", "set"}, `unknown message type "set"`},
		{fields{"type", strings.Repeat("é", 40)}, `unknown message type "` + strings.Repeat(`\u00e9`, 16) + `"`},
		{fields{1, 2, "type", "PING"}, "map key is not a string"},
		{fields{[]byte("type"), "PING"}, "map key is not a string"},
		{fields{"type", "PING", "junk", fields{nil, 1}}, "map key is not a string"},
		{fields{"type", "PING", "junk", packed("\xc1")}, "type 0xc1"},
		{fields{"type", "PING", "junk", packed("\xd6\xff\x00\x00\x00\x00")}, "type 0xd6"},
		{fields{"type", "PING", "junk", packed("\xc7\x00\x01")}, "type 0xc7"},
		{fields{"type", "PING", "junk", "\xff"}, "not valid UTF-8"},
		{fields{"type", "PING", "\xff", 1}, "not valid UTF-8"},
		{fields{"type", "PING", "junk", packed("\xdd\xff\xff\xff\xff")}, "over 65535"},
		{fields{"type", "PING", "junk", packed("\xdc\xff\xff")}, "more than the rest"},
		{fields{"type", "PING", "junk", packed("\xdf\x00\x00\xff\xff")}, "more than the rest"},
		{fields{"type", "PING", "junk", packed("\xdb\xff\xff\xff\xff")}, "over 65535"},
		{fields{"type", "PING", "junk", packed("\xc6\x00\x00\xff\xff")}, "more than the rest"},
		{fields{"type", "HELLO"}, "HELLO: version is missing"},
		{fields{"type", "HELLO", "version", 256}, "HELLO: version is not a whole number from 0 to 255"},
		{fields{"type", "HELLO", "version", 1, "name", 5}, "HELLO: name is not a string"},
		{fields{"type", "HELLO", "version", 1, "features", "param"}, "HELLO: features is not a list"},
		{fields{"type", "HELLO", "version", 1, "features", []any{1}}, "HELLO: features is not a list of strings"},
		{fields{"type", "ANNOUNCE"}, "signals is missing"},
		{fields{"type", "ANNOUNCE", "signals", []any{1}}, "not a map"},
		{fields{"type", "ANNOUNCE", "signals", fields{"a", 1}}, "signals is not a list"},
		{announce(), "type is missing"},
		{announce("type", "x"), "type is not param, event"},
		{announce("type", "param", "meta", 1), "not a map"},
		{announce("type", "param", "meta", fields{"range", []any{1}}), "range is not a list of two numbers"},
		{announce("type", "param", "meta", fields{"range", []any{1, "2"}}), "range is not a list of two numbers"},
		{announce("type", "param", "meta", fields{"default", packed(strings.Repeat("\x91", 33) + "\x01")}), "nested too deep"},
		{fields{"type", "SUBSCRIBE", "pattern", "/a"}, "id is missing"},
		{fields{"type", "SUBSCRIBE", "id", 1}, "pattern is missing"},
		{fields{"type", "SUBSCRIBE", "id", -1, "pattern", "/a"}, "id is not a whole number from 0 to 4294967295"},
		{fields{"type", "SUBSCRIBE", "id", int64(1 << 32), "pattern", "/a"}, "id is not"},
		{fields{"type", "SUBSCRIBE", "id", 1.5, "pattern", "/a"}, "id is not"},
		{fields{"type", "SUBSCRIBE", "id", math.NaN(), "pattern", "/a"}, "id is not"},
		{fields{"type", "SUBSCRIBE", "id", math.Inf(1), "pattern", "/a"}, "id is not"},
		{fields{"type", "SUBSCRIBE", "id", "1", "pattern", "/a"}, "id is not"},
		{subscribe("types", []any{"params"}), "types is not param, event"},
		{subscribe("options", []any{}), "not a map"},
		{subscribe("options", fields{"epsilon", "x"}), "epsilon is not a number"},
		{subscribe("options", fields{"maxRate", -1}), "max_rate is not a whole number"},
		{fields{"type", "UNSUBSCRIBE"}, "UNSUBSCRIBE: id is missing"},
		{fields{"type", "PUBLISH"}, "PUBLISH: address is missing"},
		{publish("signal", "Event"), "signal is not param, event"},
		{publish("signal", "gesture", "phase", "begin"), "phase is not start, move"},
		{publish("samples", []any{1, "2"}), "samples is not a list of numbers"},
		{publish("samples", 1), "samples is not a list"},
		{publish("timeline", 1), "not a map"},
		{publish("timeline", fields{}), "keyframes is missing"},
		{publish("keyframes", 1), "keyframes is not a list"},
		{publish("keyframes", []any{}, "loop", 1), "loop is not true or false"},
		{publish("keyframes", []any{}, "duration", "1s"), "duration is not a number"},
		{publish("keyframes", packed(strings.Repeat("\x91", 32)+"\x01")), "nested too deep"},
		{publish("value", packed(strings.Repeat("\x91", 33)+"\x01")), "nested too deep"},
		{publish("value", packed(strings.Repeat("\x81\xa0", 40000)+"\x01")), "nested too deep"},
		{publish("rate", 1.5), "rate is not a whole number"},
		{publish("timestamp", -1), "timestamp is not a whole number from 0 to 18446744073709551615"},
		{fields{"type", "SET", "address", "/a"}, "SET: value is missing"},
		{fields{"type", "SET", "value", 1}, "SET: address is missing"},
		{set("lock", 1), "lock is not true or false"},
		{set("revision", "1"), "revision is not a whole number"},
		{set("ttl", "never"), "ttl is not seconds"},
		{set("ttl", fields{}), "sliding is missing"},
		{set("ttl", fields{"Sliding", int64(1 << 31)}), "sliding is not a whole number from 0 to 2147483647"},
		{set("ttl", -1), "ttl is not a whole number"},
		{set("ttl", true), "ttl is not a whole number"},
		{set("ttl", 1, "absolute", "yes"), "absolute is not true or false"},
		{fields{"type", "GET"}, "GET: address is missing"},
		{fields{"type", "REPLAY"}, "REPLAY: pattern is missing"},
		{fields{"type", "SYNC"}, "SYNC: t1 is missing"},
		{fields{"type", "QUERY"}, "QUERY: pattern is missing"},
		{fields{"type", "BUNDLE"}, "BUNDLE: messages is missing"},
		{bundle(1), "not a map"},
		{bundle(fields{"type", "PING"}), "a bundle cannot hold PING"},
		{bundle(bundle()), "a bundle cannot hold BUNDLE"},
		{bundle(set(), fields{"type", "SET", "address", "/a"}), "SET: value is missing"},
		{bundle(fields{"type", "SET", "address", "/a", "value", packed(strings.Repeat("\x91", 33) + "\x01")}), "nested too deep"},
	} {
		dst, err := wire.Transcode([]byte("x"), pack(c.in))
		name := fmt.Sprintf("%.80q", fmt.Sprint(c.in))
		wantCode(t, err, wire.CodeBadMessage, name)
		if err != nil && !strings.Contains(err.Error(), c.problem) {
			t.Errorf("%s: %v, want %s", name, err, c.problem)
		}
		if string(dst) != "x" {
			t.Errorf("%s: left %x behind", name, dst)
		}
	}
}

// TestTranscodeNesting: what is allowed in the binary encoding is allowed here, wherever in a message the value stands.
func TestTranscodeNesting(t *testing.T) {
	deepest := packed(strings.Repeat("\x91", wire.MaxDepth) + "\x01")
	set := fields{"type", "SET", "address", "/a", "value", deepest}
	for _, m := range []fields{
		set,
		{"type", "BUNDLE", "messages", []any{set, set}},
		{"type", "PUBLISH", "address", "/a", "payload", deepest},
		{"type", "PUBLISH", "address", "/a", "keyframes", deepest[1:]},
		{"type", "PUBLISH", "address", "/a", "timeline", fields{"keyframes", deepest[1:]}},
		{"type", "ANNOUNCE", "signals", []any{fields{"address", "/a", "type", "param", "meta", fields{"default", deepest}}}},
	} {
		if _, err := transcode(t, m); err != nil {
			t.Errorf("%.80v: %v", m, err)
		}
	}
}

// TestTranscodeRouterMessages: what only a router sends becomes a type byte that the router ignores.
func TestTranscodeRouterMessages(t *testing.T) {
	for _, kind := range []wire.Type{wire.TypeWelcome, wire.TypeSnapshot, wire.TypeAck, wire.TypeError, wire.TypeResult} {
		payload, err := wire.Transcode(nil, pack(fields{"type", kind.String(), "message", "m"}))
		if err != nil || !bytes.Equal(payload, []byte{byte(kind)}) {
			t.Errorf("%v is %x (%v)", kind, payload, err)
		}
	}
}

// TestTranscodeGrowth: small integers grow most, and a bundled message that grew too large is refused.
func TestTranscodeGrowth(t *testing.T) {
	small := packed("\xdc\xc3\x50" + strings.Repeat("\x01", 50000))
	set := fields{"type", "SET", "address", "/a", "value", small}
	in := pack(set)
	out, err := wire.Transcode(nil, in)
	if err != nil || len(out) > 9*len(in) || len(out) < 8*len(in) {
		t.Errorf("%d bytes became %d (%v)", len(in), len(out), err)
	}
	_, err = wire.Transcode(nil, pack(fields{"type", "BUNDLE", "messages", []any{set}}))
	wantCode(t, err, wire.CodeBadValue, "a message of 450000 bytes in a bundle")
}

// TestTranscodeLeftovers: bytes after the map are ignored, as after a binary message.
func TestTranscodeLeftovers(t *testing.T) {
	payload, err := wire.Transcode(nil, append(pack(fields{"type", "PING"}), "more"...))
	if err != nil || !bytes.Equal(payload, []byte{byte(wire.TypePing)}) {
		t.Errorf("became %x (%v)", payload, err)
	}
}
