// What the router counts while messages pass, for whoever looks on (observe.go) and for its
// metrics (count_show.go). Nobody pays for being counted: what a batch has done is added up in
// the batch, and told at its end.

package router

import (
	"math/bits"
	"sync/atomic"

	"github.com/clasp-studio/clasp/router/monitor"
	"github.com/clasp-studio/clasp/router/outbox"
	"github.com/clasp-studio/clasp/router/wire"
)

// tally is what a batch has done and not told yet.
type tally struct {
	in, sent row // messages by kind; sent are those queued
	fanout   row // messages sent on, by how many they went to: sizeBucket
	sums
}

// sums are the plain numbers of a tally. Those that are taken back may be below 0.
type sums struct {
	inBytes, outBytes     int
	taken                 int // messages of sent that were dropped again
	dropped               [dropReasons]int
	writes, fanout, state int
}

// row is a tally of rowWidth things, most of which a batch has nothing of: touched has a bit for
// each that it has.
type row struct {
	n       [rowWidth]uint32
	touched uint32
}

const rowWidth = 20 // at most 32

func (w *row) add(i uint8) {
	w.n[i]++
	w.touched |= 1 << i
}

// tell adds a row to the router's, and empties it.
func (w *row) tell(to *[rowWidth]atomic.Uint64) {
	for ; w.touched != 0; w.touched &= w.touched - 1 {
		i := bits.TrailingZeros32(w.touched)
		to[i].Add(uint64(w.n[i]))
		w.n[i] = 0
	}
}

// dropReason is why a client does not get a message.
type dropReason uint8

const (
	droppedSlow     dropReason = iota // it may be lost, and the client reads too slowly
	droppedOverflow                   // it waited for a client whose connection was closed for reading too slowly
	droppedTooLarge                   // no frame to this client may be so large
	dropReasons
)

// countShards is a power of two. Batches come from a pool that each processor has a piece of,
// so that hardly two processors meet at a shard.
const countShards = 8

// counts add up what the batches have told, since the router began.
type counts struct {
	shards [countShards]countShard
	next   atomic.Uint32 // shard of the next batch made

	// What is rare, or counted of few messages only.
	joined, left atomic.Uint64 // sessions let in, and those of them that have gone
	crowd        atomic.Uint64 // moves when a session comes, is let in or goes
	errors       errorCounts   // ERRORs sent
	handled      [kinds]latency
	unread       atomic.Uint64 // messages that came faster than their session worked
	slow         atomic.Int64  // sessions that are behind
	locks        atomic.Int64  // params that a session has locked
}

type countShard struct {
	in, sent, fanout  [rowWidth]atomic.Uint64
	inBytes, outBytes atomic.Uint64
	taken             atomic.Uint64
	dropped           [dropReasons]atomic.Uint64
	writes, fanoutSum atomic.Uint64
	state             atomic.Uint64 // bytes of addresses and values

	_       [128]byte // what follows is counted by other goroutines
	flushed sizes     // frames a write

	_ [128]byte // the next shard is somebody else's
}

// countJoined counts a session that has been let in.
func (s *Session) countJoined() {
	s.router.counts.joined.Add(1)
	s.router.counts.crowd.Add(1)
}

// countGone counts a session that has ended.
func (s *Session) countGone(r Reason) {
	if s.inside() {
		s.router.counts.left.Add(1)
	}
	w := s.router.ways.of(s.peer.Transport)
	w.closed[r].Add(1)
	if f := r.failure(); f != failedNone && !s.greeted.Load() {
		w.failed[f].Add(1)
	}
	s.router.counts.crowd.Add(1)
}

// shard returns one for a new batch.
func (c *counts) shard() *countShard { return &c.shards[c.next.Add(1)%countShards] }

// tell adds a batch's tally to the router's.
func (b *batch) tell() {
	t, c := &b.tally, b.counts
	t.in.tell(&c.in)
	t.sent.tell(&c.sent)
	t.fanout.tell(&c.fanout)
	if t.sums == (sums{}) {
		return
	}
	tell(&c.inBytes, t.inBytes)
	tell(&c.outBytes, t.outBytes)
	tell(&c.taken, t.taken)
	for i, n := range t.dropped {
		tell(&c.dropped[i], n)
	}
	tell(&c.writes, t.writes)
	tell(&c.fanoutSum, t.sums.fanout)
	tell(&c.state, t.state)
	t.sums = sums{}
}

func tell(c *atomic.Uint64, n int) {
	if n != 0 {
		c.Add(uint64(n))
	}
}

// inflow counts what a session has sent: the reader counts, and shows it at the end of each
// batch, at most 64 messages late.
type inflow struct {
	messages, bytes           uint64 // owned by the reader
	shownMessages, shownBytes atomic.Uint64
}

func (f *inflow) show() {
	f.shownMessages.Store(f.messages)
	f.shownBytes.Store(f.bytes)
}

// countIn counts one message of the session's reader.
func (s *Session) countIn(b *batch, k kind, bytes int) {
	s.in.messages++
	s.in.bytes += uint64(bytes)
	b.tally.in.add(uint8(k))
	b.tally.inBytes += bytes
}

// countFanout counts a message that was sent on to n sessions.
func (b *batch) countFanout(n int) {
	b.tally.fanout.add(sizeBucket(n))
	b.tally.sums.fanout += n
}

