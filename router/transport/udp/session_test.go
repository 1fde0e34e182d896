package udp_test

// Sessions over datagrams: how they begin, what fits, how they end.

import (
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/router"
	"github.com/clasp-studio/clasp/router/internal/kit"
	"github.com/clasp-studio/clasp/router/transport/udp"
	"github.com/clasp-studio/clasp/router/wire"
)

// "one frame per datagram, session by source address"
func TestSession(t *testing.T) {
	r, addr := start(t, router.Limits{})
	a, b := join(t, addr), join(t, addr)
	if a.session == b.session || r.Stats().Sessions != 2 {
		t.Fatalf("sessions %s and %s; %+v", a.session, b.session, r.Stats())
	}
	b.send(t, wire.Fire, kit.Subscribe(1, "/**"))
	b.alive(t)
	a.send(t, wire.Confirm, kit.Set("/x", 7))
	if m, err := wire.DecodeAck(a.expect(t, wire.TypeAck)); err != nil || m.Revision != 1 {
		t.Errorf("got %+v, %v", m, err)
	}
	if m, err := wire.DecodeSet(b.expect(t, wire.TypeSet)); err != nil || kit.Number(m.Value) != 7 {
		t.Errorf("got %+v, %v", m, err)
	}
	b.send(t, wire.Fire, kit.Get("/x"))
	m, err := wire.DecodeSnapshot(b.expect(t, wire.TypeSnapshot))
	if e, ok := m.Next(); err != nil || !ok || string(e.Writer) != a.session {
		t.Errorf("got %+v, %v; want it written by %s", e, err, a.session)
	}
	a.alive(t)
}

// "answers to an address that has not yet sent a second datagram stay under three times the bytes received from it": however
// much there is to tell it. With the second datagram it gets the rest.
func TestThreeTimes(t *testing.T) {
	_, addr := start(t, router.Limits{})
	writer := join(t, addr)
	const params = 500
	for i := range params {
		writer.send(t, wire.Fire, kit.Set(fmt.Sprintf("/with/a/long/address/%03d", i), strings.Repeat("x", 100)))
	}
	writer.alive(t)
	for _, name := range []string{"", "x", "a middling name", strings.Repeat("y", 200), strings.Repeat("z", 1000)} {
		c := dial(t, addr)
		hello := kit.Frame(wire.Fire, wire.AppendHello(nil, wire.Hello{Version: 1, Features: 0xF8, Name: []byte(name)}))
		c.raw(t, hello)
		fence(t, writer)
		got, entries := 0, 0
		count := func(b []byte) {
			f, _, err := wire.ReadFrame(b)
			if err != nil {
				t.Fatal(err)
			}
			if m, err := wire.DecodeSnapshot(f.Payload); wire.Type(f.Payload[0]) == wire.TypeSnapshot && err == nil {
				entries += m.Count
			}
		}
		for {
			c.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
			n, err := c.Read(c.buf)
			if err != nil {
				break
			}
			got += n
			count(c.buf[:n])
		}
		if got >= 3*len(hello) || len(hello) > 100 && got == 0 {
			t.Errorf("%d bytes for a HELLO of %d", got, len(hello))
		}
		c.send(t, wire.Fire, wire.AppendPing(nil))
		for entries < params {
			b, err := c.read()
			if err != nil {
				t.Fatalf("%d of %d params: %v", entries, params, err)
			}
			count(b)
		}
	}
}

