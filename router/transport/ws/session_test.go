package ws_test

// The life of a session: protocol section 5, the rate limit of section 9, and how a router ends.

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/router"
	"github.com/clasp-studio/clasp/router/wire"
)

// "PING is answered with PONG."
func TestPing(t *testing.T) {
	g := start(t)
	c := g.join(t)
	for _, q := range []wire.QoS{wire.Fire, wire.Confirm, wire.Commit} {
		c.send(t, q, wire.AppendPing(nil))
		c.expect(t, wire.TypePong)
	}
	c.quiet(t)
}

// "SYNC {t1} is answered at once with {t1 unchanged, t2 = receive time, t3 = send time}, Unix µs. Never sent unasked."
func TestSync(t *testing.T) {
	g := start(t)
	c := g.join(t)
	for _, t1 := range []uint64{0, 12345, ^uint64(0)} {
		before := micros(time.Now())
		c.send(t, wire.Fire, wire.AppendSync(nil, wire.Sync{T1: t1}))
		m := must(t, c.expect(t, wire.TypeSync), wire.DecodeSync)
		after := micros(time.Now())
		if m.T1 != t1 || !m.HasT2 || !m.HasT3 || m.T2 < before || m.T3 < m.T2 || m.T3 > after {
			t.Errorf("SYNC %+v, asked at %d, answered by %d", m, before, after)
		}
	}
	c.quiet(t)
}

// "Messages a client has no business sending (WELCOME, SNAPSHOT, ACK, ERROR, RESULT, PONG) are ignored."
func TestIgnoredMessages(t *testing.T) {
	g := start(t)
	c, reader := g.join(t), g.join(t)
	reader.subscribe(t, 1, "/**", 0)
	snapshot := wire.AppendSnapshotEntry(wire.BeginSnapshot(nil), wire.SnapshotEntry{Address: []byte("/p"), Value: val(1), Revision: 9})
	wire.SetSnapshotCount(snapshot, 1)
	for _, payload := range [][]byte{
		beforeHello["WELCOME"], beforeHello["SNAPSHOT"], beforeHello["ACK"], beforeHello["ERROR"], beforeHello["RESULT"], beforeHello["PONG"], snapshot,
	} {
		for _, q := range []wire.QoS{wire.Fire, wire.Confirm, wire.Commit} {
			c.send(t, q, payload)
			c.quiet(t)
		}
	}
	reader.quiet(t)
	if g.Stats().Params != 0 {
		t.Error("a client's SNAPSHOT is taken for its word")
	}
}

// Section 8: "REPLAY: answers from the journal when one is configured, else ERROR 501."
func TestReplay(t *testing.T) {
	g := start(t)
	c := g.join(t)
	c.send(t, wire.Fire, wire.AppendReplay(nil, wire.Replay{Pattern: []byte("/**"), Types: 0xFF, HasFrom: true, HasLimit: true, Limit: 5}))
	c.expectError(t, wire.CodeUnavailable)
	c.quiet(t)
}

// Section 9: "Rate limit per session: over it, ERROR 429, message ignored."
func TestRateLimit(t *testing.T) {
	const limit = 5
	g := start(t, limits(func(l *router.Limits) { l.MaxMessagesPerSecond = limit }))
	c, other := g.dial(t), g.join(t)
	c.send(t, wire.Fire, hello) // not counted
	c.expectWelcome(t)
	c.expectSnapshot(t)
	began := time.Now()
	var all []byte
	const writes = 50
	for i := range writes {
		all = append(all, claspFrame(wire.Confirm, set("/p", i))...)
	}
	c.binary(t, all)
	done, refused := 0, 0
	for done+refused < writes {
		switch f := c.next(t); f.kind {
		case wire.TypeAck:
			done++
			if refused == 0 && done > writes-1 {
				t.Fatal("no message is over the limit")
			}
		case wire.TypeError:
			m := must(t, f, wire.DecodeError)
			if m.Code != wire.CodeLimit {
				t.Fatalf("got %v, want ERROR 429", f)
			}
			mention(t, m, fmt.Sprint(limit))
			refused++
		default:
			t.Fatalf("got %v", f)
		}
	}
	most := limit + int(time.Since(began).Seconds()*limit) + 1
	if done < limit || done > most {
		t.Errorf("%d messages let through, want %d to %d", done, limit, most)
	}
	if got := other.set(t, "/p", 1); got != uint64(done+1) { // the limit is a session's own, and what is over it is ignored
		t.Errorf("revision %d after %d writes", got, done)
	}
	eventually(t, "the session to be heard again", func() bool {
		c.send(t, wire.Confirm, set("/p", 1))
		return c.next(t).kind == wire.TypeAck
	})
}

