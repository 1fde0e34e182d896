package quic_test

// The kit: a router behind QUIC on a port of its own, clients of it, and the check at the end that all has been given back.

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	quicgo "github.com/quic-go/quic-go"
	"go.uber.org/goleak"

	"github.com/clasp-studio/clasp/router"
	"github.com/clasp-studio/clasp/router/client"
	"github.com/clasp-studio/clasp/router/internal/kit"
	"github.com/clasp-studio/clasp/router/transport/quic"
	"github.com/clasp-studio/clasp/router/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is a router and the server in front of it.
type rig struct {
	*router.Router
	server *quic.Server
	addr   string
	shown  *tls.Config // the certificate
	trust  *tls.Config
	limits router.Limits
	log    kit.Log
}

// start runs a router until the test ends.
func start(t testing.TB, limits ...func(*router.Limits)) *rig {
	t.Helper()
	g := &rig{addr: "127.0.0.1:0", limits: router.Limits{WelcomeSnapshot: 10_000}}
	for _, set := range limits {
		set(&g.limits)
	}
	g.shown, g.trust = kit.TLS(t)
	g.again(t)
	t.Cleanup(func() {
		// The clients' own clean-up has run by now.
		g.settled(t)
		g.stop(t)
	})
	return g
}

// again starts a new router on the same port.
func (g *rig) again(t testing.TB) {
	t.Helper()
	var err error
	g.Router, err = router.New(router.Options{
		Name: "test router", Settings: router.Settings{Limits: g.limits}, Logger: slog.New(slog.NewTextHandler(&g.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		t.Fatal(err)
	}
	kit.Eventually(t, "the port to be free", func() bool {
		g.server, err = quic.Listen(g.Router, g.addr, quic.Options{TLS: g.shown})
		return err == nil
	})
	g.addr = g.server.Addr().String()
}

// stop closes the server, and then the router, as a process that ends does. It may be called before the test ends.
func (g *rig) stop(t testing.TB) {
	t.Helper()
	if err := g.server.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), kit.Patience)
	defer cancel()
	if err := g.Close(ctx); err != nil {
		t.Errorf("Close: %v", err)
	}
}

// settled waits until nobody is connected and nothing is left of those who were.
func (g *rig) settled(t testing.TB) {
	t.Helper()
	kit.Eventually(t, "sessions and subscriptions to go", func() bool {
		s := g.Stats()
		return s.Sessions == 0 && s.Subscriptions == 0
	})
}

// dial connects the Go client.
func (g *rig) dial(t testing.TB) *client.Client { return g.dialAt(t, g.addr) }

func (g *rig) dialAt(t testing.TB, addr string) *client.Client {
	t.Helper()
	c, err := client.Dial(t.Context(), "quic://"+addr, client.Options{TLS: g.trust})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// raw is a client that can do everything wrong. Its connection is closed when the test ends.
type raw struct {
	*quicgo.Conn
	stream *quicgo.Stream
	buf    []byte
}

// connect makes a connection without a stream.
func (g *rig) connect(t testing.TB) *raw {
	t.Helper()
	c, err := g.tryConnect(t, "clasp/2")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (g *rig) tryConnect(t testing.TB, protocols ...string) (*raw, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), kit.Patience)
	defer cancel()
	trust := g.trust.Clone()
	trust.NextProtos = protocols
	c, err := quicgo.DialAddr(ctx, g.addr, trust, &quicgo.Config{MaxIdleTimeout: time.Minute})
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = c.CloseWithError(0, "") })
	return &raw{Conn: c}, nil
}

// open makes a connection with its stream.
func (g *rig) open(t testing.TB) *raw {
	t.Helper()
	c := g.connect(t)
	var err error
	if c.stream, err = c.OpenStreamSync(t.Context()); err != nil {
		t.Fatal(err)
	}
	_ = c.stream.SetDeadline(time.Now().Add(kit.Patience))
	return c
}

// join opens a session and reads WELCOME and the first SNAPSHOT.
func (g *rig) join(t testing.TB) *raw {
	t.Helper()
	c := g.open(t)
	c.write(t, frame(kit.Hello))
	c.expect(t, wire.TypeWelcome)
	c.expect(t, wire.TypeSnapshot)
	return c
}

// frame returns a frame at confirm.
func frame(payload []byte) []byte { return kit.Frame(wire.Confirm, payload) }

func (c *raw) write(t testing.TB, b []byte) {
	t.Helper()
	if _, err := c.stream.Write(b); err != nil {
		t.Fatalf("write: %v", err)
	}
}