// HELLO again, as long as nothing else has been said: the answer was lost, and is given again. It stays one session, and under
// three times the bytes, too.
func TestHelloAgain(t *testing.T) {
	r, addr := start(t, router.Limits{})
	witness := join(t, addr)
	c := dial(t, addr)
	var session string
	hello := kit.Frame(wire.Fire, kit.Hello)
	for range 3 {
		c.raw(t, hello)
		m, err := wire.DecodeWelcome(c.expect(t, wire.TypeWelcome))
		if err != nil || session != "" && string(m.Session) != session {
			t.Fatalf("got WELCOME %+v, %v; want session %s", m, err, session)
		}
		session = string(m.Session)
		c.expect(t, wire.TypeSnapshot)
	}
	if n := r.Stats().Sessions; n != 2 {
		t.Errorf("%d sessions, want 2", n)
	}
	const more = 200
	for range more {
		c.raw(t, hello)
	}
	fence(t, witness)
	if n, _ := c.received(t); n >= 3*more*len(hello) {
		t.Errorf("%d bytes for %d HELLOs of %d", n, more, len(hello))
	}
	// 5.4: "A second HELLO on a session: ERROR 100, session kept, no second WELCOME."
	c.send(t, wire.Confirm, kit.Set("/x", 1))
	c.expect(t, wire.TypeAck)
	c.raw(t, hello)
	c.expectError(t, wire.CodeBadFrame)
	c.alive(t)
}

// A device that has been started anew says HELLO from the address it had before. After a silence that a doubled datagram does
// not take, it gets a new session, and what the old one held is free.
func TestBegunAnew(t *testing.T) {
	var passed atomic.Int64
	began := time.Now()
	r, addr := startAt(t, router.Limits{}, "127.0.0.1:0", udp.Options{}, func() time.Time { return began.Add(time.Duration(passed.Load())) })
	c := join(t, addr)
	c.send(t, wire.Confirm, wire.AppendSet(nil, wire.Set{Address: []byte("/x"), Value: kit.Value(1), Lock: true}))
	c.expect(t, wire.TypeAck)
	c.send(t, wire.Fire, kit.Subscribe(1, "/**"))
	c.expect(t, wire.TypeSnapshot)
	c.send(t, wire.Fire, kit.Hello)
	c.expectError(t, wire.CodeBadFrame)

	passed.Store(int64(udp.Anew))
	c.send(t, wire.Fire, kit.Hello)
	m, err := wire.DecodeWelcome(c.expect(t, wire.TypeWelcome))
	if err != nil || string(m.Session) == c.session {
		t.Fatalf("got %+v, %v; want another session than %s", m, err, c.session)
	}
	c.expect(t, wire.TypeSnapshot)
	kit.Eventually(t, "the old session to be gone", func() bool { return r.Stats().Sessions == 1 && r.Stats().Subscriptions == 0 })
	other := join(t, addr)
	other.send(t, wire.Confirm, kit.Set("/x", 2))
	other.expect(t, wire.TypeAck) // it is not locked any more
	c.send(t, wire.Fire, wire.AppendPing(nil))
	for pong := false; !pong; { // behind the snapshot that waited for it
		pong = wire.Type(c.next(t).Payload[0]) == wire.TypePong
	}
}

// "Frames larger than a datagram are refused to that session with ERROR 503", which names the address: at the first one and then
// now and then, and in answer to every request. The session stays, and what fits is not touched by it.
func TestTooLarge(t *testing.T) {
	large := strings.Repeat("x", 5000)
	// A frame has 4 bytes of header; a SET 2 of type and flags, the address, the text behind its length and a revision of 8.
	const room = udp.MaxFrame - 4 - 2 - (2 + len("/live/fits")) - 2 - 8
	for name, test := range map[string]struct {
		about   string
		payload []byte
	}{
		"SET":                  {"/live/large", kit.Set("/live/large", large)},
		"SET of one byte more": {"/live/fits", kit.Set("/live/fits", strings.Repeat("x", room+1))},
		"event":                {"/live/event", kit.Event("/live/event", large)},
		"stream": {"/live/stream", wire.AppendPublish(nil, wire.Publish{
			Signal: wire.Stream, Address: []byte("/live/stream"), HasValue: true, Value: kit.Value(large)})},
	} {
		t.Run(name, func(t *testing.T) {
			_, addr := start(t, router.Limits{})
			c, writer := join(t, addr), join(t, addr)
			c.send(t, wire.Fire, kit.Subscribe(1, "/**"))
			c.alive(t)
			for range 10 {
				writer.send(t, wire.Fire, test.payload)
			}
			writer.alive(t)
			if m := c.expectError(t, wire.CodeOverloaded); string(m.Address) != test.about {
				t.Errorf("refused about %q", m.Address)
			}
			writer.send(t, wire.Fire, kit.Event("/ok", 1))
			c.expect(t, wire.TypePublish)
			writer.send(t, wire.Fire, kit.Set("/live/fits", strings.Repeat("x", room)))
			if n := 4 + len(c.expect(t, wire.TypeSet)); n != udp.MaxFrame {
				t.Errorf("%d bytes, this was to be the largest datagram", n)
			}
			writer.send(t, wire.Confirm, kit.Set("/large", large))
			writer.expect(t, wire.TypeAck)
			for range 3 {
				c.send(t, wire.Fire, kit.Get("/large"))
				c.expectError(t, wire.CodeOverloaded)
			}
			c.alive(t)
		})
	}
}

