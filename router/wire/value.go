package wire

// Values: what params hold and signals carry (protocol section 2).

import (
	"encoding/binary"
	"math"
	"slices"
	"strconv"
)

// The codes of values.
const (
	NullCode   byte = 0x00
	BoolCode   byte = 0x01
	I8Code     byte = 0x02
	I16Code    byte = 0x03
	I32Code    byte = 0x04
	I64Code    byte = 0x05
	F32Code    byte = 0x06
	F64Code    byte = 0x07
	StringCode byte = 0x08
	BytesCode  byte = 0x09
	ArrayCode  byte = 0x0A
	MapCode    byte = 0x0B
)

// typeNames are the names of the types of values, by code.
var typeNames = [...]string{"null", "bool", "i8", "i16", "i32", "i64", "f32", "f64", "string", "bytes", "array", "map"}

// TypeNames returns the names of the types of values, by code, as RESULT and people have them: "null" to "map".
func TypeNames() []string { return slices.Clone(typeNames[:]) }

// TypeName returns the name of v's type: "f64".
func (v Value) TypeName() string { return typeNames[v.Code] }

// fixedSizes holds the data bytes of the codes below StringCode, whose size does not depend on the data.
var fixedSizes = [StringCode]int{0, 1, 1, 2, 4, 8, 4, 8}

// containerHeaderSize is the code and the count before the items of an array or map.
const containerHeaderSize = 3

// The least bytes an item of an array (a code) and an entry of a map (an empty key, a code) can take.
const (
	minItemSize  = 1
	minEntrySize = 3
)

// Value is a view of one encoded value: Data is what follows the code byte. The zero Value is null. A Value comes from
// ReadValue or from a decoded message; its methods rely on the checks made there.
type Value struct {
	Code byte
	Data []byte
}

// ReadValue reads the value whose code is b[0], nested ones included, and returns what follows it. An unknown code, a
// count or length past the end, a string or key that is not UTF-8 and more than MaxDepth levels are CodeBadMessage. A bool
// other than 0 or 1 is true, and leaves as it came.
func ReadValue(b []byte) (v Value, rest []byte, err error) {
	r := reader{p: b, what: "value"}
	v = r.value(r.u8("code"))
	if r.err != nil {
		return Value{}, nil, r.err
	}
	return v, b[r.pos:], nil
}

// value reads the data of a value whose code came before it.
func (r *reader) value(code byte) Value {
	if code < StringCode {
		return Value{Code: code, Data: r.take(fixedSizes[code], "value")}
	}
	start := r.pos
	r.skip(code, MaxDepth)
	if r.err != nil {
		return Value{}
	}
	return Value{Code: code, Data: r.p[start:r.pos:r.pos]}
}

// skip checks the data of one value and steps over it. levels is how many arrays and maps deep it may go.
func (r *reader) skip(code byte, levels int) {
	switch {
	case code < StringCode:
		r.take(fixedSizes[code], "value")
	case code == StringCode:
		r.string("string")
	case code == BytesCode:
		r.bytes("byte string")
	case code > MapCode:
		r.fail("unknown value code 0x"+strconv.FormatUint(uint64(code), 16), r.pos)
	case levels == 0:
		r.fail("value nested deeper than "+strconv.Itoa(MaxDepth)+" levels", r.pos)
	case code == ArrayCode:
		for n := r.count(minItemSize, "array count"); n > 0 && r.err == nil; n-- {
			r.skip(r.u8("array item"), levels-1)
		}
	default:
		for n := r.count(minEntrySize, "map count"); n > 0 && r.err == nil; n-- {
			r.string("map key")
			r.skip(r.u8("map value"), levels-1)
		}
	}
}

// AppendValue appends code and data.
func AppendValue(dst []byte, v Value) []byte {
	return append(append(dst, v.Code), v.Data...)
}

// integer returns the number of an integer value of any width.
func (v Value) integer() (int64, bool) {
	r := reader{p: v.Data}
	var x int64
	switch v.Code {
	case I8Code:
		x = int64(int8(r.u8("")))
	case I16Code:
		x = int64(int16(r.u16("")))
	case I32Code:
		x = int64(int32(r.u32("")))
	case I64Code:
		x = int64(r.u64(""))
	default:
		return 0, false
	}
	return x, r.err == nil
}

// float returns the number of a float value of either width.
func (v Value) float() (float64, bool) {
	r := reader{p: v.Data}
	var x float64
	switch v.Code {
	case F32Code:
		x = float64(math.Float32frombits(r.u32("")))
	case F64Code:
		x = math.Float64frombits(r.u64(""))
	default:
		return 0, false
	}
	return x, r.err == nil
}

// Number returns an integer or a float as a float64; integers beyond 2^53 lose their lowest bits. It is false for all else.
func (v Value) Number() (float64, bool) {
	if x, ok := v.integer(); ok {
		return float64(x), true
	}
	return v.float()
}

// Wide returns the code that v has once it is widened: protocol section 2 makes narrow integers i64 and f32 f64 when
// they are the value itself, because the embedded client reads no others. Nested numbers keep their width.
func (v Value) Wide() byte {
	switch v.Code {
	case I8Code, I16Code, I32Code:
		return I64Code
	case F32Code:
		return F64Code
	}
	return v.Code
}

// AppendWideData appends the data, without the code, that v has once it is widened.
func AppendWideData(dst []byte, v Value) []byte {
	switch v.Code {
	case I8Code, I16Code, I32Code:
		x, _ := v.integer()
		return binary.BigEndian.AppendUint64(dst, uint64(x))
	case F32Code:
		x, _ := v.float()
		return binary.BigEndian.AppendUint64(dst, math.Float64bits(x))
	}
	return append(dst, v.Data...)
}

// AppendWideValue appends code and data of v widened.
func AppendWideValue(dst []byte, v Value) []byte {
	return AppendWideData(append(dst, v.Wide()), v)
}
