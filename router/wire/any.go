package wire

// Values to and from plain Go ones, for programs that are clients.

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"unicode/utf8"
)

// Any returns a copy of v as nil, bool, int64, float64, string, []byte, []any or map[string]any. Of map entries with the
// same key the last one counts.
func (v Value) Any() any {
	r := reader{p: v.Data}
	return r.any(v.Code)
}

func (r *reader) any(code byte) any {
	switch code {
	case NullCode:
		return nil
	case BoolCode:
		return r.u8("") != 0
	case StringCode:
		return string(r.string(""))
	case BytesCode:
		return slices.Clone(r.bytes(""))
	case ArrayCode:
		items := make([]any, r.count(minItemSize, ""))
		for i := range items {
			items[i] = r.any(r.u8(""))
		}
		return items
	case MapCode:
		n := r.count(minEntrySize, "")
		entries := make(map[string]any, n)
		for range n {
			key := string(r.string(""))
			entries[key] = r.any(r.u8(""))
		}
		return entries
	}
	v := r.value(code)
	if x, ok := v.integer(); ok {
		return x
	}
	x, _ := v.float()
	return x
}

// AppendAny appends code and data of a Go value: nil, bool, every int, uint and float kind, string, []byte, []any and
// map[string]any, whose entries go in the order of their keys. Integers become i64, those beyond it f64, floats f64. What
// has no place in a value (another type, text that is not UTF-8, over 65535 bytes or items, over MaxDepth levels) is
// CodeBadValue, and dst comes back as it was.
func AppendAny(dst []byte, x any) ([]byte, error) {
	out, err := appendAny(dst, x, MaxDepth)
	if err != nil {
		return dst, protocolErrorf(CodeBadValue, "value: %v", err)
	}
	return out, nil
}

var errTooDeep = fmt.Errorf("nested deeper than %d levels", MaxDepth)

func appendAny(dst []byte, x any, levels int) ([]byte, error) {
	switch x := x.(type) {
	case nil:
		return append(dst, NullCode), nil
	case bool:
		return appendBool(dst, x), nil
	case int:
		return appendI64(dst, int64(x)), nil
	case int8:
		return appendI64(dst, int64(x)), nil
	case int16:
		return appendI64(dst, int64(x)), nil
	case int32:
		return appendI64(dst, int64(x)), nil
	case int64:
		return appendI64(dst, x), nil
	case uint:
		return appendU64(dst, uint64(x)), nil
	case uint8:
		return appendI64(dst, int64(x)), nil
	case uint16:
		return appendI64(dst, int64(x)), nil
	case uint32:
		return appendI64(dst, int64(x)), nil
	case uint64:
		return appendU64(dst, x), nil
	case float32:
		return appendF64(dst, float64(x)), nil
	case float64:
		return appendF64(dst, x), nil
	case string:
		return appendText(append(dst, StringCode), x)
	case []byte:
		if err := checkSize("bytes", len(x)); err != nil {
			return dst, err
		}
		return appendString(append(dst, BytesCode), x), nil
	case []any:
		dst, err := beginContainer(dst, ArrayCode, len(x), levels)
		for i := 0; i < len(x) && err == nil; i++ {
			dst, err = appendAny(dst, x[i], levels-1)
		}
		return dst, err
	case map[string]any:
		dst, err := beginContainer(dst, MapCode, len(x), levels)
		keys := make([]string, 0, len(x))
		for key := range x {
			keys = append(keys, key)
		}
		slices.Sort(keys)
		for i := 0; i < len(keys) && err == nil; i++ {
			if dst, err = appendText(dst, keys[i]); err == nil {
				dst, err = appendAny(dst, x[keys[i]], levels-1)
			}
		}
		return dst, err
	}
	return dst, fmt.Errorf("a %T has no CLASP type", x)
}

// The encoders below append code and data; what JSON and MessagePack carry ends here too.

func appendBool(dst []byte, x bool) []byte {
	return append(dst, BoolCode, flag(x, 1))
}

func appendI64(dst []byte, x int64) []byte {
	return binary.BigEndian.AppendUint64(append(dst, I64Code), uint64(x))
}

// appendU64 appends an i64, or an f64 if x is beyond it (protocol section 4).
func appendU64(dst []byte, x uint64) []byte {
	if x > math.MaxInt64 {
		return appendF64(dst, float64(x))
	}
	return appendI64(dst, int64(x))
}

func appendF64(dst []byte, x float64) []byte {
	return binary.BigEndian.AppendUint64(append(dst, F64Code), math.Float64bits(x))
}

// appendText appends a string without a code: the data of a string, or a map key.
func appendText(dst []byte, s string) ([]byte, error) {
	if err := checkSize("string", len(s)); err != nil {
		return dst, err
	}
	if !utf8.ValidString(s) {
		return dst, errors.New("a string is not valid UTF-8")
	}
	return append(binary.BigEndian.AppendUint16(dst, uint16(len(s))), s...), nil
}

// beginContainer appends code and count of an array or map that may go levels deep.
func beginContainer(dst []byte, code byte, n, levels int) ([]byte, error) {
	if levels <= 0 {
		return dst, errTooDeep
	}
	if err := checkSize("array or map", n); err != nil {
		return dst, err
	}
	return appendContainer(dst, code, n), nil
}

// appendContainer appends code and count of an array or map.
func appendContainer(dst []byte, code byte, n int) []byte {
	return binary.BigEndian.AppendUint16(append(dst, code), uint16(n))
}

// checkSize refuses what a u16 length cannot say.
func checkSize(what string, n int) error {
	if n > math.MaxUint16 {
		return fmt.Errorf("%s of size %d is over %d", what, n, math.MaxUint16)
	}
	return nil
}