// Snapshots are cut to fit datagrams, and answers to QUERY as well. What is too large alone is refused, and the rest is there.
func TestCutToFit(t *testing.T) {
	_, addr := start(t, router.Limits{})
	writer := join(t, addr)
	const params = 300
	for i := range params {
		size := 100
		if i%100 == 50 {
			size = 3000
		}
		writer.send(t, wire.Confirm, kit.Set(fmt.Sprintf("/p/%03d", i), strings.Repeat("x", size)))
		writer.expect(t, wire.TypeAck)
	}
	c := dial(t, addr)
	c.send(t, wire.Fire, kit.Hello)
	c.expect(t, wire.TypeWelcome)
	c.send(t, wire.Fire, wire.AppendPing(nil))
	seen, refused, frames := make(map[string]bool), make(map[string]bool), 0
	for len(seen) < params-3 || len(refused) == 0 {
		switch f := c.next(t); wire.Type(f.Payload[0]) {
		case wire.TypeSnapshot:
			m, err := wire.DecodeSnapshot(f.Payload)
			if err != nil {
				t.Fatal(err)
			}
			for e, ok := m.Next(); ok; e, ok = m.Next() {
				if seen[string(e.Address)] {
					t.Errorf("%s comes twice", e.Address)
				}
				seen[string(e.Address)] = true
			}
			frames++
		case wire.TypeError:
			m, err := wire.DecodeError(f.Payload)
			if err != nil || m.Code != wire.CodeOverloaded {
				t.Fatalf("got %+v, %v", m, err)
			}
			refused[string(m.Address)] = true
		}
	}
	if len(refused) != 1 || !refused["/p/050"] || frames > params/4 { // the others are counted, and told in 10 s
		t.Errorf("refused %v; %d frames", refused, frames)
	}
	writer.send(t, wire.Fire, wire.AppendQuery(nil, wire.Query{Pattern: []byte("/**")}))
	for count := 0; count < params; {
		m, err := wire.DecodeResult(writer.expect(t, wire.TypeResult))
		if err != nil {
			t.Fatal(err)
		}
		count += m.Count
	}
	writer.alive(t)
}

// A session that is silent for 30 s ends; the router has asked it for a sign of life before. Its address is then told to say
// HELLO first.
func TestIdle(t *testing.T) {
	if testing.Short() {
		t.Skipf("%s: takes the 30 s after which a silent session ends", t.Name())
	}
	t.Parallel()
	r, addr := start(t, router.Limits{SessionTimeout: 5 * time.Minute})
	silent, polite := join(t, addr), join(t, addr)
	began := time.Now()
	go func() { // until its socket is closed
		for {
			polite.SetReadDeadline(time.Time{})
			n, err := polite.Read(polite.buf)
			if err != nil {
				return
			}
			if n == 5 && wire.Type(polite.buf[4]) == wire.TypePing {
				_, _ = polite.Write(kit.Frame(wire.Fire, wire.AppendPong(nil)))
			}
		}
	}()
	pings := 0
	for r.Stats().Sessions == 2 {
		_, n := silent.received(t)
		pings += n
		if time.Since(began) > 30*time.Second+kit.Patience {
			t.Fatal("a silent session does not end")
		}
	}
	if took := time.Since(began); took < 29*time.Second || pings != 2 {
		t.Errorf("ended after %v and %d pings", took, pings)
	}
	silent.send(t, wire.Fire, kit.Set("/x", 1))
	silent.expectError(t, wire.CodeUnauthenticated)
	if r.Stats().Sessions != 1 {
		t.Error("the one that answers has gone, too")
	}
}

