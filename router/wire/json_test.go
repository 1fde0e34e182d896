package wire_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/clasp-studio/clasp/router/wire"
)

func TestAppendJSON(t *testing.T) {
	f64 := func(x float64) string {
		b, err := wire.AppendAny(nil, x)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	for _, c := range []struct{ encoded, want string }{
		{"\x00", "null"}, {"\x01\x00", "false"}, {"\x01\x01", "true"}, {"\x01\x02", "true"},
		{"\x02\xff", "-1"}, {"\x03\x7f\xff", "32767"}, {"\x04\x80\x00\x00\x00", "-2147483648"},
		{"\x05\x80\x00\x00\x00\x00\x00\x00\x00", "-9223372036854775808"},
		{"\x06\x3d\xcc\xcc\xcd", "0.1"}, {"\x06\x35\x86\x37\xbd", "0.000001"}, {"\x06\x7f\xc0\x00\x00", `{"$float":"NaN"}`},
		{f64(0), "0"}, {f64(1), "1"}, {f64(-0.25), "-0.25"}, {f64(math.Copysign(0, -1)), "-0"}, {f64(1e20), "100000000000000000000"},
		{f64(1e21), "1e+21"}, {f64(1e-6), "0.000001"}, {f64(1e-7), "1e-07"}, {f64(0.1), "0.1"},
		{f64(math.Inf(1)), `{"$float":"Infinity"}`}, {f64(math.Inf(-1)), `{"$float":"-Infinity"}`},
		{"\x08\x00\x09a\"\\\n\r\t\x01\xc3\xa9", `"a\"\\\n\r\t\u0001é"`},
		{"\x08\x00\x0c~\x7f\xc2\x80\xc2\x9b\xc2\x9f\xc2\xa0\xc3\x80", `"~\u007f\u0080\u009b\u009f` + "\u00a0À\""},
		{"\x09\x00\x02\x00\xff", `{"$bytes":"00ff"}`}, {"\x09\x00\x00", `{"$bytes":""}`},
		{"\x0a\x00\x00", "[]"}, {"\x0a\x00\x03\x00\x01\x01\x02\x05", "[null,true,5]"},
		{"\x0b\x00\x00", "{}"}, {"\x0b\x00\x02\x00\x01b\x02\x01\x00\x01a\x0a\x00\x01\x00", `{"b":1,"a":[null]}`},
	} {
		v, _, err := wire.ReadValue([]byte(c.encoded))
		if err != nil {
			t.Fatalf("%x: %v", c.encoded, err)
		}
		if got := string(wire.AppendJSON([]byte("x"), v)); got != "x"+c.want {
			t.Errorf("%x printed %s, want %s", c.encoded, got[1:], c.want)
		}
	}
}

func TestAppendFromJSON(t *testing.T) {
	deep := strings.Repeat("[", wire.MaxDepth) + `{"$bytes":"00"}` + strings.Repeat("]", wire.MaxDepth)
	for _, c := range []struct {
		text string
		want string // the value printed again, after its code
	}{
		{" null ", "0 null"}, {"true", "1 true"}, {"0", "5 0"}, {"-9223372036854775808", "5 -9223372036854775808"},
		{"9223372036854775807", "5 9223372036854775807"}, {"9223372036854775808", "7 9223372036854776000"},
		{"1.0", "7 1"}, {"1e2", "7 100"}, {"-0", "7 -0"}, {"0.75", "7 0.75"}, {`""`, `8 ""`}, {`"\u00e9\n"`, `8 "é\n"`},
		{`{"$bytes":"00FF"}`, `9 {"$bytes":"00ff"}`}, {`{"$bytes":""}`, `9 {"$bytes":""}`},
		{`{"$float":"NaN"}`, `7 {"$float":"NaN"}`}, {`{"$float":"Infinity"}`, `7 {"$float":"Infinity"}`},
		{`{"$float":"-Infinity"}`, `7 {"$float":"-Infinity"}`},
		{"[]", "10 []"}, {`[1, [2.5], "x"]`, `10 [1,[2.5],"x"]`}, {"{}", "11 {}"},
		{`{"b":1,"a":{"c":null}}`, `11 {"b":1,"a":{"c":null}}`}, {`{"a":1,"a":2}`, `11 {"a":1,"a":2}`},
		{`{"$bytes":"00","x":1}`, `11 {"$bytes":"00","x":1}`}, {`[{"$float":"NaN"}]`, `10 [{"$float":"NaN"}]`},
		{deep, "10 " + deep},
	} {
		encoded, err := wire.AppendFromJSON([]byte("x"), []byte(c.text))
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		v, rest, err := wire.ReadValue(encoded[1:])
		if err != nil || len(rest) != 0 {
			t.Errorf("%s: encoded to %x: %v, rest %x", c.text, encoded[1:], err, rest)
			continue
		}
		if got := fmt.Sprintf("%d %s", v.Code, wire.AppendJSON(nil, v)); got != c.want {
			t.Errorf("%s came back as %s, want %s", c.text, got, c.want)
		}
	}
}

func TestAppendFromJSONRefuses(t *testing.T) {
	for _, c := range []struct{ text, problem string }{
		{"", "unexpected EOF"}, {" ", "unexpected EOF"}, {"nul", "unexpected EOF"}, {"[1", "unexpected EOF"},
		{"hello", "invalid character"}, {"[1,]", "invalid character"}, {"[1 2]", "invalid character"}, {"{1:2}", "invalid character"},
		{`{"a" 1}`, "invalid character"}, {`[}`, "invalid character"}, {`{]`, "invalid character"}, {"01", "something follows"},
		{"1 2", "something follows"}, {"1e999", "beyond the range"}, {"\"\xff\"", "not valid UTF-8"},
		{`{"$bytes":"0"}`, "hexadecimal"}, {`{"$bytes":"zz"}`, "hexadecimal"}, {`{"$bytes":1}`, "hexadecimal"},
		{`{"$bytes":{"$bytes":""}}`, "hexadecimal"}, {`{"$float":"nan"}`, "wants"}, {`{"$float":1}`, "wants"},
		{strings.Repeat("[", 33) + strings.Repeat("]", 33), "deeper than 32"},
		{strings.Repeat("[", 32) + "{}" + strings.Repeat("]", 32), "deeper than 32"},
		{strings.Repeat(`{"a":`, 33) + "1" + strings.Repeat("}", 33), "deeper than 32"},
		{strings.Repeat("[", 100000), "deeper than 32"}, {strings.Repeat(`{"a":`, 100000), "deeper than 32"},
		{`"` + strings.Repeat("a", 65536) + `"`, "over 65535"}, {"[" + strings.Repeat("1,", 65535) + "1]", "over 65535"},
	} {
		name := fmt.Sprintf("%.40q", c.text)
		dst, err := wire.AppendFromJSON([]byte("x"), []byte(c.text))
		wantCode(t, err, wire.CodeBadValue, name)
		if err != nil && !strings.Contains(err.Error(), c.problem) {
			t.Errorf("%s: %v, want %s", name, err, c.problem)
		}
		if string(dst) != "x" {
			t.Errorf("%s: left %x behind", name, dst)
		}
	}
}
