package udp_test

// Addresses that somebody else has invented: what they get, and what they take from those who are there.

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/router"
	"github.com/clasp-studio/clasp/router/internal/kit"
	"github.com/clasp-studio/clasp/router/transport/udp"
	"github.com/clasp-studio/clasp/router/wire"
)

// somebody is an address from which nothing comes here.
var somebody = netip.MustParseAddr("192.0.2.1")

// hello is HELLO of a client of that name.
func hello(name string) []byte {
	return wire.AppendHello(nil, wire.Hello{Version: 1, Features: 0xF8, Name: []byte(name)})
}

// legacyHello is HELLO in MessagePack.
func legacyHello(name string) []byte {
	text := func(s string) []byte { return append([]byte{0xa0 | byte(len(s))}, s...) }
	b := append(append([]byte{0x84}, text("type")...), text("HELLO")...)
	b = append(append(b, text("version")...), 1)
	b = append(append(b, text("name")...), text(name)...)
	return append(append(append(b, text("features")...), 0x91), text("param")...)
}

// fill gives the router params with 100 bytes each.
func fill(t testing.TB, c *client, params int) {
	t.Helper()
	for i := range params {
		c.send(t, wire.Confirm, kit.Set(fmt.Sprintf("/p/%05d", i), strings.Repeat("x", 100)))
		c.expect(t, wire.TypeAck)
	}
}

// drain takes in what has come, without waiting for more, and returns the number of bytes.
func (c *client) drain() (bytes int) {
	for {
		c.SetReadDeadline(time.Now().Add(time.Millisecond))
		n, err := c.Read(c.buf)
		if err != nil {
			return bytes
		}
		bytes += n
	}
}

// A flood of HELLOs from invented addresses, each with what is no proof of being there behind it: few sessions, less than three
// times their bytes, nobody's place taken, those who have proved themselves not touched, and who comes then gets in.
func TestHelloFlood(t *testing.T) {
	frame := kit.Frame(wire.Fire, kit.Hello)
	ack := kit.Frame(wire.Fire, wire.AppendAck(nil, wire.Ack{}))
	for name, said := range map[string][][]byte{
		"once":           {frame},
		"twice":          {frame, frame},
		"five times":     {frame, frame, frame, frame, frame},
		"and garbage":    {frame, {0}, []byte("CLASP-DISCOVER"), frame[:3]},
		"and no message": {frame, kit.Frame(wire.Fire, []byte{0xFE, 1, 2}), kit.Frame(wire.Fire, nil)},
		"and an answer":  {frame, ack},
	} {
		t.Run(name, func(t *testing.T) {
			r, addr := start(t, router.Limits{MaxConnections: 8}) // of which UDP gets 2
			victim := join(t, addr)
			fill(t, victim, 200)
			bytes := 0
			for _, b := range said {
				bytes += len(b)
			}
			clients := make([]*client, 3*udp.MaxUnproven)
			for i := range clients {
				clients[i] = dial(t, addr)
				clients[i].buf = make([]byte, 2000)
				for _, b := range said {
					clients[i].raw(t, b)
				}
				if i%50 == 0 {
					victim.alive(t)
					if n := r.Stats().Sessions; n > 2*udp.MaxUnproven+1 { // as many may be being closed
						t.Fatalf("%d sessions", n)
					}
				}
			}
			fence(t, victim)
			kit.Eventually(t, "no more sessions than unproven addresses may have", func() bool { return r.Stats().Sessions <= udp.MaxUnproven+1 })
			total := 0
			for _, c := range clients {
				got := c.drain()
				if got >= 3*bytes {
					t.Fatalf("%d bytes to one address, for %d", got, bytes)
				}
				total += got
			}
			if total == 0 {
				t.Error("nobody was answered: this was no flood")
			}
			for range 6 {
				if _, err := r.Enter(somebody); err != nil {
					t.Fatalf("the flood takes the places of others: %v", err)
				}
			}
			victim.alive(t)
			join(t, addr)
		})
	}
}

