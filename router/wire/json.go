package wire

// Values as JSON text, for people and shell scripts. Two kinds that JSON lacks are spelled as objects: bytes as
// {"$bytes":"00ff"}, and the floats that are no numbers as {"$float":"NaN"}, "Infinity" or "-Infinity".

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	bytesKey = "$bytes"
	floatKey = "$float"
)

// AppendJSON appends v as JSON on one line, map entries in their order. Numbers are as short as they can be without
// losing anything, so that a float that is whole (1.0) reads like an integer (1).
func AppendJSON(dst []byte, v Value) []byte {
	r := reader{p: v.Data}
	return r.appendJSON(dst, v.Code)
}

func (r *reader) appendJSON(dst []byte, code byte) []byte {
	switch code {
	case NullCode:
		return append(dst, "null"...)
	case BoolCode:
		return strconv.AppendBool(dst, r.u8("") != 0)
	case F32Code:
		return appendJSONFloat(dst, float64(math.Float32frombits(r.u32(""))), 32)
	case F64Code:
		return appendJSONFloat(dst, math.Float64frombits(r.u64("")), 64)
	case StringCode:
		return appendJSONString(dst, r.string(""))
	case BytesCode:
		dst = append(dst, `{"`+bytesKey+`":"`...)
		dst = hex.AppendEncode(dst, r.bytes(""))
		return append(dst, `"}`...)
	case ArrayCode:
		dst = append(dst, '[')
		for i := range r.count(minItemSize, "") {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = r.appendJSON(dst, r.u8(""))
		}
		return append(dst, ']')
	case MapCode:
		dst = append(dst, '{')
		for i := range r.count(minEntrySize, "") {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(appendJSONString(dst, r.string("")), ':')
			dst = r.appendJSON(dst, r.u8(""))
		}
		return append(dst, '}')
	}
	x, _ := r.value(code).integer()
	return strconv.AppendInt(dst, x, 10)
}

// appendJSONFloat appends x in plain digits, and with an exponent only where JavaScript uses one: below 1e-6, from 1e21 on.
func appendJSONFloat(dst []byte, x float64, bits int) []byte {
	switch {
	case math.IsNaN(x):
		return append(dst, `{"`+floatKey+`":"NaN"}`...)
	case math.IsInf(x, 1):
		return append(dst, `{"`+floatKey+`":"Infinity"}`...)
	case math.IsInf(x, -1):
		return append(dst, `{"`+floatKey+`":"-Infinity"}`...)
	}
	size, smallest := math.Abs(x), 1e-6
	if bits == 32 {
		smallest = float64(float32(smallest)) // which is a little less, and prints as 1e-6 too
	}
	format := byte('f')
	if size != 0 && (size < smallest || size >= 1e21) {
		format = 'e'
	}
	return strconv.AppendFloat(dst, x, format, -1, bits)
}

// appendJSONString appends s with only what JSON demands escaped, and the control characters U+007F to U+009F, which JSON
// lets pass and terminals obey.
func appendJSONString(dst, s []byte) []byte {
	dst = append(dst, '"')
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, `\n`...)
		case c == '\r':
			dst = append(dst, `\r`...)
		case c == '\t':
			dst = append(dst, `\t`...)
		case c < ' ' || c == 0x7f:
			dst = append(dst, `\u00`...)
			dst = hex.AppendEncode(dst, []byte{c})
		case c == 0xc2 && i+1 < len(s) && s[i+1] < 0xa0: // in UTF-8 U+0080 is c2 80
			i++
			dst = append(dst, `\u00`...)
			dst = hex.AppendEncode(dst, s[i:i+1])
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}

