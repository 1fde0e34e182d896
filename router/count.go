// What the router counts while messages pass, for whoever looks on (observe.go). Nobody pays
// for being counted: what a batch has done is added up in the batch, and told at its end.

package router

import (
	"sync/atomic"

	"github.com/clasp-studio/clasp/router/monitor"
	"github.com/clasp-studio/clasp/router/wire"
)

// tally is what a batch has done and not told yet. Messages out are those queued less those
// that were dropped for them, and so may be below 0.
type tally struct{ in, inBytes, out, outBytes, dropped, errors, writes int }

// countShards is a power of two. Batches come from a pool that each processor has a piece of,
// so that hardly two processors meet at a shard.
const countShards = 8

// counts add up what the batches have told, since the router began.
type counts struct {
	shards [countShards]countShard
	next   atomic.Uint32 // shard of the next batch made

	joined, left atomic.Uint64 // sessions let in, and those of them that have gone
	crowd        atomic.Uint64 // moves when a session comes, is let in or goes
}

type countShard struct {
	in, inBytes, out, outBytes, dropped, errors, writes atomic.Uint64

	_ [128 - 7*8]byte // its own cache lines
}

// countJoined counts a session that has been let in.
func (s *Session) countJoined() {
	s.router.counts.joined.Add(1)
	s.router.counts.crowd.Add(1)
}

// countGone counts a session that has ended.
func (s *Session) countGone() {
	if s.inside() {
		s.router.counts.left.Add(1)
	}
	s.router.counts.crowd.Add(1)
}

// shard returns one for a new batch.
func (c *counts) shard() *countShard { return &c.shards[c.next.Add(1)%countShards] }

// tell adds a batch's tally to the router's.
func (b *batch) tell() {
	t := &b.tally
	if *t == (tally{}) {
		return
	}
	c := b.counts
	tell(&c.in, t.in)
	tell(&c.inBytes, t.inBytes)
	tell(&c.out, t.out)
	tell(&c.outBytes, t.outBytes)
	tell(&c.dropped, t.dropped)
	tell(&c.errors, t.errors)
	tell(&c.writes, t.writes)
	*t = tally{}
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
func (s *Session) countIn(b *batch, bytes int) {
	s.in.messages++
	s.in.bytes += uint64(bytes)
	b.tally.in++
	b.tally.inBytes += bytes
}

// outflow counts what a session is sent, guarded by its out. What is dropped has been counted
// among messages and bytes, and is taken off them again.
type outflow struct {
	messages, bytes       int
	waiting, waitingBytes int // of them those that no flusher has taken yet
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

// countOutLocked counts messages put in the queue, less those that were dropped for them. out
// must be locked.
func (s *Session) countOutLocked(b *batch, messages, bytes int) {
	f := &s.out.flow
	f.messages += messages
	f.bytes += bytes
	f.waiting += messages
	f.waitingBytes += bytes
	b.tally.out += messages
	b.tally.outBytes += bytes
}

// countDroppedLocked counts messages dropped. out must be locked.
func (s *Session) countDroppedLocked(b *batch, n int) {
	s.out.flow.dropped += uint64(n)
	b.tally.dropped += n
}

// countGivenUpLocked counts all that waits as dropped. out must be locked.
func (s *Session) countGivenUpLocked(b *batch) {
	n := s.out.flow.waiting
	s.countOutLocked(b, -n, -s.out.flow.waitingBytes)
	s.countDroppedLocked(b, n)
}

// countErrorLocked remembers an ERROR that was queued. out must be locked.
func (s *Session) countErrorLocked(b *batch, m *wire.ErrorMessage) {
	f := &s.out.flow
	if len(f.recent) < refusalsKept {
		f.recent = append(f.recent, refusal{})
	}
	e := &f.recent[f.errors%refusalsKept]
	f.errors++
	b.tally.errors++
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
