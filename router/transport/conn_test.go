package transport_test

// A client of any transport that sees each and every frame. (The Go client passes over the revisions of a snapshot that it has
// seen already, and so would hide that they came twice.)

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	quicgo "github.com/quic-go/quic-go"

	"github.com/clasp-studio/clasp/router/internal/kit"
	"github.com/clasp-studio/clasp/router/wire"
)

// line is one connection. One goroutine reads, any number send.
type line interface {
	send(frame []byte) error
	read() ([]byte, error) // the next frame, good until the next call
	SetReadDeadline(time.Time) error
	Close() error
}

// conn is a session seen from the other side.
type conn struct {
	line
	over    string // the transport
	fences  uint64
	ended   atomic.Bool
	reading sync.WaitGroup
}

// open connects and says HELLO. WELCOME has come, and the address is proved; the first snapshot follows.
func (g *rig) open(t testing.TB, over string) (*conn, error) {
	l, err := g.line(over)
	if err != nil {
		return nil, fmt.Errorf("connect over %s: %w", over, err)
	}
	c := &conn{line: l, over: over}
	t.Cleanup(func() {
		c.ended.Store(true)
		c.Close()
		c.reading.Wait()
	})
	err = c.say(kit.Hello)
	var p []byte
	if err == nil {
		p, err = c.next()
	}
	if err == nil {
		if _, err = wire.DecodeWelcome(p); err != nil {
			err = fmt.Errorf("%w: %q", err, p)
		}
	}
	if err == nil {
		err = c.say(wire.AppendPing(nil))
	}
	if err != nil {
		return nil, fmt.Errorf("open a session over %s: %w", over, err)
	}
	return c, nil
}

// enter opens a session and takes in its first snapshot, which must be short.
func (g *rig) enter(t testing.TB, over string) (*conn, error) {
	c, err := g.open(t, over)
	for snapshots, pong := 0, false; err == nil && (snapshots == 0 || !pong); {
		var p []byte
		if p, err = c.next(); err == nil {
			switch wire.Type(p[0]) {
			case wire.TypeSnapshot:
				snapshots++
			case wire.TypePong:
				pong = true
			}
		}
	}
	return c, err
}

