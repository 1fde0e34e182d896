package ws_test

// Connections that come and go, that stay and say nothing, and that never read (promise 8): the others are served as ever, and
// goroutines, memory and descriptors return to where they were.

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/router"
	"github.com/clasp-studio/clasp/router/wire"
)

// busy asks without pause until stopped, and counts the answers.
type busy struct {
	c       *client
	answers atomic.Int64
	stop    chan struct{}
	done    chan struct{}
}

// keepBusy sets a client to work. Its end fails the test if it has not been served all the while.
func (g *rig) keepBusy(t *testing.T) *busy {
	t.Helper()
	b := &busy{c: g.join(t), stop: make(chan struct{}), done: make(chan struct{})}
	addr := "/busy/" + b.c.session
	b.c.send(t, wire.Fire, subscribe(1, addr, 0))
	ask := append(message(wire.Confirm, set(addr, 1)), message(wire.Fire, get(addr))...)
	go func() {
		defer close(b.done)
		for {
			select {
			case <-b.stop:
				return
			default:
			}
			err := b.c.write(ask)
			_ = b.c.SetReadDeadline(time.Now().Add(patience))
			for _, want := range []wire.Type{wire.TypeSet, wire.TypeAck, wire.TypeSnapshot} {
				var f frame
				if err == nil {
					f, err = b.c.read()
				}
				if err == nil && f.kind != want {
					err = fmt.Errorf("got %v, want %v", f, want)
				}
			}
			if err != nil {
				t.Errorf("a client at work: %v", err)
				return
			}
			b.answers.Add(1)
		}
	}()
	return b
}

// served fails unless the client gets more answers from now on.
func (b *busy) served(t testing.TB) {
	t.Helper()
	from := b.answers.Load()
	eventually(t, "a client at work to be served", func() bool {
		select {
		case <-b.done:
			t.Fatal("the client at work has given up")
		default:
		}
		return b.answers.Load() > from+20
	})
}

func (b *busy) finish(t testing.TB) {
	t.Helper()
	b.served(t)
	close(b.stop)
	<-b.done
}

// Ten thousand connects and drops, at every stage of a session's life and in every way.
func TestConnectsAndDrops(t *testing.T) {
	const total, atOnce = 10_000, 32
	g := start(t)
	control := g.join(t)
	for i := range 20 {
		control.set(t, fmt.Sprintf("/p/%d", i), i)
	}
	work := g.keepBusy(t)
	session := message(wire.Fire, hello)
	for _, payload := range [][]byte{
		subscribe(1, "/p/**", 0), subscribe(2, "**", wire.MaskEvent), option(3, "/p/*", 0, maxRate(1)), set("/p/1", 1), setWith("/held", 1, lock),
		gesture(wire.Start, "/g", 1, 1), gesture(wire.Move, "/g", 1, 1), announce("/n", info("/n/a", wire.Event, "", "")),
		publish(wire.Event, "/e", 1), wire.AppendQuery(nil, wire.Query{Pattern: []byte("/**")}),
	} {
		session = append(session, message(wire.Fire, payload)...)
	}
	goodbye := wsFrame(fin|opClose, true, []byte{0x03, 0xE8})
	one := func(i int) error {
		if i%10 == 0 { // no WebSocket at all
			c, err := g.socket()
			if err != nil {
				return err
			}
			defer c.abort()
			if i%20 == 0 {
				return c.write([]byte("GET / HTTP/1.1\r\nHost: x\r\n"))
			}
			return nil
		}
		c, err := g.connect()
		if err != nil {
			return err
		}
		defer c.abort() // frees the port at once
		_ = c.SetReadDeadline(time.Now().Add(patience))
		switch i % 10 {
		case 1: // before HELLO
			return nil
		case 2: // half a HELLO
			return c.write(message(wire.Fire, hello)[:9])
		case 3: // a whole session, and a goodbye that is answered
			if err := c.write(append(session[:len(session):len(session)], goodbye...)); err != nil {
				return err
			}
			for {
				if _, err := c.read(); err != nil {
					var closed *closedError
					if errors.As(err, &closed) {
						return nil
					}
					return err
				}
			}
		case 4: // the end of the stream and no goodbye
			if err := c.write(session); err != nil {
				return err
			}
			c.drop()
			return nil
		case 5: // half a frame
			return c.write(session[:len(session)-5])
		case 6: // refused
			if err := c.write(message(wire.Fire, get("/p/1"))); err != nil {
				return err
			}
			_, err := c.read()
			return err
		case 7: // with answers unread
			return c.write(append(session[:len(session):len(session)], bytes.Repeat(message(wire.Fire, get("/p/1")), 50)...))
		default: // greeted
			if err := c.write(session); err != nil {
				return err
			}
			_, err := c.read()
			return err
		}
	}
	run := func(from, to int) {
		var all sync.WaitGroup
		next := atomic.Int64{}
		next.Store(int64(from))
		for range atOnce {
			all.Go(func() {
				for i := int(next.Add(1)) - 1; i < to; i = int(next.Add(1)) - 1 {
					if err := one(i); err != nil {
						t.Errorf("connection %d, way %d: %v", i, i%10, err)
						return
					}
				}
			})
		}
		all.Wait()
		eventually(t, "all of them to go", func() bool {
			s := g.Stats()
			return s.Sessions == 2 && s.Subscriptions == 1
		})
	}
	run(0, 1000) // pools and caches fill
	before, used := heap(), inUse()
	run(1000, total)
	used.restored(t)
	if grown := heap() - before; grown > 2<<20 {
		t.Errorf("the heap has grown by %d bytes", grown)
	}
	work.finish(t)
	// Nothing of them is left: locks, announcements.
	eventually(t, "the last lock to be released", func() bool {
		control.send(t, wire.Confirm, set("/held", 2))
		return control.next(t).kind == wire.TypeAck
	})
	if n := control.query(t, "/n/**"); n != 0 {
		t.Errorf("%d signals are still announced", n)
	}
}