// "The router pings idle WebSockets on the WebSocket layer, and closes a session idle past `session_timeout`; WebSocket pongs
// count as life." And so do messages.
func TestSessionTimeout(t *testing.T) {
	const timeout = 1500 * time.Millisecond
	g := start(t, limits(func(l *router.Limits) { l.SessionTimeout, l.WelcomeSnapshot = timeout, 0 }))
	together(t, map[string]func(t *testing.T){
		"silent": func(t *testing.T) {
			c := g.dial(t)
			c.mute = true
			before := time.Now()
			c.greet(t)
			c.expectClose(t, 0) // nothing comes before it but pings
			if d := time.Since(before); d < timeout {
				t.Errorf("closed after %v, before its %v", d, timeout)
			}
			if c.pings == 0 {
				t.Error("it was not pinged")
			}
		},
		"half a frame": func(t *testing.T) {
			c := g.dial(t)
			c.mute = true
			c.greet(t)
			b := message(wire.Confirm, set("/p", 1))
			c.raw(t, b[:len(b)-3])
			c.expectClose(t, 0)
		},
		// Its answers do not go out, so its messages are not read: it is silent as far as the router can tell.
		"never reads": func(t *testing.T) {
			c := g.join(t)
			for i := range 3000 {
				c.send(t, wire.Fire, set(fmt.Sprintf("/many/with/a/long/address/%d", i), i))
			}
			c.quiet(t)
			ask := bytes.Repeat(message(wire.Fire, wire.AppendQuery(nil, wire.Query{Pattern: []byte("/many/**")})), 100)
			eventually(t, "the connection to be cut", func() bool { return c.write(ask) != nil })
		},
		"answers pings": func(t *testing.T) {
			c := g.join(t)
			_ = c.SetReadDeadline(time.Now().Add(2 * timeout))
			if f, err := c.read(); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatalf("got %v, %v, want nothing but pings", f, err)
			}
			if c.pings < 2 {
				t.Errorf("pinged %d times", c.pings)
			}
		},
		"sends messages": func(t *testing.T) {
			c := g.dial(t)
			c.mute = true
			c.greet(t)
			last := time.Now()
			for until := time.Now().Add(2 * timeout); time.Now().Before(until); time.Sleep(50 * time.Millisecond) {
				c.send(t, wire.Confirm, set("/busy", 1))
				f, err := c.read()
				if err != nil && time.Since(last) > timeout/2 {
					t.Skipf("%s: the machine is too busy to keep a session alive", t.Name())
				}
				if err != nil || f.kind != wire.TypeAck {
					t.Fatalf("got %v, %v, want ACK", f, err)
				}
				last = time.Now()
			}
		},
	})
}

// A WebSocket ping is answered with what it holds, between the fragments of a message too (RFC 6455 section 5.5.2).
func TestWebSocketPing(t *testing.T) {
	g := start(t)
	c := g.join(t)
	pong := func(text string) {
		t.Helper()
		_ = c.SetReadDeadline(time.Now().Add(patience))
		op, payload, err := c.readWS()
		if err != nil || op != opPong || string(payload) != text {
			t.Fatalf("got opcode %d, %q, %v, want a pong of %q", op, payload, err, text)
		}
	}
	c.raw(t, wsFrame(fin|opPing, true, nil))
	pong("")
	b := claspFrame(wire.Confirm, set("/p", 1))
	c.raw(t, wsFrame(opBinary, true, b[:3]))
	c.raw(t, wsFrame(fin|opPing, true, []byte("inside")))
	pong("inside")
	c.raw(t, wsFrame(fin|opContinuation, true, b[3:]))
	c.expectAck(t, "/p")
	c.raw(t, wsFrame(fin|opPong, true, []byte("unasked")))
	c.quiet(t)
}

