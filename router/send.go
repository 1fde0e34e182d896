package router

import (
	"fmt"
	"sync"
	"time"

	"github.com/clasp-studio/clasp/router/outbox"
	"github.com/clasp-studio/clasp/router/wire"
)

// What becomes of a message when its subscriber has fallen behind (section 9).
type urgency uint8

const (
	reliable urgency = iota // waits, up to the hard limit
	lossy                   // may be dropped, oldest first
)

// noticeEvery is the least time between two ERROR 503 about what a client does not get, in µs.
const noticeEvery = 10e6

// notice counts what a client does not get. It is told at the first time, and then now and
// then.
type notice struct {
	told  int64 // µs, monotonic, when it was last; 0 = never
	count int   // since
}

// add counts n more, and returns of how many the client is to be told now, if of any.
func (c *notice) add(n int, now int64) int {
	c.count += n
	if c.told != 0 && now-c.told < noticeEvery {
		return 0
	}
	c.told = max(now, 1)
	n, c.count = c.count, 0
	return n
}

// queueLocked appends a frame that must not be lost, and reports whether it has. out must be
// locked.
func (s *Session) queueLocked(b *batch, frame []byte) bool {
	if s.out.closing != ReasonNone {
		return false
	}
	if s.peer.tooLarge(frame) {
		s.refuseLocked(b, frame)
		return false
	}
	if !s.out.queue.Append(frame) {
		s.overflowLocked(b)
		return false
	}
	s.countOutLocked(b, frame)
	s.wakeLocked(b)
	return true
}

// queueRawLocked is queueLocked for what is the transport's own, and counts as no message.
func (s *Session) queueRawLocked(b *batch, raw []byte) {
	if s.out.closing != ReasonNone {
		return
	}
	if !s.out.queue.Append(raw) {
		s.overflowLocked(b)
		return
	}
	s.wakeLocked(b)
}

// wakeLocked sees to it that a flusher runs soon. out must be locked.
func (s *Session) wakeLocked(b *batch) {
	s.countSlowLocked()
	if !s.out.flushing && !s.out.gone {
		s.out.flushing = true
		b.touched = append(b.touched, s)
	}
}

// overflowLocked ends a session whose client does not read (section 9). What waits
// is given up: it would never be read.
func (s *Session) overflowLocked(b *batch) {
	s.out.queue.Clear()
	s.countGivenUpLocked(b)
	s.countDroppedLocked(b, droppedOverflow, 1) // what there was no room for
	s.queueOverloadedLocked(b, "%d bytes wait for this client, which does not read them: connection closed", outbox.Hard)
	s.closeLocked(b, ReasonSlow)
}

// queueOverloadedLocked queues an ERROR 503. out must be locked.
func (s *Session) queueOverloadedLocked(b *batch, format string, args ...any) {
	s.queueErrorLocked(b, wire.ErrorMessage{Code: wire.CodeOverloaded, Message: fmt.Appendf(nil, format, args...)})
}

// queueErrorLocked queues an ERROR. Its buffer is its own: those of the batch may hold what is
// just being delivered. out must be locked.
func (s *Session) queueErrorLocked(b *batch, m wire.ErrorMessage) {
	var p packet
	if b.encode(&p, wire.Fire, func(dst []byte) []byte { return wire.AppendError(dst, m) }) != nil {
		return // cannot be: the text is short
	}
	if s.queueLocked(b, p.bytes(s.peer.Framing)) {
		s.countErrorLocked(b, &m)
	}
}

// deliver queues a signal for a subscriber.
func (s *Session) deliver(b *batch, m *wire.Publish, p *packet, u urgency) {
	s.out.Lock()
	if len(s.out.filters) > 0 && u == lossy {
		s.passedSignal(m, b.now)
	}
	s.deliverLocked(b, p.bytes(s.peer.Framing), u)
	s.out.Unlock()
}

func (s *Session) deliverLocked(b *batch, frame []byte, u urgency) {
	if u == reliable {
		s.queueLocked(b, frame)
		return
	}
	if s.out.closing != ReasonNone {
		return
	}
	if s.peer.tooLarge(frame) {
		s.refuseLocked(b, frame)
		return
	}
	before := s.out.queue.Len()
	n := s.out.queue.AppendLossy(frame)
	s.countOutLocked(b, frame)
	if n > 0 {
		// Those dropped have a header as long as this one has, near enough.
		bytes := before + len(frame) - s.out.queue.Len() - n*s.peer.Framing.overhead(frame)
		s.countTakenLocked(b, n, bytes)
		s.droppedLocked(b, n)
	}
	s.wakeLocked(b)
}

// droppedLocked counts dropped messages, and tells the client of them now and then.
func (s *Session) droppedLocked(b *batch, n int) {
	s.countDroppedLocked(b, droppedSlow, n)
	if n = s.out.drops.add(n, b.now); n > 0 {
		s.queueOverloadedLocked(b, "%d messages dropped: this client reads too slowly", n)
	}
}

// deliverParam queues the SET of a param, whose lock is held, for a subscriber.
// now says that it has to be in the queue at once: the writer's echo comes before
// its ACK (section 5).
func (s *Session) deliverParam(b *batch, p *paramEntry, pkt *packet, via []*subscription, now bool) {
	s.out.Lock()
	defer s.out.Unlock()
	if s.out.closing != ReasonNone {
		return
	}
	// A snapshot on its way that has not come to this address will take the value
	// along; sent now as well, the subscriber would see its revision twice.
	if s.out.pending > 0 && !now && !passed(via, p.Address) {
		return
	}
	if !now && (s.out.dirty.has(p) || s.out.queue.Slow()) {
		s.out.dirty.add(p)
		return
	}
	s.sendParamLocked(b, p, pkt.bytes(s.peer.Framing), now)
}

