// Package ws brings CLASP sessions in over WebSocket (protocol sections 5.1 and 12).
//
// gorilla/websocket upgrades and reads. Frames to the client are ready-made by the
// router and go out through the connection directly, so gorilla never writes but for
// the goodbye to a client that breaks the WebSocket rules.
package ws

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/gorilla/websocket"

	"github.com/clasp-studio/clasp/router"
	"github.com/clasp-studio/clasp/router/sites"
	"github.com/clasp-studio/clasp/router/transport/internal/door"
	"github.com/clasp-studio/clasp/router/transport/internal/network"
	"github.com/clasp-studio/clasp/router/transport/internal/quiet"
	"github.com/clasp-studio/clasp/router/wire"
)

// name is what logs and metrics call this transport.
const name = "ws"

// How long a connection may take: until it has said what it wants (pairing section 4), and to
// send and get the rest of a request that makes it no session.
const (
	headerTimeout  = 5 * time.Second
	requestTimeout = 10 * time.Second
)

// Server accepts WebSocket connections for a router.
type Server struct {
	router   *router.Router
	listener net.Listener
	http     http.Server
	upgrader websocket.Upgrader
	sites    func() sites.Rules
	pages    Pages
	foreign  quiet.Log // pages of other sites
	served   chan struct{}
}

// Options say how a server listens. The zero value is a plain port for everybody.
type Options struct {
	// TLS makes it a TLS port; nil = plain. HTTP/1.1 is all that is spoken: WebSocket
	// begins with it.
	TLS *tls.Config
	// Sites returns which web pages may connect, and under which names. It is asked at
	// every request, by many goroutines; nil = pages of any site.
	Sites func() sites.Rules
	// Pages answers what is no WebSocket, but for /. nil = nothing is there.
	Pages Pages
}

// Pages is what a port has besides WebSocket. Both are called by many goroutines.
type Pages interface {
	// Serve answers a request under the router's own names, and by no page of another site.
	// One that pairing does not trust (sites.Rules.Foreign) can look (GET, HEAD) and no more.
	// source is whom the request counts for.
	Serve(w http.ResponseWriter, r *http.Request, source netip.Addr)
	// Refuse answers any other with 403 and why, in the form that the path has: programs
	// ask too, and want to read what is wrong.
	Refuse(w http.ResponseWriter, r *http.Request, why string)
}

// Listen binds an address ("host:port") and serves on it.
func Listen(r *router.Router, addr string, o Options) (*Server, error) {
	l, err := net.Listen(network.Of("tcp", addr), addr)
	if err != nil {
		return nil, fmt.Errorf("listen for WebSocket on %s: %w", addr, err)
	}
	s := &Server{router: r, sites: o.Sites, pages: o.Pages, served: make(chan struct{})}
	if s.sites == nil {
		s.sites = func() sites.Rules { return sites.Rules{} }
	}
	s.listener = listener{door.New(l, r, name)}
	s.upgrader = websocket.Upgrader{
		// The client's frames are small and our frames bypass gorilla: 512 bytes are
		// all an idle connection holds.
		ReadBufferSize:  512,
		WriteBufferPool: noBuffers{},
		WriteBufferSize: 512,
		// Browsers fail without the echo of what they offer (section 5.1).
		Subprotocols: []string{"clasp"},
		CheckOrigin:  func(*http.Request) bool { return true }, // serve has
	}
	http1 := new(http.Protocols)
	http1.SetHTTP1(true)
	s.http = http.Server{
		Handler:           http.HandlerFunc(s.serve),
		Protocols:         http1,
		TLSConfig:         o.TLS,
		ConnContext:       withConn,
		ConnState:         s.watch,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       requestTimeout,
		WriteTimeout:      requestTimeout,
		IdleTimeout:       requestTimeout,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(r.Logger().Handler(), slog.LevelDebug), // every stray byte of a port scan
	}
	go func() {
		defer close(s.served)
		serve := s.http.Serve
		if o.TLS != nil {
			serve = func(l net.Listener) error { return s.http.ServeTLS(l, "", "") }
		}
		if err := serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
			r.Logger().Error("no longer accepting WebSocket connections: restart the router", "address", addr, "error", err)
		}
	}()
	return s, nil
}

// Addr returns the address that is listened on.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Close stops accepting, and ends connections that have not become a session. The
// sessions end with the router.
func (s *Server) Close() error {
	err := s.http.Close()
	<-s.served
	return err
}

// watch counts connections that end before they have asked for anything.
func (s *Server) watch(c net.Conn, state http.ConnState) {
	under := below(c)
	if under == nil || under.Refusal != "" {
		return // counted at the door
	}
	if state == http.StateActive {
		under.came.CompareAndSwap(cameNothing, cameBytes) // a second request on it counts for nothing
	}
	came := under.came.Load()
	if state != http.StateClosed || came == cameRequest {
		return
	}
	why := router.FailedLost
	secure, ok := c.(*tls.Conn)
	switch {
	case came == cameLate:
		why = router.FailedTimeout
	case ok && !secure.ConnectionState().HandshakeComplete:
		why = router.FailedTLS
	case came == cameBytes:
		why = router.FailedHTTP
	}
	s.router.CountFailure(name, why)
}

