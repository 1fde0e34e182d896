package client

// One connection: what is to be sent, what is waited for, and the reading of it. A Client has one link at a time and a new
// one after each reconnect.

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/clasp-studio/clasp/router/wire"
)

const (
	// sendLimit is how many bytes may wait to be sent before senders wait too.
	sendLimit = 1 << 20
	// window is how many bytes of answers may be on their way before those who ask wait: a router closes a session that has
	// much more than that coming and does not keep up (protocol section 9), so a loop of requests must not run ahead.
	window = 256 << 10
	// farewell is how long saying goodbye may take.
	farewell = 2 * time.Second
	// probeAfter and probeAtMost are the first and the longest wait between fences that go out because one seems to be lost.
	probeAfter, probeAtMost = 20 * time.Millisecond, time.Second
)

var errSilent = errors.New("no sign of life from the router")

// link is one connection.
type link struct {
	client *Client
	conn   carrier
	dead   chan struct{} // closed with err set
	wake   chan struct{} // for the writer: something is pending
	nudge  chan struct{} // for a paused reader: someone waits for an answer
	heard  atomic.Bool   // something came since the last look
	writer sync.WaitGroup

	// Owned by the reader.
	left    []byte // frames that came with those of the handshake
	backlog int    // bytes that waited for the handlers, when last looked

	mu       sync.Mutex
	err      error // set once: the link is dead
	closing  bool  // goodbye has begun: nothing more is sent
	pending  []byte
	room     chan struct{} // closed when there is room again; nil if nobody waits
	unfenced bool          // something was sent since the last request whose ERROR could come late
	requests answers
	getSize  int         // bytes the answer of a GET is expected to have
	paused   bool        // the reader waits for the handlers
	asked    bool        // a SYNC was sent into the silence
	watch    *time.Timer // looks for signs of life; nil without keepalive
	probe    *time.Timer // asks on after a 429 that may have been a fence's; nil while there is nothing to find out

	collectors []*collector // of snapshots
}

func newLink(c *Client, conn carrier) *link {
	l := &link{
		client: c,
		conn:   conn,
		dead:   make(chan struct{}),
		wake:   make(chan struct{}, 1),
		nudge:  make(chan struct{}, 1),

		getSize: 8 << 10,
	}
	if keepalive := c.options.Keepalive; keepalive > 0 {
		l.mu.Lock()
		l.watch = time.AfterFunc(keepalive, l.look)
		l.mu.Unlock()
	}
	l.writer.Go(l.write)
	return l
}

// post sends a frame and, unless r is nil, puts r in the queue of requests. It waits for room in the send buffer, not for
// the network. An error says that nothing was sent.
func (l *link) post(ctx context.Context, frame []byte, r *request) error {
	l.mu.Lock()
	for !l.hasRoomLocked(frame, r) && l.err == nil && !l.closing {
		if l.room == nil {
			l.room = make(chan struct{})
		}
		room := l.room
		l.mu.Unlock()
		select {
		case <-room:
		case <-l.dead:
		case <-ctx.Done():
			return fmt.Errorf("nothing was sent, too much waits already: %w", ctx.Err())
		}
		l.mu.Lock()
	}
	defer l.mu.Unlock()
	return l.postLocked(frame, r)
}

// hasRoomLocked reports whether a frame and its answer may go on their way.
func (l *link) hasRoomLocked(frame []byte, r *request) bool {
	if len(l.pending) > sendLimit {
		return false
	}
	if r == nil {
		return true
	}
	// The ACK, and before it the writer's own echo if it has subscribed.
	r.weight = 64 + len(r.address) + len(frame)
	if r.kind == kindGet {
		r.weight += l.getSize
	}
	return l.requests.empty() || l.requests.weight+r.weight <= window
}

// takenLocked lets those who wait ask again, once there is room for more than one.
func (l *link) takenLocked() {
	if l.room != nil && l.requests.weight <= window/2 {
		close(l.room)
		l.room = nil
	}
}

func (l *link) postLocked(frame []byte, r *request) error {
	switch {
	case l.closing:
		return ErrClosed
	case l.err != nil:
		return fmt.Errorf("%w: %w", ErrNotConnected, l.err)
	}
	if why := l.conn.refuses(frame); why != "" {
		refused := &Error{Code: wire.CodeBadValue, Message: why}
		if r != nil {
			refused.Address = r.address
		}
		return refused
	}
	if r == nil {
		l.unfenced = true
	} else {
		if l.unfenced || l.requests.lost != nil {
			l.fenceLocked()
		}
		l.unfenced = false
		r.link = l
		l.requests.push(r)
		if l.paused {
			signal(l.nudge)
		}
	}
	l.pending = l.conn.frame(l.pending, frame)
	if r != nil && r.implicit() {
		l.fenceLocked()
	}
	signal(l.wake)
	return nil
}

// pongFrame never changes: magic, fire and binary, a payload of one byte (protocol section 1).
var pongFrame = []byte{0x53, 0x01, 0, 1, byte(wire.TypePong)}

// fenceLocked sends a SYNC whose answer parts the errors of what was sent before from those of what is sent after. It is no
// PING, because it may be refused, and the PONG of the next one would then be taken for its own.
func (l *link) fenceLocked() {
	t1 := l.client.stamp()
	frame := append(make([]byte, 0, 32), 0x53, 0x01, 0, 10) // fire and binary, 10 bytes of payload
	frame = wire.AppendSync(frame, wire.Sync{T1: t1})
	l.requests.push(&request{kind: kindFence, t1: t1})
	l.pending = l.conn.frame(l.pending, frame)
	signal(l.wake)
}

