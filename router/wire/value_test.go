package wire_test

import (
	"bytes"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/clasp-studio/clasp/router/wire"
)

// nestedArrays is an encoded value: a null with n arrays around it.
func nestedArrays(n int) []byte {
	return append(bytes.Repeat([]byte{wire.ArrayCode, 0, 1}, n), wire.NullCode)
}

// nestedMaps is an encoded value: a null with n maps around it.
func nestedMaps(n int) []byte {
	return append(bytes.Repeat([]byte{wire.MapCode, 0, 1, 0, 1, 'k'}, n), wire.NullCode)
}

func TestReadValue(t *testing.T) {
	for _, encoded := range []string{
		"\x00", "\x01\x00", "\x01\x01", "\x01\x07", "\x02\xff", "\x03\x01\x02", "\x04\x01\x02\x03\x04",
		"\x05\x01\x02\x03\x04\x05\x06\x07\x08", "\x06\x7f\xc0\x00\x01", "\x07\x7f\xf8\x00\x00\x00\x00\x00\x01",
		"\x08\x00\x02hi", "\x08\x00\x00", "\x09\x00\x02\xff\xfe", "\x0a\x00\x00", "\x0b\x00\x00",
		"\x0a\x00\x02\x00\x06\x00\x00\x00\x00", "\x0b\x00\x02\x00\x01b\x00\x00\x01a\x00", "\x0b\x00\x02\x00\x00\x00\x00\x00\x00",
		string(nestedArrays(wire.MaxDepth)), string(nestedMaps(wire.MaxDepth)),
	} {
		v, rest, err := wire.ReadValue([]byte(encoded + "rest"))
		if err != nil {
			t.Errorf("%x: %v", encoded, err)
			continue
		}
		if string(rest) != "rest" || v.Code != encoded[0] || string(v.Data) != encoded[1:] {
			t.Errorf("%x: read code %d, data %x, rest %q", encoded, v.Code, v.Data, rest)
		}
		if _, _, err := wire.ReadValue([]byte(encoded)); err != nil {
			t.Errorf("%x with nothing behind it: %v", encoded, err)
		}
		if again := wire.AppendValue(nil, v); string(again) != encoded {
			t.Errorf("%x: left as %x", encoded, again)
		}
	}
}

func TestReadValueRefuses(t *testing.T) {
	for encoded, problem := range map[string]string{
		"":                                      "code runs past the payload at byte 0",
		"\x0c":                                  "unknown value code 0xc at byte 1",
		"\xff":                                  "unknown value code 0xff at byte 1",
		"\x01":                                  "value runs past the payload at byte 1",
		"\x07\x00\x00":                          "value runs past the payload at byte 1",
		"\x08\x00":                              "string runs past the payload at byte 1",
		"\x08\x00\x05hi":                        "string runs past the payload at byte 3",
		"\x08\x00\x02\xc3\x28":                  "string is not valid UTF-8 at byte 3",
		"\x09\xff\xff":                          "byte string runs past the payload at byte 3",
		"\x0a\xff\xff":                          "array count is more than the rest of the payload can hold at byte 3",
		"\x0b\xff\xff":                          "map count is more than the rest of the payload can hold at byte 3",
		"\x0b\x00\x02\x00\x00\x00\x00\x00":      "map count is more than the rest of the payload can hold at byte 3",
		"\x0b\x00\x01\x00\x01\xff\x00":          "map key is not valid UTF-8 at byte 5",
		"\x0a\x00\x02\x08\x00\x01\xff":          "string is not valid UTF-8 at byte 6",
		string(nestedArrays(wire.MaxDepth + 1)): "value nested deeper than 32 levels at byte 97",
		string(nestedMaps(wire.MaxDepth + 1)):   "value nested deeper than 32 levels at byte 193",
		string(nestedArrays(1000)):              "value nested deeper than 32 levels at byte 97",
	} {
		_, _, err := wire.ReadValue([]byte(encoded))
		name := fmt.Sprintf("%.20x", encoded)
		wantCode(t, err, wire.CodeBadMessage, name)
		if err != nil && err.Error() != "101: value: "+problem {
			t.Errorf("%s: %v, want %s", name, err, problem)
		}
	}
}

