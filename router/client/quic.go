package client

// QUIC (protocol section 12): one bidirectional stream, frames back to back.

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"sync"
	"time"

	quicgo "github.com/quic-go/quic-go"

	"github.com/clasp-studio/clasp/router/internal/datagram"
	"github.com/clasp-studio/clasp/router/wire"
)

const (
	// quicIdle is how long the path may be dead before the connection is, unless the keepalive finds out sooner: a phone
	// that changes from one network to another is back by then.
	quicIdle = 30 * time.Second
	// quicWindow bounds what may have arrived and not been read. A reader that pauses (see Handler) holds that much.
	quicWindow = 1 << 20
)

// quicConn is a carrier.
type quicConn struct {
	*quicgo.Stream
	conn      *quicgo.Conn
	transport *quicgo.Transport

	// Owned by the reader.
	buf  []byte
	done int   // bytes of buf that were returned by the last next
	err  error // what ended reading

	writing sync.Mutex // the library's Close and Write must not meet
	ended   bool       // this side has
}

// dialQUIC connects and opens the stream. It ends with ctx.
func dialQUIC(ctx context.Context, target string, t *tls.Config) (carrier, error) {
	u, err := url.Parse(target)
	if err != nil {
		return nil, err
	}
	to, err := resolve(ctx, u.Hostname(), u.Port())
	if err != nil {
		return nil, err
	}
	if t == nil {
		t = new(tls.Config)
	}
	t = t.Clone()
	t.NextProtos, t.MinVersion = []string{"clasp/2", "clasp"}, tls.VersionTLS13
	if t.ServerName == "" {
		t.ServerName = u.Hostname()
	}
	// Otherwise quic-go prints what it thinks of the system's buffers.
	if err := os.Setenv("QUIC_GO_DISABLE_RECEIVE_BUFFER_WARNING", "true"); err != nil {
		return nil, err
	}
	// Bound to no address, so that the packets leave by whatever way there is to the router just now.
	socket, err := net.ListenUDP("udp", nil)
	if err != nil {
		return nil, err
	}
	steady := &datagram.Steady{UDPConn: socket}
	q := &quicConn{transport: &quicgo.Transport{Conn: steady}, buf: make([]byte, 0, 16<<10)}
	q.conn, err = q.transport.Dial(ctx, net.UDPAddrFromAddrPort(to), t, &quicgo.Config{
		HandshakeIdleTimeout:           dialLimit,
		MaxIdleTimeout:                 quicIdle,
		KeepAlivePeriod:                quicIdle / 2,
		MaxStreamReceiveWindow:         quicWindow,
		MaxConnectionReceiveWindow:     quicWindow,
		InitialStreamReceiveWindow:     quicWindow / 4,
		InitialConnectionReceiveWindow: quicWindow / 4,
		MaxIncomingStreams:             -1, // a router opens none
		MaxIncomingUniStreams:          -1,
	})
	if err == nil {
		q.Stream, err = q.conn.OpenStreamSync(ctx)
	}
	if err != nil {
		_ = q.Close()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, refusedQUIC(err)
	}
	steady.Hold()
	return q, nil
}

// resolve returns the address of a host, IPv4 if it has one: that is what routers listen on if they are not told otherwise.
func resolve(ctx context.Context, host, port string) (netip.AddrPort, error) {
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return netip.AddrPort{}, err
	}
	all, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return netip.AddrPort{}, err
	}
	best := all[0] // without an error there is one
	for _, a := range all {
		if a.Unmap().Is4() {
			best = a.Unmap()
			break
		}
	}
	return netip.AddrPortFrom(best, uint16(n)), nil
}

// refusedQUIC says in words what a router refuses a connection for.
func refusedQUIC(err error) error {
	var refused *quicgo.TransportError
	const noProtocol = quicgo.TransportErrorCode(0x100 + 120) // the TLS alert no_application_protocol (RFC 9001 section 4.8)
	switch {
	case !errors.As(err, &refused) || !refused.Remote:
		return err
	case refused.ErrorCode == quicgo.ConnectionRefused:
		return fmt.Errorf("the router refuses the connection: it holds its limit of connections, or it stops (%w)", err)
	case refused.ErrorCode == noProtocol:
		return fmt.Errorf("what listens there speaks QUIC, but not CLASP (%w)", err)
	}
	return err
}

func (*quicConn) refuses([]byte) string { return "" }

func (q *quicConn) frame(dst, frame []byte) []byte { return append(dst, frame...) }

func (q *quicConn) next(func(raw []byte)) ([]byte, error) {
	q.buf = q.buf[:copy(q.buf, q.buf[q.done:])] // half a frame at most
	q.done = 0
	for {
		size, bad := wire.FrameSize(q.buf)
		for bad == nil && size > 0 && q.done+size <= len(q.buf) {
			q.done += size
			size, bad = wire.FrameSize(q.buf[q.done:])
		}
		switch {
		case q.done > 0: // what is wrong behind that shows again
			return q.buf[:q.done], nil
		case bad != nil:
			return nil, fmt.Errorf("from the router: %w", bad)
		case q.err != nil:
			return nil, q.reason()
		case len(q.buf) == cap(q.buf):
			q.buf = append(q.buf, 0)[:len(q.buf)]
		}
		var n int
		n, q.err = q.Read(q.buf[len(q.buf):cap(q.buf)])
		q.buf = q.buf[:len(q.buf)+n]
	}
}

// reason finds out why the router has ended the stream: that comes with the end of the connection, once this side has ended too.
func (q *quicConn) reason() error {
	if !errors.Is(q.err, io.EOF) {
		return q.err
	}
	_ = q.SetWriteDeadline(time.Now().Add(farewell)) // for a router that neither reads nor goes
	_ = q.goodbye()
	select {
	case <-q.conn.Context().Done():
		return context.Cause(q.conn.Context())
	case <-time.After(farewell):
		return q.err
	}
}

// Write sends frames. What comes after the end goes nowhere: the reader is about to say what the connection ended for.
func (q *quicConn) Write(b []byte) (int, error) {
	q.writing.Lock()
	defer q.writing.Unlock()
	if q.ended {
		return len(b), nil
	}
	return q.Stream.Write(b)
}

// goodbye ends the stream, which the router sees behind the last frame.
func (q *quicConn) goodbye() error {
	q.writing.Lock()
	defer q.writing.Unlock()
	q.ended = true
	return q.Stream.Close()
}

// Close ends the connection, and with it the socket.
func (q *quicConn) Close() error {
	if q.conn != nil {
		_ = q.conn.CloseWithError(0, "")
	}
	if err := q.transport.Close(); err != nil {
		return err
	}
	return q.transport.Conn.Close()
}
