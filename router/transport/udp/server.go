// Package udp brings CLASP sessions in over UDP (protocol section 12): one frame a
// datagram, a session by its source address.
//
// What UDP does not promise, a session does not have: a message may be lost, doubled or
// overtaken by another. Nothing is sent twice by the router. What it receives it judges
// message by message, so the state stays sound: whatever came, a subscriber sees
// revisions that have been given, in the order of sending, and a commit or confirm that
// was acknowledged has happened.
//
// Nothing is sent in more than 1204 bytes, which is a payload of 1200. With the headers
// that is less than the 1280 bytes every link of IPv6 carries (RFC 8200 section 5), so
// that nothing is ever cut up on its way: of a fragmented datagram one lost piece loses
// all, small devices do not put them together, and many gateways drop them. Received is
// whatever the network has put together.
//
// # Who is answered
//
// Source addresses can be invented. An address is taken for real once it has said, behind its
// HELLO, a message that a client says: PING, or whatever it came to say. HELLO again is no
// proof, since networks double datagrams and a client says it until it is answered; nor is
// what is no message, or what only routers say. Until then
//
//   - it gets less than three times the bytes that came from it, and what is over waits. In
//     place of a snapshot that waits there is an empty one, so that a client which waits for
//     one goes on. HELLO again is answered within the same bound;
//   - it has no place among the router's connections, and makes room for those who come.
//
// Nothing in the protocol shows that a client has received anything, so whoever forges
// addresses can forge that message too. What it gains is bounded:
//
//   - UDP gets a quarter of the router's connections, in all and from one address;
//   - failures of tokens over UDP slow nobody down on other transports;
//   - all addresses that are young get so many bytes a second together, however many they are
//     (youngRate), a few datagrams each in turns. The first bytes of each (firstBytes) wait for
//     no turn: the router answers who comes into a flood, though its snapshot takes long;
//   - those that have gone on talking for a while get snapshots and results out of a common
//     budget too, a much larger one (grownRate). What happens while they are there, and other
//     answers, they get at once.
package udp

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/clasp-studio/clasp/router"
	"github.com/clasp-studio/clasp/router/internal/datagram"
	"github.com/clasp-studio/clasp/router/transport/internal/network"
	"github.com/clasp-studio/clasp/router/transport/internal/quiet"
	"github.com/clasp-studio/clasp/router/wire"
)

// atOnce is how many datagrams one system call takes in: 4 MiB of room, touched only where
// they are large.
const atOnce = 64

// Options say what else a socket is for.
type Options struct {
	// Other is asked about every datagram that may be for somebody else than a session,
	// before a session is made of it: a HELLO, or what is no CLASP frame. It reports
	// whether it takes it, and what to reply, nil for nothing. to is the local address it
	// came to, which the reply leaves from; its address is invalid where the system does
	// not say (other than Linux). packet is good until Other returns; the socket's one
	// reader calls it. nil = nothing else.
	Other func(packet []byte, from, to netip.AddrPort) (reply []byte, taken bool)
}

// Server has the sessions of one UDP socket.
type Server struct {
	router *router.Router
	socket *datagram.Socket
	port   uint16
	other  func(packet []byte, from, to netip.AddrPort) (reply []byte, taken bool)
	now    func() time.Time
	failed quiet.Log
	meter  *router.Meter

	// Owned by the socket's reader.
	legacy []byte // a MessagePack message made binary

	sessions
}

// Listen binds an address ("host:port") and serves on it.
func Listen(r *router.Router, addr string, o Options) (*Server, error) {
	return listen(r, addr, o, time.Now)
}

func listen(r *router.Router, addr string, o Options, now func() time.Time) (*Server, error) {
	kind := network.Of("udp", addr)
	a, err := net.ResolveUDPAddr(kind, addr)
	if err != nil {
		return nil, fmt.Errorf("listen for UDP on %s: %w", addr, err)
	}
	c, err := net.ListenUDP(kind, a)
	if err != nil {
		return nil, fmt.Errorf("listen for UDP on %s: %w", addr, err)
	}
	s := &Server{router: r, other: o.Other, now: now, meter: r.Meter(name)}
	if s.socket, err = datagram.New(c, atOnce); err != nil {
		_ = c.Close()
		return nil, fmt.Errorf("listen for UDP on %s: %w", addr, err)
	}
	s.port = c.LocalAddr().(*net.UDPAddr).AddrPort().Port()
	s.sessions.init()
	if hint := datagram.Hint(c, "UDP"); hint != "" {
		r.Logger().Warn(hint)
	}
	go s.serve()
	return s, nil
}

// Addr returns the address that is listened on.
func (s *Server) Addr() net.Addr { return s.socket.LocalAddr() }

// Close lets nobody in any more. The sessions end with the router, and the socket, which
// is theirs too, is closed with the last of them.
func (s *Server) Close() error {
	if s.shut() {
		return s.socket.Close()
	}
	return nil
}

