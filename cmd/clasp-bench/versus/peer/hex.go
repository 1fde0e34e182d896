// Eight hexadecimal digits at once. A payload is made and read for every delivery, of
// which there are ten million a second: digit by digit that costs more than the socket.

package peer

import "encoding/binary"

const (
	eachByte  = 0x0101010101010101
	eachDigit = 0x0f * eachByte
)

// appendHex appends v as eight lower-case digits.
func appendHex(dst []byte, v uint32) []byte {
	return binary.BigEndian.AppendUint64(dst, hexDigits(v))
}

// hexDigits returns the digits of v, the first in the highest byte.
func hexDigits(v uint32) uint64 {
	x := uint64(v) // its halves, then quarters, then digits move apart
	x = (x | x<<16) & 0x0000ffff0000ffff
	x = (x | x<<8) & 0x00ff00ff00ff00ff
	x = (x | x<<4) & eachDigit
	letters := (x + 6*eachByte) >> 4 & eachByte // 1 where a digit is above 9
	return x + '0'*eachByte + letters*('a'-'0'-10)
}

// readHex reads the eight digits that b begins with, and says whether they are some.
func readHex(b []byte) (v uint32, good bool) {
	digits := binary.BigEndian.Uint64(b)
	x := digits&eachDigit + 9*(digits>>6&eachByte) // letters have bit 6, and count from 1
	x &= eachDigit
	x = (x | x>>4) & 0x00ff00ff00ff00ff
	x = (x | x>>8) & 0x0000ffff0000ffff
	x |= x >> 16
	v = uint32(x)
	return v, hexDigits(v) == digits
}
