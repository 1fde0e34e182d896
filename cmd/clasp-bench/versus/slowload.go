// What workload slow sends: both loops to everybody, and the flood to the one that does
// not read.

package versus

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/clasp-studio/clasp/cmd/clasp-bench/internal/process"
	"github.com/clasp-studio/clasp/cmd/clasp-bench/versus/peer"
)

// load runs the open loop and then the closed one. It returns how many messages a second
// came to the others in the closed one.
func (s *slowRun) load(ctx context.Context, res *result, open int) (rate float64, err error) {
	steady := pace{a: s.a, clock: s.clock, every: time.Second / slowRate}
	if err := steady.send(ctx, s.messages[open], s.each); err != nil {
		return 0, err
	}
	for range s.others {
		if _, err := await(ctx, s.a, s.complete); err != nil {
			return 0, err
		}
	}
	all := new(histogram)
	for i := range s.latencies[open] {
		all.merge(&s.latencies[open][i])
	}
	when := map[int]string{slowBefore: "before", slowWhile: "while"}[open]
	res.keep(when, all)
	res.set("p99_"+when, inMillis(all.quantile(0.99)))
	res.set("p999_"+when, inMillis(all.quantile(0.999)))

	m := s.messages[slowLoop]
	if _, err := s.pace.send(ctx, s.a, m, s.duration/5, func() { m.add(0) }); err != nil {
		return 0, err
	}
	start := time.Now()
	sent, err := s.pace.send(ctx, s.a, m, s.duration, func() { m.add(0) })
	return float64(sent) * float64(s.others) / time.Since(start).Seconds(), err
}

// flood publishes what only the one that has stopped has subscribed to, and returns how
// many messages that were, and the most memory that the server had meanwhile.
func (s *slowRun) flood(ctx context.Context, res *result) (sent uint64, most int64, err error) {
	c, err := s.peer.Dial(ctx, s.server.Addr())
	if err != nil {
		return 0, 0, err
	}
	defer abandon(c)
	if err := c.SetDeadline(time.Now().Add(process.Patience)); err != nil {
		return 0, 0, err
	}
	look := func() {
		if now, err := s.server.RSS(); err == nil { // one that has died is noticed by all others
			most = max(most, now)
		}
	}
	payload := bytes.Repeat([]byte{'.'}, slowFlood)
	var out []byte
	for n := uint64(s.of(64, 8) << 20 / slowFlood); sent < n && err == nil; sent++ {
		peer.Stamp{Publisher: slowPublishers, Sequence: sent}.Append(payload[:0])
		out = c.AppendPublish(out[:0], slowAddress, payload)
		_, err = c.Write(out)
		if sent%64 == 0 { // each MiB
			look()
		}
	}
	if err == nil {
		err = c.RoundTrip()
	}
	look()
	if errors.Is(err, os.ErrDeadlineExceeded) { // that is what a peer does to its publishers then
		res.notes = append(res.notes, fmt.Sprintf("who publishes to the one that does not read was held up after %d messages of 16 KiB, for %v", sent, process.Patience))
		err = nil
	}
	return sent, most, err
}
