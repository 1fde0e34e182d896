package udp_test

// How many SETs one socket takes in. Run with -bench In; a rate in 1/s is kept, 0 is as fast as it goes.

import (
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/router"
	"github.com/clasp-studio/clasp/router/internal/datagram"
	"github.com/clasp-studio/clasp/router/internal/kit"
	"github.com/clasp-studio/clasp/router/wire"
)

// BenchmarkIn sends b.N SETs at fire from one client, and reports those applied a second and those lost.
func BenchmarkIn(b *testing.B) {
	for _, rate := range []int{50_000, 200_000, 0} {
		b.Run(fmt.Sprintf("rate=%d", rate), func(b *testing.B) {
			_, addr := start(b, router.Limits{})
			witness, sender := join(b, addr), join(b, addr)
			socket, err := datagram.New(sender.Conn.(*net.UDPConn), 1)
			if err != nil {
				b.Fatal(err)
			}
			revision := func() uint64 {
				witness.send(b, wire.Fire, kit.Get("/fader"))
				m, err := wire.DecodeSnapshot(witness.expect(b, wire.TypeSnapshot))
				e, ok := m.Next()
				if err != nil || !ok {
					b.Fatalf("%+v, %v", m, err)
				}
				return e.Revision
			}
			sender.send(b, wire.Confirm, kit.Set("/fader", 0.5))
			sender.expect(b, wire.TypeAck)
			before := revision()
			frame := kit.Frame(wire.Fire, kit.Set("/fader", 0.5))
			batch := make([][]byte, 32)
			for i := range batch {
				batch[i] = frame
			}
			way := datagram.Way{}
			b.ResetTimer()
			began := time.Now()
			for sent := 0; sent < b.N; {
				n := min(len(batch), b.N-sent)
				if err := socket.Write(way, batch[:n]); err != nil {
					b.Fatal(err)
				}
				sent += n
				if rate > 0 {
					time.Sleep(time.Until(began.Add(time.Duration(sent) * time.Second / time.Duration(rate))))
				}
			}
			applied := revision() - before
			for last := uint64(0); applied != last; { // until nothing more comes
				last = applied
				time.Sleep(20 * time.Millisecond)
				applied = revision() - before
			}
			b.StopTimer()
			b.ReportMetric(float64(applied)/b.Elapsed().Seconds(), "applied/s")
			b.ReportMetric(float64(b.N-int(applied)), "lost")
		})
	}
}
