package udp_test

// A router with a UDP port, and a client that makes its datagrams by hand.

import (
	"errors"
	"net"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/clasp-studio/clasp/router"
	"github.com/clasp-studio/clasp/router/internal/datagram"
	"github.com/clasp-studio/clasp/router/internal/kit"
	"github.com/clasp-studio/clasp/router/transport/udp"
	"github.com/clasp-studio/clasp/router/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start runs a router with a UDP port until the test ends.
func start(t testing.TB, l router.Limits) (*router.Router, string) {
	t.Helper()
	return startAt(t, l, "127.0.0.1:0", udp.Options{}, time.Now)
}

func startAt(t testing.TB, l router.Limits, addr string, o udp.Options, now func() time.Time) (*router.Router, string) {
	t.Helper()
	r, s := serve(t, l, addr, o, now)
	return r, s.Addr().String()
}

func serve(t testing.TB, l router.Limits, addr string, o udp.Options, now func() time.Time) (*router.Router, *udp.Server) {
	t.Helper()
	if l.WelcomeSnapshot == 0 {
		l.WelcomeSnapshot = 10_000
	}
	r := kit.Router(t, l)
	s, err := udp.ListenAt(r, addr, o, now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close the port: %v", err)
		}
	})
	return r, s
}

// clock is a time that only the test lets pass.
type clock struct {
	began  time.Time
	passed atomic.Int64
}

func newClock() *clock { return &clock{began: time.Now()} }

func (c *clock) now() time.Time       { return c.began.Add(time.Duration(c.passed.Load())) }
func (c *clock) pass(d time.Duration) { c.passed.Add(int64(d)) }

type client struct {
	net.Conn
	buf     []byte
	session string
}

// dial opens a socket; HELLO is not said yet.
func dial(t testing.TB, addr string) *client {
	t.Helper()
	conn, err := net.Dial("udp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.(*net.UDPConn).SetReadBuffer(4 << 20)
	return &client{Conn: conn, buf: make([]byte, datagram.MaxSize)}
}

// join opens a session, proves the address and takes in the first snapshot.
func join(t testing.TB, addr string) *client {
	t.Helper()
	c := dial(t, addr)
	c.send(t, wire.Fire, kit.Hello)
	m, err := wire.DecodeWelcome(c.expect(t, wire.TypeWelcome))
	if err != nil {
		t.Fatal(err)
	}
	c.session = string(m.Session)
	c.send(t, wire.Fire, wire.AppendPing(nil))
	snapshots, pong := 0, false
	for snapshots == 0 || !pong {
		switch f := c.next(t); wire.Type(f.Payload[0]) {
		case wire.TypeSnapshot:
			snapshots++
		case wire.TypePong:
			pong = true
		default:
			t.Fatalf("got %v", wire.Type(f.Payload[0]))
		}
	}
	return c
}

// raw sends a datagram.
func (c *client) raw(t testing.TB, b []byte) {
	t.Helper()
	if _, err := c.Write(b); err != nil {
		t.Fatalf("send %d bytes: %v", len(b), err)
	}
}

func (c *client) send(t testing.TB, q wire.QoS, payload []byte) {
	t.Helper()
	c.raw(t, kit.Frame(q, payload))
}

// read returns the next datagram, good until the next call.
func (c *client) read() ([]byte, error) {
	c.SetReadDeadline(time.Now().Add(kit.Patience))
	n, err := c.Read(c.buf)
	return c.buf[:n], err
}

// next returns the next datagram, which has to be one frame and small enough. A PING is answered.
func (c *client) next(t testing.TB) wire.Frame {
	t.Helper()
	b, err := c.read()
	for err == nil && len(b) == 5 && wire.Type(b[4]) == wire.TypePing {
		c.send(t, wire.Fire, wire.AppendPong(nil))
		b, err = c.read()
	}
	if err != nil {
		t.Fatalf("waiting for a datagram: %v", err)
	}
	f, rest, err := wire.ReadFrame(b)
	if err != nil || len(rest) > 0 || len(f.Payload) == 0 {
		t.Fatalf("got %x, which is not one frame: %v", b, err)
	}
	if len(b) > udp.MaxFrame {
		t.Fatalf("got a datagram of %d bytes", len(b))
	}
	return f
}

// expect returns the payload of the next datagram, which has to be of a type.
func (c *client) expect(t testing.TB, want wire.Type) []byte {
	t.Helper()
	f := c.next(t)
	if got := wire.Type(f.Payload[0]); got != want {
		t.Fatalf("got %v %q, want %v", got, f.Payload, want)
	}
	return f.Payload
}

func (c *client) expectError(t testing.TB, want wire.Code) wire.ErrorMessage {
	t.Helper()
	m, err := wire.DecodeError(c.expect(t, wire.TypeError))
	if err != nil || m.Code != want {
		t.Fatalf("got ERROR %d %q, want %d", m.Code, m.Message, want)
	}
	return m
}

// alive expects the session to be there, and nothing else to have been on its way.
func (c *client) alive(t testing.TB) {
	t.Helper()
	c.send(t, wire.Fire, wire.AppendPing(nil))
	c.expect(t, wire.TypePong)
}

// received takes in what has come until now and returns the number of bytes and of datagrams. The router has to have sent it all.
func (c *client) received(t testing.TB) (bytes, datagrams int) {
	t.Helper()
	for {
		c.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
		n, err := c.Read(c.buf)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return bytes, datagrams
		}
		if err != nil {
			t.Fatal(err)
		}
		bytes += n
		datagrams++
	}
}

// fence waits until the router has taken in, in order, all that has been sent on the loopback before: one socket, one reader.
func fence(t testing.TB, other *client) {
	t.Helper()
	other.alive(t)
}