// join is enter for a session that lasts until the test ends.
func (g *rig) join(t testing.TB, over string) *conn {
	t.Helper()
	c, err := g.enter(t, over)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// leave ends the connection. Over UDP, where nothing tells the router, the socket stays until the test ends, so that nobody
// else comes from its port.
func (c *conn) leave() {
	if c.over != "udp" {
		c.Close()
	}
}

// lossy reports whether what this client has no room for is lost.
func (c *conn) lossy() bool { return c.over == "udp" }

// say sends messages at fire.
func (c *conn) say(payloads ...[]byte) error {
	for _, p := range payloads {
		if err := c.send(kit.Frame(wire.Fire, p)); err != nil {
			return err
		}
	}
	return nil
}

// next returns the payload of the next frame, good until the next call. PINGs are answered.
func (c *conn) next() ([]byte, error) {
	_ = c.SetReadDeadline(time.Now().Add(kit.Patience))
	return c.take()
}

func (c *conn) take() ([]byte, error) {
	for {
		b, err := c.read()
		if err != nil {
			return nil, err
		}
		f, rest, err := wire.ReadFrame(b)
		if err != nil || len(rest) > 0 || len(f.Payload) == 0 {
			return nil, fmt.Errorf("%x is not one frame: %w", b, err)
		}
		if wire.Type(f.Payload[0]) != wire.TypePing {
			return f.Payload, nil
		}
		if err := c.say(wire.AppendPong(nil)); err != nil {
			return nil, err
		}
	}
}

// fence asks something that is answered at once, and has all that comes before the answer seen. Its question may get lost.
func (c *conn) fence(see func(payload []byte) error) error {
	c.fences++
	ask := wire.AppendSync(nil, wire.Sync{T1: c.fences})
	if err := c.say(ask); err != nil {
		return err
	}
	again := kit.Patience
	if c.lossy() {
		again /= 10
	}
	for until := time.Now().Add(kit.Patience); ; {
		_ = c.SetReadDeadline(time.Now().Add(again))
		p, err := c.take()
		if errors.Is(err, os.ErrDeadlineExceeded) && time.Now().Before(until) {
			if err := c.say(ask); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		if wire.Type(p[0]) != wire.TypeSync {
			if err := see(p); err != nil {
				return err
			}
			continue
		}
		if m, err := wire.DecodeSync(p); err != nil || m.T1 == c.fences {
			return err
		}
	}
}

// follow has all that comes seen, in a goroutine of its own, until the test ends.
func (c *conn) follow(t testing.TB, see func(payload []byte) error) {
	_ = c.SetReadDeadline(time.Time{})
	c.reading.Go(func() {
		for {
			p, err := c.take()
			if err == nil {
				err = see(p)
			}
			if err != nil {
				if !c.ended.Load() {
					t.Errorf("over %s: %v", c.over, err)
				}
				return
			}
		}
	})
}

// line makes a connection by a transport.
func (g *rig) line(over string) (line, error) {
	ctx, cancel := context.WithTimeout(context.Background(), kit.Patience)
	defer cancel()
	to := strings.TrimPrefix(g.url[over], over+"://")
	switch over {
	case "ws":
		c, resp, err := websocket.DefaultDialer.DialContext(ctx, g.url[over]+"/clasp", nil)
		if err != nil {
			return nil, err
		}
		resp.Body.Close()
		return &messages{Conn: c}, nil
	case "quic":
		t := g.trust.Clone()
		t.NextProtos = []string{"clasp/2"}
		c, err := quicgo.DialAddr(ctx, to, t, nil)
		if err != nil {
			return nil, err
		}
		s, err := c.OpenStreamSync(ctx)
		if err != nil {
			return nil, errors.Join(err, c.CloseWithError(0, ""))
		}
		return &stream{Conn: quicStream{s, c}, in: bufio.NewReader(s)}, nil
	}
	c, err := new(net.Dialer).DialContext(ctx, over, to)
	if err != nil {
		return nil, err
	}
	if u, ok := c.(*net.UDPConn); ok {
		_ = u.SetReadBuffer(4 << 20) // less if the system grants less
		return &datagrams{Conn: c, buf: make([]byte, 64<<10)}, nil
	}
	return &stream{Conn: c, in: bufio.NewReader(c), prefix: 4}, nil
}

// messages is a WebSocket.
type messages struct {
	*websocket.Conn
	mu sync.Mutex // one writes at a time
}

func (m *messages) send(frame []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.WriteMessage(websocket.BinaryMessage, frame)
}

func (m *messages) read() ([]byte, error) {
	_, b, err := m.ReadMessage()
	return b, err
}

// stream is TCP, with a length of four bytes before each frame, or a QUIC stream, with none.
type stream struct {
	net.Conn
	in     *bufio.Reader
	prefix int
	buf    []byte
	mu     sync.Mutex // one writes at a time
}

func (s *stream) send(frame []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := binary.BigEndian.AppendUint32(nil, uint32(len(frame)))[:s.prefix]
	_, err := s.Write(append(b, frame...))
	return err
}

func (s *stream) read() ([]byte, error) {
	head, err := s.in.Peek(s.prefix + wire.HeaderSize)
	if err != nil {
		return nil, err
	}
	size, err := wire.FrameSize(head[s.prefix:])
	if err != nil {
		return nil, err
	}
	if s.prefix > 0 && int(binary.BigEndian.Uint32(head)) != size {
		return nil, fmt.Errorf("a frame of %d bytes behind a length of %x", size, head[:s.prefix])
	}
	_, _ = s.in.Discard(s.prefix)
	if size > len(s.buf) {
		s.buf = make([]byte, size)
	}
	_, err = io.ReadFull(s.in, s.buf[:size])
	return s.buf[:size], err
}

// quicStream is a stream that ends its connection.
type quicStream struct {
	*quicgo.Stream
	conn *quicgo.Conn
}

func (s quicStream) LocalAddr() net.Addr  { return s.conn.LocalAddr() }
func (s quicStream) RemoteAddr() net.Addr { return s.conn.RemoteAddr() }
func (s quicStream) Close() error         { return s.conn.CloseWithError(0, "") }

// datagrams is UDP.
type datagrams struct {
	net.Conn
	buf []byte
}

func (d *datagrams) send(frame []byte) error {
	_, err := d.Write(frame)
	return err
}

func (d *datagrams) read() ([]byte, error) {
	n, err := d.Read(d.buf)
	return d.buf[:n], err
}