// Whoever forges addresses can forge a proof as well: UDP gets a quarter of the places, in all and from each address, and
// leaves the others.
func TestPlacesOfUDP(t *testing.T) {
	home := netip.MustParseAddr("127.0.0.1")
	for name, test := range map[string]struct {
		limits router.Limits
		others netip.Addr
	}{
		"in all":           {router.Limits{MaxConnections: 12}, somebody},
		"from one address": {router.Limits{MaxConnectionsPerIP: 12}, home},
	} {
		t.Run(name, func(t *testing.T) {
			r, addr := start(t, test.limits)
			for range 20 {
				c := dial(t, addr)
				c.send(t, wire.Fire, kit.Hello)
				c.send(t, wire.Fire, wire.AppendPing(nil))
			}
			kit.Eventually(t, "a quarter to stay", func() bool { return r.Stats().Sessions == 3 })
			late := dial(t, addr)
			late.send(t, wire.Fire, hello(strings.Repeat("x", 100)))
			if m := late.expectError(t, wire.CodeOverloaded); !strings.Contains(string(m.Message), "3 connections over UDP") {
				t.Errorf("refused with %q", m.Message)
			}
			for i := range 9 {
				if _, err := r.Enter(test.others); err != nil {
					t.Fatalf("the %d. of other transports: %v", i+1, err)
				}
			}
			if _, err := r.Enter(test.others); err == nil {
				t.Error("a tenth gets in as well")
			}
		})
	}
}

// The quarter is of a limit for all: what others have taken, UDP does not get. A session that was opened and finds no place when
// its address proves itself is told.
func TestMaxConnections(t *testing.T) {
	r, addr := start(t, router.Limits{MaxConnections: 8})
	for range 6 {
		if _, err := r.Enter(somebody); err != nil {
			t.Fatal(err)
		}
	}
	a := join(t, addr)
	idle := dial(t, addr)
	idle.send(t, wire.Fire, kit.Hello)
	idle.expect(t, wire.TypeWelcome)
	idle.expect(t, wire.TypeSnapshot)
	b := join(t, addr)
	a.alive(t)
	b.alive(t)
	late := dial(t, addr)
	late.send(t, wire.Fire, kit.Hello)
	late.expectError(t, wire.CodeOverloaded)
	idle.send(t, wire.Fire, kit.Get("/x"))
	idle.expectError(t, wire.CodeOverloaded)
	kit.Eventually(t, "two sessions", func() bool { return r.Stats().Sessions == 2 })
	a.alive(t)
}

// All young addresses together get so many bytes, however many they are and whatever they ask for; who goes on talking is not
// held to it.
func TestYoungAddresses(t *testing.T) {
	const rate, burst, sources = 1000, 20_000, 20
	clock := newClock()
	_, s := serve(t, router.Limits{}, "127.0.0.1:0", udp.Options{}, clock.now)
	addr := s.Addr().String()
	old := join(t, addr)
	fill(t, old, 200)
	clock.pass(udp.YoungFor)
	old.alive(t)
	s.Hold(rate, burst)
	began := time.Now()
	asked := append(kit.Frame(wire.Fire, kit.Hello), kit.Frame(wire.Fire, wire.AppendPing(nil))...)
	clients := make([]*client, sources)
	for i := range clients {
		clients[i] = dial(t, addr)
		clients[i].send(t, wire.Fire, kit.Hello)
		clients[i].send(t, wire.Fire, wire.AppendPing(nil))
		clients[i].send(t, wire.Fire, kit.Subscribe(1, "/**"))
	}
	old.send(t, wire.Fire, kit.Subscribe(1, "/**"))
	for n := 0; n < 200; { // all of it, as if nobody else were there
		m, err := wire.DecodeSnapshot(old.expect(t, wire.TypeSnapshot))
		if err != nil {
			t.Fatal(err)
		}
		n += m.Count
	}
	got := 0
	for range 20 {
		for _, c := range clients {
			got += c.drain()
		}
	}
	if most := burst + rate*int(time.Since(began).Seconds()+1) + sources*(udp.FirstBytes+3*len(asked)); got > most || got < burst/2 {
		t.Errorf("%d bytes to young addresses, want at most %d", got, most)
	}
	c := clients[0]
	clock.pass(udp.YoungFor)
	c.send(t, wire.Fire, wire.AppendPing(nil))
	for pong := false; !pong; {
		pong = wire.Type(c.next(t).Payload[0]) == wire.TypePong
	}
}