// 5.2: "The client sends HELLO first, within 10 s. No HELLO in time: close. A connection that sends nothing must never hold up
// another one's accept or handshake." This takes the ten seconds. A request for the upgrade has five (pairing section 4).
func TestStayers(t *testing.T) {
	if testing.Short() {
		t.Skipf("%s takes over ten seconds", t.Name())
	}
	const each = 50
	g := start(t)
	work := g.keepBusy(t)
	began := time.Now()
	helloFrame := message(wire.Fire, hello)
	stay := map[string]func() (*client, error){
		"no byte":           func() (*client, error) { return g.socket() },
		"half a handshake":  func() (*client, error) { return g.sending("GET /clasp HTTP/1.1\r\nHost: x\r\nUpgrade: webso") },
		"no line of one":    func() (*client, error) { return g.sending("G") },
		"no HELLO":          func() (*client, error) { return g.connect() },
		"half a HELLO":      func() (*client, error) { return g.saying(helloFrame[:len(helloFrame)/2]) },
		"a byte of a frame": func() (*client, error) { return g.saying(helloFrame[:1]) },
		"only pings":        func() (*client, error) { return g.saying(wsFrame(fin|opPing, true, nil)) },
		"a fragment":        func() (*client, error) { return g.saying(wsFrame(opBinary, true, nil)) },
	}
	clients := make(map[string][]*client)
	for name, open := range stay {
		for range each {
			c, err := open()
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			t.Cleanup(c.drop)
			clients[name] = append(clients[name], c)
		}
		work.served(t)
		g.join(t).drop() // accepted and greeted beside them
	}
	// Half a frame after HELLO is a session's own business, until its timeout.
	greeted := g.join(t)
	half := message(wire.Confirm, set("/half", 1))
	greeted.raw(t, half[:len(half)-1])

	for name, list := range clients {
		least := 10 * time.Second
		upgraded := name != "no byte" && name != "half a handshake" && name != "no line of one"
		if !upgraded {
			least = 5 * time.Second
		}
		for _, c := range list {
			_ = c.SetReadDeadline(time.Now().Add(patience))
			var closed error
			if upgraded {
				for closed == nil {
					var op byte
					if op, _, closed = c.readWS(); closed == nil && op == opBinary {
						t.Fatalf("%s: the router sends a CLASP frame", name)
					} else if op == opClose {
						break
					}
				}
			}
			if _, err := io.Copy(io.Discard, c.in); err != nil {
				t.Fatalf("%s: %v, want the end of the connection", name, err)
			}
			if d := time.Since(began); d < least {
				t.Fatalf("%s: closed after %v, want %v", name, d, least)
			}
			c.drop()
		}
	}
	work.finish(t)
	greeted.raw(t, half[len(half)-1:])
	greeted.expectAck(t, "/half")
}

