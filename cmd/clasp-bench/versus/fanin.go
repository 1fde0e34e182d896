// Workload fanin: very many publishers to one subscriber. Each sends its next message
// when the one before has arrived, as a device does that sends now and then.

package versus

import (
	"context"
	"fmt"
	"time"

	"github.com/clasp-studio/clasp/cmd/clasp-bench/versus/peer"
)

var fanIn = workload{
	name:  "fanin-1000",
	title: "Fan-in: 1,000 publishers, 1 subscriber",
	about: "Closed loop: each publisher has one message under way, in a write of its own.",
	needs: peer.PubSub, raw: true, placed: true,
	numbers: []number{rateNumber, cpuNumber, serverBusyNumber, loadBusyNumber},
	run:     runFanIn,
}

const fanInAddress = "/bench/in/12"

func runFanIn(ctx context.Context, r *rig) (result, error) {
	var res result
	server, err := r.start(ctx, false)
	if err != nil {
		return res, err
	}
	defer server.Stop()
	publishers := r.of(1000, 50)
	may := make(chan uint32, publishers) // publishers that may send
	a, err := gather(ctx, r, server, []string{fanInAddress}, publishers, func(_ int, s peer.Stamp, _ time.Duration) { may <- s.Publisher })
	if err != nil {
		return res, err
	}
	from := make([]*messages, publishers)
	for i, c := range a.publishers {
		from[i] = newMessages(c, i, fanInAddress)
		may <- uint32(i)
	}
	// send lets all send for as long as d and returns when everything has arrived.
	send := func(d time.Duration) (sent uint64, err error) {
		for start := time.Now(); time.Since(start) < d; sent++ {
			i, err := await(ctx, a, may)
			if err != nil {
				return 0, err
			}
			from[i].add(0)
			if err := from[i].flush(); err != nil {
				return 0, fmt.Errorf("publisher %d: %w", i, err)
			}
		}
		return sent, settle(ctx, a, may)
	}
	_, err = send(r.duration / 5) // buffers grow, caches fill
	if err == nil {
		m := measure(server)
		var deliveries uint64
		if deliveries, err = send(r.duration); err == nil {
			u := m.stop()
			res.set(rateNumber.key, float64(deliveries)/u.wall.Seconds())
			u.add(&res, r.at, deliveries)
		}
	}
	sent := make(map[uint32]uint64, publishers)
	for i, m := range from {
		sent[uint32(i)] = m.sent
	}
	return res, a.verdict(err, func(int) map[uint32]uint64 { return sent })
}