// Who comes into a flood of young addresses gets its first bytes at once, and waits for the rest behind a turn of two datagrams of
// each: not behind all that they wait for. The clock stands still, so nobody's turn comes.
func TestNewcomerInAFlood(t *testing.T) {
	const sources = 20
	clock := newClock()
	_, s := serve(t, router.Limits{}, "127.0.0.1:0", udp.Options{}, clock.now)
	addr := s.Addr().String()
	writer := join(t, addr)
	fill(t, writer, 200)
	s.Hold(1, 0) // 1 byte a second
	ask := func() *client {
		c := dial(t, addr)
		c.send(t, wire.Fire, kit.Hello)
		c.send(t, wire.Fire, wire.AppendPing(nil))
		c.send(t, wire.Fire, kit.Subscribe(1, "/**"))
		return c
	}
	// first takes in what comes at once, and returns how many params are in it.
	first := func(c *client) (params int) {
		bytes := 0
		for bytes < udp.FirstBytes-2*udp.MaxFrame {
			f := c.next(t)
			bytes += 4 + len(f.Payload)
			if m, err := wire.DecodeSnapshot(f.Payload); wire.Type(f.Payload[0]) == wire.TypeSnapshot && err == nil {
				params += m.Count
			}
		}
		return params
	}
	var flood []*client
	for i := range sources {
		before := s.Owed()
		c := ask()
		if first(c) == 0 {
			t.Fatalf("the %d. gets no param at once", i+1)
		}
		kit.Eventually(t, "it to wait for its turn", func() bool { return s.Owed() > before })
		if turn := s.Owed() - before; turn > 2*udp.MaxFrame {
			t.Fatalf("the %d. waits for %d bytes, which all who come after it wait for", i+1, turn)
		}
		flood = append(flood, c)
	}
	// What they do not use, since they do not stay young, is nobody's wait.
	clock.pass(udp.YoungFor)
	for _, c := range flood {
		c.send(t, wire.Fire, wire.AppendPing(nil))
	}
	kit.Eventually(t, "their turns to be given back", func() bool { return s.Owed() == 0 })
}

// Whoever has begun anew has no second right to the first bytes beyond the number of new sessions a second: the bound of the bytes
// that wait for no turn is that of the newcomers.
func TestFirstBytesAreBounded(t *testing.T) {
	clock := newClock()
	_, s := serve(t, router.Limits{}, "127.0.0.1:0", udp.Options{}, clock.now)
	addr := s.Addr().String()
	c := join(t, addr)
	fill(t, c, 200)
	s.Hold(1, 0)
	clock.pass(udp.Anew)
	others := make([]*client, 20)
	for i := range others {
		others[i] = dial(t, addr)
	}
	for i := range 2 * udp.MaxNew {
		others[i%len(others)].send(t, wire.Fire, hello(fmt.Sprint("an invented one ", i)))
		if i%50 == 0 {
			others[i%len(others)].received(t)
		}
	}
	c.received(t)
	c.send(t, wire.Fire, kit.Hello)
	c.expect(t, wire.TypeWelcome)
	c.expect(t, wire.TypeSnapshot) // what it gets as one that has not proved itself
	c.send(t, wire.Fire, wire.AppendPing(nil))
	kit.Eventually(t, "it to wait for its turn", func() bool { return s.Owed() > 0 })
	if bytes, _ := c.received(t); bytes > 0 {
		t.Errorf("%d bytes at once, though there are no more new sessions", bytes)
	}
}

