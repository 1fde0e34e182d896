package router

// Clients that cannot take every frame: datagrams and small receive buffers (protocol
// section 12).

import (
	"fmt"
	"time"

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

// Datagrams that come faster than a client takes them in are lost, and nothing holds their
// sender up. So snapshots go to it in bursts, with pauses in which it takes in 8 MB/s. A
// burst is 27 datagrams; the 208 KiB that Linux gives a socket to receive hold some 90,
// whose buffers count as nearly twice their size.
const (
	burstBytes = 32 << 10
	burstPause = 4 * time.Millisecond
)

// burst is what a client that gets datagrams has still to take in of snapshots.
type burst struct {
	bytes int
	at    int64 // µs, monotonic
}

// over reports whether there has to be a pause.
func (u *burst) over(now int64) bool {
	const rate = burstBytes / (int64(burstPause) / 1e3) // bytes a µs
	if now > u.at {
		u.bytes = max(0, u.bytes-int((now-u.at)*rate))
		u.at = now
	}
	return u.bytes >= burstBytes
}

// datagrams reports whether a client gets datagrams: no other has a largest frame.
func (p *Peer) datagrams() bool { return p.MaxFrame > 0 }

// answerLocked queues an answer to the client. One too large for it is refused each time:
// the client waits for it. out must be locked.
func (s *Session) answerLocked(b *batch, frame []byte) {
	if s.peer.tooLarge(frame) {
		s.countDroppedLocked(b, droppedTooLarge, 1)
		s.queueErrorLocked(b, s.refusal(frame, 1))
		return
	}
	s.queueLocked(b, frame)
}

// refuseLocked tells the client of frames that are too large for it, at the first one and
// then now and then (as section 9 has it for what is dropped). out must be locked.
func (s *Session) refuseLocked(b *batch, frame []byte) {
	s.countDroppedLocked(b, droppedTooLarge, 1)
	if n := s.out.refusals.add(1, b.now); n > 0 {
		s.queueErrorLocked(b, s.refusal(frame, n))
	}
}

// refusal makes ERROR 503 for n frames too large for the client, with the address of
// the last, so that it knows what it is missing.
func (s *Session) refusal(frame []byte, n int) wire.ErrorMessage {
	m := wire.ErrorMessage{Code: wire.CodeOverloaded}
	payload := frame[wire.HeaderSize:] // the router sends no timestamp in the header
	m.Message = fmt.Appendf(nil, "%v of %d bytes is over the %d that a frame to this client may have: not sent",
		wire.Type(payload[0]), len(frame), s.peer.MaxFrame)
	if n > 1 {
		m.Message = fmt.Appendf(m.Message, ", nor were %d others since this was last told", n-1)
	}
	if addr := subject(payload); len(addr) > 0 && len(addr) <= address.MaxLength {
		m.Address, m.HasAddress = addr, true
	}
	return m
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
