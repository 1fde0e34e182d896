// Package quic brings CLASP sessions in over QUIC (protocol sections 1 and 12).
//
// A session is a connection with one bidirectional stream, the first that the client
// opens; CLASP frames follow each other on it, cut and joined as the network likes. There
// is no second stream and no unidirectional one: the transport parameters allow one and
// none, so a client that asks waits for ever, and one that goes on regardless is closed by
// the QUIC library (STREAM_LIMIT_ERROR, RFC 9000 section 4.6). Both leave the router
// with nothing to hold.
//
// A client may change its address: packets are told apart by connection ID, a new path is
// validated, and the session goes on (RFC 9000 section 9). 0-RTT is off, because what it
// carries can be replayed, and a SET must happen once.
//
// A session that ends closes the connection with an application error: 0 for a goodbye of
// the client's, otherwise the number that the same reason has as a WebSocket close code,
// with its text.
package quic

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	quicgo "github.com/quic-go/quic-go"

	"github.com/clasp-studio/clasp/router"
	"github.com/clasp-studio/clasp/router/internal/datagram"
	"github.com/clasp-studio/clasp/router/transport/internal/network"
	"github.com/clasp-studio/clasp/router/transport/internal/quiet"
)

const (
	// handshakeTimeout is how long a handshake may take in all. The time for HELLO, the
	// router's 10 s, starts when it is done; opening the stream is part of that.
	handshakeTimeout = 10 * time.Second
	// defaultIdle ends a connection whose client has vanished when sessions may be silent
	// for ever: one that is there answers keepalives, however little it says.
	defaultIdle = 5 * time.Minute
	// keepalive is the silence after which a client is asked for a sign of life. Gateways
	// forget a UDP flow after 30 s (RFC 9000 section 10.1.2), and with it the way back.
	keepalive = 15 * time.Second
	// trusting is how many handshakes may be under way before a client has to prove its
	// address first, with a Retry that costs the router no memory (RFC 9000 section 8.1.2).
	trusting = 64
	// window bounds what a session may have sent that its reader has not taken in, at first
	// and, where that is what holds the client up, at most: 5 MB/s over a distance of 100
	// ms. Smaller than it could be, because a client that sends its bytes one by one and out
	// of order makes each cost a hundred. There is one stream a connection, so both have the
	// same.
	window, maxWindow = 64 << 10, 512 << 10
)

// protocols are the names a client may ask for by ALPN (protocol section 12).
var protocols = []string{"clasp/2", "clasp"}

// Options say how a server listens.
type Options struct {
	// TLS has the certificate. Required; the versions and protocols it names are replaced
	// by those of CLASP over QUIC.
	TLS *tls.Config
}

// Server accepts QUIC connections for a router.
type Server struct {
	router    *router.Router
	socket    *net.UDPConn
	transport *quicgo.Transport
	listener  *quicgo.Listener
	open      atomic.Int64 // connections, those still shaking hands included
	refused   quiet.Log
	stop      context.CancelFunc // ends accepting
	serving   sync.WaitGroup     // accepting, sessions

	mu    sync.Mutex
	peers map[*peer]struct{} // connections that have become a session
}

// Listen binds an address ("host:port") and serves on it.
func Listen(r *router.Router, addr string, o Options) (*Server, error) {
	if o.TLS == nil {
		return nil, fmt.Errorf("listen for QUIC on %s: QUIC is never without TLS: give the router a certificate and its key", addr)
	}
	kind := network.Of("udp", addr)
	a, err := net.ResolveUDPAddr(kind, addr)
	if err != nil {
		return nil, fmt.Errorf("listen for QUIC on %s: %w", addr, err)
	}
	socket, err := net.ListenUDP(kind, a)
	if err != nil {
		return nil, fmt.Errorf("listen for QUIC on %s: %w", addr, err)
	}
	datagram.Grow(socket)
	return serve(r, socket, o)
}

// serve is Listen on a socket, which it closes when it fails.
func serve(r *router.Router, socket *net.UDPConn, o Options) (*Server, error) {
	if hint := datagram.Hint(socket, "QUIC"); hint != "" {
		r.Logger().Warn(hint)
	}
	r.Meter(name) // shown from the start
	s := &Server{router: r, socket: socket, peers: make(map[*peer]struct{})}
	steady := &datagram.Steady{UDPConn: socket}
	steady.Hold()
	s.transport = &quicgo.Transport{Conn: steady, ConnContext: s.admit, VerifySourceAddress: s.mustProve}
	// quic-go prints its opinion of small socket buffers; that of Hint is in the router's log.
	err := os.Setenv("QUIC_GO_DISABLE_RECEIVE_BUFFER_WARNING", "true")
	if err == nil {
		s.listener, err = s.transport.Listen(secured(o.TLS), &quicgo.Config{GetConfigForClient: s.config})
	}
	if err != nil {
		_ = socket.Close()
		return nil, fmt.Errorf("listen for QUIC on %s: %w", socket.LocalAddr(), err)
	}
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	s.serving.Go(func() { s.accept(ctx) })
	go s.watch(ctx)
	return s, nil
}

