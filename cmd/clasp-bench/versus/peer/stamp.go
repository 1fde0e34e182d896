// What every message carries: who sent it, its number, and when it was meant to
// be sent. As hexadecimal digits it is text for every protocol.

package peer

import (
	"fmt"
	"time"
)

// PayloadSize is the length of every payload in bytes.
const PayloadSize = 32

// Stamp is a payload: 4 bytes of publisher, 6 of sequence and 6 of time in µs, big-endian,
// as lower-case hexadecimal digits.
type Stamp struct {
	Publisher uint32
	Sequence  uint64        // below 2^48
	At        time.Duration // since any beginning, in whole µs, not negative, below 8 years
}

const low48 = 1<<48 - 1

// Append appends the payload.
func (s Stamp) Append(dst []byte) []byte {
	at := uint64(s.At.Microseconds()) & low48
	dst = appendHex(dst, s.Publisher)
	dst = appendHex(dst, uint32(s.Sequence&low48>>16))
	dst = appendHex(dst, uint32(s.Sequence<<16|at>>32))
	return appendHex(dst, uint32(at))
}

// ReadStamp reads a payload.
func ReadStamp(payload []byte) (Stamp, error) {
	if len(payload) != PayloadSize {
		return Stamp{}, fmt.Errorf("a payload of %d bytes, want %d: %.64q", len(payload), PayloadSize, payload)
	}
	publisher, good1 := readHex(payload)
	high, good2 := readHex(payload[8:])
	middle, good3 := readHex(payload[16:])
	low, good4 := readHex(payload[24:])
	if !good1 || !good2 || !good3 || !good4 {
		return Stamp{}, fmt.Errorf("payload %q is not hexadecimal", payload)
	}
	return Stamp{
		Publisher: publisher,
		Sequence:  uint64(high)<<16 | uint64(middle>>16),
		At:        time.Duration(uint64(middle&0xffff)<<32|uint64(low)) * time.Microsecond,
	}, nil
}
