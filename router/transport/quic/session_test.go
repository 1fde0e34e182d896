package quic_test

// Sessions: how they begin, how frames come and go, and how they end.

import (
	"bytes"
	"context"
	"errors"
	"log"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	quicgo "github.com/quic-go/quic-go"

	"github.com/clasp-studio/clasp/router"
	"github.com/clasp-studio/clasp/router/client"
	"github.com/clasp-studio/clasp/router/internal/datagram"
	"github.com/clasp-studio/clasp/router/internal/kit"
	"github.com/clasp-studio/clasp/router/transport/quic"
	"github.com/clasp-studio/clasp/router/wire"
)

func TestConversation(t *testing.T) {
	g := start(t)
	a, b := g.dial(t), g.dial(t)
	got := make(chan string, 10)
	if _, err := b.Subscribe(t.Context(), "/stage/**", client.SubscribeOptions{}, func(m *client.Message) {
		got <- m.Signal.String() + m.Address
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Set(t.Context(), "/stage/dim", 0.5); err != nil {
		t.Fatal(err)
	}
	if err := a.Emit(t.Context(), "/stage/go", nil); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"param/stage/dim", "event/stage/go"} {
		if s := <-got; s != want {
			t.Errorf("got %s, want %s", s, want)
		}
	}
	if p, err := b.Get(t.Context(), "/stage/dim"); err != nil || p.Revision != 1 {
		t.Errorf("got %+v, %v", p, err)
	}
	// A goodbye comes behind all that was sent.
	for i := range 1000 {
		if _, err := a.Set(t.Context(), "/count", i, client.QoS(wire.Fire)); err != nil {
			t.Fatal(err)
		}
	}
	a.Close()
	kit.Eventually(t, "the session to end as the client's wish", func() bool {
		return strings.Contains(g.log.String(), "reason=client_closed")
	})
	if p, err := b.Get(t.Context(), "/count"); err != nil || p.Revision != 1000 {
		t.Errorf("of 1000 writes before Close %d have come: %v", p.Revision, err)
	}
}

// Both names of the protocol are taken.
func TestALPN(t *testing.T) {
	g := start(t)
	for _, protocol := range []string{"clasp/2", "clasp"} {
		c, err := g.tryConnect(t, protocol)
		if err != nil {
			t.Fatalf("%s: %v", protocol, err)
		}
		if got := c.ConnectionState().TLS.NegotiatedProtocol; got != protocol {
			t.Errorf("asked for %s, got %s", protocol, got)
		}
		if got := c.ConnectionState(); got.Used0RTT {
			t.Error("0-RTT was used")
		}
	}
}

func TestListenRefuses(t *testing.T) {
	g := start(t)
	if _, err := quic.Listen(g.Router, "127.0.0.1:0", quic.Options{}); err == nil || !strings.Contains(err.Error(), "TLS") {
		t.Errorf("without TLS: %v", err)
	}
	server, _ := kit.TLS(t)
	var op *net.OpError
	if _, err := quic.Listen(g.Router, g.addr, quic.Options{TLS: server}); !errors.As(err, &op) || !strings.Contains(err.Error(), g.addr) {
		t.Errorf("on a port that is taken: %v", err)
	}
	if _, err := quic.Listen(g.Router, "nonsense", quic.Options{TLS: server}); err == nil {
		t.Error("listens on nonsense")
	}
}

// TestHint: small socket buffers are one line in the router's log at the start, and large ones are none; quic-go's own line, which
// it has where the system gives nobody more, is not printed.
func TestHint(t *testing.T) {
	var printed bytes.Buffer
	log.SetOutput(&printed) // quic-go's
	t.Cleanup(func() { log.SetOutput(os.Stderr) })
	hints := func(socket *net.UDPConn) (want, got int) {
		t.Helper()
		var said kit.Log
		r := kit.RouterWith(t, router.Options{Logger: slog.New(slog.NewTextHandler(&said, nil))})
		shown, _ := kit.TLS(t)
		want = min(len(datagram.Hint(socket, "QUIC")), 1)
		s, err := quic.Serve(r, socket, quic.Options{TLS: shown})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		return want, strings.Count(said.String(), "rmem_max")
	}
	listen := func() *net.UDPConn {
		socket, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		return socket
	}
	grown, small := listen(), listen()
	datagram.Grow(grown)
	if want, got := hints(grown); got != want {
		t.Errorf("%d lines about the largest buffers there are, want %d", got, want)
	}
	if err := small.SetReadBuffer(64 << 10); err != nil {
		t.Fatal(err)
	}
	if want, got := hints(small); got != want || want == 0 && runtime.GOOS != "windows" { // which tells nobody
		t.Errorf("%d lines about small buffers, want %d", got, want)
	}
	if n := strings.Count(start(t).log.String(), "rmem_max"); n > 1 {
		t.Errorf("%d lines at one start", n)
	}
	if printed.Len() > 0 {
		t.Errorf("printed: %s", &printed)
	}
}

// TestHelloRaisesTheLimit: a client need not wait for WELCOME before it sends a message longer than a HELLO may be.
func TestHelloRaisesTheLimit(t *testing.T) {
	c := start(t).open(t)
	c.write(t, append(frame(kit.Hello), frame(kit.Set("/long", make([]byte, 40<<10)))...))
	for _, kind := range []wire.Type{wire.TypeWelcome, wire.TypeSnapshot, wire.TypeAck} {
		c.expect(t, kind)
	}
}

// TestFramesCutInAnyWay: frames of all sizes, with and without a timestamp, in pieces that have nothing to do with them.
func TestFramesCutInAnyWay(t *testing.T) {
	g := start(t)
	var stream []byte
	sizes := []int{0, 1, 100, 16 << 10, 65_000, 3, 40_000}
	for i, n := range sizes {
		f := frame(kit.Set("/cut", bytes.Repeat([]byte{byte(i)}, n)))
		if i%2 == 1 { // with a timestamp
			f = append(append([]byte{f[0], f[1] | 1<<5, f[2], f[3]}, 1, 2, 3, 4, 5, 6, 7, 8), f[4:]...)
		}
		stream = append(stream, f...)
	}
	for name, piece := range map[string]func() int{
		"all at once":     func() int { return len(stream) },
		"single bytes":    func() int { return 1 },
		"random pieces":   func() int { return 1 + rand.IntN(5000) },
		"small and large": func() int { return []int{1, 30_000}[rand.IntN(2)] },
	} {
		t.Run(name, func(t *testing.T) {
			c := g.join(t)
			go func() {
				for rest := stream; len(rest) > 0; {
					n := min(piece(), len(rest))
					if n == 1 && len(rest) < len(stream)-2000 {
						n = len(rest) // enough of them
					}
					if _, err := c.stream.Write(rest[:n]); err != nil {
						return // the reader will miss an answer
					}
					rest = rest[n:]
				}
			}()
			for range sizes {
				c.expect(t, wire.TypeAck)
			}
			c.quiet(t)
		})
	}
}

// TestLargestFrame goes in and comes out again.
func TestLargestFrame(t *testing.T) {
	g := start(t)
	a, b := g.dial(t), g.dial(t)
	const size = wire.MaxPayload - 100 // the rest is the message around the value
	got := make(chan int, 1)
	if _, err := b.Subscribe(t.Context(), "/large", client.SubscribeOptions{}, func(m *client.Message) { got <- len(m.Value.Data) - 2 }); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Set(t.Context(), "/large", make([]byte, size)); err != nil {
		t.Fatal(err)
	}
	if n := <-got; n != size {
		t.Errorf("%d bytes have come, want %d", n, size)
	}
}

// TestBadFrame: what is no frame gets ERROR 100, and the connection is closed; what came before it counts, and what comes
// behind it is passed over.
func TestBadFrame(t *testing.T) {
	g := start(t)
	for name, bad := range map[string][]byte{
		"wrong magic": {0x54, 1, 0, 0},
		"one byte":    {0},
		"QoS 3":       {0x53, 0xC1, 0, 1, 0x41},
		"encrypted":   {0x53, 0x11, 0, 1, 0x41},
		"compressed":  {0x53, 0x09, 0, 1, 0x41},
		"text":        []byte("GET / HTTP/1.1\r\n\r\n"),
	} {
		t.Run(name, func(t *testing.T) {
			c := g.join(t)
			addr := "/" + strings.ReplaceAll(name, " ", "_")
			c.write(t, append(append(frame(kit.Set(addr, []byte("before"))), bad...), frame(kit.Set(addr, []byte("behind")))...))
			c.expect(t, wire.TypeAck)
			c.expectError(t, wire.CodeBadFrame)
			c.expectEnd(t, 1002)
			if p, err := g.dial(t).Get(t.Context(), addr); err != nil || p.Revision != 1 {
				t.Errorf("got %+v, %v, want the first of two writes", p, err)
			}
		})
		t.Run(name+" first", func(t *testing.T) {
			c := g.open(t)
			c.write(t, bad)
			c.expectError(t, wire.CodeBadFrame)
			c.expectEnd(t, 1002)
		})
	}
	t.Run("a stream that ends inside of a frame", func(t *testing.T) {
		c := g.join(t)
		f := frame(kit.Set("/a", []byte("x")))
		c.write(t, f[:len(f)-1])
		_ = c.stream.Close()
		c.expectError(t, wire.CodeBadFrame)
		c.expectEnd(t, 1002)
	})
}

// A frame over the size limit gets ERROR 100 when its header shows, and not when all of it has come.
func TestTooBig(t *testing.T) {
	const limit = 1000
	g := start(t, func(l *router.Limits) { l.MaxMessageSize = limit })
	c := g.join(t)
	payload := kit.Set("/a", []byte(nil))
	c.write(t, frame(kit.Set("/a", make([]byte, limit-len(payload)))))
	c.expect(t, wire.TypeAck)
	c.write(t, []byte{0x53, 0x41, 0xFF, 0xFF})
	c.expectError(t, wire.CodeBadFrame)
	c.expectEnd(t, 1009)
}

// TestReasons: the code a connection is closed with says why.
func TestReasons(t *testing.T) {
	g := start(t)
	t.Run("version", func(t *testing.T) {
		c := g.open(t)
		c.write(t, frame(wire.AppendHello(nil, wire.Hello{Version: 9, Name: []byte("from the future")})))
		c.expectError(t, wire.CodeVersion)
		c.expectEnd(t, 1002)
	})
	t.Run("no HELLO first", func(t *testing.T) {
		c := g.open(t)
		c.write(t, frame(kit.Set("/a", 1)))
		c.expectError(t, wire.CodeUnauthenticated)
		c.expectEnd(t, 1008)
	})
	t.Run("no CLASP message", func(t *testing.T) {
		c := g.open(t)
		c.write(t, frame([]byte{0x7F}))
		c.expectEnd(t, 1002)
	})
	t.Run("a client that waits for the router to close", func(t *testing.T) {
		c := g.open(t)
		c.write(t, frame(kit.Set("/a", 1)))
		c.expectError(t, wire.CodeUnauthenticated)
		c.expectClose(t, 1008)
	})
	t.Run("the client ends its stream", func(t *testing.T) {
		c := g.join(t)
		_ = c.stream.Close()
		c.expectClose(t, 0)
	})
	t.Run("the client reads nothing", func(t *testing.T) {
		c, writer := g.join(t), g.dial(t)
		c.write(t, frame(kit.Subscribe(1, "/e")))
		c.quiet(t)
		for c.Context().Err() == nil {
			if err := writer.Emit(t.Context(), "/e", make([]byte, 60_000)); err != nil {
				t.Fatal(err)
			}
		}
		c.expectClose(t, 1013)
	})
	t.Run("the router stops", func(t *testing.T) {
		g := start(t)
		c, early := g.join(t), g.connect(t)
		kit.Eventually(t, "both to be there", func() bool { return g.Stats().Sessions == 2 })
		done := make(chan struct{})
		go func() {
			defer close(done)
			g.stop(t)
		}()
		early.expectClose(t, 1001)
		c.expectEnd(t, 1001)
		<-done
	})
	t.Run("told by the Go client", func(t *testing.T) {
		g := start(t)
		c, err := client.Dial(t.Context(), "quic://"+g.addr, client.Options{TLS: g.trust})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		g.stop(t)
		<-c.Done()
		if err := c.Err(); !errors.Is(err, client.ErrDisconnected) || !strings.Contains(err.Error(), "stopping") {
			t.Errorf("the client says %v", err)
		}
	})
}

// TestIdle: a client that has nothing to say is alive as long as it answers keepalives; one that has vanished is not.
func TestIdle(t *testing.T) {
	t.Parallel()
	g := start(t, func(l *router.Limits) { l.SessionTimeout = 400 * time.Millisecond })
	silent := g.join(t)
	before := silent.ConnectionStats().PacketsReceived
	kit.Eventually(t, "keepalives for several times the session timeout", func() bool {
		return silent.ConnectionStats().PacketsReceived > before+20
	})
	silent.quiet(t)

	dead := make(chan struct{})
	r := startRelay(t, g.addr, func(bool) bool {
		select {
		case <-dead:
			return false
		default:
			return true
		}
	})
	c, err := client.Dial(t.Context(), "quic://"+r.addr, client.Options{TLS: g.trust, Name: "vanishing"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	close(dead)
	kit.Eventually(t, "the session of one that has vanished to end", func() bool {
		for line := range strings.Lines(g.log.String()) {
			if strings.Contains(line, "session ended") && strings.Contains(line, "name=vanishing") {
				if !strings.Contains(line, "reason=idle") {
					t.Errorf("the router says: %s", line)
				}
				return true
			}
		}
		return false
	})
	silent.quiet(t)
}

// TestMaxConnections: over the limit a connection is refused at its first packet, and taken when there is room again.
func TestMaxConnections(t *testing.T) {
	g := start(t, func(l *router.Limits) { l.MaxConnections = 2 })
	a := g.join(t)
	b := g.join(t)
	for range 3 {
		_, err := client.Dial(t.Context(), "quic://"+g.addr, client.Options{TLS: g.trust})
		var refused *quicgo.TransportError
		if !errors.As(err, &refused) || refused.ErrorCode != quicgo.ConnectionRefused || !strings.Contains(err.Error(), "limit of connections") {
			t.Errorf("the third: %v", err)
		}
	}
	if n := strings.Count(g.log.String(), "refused a connection: this router holds its limit of 2 connections"); n != 1 {
		t.Errorf("logged %d times, want once in a while", n)
	}
	a.quiet(t)
	_ = b.stream.Close()
	b.expectClose(t, 0)
	kit.Eventually(t, "room for another", func() bool {
		c, err := client.Dial(t.Context(), "quic://"+g.addr, client.Options{TLS: g.trust})
		if err != nil {
			return false
		}
		c.Close()
		return true
	})
}

// TestMigration: a client whose address changes goes on, in the same session, with all it has subscribed to.
func TestMigration(t *testing.T) {
	g := start(t)
	r := startRelay(t, g.addr, func(bool) bool { return true })
	moving, other := g.dialAt(t, r.addr), g.dial(t)
	got := make(chan uint64, 1)
	if _, err := moving.Subscribe(t.Context(), "/here", client.SubscribeOptions{}, func(m *client.Message) { got <- m.Revision }); err != nil {
		t.Fatal(err)
	}
	if _, err := moving.Set(t.Context(), "/locked", 1, client.Lock()); err != nil {
		t.Fatal(err)
	}
	session := moving.Session()
	for i := range uint64(5) {
		r.rebind(t)
		if _, err := moving.Set(t.Context(), "/there", i); err != nil {
			t.Fatal(err)
		}
		if _, err := other.Set(t.Context(), "/here", i); err != nil {
			t.Fatal(err)
		}
		if n := <-got; n != i+1 {
			t.Errorf("revision %d after move %d", n, i+1)
		}
	}
	if moving.Session() != session || g.Stats().Sessions != 2 {
		t.Error("it was not the same session all along")
	}
	if _, err := other.Set(t.Context(), "/locked", 2); !client.IsCode(err, wire.CodeLocked) {
		t.Errorf("its lock has gone: %v", err)
	}
}

// TestReconnect: the Go client comes back to a router that was started again.
func TestReconnect(t *testing.T) {
	g := start(t)
	lost := make(chan error, 1)
	c, err := client.Dial(t.Context(), "quic://"+g.addr, client.Options{
		TLS: g.trust, Reconnect: true, BackoffMin: time.Millisecond, BackoffMax: 50 * time.Millisecond,
		OnState: func(s client.State, err error) {
			if s == client.Disconnected {
				lost <- err
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	got := make(chan struct{}, 100)
	if _, err := c.Subscribe(t.Context(), "/x", client.SubscribeOptions{}, func(*client.Message) { got <- struct{}{} }); err != nil {
		t.Fatal(err)
	}
	g.stop(t)
	if err := <-lost; !strings.Contains(err.Error(), "stopping") {
		t.Errorf("lost for %v", err)
	}
	g.again(t)
	kit.Eventually(t, "the client to come back", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := c.Set(ctx, "/x", 1)
		return err == nil
	})
	<-got
}