// sending opens a connection and sends bytes that are no WebSocket.
func (g *rig) sending(s string) (*client, error) {
	c, err := g.socket()
	if err != nil {
		return nil, err
	}
	return c, c.write([]byte(s))
}

// saying opens a WebSocket and sends bytes.
func (g *rig) saying(b []byte) (*client, error) {
	c, err := g.connect()
	if err != nil {
		return nil, err
	}
	return c, c.write(b)
}

// A client that asks and never reads is closed or held up, in bounded memory, and nobody else notices.
func TestNeverReads(t *testing.T) {
	g := start(t, limits(func(l *router.Limits) { l.WelcomeSnapshot = 0 }))
	control := g.join(t)
	control.set(t, "/large", make([]byte, 60_000))
	for i := range 2000 {
		control.send(t, wire.Fire, set(fmt.Sprintf("/p/%d", i), filler))
	}
	control.quiet(t)
	for name, ask := range map[string][]byte{
		"GET":             message(wire.Fire, get("/large")),
		"GET of nothing":  bytes.Repeat(message(wire.Fire, get("/none")), 1000),
		"PING":            bytes.Repeat(message(wire.Fire, wire.AppendPing(nil)), 1000),
		"WebSocket pings": bytes.Repeat(wsFrame(fin|opPing, true, make([]byte, 100)), 500),
		"text":            bytes.Repeat(wsFrame(fin|opText, true, []byte("x")), 1000),
		"bad frames":      bytes.Repeat(wsFrame(fin|opBinary, true, []byte("x")), 1000),
		"SUBSCRIBE":       append(message(wire.Fire, subscribe(1, "/p/*", 0)), message(wire.Fire, unsubscribe(1))...),
		"SUBSCRIBE more":  message(wire.Fire, subscribe(1, "/p/*", 0)),
		"QUERY":           message(wire.Fire, wire.AppendQuery(nil, wire.Query{Pattern: []byte("/p/*")})),
		"SET of its own":  bytes.Join([][]byte{message(wire.Fire, subscribe(1, "/own", 0)), message(wire.Fire, set("/own", make([]byte, 60_000)))}, nil),
		"SET, confirmed":  bytes.Join([][]byte{message(wire.Fire, subscribe(1, "/own", 0)), message(wire.Confirm, set("/own", make([]byte, 60_000)))}, nil),
	} {
		t.Run(name, func(t *testing.T) {
			work := g.keepBusy(t)
			before := heap()
			c := g.join(t)
			// Until the router has ended it or listens no more, or it has been told to go on a great many times.
			_ = c.SetWriteDeadline(time.Now().Add(patience))
			stuck := make(chan struct{})
			var sent atomic.Int64
			go func() {
				defer close(stuck)
				for sent.Load() < 64<<20 {
					n, err := c.Conn.Write(ask)
					sent.Add(int64(n))
					if err != nil {
						return
					}
				}
			}()
			// It is enough when it is ended, or has got rid of no more for as long as another client takes for many answers.
			for last := int64(-1); last != sent.Load() || last == 0; {
				last = sent.Load()
				for range 25 {
					work.served(t)
				}
			}
			if grown := heap() - before; grown > 8<<20 {
				t.Errorf("the heap has grown by %d bytes", grown)
			}
			t.Logf("%d bytes sent", sent.Load())
			c.abort()
			<-stuck
			eventually(t, "the session to end", func() bool { return g.Stats().Sessions == 2 })
			work.finish(t)
			work.c.drop()
			eventually(t, "the busy one to go", func() bool { return g.Stats().Sessions == 1 })
		})
	}
}
