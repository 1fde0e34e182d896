package wire_test

// Fuzz targets. None may panic, and what each accepts must come out again as it went in. The seeds are the vectors; what
// breaks decoders is in testdata/fuzz.

import (
	"bytes"
	"encoding/json"
	"math"
	"testing"

	"github.com/clasp-studio/clasp/router/wire"
)

func FuzzFrame(f *testing.F) {
	for _, v := range loadVectors(f) {
		f.Add(v.bytes(f))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		frame, rest, err := wire.ReadFrame(b)
		if err != nil {
			wantCode(t, err, wire.CodeBadFrame, "frame")
			return
		}
		header := wire.HeaderSize
		if frame.HasTimestamp {
			header += 8
		}
		if header+len(frame.Payload)+len(rest) != len(b) || !bytes.Equal(frame.Payload, b[header:][:len(frame.Payload)]) {
			t.Fatalf("%d bytes of payload and %d after it do not make up the %d", len(frame.Payload), len(rest), len(b))
		}
		again, err := wire.AppendFrame(nil, frame.QoS, frame.Payload)
		if err != nil {
			t.Fatal(err)
		}
		second, _, err := wire.ReadFrame(again)
		if err != nil || second.QoS != frame.QoS || !bytes.Equal(second.Payload, frame.Payload) {
			t.Fatalf("encoded again it is %+v (%v), was %+v", second, err, frame)
		}
	})
}

// FuzzMessage feeds every decoder: what decodes, encoded and decoded again, is the same and no longer than it was.
func FuzzMessage(f *testing.F) {
	for _, v := range loadVectors(f) {
		payload, _ := v.binary(f)
		f.Add(payload)
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		first, encoded, err := decode(t, payload)
		if err != nil {
			wantCode(t, err, wire.CodeBadMessage, "message")
			return
		}
		if len(encoded) > len(payload) {
			t.Fatalf("%x grew to %x", payload, encoded)
		}
		second, again, err := decode(t, encoded)
		if err != nil || !same(first, second) || !bytes.Equal(encoded, again) {
			t.Fatalf("%x was\n%v, encoded as %x it is\n%v (%v), encoded as %x", payload, first, encoded, second, err, again)
		}
	})
}

// FuzzValue: a value leaves as it came, prints as JSON of bounded length, and its widened form is one too.
func FuzzValue(f *testing.F) {
	for _, v := range loadVectors(f) {
		payload, _ := v.binary(f)
		if m, err := wire.DecodeSet(payload); err == nil {
			f.Add(wire.AppendValue(nil, m.Value))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		v, rest, err := wire.ReadValue(b)
		if err != nil {
			wantCode(t, err, wire.CodeBadMessage, "value")
			return
		}
		encoded := wire.AppendValue(nil, v)
		if !bytes.Equal(append(encoded, rest...), b) {
			t.Fatalf("%x came out as %x and %x", b, encoded, rest)
		}
		wide, left, err := wire.ReadValue(wire.AppendWideValue(nil, v))
		if err != nil || len(left) != 0 || wide.Code != v.Wide() {
			t.Fatalf("%x widened is %+v (%v)", encoded, wide, err)
		}
		if n, ok := v.Number(); ok {
			if w, _ := wide.Number(); w != n && !math.IsNaN(n) {
				t.Fatalf("%x is %v, widened %v", encoded, n, w)
			}
		}
		text := wire.AppendJSON(nil, v)
		if !json.Valid(text) || len(text) > 6*len(encoded) {
			t.Fatalf("%x printed %s", encoded, text)
		}
		if again, err := wire.AppendAny(nil, v.Any()); err != nil {
			t.Fatalf("%x: what Any gave does not encode: %v", encoded, err)
		} else if _, _, err := wire.ReadValue(again); err != nil {
			t.Fatalf("%x: what Any gave encodes to %x: %v", encoded, again, err)
		}
		v.Range(func(_ []byte, item wire.Value) bool {
			if _, _, err := wire.ReadValue(wire.AppendValue(nil, item)); err != nil {
				t.Fatalf("%x holds %+v: %v", encoded, item, err)
			}
			return true
		})
	})
}

// FuzzTranscode: what is transcoded has bounded length and decodes, unless it is what only a router sends.
func FuzzTranscode(f *testing.F) {
	for _, v := range loadVectors(f) {
		if payload := v.frame(f).Payload; wire.IsLegacy(payload) {
			f.Add(payload)
		}
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		out, err := wire.Transcode(nil, payload)
		if err != nil {
			if len(payload) < wire.MaxPayload/9 { // no bundled message can be too large
				wantCode(t, err, wire.CodeBadMessage, "legacy payload")
			}
			return
		}
		if len(out) > 9*len(payload) {
			t.Fatalf("%d bytes became %d", len(payload), len(out))
		}
		switch wire.Type(out[0]) {
		case wire.TypeWelcome, wire.TypeSnapshot, wire.TypeAck, wire.TypeError, wire.TypeResult:
			if len(out) != 1 {
				t.Fatalf("%x became %x", payload, out)
			}
			return
		}
		again, err := reencode(t, out)
		if err != nil || !bytes.Equal(again, out) {
			t.Fatalf("%x became %x, which is encoded as %x (%v)", payload, out, again, err)
		}
	})
}

// FuzzJSON: what is accepted is JSON, makes a good value, and printed and read again is the same text.
func FuzzJSON(f *testing.F) {
	for _, v := range loadVectors(f) {
		for _, key := range []string{"value", "payload"} {
			if x := v.Message[key]; x != nil {
				text, err := json.Marshal(x)
				if err != nil {
					f.Fatal(err)
				}
				f.Add(string(text))
			}
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		encoded, err := wire.AppendFromJSON(nil, []byte(text))
		if err != nil {
			wantCode(t, err, wire.CodeBadValue, "JSON")
			return
		}
		if !json.Valid([]byte(text)) || len(encoded) > 9*len(text) {
			t.Fatalf("%q was encoded as %x", text, encoded)
		}
		v, rest, err := wire.ReadValue(encoded)
		if err != nil || len(rest) != 0 {
			t.Fatalf("%q was encoded as %x: %v, rest %x", text, encoded, err, rest)
		}
		printed := wire.AppendJSON(nil, v)
		second, err := wire.AppendFromJSON(nil, printed)
		if err != nil {
			t.Fatalf("%q was printed as %s: %v", text, printed, err)
		}
		w, _, err := wire.ReadValue(second)
		if err != nil {
			t.Fatal(err)
		}
		if again := wire.AppendJSON(nil, w); !bytes.Equal(again, printed) {
			t.Fatalf("%q was printed as %s, and that as %s", text, printed, again)
		}
	})
}
