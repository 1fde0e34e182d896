package tcp_test

// What comes in, and what it costs.

import (
	"encoding/binary"
	"runtime"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/router"
	"github.com/clasp-studio/clasp/router/internal/kit"
	"github.com/clasp-studio/clasp/router/wire"
)

// Frames come as the network cuts them: a byte at a time, and many at once.
func TestCutAndJoined(t *testing.T) {
	_, addr := start(t, router.Limits{})
	var all []byte
	for _, payload := range [][]byte{kit.Hello, kit.Set("/x", 1), kit.Set("/x", 2), kit.Get("/x")} {
		all = append(all, prefixed(kit.Frame(wire.Confirm, payload))...)
	}
	conversation := func(t *testing.T, c *client, revision uint64) {
		t.Helper()
		c.expect(t, wire.TypeWelcome)
		c.expect(t, wire.TypeSnapshot)
		for i := range uint64(2) {
			if m, err := wire.DecodeAck(c.expect(t, wire.TypeAck)); err != nil || m.Revision != revision+i {
				t.Errorf("got %+v, %v; want revision %d", m, err, revision+i)
			}
		}
		m, err := wire.DecodeSnapshot(c.expect(t, wire.TypeSnapshot))
		if e, ok := m.Next(); err != nil || !ok || e.Revision != revision+1 || kit.Number(e.Value) != 2 {
			t.Errorf("got %+v, %v", e, err)
		}
	}
	t.Run("a byte at a time", func(t *testing.T) {
		c := dial(t, addr)
		for i := range all {
			c.raw(t, all[i:i+1])
		}
		conversation(t, c, 1)
	})
	t.Run("all at once", func(t *testing.T) {
		c := dial(t, addr)
		c.raw(t, all)
		conversation(t, c, 3)
	})
}

// The largest frame there is: 65535 bytes of payload, and a timestamp.
func TestLargestFrame(t *testing.T) {
	_, addr := start(t, router.Limits{MaxMessageSize: wire.MaxPayload})
	c := join(t, addr, 1)
	payload := append(kit.Set("/x", 1), make([]byte, wire.MaxPayload)...)[:wire.MaxPayload] // what is left over is ignored
	frame := []byte{0x53, 0x61, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 1}
	frame = append(frame, payload...)
	if len(frame) != 65547 {
		t.Fatalf("%d bytes", len(frame))
	}
	for range 3 {
		c.raw(t, prefixed(frame))
		c.expect(t, wire.TypeAck)
	}
	c.alive(t)
}

// "Lengths 0, 65548, 4 G: ERROR 100 and close", whether the client has said HELLO or not. Nothing is allocated for them.
func TestBadLengths(t *testing.T) {
	r, addr := start(t, router.Limits{})
	other := join(t, addr, 1)
	for name, size := range map[string]uint32{"0": 0, "65548": 65548, "16 M": 16 << 20, "4 G": 1<<32 - 1} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			for _, greeted := range []bool{true, false} {
				c := dial(t, addr)
				if greeted {
					c.send(t, wire.Fire, kit.Hello)
					c.expect(t, wire.TypeWelcome)
					c.expect(t, wire.TypeSnapshot)
				}
				c.raw(t, binary.BigEndian.AppendUint32(nil, size))
				c.expectError(t, wire.CodeBadFrame)
				c.expectEnd(t)
			}
			runtime.ReadMemStats(&after)
			if grown := after.TotalAlloc - before.TotalAlloc; grown > 2<<20 {
				t.Errorf("%d bytes allocated", grown)
			}
		})
	}
	other.alive(t)
	kit.Eventually(t, "the others to be gone", func() bool { return r.Stats().Sessions == 1 })
}

// max_message_size holds here too.
func TestMessageSizeLimit(t *testing.T) {
	_, addr := start(t, router.Limits{MaxMessageSize: 1000})
	c := join(t, addr, 1)
	c.send(t, wire.Confirm, append(kit.Set("/x", 1), make([]byte, 900)...))
	c.expect(t, wire.TypeAck)
	c.send(t, wire.Confirm, append(kit.Set("/x", 1), make([]byte, 1000)...))
	c.expectError(t, wire.CodeBadFrame)
	c.expectEnd(t)
}