// next reads one frame. What it returns is good until the next call.
func (c *raw) next() (wire.Frame, error) {
	for {
		size, err := wire.FrameSize(c.buf)
		if err != nil {
			return wire.Frame{}, err
		}
		if size > 0 && len(c.buf) >= size {
			f, rest, err := wire.ReadFrame(c.buf)
			c.buf = rest
			return f, err
		}
		more := make([]byte, 4<<10)
		n, err := c.stream.Read(more)
		c.buf = append(c.buf, more[:n]...)
		if n == 0 && err != nil {
			return wire.Frame{}, err
		}
	}
}

// expect reads a frame of a type.
func (c *raw) expect(t testing.TB, kind wire.Type) []byte {
	t.Helper()
	f, err := c.next()
	if err != nil {
		t.Fatalf("%v instead of %v", err, kind)
	}
	if got := wire.Type(f.Payload[0]); got != kind {
		t.Fatalf("%v instead of %v: %q", got, kind, f.Payload)
	}
	return f.Payload
}

// expectError reads an ERROR with a code.
func (c *raw) expectError(t testing.TB, code wire.Code) {
	t.Helper()
	m, err := wire.DecodeError(c.expect(t, wire.TypeError))
	if err != nil || m.Code != code || len(m.Message) == 0 {
		t.Fatalf("got ERROR %d %q, %v; want %d", m.Code, m.Message, err, code)
	}
}

// expectEnd reads the end of the stream and then, having ended its own half, the code the connection is closed with.
func (c *raw) expectEnd(t testing.TB, code quicgo.ApplicationErrorCode) {
	t.Helper()
	if f, err := c.next(); !errors.Is(err, io.EOF) {
		t.Fatalf("got %v, %v, want the end of the stream", f, err)
	}
	_ = c.stream.Close()
	c.expectClose(t, code)
}

// expectClose waits for the router to close the connection with a code.
func (c *raw) expectClose(t testing.TB, code quicgo.ApplicationErrorCode) {
	t.Helper()
	select {
	case <-c.Context().Done():
	case <-time.After(kit.Patience):
		t.Fatal("the router does not close the connection")
	}
	var closed *quicgo.ApplicationError
	if err := context.Cause(c.Context()); !errors.As(err, &closed) || !closed.Remote || closed.ErrorCode != code || code != 0 && closed.ErrorMessage == "" {
		t.Fatalf("closed with %v, want code %d by the router and a reason", err, code)
	}
}

// quiet checks that the session lives and nothing else has come.
func (c *raw) quiet(t testing.TB) {
	t.Helper()
	c.write(t, frame(wire.AppendPing(nil)))
	c.expect(t, wire.TypePong)
}

// relay passes datagrams between a client and the router, each way as it is told. It can change its own port, as a gateway
// does that has forgotten a flow, or a phone that changes networks.
type relay struct {
	addr   string
	client net.PacketConn
	server string
	toll   func(up bool) (pass bool) // asked for every datagram

	mu     sync.Mutex
	out    net.Conn
	from   net.Addr
	closed bool
	going  sync.WaitGroup
}

func startRelay(t testing.TB, server string, toll func(up bool) bool) *relay {
	t.Helper()
	l, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{addr: l.LocalAddr().String(), client: l, server: server, toll: toll}
	r.rebind(t)
	r.going.Go(r.up)
	t.Cleanup(func() {
		r.mu.Lock()
		r.closed = true
		_ = r.out.Close()
		r.mu.Unlock()
		_ = l.Close()
		r.going.Wait()
	})
	return r
}

// rebind sends from another port from now on; what comes to the old one is lost.
func (r *relay) rebind(t testing.TB) {
	t.Helper()
	out, err := net.Dial("udp4", r.server)
	if err != nil {
		t.Fatal(err)
	}
	r.mu.Lock()
	old := r.out
	r.out = out
	r.mu.Unlock()
	if old != nil {
		_ = old.Close()
	}
	r.going.Go(func() { r.down(out) })
}

func (r *relay) up() {
	buf := make([]byte, 64<<10)
	for {
		n, from, err := r.client.ReadFrom(buf)
		if err != nil {
			return
		}
		r.mu.Lock()
		r.from = from
		out := r.out
		r.mu.Unlock()
		if r.toll(true) {
			_, _ = out.Write(buf[:n]) // lost like any other datagram if it fails
		}
	}
}

func (r *relay) down(out net.Conn) {
	buf := make([]byte, 64<<10)
	for {
		n, err := out.Read(buf)
		if err != nil {
			return
		}
		r.mu.Lock()
		to := r.from
		r.mu.Unlock()
		if r.toll(false) {
			_, _ = r.client.WriteTo(buf[:n], to)
		}
	}
}
