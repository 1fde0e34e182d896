// Workload slow: what 99 subscribers notice of one that stops reading, and what the peer
// does with that one.

package versus

import (
	"context"
	"errors"
	"runtime/debug"
	"slices"
	"time"

	"github.com/clasp-studio/clasp/cmd/clasp-bench/internal/host"
	"github.com/clasp-studio/clasp/cmd/clasp-bench/versus/peer"
)

const (
	slowSubscribers = 100
	// slowRate is how many messages go to everybody a second in the open loops: few for
	// every peer.
	slowRate = 500
	// slowFlood is the size of the messages that only the one who does not read is sent,
	// so that what the kernel keeps for it is soon full.
	slowFlood   = 16 << 10
	slowAddress = "/bench/slow/flood"
)

// The publishers of workload slow.
const (
	slowLoop   = iota // closed loop
	slowBefore        // open loop, with everybody reading
	slowWhile         // open loop, while one does not
	slowPublishers
)

var slow = workload{
	name:  "slow",
	title: "One of 100 subscribers stops reading",
	about: "An open loop of 500 messages a second and then a closed loop, first with everybody reading. Then one stops, " +
		"and is sent 64 MiB (8 with --quick) in messages of 16 KiB that nobody else gets, and both loops run again; the numbers are those of the other 99. " +
		"Memory is the most that the server had then, over what it had when the one stopped. Last, the one reads on, and finds what was kept for it. " +
		"Here each peer has the limits for slow readers that it comes with.",
	needs:  peer.PubSub,
	placed: true,
	numbers: []number{
		{"p99_while", "p99 while one does not read", millis, lower},
		{"p99_before", "p99 before", millis, neither},
		{"p999_while", "p99.9 while one does not read", millis, lower},
		{"p999_before", "p99.9 before", millis, neither},
		{"rate_while", "deliveries to the others meanwhile", perSecond, higher},
		{"rate_share", "of those before", percent, neither},
		{"memory", "memory (RSS) that it costs", mib, lower},
	},
	run: runSlow,
}

func runSlow(ctx context.Context, r *rig) (result, error) {
	// The load's own collector is not to be seen in what it measures.
	defer debug.SetGCPercent(debug.SetGCPercent(1000))
	server, err := r.peer.Start(ctx, peer.StartOptions{Cores: r.at.Server, Dir: r.dir, Bounded: true})
	if err != nil {
		return result{}, err
	}
	defer server.Stop()
	s := newSlowRun(r, server)
	if s.clock, err = host.NewAlarm(); err != nil {
		return result{}, err
	}
	defer s.clock.Close()
	s.a, err = gather(ctx, r, server, slices.Repeat([]string{fanAddress}, s.others), slowPublishers, s.received)
	if err != nil {
		return result{}, err
	}
	for i := range s.messages {
		s.messages[i] = newMessages(s.a.publishers[i], i, fanAddress)
	}
	var res result
	err = s.a.verdict(s.measure(ctx, &res), func(int) map[uint32]uint64 {
		return map[uint32]uint64{slowLoop: s.messages[slowLoop].sent, slowBefore: s.messages[slowBefore].sent, slowWhile: s.messages[slowWhile].sent}
	})
	return res, err
}

// slowRun is one run.
type slowRun struct {
	*rig
	server   *peer.Server
	a        *audience
	clock    *host.Alarm
	others   int // subscribers
	each     uint64
	messages [slowPublishers]*messages
	pace     *loop
	// latencies of the open loops, of each subscriber, and who has all of one.
	latencies [slowPublishers][]histogram
	complete  chan struct{}
}

func newSlowRun(r *rig, server *peer.Server) *slowRun {
	s := &slowRun{rig: r, server: server, others: r.of(slowSubscribers, 20) - 1}
	s.each = uint64(max(10, slowRate*r.duration.Seconds()))
	s.pace = newLoop(volley, volleysFor(slowSubscribers), s.others+1)
	for i := range s.latencies {
		s.latencies[i] = make([]histogram, s.others)
	}
	s.complete = make(chan struct{}, s.others)
	return s
}

// received is told of every delivery to the others.
func (s *slowRun) received(subscriber int, stamp peer.Stamp, now time.Duration) {
	if stamp.Publisher == slowLoop {
		s.pace.note(subscriber, stamp.Sequence)
		return
	}
	h := &s.latencies[stamp.Publisher][subscriber]
	if h.add(now - stamp.At); h.total == s.each {
		s.complete <- struct{}{}
	}
}

// measure has one stop reading, between two times of the same.
func (s *slowRun) measure(ctx context.Context, res *result) error {
	c, err := s.peer.Dial(ctx, s.server.Addr())
	if err != nil {
		return err
	}
	if err := errors.Join(c.Subscribe(fanAddress), c.Subscribe(slowAddress)); err != nil {
		abandon(c)
		return err
	}
	one := stall(c, func(stamp peer.Stamp) {
		if stamp.Publisher == slowLoop {
			s.pace.note(s.others, stamp.Sequence)
		}
	})
	defer one.close()
	return s.compare(ctx, res, one)
}

func (s *slowRun) compare(ctx context.Context, res *result, one *stalled) error {
	before, err := s.load(ctx, res, slowBefore)
	if err != nil {
		return err
	}
	had := one.got.Load()
	one.stop()
	memory, err := s.server.RSS()
	if err != nil {
		return err
	}
	flooded, most, err := s.flood(ctx, res)
	if err != nil {
		return err
	}
	looped := s.messages[slowLoop].sent
	s.pace.subscribers.Add(-1)
	meanwhile, err := s.load(ctx, res, slowWhile)
	if err != nil {
		return err
	}
	after, err := s.server.RSS()
	if err != nil {
		return err
	}
	res.set("rate_while", meanwhile)
	res.set("rate_share", 100*meanwhile/before)
	res.set("memory", float64(max(most, after)-memory)/(1<<20))

	publisher, err := s.peer.Dial(ctx, s.server.Addr())
	if err != nil {
		return err
	}
	defer abandon(publisher)
	said, err := one.fate(ctx, had, flooded+s.each+s.messages[slowLoop].sent-looped, func() error {
		out := publisher.AppendPublish(nil, slowAddress, peer.Stamp{Publisher: markPublisher}.Append(nil))
		_, err := publisher.Write(out)
		return err
	})
	res.notes = append(res.notes, said)
	return err
}