// serve reads the socket until it is closed.
func (s *Server) serve() {
	for {
		messages, err := s.socket.Read()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			s.failed.Warn(s.router.Logger(), "cannot receive from the UDP socket; going on", "error", err)
			time.Sleep(10 * time.Millisecond) // an error that stays must not take the whole processor
			continue
		}
		now := s.now()
		for i := range messages {
			s.take(&messages[i], now)
		}
	}
}

// take sees that a datagram gets to where it belongs.
func (s *Server) take(m *datagram.Message, now time.Time) {
	s.meter.Received(len(m.Data))
	if a := m.From.Addr(); m.From.Port() == 0 || a.IsUnspecified() || a.IsMulticast() {
		return // nobody's address
	}
	kind, payload := s.sort(m.Data)
	if s.other != nil && (kind == kindHello || kind == kindOther) {
		reply, taken := s.other(m.Data, m.From, netip.AddrPortFrom(m.To, s.port))
		if taken {
			s.reply(m, reply)
			return
		}
	}
	if p := s.find(m.From); p != nil {
		s.heard(p, m, kind, payload, now)
		return
	}
	s.stranger(m, kind, payload, now)
}

// reply answers a datagram without a session.
func (s *Server) reply(m *datagram.Message, b []byte) {
	if len(b) > 0 {
		_ = s.send(datagram.NewWay(m.From, m.To), [][]byte{b}) // lost like any other
	}
}

// send sends datagrams, and counts them: those that are lost on this machine, too.
func (s *Server) send(way datagram.Way, datagrams [][]byte) error {
	n := 0
	for _, b := range datagrams {
		n += len(b)
	}
	s.meter.Sent(n)
	return s.socket.Write(way, datagrams)
}

// What a datagram seems to be.
type kind uint8

const (
	kindOther   kind = iota // no frame, or one without a message, or too long
	kindMessage             // what a client may say
	kindHello               // HELLO
	kindAnswer              // what only a router says
)

// sort says what a datagram is, and returns its message in binary, good until the next call.
func (s *Server) sort(b []byte) (kind, []byte) {
	f, _, err := wire.ReadFrame(b)
	if err != nil || len(f.Payload) == 0 || tooLong(b, s.router.Limits().MaxMessageSize) != "" {
		return kindOther, nil
	}
	payload := f.Payload
	if wire.IsLegacy(payload) {
		if s.legacy, err = wire.Transcode(s.legacy[:0], payload); err != nil || len(s.legacy) == 0 {
			return kindOther, nil
		}
		payload = s.legacy
	}
	switch wire.Type(payload[0]) {
	case wire.TypeHello:
		if _, err := wire.DecodeHello(payload); err != nil {
			return kindOther, nil
		}
		return kindHello, payload
	case wire.TypeWelcome, wire.TypeSnapshot, wire.TypeAck, wire.TypeError, wire.TypeResult:
		return kindAnswer, payload
	}
	return kindMessage, payload
}

// fromRouter reports whether an answer says that at the address is a router, and no client of
// ours: one that greets us, or does not know us. It may be another, whose address somebody has
// forged, or what sends everything back.
func fromRouter(payload []byte) bool {
	if wire.Type(payload[0]) == wire.TypeWelcome {
		return true
	}
	m, err := wire.DecodeError(payload)
	return err == nil && m.Code == wire.CodeUnauthenticated && !m.HasAddress
}

// stranger takes a datagram from an address that has no session. HELLO opens one. Any
// other message is told to say HELLO first, so that clients of a router that was started
// anew, or whose session has ended, come back; bytes that are no message get nothing
// (section 5.2). What a router sends is not answered, or two of them could keep each other
// busy.
func (s *Server) stranger(m *datagram.Message, k kind, payload []byte, now time.Time) {
	switch {
	case k == kindHello:
		s.open(m, payload, now, nil)
	case k == kindMessage && wire.Type(payload[0]) != wire.TypePong && wire.Check(payload) == nil:
		s.refuse(m, wire.CodeUnauthenticated, "send HELLO first", now)
	}
}

// refuse answers a datagram with an ERROR that has less than three times its bytes. There are
// few a second, so that nobody has many sent to an address that it forges; who is told
// nothing says it again.
func (s *Server) refuse(m *datagram.Message, code wire.Code, text string, now time.Time) {
	for _, text := range []string{text, ""} {
		b, err := wire.AppendFrame(nil, wire.Fire, wire.AppendError(nil, wire.ErrorMessage{Code: code, Message: []byte(text)}))
		if err == nil && len(b) < amplify*len(m.Data) {
			if s.refusals.try(1, now) {
				s.reply(m, b)
			}
			return
		}
	}
}

// tooLong says why a datagram is longer than a message of limit bytes may be, "" if it is not.
func tooLong(b []byte, limit int) string {
	if len(b) > limit+wire.MaxHeader {
		return fmt.Sprintf("a datagram of %d bytes is over the limit of %d", len(b), limit)
	}
	return ""
}