// A client that says goodbye gets one back, and then the connection ends.
func TestGoodbye(t *testing.T) {
	g := start(t)
	for name, b := range map[string][]byte{"1000": {0x03, 0xE8}, "1001 and a reason": append([]byte{0x03, 0xE9}, "leaving"...), "no code": nil, "half a code": {3}} {
		t.Run(name, func(t *testing.T) {
			c := g.join(t)
			c.set(t, "/p", 1)
			c.raw(t, wsFrame(fin|opClose, true, b))
			_ = c.SetReadDeadline(time.Now().Add(patience))
			f, err := c.read()
			var closed *closedError
			if !errors.As(err, &closed) || len(b) >= 2 && closed.code != int(b[0])<<8|int(b[1]) {
				t.Fatalf("got %v, %v, want the same close frame back", f, err)
			}
			c.expectEnd(t)
		})
	}
}

// So does one that goes while answers to it wait.
func TestGoodbyeWhileAnswersWait(t *testing.T) {
	g := start(t)
	ask := append(message(wire.Fire, hello), message(wire.Fire, subscribe(1, "/**", 0))...)
	ask = append(ask, bytes.Repeat(message(wire.Confirm, set("/p", 1)), 40)...)
	ask = append(ask, wsFrame(fin|opClose, true, []byte{0x03, 0xE8})...)
	for i := range 500 {
		c := g.dial(t)
		c.raw(t, ask)
		_ = c.SetReadDeadline(time.Now().Add(patience))
		var closed *closedError
		if !errors.As(closedBy(c), &closed) {
			t.Fatalf("connection %d ends without a close frame", i)
		}
		c.drop()
	}
}

// closedBy reads until the connection ends, and says how.
func closedBy(c *client) error {
	for {
		if _, err := c.read(); err != nil {
			return err
		}
	}
}

// operations section 1: "tell clients (WebSocket 1001), flush queues"
func TestClose(t *testing.T) {
	g := start(t)
	greeted, silent := g.join(t), g.dial(t)
	reader := g.join(t)
	reader.subscribe(t, 1, "/**", 0)
	const writes = 1000
	for i := range writes {
		greeted.send(t, wire.Fire, publish(wire.Event, "/e", i))
	}
	greeted.quiet(t) // all have been taken in
	if err := g.server.Close(); err != nil {
		t.Errorf("Server.Close: %v", err)
	}
	if _, err := g.connect(); err == nil {
		t.Error("a connection is accepted by a closed server")
	}
	closed := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		closed <- g.Router.Close(ctx)
	}()
	for i := range writes {
		if m := reader.expectPublish(t); !same(m.Value, val(i)) {
			t.Fatalf("event %d is %v", i, m.Value)
		}
	}
	for _, c := range []*client{reader, greeted, silent} {
		c.expectClose(t, 1001)
	}
	if err := <-closed; err != nil {
		t.Errorf("Router.Close: %v", err)
	}
}

// A client that does not read its last words holds Close up for the time given to it and no longer.
func TestCloseDoesNotWaitForEver(t *testing.T) {
	g := start(t)
	stuck := g.join(t)
	writer := g.join(t)
	stuck.send(t, wire.Fire, subscribe(1, "/**", 0))
	// Until the sockets are full and the rest waits in the router.
	text := make([]byte, 50_000)
	for range 200 {
		writer.send(t, wire.Confirm, publish(wire.Stream, "/s", text))
		writer.expectAck(t, "/s")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := g.Router.Close(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Close: %v, want it to say that it was cut short", err)
	}
	g.settled(t)
}