// Those that are grown get snapshots and results out of a common budget, too, and everything else at once: patience can be forged.
func TestGrownAddresses(t *testing.T) {
	const burst, sources = 20_000, 10
	for name, asked := range map[string][]byte{
		"snapshots": kit.Subscribe(1, "/**"),
		"results":   wire.AppendQuery(nil, wire.Query{Pattern: []byte("/**")}),
	} {
		t.Run(name, func(t *testing.T) {
			clock := newClock()
			_, s := serve(t, router.Limits{}, "127.0.0.1:0", udp.Options{}, clock.now)
			addr := s.Addr().String()
			witness := join(t, addr)
			fill(t, witness, 200)
			witness.send(t, wire.Fire, kit.Subscribe(1, "/live"))
			clients := make([]*client, sources)
			for i := range clients {
				clients[i] = join(t, addr)
				clients[i].received(t)
			}
			clock.pass(udp.YoungFor)
			for _, c := range append(clients, witness) {
				c.send(t, wire.Fire, wire.AppendPing(nil))
				c.expect(t, wire.TypePong)
			}
			s.HoldGrown(1, burst)
			for _, c := range clients {
				for range 5 {
					c.send(t, wire.Fire, asked)
				}
			}
			got := 0
			kit.Eventually(t, "most of what there is at once", func() bool {
				for _, c := range clients {
					got += c.drain()
				}
				return got > burst-2*udp.MaxFrame
			})
			fence(t, witness)
			for range 5 {
				for _, c := range clients {
					got += c.drain()
				}
			}
			if got > burst {
				t.Errorf("%d bytes of %s at once, want at most %d", got, name, burst)
			}
			clients[0].send(t, wire.Confirm, kit.Event("/live", 1)) // by one that waits, to one that does not
			witness.expect(t, wire.TypePublish)
		})
	}
}

// A datagram that is longer than a message may be is none: it proves nothing.
func TestTooLongIsNoProof(t *testing.T) {
	const limit = 1000
	_, addr := start(t, router.Limits{MaxMessageSize: limit})
	witness := join(t, addr)
	fill(t, witness, 200)
	name := strings.Repeat("x", limit)
	text := func(s string) []byte { return append([]byte{0xa0 | byte(len(s))}, s...) }
	legacy := append(append([]byte{0x82}, text("type")...), text("PING")...)
	legacy = append(append(legacy, text("x")...), append([]byte{0xda, limit >> 8, limit & 0xff}, name...)...)
	for what, payload := range map[string][]byte{"binary": kit.Event("/x", name), "MessagePack": legacy} {
		c := dial(t, addr)
		frame := kit.Frame(wire.Fire, kit.Hello)
		c.raw(t, frame)
		for range 3 {
			c.send(t, wire.Fire, payload)
		}
		fence(t, witness)
		if n, _ := c.received(t); n == 0 || n >= 3*len(frame) {
			t.Errorf("%s: %d bytes for a HELLO of %d", what, n, len(frame))
		}
		c.send(t, wire.Fire, wire.AppendPing(nil))
		for pong := false; !pong; {
			pong = wire.Type(c.next(t).Payload[0]) == wire.TypePong
		}
	}
}

// blocked is a log that stops at the end of each session until it is let go on.
type blocked struct {
	slog.Handler
	goOn chan struct{}
}

func (b blocked) Handle(ctx context.Context, r slog.Record) error {
	if r.Message == "session ended" {
		<-b.goOn
	}
	return b.Handler.Handle(ctx, r)
}

