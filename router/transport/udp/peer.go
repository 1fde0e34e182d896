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
	hello  uint64 // hash of the message

	// Owned by the socket's reader.
	spoke  time.Time // when something else than HELLO came last
	trust  trust     // with p.mu, when it changes
	proved time.Time // when it became young

	// Guarded by the server's mu.
	waiting *list.Element // nil once it has proved itself
	place   router.Place  // none before

	mu      sync.Mutex
	in      *[]byte       // datagrams that wait, nil if there are none
	working bool          // a goroutine takes them, or is not needed yet
	over    router.Reason // set once: the session ends
	hurried bool          // nothing is waited for any more
	changed chan struct{} // closed, and made anew, when what Write waits for may have changed

	free int // bytes it gets without waiting for its turn while it is young

	// Until it has proved itself:
	received int    // bytes
	sent     int    // bytes
	shown    bool   // a SNAPSHOT has been sent
	welcome  []byte // once it has been sent
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
		p.server.router.CountUnread()
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
	if _, _, err := wire.ReadFrame(b); err != nil {
		p.sess.Reject(err.Error()) // which is no sign of life
		return
	}
	p.sess.Receive(b)
}

// become changes how far the address is believed. The socket's reader calls it.
func (p *peer) become(t trust) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.trust = t
	p.changeLocked()
}

// changeLocked wakes Write.
func (p *peer) changeLocked() {
	close(p.changed)
	p.changed = make(chan struct{})
}

// repeat answers a client that has said HELLO again in n bytes, and nothing else: WELCOME or
// SNAPSHOT may have been lost, or may not have been allowed yet.
func (p *peer) repeat(n int) {
	p.mu.Lock()
	p.received += n
	p.changeLocked()
	answer := [][]byte{p.welcome, emptySnapshot}
	say := p.welcome != nil && p.affordLocked(len(p.welcome)+len(emptySnapshot))
	p.shown = p.shown || say
	p.mu.Unlock()
	if say {
		_ = p.server.send(p.way, answer) // lost like any other
	}
}

// affordLocked counts n bytes to an address that has not proved itself, if it may have them.
func (p *peer) affordLocked(n int) bool {
	if p.sent+n >= amplify*p.received {
		return false
	}
	p.sent += n
	return true
}

// Write sends frames, each in a datagram. It waits while the address may not have them.
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
		now, n := p.allowed(all)
		if len(now) == 0 {
			return nil // the rest is not sent: it ends
		}
		err := p.server.send(p.way, now)
		if errors.Is(err, net.ErrClosed) {
			return err
		}
		if err != nil { // a datagram that was lost at once
			p.server.router.Logger().Debug("cannot send a datagram", "remote", p.addr.String(), "error", err)
		}
		all = all[n:]
	}
	return nil
}

var datagramLists = sync.Pool{New: func() any { return new([][]byte) }}

// allowed waits until something may be sent: the first n of the frames, or what stands in for
// them meanwhile. It is nothing if the session ends before.
func (p *peer) allowed(frames [][]byte) (now [][]byte, n int) {
	for {
		p.mu.Lock()
		trust, changed, ending := p.trust, p.changed, p.hurried || p.over != router.ReasonNone
		if trust == unproven {
			now, n = p.boundedLocked(frames)
		} else {
			n = p.freeLocked(frames)
			now = frames[:n]
		}
		p.mu.Unlock()
		switch {
		case len(now) > 0:
		case trust != unproven:
			n = p.paced(frames, trust, changed, ending)
			now = frames[:n]
		case !ending:
			<-changed
		}
		if len(now) > 0 || ending {
			return now, n
		}
	}
}

// freeLocked returns how many frames an address that has proved itself gets at once: if it is
// young the first few, later all but snapshots and results, of which few bytes ask for many.
func (p *peer) freeLocked(frames [][]byte) int {
	for i, f := range frames {
		switch kind := wire.Type(f[wire.HeaderSize]); {
		case p.trust == young && len(f) <= p.free:
			p.free -= len(f)
		case p.trust == young, kind == wire.TypeSnapshot, kind == wire.TypeResult:
			return i
		}
	}
	return len(frames)
}

// boundedLocked returns what an address gets that has not proved itself. In place of a snapshot
// that is too much for it, it gets an empty one.
func (p *peer) boundedLocked(frames [][]byte) (now [][]byte, n int) {
	for _, f := range frames {
		kind := wire.Type(f[wire.HeaderSize])
		if !p.affordLocked(len(f)) {
			if n == 0 && kind == wire.TypeSnapshot && !p.shown && p.affordLocked(len(emptySnapshot)) {
				p.shown = true
				return [][]byte{emptySnapshot}, 0
			}
			break
		}
		n++
		p.shown = p.shown || kind == wire.TypeSnapshot
		if kind == wire.TypeWelcome {
			p.welcome = append([]byte{}, f...)
		}
	}
	return frames[:n], n
}

// turn is how many datagrams an address gets before it is another's turn. There may be
// thousands of others, so it is few.
const turn = 2

// paced waits until it is the turn of an address to have the next frames, among those who are
// trusted as far, and returns how many; 0 if something changes first, or it is ending and they
// would have to wait.
func (p *peer) paced(frames [][]byte, trust trust, changed <-chan struct{}, ending bool) int {
	frames = frames[:min(len(frames), turn)]
	size := 0
	for _, f := range frames {
		size += len(f)
	}
	pace := &p.server.young
	if trust == grown {
		pace = &p.server.grown
	}
	wait := pace.spend(size, p.server.now())
	if wait == 0 {
		return len(frames)
	}
	if !ending {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-timer.C:
			return len(frames)
		case <-changed:
		}
	}
	pace.giveBack(size)
	return 0
}

// Limit bounds how long writes may still take: not at all, since nothing but proof and its turn
// are waited for.
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
