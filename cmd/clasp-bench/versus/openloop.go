// Workloads openloop-…: messages at a steady rate, whatever becomes of them. Latency
// counts from the time a message was meant to go, so that a stall is seen by every
// message that it delays, those not yet sent included.

package versus

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime/debug"
	"time"

	"github.com/clasp-studio/clasp/cmd/clasp-bench/internal/host"
	"github.com/clasp-studio/clasp/cmd/clasp-bench/versus/peer"
)

// openLoops are in order of their rate, and the one that is the same for all peers last.
var openLoops = []workload{
	openLoop("openloop-10", "at 10 % of its own saturation", ownShare(0.10)),
	openLoop("openloop-50", "at 50 % of its own saturation", ownShare(0.50)),
	openLoop("openloop-80", "at 80 % of its own saturation", ownShare(0.80)),
	openLoop("openloop-common", "at a rate that all manage", commonRate),
}

// The columns of latency.
var (
	p50Number  = number{key: "p50", title: "p50", unit: millis, better: lower}
	p99Number  = number{key: "p99", title: "p99", unit: millis, better: lower}
	p999Number = number{key: "p999", title: "p99.9", unit: millis, better: lower}
	maxNumber  = number{key: "max", title: "max", unit: millis, better: lower}
)

// sentNumber is the rate of an open loop, as it came to be.
var sentNumber = number{key: "sent", title: "messages sent", unit: perSecond}

// addQuantiles puts the columns of latency into a result, and the samples behind them.
func (res *result) addQuantiles(h *histogram) {
	for key, share := range map[string]float64{p50Number.key: 0.5, p99Number.key: 0.99, p999Number.key: 0.999, maxNumber.key: 1} {
		res.set(key, float64(h.quantile(share))/float64(time.Millisecond))
	}
	res.keep("latency", h)
}

const (
	openLoopSubscribers = 100
	// openLoopSample is n where one subscriber of n has its latency taken.
	openLoopSample = 20
)

// openLoop is the workload at the rate that a peer's saturation gives, in messages a second.
func openLoop(name, at string, rate func(*rig) (float64, error)) workload {
	return workload{
		name:  name,
		title: fmt.Sprintf("Latency: 1 publisher, %d subscribers, %s", openLoopSubscribers, at),
		about: "Open loop: each message has a time at which it goes, however late others are, and its latency counts from then to when a subscriber has read it. " +
			"One subscriber of 20 is read as soon as something comes and has its latency taken; the others are read every 4 ms, " +
			"so that the load has time left, and what they have is checked all the same. " +
			"Saturation is what the peer delivers in a closed loop to as many subscribers, on the same cores, in volleys of 64 messages: the table is below.",
		needs: peer.PubSub, raw: true, placed: true,
		numbers: []number{
			p50Number, p99Number, p999Number, maxNumber, cpuNumber,
			sentNumber, serverBusyNumber, loadBusyNumber,
		},
		probe: saturation,
		run: func(ctx context.Context, r *rig) (result, error) {
			perSecond, err := rate(r)
			if err != nil {
				return result{}, err
			}
			return runOpenLoop(ctx, r, perSecond)
		},
	}
}

// saturation is how many messages a second a peer delivers to all subscribers of the open
// loop when it is given as many as it takes: the median of three, because all that follows
// hangs on it.
var saturation = &probe{name: "saturation", run: func(ctx context.Context, r *rig) (peak, error) {
	var (
		rates []float64
		busy  result
	)
	err := withFan(ctx, r, r.of(openLoopSubscribers, 20), func(f *fan) error {
		if _, err := f.send(ctx, r.duration/5); err != nil {
			return err
		}
		m := measure(f.server)
		for range 3 {
			start := time.Now()
			sent, err := f.send(ctx, r.duration/3)
			if err != nil {
				return err
			}
			rates = append(rates, float64(sent)/time.Since(start).Seconds())
		}
		m.stop().add(&busy, r.at, 1)
		return nil
	})
	if err != nil && !errors.As(err, new(disorder)) {
		return peak{}, err
	}
	return peak{median(rates), loadIsLimit(r.at.Name, busy.values[serverBusyNumber.key], busy.values[loadBusyNumber.key])}, nil
}}

// ownShare is a share of the peer's own saturation.
func ownShare(share float64) func(*rig) (float64, error) {
	return func(r *rig) (float64, error) {
		own, known := r.probed[r.peer.Name]
		if !known {
			return 0, unable{"its saturation could not be measured"} // why, and what that means, has been said
		}
		if own.AtLeast {
			share *= openLoopCost
		}
		return share * own.Rate, nil
	}
}

