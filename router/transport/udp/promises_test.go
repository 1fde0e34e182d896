package udp_test

// What is left of the promises of ARCHITECTURE.md where a line is bad. (On a good one they are held together with the other
// transports', in the package above.)
//
//   - 1 (revisions rise) and 3 (a late joiner misses nothing) need a line that neither loses nor reorders; what any line does not
//     do is make a wrong one of a right value (TestBadNetwork).
//   - 2 (who keeps reading ends on the newest) needs the last datagram to arrive: a client that has to know asks with GET.
//   - 4 (an ACK of a commit survives), 5 (who stops reading harms nobody) and 6 (bundles are whole) hold on every line.

import (
	"strings"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/router"
	goclient "github.com/clasp-studio/clasp/router/client"
	"github.com/clasp-studio/clasp/router/internal/kit"
	"github.com/clasp-studio/clasp/router/wire"
)

// Promise 5: a subscriber that does not read costs nobody anything; what its system has no room for is lost.
func TestStoppedReader(t *testing.T) {
	r, addr := start(t, router.Limits{})
	stopped, quick, writer := join(t, addr), join(t, addr), join(t, addr)
	for _, c := range []*client{stopped, quick} {
		c.send(t, wire.Fire, kit.Subscribe(1, "/**"))
		c.alive(t)
	}
	before := kit.Heap()
	for i := range 5000 { // 5 MB
		writer.send(t, wire.Fire, kit.Event("/x", strings.Repeat("x", 1000)))
		if i%10 == 9 {
			for range 10 {
				quick.expect(t, wire.TypePublish)
			}
		}
	}
	if grown := kit.Heap() - before; grown > 2<<20 {
		t.Errorf("the heap has grown by %d bytes", grown)
	}
	quick.alive(t)
	if r.Stats().Sessions != 3 {
		t.Error("the one that does not read has been ended: nothing waits for it")
	}
}

// Promise 6, on a bad line: a bundle is one datagram, and is applied whole or not at all.
func TestBundlesOnABadLine(t *testing.T) {
	_, addr := start(t, router.Limits{})
	line := newLossy(t, addr, 42)
	writer := dialGo(t, line.front.LocalAddr().String(), goclient.Options{})
	witness := join(t, addr)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for n := range 1000 {
			items := []goclient.Item{goclient.SetItem("/a", n), goclient.SetItem("/b", n)}
			if _, err := writer.Bundle(t.Context(), wire.Fire, time.Time{}, items...); err != nil {
				t.Error(err)
				return
			}
			time.Sleep(50 * time.Microsecond) // the pace of the writer; nothing waits for it
		}
	}()
	shown := 0
	for writing := true; writing || shown == 0; {
		select {
		case <-done:
			writing = false
		default:
		}
		id := uint32(1)
		witness.send(t, wire.Fire, kit.Subscribe(id, "/*"))
		witness.send(t, wire.Fire, wire.AppendUnsubscribe(nil, wire.Unsubscribe{ID: id}))
		witness.send(t, wire.Fire, wire.AppendPing(nil))
		for f := witness.next(t); wire.Type(f.Payload[0]) != wire.TypePong; f = witness.next(t) {
			if wire.Type(f.Payload[0]) != wire.TypeSnapshot {
				continue // a SET between the two
			}
			m, err := wire.DecodeSnapshot(f.Payload)
			if err != nil || m.Count != 2 {
				t.Fatalf("a snapshot of %d params, %v", m.Count, err)
			}
			a, _ := m.Next()
			b, _ := m.Next()
			if kit.Number(a.Value) != kit.Number(b.Value) {
				t.Fatalf("/a is %d and /b %d", kit.Number(a.Value), kit.Number(b.Value))
			}
			shown++
		}
	}
	<-done
}
