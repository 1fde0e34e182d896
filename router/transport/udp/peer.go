package udp

// One client: the datagrams on their way in, which a goroutine takes that exists only
// while there are some, and the frames on their way out.

import (
	"container/list"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/clasp-studio/clasp/router"
	"github.com/clasp-studio/clasp/router/internal/datagram"
	"github.com/clasp-studio/clasp/router/wire"
)

// inboxLimit is how many bytes may wait for a session that is busy. What comes on top is
// lost, as in the kernel's buffer: a session that does not keep up must not hold up the
// socket, which is everybody's. 5000 small messages fit, a tenth of a second at 50,000/s.
const inboxLimit = 256 << 10

// inboxes are what datagrams wait in, each behind its length as u16.
var inboxes = sync.Pool{New: func() any {
	b := make([]byte, 0, 4<<10)
	return &b
}}

// keepInbox is the largest that is used again.
const keepInbox = 64 << 10

type peer struct {
	// Static after begin.
	server *Server
	addr   netip.AddrPort
	way    datagram.Way
	sess   *router.Session
	hello  uint64 // hash of the first datagram

	// Owned by the socket's reader.
	spoke    time.Time // when something else than HELLO came last
	talked   bool      // something else has come
	isProved bool      // s.proved, to be asked without a lock

	// Guarded by the server's mu.
	waiting *list.Element // nil once it has proved itself
	place   router.Place  // none before

	mu       sync.Mutex
	in       *[]byte       // datagrams that wait, nil if there are none
	working  bool          // a goroutine takes them, or is not needed yet
	over     router.Reason // set once: the session ends
	proved   bool          // a second datagram has come
	held     bool          // frames wait for that
	hurried  bool          // nothing is waited for any more
	changed  chan struct{} // closed with proved, hurried or over
	received int           // bytes, until it has proved itself; then of further HELLOs too
	sent     int           // bytes
	repeated int           // bytes of WELCOME said again
	welcome  []byte        // the first frame sent
}

var _ router.Conn = (*peer)(nil)

// begin gives a peer its session and its first datagram.
func (p *peer) begin(sess *router.Session, first []byte) {
	p.mu.Lock()
	p.sess = sess
	p.working = false
	p.received = len(first)
	over := p.over
	if over != router.ReasonNone {
		p.working = true
	}
	p.mu.Unlock()
	if over != router.ReasonNone { // the router stops
		go p.work()
		return
	}
	p.put(first)
}

// put queues a datagram for the session.
func (p *peer) put(b []byte) {
	p.mu.Lock()
	if p.over != router.ReasonNone {
		p.mu.Unlock()
		return
	}
	if p.in == nil {
		p.in = inboxes.Get().(*[]byte)
	}
	if len(*p.in)+2+len(b) > inboxLimit {
		p.mu.Unlock()
		p.server.dropped.Warn(p.server.router.Logger(), "a UDP client sends faster than its messages can be worked on: some are lost",
			"remote", p.addr.String())
		return
	}
	*p.in = binary.BigEndian.AppendUint16(*p.in, uint16(len(b)))
	*p.in = append(*p.in, b...)
	start := !p.working
	p.working = true
	p.mu.Unlock()
	if start {
		go p.work()
	}
}

// work hands datagrams to the session until there are none, or ends it.
func (p *peer) work() {
	busy := false // the session has been given something since it was last idle
	for {
		p.mu.Lock()
		in, over := p.in, p.over
		p.in = nil
		if in == nil && over == router.ReasonNone && !busy {
			p.working = false
			p.mu.Unlock()
			return
		}
		p.mu.Unlock()
		switch {
		case over != router.ReasonNone:
			p.sess.Closed(over) // which forgets it, at the latest
			p.server.left()
			return
		case in == nil:
			p.sess.Idle()
			busy = false
			continue
		}
		busy = true
		for rest := *in; len(rest) > 0; {
			end := 2 + int(binary.BigEndian.Uint16(rest))
			p.receive(rest[2:end])
			rest = rest[end:]
		}
		if cap(*in) <= keepInbox {
			*in = (*in)[:0]
			inboxes.Put(in)
		}
	}
}

