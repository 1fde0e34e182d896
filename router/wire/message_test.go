package wire_test

// What binary messages are refused for, what is let through, and what each costs.

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/clasp-studio/clasp/router/wire"
)

func TestMessagesRefused(t *testing.T) {
	for _, c := range []struct{ payload, problem string }{
		{"\x21\x07\x00\x1e/lumen", "SET: address runs past the payload at byte 4"},
		{"\x21\x07\x00", "SET: address runs past the payload at byte 2"},
		{"\x21\x0c\x00\x02/a", "SET: unknown value code 0xc at byte 6"},
		{"\x21\x0f\x00\x02/a\x00\x00", "SET: unknown value code 0xf at byte 6"},
		{"\x21\x00\x00\x02/\xff", "SET: address is not valid UTF-8 at byte 4"},
		{"\x21\x80\x00\x02/a\x00\x00", "SET: revision runs past the payload at byte 6"},
		{"\x21\x0a\x00\x02/a" + string(nestedArrays(33)[1:]), "SET: value nested deeper than 32 levels at byte 102"},
		{"\x20\xa0\x00\x02/a\x00", "PUBLISH: unknown signal 5 at byte 1"},
		{"\x20\xe0\x00\x02/a\x00", "PUBLISH: unknown signal 7 at byte 1"},
		{"\x20\x64\x00\x02/a\x00", "PUBLISH: unknown phase 4 at byte 1"},
		{"\x20\x20\x00\x02/a\x03", "PUBLISH: unknown data indicator 3 at byte 6"},
		{"\x20\x20\x00\x02/a\x01\x0c", "PUBLISH: unknown value code 0xc at byte 8"},
		{"\x20\x40\x00\x02/a\x02\xff\xff", "PUBLISH: sample list runs past the payload at byte 9"},
		{"\x10\x00\x00\x00\x01\x00\x01\xff\xff\x00", "SUBSCRIBE: pattern is not valid UTF-8 at byte 7"},
		{"\x03\x00\x00\xff\xff", "ANNOUNCE: count is more than the rest of the payload can hold at byte 5"},
		{"\x03\x00\x00\x00\x01\x00\x00\x05\x00", "ANNOUNCE: signal is not a signal at byte 7"},
		{"\x03\x00\x00\x00\x01\x00\x00\x00\x04\x04\x0c", "ANNOUNCE: unknown value code 0xc at byte 11"},
		{"\x23\xff\xff", "SNAPSHOT: count is more than the rest of the payload can hold at byte 3"},
		{"\x30\x00\xff\xff", "BUNDLE: count is more than the rest of the payload can hold at byte 4"},
		{"\x30\x80\x00\x01\x00", "BUNDLE: timestamp runs past the payload at byte 4"},
		{"\x30\x00\x00\x01\x00\x05A", "BUNDLE: message runs past the payload at byte 6"},
		{"\x61\xff\xff", "RESULT: count is more than the rest of the payload can hold at byte 3"},
		{"\x01\x01\xe0\x00\x00\x00\x01\xfe", "HELLO: token is not valid UTF-8 at byte 7"},
	} {
		_, err := describe(t, []byte(c.payload))
		if err == nil || err.Error() != "101: "+c.problem {
			t.Errorf("%.24x: %v, want %s", c.payload, err, c.problem)
		}
	}
}

// TestDecodersRefuseOtherTypes: a decoder given another message, or nothing, says so.
func TestDecodersRefuseOtherTypes(t *testing.T) {
	decoders := map[string]func([]byte) error{
		"HELLO":       func(p []byte) error { _, err := wire.DecodeHello(p); return err },
		"WELCOME":     func(p []byte) error { _, err := wire.DecodeWelcome(p); return err },
		"ANNOUNCE":    func(p []byte) error { _, err := wire.DecodeAnnounce(p); return err },
		"SUBSCRIBE":   func(p []byte) error { _, err := wire.DecodeSubscribe(p); return err },
		"UNSUBSCRIBE": func(p []byte) error { _, err := wire.DecodeUnsubscribe(p); return err },
		"PUBLISH":     func(p []byte) error { _, err := wire.DecodePublish(p); return err },
		"SET":         func(p []byte) error { _, err := wire.DecodeSet(p); return err },
		"GET":         func(p []byte) error { _, err := wire.DecodeGet(p); return err },
		"SNAPSHOT":    func(p []byte) error { _, err := wire.DecodeSnapshot(p); return err },
		"REPLAY":      func(p []byte) error { _, err := wire.DecodeReplay(p); return err },
		"BUNDLE":      func(p []byte) error { _, err := wire.DecodeBundle(p); return err },
		"SYNC":        func(p []byte) error { _, err := wire.DecodeSync(p); return err },
		"ACK":         func(p []byte) error { _, err := wire.DecodeAck(p); return err },
		"ERROR":       func(p []byte) error { _, err := wire.DecodeError(p); return err },
		"QUERY":       func(p []byte) error { _, err := wire.DecodeQuery(p); return err },
		"RESULT":      func(p []byte) error { _, err := wire.DecodeResult(p); return err },
	}
	other := append([]byte{byte(wire.TypePing)}, make([]byte, 64)...)
	for name, decode := range decoders {
		for _, payload := range [][]byte{nil, other} {
			err := decode(payload)
			wantCode(t, err, wire.CodeBadMessage, name)
			if err != nil && !strings.HasPrefix(err.Error(), "101: "+name+": ") {
				t.Errorf("%s: error does not name the message: %v", name, err)
			}
		}
	}
}