// openLoopCost is what an open loop may take of a rate at which the load was the limit in a closed
// one. It costs the load more a message: with four fifths of that rate it fell behind, and the peer
// closed connections for it.
const openLoopCost = 2. / 3

// commonRate is half of what the slowest takes, in two digits.
func commonRate(r *rig) (float64, error) {
	slowest := math.Inf(1)
	for _, p := range r.probed {
		slowest = min(slowest, p.Rate)
	}
	if math.IsInf(slowest, 1) {
		return 0, errors.New("no peer's saturation could be measured")
	}
	digits := math.Pow(10, math.Floor(math.Log10(slowest/2))-1)
	return math.Floor(slowest/2/digits) * digits, nil
}

func runOpenLoop(ctx context.Context, r *rig, rate float64) (result, error) {
	// The load's own collector is not to be seen in what it measures.
	defer debug.SetGCPercent(debug.SetGCPercent(1000))
	var res result
	server, err := r.start(ctx, false)
	if err != nil {
		return res, err
	}
	defer server.Stop()
	subscribers := r.of(openLoopSubscribers, 20)
	// At low rates too there have to be enough of them for a p99.9.
	warmup := uint64(max(10, rate*r.duration.Seconds()/5))
	total := warmup + uint64(max(10, rate*r.duration.Seconds()))
	latencies := make([]histogram, subscribers)
	got := make([]uint64, subscribers)
	complete := make(chan struct{}, subscribers) // one for each subscriber that has everything
	of := crowd{
		subscribers: subscribers, subscribe: func(_ int, c *peer.Conn) error { return c.Subscribe(fanAddress) },
		publishers: 1, sample: openLoopSample,
	}
	of.tell = func(i int, s peer.Stamp, now time.Duration) {
		if s.Sequence >= warmup && of.sampled(i) {
			latencies[i].add(now - s.At)
		}
		if got[i]++; got[i] == total {
			complete <- struct{}{}
		}
	}
	a, err := gatherBy(ctx, r, server, of)
	if err != nil {
		return res, err
	}
	clock, err := host.NewAlarm()
	if err != nil {
		a.close()
		return res, err
	}
	defer clock.Close()
	m := newMessages(a.publishers[0], 0, fanAddress)
	pace := pace{a: a, clock: clock, every: time.Duration(float64(time.Second) / rate)}
	var used meter
	if err = pace.send(ctx, m, warmup); err == nil {
		used = measure(server)
		err = pace.send(ctx, m, total-warmup)
	}
	for range subscribers {
		if err == nil {
			_, err = await(ctx, a, complete)
		}
	}
	if err == nil {
		u := used.stop()
		u.add(&res, r.at, (total-warmup)*uint64(subscribers))
		res.set(sentNumber.key, float64(total-warmup)/u.wall.Seconds())
	}
	err = a.verdict(err, func(int) map[uint32]uint64 { return map[uint32]uint64{0: m.sent} })
	all := new(histogram)
	for i := range latencies {
		all.merge(&latencies[i])
	}
	res.addQuantiles(all)
	return res, err
}

// pace sends at a steady rate. It waits for its clock and for nothing else.
type pace struct {
	a     *audience
	clock *host.Alarm
	every time.Duration
	first time.Duration // when number 0 is due, by the audience's clock
}

// send sends n more messages, each no earlier than it is due and stamped with that time.
// What has become due meanwhile goes out in one write.
func (p *pace) send(ctx context.Context, m *messages, n uint64) error {
	if p.first == 0 {
		p.first = time.Since(p.a.start) + p.every
	}
	for end := m.sent + n; m.sent < end; {
		due := p.first + time.Duration(m.sent)*p.every
		if err := p.clock.WaitUntil(p.a.start.Add(due)); err != nil {
			return err
		}
		for now := time.Since(p.a.start); due <= now && m.sent < end && len(m.out) < paceWrite; due += p.every {
			m.add(due)
		}
		if err := m.flush(); err != nil {
			return err
		}
		select {
		case err := <-p.a.failed:
			return err
		case <-ctx.Done():
			return context.Cause(ctx)
		default:
		}
	}
	return nil
}

// paceWrite bounds what is written at once after a stall, in bytes.
const paceWrite = 64 << 10
