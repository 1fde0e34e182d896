package ws_test

import (
	"strings"
	"testing"

	"github.com/clasp-studio/clasp/router/wire"
)

// TestGoodbyeOfFullClient: a client that lets the frames to it pile up, says goodbye and only then reads on gets every one of
// them whole, and then the router's goodbye: not in the middle of the one that had no room.
func TestGoodbyeOfFullClient(t *testing.T) {
	g := start(t)
	for range 5 {
		full, writer := g.join(t), g.join(t)
		full.send(t, wire.Fire, subscribe(1, "/full", 0))
		full.fence(t)
		value := strings.Repeat("x", 2000)
		waiting := func() bool {
			for _, c := range g.Clients() {
				if c.Queue > 10_000 { // more than is just on its way
					return true
				}
			}
			return false
		}
		sent := 0
		for !waiting() {
			for range 20 {
				writer.send(t, wire.Fire, publish(wire.Event, "/full", value))
				sent++
			}
			writer.fence(t)
			if sent > 20_000 {
				t.Fatal("nothing ever waits: this test sees nothing")
			}
		}
		full.raw(t, byeCode(1000))
		events := 0
		for got := full.event(t); got != goodbye; got = full.event(t) {
			if !strings.Contains(got, "PUBLISH") {
				t.Fatalf("got %q", short(got))
			}
			events++
		}
		// What still waited when it left is given up.
		t.Logf("%d of %d events, and the goodbye", events, sent)
		full.drop()
		writer.drop()
	}
}
