package router

import (
	"context"
	"runtime"
	"time"

	"github.com/clasp-studio/clasp/router/wire"
)

// A batch ends, and what it has queued is sent, after this many messages, this many
// bytes encoded or this long, even when there is more to read.
const (
	batchMessages = 64
	batchBytes    = 64 << 10
	batchTime     = 200 * time.Microsecond
)

// A reader that always finds more to read gives the flushers a turn after this many messages, or
// after this many for each outbox that it has asked to be flushed, if that is more: where they
// have no processor of their own, a client that waits for answers would wait until all it has sent
// is worked through, and the router then for the client. (On one core, SET with 512 on their way:
// 1.1 M/s without, 1.5 M/s with it.) More messages go out with each write the longer they wait,
// and it is many writes that cost: with a thousand subscribers, a turn every 128 messages took 1.6
// times the CPU a delivery. Flushers with a processor of their own are asked again and again: then
// a turn may never come, and need not.
const (
	turnMessages = 128
	turnShare    = 2
)

// batch is what a goroutine needs while it works through messages: buffers, and
// the list of sessions that have got something to send. An idle session has none.
type batch struct {
	out      packet // what is being encoded for subscribers
	reply    packet // what is being encoded for the session itself
	legacy   []byte // a MessagePack payload made binary
	value    []byte // a value made wide
	found    []*subscription
	ops      []bundleOp
	locked   []*paramEntry // params of a piece of a snapshot
	touched  []*Session
	tally    tally       // what it has done since it last told
	counts   *countShard // whom it tells
	untimed  int         // messages until one is timed
	prompt   bool        // its owner waits for no disk: see errBusy
	counted  bool        // its bundle has been run once, and found the disk busy
	messages int
	bytes    int       // encoded
	stretch  stretch   // since the flushers last got a turn
	since    time.Time // when the clock was last asked
	began    time.Time // when it began, or began anew
	trace    bool      // messages are logged; asked with the clock
	wall     uint64    // µs, Unix
	now      int64     // µs, monotonic
}

// begin takes a batch and notes the time.
func (r *Router) begin() *batch {
	b := r.batches.Get().(*batch)
	b.clock(r)
	b.began = b.since
	b.stretch = stretch{}
	return b
}

func (b *batch) clock(r *Router) {
	b.tell()
	b.since = time.Now()
	b.wall = uint64(b.since.UnixMicro())
	b.now = r.monotonic(b.since)
	b.messages, b.bytes = 0, 0
	b.trace = r.log.Enabled(context.Background(), LevelTrace)
}

// next counts a message. When it is time it sends what is queued, begins anew and
// reports true. The clock is asked now and then only.
func (b *batch) next(r *Router) bool {
	b.messages++
	large := b.bytes >= batchBytes
	if !large && b.messages < batchMessages && (b.messages%16 != 0 || time.Since(b.since) <= batchTime) {
		return false
	}
	b.flush()
	// Large messages fill an outbox faster than its flusher gets its turn, and clients that read
	// as fast as they can would count as dead.
	if b.stretch.messages += b.messages; large || b.stretch.due() {
		b.turn()
	}
	b.clock(r)
	b.began = b.since
	return true
}

// stretch is what a reader has done since the flushers last got a turn. A session keeps it from
// one batch to the next: whoever sends without a pause makes one batch for each read.
type stretch struct{ messages, outboxes int }

func (s stretch) due() bool { return s.messages >= max(turnMessages, turnShare*s.outboxes) }

// turn lets the flushers go first.
func (b *batch) turn() {
	b.stretch = stretch{}
	runtime.Gosched()
}

// pause sends what is queued before something that takes long, and sees to it that
// the clock is asked after it.
func (b *batch) pause() {
	b.flush()
	b.stretch.messages += b.messages - batchMessages // next adds what is counted here
	b.messages = batchMessages
}

// flush starts the flushers of the sessions that have got something to send.
func (b *batch) flush() {
	b.tell()
	if len(b.touched) == 0 {
		return
	}
	b.stretch.outboxes += len(b.touched)
	few := b.messages <= sweepMessages
	prompt := b.touched[:0]
	for _, s := range b.touched {
		switch {
		case few && s.prompt != nil:
			prompt = append(prompt, s)
		case s.wake != nil:
			s.wake <- struct{}{} // never waits: a flusher is asked for once at a time
		default:
			go s.flush()
		}
	}
	if len(prompt) > 0 {
		prompt[0].router.startSweeps(prompt)
	}
	clear(b.touched)
	b.touched = b.touched[:0]
}

// finish sends what is queued and gives the batch back.
func (b *batch) finish(r *Router) {
	b.flush()
	const keep = 64 << 10 // a rare large message must not stay in memory for good
	if cap(b.out.buf)+cap(b.reply.buf)+cap(b.legacy)+cap(b.value) <= 4*keep && cap(b.ops) <= 256 {
		clear(b.found[:cap(b.found)]) // or it would keep sessions that have gone
		r.batches.Put(b)
	}
}

// encode makes p the frame of the payload that f appends.
func (b *batch) encode(p *packet, q wire.QoS, f func(dst []byte) []byte) error {
	return b.end(p, f(p.begin(q)))
}

// end completes a frame and counts it.
func (b *batch) end(p *packet, buf []byte) error {
	b.bytes += len(buf)
	return p.end(buf)
}
