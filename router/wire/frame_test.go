package wire_test

import (
	"bytes"
	"testing"

	"github.com/clasp-studio/clasp/router/wire"
)

func TestReadFrameRefuses(t *testing.T) {
	ok := []byte{0x53, 0x01, 0, 1, 0x41}
	if _, _, err := wire.ReadFrame(ok); err != nil {
		t.Fatal(err)
	}
	for name, frame := range map[string][]byte{
		"nothing":               {},
		"half a header":         {0x53, 0x01, 0},
		"wrong magic":           {0x54, 0x01, 0, 1, 0x41},
		"QoS 3":                 {0x53, 0xC1, 0, 1, 0x41},
		"encrypted":             {0x53, 0x11, 0, 1, 0x41},
		"compressed":            {0x53, 0x09, 0, 1, 0x41},
		"less than its length":  {0x53, 0x01, 0, 2, 0x41},
		"largest length alone":  {0x53, 0x01, 0xFF, 0xFF},
		"half a timestamp":      {0x53, 0x21, 0, 0, 1, 2, 3, 4},
		"timestamp, no payload": {0x53, 0x21, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8},
	} {
		_, _, err := wire.ReadFrame(frame)
		wantCode(t, err, wire.CodeBadFrame, name)
	}
}

// TestReadFrameIgnoresEncoding: clients set the encoding bits wrongly, so any will do (protocol section 1).
func TestReadFrameIgnoresEncoding(t *testing.T) {
	for bits := byte(0); bits < 8; bits++ {
		if _, _, err := wire.ReadFrame([]byte{0x53, bits, 0, 0}); err != nil {
			t.Errorf("encoding %d: %v", bits, err)
		}
	}
}

func TestFramesBackToBack(t *testing.T) {
	var stream []byte
	var err error
	for q, payload := range []string{"\x41", "", "\x42"} {
		if stream, err = wire.AppendFrame(stream, wire.QoS(q), []byte(payload)); err != nil {
			t.Fatal(err)
		}
	}
	for q, payload := range []string{"\x41", "", "\x42"} {
		var f wire.Frame
		if f, stream, err = wire.ReadFrame(stream); err != nil {
			t.Fatal(err)
		}
		if f.QoS != wire.QoS(q) || string(f.Payload) != payload || f.HasTimestamp {
			t.Errorf("frame %d is %+v", q, f)
		}
	}
	if len(stream) != 0 {
		t.Errorf("%d bytes left over", len(stream))
	}
}

func TestFrameSizeLimit(t *testing.T) {
	before := []byte("before")
	frame, err := wire.AppendFrame(before, wire.Commit, make([]byte, wire.MaxPayload))
	if err != nil {
		t.Fatal(err)
	}
	f, rest, err := wire.ReadFrame(frame[len(before):])
	if err != nil || len(rest) != 0 || len(f.Payload) != wire.MaxPayload || f.QoS != wire.Commit {
		t.Errorf("largest frame: %v, %d bytes of payload, QoS %v", err, len(f.Payload), f.QoS)
	}
	frame, err = wire.AppendFrame(before, wire.Fire, make([]byte, wire.MaxPayload+1))
	wantCode(t, err, wire.CodeBadValue, "a byte too many")
	if !bytes.Equal(frame, before) {
		t.Errorf("a refused frame left %d bytes behind", len(frame)-len(before))
	}
}

// TestPayloadCannotGrowIntoTheNextFrame: views are handed to callers who may append to them.
func TestPayloadCannotGrowIntoTheNextFrame(t *testing.T) {
	stream := []byte{0x53, 0x01, 0, 1, 0x41, 0x53, 0x01, 0, 1, 0x42}
	f, rest, err := wire.ReadFrame(stream)
	if err != nil {
		t.Fatal(err)
	}
	_ = append(f.Payload, 0xEE)
	if rest[0] != 0x53 {
		t.Error("appending to a payload overwrote the frame after it")
	}
}

func TestNames(t *testing.T) {
	for want, got := range map[string]string{
		"SET": wire.TypeSet.String(), "type 0x7f": wire.Type(0x7F).String(),
		"timeline": wire.Timeline.String(), "signal 5": wire.Signal(5).String(),
		"cancel": wire.Cancel.String(), "phase 4": wire.Phase(4).String(),
		"commit": wire.Commit.String(), "qos 3": wire.QoS(3).String(),
	} {
		if got != want {
			t.Errorf("String() is %q, want %q", got, want)
		}
	}
	masks := []uint8{wire.MaskParam, wire.MaskEvent, wire.MaskStream, wire.MaskGesture, wire.MaskTimeline}
	for s, want := range masks {
		if got := wire.Signal(s).Mask(); got != want {
			t.Errorf("mask of %v is %d, want %d", wire.Signal(s), got, want)
		}
	}
}

// TestFrameSize: on a byte stream a frame comes in pieces, and what is no frame shows as early as it can.
func TestFrameSize(t *testing.T) {
	frame := []byte{0x53, 0x21, 1, 2}
	for n, want := range []int{0, 0, 0, 0, 12 + 0x102} {
		if got, err := wire.FrameSize(frame[:n]); got != want || err != nil {
			t.Errorf("of %d bytes: %d, %v, want %d", n, got, err, want)
		}
	}
	if got, err := wire.FrameSize([]byte{0x53, 0x01, 0xFF, 0xFF, 1, 2, 3}); got != wire.HeaderSize+wire.MaxPayload || err != nil {
		t.Errorf("the longest without a timestamp: %d, %v", got, err)
	}
	for name, b := range map[string][]byte{
		"wrong magic": {0x54}, "QoS 3": {0x53, 0xC1}, "encrypted": {0x53, 0x11}, "compressed": {0x53, 0x09, 0, 1, 0x41},
	} {
		_, err := wire.FrameSize(b)
		wantCode(t, err, wire.CodeBadFrame, name)
	}
}
