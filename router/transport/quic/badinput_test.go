package quic_test

// What hostile and broken clients send. Each test ends with a good session, and with nothing left of the bad one.

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	mathrand "math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	quicgo "github.com/quic-go/quic-go"

	"github.com/clasp-studio/clasp/router"
	"github.com/clasp-studio/clasp/router/client"
	"github.com/clasp-studio/clasp/router/internal/kit"
	"github.com/clasp-studio/clasp/router/wire"
)

func TestForeignALPN(t *testing.T) {
	g := start(t)
	for _, protocols := range [][]string{{"h3"}, {"clasp/3", "h3"}, {"CLASP"}, {"clasp/2 "}} {
		_, err := g.tryConnect(t, protocols...)
		var refused *quicgo.TransportError
		if !errors.As(err, &refused) || !refused.Remote || refused.ErrorCode != 0x178 { // no_application_protocol
			t.Errorf("%q: %v", protocols, err)
		}
	}
	g.join(t).quiet(t)
}

// TestGarbage: datagrams of any size with anything in them are no connection, and are never answered with more than came in.
func TestGarbage(t *testing.T) {
	g := start(t)
	bystander := g.join(t)
	c, err := net.Dial("udp4", g.addr)
	if err != nil {
		t.Fatal(err)
	}
	var received atomic.Int64
	var reading sync.WaitGroup
	reading.Go(func() {
		buf := make([]byte, 64<<10)
		for {
			n, err := c.Read(buf)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			received.Add(int64(n))
		}
	})
	var sent int64
	firsts := []byte{0x00, 0x40, 0x80, 0xC0, 0xC3, 0xE3, 0xF0, 0xFF, 'G', 0x53, 0x16}
	for i := range 3000 {
		n := []int{0, 1, 3, 20, 50, 1199, 1200, 1452}[i%8]
		if i%100 == 0 {
			n = 65_507
		}
		b := make([]byte, n)
		rand.Read(b)
		if n > 0 {
			b[0] = firsts[mathrand.IntN(len(firsts))]
		}
		if n > 20 && i%3 == 0 {
			copy(b[1:], []byte{0, 0, 0, 1, 8}) // QUIC version 1, and a connection ID of 8 bytes
		}
		if _, err := c.Write(b); err != nil {
			t.Fatal(err)
		}
		sent += int64(n)
	}
	bystander.quiet(t)
	g.join(t).quiet(t)
	if n := g.Stats().Sessions; n != 2 {
		t.Errorf("%d sessions, want the two good ones", n)
	}
	c.Close()
	reading.Wait()
	if got := received.Load(); got > sent {
		t.Errorf("%d bytes came back for %d of garbage", got, sent)
	}
}

// TestOneStream: there is one stream and no other, however often a client asks and whatever has become of the first.
func TestOneStream(t *testing.T) {
	g := start(t)
	c := g.join(t)
	refused := func() {
		t.Helper()
		for range 1000 {
			if _, err := c.OpenStream(); !isStreamLimit(err) {
				t.Fatalf("a second stream: %v", err)
			}
			if _, err := c.OpenUniStream(); !isStreamLimit(err) {
				t.Fatalf("a unidirectional stream: %v", err)
			}
		}
	}
	refused()
	c.quiet(t)
	// Now the first stream ends, both halves of it, and some time before the connection does.
	c.write(t, []byte("no frame"))
	_ = c.stream.Close()
	c.expectError(t, wire.CodeBadFrame)
	if _, err := c.next(); !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	for c.Context().Err() == nil {
		if _, err := c.OpenStream(); !isStreamLimit(err) && c.Context().Err() == nil {
			t.Fatalf("a second stream behind the first: %v", err)
		}
		time.Sleep(time.Millisecond) // it is for 2 s that none may open
	}
	c.expectClose(t, 1002)
}

func isStreamLimit(err error) bool {
	_, is := errors.AsType[*quicgo.StreamLimitReachedError](err)
	return is
}

// TestNoHello: who opens no stream, the wrong one, or says half of HELLO, is closed after 10 s. Nobody waits for them.
func TestNoHello(t *testing.T) {
	t.Parallel()
	g := start(t)
	nothing, half, empty := g.connect(t), g.open(t), g.open(t)
	if _, err := nothing.OpenUniStream(); err == nil {
		t.Error("a unidirectional stream is there")
	}
	half.write(t, frame(kit.Hello)[:10])
	kit.Eventually(t, "all to be connected", func() bool { return g.Stats().Sessions == 3 })
	g.join(t).quiet(t)
	nothing.expectClose(t, 1002)
	empty.expectClose(t, 1002)
	half.expectEnd(t, 1002)
	kit.Eventually(t, "the log to tell of three without HELLO", func() bool {
		return strings.Count(g.log.String(), "reason=no_hello") == 3
	})
}

