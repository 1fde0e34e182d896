// Workload late: writers send SETs at a steady rate, and a subscriber comes who wants all
// of very many params. What its snapshot does to the writers' ACKs is measured; that it
// gets everything, and nothing twice or backwards, it checks itself (join.go).

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/clasp-studio/clasp/cmd/clasp-bench/internal/host"
	"github.com/clasp-studio/clasp/cmd/clasp-bench/internal/process"
	"github.com/clasp-studio/clasp/router/wire"
)

const (
	// lateWriters each send one SET every lateEvery: 10,000 a second in all.
	lateWriters = 10
	lateEvery   = time.Millisecond
	// lateRounds is how often a subscriber comes in a run, between times without one.
	lateRounds = 5
)

func runLate(ctx context.Context, r rig) (result, error) {
	sets := numbered{uint64(r.scale.params)}
	if err := writeState(r.dir, sets); err != nil {
		return result{}, err
	}
	p, err := r.start(ctx, persistTo(r.dir)...)
	if err != nil {
		return result{}, err
	}
	defer p.Stop()
	w := writers{sets: sets, next: sets.count} // the file has each param's first
	for range lateWriters {
		l, err := r.dial(p, "")
		if err != nil {
			return result{}, p.Explain(err)
		}
		defer l.Close()
		w.links = append(w.links, l)
	}
	if w.clock, err = host.NewAlarm(); err != nil {
		return result{}, err
	}
	defer w.clock.Close()

	var before, during []time.Duration
	var took []float64
	for range lateRounds {
		b, d, t, err := w.round(ctx, r, p.Addr)
		if err != nil {
			return result{}, p.Explain(err)
		}
		before, during, took = append(before, b...), append(during, d...), append(took, float64(t)/float64(time.Millisecond))
	}
	if len(before) == 0 || len(during) == 0 {
		return result{}, fmt.Errorf("%d SETs before and %d during a snapshot: too few to tell", len(before), len(during))
	}
	x, y := quantile(before, 0.99), quantile(during, 0.99)
	return result{values: []float64{x, y, y / x, median(took)}}, nil
}

// writers send numbered SETs, the number after each other's.
type writers struct {
	links []*link
	sets  numbered
	next  uint64 // number, of the first one's next
	clock *host.Alarm
}

// round writes for a while, lets a subscriber come, and goes on until it has everything.
func (w *writers) round(ctx context.Context, r rig, addr string) (before, during []time.Duration, took time.Duration, err error) {
	stop := make(chan struct{})
	acked := make(chan ackedRound, 1)
	start := time.Now().Add(lateEvery)
	go func() { acked <- w.write(start, stop) }()
	stopped := sync.OnceValue(func() ackedRound {
		close(stop)
		return <-acked
	})
	defer stopped()

	alone := r.scale.duration / lateRounds
	select {
	case <-time.After(alone):
	case <-ctx.Done():
		return nil, nil, 0, ctx.Err()
	}
	j, err := startJoiner(ctx, r, addr)
	if err != nil {
		return nil, nil, 0, err
	}
	defer j.end()
	if err := j.expect(joinSubscribing); err != nil {
		return nil, nil, 0, err
	}
	from := time.Since(start)
	if err := j.expect(joinComplete); err != nil {
		return nil, nil, 0, err
	}
	to := time.Since(start)
	all := stopped()
	if all.err != nil {
		return nil, nil, 0, all.err
	}
	if _, err := fmt.Fprintln(j.in, w.next); err != nil {
		return nil, nil, 0, j.explain(err)
	}
	if err := j.expect(joinRight); err != nil {
		return nil, nil, 0, err
	}
	for _, latencies := range all.latencies {
		for tick, latency := range latencies {
			switch at := time.Duration(tick) * lateEvery; {
			case alone/5 <= at && at < alone: // after the first moments
				before = append(before, latency)
			case from <= at && at < to:
				during = append(during, latency)
			}
		}
	}
	return before, during, to - from, nil
}

// ackedRound is what came of a round: for each writer, how long after the time it was
// meant to go each SET had its ACK.
type ackedRound struct {
	latencies [][]time.Duration
	err       error
}

// write sends until stop is closed and returns when everything is acknowledged.
func (w *writers) write(start time.Time, stop <-chan struct{}) ackedRound {
	round := ackedRound{latencies: make([][]time.Duration, len(w.links))}
	errs := make([]error, len(w.links))
	var readers sync.WaitGroup
	for i, l := range w.links {
		first := w.next + uint64(i)
		readers.Go(func() { round.latencies[i], errs[i] = takeSteady(l, w.sets, first, uint64(len(w.links)), start) })
	}
	err := w.send(start, stop)
	if err != nil {
		for _, l := range w.links {
			_ = l.SetReadDeadline(time.Now()) // ends the readers
		}
	}
	readers.Wait()
	round.err = errors.Join(append(errs, err)...)
	return round
}

func (w *writers) send(start time.Time, stop <-chan struct{}) error {
	message := w.sets.template(w.links[0], wire.Confirm)
	for tick := 0; ; tick++ {
		if err := w.clock.WaitUntil(start.Add(time.Duration(tick) * lateEvery)); err != nil {
			return err
		}
		select {
		case <-stop:
			ping := appendMessage(nil, wire.Fire, wire.AppendPing(nil))
			for _, l := range w.links {
				if err := l.SetReadDeadline(time.Now().Add(patience)); err != nil {
					return err
				}
				if _, err := l.Write(ping); err != nil {
					return err
				}
			}
			return nil
		default:
		}
		for _, l := range w.links {
			w.sets.fill(message, w.next)
			w.next++
			if _, err := l.Write(message); err != nil {
				return err
			}
		}
	}
}

// takeSteady reads the ACKs of one writer until its PONG: those of number and every step on.
func takeSteady(l *link, sets numbered, number, step uint64, start time.Time) (latencies []time.Duration, err error) {
	for {
		p, err := l.next()
		switch {
		case err == nil && p == nil:
			err = l.fill()
		case err == nil && wire.Type(p[0]) == wire.TypePong:
			return latencies, l.SetReadDeadline(time.Time{})
		case err == nil:
			if err = sets.checkAck(p, number); err == nil {
				meant := time.Duration(len(latencies)) * lateEvery
				latencies = append(latencies, time.Since(start)-meant)
				number += step
			}
		}
		if err != nil {
			return nil, fmt.Errorf("writer: %w", err)
		}
	}
}

// joiner is a subscriber in a process of its own: it must not take the load generator's
// time, which would count as the router's.
type joiner struct {
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Reader
	said *process.Tail
}

func startJoiner(ctx context.Context, r rig, addr string) (*joiner, error) {
	j := &joiner{cmd: exec.CommandContext(ctx, r.self, "join", addr, fmt.Sprint(r.scale.params)), said: new(process.Tail)}
	j.cmd.Stderr = j.said
	out, err := j.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	j.out = bufio.NewReader(out)
	if j.in, err = j.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	return j, j.cmd.Start()
}

// expect waits for a line.
func (j *joiner) expect(line string) error {
	got, err := j.out.ReadString('\n')
	if err == nil && strings.TrimSpace(got) != line {
		err = fmt.Errorf("it says %q, not %q", got, line)
	}
	if err != nil {
		return j.explain(err)
	}
	return nil
}

func (j *joiner) explain(err error) error {
	j.end() // its last words are there then
	return fmt.Errorf("the subscriber who came late: %w: %s", err, j.said)
}

func (j *joiner) end() {
	_ = j.in.Close() // ends it, if it has not
	_ = j.cmd.Wait() // how it ended is told by what it said
}
