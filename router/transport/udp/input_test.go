package udp_test

// Bad datagrams, floods, and a bad network.

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/router"
	"github.com/clasp-studio/clasp/router/internal/datagram"
	"github.com/clasp-studio/clasp/router/internal/kit"
	"github.com/clasp-studio/clasp/router/transport/udp"
	"github.com/clasp-studio/clasp/router/wire"
)

// noFrames are datagrams that are no CLASP.
func noFrames() map[string][]byte {
	random := rand.New(rand.NewPCG(1, 2))
	garbage := make([]byte, 1000)
	for i := range garbage {
		garbage[i] = byte(random.Uint32())
	}
	garbage[0] = 0xAB
	return map[string][]byte{
		"0 bytes":     {},
		"1 byte":      {0x53},
		"3 bytes":     {0x53, 1, 0},
		"65507 bytes": bytes.Repeat([]byte{0x53}, datagram.MaxSize),
		"garbage":     garbage,
		"text":        []byte("CLASP-DISCOVER\n"),
		"half a SET":  kit.Frame(wire.Fire, kit.Set("/x", 1))[:9],
		"HTTP":        []byte("GET / HTTP/1.1\r\n\r\n"),
	}
}

// In a session they are ERROR 100 and the session stays; from a stranger they are nothing, and get nothing.
func TestNoFrames(t *testing.T) {
	r, addr := start(t, router.Limits{})
	c := join(t, addr)
	for name, b := range noFrames() {
		t.Run(name, func(t *testing.T) {
			c.raw(t, b)
			c.expectError(t, wire.CodeBadFrame)
			c.alive(t)
			stranger := dial(t, addr)
			stranger.raw(t, b)
			fence(t, c)
			if n, _ := stranger.received(t); n > 0 {
				t.Errorf("a stranger gets %d bytes", n)
			}
		})
	}
	if s := r.Stats(); s.Sessions != 1 || s.Params != 0 {
		t.Errorf("%+v", s)
	}
}

// The largest datagram is taken whole; one over max_message_size is ERROR 100.
func TestLargeDatagrams(t *testing.T) {
	_, addr := start(t, router.Limits{MaxMessageSize: 60_000})
	c := join(t, addr)
	c.send(t, wire.Confirm, kit.Set("/x", strings.Repeat("x", 59_000)))
	c.expect(t, wire.TypeAck)
	c.send(t, wire.Confirm, kit.Set("/x", strings.Repeat("x", 61_000)))
	c.expectError(t, wire.CodeBadFrame)
	c.alive(t)
}

// A stranger's message gets ERROR 300, so that clients of a router that was started anew come back: under three times its
// bytes, and not if it is something that only routers say, or two of them could keep each other busy.
func TestStrangers(t *testing.T) {
	r, addr := start(t, router.Limits{})
	witness := join(t, addr)
	c := dial(t, addr)
	c.send(t, wire.Fire, kit.Set("/x", 1))
	c.expectError(t, wire.CodeUnauthenticated)
	for _, payload := range [][]byte{
		kit.Set("/x", 1), kit.Get("/x"), wire.AppendPing(nil), kit.Subscribe(1, "/**"),
		{0x83, 0xa4, 't', 'y', 'p', 'e', 0xa4, 'P', 'I', 'N', 'G'}, {0x81, 0xa4, 't', 'y', 'p', 'e', 0xa4, 'P', 'I', 'N', 'G'},
	} {
		b := kit.Frame(wire.Fire, payload)
		c.raw(t, b)
		fence(t, witness)
		if n, _ := c.received(t); n >= 3*len(b) {
			t.Errorf("%d bytes for %d", n, len(b))
		}
	}
	for _, payload := range [][]byte{
		wire.AppendPong(nil), wire.AppendError(nil, wire.ErrorMessage{Code: 300, Message: []byte("send HELLO first")}),
		wire.AppendAck(nil, wire.Ack{}), wire.BeginSnapshot(nil), wire.BeginResult(nil), wire.AppendWelcome(nil, wire.Welcome{}),
	} {
		c.send(t, wire.Fire, payload)
		fence(t, witness)
		if n, _ := c.received(t); n > 0 {
			t.Errorf("%v is answered", wire.Type(payload[0]))
		}
	}
	if n := r.Stats().Sessions; n != 1 {
		t.Errorf("%d sessions", n)
	}
}

