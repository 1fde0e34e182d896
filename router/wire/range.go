package wire

import "encoding/binary"

// Range calls f for each item of an array, with a nil key, or each entry of a map,
// in their order, until f returns false. Any other value has none. The value must
// come from ReadValue or a decoder, which have validated it.
func (v Value) Range(f func(key []byte, item Value) bool) {
	if v.Code != ArrayCode && v.Code != MapCode {
		return
	}
	n, rest := binary.BigEndian.Uint16(v.Data), v.Data[2:]
	for range n {
		var key []byte
		if v.Code == MapCode {
			size := 2 + int(binary.BigEndian.Uint16(rest))
			key, rest = rest[2:size], rest[size:]
		}
		item, after, err := ReadValue(rest)
		if err != nil || !f(key, item) {
			return
		}
		rest = after
	}
}