// sendParamLocked queues the SET of a param, whose lock is held, for a subscriber, or as the
// echo for its writer. out must be locked.
func (s *Session) sendParamLocked(b *batch, p *paramEntry, frame []byte, echo bool) {
	s.out.dirty.drop(p)
	s.passedParam(p, b.now)
	if echo && s.peer.tooLarge(frame) {
		// Left out without a word: the ACK says that the value is applied, and an ERROR with
		// its address would tell the client that it is not.
		return
	}
	if echo {
		for _, c := range s.out.cursors {
			c.noteEcho(p)
		}
	}
	s.queueLocked(b, frame)
}

// flushAlways flushes whenever it is asked to, until the connection has ended.
func (s *Session) flushAlways() {
	for {
		select {
		case <-s.wake:
			s.flush()
		case <-s.over:
			return
		}
	}
}

// flush writes until nothing waits. It runs in a goroutine of its own, one a
// session at most.
func (s *Session) flush() {
	var b *batch // for what a slow or new subscriber still has to get
	pieces := 0  // of snapshots
	var rest time.Duration
	defer func() {
		if b != nil {
			b.finish(s.router)
		}
	}()
	for {
		s.out.Lock()
		o := &s.out
		rest = 0
		behind := o.closing == ReasonNone && !o.queue.Slow() &&
			(!o.dirty.empty() || len(o.cursors) > 0 && !o.filling)
		if behind {
			o.Unlock()
			if b == nil {
				b = s.router.begin()
			} else {
				b.clock(s.router)
			}
			s.catchUp(b)
			if s.claimFill(b) {
				s.turn(b)
				s.releaseFill(b)
				if pieces++; pieces > hurried {
					rest = min(unhurried*time.Since(b.since), longRest)
				}
			}
			o.Lock()
			if len(o.cursors) > 0 && s.peer.datagrams() {
				rest = max(rest, burstPause)
			}
		}
		buf := o.queue.Take()
		s.countFlushLocked(len(buf))
		if o.room != nil {
			o.room.Broadcast()
		}
		if o.gone {
			o.Unlock()
			outbox.PutBuffer(buf)
			return
		}
		if buf == nil && !behind {
			reason := o.closing
			finish := reason != ReasonNone
			o.flushing = finish // the last flusher of an ending session stays the last
			o.Unlock()
			if finish {
				s.conn.Finish(reason)
			}
			return
		}
		o.Unlock()
		if buf == nil {
			time.Sleep(rest)
			continue
		}
		err := s.conn.Write(buf)
		outbox.PutBuffer(buf)
		if err != nil {
			s.broken(err)
			return
		}
		time.Sleep(rest) // the others need the processor too, here and where the subscriber runs
	}
}

// The first pieces of snapshots, 2 MiB or so, go out as fast as they can. From then on a
// flusher rests after each for so many times as long as it took to put together: a million
// params for one who comes late must not be felt by all others. (With 10,000 SETs/s beside
// it on two cores, their p99 was 13 ms without the rests.)
const (
	hurried   = 32
	unhurried = 4
	longRest  = 5 * time.Millisecond
)

// waitForRoom holds the session's own reader up until a long answer has gone out so
// far that more of it may be queued. No lock is held here.
func (s *Session) waitForRoom(b *batch) {
	b.flush()
	s.out.Lock()
	defer s.out.Unlock()
	if s.out.room == nil {
		s.out.room = sync.NewCond(&s.out)
	}
	for s.out.queue.Slow() && s.out.closing == ReasonNone {
		s.out.room.Wait()
	}
}

// broken gives up a connection that cannot be written to. The reader notices.
func (s *Session) broken(err error) {
	s.out.Lock()
	if s.out.closing == ReasonNone {
		s.out.closing = ReasonLost
	}
	s.out.gone = true
	s.out.queue.Clear()
	if s.out.room != nil {
		s.out.room.Broadcast()
	}
	s.out.Unlock()
	// The name is the reader's to write until HELLO: the address has to do.
	s.router.log.Debug("write failed", "remote", s.peer.Remote, "transport", s.peer.Transport, "error", err)
	s.conn.Abort()
}

// catchUp queues the newest value of params that a slow session has missed, while
// there is room.
func (s *Session) catchUp(b *batch) {
	for {
		s.out.Lock()
		d := &s.out.dirty
		if d.empty() || s.out.queue.Slow() {
			s.out.Unlock()
			return
		}
		p := d.next()
		s.out.Unlock()

		// The param's lock comes before the outbox's, and under both the value
		// encoded is the newest and in its place.
		p.Lock()
		s.out.Lock()
		if s.out.dirty.drop(p) {
			// A timeline that has taken the address over went out as it came.
			if p.Exists(b.now) && !p.Timeline && b.encodeSet(&b.out, p) == nil {
				s.passedParam(p, b.now)
				s.queueLocked(b, b.out.bytes(s.peer.Framing))
			}
		}
		s.out.Unlock()
		p.Unlock()
	}
}