// outflow counts what a session is sent, guarded by its out. What is dropped has been counted
// as waiting, and is taken off it again.
type outflow struct {
	messages, bytes       int // that a flusher has taken
	waiting, waitingBytes int // that none has taken yet
	dropped, errors       uint64
	recent                []refusal // the last ERRORs: the n-th is at n modulo refusalsKept
}

// refusal is an ERROR that a session was sent, as it was sent: it is put into words when
// somebody looks, for the publishers of a session wait while its out is locked.
type refusal struct {
	at   uint64 // µs, Unix
	code wire.Code
	text []byte // its address and its message, used again
	addr int    // bytes of text that are the address
}

// inWords is what is shown of it.
func (e *refusal) inWords() string {
	addr, message := string(e.text[:e.addr]), string(e.text[e.addr:])
	if addr != "" {
		message = showAddress(addr) + ": " + message
	}
	return monitor.Clean(message)
}

// refusalsKept is how many ERRORs of each session are remembered, and refusalBytes how much of
// address and text of each: they may quote what the client has sent.
const (
	refusalsKept = 10
	refusalBytes = 512
)

// countOutLocked counts a frame put in the queue. out must be locked.
func (s *Session) countOutLocked(b *batch, frame []byte) {
	bare := frame[s.peer.Framing.overhead(frame):]
	s.out.flow.waiting++
	s.out.flow.waitingBytes += len(bare)
	b.tally.outBytes += len(bare)
	b.tally.sent.add(uint8(kindOf[bare[wire.HeaderSize]])) // the router sends no timestamp in the header
}

// countTakenLocked counts messages, which had been put in the queue, as not sent after all. out
// must be locked.
func (s *Session) countTakenLocked(b *batch, messages, bytes int) {
	s.out.flow.waiting -= messages
	s.out.flow.waitingBytes -= bytes
	b.tally.taken += messages
	b.tally.outBytes -= bytes
}

// countDroppedLocked counts messages dropped. out must be locked.
func (s *Session) countDroppedLocked(b *batch, why dropReason, n int) {
	s.out.flow.dropped += uint64(n)
	b.tally.dropped[why] += n
}

// countGivenUpLocked counts all that waits as dropped. out must be locked.
func (s *Session) countGivenUpLocked(b *batch) {
	n := s.out.flow.waiting
	s.countTakenLocked(b, n, s.out.flow.waitingBytes)
	s.countDroppedLocked(b, droppedOverflow, n)
}

// countFlushLocked counts what a flusher has taken to write. out must be locked.
func (s *Session) countFlushLocked(bytes int) {
	f := &s.out.flow
	if bytes > 0 && f.waiting > 0 { // or the session has gone; or it is a ping
		s.router.counts.shards[s.seq%countShards].flushed.add(f.waiting)
	}
	f.messages += f.waiting
	f.bytes += f.waitingBytes
	f.waiting, f.waitingBytes = 0, 0
	if bytes < outbox.Soft && s.out.dirty.empty() {
		s.countCaughtUpLocked()
	}
}

// countSlowLocked counts a session whose client has fallen behind. It counts until a flusher comes
// back for less than makes it slow: that the last one has taken all, and may not get rid of it,
// does not mean that the client keeps up. out must be locked.
func (s *Session) countSlowLocked() {
	if !s.out.slow && s.out.queue.Slow() {
		s.out.slow = true
		s.router.counts.slow.Add(1)
	}
}

func (s *Session) countCaughtUpLocked() {
	if s.out.slow {
		s.out.slow = false
		s.router.counts.slow.Add(-1)
	}
}

// CountUnread counts a message that came faster than its session works, and was lost: its
// transport cannot hold the client up.
func (r *Router) CountUnread() { r.counts.unread.Add(1) }

// countLock counts that the lock of a param goes from one session to another, "" being none.
func (c *counts) countLock(from, to string) {
	switch {
	case from == "" && to != "":
		c.locks.Add(1)
	case from != "" && to == "":
		c.locks.Add(-1)
	}
}

// stateBytes is how much of the state a param, whose lock is held, is: 0 without a value.
func stateBytes(p *paramEntry) int {
	if p.Value == nil {
		return 0
	}
	return len(p.Address) + len(p.Value)
}

// countState counts a change of the state outside of any batch.
func (c *counts) countState(bytes int) { c.shards[0].state.Add(uint64(bytes)) }

// countErrorLocked remembers an ERROR that was queued. out must be locked.
func (s *Session) countErrorLocked(b *batch, m *wire.ErrorMessage) {
	f := &s.out.flow
	if len(f.recent) < refusalsKept {
		f.recent = append(f.recent, refusal{})
	}
	e := &f.recent[f.errors%refusalsKept]
	f.errors++
	s.router.counts.errors.add(m.Code)
	addr, message := m.Address[:min(len(m.Address), refusalBytes)], m.Message[:min(len(m.Message), refusalBytes)]
	e.at, e.code, e.addr = b.wall, m.Code, len(addr)
	e.text = append(append(e.text[:0], addr...), message...)
}

// overhead is what a framing has put before a frame.
func (f Framing) overhead(framed []byte) int {
	if f != WebSocket || len(framed) < 2 {
		return 0
	}
	switch framed[1] { // RFC 6455 section 5.2
	case 126:
		return 4
	case 127:
		return 10
	}
	return 2
}