func (p *peer) receive(b []byte) {
	if text := tooLong(b, p.sess.Limit()); text != "" {
		p.sess.Reject(text)
		return
	}
	p.sess.Receive(b)
}

// letOut lets out what was held back.
func (p *peer) letOut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.proved = true
	p.changeLocked()
}

// changeLocked wakes Write.
func (p *peer) changeLocked() {
	select {
	case <-p.changed:
	default:
		close(p.changed)
	}
}

// again says WELCOME again, to a client that has said HELLO again in n bytes and nothing
// else, so that the first WELCOME or the first SNAPSHOT may have been lost. It is held to
// three times what has come too: a doubled HELLO is all that has. While frames are held
// back, those are the answer.
func (p *peer) again(n int) {
	p.mu.Lock()
	p.received += n
	welcome := p.welcome
	size := len(welcome) + len(emptySnapshot)
	if welcome == nil || p.held || p.repeated+size >= amplify*p.received {
		p.mu.Unlock()
		return
	}
	p.repeated += size
	p.mu.Unlock()
	_ = p.server.socket.Write(p.way, [][]byte{welcome, emptySnapshot}) // lost like any other
}

// Write sends frames, each in a datagram. It waits while the address has not proved
// itself and has got as much as it may.
func (p *peer) Write(b []byte) error {
	room := datagramLists.Get().(*[][]byte)
	defer func() {
		clear(*room)
		datagramLists.Put(room)
	}()
	all := (*room)[:0]
	for len(b) > 0 {
		size, err := wire.FrameSize(b)
		if err != nil || size == 0 || size > len(b) {
			return fmt.Errorf("send to %s: the next %d bytes are no whole frame", p.addr, len(b)) // cannot be: the router makes them
		}
		all = append(all, b[:size:size])
		b = b[size:]
	}
	*room = all
	for len(all) > 0 {
		n, wait := p.allowed(all)
		err := p.server.socket.Write(p.way, all[:n])
		if errors.Is(err, net.ErrClosed) {
			return err
		}
		if err != nil { // a datagram that was lost at once
			p.server.router.Logger().Debug("cannot send a datagram", "remote", p.addr.String(), "error", err)
		}
		if all = all[n:]; len(all) > 0 && !wait {
			return nil // and the rest is not sent: it ends unproved
		}
		if len(all) > 0 {
			<-p.changed
		}
	}
	return nil
}

var datagramLists = sync.Pool{New: func() any { return new([][]byte) }}

// allowed returns how many of some frames may be sent now, and whether it is worth
// waiting to send the rest.
func (p *peer) allowed(frames [][]byte) (n int, wait bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for n < len(frames) && (p.proved || p.sent+len(frames[n]) < amplify*p.received) {
		p.sent += len(frames[n])
		n++
	}
	if n > 0 && p.welcome == nil {
		p.welcome = append([]byte{}, frames[0]...)
	}
	p.held = n < len(frames)
	return n, !p.hurried && p.over == router.ReasonNone
}

// Limit bounds how long writes may still take: not at all, since nothing but proof is
// waited for.
func (p *peer) Limit(time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hurried = true
	p.changeLocked()
}

// Finish ends the session. UDP has no goodbye.
func (p *peer) Finish(r router.Reason) {
	p.server.forget(p)
	p.end(r)
}

// Abort ends the session at once.
func (p *peer) Abort() {
	p.server.forget(p)
	p.end(router.ReasonLost)
}

// end has the session closed by the goroutine that works for it.
func (p *peer) end(r router.Reason) {
	p.mu.Lock()
	if p.over != router.ReasonNone {
		p.mu.Unlock()
		return
	}
	if r == router.ReasonNone {
		r = router.ReasonLost
	}
	p.over = r
	p.changeLocked()
	start := !p.working
	p.working = true
	p.mu.Unlock()
	if start {
		go p.work()
	}
}