// No more than so many sessions are opened a second, whoever they are of: what is over is passed over, and those who say HELLO
// again get in.
func TestNewSessionsArePaced(t *testing.T) {
	var passed atomic.Int64
	began := time.Now()
	_, addr := startAt(t, router.Limits{MaxConnections: 10_000}, "127.0.0.1:0", udp.Options{},
		func() time.Time { return began.Add(time.Duration(passed.Load())) })
	witness := join(t, addr)
	hello := kit.Frame(wire.Fire, kit.Hello)
	opened := 1
	for answered := true; answered; opened++ {
		c, err := net.Dial("udp", addr)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write(hello); err != nil {
			t.Fatal(err)
		}
		c.SetReadDeadline(time.Now().Add(time.Second))
		_, err = c.Read(make([]byte, 2000))
		answered = err == nil
		c.Close()
		if opened > 2*udp.MaxNew {
			t.Fatalf("%d sessions are opened at once", opened)
		}
	}
	if opened < udp.MaxNew/2 {
		t.Errorf("only %d sessions are opened at once", opened)
	}
	late := dial(t, addr)
	late.raw(t, hello)
	fence(t, witness)
	if n, _ := late.received(t); n > 0 {
		t.Fatal("one more has been opened at the same moment")
	}
	passed.Store(int64(time.Second))
	late.raw(t, hello)
	late.expect(t, wire.TypeWelcome)
}

// A port that is closed lets nobody in; those who are in stay until the router ends them, and then the port is free.
func TestClose(t *testing.T) {
	r := kit.Router(t, router.Limits{})
	s, err := udp.Listen(r, "127.0.0.1:0", udp.Options{})
	if err != nil {
		t.Fatal(err)
	}
	addr := s.Addr().String()
	c := join(t, addr)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	late := dial(t, addr)
	late.send(t, wire.Fire, kit.Hello)
	c.alive(t)
	if n, _ := late.received(t); n > 0 {
		t.Error("a closed port lets somebody in")
	}
	if err := r.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	kit.Eventually(t, "the port to be free", func() bool {
		again, err := net.ListenPacket("udp", addr)
		if err != nil {
			return false
		}
		again.Close()
		return true
	})
}

// lossy is a network that loses, doubles and reorders datagrams both ways, for one client.
type lossy struct {
	front *net.UDPConn // the client's side
	back  net.Conn     // the router's side
	group sync.WaitGroup
}

func newLossy(t testing.TB, addr string, seed uint64) *lossy {
	t.Helper()
	front, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	back, err := net.Dial("udp", addr)
	if err != nil {
		t.Fatal(err)
	}
	l := &lossy{front: front, back: back}
	var mu sync.Mutex
	var client net.Addr
	l.group.Go(func() {
		bad(seed, func(b []byte) (int, error) {
			n, from, err := front.ReadFrom(b)
			mu.Lock()
			client = from
			mu.Unlock()
			return n, err
		}, func(b []byte) { _, _ = back.Write(b) })
	})
	l.group.Go(func() {
		bad(seed+1, back.Read, func(b []byte) {
			mu.Lock()
			to := client
			mu.Unlock()
			_, _ = front.WriteTo(b, to)
		})
	})
	t.Cleanup(l.close)
	return l
}

func (l *lossy) close() {
	l.front.Close()
	l.back.Close()
	l.group.Wait()
}

// bad carries datagrams: a tenth is lost, a tenth comes twice, a tenth is held back until one to five others have passed it.
func bad(seed uint64, read func([]byte) (int, error), write func([]byte)) {
	random := rand.New(rand.NewPCG(seed, 7))
	type held struct {
		b    []byte
		left int
	}
	var late []held
	buf := make([]byte, datagram.MaxSize)
	for {
		n, err := read(buf)
		if err != nil {
			return
		}
		switch random.IntN(10) {
		case 0:
		case 1:
			write(buf[:n])
			write(buf[:n])
		case 2:
			late = append(late, held{bytes.Clone(buf[:n]), 1 + random.IntN(5)})
		default:
			write(buf[:n])
		}
		for i := 0; i < len(late); i++ {
			if late[i].left--; late[i].left <= 0 {
				write(late[i].b)
				late = append(late[:i], late[i+1:]...)
				i--
			}
		}
	}
}

