// Workloads fanout-1 to fanout-1000: as many deliveries as get through. The publisher
// never has more than a window of messages under way: the slowest subscriber sets the
// pace, nothing piles up, and nothing needs to be dropped.

package versus

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/clasp-studio/clasp/cmd/clasp-bench/versus/peer"
)

// fanOuts are in order of their subscribers.
var fanOuts = []workload{fanOut(1), fanOut(10), fanOut(100), fanOut(1000)}

// rateNumber is how many deliveries there were a second.
var rateNumber = number{key: "rate", title: "deliveries", unit: perSecond, better: higher}

func fanOut(subscribers int) workload {
	return workload{
		name:  fmt.Sprintf("fanout-%d", subscribers),
		title: fmt.Sprintf("Fan-out: 1 publisher, %s", count(subscribers, "subscriber")),
		about: fmt.Sprintf("Closed loop: volleys of %d messages, each in one write, of which at most %d are under way to everybody.",
			volley, volleysFor(subscribers)),
		needs:   peer.PubSub,
		raw:     true,
		placed:  true,
		numbers: []number{rateNumber, cpuNumber, serverBusyNumber, loadBusyNumber},
		run: func(ctx context.Context, r *rig) (result, error) {
			return runFanOut(ctx, r, r.of(subscribers, min(subscribers, 20)))
		},
	}
}

// volley is how many messages go out in one write.
const volley = 64

// volleysFor is how many volleys are under way at most: less than the 1,000 messages that
// some peers keep for a subscriber, and fewer still to very many, so that a slow peer is
// through with them in seconds.
func volleysFor(subscribers int) int {
	if subscribers > 100 {
		return 4
	}
	return 8
}

// fanAddress is what the messages of one publisher to many are sent to.
const fanAddress = "/bench/fan/12"

func runFanOut(ctx context.Context, r *rig, subscribers int) (result, error) {
	var res result
	err := withFan(ctx, r, subscribers, func(f *fan) error {
		if _, err := f.send(ctx, r.duration/5); err != nil { // buffers grow, caches fill
			return err
		}
		m := measure(f.server)
		messages, err := f.send(ctx, r.duration)
		if err != nil {
			return err
		}
		u := m.stop()
		deliveries := messages * uint64(subscribers)
		res.set(rateNumber.key, float64(deliveries)/u.wall.Seconds())
		u.add(&res, r.at, deliveries)
		return nil
	})
	return res, err
}

// fan is a closed loop from one publisher to many subscribers.
type fan struct {
	*audience
	pace     *loop
	messages *messages
}

// withFan has a server and a closed loop through it, and gives the verdict on it.
func withFan(ctx context.Context, r *rig, subscribers int, use func(*fan) error) error {
	server, err := r.start(ctx, false)
	if err != nil {
		return err
	}
	defer server.Stop()
	f := &fan{pace: newLoop(volley, volleysFor(subscribers), subscribers)}
	f.audience, err = gather(ctx, r, server, slices.Repeat([]string{fanAddress}, subscribers), 1,
		func(i int, s peer.Stamp, _ time.Duration) { f.pace.note(i, s.Sequence) })
	if err != nil {
		return err
	}
	f.messages = newMessages(f.publishers[0], 0, fanAddress)
	err = use(f)
	return f.verdict(err, func(int) map[uint32]uint64 { return map[uint32]uint64{0: f.messages.sent} })
}

// send sends for as long as d and returns when every subscriber has everything.
func (f *fan) send(ctx context.Context, d time.Duration) (sent uint64, err error) {
	return f.pace.send(ctx, f.audience, f.messages, d, func() { f.messages.add(0) })
}
