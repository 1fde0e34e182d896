package router

import (
	"encoding/binary"

	"github.com/clasp-studio/clasp/router/wire"
)

// Framing is what a transport puts before each CLASP frame.
type Framing uint8

// The framings.
const (
	// Bare puts nothing: frames follow each other.
	Bare Framing = iota
	// WebSocket makes each frame one unmasked binary message (RFC 6455 section 5).
	WebSocket
)

// headroom is the longest header a framing puts before a frame.
const headroom = 10

// packet is one frame, encoded once and ready for every framing: the frame starts
// at headroom, its WebSocket header ends there.
type packet struct {
	buf []byte
	ws  int // where the WebSocket header starts
}

// bytes returns what goes to a session of a framing.
func (p *packet) bytes(f Framing) []byte {
	if f == WebSocket {
		return p.buf[p.ws:]
	}
	return p.buf[headroom:]
}

// begin starts a frame in p's buffer and returns it to append the payload to.
func (p *packet) begin(q wire.QoS) []byte {
	var zero [headroom]byte
	return wire.BeginFrame(append(p.buf[:0], zero[:]...), q)
}

// end completes the frame begun. It fails when the payload is over what a frame
// can hold.
func (p *packet) end(buf []byte) error {
	buf, err := wire.EndFrame(buf, headroom)
	p.buf = buf
	if err != nil {
		return err
	}
	const finBinary = 0x82
	switch n := len(buf) - headroom; {
	case n < 126:
		p.ws = headroom - 2
		buf[p.ws], buf[p.ws+1] = finBinary, byte(n)
	case n < 1<<16:
		p.ws = headroom - 4
		buf[p.ws], buf[p.ws+1] = finBinary, 126
		binary.BigEndian.PutUint16(buf[p.ws+2:], uint16(n))
	default:
		p.ws = headroom - 10
		buf[p.ws], buf[p.ws+1] = finBinary, 127
		binary.BigEndian.PutUint64(buf[p.ws+2:], uint64(n))
	}
	return nil
}

// payloadSize is the size of the payload of a frame in the making.
func payloadSize(buf []byte) int { return len(buf) - headroom - wire.HeaderSize }