// TestHalfFrameThenSilence costs a little memory, and not what the header announces; the rest may come late.
func TestHalfFrameThenSilence(t *testing.T) {
	const clients = 100
	g := start(t)
	f := frame(kit.Set("/late", make([]byte, 60_000)))
	waiting := make([]*raw, clients)
	for i := range waiting {
		waiting[i] = g.join(t)
		waiting[i].quiet(t) // what a connection needs that has sent a message at all is there before
	}
	before := kit.Heap()
	for _, c := range waiting {
		c.write(t, f[:5])
	}
	g.join(t).quiet(t)
	if grown := kit.Heap() - before; grown > clients*45_000 {
		t.Errorf("the heap has grown by %d bytes for %d frames of which 5 bytes have come", grown, clients)
	}
	for _, c := range waiting {
		c.write(t, f[5:])
		c.expect(t, wire.TypeAck)
	}
}

// TestResetInFrame: a stream that is reset is a connection lost. What the session held is free.
func TestResetInFrame(t *testing.T) {
	g := start(t)
	c := g.join(t)
	m := wire.Set{Address: []byte("/held"), Value: wire.Value{Code: wire.I64Code, Data: make([]byte, 8)}, Lock: true}
	c.write(t, frame(wire.AppendSet(nil, m)))
	c.expect(t, wire.TypeAck)
	c.write(t, frame(kit.Set("/never", 1))[:3])
	c.stream.CancelWrite(7)
	c.expectEnded(t)
	other := g.dial(t)
	kit.Eventually(t, "the lock to be free", func() bool {
		_, err := other.Set(t.Context(), "/held", 1)
		return err == nil
	})
	if _, err := other.Get(t.Context(), "/never"); !client.IsCode(err, wire.CodeNotFound) {
		t.Errorf("half a frame was taken for a whole one: %v", err)
	}
	if !strings.Contains(g.log.String(), "reason=connection_lost") {
		t.Error("the log does not say that the connection was lost")
	}
}

// expectEnded waits for the router to close the connection, whatever the code.
func (c *raw) expectEnded(t testing.TB) {
	t.Helper()
	select {
	case <-c.Context().Done():
	case <-time.After(kit.Patience):
		t.Fatal("the router does not close the connection")
	}
}

// A client that wants no more of what the router sends has gone too.
func TestStopSending(t *testing.T) {
	g := start(t)
	c, writer := g.join(t), g.dial(t)
	c.write(t, frame(kit.Subscribe(1, "/**")))
	c.quiet(t)
	c.stream.CancelRead(7)
	kit.Eventually(t, "the session to end", func() bool {
		if _, err := writer.Set(t.Context(), "/a", 1); err != nil {
			t.Fatal(err)
		}
		return g.Stats().Sessions == 1
	})
}

// TestUnfinishedHandshakes: first packets from sources that never answer do not fill the router up. Past some, whoever comes
// has to prove its address, and an honest client does without noticing.
func TestUnfinishedHandshakes(t *testing.T) {
	t.Parallel()
	const limit, flood = 100, 300
	g := start(t, func(l *router.Limits) { l.MaxConnections = limit })
	var received atomic.Int64
	var reading sync.WaitGroup
	var sent int64
	var sockets []net.Conn
	for _, packet := range g.firstPackets(t, flood) {
		c, err := net.Dial("udp4", g.addr)
		if err != nil {
			t.Fatal(err)
		}
		sockets = append(sockets, c)
		if _, err := c.Write(packet); err != nil {
			t.Fatal(err)
		}
		sent += int64(len(packet))
		reading.Go(func() {
			buf := make([]byte, 2048)
			for {
				n, err := c.Read(buf)
				if errors.Is(err, net.ErrClosed) {
					return
				}
				received.Add(int64(n))
			}
		})
	}
	for range 20 {
		g.dial(t)
	}
	// In 10 s at most they are given up, and all the room is for others.
	for range limit - 20 {
		kit.Eventually(t, "a place that an unfinished handshake had", func() bool {
			c, err := client.Dial(t.Context(), "quic://"+g.addr, client.Options{TLS: g.trust})
			if err == nil {
				t.Cleanup(c.Close)
			}
			return err == nil
		})
	}
	if got := received.Load(); got > 3*sent {
		t.Errorf("%d bytes went to sources that have sent %d", got, sent)
	}
	for _, c := range sockets {
		c.Close()
	}
	reading.Wait()
}

// firstPackets returns what so many clients send first.
func (g *rig) firstPackets(t *testing.T, n int) [][]byte {
	t.Helper()
	sink, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer sink.Close()
	trust := g.trust.Clone()
	trust.NextProtos = []string{"clasp"}
	socket, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	transport := &quicgo.Transport{Conn: socket}
	defer socket.Close()
	defer transport.Close()
	var all [][]byte
	for range n {
		ctx, cancel := context.WithCancel(t.Context())
		var dialling sync.WaitGroup
		dialling.Go(func() { _, _ = transport.Dial(ctx, sink.LocalAddr(), trust, nil) }) // nobody answers
		buf := make([]byte, 2048)
		_ = sink.SetReadDeadline(time.Now().Add(kit.Patience))
		got, _, err := sink.ReadFrom(buf)
		cancel()
		dialling.Wait()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, buf[:got])
	}
	return all
}