// "Loss, duplication and reordering never corrupt a session": what is stored has been sent; nobody sees a value with a revision
// that another has; who has a good line sees every revision in order; what was acknowledged has happened; and it stays one session.
func TestBadNetwork(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r, addr := start(t, router.Limits{})
			witness := join(t, addr)
			witness.send(t, wire.Fire, kit.Subscribe(1, "/**"))
			witness.alive(t)
			line := newLossy(t, addr, seed)
			c := dial(t, line.front.LocalAddr().String())

			// What the client hears while it insists on an answer.
			type seen struct{ revision, value int }
			var updates []seen
			acked := make(map[int]bool) // revisions
			insist := func(want wire.Type, payload []byte) []byte {
				t.Helper()
				for range 1000 {
					c.send(t, wire.Confirm, payload)
					for {
						c.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
						n, err := c.Read(c.buf)
						if err != nil {
							break
						}
						f, rest, err := wire.ReadFrame(c.buf[:n])
						if err != nil || len(rest) > 0 {
							t.Fatalf("got %x: %v", c.buf[:n], err)
						}
						kind := wire.Type(f.Payload[0])
						switch kind {
						case wire.TypeSet:
							m, err := wire.DecodeSet(f.Payload)
							if err != nil {
								t.Fatal(err)
							}
							updates = append(updates, seen{int(m.Revision), kit.Number(m.Value)})
						case wire.TypeAck:
							m, err := wire.DecodeAck(f.Payload)
							if err != nil {
								t.Fatal(err)
							}
							acked[int(m.Revision)] = true
						case wire.TypeError: // a doubled HELLO that came late
							if m, err := wire.DecodeError(f.Payload); err != nil || m.Code != wire.CodeBadFrame {
								t.Fatalf("got %+v, %v", m, err)
							}
						}
						if kind == want {
							return bytes.Clone(f.Payload)
						}
					}
				}
				t.Fatalf("no %v comes through", want)
				return nil
			}
			welcome, err := wire.DecodeWelcome(insist(wire.TypeWelcome, kit.Hello))
			if err != nil {
				t.Fatal(err)
			}
			insist(wire.TypePong, wire.AppendPing(nil))
			const writes = 300
			for i := range writes {
				insist(wire.TypeAck, kit.Set("/x", i))
				if i == 10 {
					c.send(t, wire.Fire, kit.Subscribe(1, "/x"))
					c.send(t, wire.Fire, kit.Subscribe(1, "/x")) // either may be lost
				}
			}
			if n := r.Stats().Sessions; n != 2 {
				t.Errorf("%d sessions, want 2", n)
			}

			witness.send(t, wire.Fire, kit.Get("/x"))
			values := make(map[int]int) // by revision
			last := 0
			for {
				f := witness.next(t)
				if wire.Type(f.Payload[0]) == wire.TypeSnapshot {
					m, err := wire.DecodeSnapshot(f.Payload)
					if e, ok := m.Next(); err != nil || !ok || string(e.Writer) != string(welcome.Session) || int(e.Revision) != last {
						t.Errorf("got %+v, %v; want revision %d by %s", e, err, last, welcome.Session)
					}
					break
				}
				m, err := wire.DecodeSet(f.Payload)
				if err != nil {
					t.Fatal(err)
				}
				if int(m.Revision) != last+1 {
					t.Fatalf("the good line sees revision %d behind %d", m.Revision, last)
				}
				last = int(m.Revision)
				values[last] = kit.Number(m.Value)
			}
			if last < len(acked) || len(acked) < writes/2 { // a late ACK may have been taken for the next one's
				t.Errorf("%d revisions, %d of them acknowledged", last, len(acked))
			}
			for revision := range acked {
				if _, ok := values[revision]; !ok {
					t.Errorf("revision %d was acknowledged and never was", revision)
				}
			}
			for _, u := range updates {
				if v, ok := values[u.revision]; !ok || v != u.value {
					t.Errorf("the bad line saw %d at revision %d, the good one %d", u.value, u.revision, v)
				}
			}
			if len(updates) < writes/2 {
				t.Errorf("only %d updates came through", len(updates))
			}
		})
	}
}

// FuzzDatagrams sends one datagram from a session and from a stranger, cut where the input says so, and expects both to be
// served after it.
func FuzzDatagrams(f *testing.F) {
	f.Add([]byte{}, uint16(0))
	for _, b := range noFrames() {
		f.Add(b, uint16(1))
	}
	for _, payload := range [][]byte{kit.Hello, kit.Set("/x", 1), kit.Get("/x"), kit.Subscribe(1, "/**"), wire.AppendPing(nil),
		wire.AppendQuery(nil, wire.Query{Pattern: []byte("/**")})} {
		f.Add(kit.Frame(wire.Confirm, payload), uint16(4))
	}
	r, addr := start(f, router.Limits{})
	c := join(f, addr)
	f.Fuzz(func(t *testing.T, b []byte, cut uint16) {
		b = b[:min(len(b), datagram.MaxSize)]
		at := min(int(cut), len(b))
		stranger, err := net.Dial("udp", addr)
		if err != nil {
			t.Skipf("%s: %v", t.Name(), err)
		}
		defer stranger.Close()
		for _, part := range [][]byte{b, b[:at], b[at:]} {
			if !greets(part) {
				c.raw(t, part)
			}
			if _, err := stranger.Write(part); err != nil {
				t.Fatal(err)
			}
		}
		// A number that nobody else has, to know the answer by.
		t1 := rand.Uint64()
		c.send(t, wire.Fire, wire.AppendSync(nil, wire.Sync{T1: t1}))
		for {
			reply := c.next(t)
			if m, err := wire.DecodeSync(reply.Payload); err == nil && m.T1 == t1 {
				break
			}
		}
		if n := r.Stats().Sessions; n > 2*udp.MaxUnproven+1 { // what strangers have opened; as many may be being closed
			t.Fatalf("%d sessions", n)
		}
	})
}

// greets reports whether a datagram may end the session of its address, as what comes from a router does.
func greets(b []byte) bool {
	f, _, err := wire.ReadFrame(b)
	if err != nil || len(f.Payload) == 0 {
		return false
	}
	payload := f.Payload
	if wire.IsLegacy(payload) {
		if payload, err = wire.Transcode(nil, payload); err != nil || len(payload) == 0 {
			return false
		}
	}
	return wire.Type(payload[0]) == wire.TypeWelcome || wire.Type(payload[0]) == wire.TypeError
}