// serve upgrades a request, or answers a plain one.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	if c := connOf(r); c != nil {
		c.came.Store(cameRequest)
	}
	if !websocket.IsWebSocketUpgrade(r) {
		s.servePlain(w, r)
		return
	}
	if c := connOf(r); c != nil && c.Refusal != "" {
		w.Header().Set("Connection", "close")
		w.Header().Set("Retry-After", "5")
		http.Error(w, c.Refusal, http.StatusServiceUnavailable)
		return
	}
	if err := s.sites().Allowed(r.Header.Get("Origin"), r.Host); err != nil {
		s.router.CountFailure(name, router.FailedOrigin)
		s.foreign.Warn(s.router.Logger(), "refused a connection: "+err.Error(), "remote", r.RemoteAddr)
		http.Error(w, err.Error(), http.StatusForbidden)
		return
	}
	c, err := s.upgrader.Upgrade(w, r, nil)
	if err != nil {
		s.router.CountFailure(name, router.FailedHTTP)
		s.router.Logger().Debug("refused a WebSocket handshake", "remote", r.RemoteAddr, "error", err)
		return // gorilla has answered
	}
	// A goroutine of its own lets go of the stack and buffers of the HTTP server.
	go s.session(c, s.sites().Foreign(r.Header.Get("Origin"), r.Host) != nil)
}

// servePlain answers what is no WebSocket: health checks rely on it (section 5.1).
func (s *Server) servePlain(w http.ResponseWriter, r *http.Request) {
	// Kept alive, it would hold a place that a session may need.
	w.Header().Set("Connection", "close")
	if r.URL.Path != "/" && s.pages != nil {
		s.servePage(w, r)
		return
	}
	err := s.sites().Own(r.Header.Get("Origin"), r.Host)
	switch {
	case err != nil:
		http.Error(w, err.Error(), http.StatusForbidden)
	case r.URL.Path != "/":
		http.Error(w, "nothing here: CLASP clients connect by WebSocket", http.StatusNotFound)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "only GET and HEAD", http.StatusMethodNotAllowed)
	default:
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = fmt.Fprintf(w, "%s: a CLASP router. Connect by WebSocket to this address.\n", s.router.Name())
	}
}

// servePage has a request answered that is for the pages, or refused.
func (s *Server) servePage(w http.ResponseWriter, r *http.Request) {
	rules, origin := s.sites(), r.Header.Get("Origin")
	err := rules.Own(origin, r.Host)
	if err == nil && r.Method != http.MethodGet && r.Method != http.MethodHead {
		err = rules.Foreign(origin, r.Host)
	}
	if err != nil {
		s.foreign.Warn(s.router.Logger(), "refused a request: "+err.Error(), "remote", r.RemoteAddr)
		s.pages.Refuse(w, r, sites.Why(err))
		return
	}
	var source netip.Addr
	if c := connOf(r); c != nil {
		source = network.SourceOf(c.RemoteAddr())
	}
	s.pages.Serve(w, r, source)
}

// session serves one connection until it ends. foreign is as in Peer.
func (s *Server) session(c *websocket.Conn, foreign bool) {
	under := below(c.NetConn())
	if under == nil {
		_ = c.Close() // cannot be: the door makes them
		return
	}
	under.out = c.NetConn()
	_ = under.SetDeadline(time.Time{}) // the handshake's is over
	under.begin()
	_, encrypted := under.out.(*tls.Conn)
	var out router.Conn = way{under}
	if p := promptly(under); p != nil {
		out = p
	}
	sess, ok := s.router.Open(out, router.Peer{
		Transport: name, Remote: under.RemoteAddr().String(), Source: network.SourceOf(under.RemoteAddr()), Encrypted: encrypted, Foreign: foreign,
		Framing: router.WebSocket, Ping: pingFrame,
	})
	if !ok {
		way{under}.Finish(router.ReasonShutdown)
		way{under}.Abort()
		return
	}
	c.SetPingHandler(func(data string) error {
		sess.Alive()
		sess.Control(controlFrame(opPong, []byte(data)))
		return nil
	})
	c.SetPongHandler(func(string) error {
		sess.Pong()
		return nil
	})
	c.SetCloseHandler(func(int, string) error { return nil }) // answered in Closed
	sess.Closed(s.read(c, under, sess))
}

// read hands messages to the session until the connection ends, and says why it did.
func (s *Server) read(c *websocket.Conn, under *conn, sess *router.Session) router.Reason {
	var msg message
	under.idle = func() {
		msg.idle()
		sess.Idle()
	}
	for {
		kind, r, err := c.NextReader()
		if err != nil {
			return s.ended(under, err)
		}
		if kind == websocket.TextMessage {
			// Like any message it is answered once it is whole: behind the pongs to pings that
			// came within it.
			if _, err := io.Copy(io.Discard, r); err != nil {
				return s.ended(under, err)
			}
			sess.Reject("text message: CLASP frames are binary")
			continue
		}
		// Room for the longest frame header besides the payload.
		limit := sess.Limit() + wire.MaxHeader
		data, err := msg.read(r, limit)
		switch {
		case errors.Is(err, errTooBig):
			sess.Fail(router.ReasonTooBig, wire.CodeBadFrame, fmt.Sprintf("message over the limit of %d bytes", limit-wire.MaxHeader))
			// What the client still sends is passed over until the goodbye is out.
			_, _ = io.Copy(io.Discard, under)
			return router.ReasonTooBig
		case err != nil:
			return s.ended(under, err)
		}
		sess.Receive(data)
	}
}

// ended finds the reason in the error that ended reading, and says goodbye to a
// client that did.
func (s *Server) ended(under *conn, err error) router.Reason {
	var closed *websocket.CloseError
	if !errors.As(err, &closed) || closed.Code == websocket.CloseAbnormalClosure {
		return router.ReasonLost
	}
	under.goodbye(closeFrame(closed.Code, ""))
	return router.ReasonClientClosed
}
