// Workload late: one who comes when a million values are there, and wants all of them.

package versus

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/clasp-studio/clasp/cmd/clasp-bench/internal/process"
	"github.com/clasp-studio/clasp/cmd/clasp-bench/versus/peer"
)

const (
	latePattern = "/bench/late/*"
	// lateRounds is how often somebody comes in a run.
	lateRounds = 3
	// lateVolley is how many values are stored between two round trips, so that no peer has
	// to hold more than that which it has not yet dealt with.
	lateVolley = 1000
	// storePatience bounds the storing of all values, and latePatience each snapshot of them.
	storePatience = 3 * time.Minute
	latePatience  = time.Minute
)

var late = workload{
	name:  "late",
	title: "A late joiner and 1,000,000 values",
	about: "1,000,000 values of 32 bytes (20,000 with --quick), each under an address of its own, are stored: " +
		"params, or retained messages. Then one connects and subscribes to all of them; " +
		"its time runs from before it connects until it has the last one, and each has to come exactly once. " +
		"The bytes are all that its socket has received. There are three minutes for storing, and one for each joiner.",
	needs: peer.Retain,
	numbers: []number{
		{"complete", "until the last value (median of 3)", millis, lower},
		{cpuNumber.key, "server CPU a value", micros, lower},
		{"bytes", "received a value", bytesUnit, lower},
		{"memory", "memory (RSS) a value", bytesUnit, lower},
		{"stored", "stored", perSecond, neither},
	},
	run: runLate,
}

func runLate(ctx context.Context, r *rig) (res result, err error) {
	s, err := r.start(ctx, false)
	if err != nil {
		return result{}, err
	}
	defer end(s, &err)
	count := r.of(1_000_000, 20_000)
	empty, err := s.RSS()
	if err != nil {
		return result{}, err
	}
	start := time.Now()
	if err := r.retain(ctx, s, count); err != nil {
		return result{}, err
	}
	res.set("stored", float64(count)/time.Since(start).Seconds())
	full, err := s.RSS()
	if err != nil {
		return result{}, err
	}
	res.set("memory", float64(full-empty)/float64(count))

	var took, received, cpu []float64
	for range lateRounds {
		m := measure(s)
		d, bytes, err := r.comeLate(ctx, s, count)
		if err != nil {
			return result{}, err
		}
		took = append(took, inMillis(d))
		cpu = append(cpu, float64(m.stop().server)/float64(time.Microsecond)/float64(count))
		received = append(received, float64(bytes)/float64(count))
	}
	res.set("complete", middle(took))
	if used := middle(cpu); used > 0 { // where it can be read
		res.set(cpuNumber.key, used)
	}
	res.set("bytes", middle(received))
	return res, nil
}

// middle is the median of an odd number of values.
func middle(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

// retain stores the values.
func (r *rig) retain(ctx context.Context, s *peer.Server, count int) error {
	c, err := r.peer.Dial(ctx, s.Addr())
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	var out, payload []byte
	start := time.Now()
	for i := 0; i < count; {
		out = out[:0]
		for end := min(count, i+lateVolley); i < end; i++ {
			payload = peer.Stamp{Sequence: uint64(i)}.Append(payload[:0])
			out = c.AppendRetained(out, fmt.Sprintf("/bench/late/%07d", i), payload)
		}
		_, err := c.Write(out)
		if err == nil {
			err = c.RoundTrip()
		}
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded), err == nil && time.Since(start) > storePatience:
			return unable{fmt.Sprintf("it has stored only about %d of %d values after %v", i, count, time.Since(start).Round(time.Second))}
		case err != nil:
			return fmt.Errorf("store values up to %d: %w", i, err)
		}
	}
	return nil
}

// comeLate is one who joins: how long until all values were there, and what was received.
func (r *rig) comeLate(ctx context.Context, s *peer.Server, count int) (took time.Duration, bytes int64, err error) {
	quiet := process.Patience
	if r.quick {
		quiet /= 5
	}
	all := newRoll(count)
	start := time.Now()
	c, err := r.peer.Dial(ctx, s.Addr())
	if errors.Is(err, os.ErrDeadlineExceeded) { // some send all values as a greeting
		return 0, 0, unable{fmt.Sprintf("one who comes late is not greeted within %v", process.Patience)}
	}
	if err != nil {
		return 0, 0, err
	}
	defer abandon(c)
	if _, err := c.Write(c.AppendSubscribe(nil, latePattern)); err != nil {
		return 0, 0, err
	}
	for end := start.Add(latePatience); all.missing > 0; {
		deadline, last := time.Now().Add(quiet), false
		if deadline.After(end) {
			deadline, last = end, true
		}
		if err := c.SetReadDeadline(deadline); err != nil {
			return 0, 0, err
		}
		err := c.Read(func(payload []byte) {
			number := uint64(count) // nobody's
			if p, err := peer.ReadStamp(payload); err == nil {
				number = p.Sequence
			}
			all.call(number, count)
		})
		if err == nil {
			continue
		}
		came := fmt.Sprintf("one who comes late gets %d of %d values", count-all.missing, count)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded) && last:
			return 0, 0, unable{fmt.Sprintf("%s within %v", came, latePatience)}
		case errors.Is(err, os.ErrDeadlineExceeded):
			return 0, 0, unable{fmt.Sprintf("%s and then nothing for %v", came, quiet)}
		default:
			return 0, 0, fmt.Errorf("%s: %w", came, err)
		}
	}
	took = time.Since(start)
	if all.repeated > 0 || all.strange > 0 {
		return 0, 0, void{repeated: uint64(all.repeated), disordered: uint64(all.strange)}
	}
	bytes, err = receivedBytes(c.Conn)
	return took, bytes, err
}
