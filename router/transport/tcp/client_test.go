package tcp_test

// A router with a TCP port, and a client that makes its bytes by hand, so that it can make wrong ones.

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/clasp-studio/clasp/router"
	"github.com/clasp-studio/clasp/router/internal/kit"
	"github.com/clasp-studio/clasp/router/transport/tcp"
	"github.com/clasp-studio/clasp/router/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start runs a router with a TCP port until the test ends.
func start(t testing.TB, l router.Limits) (*router.Router, string) {
	t.Helper()
	if l.WelcomeSnapshot == 0 {
		l.WelcomeSnapshot = 10_000
	}
	r := kit.Router(t, l)
	s, err := tcp.Listen(r, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close the port: %v", err)
		}
	})
	return r, s.Addr().String()
}

type client struct {
	net.Conn
	in *bufio.Reader
}

// dial connects; HELLO is not said yet.
func dial(t testing.TB, addr string) *client {
	t.Helper()
	conn, err := net.DialTimeout("tcp", addr, kit.Patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &client{conn, bufio.NewReader(conn)}
}

// join opens a session and takes in WELCOME and n frames of snapshot.
func join(t testing.TB, addr string, n int) *client {
	t.Helper()
	c := dial(t, addr)
	c.send(t, wire.Fire, kit.Hello)
	c.expect(t, wire.TypeWelcome)
	for range n {
		c.expect(t, wire.TypeSnapshot)
	}
	return c
}

func (c *client) raw(t testing.TB, b []byte) {
	t.Helper()
	c.SetWriteDeadline(time.Now().Add(kit.Patience))
	if _, err := c.Write(b); err != nil {
		t.Fatalf("write: %v", err)
	}
}

// prefixed puts its length before a frame.
func prefixed(frame []byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(frame))), frame...)
}

func (c *client) send(t testing.TB, q wire.QoS, payload []byte) {
	t.Helper()
	c.raw(t, prefixed(kit.Frame(q, payload)))
}

// read returns the next frame whole.
func (c *client) read() ([]byte, error) {
	c.SetReadDeadline(time.Now().Add(kit.Patience))
	var length [4]byte
	if _, err := io.ReadFull(c.in, length[:]); err != nil {
		return nil, err
	}
	frame := make([]byte, binary.BigEndian.Uint32(length[:]))
	_, err := io.ReadFull(c.in, frame)
	return frame, err
}

// expect returns the payload of the next frame, which has to be of a type. A PING is answered.
func (c *client) expect(t testing.TB, want wire.Type) []byte {
	t.Helper()
	b, err := c.read()
	for err == nil && len(b) == 5 && wire.Type(b[4]) == wire.TypePing {
		c.send(t, wire.Fire, wire.AppendPong(nil))
		b, err = c.read()
	}
	if err != nil {
		t.Fatalf("want %v: %v", want, err)
	}
	f, rest, err := wire.ReadFrame(b)
	if err != nil || len(rest) > 0 {
		t.Fatalf("got %x, which is not one frame: %v", b, err)
	}
	if wire.Type(f.Payload[0]) != want {
		t.Fatalf("got %v %q, want %v", wire.Type(f.Payload[0]), f.Payload, want)
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

// expectEnd expects the connection to be closed with nothing more said.
func (c *client) expectEnd(t testing.TB) {
	t.Helper()
	if b, err := c.read(); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("got %x, %v; want the end", b, err)
	}
}

// alive expects the session to be there.
func (c *client) alive(t testing.TB) {
	t.Helper()
	c.send(t, wire.Fire, wire.AppendPing(nil))
	c.expect(t, wire.TypePong)
}