// TestLeftoversIgnored: newer clients may append to a message (protocol section 3).
func TestLeftoversIgnored(t *testing.T) {
	for _, v := range loadVectors(t) {
		payload, _ := v.binary(t)
		want, err := describe(t, payload)
		if err != nil {
			t.Fatal(err)
		}
		extra := "more than it needs"
		if want["type"] == "PUBLISH" {
			if want["rate"] == nil {
				extra = "abc" // a fourth byte would make it a rate
			}
		}
		got, err := describe(t, append(bytes.Clone(payload), extra...))
		if err != nil || !same(got, want) {
			t.Errorf("%s: with bytes left over it is %v (%v)", v.Name, got, err)
		}
	}
}

func TestPublishRate(t *testing.T) {
	bare := "\x20\x40\x00\x02/a\x00"
	for extra, want := range map[string]struct {
		rate uint32
		has  bool
		size int
	}{
		"": {0, false, 7}, "\x00": {0, false, 7}, "\x00\x00\x01": {0, false, 7},
		"\x00\x00\x01\x02": {258, true, 11}, "\x00\x00\x01\x02more": {258, true, 11},
	} {
		m, err := wire.DecodePublish([]byte(bare + extra))
		if err != nil {
			t.Fatal(err)
		}
		if m.Rate != want.rate || m.HasRate != want.has || m.Size != want.size {
			t.Errorf("%d bytes behind it: rate %d %v, size %d, want %+v", len(extra), m.Rate, m.HasRate, m.Size, want)
		}
	}
}

// TestViewsCannotGrow: appending to a field must not write over the payload behind it, which others read.
func TestViewsCannotGrow(t *testing.T) {
	payload := bytes.Clone(setPayload)
	m, err := wire.DecodeSet(payload)
	if err != nil {
		t.Fatal(err)
	}
	_ = append(m.Address, 0xEE)
	_ = append(m.Value.Data, 0xEE)
	if !bytes.Equal(payload, setPayload) {
		t.Errorf("the payload is now %x, was %x", payload, setPayload)
	}
}

// TestEmptyMessagesInBundle: what is inside a bundle is for who decodes the inner messages; empty ones are its smallest.
func TestEmptyMessagesInBundle(t *testing.T) {
	m, err := wire.DecodeBundle([]byte("\x30\x00\x00\x02\x00\x00\x00\x00"))
	if err != nil || m.Count != 2 {
		t.Fatalf("%d messages: %v", m.Count, err)
	}
	for n := range 3 {
		if p, ok := m.Next(); ok != (n < 2) || len(p) != 0 {
			t.Errorf("message %d is %x, %v", n, p, ok)
		}
	}
}

