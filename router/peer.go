package router

// Clients that cannot take every frame: datagrams and small receive buffers (protocol
// section 12).

import (
	"fmt"

	"github.com/clasp-studio/clasp/router/address"
	"github.com/clasp-studio/clasp/router/wire"
)

// payload is the largest payload that can be sent to a client.
func (p *Peer) payload() int {
	if p.MaxFrame == 0 {
		return wire.MaxPayload
	}
	return p.MaxFrame - wire.HeaderSize
}

// tooLarge reports whether a frame cannot be sent to a client.
func (p *Peer) tooLarge(frame []byte) bool { return p.MaxFrame > 0 && len(frame) > p.MaxFrame }

// refused encodes what the client gets in place of a frame that is too large for it:
// ERROR 503 with the address, so that it knows what it is missing.
func (s *Session) refused(b *batch, frame []byte) []byte {
	m := wire.ErrorMessage{Code: wire.CodeOverloaded}
	payload := frame[wire.HeaderSize:] // the router sends no timestamp in the header
	m.Message = fmt.Appendf(nil, "%v of %d bytes is over the %d that a frame to this client may have: not sent",
		wire.Type(payload[0]), len(frame), s.peer.MaxFrame)
	if addr := subject(payload); len(addr) > 0 && len(addr) <= address.MaxLength {
		m.Address, m.HasAddress = addr, true
	}
	return s.alone(b, m)
}

// subject returns the address that a message of the router is about, nil if there is
// none or there are several.
func subject(payload []byte) []byte {
	switch wire.Type(payload[0]) {
	case wire.TypeSet:
		if m, err := wire.DecodeSet(payload); err == nil {
			return m.Address
		}
	case wire.TypePublish:
		if m, err := wire.DecodePublish(payload); err == nil {
			return m.Address
		}
	case wire.TypeSnapshot:
		if m, err := wire.DecodeSnapshot(payload); err == nil && m.Count == 1 {
			e, _ := m.Next()
			return e.Address
		}
	}
	return nil
}
