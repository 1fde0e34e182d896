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
	"time"

	"github.com/clasp-studio/clasp/router"
	"github.com/clasp-studio/clasp/router/transport/internal/door"
	"github.com/clasp-studio/clasp/router/transport/internal/frame"
	"github.com/clasp-studio/clasp/router/transport/internal/network"
)

// snapshotFrame is the largest frame of a snapshot of several params (section 12): with
// its length in front it fills the 256 bytes of the Arduino client.
const snapshotFrame = 252

// name is what logs and metrics call this transport.
const name = "tcp"

// Server accepts TCP connections for a router.
type Server struct {
	router *router.Router
	door   *door.Door
	served sync.WaitGroup
}

// Listen binds an address ("host:port") and serves on it.
func Listen(r *router.Router, addr string) (*Server, error) {
	l, err := net.Listen(network.Of("tcp", addr), addr)
	if err != nil {
		return nil, fmt.Errorf("listen for TCP on %s: %w", addr, err)
	}
	s := &Server{router: r, door: door.New(l, r, name)}
	s.served.Go(s.accept)
	return s, nil
}

// Addr returns the address that is listened on.
func (s *Server) Addr() net.Addr { return s.door.Addr() }

// Close stops accepting. The sessions end with the router.
func (s *Server) Close() error {
	err := s.door.Close()
	s.served.Wait()
	return err
}

// accept lets connections in until the listener is closed.
func (s *Server) accept() {
	const shortest, longest = 5 * time.Millisecond, time.Second
	wait := shortest
	for {
		v, err := s.door.Next()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // no descriptors left, most likely
			time.Sleep(wait)
			wait = min(2*wait, longest)
			continue
		}
		wait = shortest
		if c := (&conn{v}); c.Refusal != "" {
			go c.refuse()
		} else {
			s.admit(c)
		}
	}
}

// admit opens a session on a connection.
func (s *Server) admit(c *conn) {
	sess, ok := s.router.Open(c, router.Peer{
		Transport: name, Remote: c.RemoteAddr().String(), Source: network.SourceOf(c.RemoteAddr()), Ping: frame.Ping,
		MaxSnapshot: snapshotFrame, Plain: true,
	})
	if !ok {
		c.Abort()
		return
	}
	go func() { sess.Closed(s.read(c, sess)) }()
}
