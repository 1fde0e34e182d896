package wire_test

// Every frame that the public clients produce: decoded to the message beside it, encoded again to the same bytes, and cut
// short at every byte.

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clasp-studio/clasp/router/wire"
)

type vector struct {
	Name      string
	Message   message
	QoS       *uint8
	Timestamp *uint64
	Frame     string
}

func (v vector) bytes(t testing.TB) []byte {
	t.Helper()
	frame, err := hex.DecodeString(v.Frame)
	if err != nil {
		t.Fatalf("%s: %v", v.Name, err)
	}
	return frame
}

func (v vector) frame(t testing.TB) wire.Frame {
	t.Helper()
	f, rest, err := wire.ReadFrame(v.bytes(t))
	if err != nil || len(rest) != 0 {
		t.Fatalf("%s: ReadFrame: %v, %d bytes left over", v.Name, err, len(rest))
	}
	return f
}

// loadVectors returns the vectors of both files, named file/name.
func loadVectors(t testing.TB) []vector {
	t.Helper()
	var all []vector
	for _, file := range []string{"javascript", "python"} {
		text, err := os.ReadFile(filepath.Join("testdata", "vectors", file+".json"))
		if err != nil {
			t.Fatal(err)
		}
		var lists struct{ Frames, QoS, Legacy []vector }
		if err := json.Unmarshal(text, &lists); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for _, list := range [][]vector{lists.Frames, lists.QoS, lists.Legacy} {
			for _, v := range list {
				v.Name = file + "/" + v.Name
				all = append(all, v)
			}
		}
	}
	if len(all) < 90 {
		t.Fatalf("only %d vectors found", len(all))
	}
	return all
}

// binary returns the payload in the binary encoding, transcoded if it is not.
func (v vector) binary(t testing.TB) (payload []byte, legacy bool) {
	t.Helper()
	payload = v.frame(t).Payload
	if !wire.IsLegacy(payload) {
		return payload, false
	}
	payload, err := wire.Transcode(nil, payload)
	if err != nil {
		t.Fatalf("%s: Transcode: %v", v.Name, err)
	}
	return payload, true
}

func TestVectorsDecode(t *testing.T) {
	for _, v := range loadVectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			f := v.frame(t)
			if v.QoS != nil && uint8(f.QoS) != *v.QoS {
				t.Errorf("QoS is %v, want %d", f.QoS, *v.QoS)
			}
			if f.HasTimestamp != (v.Timestamp != nil) || f.HasTimestamp && f.Timestamp != *v.Timestamp {
				t.Errorf("timestamp is %v %d", f.HasTimestamp, f.Timestamp)
			}
			payload, legacy := v.binary(t)
			got, err := describe(t, payload)
			if err != nil {
				t.Fatal(err)
			}
			want := expected(t, v.Message, legacy)
			if x, ok := v.Message["payload"]; ok && x == nil && strings.HasPrefix(v.Name, "python/") {
				delete(want, "value") // where JavaScript sends a null, Python sends nothing
			}
			if !same(got, want) {
				t.Errorf("decoded\n%#v, want\n%#v", got, want)
			}
		})
	}
}

func TestVectorsEncode(t *testing.T) {
	for _, v := range loadVectors(t) {
		f := v.frame(t)
		if wire.IsLegacy(f.Payload) || f.HasTimestamp {
			continue // nothing of ours sends these
		}
		t.Run(v.Name, func(t *testing.T) {
			payload, err := reencode(t, f.Payload)
			if err != nil {
				t.Fatal(err)
			}
			frame, err := wire.AppendFrame(nil, f.QoS, payload)
			if err != nil {
				t.Fatal(err)
			}
			if want := v.bytes(t); !bytes.Equal(frame, want) {
				t.Errorf("encoded\n%x, want\n%x", frame, want)
			}
		})
	}
}

// TestVectorsTruncated cuts every vector at every byte: the frame as a whole (100), and its payload in a frame whose length
// says so (101). Only a PUBLISH may lose bytes and still be one: those of its rate, which has no flag.
func TestVectorsTruncated(t *testing.T) {
	for _, v := range loadVectors(t) {
		frame, f := v.bytes(t), v.frame(t)
		for n := range frame {
			_, _, err := wire.ReadFrame(frame[:n])
			wantCode(t, err, wire.CodeBadFrame, fmt.Sprintf("%s: frame cut to %d bytes", v.Name, n))
		}
		for n := range f.Payload {
			short, err := wire.AppendFrame(nil, f.QoS, f.Payload[:n])
			if err != nil {
				t.Fatal(err)
			}
			cut, _, err := wire.ReadFrame(short)
			if err != nil {
				t.Fatalf("%s: payload cut to %d bytes: %v", v.Name, n, err)
			}
			payload := cut.Payload
			if wire.IsLegacy(f.Payload) {
				_, err = wire.Transcode(nil, payload)
			} else {
				_, err = describe(t, payload)
			}
			if whole, e := wire.DecodePublish(f.Payload); e == nil && whole.HasRate && n >= whole.Size-4 {
				if err != nil {
					t.Errorf("%s: cut to %d bytes, within its rate: %v", v.Name, n, err)
				}
				continue
			}
			wantCode(t, err, wire.CodeBadMessage, fmt.Sprintf("%s: payload cut to %d bytes", v.Name, n))
		}
	}
}

// TestVectorsAreTheSharedOnes keeps the copy in testdata true where the original is at hand.
func TestVectorsAreTheSharedOnes(t *testing.T) {
	shared := filepath.Join("..", "..", "..", "shared", "vectors")
	if _, err := os.Stat(shared); err != nil {
		t.Skipf("%s: the repository stands alone here: %v", t.Name(), err)
	}
	for _, name := range []string{"javascript.json", "python.json"} {
		original, err := os.ReadFile(filepath.Join(shared, name))
		if err != nil {
			t.Fatal(err)
		}
		ours, err := os.ReadFile(filepath.Join("testdata", "vectors", name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(original, ours) {
			t.Errorf("testdata/vectors/%s differs from %s: copy it again", name, shared)
		}
	}
}

// wantCode fails unless err is a *ProtocolError with the code.
func wantCode(t testing.TB, err error, code wire.Code, what string) {
	t.Helper()
	var p *wire.ProtocolError
	if !errors.As(err, &p) {
		t.Errorf("%s: error is %v, want a protocol error %d", what, err, code)
		return
	}
	if p.Code != code {
		t.Errorf("%s: error is %v, want code %d", what, p, code)
	}
}
