package udp

// Who has a session, and who gets one.

import (
	"container/list"
	"hash/maphash"
	"net/netip"
	"sync"
	"time"

	"github.com/clasp-studio/clasp/router"
	"github.com/clasp-studio/clasp/router/internal/datagram"
	"github.com/clasp-studio/clasp/router/transport/internal/frame"
	"github.com/clasp-studio/clasp/router/transport/internal/network"
	"github.com/clasp-studio/clasp/router/transport/internal/quiet"
	"github.com/clasp-studio/clasp/router/wire"
)

// name is what logs and metrics call this transport.
const name = "udp"

const (
	// maxUnproven is how many sessions may be of addresses that have not proved themselves.
	// Each may have an outbox full of a snapshot, 64 KiB, that waits for it. There may be
	// as many more that were evicted and are being closed.
	maxUnproven = 256
	// maxNew is how many are opened a second. A HELLO costs its sender nothing and the
	// router a snapshot. One that is over the limit is passed over, and said again by a
	// client that is there.
	maxNew = 1000
	// idle is the silence that ends a session (section 12).
	idle = 30 * time.Second
	// anew is the silence after which a HELLO is that of a client that has begun anew, on
	// the address it had before, and no double of its first.
	anew = 5 * time.Second
	// amplify is how many times as much as it has sent an address gets before it has
	// proved itself; always less (section 12).
	amplify = 3
	// maxFrame is the largest frame sent, see the package's words.
	maxFrame = wire.HeaderSize + 1200
)

// emptySnapshot goes with a WELCOME that is said again.
var emptySnapshot = frame.Of(wire.BeginSnapshot(nil))

// seed is for telling a HELLO that was doubled from another.
var seed = maphash.MakeSeed()

// sessions knows the peers of a socket.
type sessions struct {
	full    quiet.Log
	dropped quiet.Log

	mu       sync.Mutex
	peers    map[netip.AddrPort]*peer
	unproven *list.List // of *peer, the oldest first
	leaving  int        // that are no peers any more, and whose session is being closed
	shutting bool
	credit   float64 // sessions that may be opened now
	credited time.Time
}

func (s *sessions) init() {
	s.peers = make(map[netip.AddrPort]*peer)
	s.unproven = list.New()
	s.credit = maxNew
}

func (s *sessions) find(a netip.AddrPort) *peer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.peers[a]
}

// shut lets nobody in any more, and reports whether nobody is left.
func (s *sessions) shut() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shutting = true
	return len(s.peers) == 0 && s.leaving == 0
}

// takeCredit reports whether one more session may be opened now. s.mu must be locked.
func (s *sessions) takeCredit(now time.Time) bool {
	if !s.credited.IsZero() {
		s.credit = min(maxNew, s.credit+max(now.Sub(s.credited), 0).Seconds()*maxNew)
	}
	s.credited = now
	if s.credit < 1 {
		return false
	}
	s.credit--
	return true
}

// open makes a session for an address that has said HELLO. proved says that it has proved
// itself before.
func (s *Server) open(m *datagram.Message, now time.Time, proved bool) {
	source := network.Source(m.From.Addr())
	p := &peer{
		server: s, addr: m.From, way: datagram.NewWay(m.From, m.To), spoke: now,
		hello: maphash.Bytes(seed, m.Data), working: true, changed: make(chan struct{}), proved: proved,
	}
	s.mu.Lock()
	if s.shutting || s.leaving >= maxUnproven || !s.takeCredit(now) {
		s.mu.Unlock()
		return
	}
	var err error
	if proved {
		p.place, err = s.router.Enter(source)
	} else {
		err = s.router.Room(source)
	}
	if err != nil {
		s.mu.Unlock()
		s.refused(m.From, err)
		s.refuse(m, wire.CodeOverloaded, err.Error())
		return
	}
	if oldest := s.unproven.Front(); oldest != nil && s.unproven.Len() >= maxUnproven {
		defer oldest.Value.(*peer).end(router.ReasonEvicted)
		s.forgetLocked(oldest.Value.(*peer))
	}
	s.peers[m.From] = p
	if !proved {
		p.waiting = s.unproven.PushBack(p)
	}
	s.mu.Unlock()

	sess, ok := s.router.Open(p, router.Peer{
		Transport: name, Remote: m.From.String(), Source: source, Forgeable: true, Ping: frame.Ping,
		Timeout: idle, MaxFrame: maxFrame, MaxSnapshot: maxFrame,
	})
	if !ok {
		s.forget(p)
		s.left()
		return
	}
	p.begin(sess, m.Data)
}

// heard takes a datagram from an address that has a session. Only HELLO needs a thought:
// the answer to the first may have been lost, the network may have doubled it, and the
// client may have been started anew.
func (s *Server) heard(p *peer, m *datagram.Message, k kind, now time.Time) {
	known := (k == kindHello || k == kindLegacy) && maphash.Bytes(seed, m.Data) == p.hello
	switch {
	case !known && k != kindHello:
		p.spoke, p.talked = now, true
	case now.Sub(p.spoke) >= anew:
		s.forget(p)
		p.end(router.ReasonLost)
		s.open(m, now, true)
		return
	case known && !p.talked:
		s.prove(p)
		p.again(len(m.Data))
		return
	}
	s.prove(p)
	p.put(m.Data) // a HELLO is answered with ERROR 100 (section 5.4)
}

// refused logs that there was no room.
func (s *Server) refused(from netip.AddrPort, err error) {
	s.full.Warn(s.router.Logger(), "refused a connection: "+err.Error(), "remote", from.String(), "transport", name)
}

// prove notes that an address has sent a second datagram. Its session gets a place among the
// router's connections, or ends if they have all been taken meanwhile.
func (s *Server) prove(p *peer) {
	if p.isProved {
		return
	}
	p.isProved = true
	s.mu.Lock()
	var err error
	if p.waiting != nil { // it has not been forgotten, and was not proved from the start
		s.trustLocked(p)
		p.place, err = s.router.Enter(network.Source(p.addr.Addr()))
	}
	s.mu.Unlock()
	p.letOut()
	if err != nil {
		s.refused(p.addr, err)
		p.sess.Fail(router.ReasonFull, wire.CodeOverloaded, err.Error())
	}
}

// trustLocked takes a peer off the list of those that may be evicted.
func (s *sessions) trustLocked(p *peer) {
	if p.waiting != nil {
		s.unproven.Remove(p.waiting)
		p.waiting = nil
	}
}

func (s *sessions) forgetLocked(p *peer) {
	s.trustLocked(p)
	if s.peers[p.addr] == p {
		delete(s.peers, p.addr)
		p.place.Leave()
		s.leaving++
	}
}

// forget gives the place of a peer free; left has to follow once its session is closed.
func (s *sessions) forget(p *peer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forgetLocked(p)
}

// left says that the session of a forgotten peer is closed. The last of a port that is
// closed closes the socket.
func (s *Server) left() {
	s.mu.Lock()
	s.leaving--
	last := s.shutting && len(s.peers) == 0 && s.leaving == 0
	s.mu.Unlock()
	if last {
		_ = s.socket.Close()
	}
}
