package udp_test

// Addresses that somebody else has invented: what they get, and what they take from those who are there.

import (
	"fmt"
	"net/netip"
	"strings"
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
	// The one that is on its way when the burst ends may be a turn of datagrams, which is paid for afterwards.
	if most := burst + rate*int(time.Since(began).Seconds()+1) + 3*sources*len(asked); got > most || got < burst/2 {
		t.Errorf("%d bytes to young addresses, want at most %d", got, most)
	}
	c := clients[0]
	clock.pass(udp.YoungFor)
	c.send(t, wire.Fire, wire.AppendPing(nil))
	for pong := false; !pong; {
		pong = wire.Type(c.next(t).Payload[0]) == wire.TypePong
	}
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
			r, addr := start(t, router.Limits{})
			c := join(t, addr)
			c.send(t, wire.Fire, payload)
			kit.Eventually(t, "the session to end", func() bool { return r.Stats().Sessions == 0 })
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
