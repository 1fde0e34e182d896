package quic_test

// What is counted of the port: the bytes of streams, and handshakes that came to nothing.

import (
	"testing"

	"github.com/clasp-studio/clasp/router"
	"github.com/clasp-studio/clasp/router/internal/kit"
	"github.com/clasp-studio/clasp/router/wire"
)

func TestCountedBytes(t *testing.T) {
	g := start(t)
	c := g.open(t)
	out, in := 0, 0
	say := func(payload []byte, answers ...wire.Type) {
		t.Helper()
		b := frame(payload)
		out += len(b)
		c.write(t, b)
		for _, kind := range answers {
			in += wire.HeaderSize + len(c.expect(t, kind))
		}
	}
	say(kit.Hello, wire.TypeWelcome, wire.TypeSnapshot)
	for i := range 100 {
		say(kit.Set("/a", i), wire.TypeAck)
	}
	kit.Eventually(t, "all to be counted", func() bool {
		way := g.Counted().Transports["quic"]
		return way.Opened == 1 && way.ReceivedBytes == uint64(out) && way.SentBytes == uint64(in)
	})
}

// TestCountedFailures: each connection that never becomes a session is counted once, by what was wrong.
func TestCountedFailures(t *testing.T) {
	for name, test := range map[string]struct {
		do   func(*testing.T, *rig)
		want string // "" = nothing has failed
	}{
		"a session": {do: func(t *testing.T, g *rig) { g.join(t) }},
		"another protocol": {do: func(t *testing.T, g *rig) {
			if _, err := g.tryConnect(t, "h3"); err == nil {
				t.Error("it speaks that")
			}
		}, want: "tls"},
		"no stream": {do: func(t *testing.T, g *rig) { _ = g.connect(t).CloseWithError(0, "") }, want: "lost"},
		"no HELLO":  {do: func(t *testing.T, g *rig) { g.open(t).write(t, frame(kit.Get("/a"))) }, want: "hello"},
		"no room": {do: func(t *testing.T, g *rig) {
			g.join(t)
			if _, err := g.tryConnect(t, "clasp"); err == nil {
				t.Error("there is room")
			}
		}, want: "limit"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // most wait for the other side
			g := start(t, func(l *router.Limits) { l.MaxConnections = 1 })
			test.do(t, g)
			failed := func() map[string]uint64 { return g.Counted().Transports["quic"].Failed }
			if test.want != "" {
				kit.Eventually(t, "it to be counted as "+test.want, func() bool { return failed()[test.want] > 0 })
			}
			for why, n := range failed() {
				if n > 0 && (why != test.want || n > 1 && why != "limit") { // a first packet comes again until it is answered
					t.Errorf("%d failed: %s", n, why)
				}
			}
		})
	}
}
