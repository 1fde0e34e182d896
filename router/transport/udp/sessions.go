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
	// maxNew is how many are opened a second for addresses that are new. A HELLO costs its
	// sender nothing and the router a snapshot. One that is over the limit is passed over, and
	// said again by a client that is there.
	maxNew = 1000
	// maxRefusals is how many ERRORs a second go to addresses without a session.
	maxRefusals = 200
	// youngRate is how many bytes a second go to all young addresses together, once they have
	// got youngBurst: what 32 who come at the same moment to 10,000 params take. It is little
	// enough for those whose addresses are forged to bear.
	youngRate  = 4 << 20
	youngBurst = 16 << 20
	// firstBytes are what a young address gets besides, at once: who comes into a flood of
	// others sees at least that there is a router, and the beginning of the snapshot. There
	// are maxNew times as many a second.
	firstBytes = 4 << 10
	// grownRate and grownBurst are the same for the snapshots and results of all who are
	// grown: whoever forges addresses can forge patience, too. It is what four sessions take
	// at their fastest.
	grownRate  = 32 << 20
	grownBurst = 64 << 20
	// youngFor is how long after it has proved itself an address is young.
	youngFor = 10 * time.Second
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

// trust is how far an address is believed to be that of a client.
type trust uint8

const (
	unproven trust = iota // has said nothing but HELLO
	young                 // has said a message that a client says
	grown                 // has gone on talking for youngFor
)

// emptySnapshot stands in for one that waits, or was lost.
var emptySnapshot = frame.Of(wire.BeginSnapshot(nil))

// seed is for telling a HELLO that was doubled from another.
var seed = maphash.MakeSeed()

// sessions knows the peers of a socket.
type sessions struct {
	full     quiet.Log
	dropped  quiet.Log
	fresh    pace // sessions of new addresses
	refusals pace
	young    pace // bytes
	grown    pace // bytes of snapshots and results

	mu       sync.Mutex
	peers    map[netip.AddrPort]*peer
	unproven *list.List // of *peer, the oldest first
	leaving  int        // that are no peers any more, and whose session is being closed
	shutting bool
}

func (s *sessions) init() {
	s.peers = make(map[netip.AddrPort]*peer)
	s.unproven = list.New()
	s.fresh = pace{rate: maxNew, burst: maxNew}
	s.refusals = pace{rate: maxRefusals, burst: maxRefusals}
	s.young = pace{rate: youngRate, burst: youngBurst}
	s.grown = pace{rate: grownRate, burst: grownBurst}
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

// open makes a session for an address that has said HELLO, in place of its old one if it has
// one. That ends only if there is a new one. An address that has proved itself needs no luck in
// a flood of others to begin anew, and keeps its place; luck gives it its first bytes.
func (s *Server) open(m *datagram.Message, payload []byte, now time.Time, old *peer) {
	source := network.Source(m.From.Addr())
	known := old != nil && old.trust != unproven
	p := &peer{
		server: s, addr: m.From, way: datagram.NewWay(m.From, m.To), spoke: now,
		hello: maphash.Bytes(seed, payload), working: true, changed: make(chan struct{}),
	}
	s.mu.Lock()
	closed := s.shutting || s.leaving >= maxUnproven
	lucky := !closed && s.fresh.try(1, now)
	if closed || !known && !lucky {
		s.mu.Unlock()
		s.router.CountFailure(name, router.FailedLimit)
		return
	}
	if lucky {
		p.free = firstBytes
	}
	if !known {
		if err := s.router.RoomForgeable(source); err != nil {
			s.mu.Unlock()
			s.router.CountFailure(name, router.FailedLimit)
			s.refused(m.From, err)
			s.refuse(m, wire.CodeOverloaded, err.Error(), now)
			return
		}
	}
	if old != nil {
		p.place, old.place = old.place, router.Place{}
		s.forgetLocked(old)
	}
	var evicted *peer
	if s.unproven.Len() >= maxUnproven {
		evicted = s.unproven.Front().Value.(*peer)
		s.forgetLocked(evicted)
	}
	s.peers[m.From] = p
	p.waiting = s.unproven.PushBack(p)
	s.mu.Unlock()
	if old != nil {
		old.end(router.ReasonLost)
	}
	if evicted != nil {
		evicted.end(router.ReasonEvicted)
	}

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

// heard takes a datagram from an address that has a session.
func (s *Server) heard(p *peer, m *datagram.Message, k kind, payload []byte, now time.Time) {
	switch k {
	case kindAnswer:
		// No sign of life: two routers must not keep each other busy. Who has talked for
		// long is a client, and one forged datagram must not end it: if it has gone, its
		// silence does.
		if p.trust != grown && fromRouter(payload) {
			s.forget(p)
			p.end(router.ReasonLost)
		}
		return
	case kindHello:
		if s.again(p, m, payload, now) {
			return
		}
	case kindOther:
		if p.trust == unproven {
			return
		}
	case kindMessage:
		switch {
		case p.trust == unproven:
			if wire.Check(payload) != nil {
				return
			}
			s.prove(p, now)
		case p.trust == young && now.Sub(p.proved) >= youngFor:
			p.become(grown)
		}
		p.spoke = now
	}
	p.put(m.Data)
}

// again takes a HELLO from an address that has a session, and reports whether that is all: the
// answer to the first may have been lost, the network may have doubled it, and the client may
// have been started anew. What is left is answered with ERROR 100 (section 5.4).
func (s *Server) again(p *peer, m *datagram.Message, payload []byte, now time.Time) bool {
	switch {
	case p.trust == unproven && maphash.Bytes(seed, payload) == p.hello:
		p.repeat(len(m.Data))
	case p.trust == unproven, now.Sub(p.spoke) >= anew:
		s.open(m, payload, now, p)
	default:
		return false
	}
	return true
}

// refused logs that there was no room.
func (s *Server) refused(from netip.AddrPort, err error) {
	s.full.Warn(s.router.Logger(), "refused a connection: "+err.Error(), "remote", from.String(), "transport", name)
}

// prove notes that an address has said a message that clients say. Its session gets a place
// among the router's connections, or ends if they have all been taken meanwhile.
func (s *Server) prove(p *peer, now time.Time) {
	s.mu.Lock()
	var err error
	if p.waiting != nil { // it has not been forgotten
		s.trustLocked(p)
		if p.place == (router.Place{}) {
			p.place, err = s.router.EnterForgeable(network.Source(p.addr.Addr()))
		}
	}
	s.mu.Unlock()
	p.proved = now
	p.become(young)
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
		p.place = router.Place{}
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