// The length says where a frame ends, so one that makes no sense is ERROR 100 and the session stays. Before HELLO it ends the
// connection without a word (section 5.2).
func TestBadFrames(t *testing.T) {
	_, addr := start(t, router.Limits{})
	c := join(t, addr, 1)
	for _, bad := range []string{"x", "GET / HTTP/1.1\r\n\r\n", "S\x01\x00\x09\x41", "S\xc1\x00\x01\x41"} {
		c.raw(t, prefixed([]byte(bad)))
		c.expectError(t, wire.CodeBadFrame)
		c.alive(t)
	}
	c = dial(t, addr)
	c.raw(t, prefixed([]byte("GET / HTTP/1.1\r\n\r\n")))
	c.expectEnd(t)
	c = dial(t, addr)
	c.send(t, wire.Fire, kit.Set("/x", 1))
	c.expectError(t, wire.CodeUnauthenticated)
	c.expectEnd(t)
}

// Half a frame, and then nothing: it costs nobody anything, and ends with the session's time.
func TestHalfAFrame(t *testing.T) {
	r, addr := start(t, router.Limits{SessionTimeout: time.Second})
	half := join(t, addr, 1)
	half.raw(t, prefixed(kit.Frame(wire.Fire, kit.Set("/x", 1)))[:9])
	other := join(t, addr, 1)
	for r.Stats().Sessions > 1 {
		other.alive(t)
		time.Sleep(10 * time.Millisecond) // the pace of the other client; nothing waits for it
	}
	if r.Stats().Params != 0 {
		t.Error("half a SET has been applied")
	}
	for { // the router asked for a sign of life first
		b, err := half.read()
		if err != nil {
			break
		}
		if wire.Type(b[wire.HeaderSize]) != wire.TypePing {
			t.Fatalf("got %x", b)
		}
	}
}

// "The client sends HELLO first, within 10 s", and it does not count that it has sent half of one.
func TestNoHello(t *testing.T) {
	if testing.Short() {
		t.Skipf("%s: takes the 10 s that a client has to say HELLO", t.Name())
	}
	t.Parallel()
	r, addr := start(t, router.Limits{})
	c, d := dial(t, addr), dial(t, addr)
	d.raw(t, prefixed(kit.Frame(wire.Fire, kit.Hello))[:10])
	kit.Eventually(t, "both to be let in", func() bool { return r.Stats().Sessions == 2 })
	c.expectEnd(t)
	d.expectEnd(t)
}

// A connection over the limit is told so, and those that are there stay.
func TestMaxConnections(t *testing.T) {
	r, addr := start(t, router.Limits{MaxConnections: 2})
	a, b := join(t, addr, 1), join(t, addr, 1)
	c := dial(t, addr)
	c.expectError(t, wire.CodeOverloaded)
	c.expectEnd(t)
	a.alive(t)
	b.Close()
	kit.Eventually(t, "one to leave", func() bool { return r.Stats().Sessions == 1 })
	kit.Eventually(t, "its place to be free", func() bool {
		c := dial(t, addr)
		c.send(t, wire.Fire, kit.Hello)
		frame, err := c.read()
		return err == nil && wire.Type(frame[wire.HeaderSize]) == wire.TypeWelcome
	})
}

// A client that does not read is given up when too much waits for it, and nobody else notices (promise 5).
func TestSlowReader(t *testing.T) {
	r, addr := start(t, router.Limits{})
	slow, quick, writer := join(t, addr, 1), join(t, addr, 1), join(t, addr, 1)
	slow.send(t, wire.Fire, kit.Subscribe(1, "/**"))
	slow.alive(t)
	quick.send(t, wire.Fire, kit.Subscribe(1, "/quick"))
	quick.alive(t)
	big := make([]byte, 30_000)
	for sent := 0; r.Stats().Sessions == 3; sent++ {
		if sent > 200_000 {
			t.Fatal("it may have any number of messages waiting")
		}
		writer.send(t, wire.Fire, kit.Event("/slow", big))
		writer.send(t, wire.Fire, kit.Event("/quick", sent))
		if m, err := wire.DecodePublish(quick.expect(t, wire.TypePublish)); err != nil || kit.Number(m.Value) != sent {
			t.Fatalf("got %+v, %v; want event %d", m, err, sent)
		}
	}
	quick.alive(t)
}

// The router's end is an orderly one: what was acknowledged has gone out, and the connection ends.
func TestRouterCloses(t *testing.T) {
	r, addr := start(t, router.Limits{})
	c := join(t, addr, 1)
	c.send(t, wire.Confirm, kit.Set("/x", 1))
	c.expect(t, wire.TypeAck)
	go func() { _ = r.Close(t.Context()) }()
	c.expectEnd(t)
}