// secured is a TLS configuration for CLASP over QUIC.
func secured(c *tls.Config) *tls.Config {
	c = c.Clone()
	c.NextProtos = protocols
	c.MinVersion, c.MaxVersion = tls.VersionTLS13, 0
	if each := c.GetConfigForClient; each != nil {
		c.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			own, err := each(hello)
			if err != nil || own == nil {
				return own, err
			}
			return secured(own), nil
		}
	}
	return c
}

// config is that of one connection: a change of the session timeout counts from the next.
func (s *Server) config(*quicgo.ClientInfo) (*quicgo.Config, error) {
	idle := s.router.Limits().SessionTimeout
	if idle <= 0 {
		idle = defaultIdle
	}
	return &quicgo.Config{
		HandshakeIdleTimeout:           handshakeTimeout / 2, // twice that is the limit of the whole
		MaxIdleTimeout:                 idle,
		KeepAlivePeriod:                min(keepalive, idle/3),
		InitialStreamReceiveWindow:     window,
		MaxStreamReceiveWindow:         maxWindow,
		InitialConnectionReceiveWindow: window,
		MaxConnectionReceiveWindow:     maxWindow,
		MaxIncomingStreams:             1,
		MaxIncomingUniStreams:          -1,
		RequireStreamCreditRelease:     true, // or a stream that has ended would make room for another
	}, nil
}

// admit counts a connection at its first packet, or refuses it (CONNECTION_REFUSED).
func (s *Server) admit(ctx context.Context, client *quicgo.ClientInfo) (context.Context, error) {
	place, err := s.router.Enter(network.SourceOf(client.RemoteAddr))
	if err != nil {
		s.router.CountFailure(name, router.FailedLimit)
		s.refused.Warn(s.router.Logger(), "refused a connection: "+err.Error(), "remote", client.RemoteAddr.String(), "transport", name)
		return nil, err
	}
	s.open.Add(1)
	v := new(visit)
	context.AfterFunc(ctx, func() {
		s.open.Add(-1)
		place.Leave()
		if why := context.Cause(ctx); !v.greeted.Load() && !errors.As(why, new(*quicgo.ApplicationError)) { // that is for later
			s.router.CountFailure(name, failure(why))
		}
	})
	return context.WithValue(ctx, visitKey{}, v), nil
}

// visit is what the context of a connection says of it.
type visit struct{ greeted atomic.Bool } // the handshake is done: from here on the router counts what becomes of it

type visitKey struct{}

// failure says why a handshake failed, by the error that ended it.
func failure(err error) router.Failure {
	var late *quicgo.HandshakeTimeoutError
	var silent *quicgo.IdleTimeoutError
	var broken *quicgo.TransportError
	switch {
	case errors.As(err, &late), errors.As(err, &silent):
		return router.FailedTimeout
	case errors.As(err, &broken) && broken.ErrorCode.IsCryptoError():
		return router.FailedTLS
	}
	return router.FailedLost
}

// mustProve reports whether so many handshakes are under way that whoever asks for another
// has to prove its address. It is fewer where there are few places, and none where each
// address has few: invented ones must not take the places of others.
func (s *Server) mustProve(net.Addr) bool {
	limits, most := s.router.Limits(), trusting
	if limits.MaxConnectionsPerIP > 0 {
		return true
	}
	if all := limits.MaxConnections; all > 0 {
		most = min(most, all/8)
	}
	s.mu.Lock()
	sessions := len(s.peers)
	s.mu.Unlock()
	return s.open.Load()-int64(sessions) >= int64(most)
}

// Addr returns the address that is listened on.
func (s *Server) Addr() net.Addr { return s.socket.LocalAddr() }

// Close stops accepting, and ends connections that have not become a session. The sessions
// end with the router, and with the last of them the socket.
func (s *Server) Close() error {
	s.stop()
	err := s.listener.Close()
	go func() {
		s.serving.Wait()
		_ = s.transport.Close()
		_ = s.socket.Close()
	}()
	return err
}

// accept makes sessions of connections whose handshake is done.
func (s *Server) accept(ctx context.Context) {
	for {
		c, err := s.listener.Accept(ctx)
		switch {
		case err == nil:
			c.Context().Value(visitKey{}).(*visit).greeted.Store(true) // admit has made all of them
			s.serving.Go(func() { s.session(c) })
		case ctx.Err() != nil || errors.Is(err, quicgo.ErrServerClosed):
			return
		default: // the socket has failed, or somebody closed it
			s.router.Logger().Error("no longer accepting QUIC connections: restart the router", "address", s.Addr().String(), "error", err)
			return
		}
	}
}

// watch counts packets from clients as signs of life, as the answer to a keepalive is one
// (protocol section 5.5): one round for all, often enough for the session timeout.
func (s *Server) watch(ctx context.Context) {
	for {
		every := keepalive / 3
		if timeout := s.router.Limits().SessionTimeout; timeout > 0 {
			every = min(every, timeout/6)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(every):
		}
		s.mu.Lock()
		for p := range s.peers {
			if stats := p.conn.ConnectionStats(); stats.PacketsReceived != p.packets {
				p.packets = stats.PacketsReceived
				p.session.Alive()
				p.session.Trip(stats.SmoothedRTT)
			}
		}
		s.mu.Unlock()
	}
}