// A session timeout below 30 s holds here too.
func TestSessionTimeout(t *testing.T) {
	r, addr := start(t, router.Limits{SessionTimeout: 500 * time.Millisecond})
	join(t, addr)
	kit.Eventually(t, "the silent session to end", func() bool { return r.Stats().Sessions == 0 })
}

// A reply leaves from the address that was asked, or the client would not know it for one.
func TestRepliesFromTheAddressAsked(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skipf("%s: only Linux says which address a datagram came to", t.Name())
	}
	for _, bind := range []string{"0.0.0.0:0", "[::]:0"} {
		t.Run(bind, func(t *testing.T) {
			var to atomic.Value
			_, addr := startAt(t, router.Limits{}, bind, udp.Options{Other: func(b []byte, _, at netip.AddrPort) ([]byte, bool) {
				to.Store(at.String())
				return b, string(b) == "echo"
			}}, time.Now)
			_, port, err := net.SplitHostPort(addr)
			if err != nil {
				t.Fatal(err)
			}
			for _, host := range []string{"127.0.0.1", "127.0.0.77"} {
				c := join(t, net.JoinHostPort(host, port)) // a connected socket takes answers from there only
				c.raw(t, []byte("echo"))
				if b, err := c.read(); err != nil || string(b) != "echo" {
					t.Errorf("got %q, %v", b, err)
				}
				if got := to.Load(); got != net.JoinHostPort(host, port) {
					t.Errorf("Other was told %v, want %s:%s", got, host, port)
				}
				c.alive(t)
			}
			if strings.HasPrefix(bind, "[") {
				join(t, net.JoinHostPort("::1", port)).alive(t)
			}
		})
	}
}

// "consulted for probes before a session is made": what it takes opens none, whatever it replies; what it does not take goes on.
func TestOther(t *testing.T) {
	var asked atomic.Int64
	r, addr := startAt(t, router.Limits{}, "127.0.0.1:0", udp.Options{Other: func(b []byte, from, _ netip.AddrPort) ([]byte, bool) {
		asked.Add(1)
		switch {
		case string(b) == "PROBE":
			return []byte("here, " + from.Addr().String()), true
		case string(b) == "HUSH" || strings.Contains(string(b), "Discovery"):
			return nil, true
		}
		return nil, false
	}}, time.Now)
	c := dial(t, addr)
	c.raw(t, []byte("HUSH"))
	c.send(t, wire.Fire, wire.AppendHello(nil, wire.Hello{Version: 1, Name: []byte("Discovery")}))
	c.raw(t, []byte("PROBE"))
	if b, err := c.read(); err != nil || string(b) != "here, 127.0.0.1" {
		t.Fatalf("got %q, %v", b, err)
	}
	if n := r.Stats().Sessions; n != 0 {
		t.Errorf("%d sessions of probes", n)
	}
	c = join(t, addr)
	before := asked.Load()
	for range 10 {
		c.send(t, wire.Confirm, kit.Set("/x", 1))
		c.expect(t, wire.TypeAck)
	}
	if asked.Load() != before {
		t.Error("it is asked about plain messages")
	}
	c.raw(t, []byte("PROBE")) // from an address with a session
	if b, err := c.read(); err != nil || string(b) != "here, 127.0.0.1" {
		t.Fatalf("got %q, %v", b, err)
	}
	c.alive(t)
}
