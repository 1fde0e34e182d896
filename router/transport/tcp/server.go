// Package tcp brings CLASP sessions in over plain TCP, for microcontrollers (protocol
// section 12): each frame is preceded by its length as u32, both ways.
//
// The length says where a frame ends, so that one that makes no sense costs an ERROR 100
// and not the connection, as on WebSocket. A length that no frame can have does end it:
// what follows cannot be told from a length any more.
//
// Today's Arduino client has a receive buffer of 256 bytes, passes over what is longer
// than 252 and cannot read past an array or a map. So a snapshot is cut into frames of
// that size, and what does not fit them comes last, each param in a frame of its own.
package tcp

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/clasp-studio/clasp/router"
	"github.com/clasp-studio/clasp/router/transport/internal/network"
	"github.com/clasp-studio/clasp/router/transport/internal/quiet"
	"github.com/clasp-studio/clasp/router/wire"
)

// snapshotFrame is the largest frame of a snapshot of several params (section 12): with
// its length in front it fills the 256 bytes of the Arduino client.
const snapshotFrame = 252

// maxTelling is how many connections over the limit are told so at a time. Each may take
// linger to read it, and that must be bounded too; the rest is closed at once.
const maxTelling = 64

// pingFrame makes a client that only listens give a sign of life.
var pingFrame = mustFrame(wire.AppendPing(nil))

// Server accepts TCP connections for a router.
type Server struct {
	router   *router.Router
	listener net.Listener
	open     atomic.Int64 // connections with a session
	telling  atomic.Int64 // connections that are being told that there is no room
	served   sync.WaitGroup
	failed   quiet.Log
	refused  quiet.Log
}

// Listen binds an address ("host:port") and serves on it. The router's
// Limits.MaxConnections holds for this port by itself.
func Listen(r *router.Router, addr string) (*Server, error) {
	l, err := net.Listen(network.Of("tcp", addr), addr)
	if err != nil {
		return nil, fmt.Errorf("listen for TCP on %s: %w", addr, err)
	}
	s := &Server{router: r, listener: l}
	s.served.Go(s.accept)
	return s, nil
}

// Addr returns the address that is listened on.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Close stops accepting. The sessions end with the router.
func (s *Server) Close() error {
	err := s.listener.Close()
	s.served.Wait()
	return err
}

// accept lets connections in until the listener is closed.
func (s *Server) accept() {
	const shortest, longest = 5 * time.Millisecond, time.Second
	wait := shortest
	for {
		c, err := s.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // no descriptors left, most likely
			s.failed.Warn(s.router.Logger(), "cannot accept a TCP connection; going on", "open", s.open.Load(), "error", err)
			time.Sleep(wait)
			wait = min(2*wait, longest)
			continue
		}
		wait = shortest
		s.admit(c)
	}
}

// admit opens a session on a connection, if there is room for one.
func (s *Server) admit(c net.Conn) {
	under := &conn{Conn: c, counted: &s.open}
	open, limit := s.open.Add(1), int64(s.router.Limits().MaxConnections)
	if limit > 0 && open > limit {
		s.refused.Warn(s.router.Logger(), "refused a TCP connection: the limit of connections is reached",
			"remote", c.RemoteAddr().String(), "limit", limit)
		s.open.Add(-1)
		under.counted = &s.telling
		if s.telling.Add(1) > maxTelling {
			under.Abort()
			return
		}
		go under.refuse(fmt.Sprintf("this router holds its limit of %d connections", limit))
		return
	}
	sess, ok := s.router.Open(under, router.Peer{
		Transport: "tcp", Remote: c.RemoteAddr().String(), Ping: pingFrame,
		MaxSnapshot: snapshotFrame, Plain: true,
	})
	if !ok {
		under.Abort()
		return
	}
	go func() { sess.Closed(s.read(under, sess)) }()
}

// mustFrame makes the frame of a payload that is known to fit one.
func mustFrame(payload []byte) []byte {
	f, err := wire.AppendFrame(nil, wire.Fire, payload)
	if err != nil {
		panic(err) // a constant of this package, or a text of our own
	}
	return f
}