// TestResultHasNoMeta: the bit means meta in ANNOUNCE only (protocol section 3), as the public clients have it.
func TestResultHasNoMeta(t *testing.T) {
	m, err := wire.DecodeResult([]byte("\x61\x00\x02\x00\x02/a\x00\x04\x00\x02/b\x01\x00"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"/a", "/b"} {
		if s, ok := m.Next(); !ok || string(s.Address) != want || s.HasMeta {
			t.Errorf("signal is %+v, want %s", s, want)
		}
	}
	out := wire.AppendResultSignal(nil, wire.SignalInfo{Address: []byte("/a"), HasMeta: true})
	if string(out) != "\x00\x02/a\x00\x00" {
		t.Errorf("a signal with meta went into a RESULT as %x", out)
	}
}

// TestPhaseOutsideGestures: only a gesture has phases; elsewhere the bits say nothing and stay.
func TestPhaseOutsideGestures(t *testing.T) {
	payload := []byte("\x20\x27\x00\x02/a\x00")
	m, err := wire.DecodePublish(payload)
	if err != nil {
		t.Fatal(err)
	}
	if got := wire.AppendPublish(nil, m); !bytes.Equal(got, payload) {
		t.Errorf("left as %x, came as %x", got, payload)
	}
}

// TestReplayRoundTrip: no public client sends REPLAY, so no vector has it.
func TestReplayRoundTrip(t *testing.T) {
	for flags := range 8 {
		m := wire.Replay{
			HasFrom: flags&4 != 0, HasTo: flags&2 != 0, HasLimit: flags&1 != 0, Pattern: []byte("/a/**"), Types: wire.MaskEvent,
		}
		if m.HasFrom {
			m.From = 1704067200000000
		}
		if m.HasTo {
			m.To = 1 << 63
		}
		if m.HasLimit {
			m.Limit = 100
		}
		payload := wire.AppendReplay(nil, m)
		if want := byte(flags) << 5; payload[1] != want {
			t.Errorf("flags are %08b, want %08b", payload[1], want)
		}
		got, err := wire.DecodeReplay(payload)
		if err != nil || fmt.Sprint(got) != fmt.Sprint(m) {
			t.Errorf("%+v came back as %+v (%v)", m, got, err)
		}
		if _, err := wire.DecodeReplay(payload[:len(payload)-1]); err == nil {
			t.Error("a REPLAY without its type mask was read")
		}
	}
}

// TestOversizedStringNeverLeaves: encoders cannot fail, so a string too long for its length makes a payload that
// EndFrame refuses.
func TestOversizedStringNeverLeaves(t *testing.T) {
	long := bytes.Repeat([]byte("a"), wire.MaxPayload+1)
	_, err := wire.AppendFrame(nil, wire.Fire, wire.AppendGet(nil, wire.Get{Address: long}))
	wantCode(t, err, wire.CodeBadValue, "GET of an oversized address")
	bundle := wire.BeginBundle(nil, false, 0)
	again, err := wire.AppendBundleMessage(bundle, long)
	wantCode(t, err, wire.CodeBadValue, "an oversized message in a bundle")
	if !bytes.Equal(again, bundle) {
		t.Error("a refused message was appended")
	}
}

func TestDecodingAllocatesNothing(t *testing.T) {
	for _, v := range loadVectors(t) {
		frame := v.bytes(t)
		payload, _ := v.binary(t)
		var decode func() error
		switch wire.Type(payload[0]) {
		case wire.TypeSet:
			decode = func() error { _, err := wire.DecodeSet(payload); return err }
		case wire.TypePublish:
			decode = func() error { _, err := wire.DecodePublish(payload); return err }
		case wire.TypeSubscribe:
			decode = func() error { _, err := wire.DecodeSubscribe(payload); return err }
		case wire.TypeGet:
			decode = func() error { _, err := wire.DecodeGet(payload); return err }
		default:
			continue
		}
		if n := testing.AllocsPerRun(100, func() {
			if _, _, err := wire.ReadFrame(frame); err != nil {
				t.Error(err)
			}
			if err := decode(); err != nil {
				t.Error(err)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations to decode", v.Name, n)
		}
	}
}

func TestEncodingAllocatesNothing(t *testing.T) {
	set, err := wire.DecodeSet([]byte("\x21\xd2\x00\x04/all\x07\x00\x00\x00\x00\x00\x00\x00\x07\x00\x00\x00\x05"))
	if err != nil {
		t.Fatal(err)
	}
	publish := wire.Publish{Signal: wire.Stream, Address: []byte("/s"), HasValue: true, Value: set.Value, HasRate: true}
	buf := make([]byte, 0, 1024)
	if n := testing.AllocsPerRun(100, func() {
		b := wire.BeginFrame(buf, wire.Confirm)
		b = wire.AppendSet(b, set)
		b = wire.AppendPublish(b, publish)
		b = wire.AppendWideValue(b, set.Value)
		b = wire.AppendAck(b, wire.Ack{HasAddress: true, Address: set.Address, HasRevision: true, Revision: 7})
		b = wire.AppendSnapshotEntry(b, wire.SnapshotEntry{Address: set.Address, Value: set.Value, HasWriter: true, Writer: set.Address})
		if _, err := wire.EndFrame(b, 0); err != nil {
			t.Error(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations to encode into a buffer that is large enough", n)
	}
}

var (
	setPayload     = wire.AppendSet(nil, wire.Set{Address: []byte("/lumen/scene/0/layer/0/opacity"), Value: wire.Value{Code: wire.F64Code, Data: make([]byte, 8)}, HasRevision: true, Revision: 7})
	publishPayload = wire.AppendPublish(nil, wire.Publish{Signal: wire.Stream, Address: []byte("/sensor/acc/left"), HasValue: true, Value: wire.Value{Code: wire.F64Code, Data: make([]byte, 8)}, HasTimestamp: true})
)

func BenchmarkDecodeSet(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := wire.DecodeSet(setPayload); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodePublish(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := wire.DecodePublish(publishPayload); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendSet(b *testing.B) {
	m, err := wire.DecodeSet(setPayload)
	if err != nil {
		b.Fatal(err)
	}
	buf := make([]byte, 0, 256)
	b.ReportAllocs()
	for b.Loop() {
		buf = wire.AppendSet(buf[:0], m)
	}
}

func BenchmarkAppendPublish(b *testing.B) {
	m, err := wire.DecodePublish(publishPayload)
	if err != nil {
		b.Fatal(err)
	}
	buf := make([]byte, 0, 256)
	b.ReportAllocs()
	for b.Loop() {
		buf = wire.AppendPublish(buf[:0], m)
	}
}