// TestHostileCountsCostNothing: counts and lengths are believed only after a look at what is left, so refusing them
// allocates no more than the error.
func TestHostileCountsCostNothing(t *testing.T) {
	levels := []byte{}
	for range wire.MaxDepth {
		levels = append(levels, wire.ArrayCode, 0x80, 0)
	}
	hostile := map[string][]byte{
		"array":          {wire.ArrayCode, 0xFF, 0xFF},
		"map":            {wire.MapCode, 0xFF, 0xFF},
		"string":         {wire.StringCode, 0xFF, 0xFF},
		"counts in full": append(levels, bytes.Repeat([]byte{0xFF}, 40000)...),
	}
	for name, encoded := range hostile {
		if n := testing.AllocsPerRun(10, func() {
			if _, _, err := wire.ReadValue(encoded); err == nil {
				t.Errorf("%s: was read", name)
			}
		}); n > 12 {
			t.Errorf("%s: %v allocations to refuse it", name, n)
		}
	}
}

func TestWiden(t *testing.T) {
	for encoded, want := range map[string]string{
		"\x02\xff":                             "\x05\xff\xff\xff\xff\xff\xff\xff\xff",
		"\x02\x7f":                             "\x05\x00\x00\x00\x00\x00\x00\x00\x7f",
		"\x03\x80\x00":                         "\x05\xff\xff\xff\xff\xff\xff\x80\x00",
		"\x04\x80\x00\x00\x00":                 "\x05\xff\xff\xff\xff\x80\x00\x00\x00",
		"\x06\x3f\x00\x00\x00":                 "\x07\x3f\xe0\x00\x00\x00\x00\x00\x00",
		"\x06\xff\x80\x00\x00":                 "\x07\xff\xf0\x00\x00\x00\x00\x00\x00",
		"\x05\x00\x00\x00\x00\x00\x00\x00\x01": "\x05\x00\x00\x00\x00\x00\x00\x00\x01",
		"\x07\x00\x00\x00\x00\x00\x00\x00\x01": "\x07\x00\x00\x00\x00\x00\x00\x00\x01",
		"\x00":                                 "\x00",
		"\x01\x01":                             "\x01\x01",
		"\x08\x00\x01a":                        "\x08\x00\x01a",
		"\x0a\x00\x02\x02\x01\x06\x3f\x00\x00\x00": "\x0a\x00\x02\x02\x01\x06\x3f\x00\x00\x00", // nested: as it came
	} {
		v, _, err := wire.ReadValue([]byte(encoded))
		if err != nil {
			t.Fatal(err)
		}
		if got := wire.AppendWideValue([]byte("x"), v); string(got) != "x"+want {
			t.Errorf("%x widened to %x, want %x", encoded, got[1:], want)
		}
		if v.Wide() != want[0] || string(wire.AppendWideData(nil, v)) != want[1:] {
			t.Errorf("%x: code %d and data apart differ from the whole", encoded, v.Wide())
		}
	}
}

func TestNumber(t *testing.T) {
	for encoded, want := range map[string]float64{
		"\x02\xfe": -2, "\x03\x01\x00": 256, "\x04\xff\xff\xff\xff": -1, "\x05\x7f\xff\xff\xff\xff\xff\xff\xff": math.MaxInt64,
		"\x06\x3f\x80\x00\x00": 1, "\x07\xbf\xe0\x00\x00\x00\x00\x00\x00": -0.5,
	} {
		v, _, err := wire.ReadValue([]byte(encoded))
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := v.Number(); !ok || got != want {
			t.Errorf("%x is %v %v, want %v", encoded, got, ok, want)
		}
	}
	for _, encoded := range []string{"\x00", "\x01\x01", "\x08\x00\x011", "\x09\x00\x00", "\x0a\x00\x00", "\x0b\x00\x00"} {
		v, _, err := wire.ReadValue([]byte(encoded))
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := v.Number(); ok {
			t.Errorf("%x is the number %v", encoded, got)
		}
	}
}

func TestAnyRoundTrip(t *testing.T) {
	for _, x := range []any{
		nil, true, false, int64(-7), int64(math.MinInt64), 0.25, math.Inf(-1), "", "grün", []byte{0, 255}, []any{},
		map[string]any{},
		[]any{int64(1), nil, "a", []any{map[string]any{"k": []byte("v")}}},
		map[string]any{"b": 1.5, "a": []any{true}},
	} {
		encoded, err := wire.AppendAny(nil, x)
		if err != nil {
			t.Errorf("%v: %v", x, err)
			continue
		}
		v, rest, err := wire.ReadValue(encoded)
		if err != nil || len(rest) != 0 {
			t.Errorf("%v: encoded to %x: %v, rest %x", x, encoded, err, rest)
			continue
		}
		if got := v.Any(); !reflect.DeepEqual(got, x) {
			t.Errorf("%#v came back as %#v", x, got)
		}
	}
}