// probeLocked sees to it that there will be an answer by which those who wait learn that theirs was refused.
func (l *link) probeLocked() {
	if l.probe == nil {
		l.probe = time.AfterFunc(probeAfter, func() { l.probeAgain(probeAfter) })
	}
}

// probeAgain sends fences, ever more slowly, until one is answered or nobody waits any more.
func (l *link) probeAgain(waited time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.probe = nil
	if l.err != nil || l.closing || l.requests.lost == nil || !l.requests.waits() {
		return
	}
	l.fenceLocked()
	wait := min(2*waited, probeAtMost)
	l.probe = time.AfterFunc(wait, func() { l.probeAgain(wait) })
}

// answerRaw sends what answers the router, ready for the transport, whatever waits already.
func (l *link) answerRaw(raw []byte) {
	l.heard.Store(true)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil && !l.closing {
		l.pending = append(l.pending, raw...)
		signal(l.wake)
	}
}

// write sends what is pending, all at once, until the link is dead.
func (l *link) write() {
	var spare []byte
	for {
		select {
		case <-l.wake:
		case <-l.dead:
			return
		}
		for {
			l.mu.Lock()
			buf, closing := l.pending, l.closing
			l.pending = spare[:0]
			if l.room != nil {
				close(l.room)
				l.room = nil
			}
			l.mu.Unlock()
			if len(buf) == 0 && closing {
				if err := l.conn.goodbye(); err != nil {
					l.fail(err)
				}
				return
			}
			if len(buf) == 0 {
				spare = buf
				break
			}
			if _, err := l.conn.Write(buf); err != nil {
				l.fail(err)
				return
			}
			spare = buf
			if cap(spare) > 2*sendLimit {
				spare = nil
			}
		}
	}
}

// fail ends the link: what was waited for fails, and the connection is closed.
func (l *link) fail(cause error) {
	l.mu.Lock()
	if l.err != nil {
		l.mu.Unlock()
		return
	}
	l.err = cause
	left := l.requests.drain()
	close(l.dead)
	for _, timer := range []*time.Timer{l.watch, l.probe} {
		if timer != nil {
			timer.Stop()
		}
	}
	end := fmt.Errorf("%w before the answer came, the request may or may not have been applied: %w", ErrDisconnected, cause)
	if l.closing {
		end = fmt.Errorf("%w before the answer came, the request may or may not have been applied", ErrClosed)
	}
	l.mu.Unlock()
	_ = l.conn.Close() // the reader notices; there is nobody to tell of a failed close
	for _, r := range left {
		r.finish(end)
	}
}

// goodbye sends what is pending and says goodbye. The reader ends when the router has answered, or gives up.
func (l *link) goodbye() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil || l.closing {
		return
	}
	l.closing = true
	_ = l.conn.SetDeadline(time.Now().Add(farewell))
	signal(l.wake)
}

// next returns the frames of the next message. They are good until the next call.
func (l *link) next() ([]byte, error) {
	data, err := l.conn.next(l.answerRaw)
	if err == nil && !l.heard.Load() { // cheaper than to write each time
		l.heard.Store(true)
	}
	return data, err
}

// read takes what the router sends until the connection ends, and says why it did.
func (l *link) read() error {
	l.frames(l.left)
	l.left = nil
	for {
		data, err := l.next()
		if err != nil {
			l.mu.Lock()
			defer l.mu.Unlock()
			if l.err != nil {
				return l.err // the reader only noticed what was known
			}
			return err
		}
		l.frames(data)
		if l.backlog > inboxSoft {
			l.pause()
		}
	}
}

// frames takes the frames of one message.
func (l *link) frames(data []byte) {
	for len(data) > 0 {
		f, rest, err := wire.ReadFrame(data)
		if err != nil {
			l.client.report(fmt.Errorf("from the router: %w", err))
			return
		}
		if len(f.Payload) > 0 {
			l.receive(f.Payload)
		}
		data = rest
	}
}

// pause waits until the handlers have caught up, or someone waits for an answer.
func (l *link) pause() {
	in := &l.client.inbox
	for in.full() {
		l.mu.Lock()
		l.paused = l.requests.empty()
		paused := l.paused
		l.mu.Unlock()
		if !paused {
			return
		}
		select {
		case <-in.room:
		case <-l.nudge:
		case <-l.dead:
			return
		case <-l.client.ctx.Done():
			return
		}
	}
	l.backlog = 0
	l.mu.Lock()
	l.paused = false
	l.mu.Unlock()
}

// look checks for signs of life: none for one interval and the router is asked, none for another and the link is dead.
func (l *link) look() {
	interval := l.client.options.Keepalive
	l.mu.Lock()
	switch {
	case l.err != nil || l.closing:
		l.mu.Unlock()
		return
	case l.heard.Swap(false) || l.paused:
		l.asked = false
	case l.asked:
		l.mu.Unlock()
		l.fail(fmt.Errorf("%w for %v", errSilent, 2*interval))
		return
	default:
		l.asked = true
		l.fenceLocked()
	}
	l.watch.Reset(interval)
	l.mu.Unlock()
}

// nextPayload returns the payload of the next frame, for the handshake. The frames that came with it stay for read.
func (l *link) nextPayload() ([]byte, error) {
	if len(l.left) == 0 {
		var err error
		if l.left, err = l.next(); err != nil {
			l.mu.Lock()
			defer l.mu.Unlock()
			if l.err != nil {
				return nil, l.err
			}
			return nil, err
		}
	}
	f, rest, err := wire.ReadFrame(l.left)
	if err != nil {
		return nil, err
	}
	if len(f.Payload) == 0 {
		return nil, errors.New("an empty frame instead of WELCOME")
	}
	l.left = rest
	return f.Payload, nil
}
