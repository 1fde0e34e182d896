// The ways into the router: WebSocket over TLS, TCP, QUIC and UDP, each as a line on which
// whole frames go out and come in.

package soak

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	"github.com/quic-go/quic-go"

	"github.com/clasp-studio/clasp/router/wire"
)

// way is a transport.
type way string

const (
	overWS   way = "wss"
	overTCP  way = "tcp"
	overQUIC way = "quic"
	overUDP  way = "udp"
)

// line is one connection. One goroutine sends, one receives, any closes.
type line interface {
	send(frame []byte) error
	// receive returns the payload of the next frame, which is valid until the next call.
	receive() ([]byte, error)
	close()
	// reset ends it as a pulled cable or a crashed program does: without a goodbye.
	reset()
}

// smallBuffer is the room that a client which is going to stop reading gives the network, so
// that what it does not read soon waits in the router. With much less, a full segment would
// not fit, and what waits would come in drips once it reads again.
const smallBuffer = 64 << 10

// dialer knows where a router is. Its addresses may be those of a proxy.
type dialer struct {
	at    map[way]string
	trust *tls.Config
	quic  *quic.Transport // all QUIC connections share one socket
	small bool
}

func (d dialer) dial(ctx context.Context, w way) (line, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	switch w {
	case overQUIC:
		return d.dialQUIC(ctx)
	case overUDP:
		c, err := new(net.Dialer).DialContext(ctx, "udp", d.at[w])
		return &datagrams{conn: c}, err
	case overTCP:
		c, err := d.dialTCP(ctx, "tcp", d.at[w])
		if err != nil {
			return nil, err
		}
		return newFrames(c, true, func() { _ = c.Close() }, func() { abort(c) }), nil
	default:
		return d.dialWS(ctx)
	}
}

// dialTCP connects; its signature is that of gorilla's hook.
func (d dialer) dialTCP(ctx context.Context, network, addr string) (net.Conn, error) {
	c, err := new(net.Dialer).DialContext(ctx, network, addr)
	if err == nil && d.small {
		err = c.(*net.TCPConn).SetReadBuffer(smallBuffer)
	}
	return c, err
}

// abort has the other side get a reset.
func abort(c net.Conn) {
	_ = c.(*net.TCPConn).SetLinger(0)
	_ = c.Close()
}

// masks is shared by all WebSockets: most never write at the same time.
var masks sync.Pool

func (d dialer) dialWS(ctx context.Context) (line, error) {
	var under net.Conn
	dialer := websocket.Dialer{
		TLSClientConfig: d.trust, Subprotocols: []string{"clasp"}, ReadBufferSize: 1 << 10, WriteBufferPool: &masks,
		NetDialContext: func(ctx context.Context, network, addr string) (c net.Conn, err error) {
			under, err = d.dialTCP(ctx, network, addr)
			return under, err
		},
	}
	c, answer, err := dialer.DialContext(ctx, "wss://"+d.at[overWS]+"/clasp", nil)
	if answer != nil && answer.Body != nil {
		_ = answer.Body.Close() // gorilla has read it
	}
	if err != nil {
		return nil, err
	}
	return &webSocket{conn: c, under: under}, nil
}

type webSocket struct {
	conn  *websocket.Conn
	under net.Conn
}

func (w *webSocket) send(frame []byte) error {
	_ = w.conn.SetWriteDeadline(time.Now().Add(patience))
	return w.conn.WriteMessage(websocket.BinaryMessage, frame)
}

func (w *webSocket) receive() ([]byte, error) {
	_, message, err := w.conn.ReadMessage()
	if err != nil {
		return nil, err
	}
	return payloadOf(message)
}

func (w *webSocket) close() {
	goodbye := websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")
	_ = w.conn.WriteControl(websocket.CloseMessage, goodbye, time.Now().Add(time.Second))
	_ = w.conn.Close()
}

func (w *webSocket) reset() { abort(w.under) }

// payloadOf is what one whole frame carries.
func payloadOf(frame []byte) ([]byte, error) {
	f, rest, err := wire.ReadFrame(frame)
	switch {
	case err != nil:
		return nil, fmt.Errorf("the router sends what is no frame: %w", err)
	case len(rest) > 0 || len(f.Payload) == 0:
		return nil, fmt.Errorf("the router sends a frame of %d bytes with %d bytes behind it", len(f.Payload), len(rest))
	}
	return f.Payload, nil
}

// frames is a connection with frames back to back; over TCP each has its length before it.
type frames struct {
	conn     deadliner
	in       *bufio.Reader
	buf      []byte
	prefixed bool
	shut     func()
	cut      func()
}

type deadliner interface {
	io.ReadWriter
	SetWriteDeadline(t time.Time) error
}

func newFrames(c deadliner, prefixed bool, shut, cut func()) *frames {
	return &frames{conn: c, in: bufio.NewReaderSize(c, 1<<10), prefixed: prefixed, shut: shut, cut: cut}
}

func (s *frames) send(frame []byte) error {
	if s.prefixed {
		frame = append(binary.BigEndian.AppendUint32(nil, uint32(len(frame))), frame...)
	}
	_ = s.conn.SetWriteDeadline(time.Now().Add(patience))
	_, err := s.conn.Write(frame)
	return err
}

func (s *frames) receive() ([]byte, error) {
	if s.prefixed {
		if _, err := s.in.Discard(4); err != nil { // the frame says its length too
			return nil, err
		}
	}
	head, err := s.in.Peek(wire.HeaderSize)
	if err != nil {
		return nil, err
	}
	size, err := wire.FrameSize(head)
	if err != nil {
		return nil, err
	}
	if cap(s.buf) < size {
		s.buf = make([]byte, size)
	}
	if _, err := io.ReadFull(s.in, s.buf[:size]); err != nil {
		return nil, err
	}
	return payloadOf(s.buf[:size])
}

func (s *frames) close() { s.shut() }
func (s *frames) reset() { s.cut() }

func (d dialer) dialQUIC(ctx context.Context) (line, error) {
	addr, err := net.ResolveUDPAddr("udp", d.at[overQUIC])
	if err != nil {
		return nil, err
	}
	trust := d.trust.Clone()
	trust.NextProtos = []string{"clasp/2"}
	c, err := d.quic.Dial(ctx, addr, trust, &quic.Config{MaxIdleTimeout: 2 * patience, KeepAlivePeriod: patience / 4})
	if err != nil {
		return nil, err
	}
	s, err := c.OpenStreamSync(ctx)
	if err != nil {
		_ = c.CloseWithError(0, "")
		return nil, err
	}
	shut := func() { _ = c.CloseWithError(0, "") }
	return newFrames(s, false, shut, func() { s.CancelWrite(1); s.CancelRead(1); shut() }), nil
}

// datagrams has a frame in each.
type datagrams struct {
	conn net.Conn
	buf  [64 << 10]byte
}

func (d *datagrams) send(frame []byte) error {
	_, err := d.conn.Write(frame)
	return err
}

func (d *datagrams) receive() ([]byte, error) {
	n, err := d.conn.Read(d.buf[:])
	if err != nil {
		return nil, err
	}
	return payloadOf(d.buf[:n])
}

func (d *datagrams) close() { _ = d.conn.Close() }
func (d *datagrams) reset() { d.close() } // there is no goodbye in UDP