// Sessions that take long to close are bounded as well: there are no new ones while too many of them are about to leave.
func TestManyLeaving(t *testing.T) {
	log := blocked{slog.NewTextHandler(io.Discard, nil), make(chan struct{})}
	letGo := sync.OnceFunc(func() { close(log.goOn) })
	r := kit.RouterWith(t, router.Options{
		Settings: router.Settings{Limits: router.Limits{WelcomeSnapshot: 10}}, Logger: slog.New(log),
	})
	s, err := udp.Listen(r, "127.0.0.1:0", udp.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	t.Cleanup(letGo)
	addr := s.Addr().String()
	witness := join(t, addr)
	come := func() *client {
		c := dial(t, addr)
		c.buf = make([]byte, 2000)
		c.send(t, wire.Fire, hello(strings.Repeat("x", 100)))
		return c
	}
	for range 2 * udp.MaxUnproven { // the second half in place of the first
		come().expect(t, wire.TypeWelcome)
	}
	late := come()
	fence(t, witness)
	if _, n := late.received(t); n > 0 {
		t.Error("one more gets in while as many as may do not leave")
	}
	letGo()
	kit.Eventually(t, "the last one to get in", func() bool {
		late.send(t, wire.Fire, hello(strings.Repeat("x", 100)))
		_, n := late.received(t)
		return n > 0
	})
}

// A client that says HELLO and waits for its SNAPSHOT gets one, and the rest when it says something.
func TestStandIn(t *testing.T) {
	_, addr := start(t, router.Limits{})
	fill(t, join(t, addr), 200)
	c := dial(t, addr)
	c.send(t, wire.Fire, kit.Hello)
	c.expect(t, wire.TypeWelcome)
	if m, err := wire.DecodeSnapshot(c.expect(t, wire.TypeSnapshot)); err != nil || m.Count != 0 {
		t.Fatalf("got %+v, %v", m, err)
	}
	c.send(t, wire.Fire, wire.AppendPing(nil))
	for n := 0; n < 200; {
		if f := c.next(t); wire.Type(f.Payload[0]) == wire.TypeSnapshot {
			m, err := wire.DecodeSnapshot(f.Payload)
			if err != nil {
				t.Fatal(err)
			}
			n += m.Count
		}
	}
}

// Two routers do not keep each other busy, and what sends everything back does not keep a session: neither is a client.
func TestNoClientAtTheAddress(t *testing.T) {
	t.Run("another router", func(t *testing.T) {
		r, addr := start(t, router.Limits{SessionTimeout: time.Second})
		c := dial(t, addr)
		c.send(t, wire.Fire, kit.Hello)
		c.expect(t, wire.TypeWelcome)
		c.send(t, wire.Fire, wire.AppendPing(nil))
		local := c.LocalAddr().String()
		c.Close()
		startAt(t, router.Limits{SessionTimeout: time.Second}, local, udp.Options{}, time.Now)
		kit.Eventually(t, "the session to end", func() bool { return r.Stats().Sessions == 0 })
	})
	for name, payload := range map[string][]byte{
		"that greets":       wire.AppendWelcome(nil, wire.Welcome{Version: 1, Session: []byte("s"), Name: []byte("n")}),
		"that knows no one": wire.AppendError(nil, wire.ErrorMessage{Code: wire.CodeUnauthenticated, Message: []byte("send HELLO first")}),
	} {
		t.Run(name, func(t *testing.T) {
			clock := newClock()
			r, addr := startAt(t, router.Limits{}, "127.0.0.1:0", udp.Options{}, clock.now)
			for _, proven := range []bool{false, true} {
				c := dial(t, addr)
				c.send(t, wire.Fire, kit.Hello)
				c.expect(t, wire.TypeWelcome)
				if proven {
					c.expect(t, wire.TypeSnapshot)
					c.alive(t)
				}
				c.send(t, wire.Fire, payload)
				kit.Eventually(t, "the session to end", func() bool { return r.Stats().Sessions == 0 })
			}
			// Who has talked for long is a client, in whose name somebody else says that.
			c := join(t, addr)
			clock.pass(udp.YoungFor)
			c.alive(t)
			c.send(t, wire.Fire, payload)
			c.alive(t)
			c.send(t, wire.Confirm, kit.Set("/x", 1))
			c.expect(t, wire.TypeAck)
		})
	}
	// "Messages a client has no business sending are ignored", also as a sign of life.
	t.Run("that talks", func(t *testing.T) {
		r, addr := start(t, router.Limits{SessionTimeout: 500 * time.Millisecond})
		c := join(t, addr)
		all := [][]byte{
			wire.AppendAck(nil, wire.Ack{}), wire.BeginResult(nil), wire.BeginSnapshot(nil),
			wire.AppendError(nil, wire.ErrorMessage{Code: wire.CodeUnauthenticated, Address: []byte("/x"), HasAddress: true}),
			wire.AppendError(nil, wire.ErrorMessage{Code: wire.CodeForbidden}),
		}
		for _, payload := range all {
			c.send(t, wire.Fire, payload)
			c.alive(t)
		}
		kit.Eventually(t, "the session to end", func() bool {
			for _, payload := range all {
				c.send(t, wire.Fire, payload)
			}
			c.raw(t, []byte("no frame"))
			return r.Stats().Sessions == 0
		})
	})
}

// A MessagePack client is as good as any: its HELLO again proves nothing, is answered again, and is not taken for talk when it
// has begun anew under another name.
func TestLegacyHello(t *testing.T) {
	clock := newClock()
	_, addr := startAt(t, router.Limits{}, "127.0.0.1:0", udp.Options{}, clock.now)
	fill(t, join(t, addr), 200)
	c := dial(t, addr)
	name := strings.Repeat("n", 20)
	for range 2 {
		c.send(t, wire.Fire, legacyHello(name))
		c.expect(t, wire.TypeWelcome)
		if m, err := wire.DecodeSnapshot(c.expect(t, wire.TypeSnapshot)); err != nil || m.Count != 0 {
			t.Fatalf("got %+v, %v", m, err)
		}
	}
	c.send(t, wire.Fire, []byte{0x81, 0xa4, 't', 'y', 'p', 'e', 0xa4, 'P', 'I', 'N', 'G'})
	for pong := false; !pong; {
		pong = wire.Type(c.next(t).Payload[0]) == wire.TypePong
	}
	clock.pass(udp.Anew)
	c.send(t, wire.Fire, legacyHello(name+"2"))
	for welcome := false; !welcome; { // behind what is left of the snapshot
		f := c.next(t)
		if welcome = wire.Type(f.Payload[0]) == wire.TypeWelcome; wire.Type(f.Payload[0]) == wire.TypeError {
			t.Fatalf("got ERROR %q", f.Payload)
		}
	}
}

// A client that is started anew before it has said anything is another, though its address is the same.
func TestAnotherHello(t *testing.T) {
	r, addr := start(t, router.Limits{})
	c := dial(t, addr)
	var sessions []string
	for _, name := range []string{"one of them, the first", "one of them, the other"} {
		c.send(t, wire.Fire, hello(name))
		m, err := wire.DecodeWelcome(c.expect(t, wire.TypeWelcome))
		if err != nil {
			t.Fatal(err)
		}
		c.expect(t, wire.TypeSnapshot)
		sessions = append(sessions, string(m.Session))
	}
	if sessions[0] == sessions[1] {
		t.Error("one session for both")
	}
	kit.Eventually(t, "one session to be left", func() bool { return r.Stats().Sessions == 1 })
	c.alive(t)
}

// Who has been here gets in again however many others come, and into the same place; it does not lose its session for nothing.
func TestBegunAnewInAFlood(t *testing.T) {
	clock := newClock()
	r, addr := startAt(t, router.Limits{MaxConnections: 2}, "127.0.0.1:0", udp.Options{}, clock.now)
	c := join(t, addr) // has the one place of UDP
	if _, err := r.Enter(somebody); err != nil {
		t.Fatal(err)
	}
	clock.pass(udp.Anew)
	others := make([]*client, 3*udp.MaxUnproven)
	for i := range others {
		others[i] = dial(t, addr)
	}
	for i := range 2 * udp.MaxNew {
		others[i%len(others)].send(t, wire.Fire, hello(fmt.Sprint("an invented one ", i)))
		if i%50 == 0 {
			others[i%len(others)].received(t) // all is refused, or passed over
		}
	}
	c.send(t, wire.Fire, kit.Hello)
	m, err := wire.DecodeWelcome(c.expect(t, wire.TypeWelcome))
	if err != nil || string(m.Session) == c.session {
		t.Fatalf("got %+v, %v", m, err)
	}
	c.expect(t, wire.TypeSnapshot)
	if _, err := r.Enter(somebody); err == nil {
		t.Error("its place is given away")
	}
	c.alive(t)
}

// Few ERRORs a second go to addresses without a session.
func TestRefusalsArePaced(t *testing.T) {
	clock := newClock()
	_, addr := startAt(t, router.Limits{}, "127.0.0.1:0", udp.Options{}, clock.now)
	witness, c := join(t, addr), dial(t, addr)
	for range 20 {
		for range udp.MaxRefusals / 10 {
			c.send(t, wire.Fire, wire.AppendPing(nil))
		}
		fence(t, witness)
	}
	if _, n := c.received(t); n != udp.MaxRefusals {
		t.Errorf("%d refusals at once, want %d", n, udp.MaxRefusals)
	}
	clock.pass(time.Second)
	c.send(t, wire.Fire, wire.AppendPing(nil))
	c.expectError(t, wire.CodeUnauthenticated)
}