func TestAppendAnyKinds(t *testing.T) {
	for _, c := range []struct{ in, want any }{
		{int(-1), int64(-1)}, {int8(-1), int64(-1)}, {int16(-1), int64(-1)}, {int32(-1), int64(-1)},
		{uint(1), int64(1)}, {uint8(255), int64(255)}, {uint16(65535), int64(65535)}, {uint32(1 << 31), int64(1 << 31)},
		{uint64(math.MaxInt64), int64(math.MaxInt64)}, {uint64(1 << 63), float64(1 << 63)}, {float32(0.5), 0.5},
	} {
		encoded, err := wire.AppendAny(nil, c.in)
		if err != nil {
			t.Errorf("%T: %v", c.in, err)
			continue
		}
		v, _, err := wire.ReadValue(encoded)
		if err != nil {
			t.Errorf("%T: %v", c.in, err)
			continue
		}
		if got := v.Any(); got != c.want {
			t.Errorf("%T %v came back as %T %v", c.in, c.in, got, got)
		}
	}
	letters := map[string]any{}
	want := "\x0b\x00\x1a"
	for c := byte('a'); c <= 'z'; c++ {
		letters[string(c)] = nil
		want += "\x00\x01" + string(c) + "\x00"
	}
	sorted, err := wire.AppendAny(nil, letters)
	if err != nil || string(sorted) != want {
		t.Errorf("map encoded to %x (%v), want its keys sorted: %x", sorted, err, want)
	}
}

// TestAnyIsACopy: what Any gives outlives the buffer the value was read from.
func TestAnyIsACopy(t *testing.T) {
	encoded := []byte("\x0a\x00\x02\x08\x00\x01a\x09\x00\x01b")
	v, _, err := wire.ReadValue(encoded)
	if err != nil {
		t.Fatal(err)
	}
	x := v.Any()
	clear(encoded)
	if want := []any{"a", []byte("b")}; !reflect.DeepEqual(x, want) {
		t.Errorf("after the buffer was used again it is %q", x)
	}
}

func TestAppendAnyRefuses(t *testing.T) {
	var deep any = 1
	for range wire.MaxDepth {
		deep = []any{deep}
	}
	if _, err := wire.AppendAny(nil, deep); err != nil {
		t.Errorf("%d levels: %v", wire.MaxDepth, err)
	}
	for name, x := range map[string]any{
		"a struct": struct{}{}, "a typed slice": []int{1}, "not UTF-8": "\xff", "a key that is not": map[string]any{"\xff": 1},
		"long text": strings.Repeat("a", 65536), "many bytes": make([]byte, 65536), "many items": make([]any, 65536),
		"too deep": []any{deep}, "too deep in a map": map[string]any{"k": deep}, "deep inside": []any{1, struct{}{}},
	} {
		dst, err := wire.AppendAny([]byte("x"), x)
		wantCode(t, err, wire.CodeBadValue, name)
		if string(dst) != "x" {
			t.Errorf("%s: left %x behind", name, dst)
		}
	}
}

func TestRange(t *testing.T) {
	for encoded, want := range map[string]string{
		"\x0a\x00\x03\x02\x01\x0a\x00\x01\x00\x08\x00\x01a":                   `[1] [[null]] ["a"] `,
		"\x0b\x00\x03\x00\x01b\x02\x01\x00\x01a\x0b\x00\x00\x00\x01b\x01\x01": `b[1] a[{}] b[true] `,
		"\x0a\x00\x00": "", "\x0b\x00\x00": "", "\x00": "", "\x08\x00\x03abc": "", "\x05\x00\x01\x02\x03\x04\x05\x06\x07": "",
	} {
		v, _, err := wire.ReadValue([]byte(encoded))
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		v.Range(func(key []byte, item wire.Value) bool {
			if (key == nil) != (v.Code == wire.ArrayCode) {
				t.Errorf("%x: key is %v", encoded, key)
			}
			got += fmt.Sprintf("%s[%s] ", key, wire.AppendJSON(nil, item))
			return true
		})
		if got != want {
			t.Errorf("%x holds %q, want %q", encoded, got, want)
		}
		calls := 0
		v.Range(func([]byte, wire.Value) bool { calls++; return false })
		if calls > 1 {
			t.Errorf("%x: went on after false", encoded)
		}
	}
}

// TestValuesMadeByHand: a Value whose data is not what its code says gives nonsense, but never a panic.
func TestValuesMadeByHand(t *testing.T) {
	for code := range 256 {
		for _, data := range []string{"", "\xff", "\x00\x01", "\xff\xff\xff", "\x00\x02\x00\x01\x08\x00", "\x00\x01\x0a\xff\xff"} {
			v := wire.Value{Code: byte(code), Data: []byte(data)}
			v.Any()
			v.Number()
			v.Range(func([]byte, wire.Value) bool { return true })
			wire.AppendJSON(nil, v)
			wire.AppendWideValue(nil, v)
		}
	}
}
