package router

import (
	"strings"

	"github.com/clasp-studio/clasp/router/address"
	"github.com/clasp-studio/clasp/router/wire"
)

// A piece of a snapshot ends at a frame of this payload, or after this many params
// looked at, so that nobody waits long for the index.
const (
	pieceBytes = 32 << 10
	pieceLooks = 4096
)

// cursor is a snapshot on its way to a session: it walks the params in address
// order, as far as there is room in the outbox.
type cursor struct {
	// Static after construction.
	sub     *subscription // nil for the snapshot that follows WELCOME
	pattern *address.Pattern
	types   uint8

	// Owned by whoever holds the gap of the queue.
	next string // look from here on
	sent bool   // a frame has been sent

	// Guarded by the session's out: addresses up to here have been passed.
	pos string
}

// passed reports whether the snapshot of any of the subscriptions has gone by an
// address, or is complete. The session's out must be locked.
func passed(via []*subscription, addr string) bool {
	for _, sub := range via {
		if sub.types&wire.MaskParam != 0 && (sub.cursor == nil || sub.cursor.pos >= addr) {
			return true
		}
	}
	return false
}

// startSnapshot lets a cursor loose and sends what there is room for at once: so a
// small snapshot is complete before the next message is answered.
func (s *Session) startSnapshot(b *batch, c *cursor) {
	c.next = c.pattern.Prefix()
	s.out.Lock()
	if s.out.closing != ReasonNone {
		s.out.Unlock()
		return
	}
	s.out.cursors = append(s.out.cursors, c)
	s.out.Unlock()
	for s.fill(b) {
	}
}

// fill sends one piece of the first snapshot that waits. It reports whether another
// call may do more.
func (s *Session) fill(b *batch) bool {
	s.out.Lock()
	if len(s.out.cursors) == 0 || s.out.queue.Held() || s.out.queue.Slow() || s.out.closing != ReasonNone {
		s.out.Unlock()
		return false
	}
	c := s.out.cursors[0]
	s.out.queue.Hold()
	s.out.Unlock()

	frame := s.piece(b, c)

	s.out.Lock()
	if s.out.closing != ReasonNone {
		frame = nil // ended meanwhile
	}
	s.out.queue.Release(frame)
	if s.out.gone {
		s.out.queue.Clear()
	}
	more := len(s.out.cursors) > 0
	s.wakeLocked(b)
	s.out.Unlock()
	return more
}

// piece encodes the next params of a snapshot. Each is encoded under its own lock
// and passed in the same breath: a SET before that leaves it to the snapshot, a SET
// after goes into the queue behind the gap.
func (s *Session) piece(b *batch, c *cursor) []byte {
	buf := b.reply.begin(wire.Fire)
	start := len(buf)
	buf = wire.BeginSnapshot(buf)
	count, looks, room, done := 0, 0, true, false
	prefix := c.pattern.Prefix()
	last := ""

	s.router.bundles.RLock()
	s.router.params.Ascend(c.next, func(p *paramEntry) bool {
		if !strings.HasPrefix(p.Address, prefix) {
			return false
		}
		if looks++; looks > pieceLooks || payloadSize(buf) > pieceBytes {
			room = false
			return false
		}
		if c.pattern.Match(p.Address) {
			if room = s.take(b, c, p, &buf, &count); !room {
				return false
			}
		}
		last = p.Address
		return true
	}, func(bool) {
		// The index is still locked, so no param can appear behind the cursor unseen.
		s.out.Lock()
		done = room
		if done {
			s.dropCursorLocked(c)
		} else if last != "" {
			c.pos = last
			c.next = last + "\x00" // the first string after it
		}
		s.out.Unlock()
	})
	s.router.bundles.RUnlock()

	// One frame at least answers HELLO; SUBSCRIBE gets none when nothing matches.
	if count == 0 && !(done && c.sub == nil && !c.sent) {
		return nil
	}
	c.sent = true
	wire.SetSnapshotCount(buf[start:], count)
	if b.reply.end(buf) != nil {
		return nil // cannot be: take keeps to the limit
	}
	return b.reply.bytes(s.peer.Framing)
}

// take appends one param to a piece, if the frame has room for it.
func (s *Session) take(b *batch, c *cursor, p *paramEntry, buf *[]byte, count *int) bool {
	p.Lock()
	defer p.Unlock()
	if p.Exists(b.now) && c.types&signalOf(p).Mask() != 0 {
		before := len(*buf)
		*buf = appendEntry(*buf, p)
		if payloadSize(*buf) > wire.MaxPayload || *count == 65535 {
			*buf = (*buf)[:before]
			return false
		}
		*count++
		p.Touch(b.now)
	}
	s.out.Lock()
	c.pos = p.Address
	if c.sub != nil && c.sub.filtered() {
		s.noteSentLocked(b, p)
	}
	delete(s.out.dirty.set, p)
	s.out.Unlock()
	return true
}

func (s *Session) dropCursorLocked(c *cursor) {
	if c.sub != nil && c.sub.cursor != nil {
		c.sub.cursor = nil
		s.out.pending--
	}
	for i, other := range s.out.cursors {
		if other == c {
			s.out.cursors = append(s.out.cursors[:i], s.out.cursors[i+1:]...)
			return
		}
	}
}
