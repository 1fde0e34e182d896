package quic

// One connection: its stream in, the router's way out, and how it ends.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	quicgo "github.com/quic-go/quic-go"

	"github.com/clasp-studio/clasp/router"
	"github.com/clasp-studio/clasp/router/transport/internal/network"
	"github.com/clasp-studio/clasp/router/wire"
)

// name is what logs and metrics call this transport.
const name = "quic"

// linger is how long a client has to take in its last messages before the connection is
// closed. A close overtakes what is still on its way, and clients drop what they have not read.
const linger = 2 * time.Second

// peer is a connection that has become a session, and the router's way back to the client.
type peer struct {
	conn     *quicgo.Conn
	session  *router.Session
	meter    *router.Meter
	packets  uint64        // received when last looked; the server's watch has it
	finished chan struct{} // closed when goodbye has been said

	mu     sync.Mutex
	stream *quicgo.Stream // nil until the client has opened it
	said   bool           // finished is closed
	reason router.Reason  // what the connection is closed with
}

var _ router.Conn = (*peer)(nil)

// session serves one connection until it ends. It exists before its stream does, so that
// the router counts and times it.
func (s *Server) session(c *quicgo.Conn) {
	p := &peer{conn: c, meter: s.router.Meter(name), finished: make(chan struct{}), reason: router.ReasonLost}
	session, ok := s.router.Open(p, router.Peer{Transport: name, Remote: c.RemoteAddr().String(), Source: network.SourceOf(c.RemoteAddr()), Encrypted: true, Framing: router.Bare, Deep: true})
	if !ok {
		p.Finish(router.ReasonShutdown)
		return
	}
	p.session = session
	s.mu.Lock()
	s.peers[p] = struct{}{}
	s.mu.Unlock()
	session.Closed(s.read(p))
	s.mu.Lock()
	delete(s.peers, p)
	s.mu.Unlock()
}

// read hands frames to the session until the connection ends, and says why it did.
func (s *Server) read(p *peer) router.Reason {
	stream, err := p.conn.AcceptStream(context.Background()) // ends with the connection
	if err != nil {
		return p.lost(err)
	}
	p.mu.Lock()
	p.stream = stream
	p.mu.Unlock()
	in := input{stream: stream, meter: p.meter}
	defer in.release()
	for {
		// Room for the longest frame header besides the payload.
		limit := p.session.Limit() + wire.MaxHeader
		data, err := in.next(limit)
		if len(data) > 0 {
			p.session.Receive(data)
			p.session.Idle() // the next read may wait
		}
		switch {
		case err == nil:
			continue
		case errors.Is(err, errTooBig):
			return p.fail(router.ReasonTooBig, fmt.Sprintf("frame over the limit of %d bytes", limit-wire.MaxHeader))
		case isBadFrame(err):
			return p.fail(router.ReasonBadFrame, err.Error())
		default:
			return p.lost(err)
		}
	}
}

// fail ends the session after an ERROR 100: on a byte stream nothing can be read behind
// what is no frame (protocol section 1).
func (p *peer) fail(r router.Reason, message string) router.Reason {
	p.session.Fail(r, wire.CodeBadFrame, message)
	p.mu.Lock()
	stream := p.stream
	p.mu.Unlock()
	_, _ = io.Copy(io.Discard, stream) // what the client still sends is passed over
	select {
	case <-p.finished: // the client has ended its side in answer, or has had the time
		return r
	default:
	}
	// It had sent all it had to before it could read the answer.
	<-p.finished
	select {
	case <-p.conn.Context().Done():
	case <-time.After(linger):
	}
	return r
}

// lost finds the reason in the error that ended reading.
func (p *peer) lost(err error) router.Reason {
	reason := router.ReasonLost
	var application *quicgo.ApplicationError
	var idle *quicgo.IdleTimeoutError
	switch {
	case errors.Is(err, io.EOF), errors.As(err, &application) && application.Remote:
		reason = router.ReasonClientClosed
	case errors.As(err, &idle):
		reason = router.ReasonIdle
	}
	p.because(reason)
	return reason
}

// because notes what the connection is closed with. The router's own reason stays.
func (p *peer) because(r router.Reason) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.said {
		p.reason = r
	}
}

// Write sends whole frames.
func (p *peer) Write(b []byte) error {
	p.mu.Lock()
	stream := p.stream
	p.mu.Unlock()
	if stream == nil {
		return errors.New("the client has opened no stream") // cannot be: HELLO has not come
	}
	n, err := stream.Write(b)
	p.meter.Sent(n)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		p.because(router.ReasonSlow)
	}
	return err
}

// Limit bounds how long writes may still take.
func (p *peer) Limit(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stream != nil {
		_ = p.stream.SetWriteDeadline(time.Now().Add(d))
	}
}

// Finish ends the stream, which the client sees behind its last message, and gives it time
// to get there: whoever then ends its own side, or the connection, is not kept waiting.
func (p *peer) Finish(r router.Reason) {
	p.mu.Lock()
	stream := p.stream
	p.reason = r
	p.endLocked()
	p.mu.Unlock()
	if stream == nil {
		p.Abort()
		return
	}
	_ = stream.Close()
	_ = stream.SetReadDeadline(time.Now().Add(linger))
}

// Abort closes at once.
func (p *peer) Abort() {
	p.mu.Lock()
	reason := p.reason
	p.endLocked()
	p.mu.Unlock()
	code := quicgo.ApplicationErrorCode(reason.CloseCode())
	if reason == router.ReasonClientClosed {
		code = 0
	}
	_ = p.conn.CloseWithError(code, reason.Text())
}

func (p *peer) endLocked() {
	if !p.said {
		p.said = true
		close(p.finished)
	}
}
