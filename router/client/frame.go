package client

// WebSocket framing of what the client sends (RFC 6455 section 5): masked, one message a frame. Done here and not by the
// WebSocket library so that any number of messages can leave in one write.

import (
	"encoding/binary"
	"math/rand/v2"
)

const (
	finBinary = 0x82
	finClose  = 0x88
	finPong   = 0x8A
	masked    = 0x80

	closeNormal = 1000
)

// appendMessage appends one WebSocket message. The mask is there for the sake of caches that mistake what a web page makes
// a browser send for HTTP; the runtime's generator, which is seeded by the system and not predictable, is good enough.
func appendMessage(dst []byte, first byte, payload []byte) []byte {
	switch n := len(payload); {
	case n < 126:
		dst = append(dst, first, masked|byte(n))
	case n < 1<<16:
		dst = append(dst, first, masked|126)
		dst = binary.BigEndian.AppendUint16(dst, uint16(n))
	default:
		dst = append(dst, first, masked|127)
		dst = binary.BigEndian.AppendUint64(dst, uint64(n))
	}
	key := rand.Uint32()
	dst = binary.LittleEndian.AppendUint32(dst, key)
	start := len(dst)
	dst = append(dst, payload...)
	mask(dst[start:], key)
	return dst
}

func mask(b []byte, key uint32) {
	wide := uint64(key)<<32 | uint64(key)
	for len(b) >= 8 {
		binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)^wide)
		b = b[8:]
	}
	for i := range b {
		b[i] ^= byte(key >> (8 * i & 31))
	}
}

// appendClose appends the closing handshake's half of this side.
func appendClose(dst []byte, code int) []byte {
	return appendMessage(dst, finClose, binary.BigEndian.AppendUint16(nil, uint16(code)))
}