// AppendFromJSON appends code and data of the one JSON value that text is, object members in their order. A number without
// '.' and exponent is an i64, beyond that range an f64, like every other number; -0 is an f64, as no integer can say it. Half
// of an escaped surrogate pair becomes U+FFFD, as no UTF-8 can say it.
// Text that is not JSON, a wrong $bytes or $float and what has no place in a value (see AppendAny) are CodeBadValue, and dst
// comes back as it was.
func AppendFromJSON(dst, text []byte) ([]byte, error) {
	if !utf8.Valid(text) { // the decoder would quietly put a replacement character
		return dst, protocolErrorf(CodeBadValue, "JSON: the text is not valid UTF-8")
	}
	p := jsonParser{json.NewDecoder(bytes.NewReader(text))}
	p.UseNumber()
	out, err := p.appendValue(dst, MaxDepth)
	if err == nil {
		_, err = p.Token()
		switch {
		case err == nil:
			err = errors.New("something follows the value")
		case errors.Is(err, io.EOF):
			return out, nil
		}
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return dst, protocolErrorf(CodeBadValue, "JSON: at byte %d: %v", p.InputOffset(), err)
}

// jsonParser turns JSON tokens into values as they come: no tree is built, so order is kept and depth is checked first.
type jsonParser struct{ *json.Decoder }

func (p jsonParser) appendValue(dst []byte, levels int) ([]byte, error) {
	token, err := p.Token()
	if err != nil {
		return dst, err
	}
	switch x := token.(type) {
	case json.Number:
		return appendJSONNumber(dst, x.String())
	case json.Delim:
		if x == '[' {
			return p.appendArray(dst, levels)
		}
		return p.appendObject(dst, levels)
	}
	return appendAny(dst, token, levels)
}

// appendArray appends the array whose '[' was read. The count is known, and written, at its end.
func (p jsonParser) appendArray(dst []byte, levels int) ([]byte, error) {
	start := len(dst)
	dst, err := beginContainer(dst, ArrayCode, 0, levels)
	n := 0
	for ; err == nil && p.More(); n++ {
		dst, err = p.appendValue(dst, levels-1)
	}
	if err != nil {
		return dst, err
	}
	return p.endContainer(dst, start, n)
}

// appendObject appends the object whose '{' was read: a map, or the value that its one $ member spells. As that value is no
// map, it may stand where a map would be one level too deep.
func (p jsonParser) appendObject(dst []byte, levels int) ([]byte, error) {
	start := len(dst)
	dst, err := beginContainer(dst, MapCode, 0, levels+1)
	n := 0
	var key string
	for ; err == nil && p.More(); n++ {
		var token json.Token
		if token, err = p.Token(); err != nil {
			return dst, err
		}
		key = token.(string) // the decoder lets nothing else stand before a colon
		if dst, err = appendText(dst, key); err == nil {
			dst, err = p.appendValue(dst, levels-1)
		}
	}
	if err != nil {
		return dst, err
	}
	dst, err = p.endContainer(dst, start, n)
	switch {
	case err != nil:
		return dst, err
	case n == 1 && key == bytesKey:
		return appendBytesForm(dst[:start], dst[start+containerHeaderSize+2+len(key):])
	case n == 1 && key == floatKey:
		return appendFloatForm(dst[:start], dst[start+containerHeaderSize+2+len(key):])
	case levels == 0:
		return dst, errTooDeep
	}
	return dst, nil
}

// endContainer reads the closing bracket and writes the count.
func (p jsonParser) endContainer(dst []byte, start, n int) ([]byte, error) {
	if _, err := p.Token(); err != nil {
		return dst, err
	}
	if err := checkSize("array or map", n); err != nil {
		return dst, err
	}
	binary.BigEndian.PutUint16(dst[start+1:], uint16(n))
	return dst, nil
}

// appendBytesForm appends the bytes that the encoded string member spells, in whose place it may write.
func appendBytesForm(dst, member []byte) ([]byte, error) {
	if text, ok := memberText(member); ok {
		if b, err := hex.DecodeString(text); err == nil {
			return appendAny(dst, b, 0)
		}
	}
	return dst, errors.New(bytesKey + " wants a string of hexadecimal digits, two a byte")
}

// appendFloatForm appends the float that the encoded string member names, in whose place it may write.
func appendFloatForm(dst, member []byte) ([]byte, error) {
	switch text, _ := memberText(member); text {
	case "NaN":
		return appendF64(dst, math.NaN()), nil
	case "Infinity":
		return appendF64(dst, math.Inf(1)), nil
	case "-Infinity":
		return appendF64(dst, math.Inf(-1)), nil
	}
	return dst, errors.New(floatKey + ` wants "NaN", "Infinity" or "-Infinity"`)
}

// memberText returns a copy of an encoded string, false for any other value.
func memberText(member []byte) (string, bool) {
	if member[0] != StringCode {
		return "", false
	}
	return string(member[3:]), true
}

func appendJSONNumber(dst []byte, s string) ([]byte, error) {
	if !strings.ContainsAny(s, ".eE") && s != "-0" {
		if n, err := strconv.ParseInt(s, 10, 64); err == nil {
			return appendI64(dst, n), nil
		}
	}
	x, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return dst, errors.New("number " + s + " is beyond the range of a 64-bit float")
	}
	return appendF64(dst, x), nil
}
