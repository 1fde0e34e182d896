// Workload tui: what the dashboard costs the router it runs in. A router with one on a
// terminal and one without take turns, both with clients, params and changes as a large
// studio has them.

package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"time"

	"github.com/clasp-studio/clasp/cmd/clasp-bench/internal/host"
	"github.com/clasp-studio/clasp/cmd/clasp-bench/internal/process"
	"github.com/clasp-studio/clasp/router/wire"
)

const (
	// tuiRounds is how often the routers take turns with as much as gets through.
	tuiRounds = 5
	// tuiWriters each change a value every lateEvery: 20,000 changes a second in all.
	tuiWriters = 20
	// tuiSteady is how often they take turns with that.
	tuiSteady = 2
	// tuiFirst is on the first screen of a dashboard, whatever its size.
	tuiFirst = "Connections"
	tuiWide  = 200
	tuiHigh  = 50
)

// looked is a router that is looked at, or not.
type looked struct {
	p     *process.Process
	pour  *pour
	write writers
	rates []float64 // SETs a second, by round
	cpu   time.Duration
	wall  time.Duration
}

func runTUI(ctx context.Context, r rig) (result, error) {
	started, err := firstScreen(ctx, r)
	if err != nil {
		return result{}, err
	}
	tty, err := openTerminal(tuiWide, tuiHigh)
	if err != nil {
		return result{}, err
	}
	defer tty.close()
	var both [2]*looked // without, with
	for i := range both {
		var p *process.Process
		if i == 0 {
			p, err = r.start(ctx)
		} else {
			p, err = r.seated(ctx, tty, "--tui")
		}
		if err != nil {
			return result{}, err
		}
		defer p.Stop()
		if both[i], err = crowd(r, p); err != nil {
			return result{}, p.Explain(err)
		}
	}
	if err := tty.until(ctx, tuiFirst); err != nil {
		return result{}, both[1].p.Explain(err)
	}
	if err := tty.types("3"); err != nil { // State: the pane that changes most
		return result{}, err
	}

	for round := range 1 + tuiRounds {
		for turn := range both {
			l := both[(turn+round)%2] // neither is always first
			sets, took, err := l.pour.run(wire.Confirm, r.scale.duration/tuiRounds)
			if err != nil {
				return result{}, l.p.Explain(err)
			}
			if round > 0 { // buffers grow, caches fill
				l.rates = append(l.rates, float64(sets)/took.Seconds())
			}
		}
	}
	var written uint64
	for round := range tuiSteady {
		for turn := range both {
			i := (turn + round) % 2
			before := tty.count.Load()
			if err := both[i].steady(ctx, r.scale.duration/tuiSteady); err != nil {
				return result{}, both[i].p.Explain(err)
			}
			if i == 1 {
				written += tty.count.Load() - before
			}
		}
	}
	without, with := both[0], both[1]
	alone, err := attached(ctx, r, without)
	if err != nil {
		return result{}, err
	}
	var memory [2]float64
	for i, l := range both {
		if memory[i], err = host.ResidentKiB(l.p.PID()); err != nil {
			return result{}, err
		}
	}
	return result{values: []float64{
		started,
		median(without.rates), median(with.rates), 100 * median(with.rates) / median(without.rates),
		with.share() - without.share(), alone,
		memory[1] - memory[0],
		float64(written) / 1024 / with.wall.Seconds(),
	}}, nil
}

// share is the CPU time of a steady round, in percent of a core.
func (l *looked) share() float64 { return 100 * float64(l.cpu) / float64(l.wall) }

// firstScreen times starts with a dashboard, from before the exec to its first screen, and
// returns the median in milliseconds.
func firstScreen(ctx context.Context, r rig) (float64, error) {
	var took []float64
	for range r.scale.starts {
		tty, err := openTerminal(tuiWide, tuiHigh)
		if err != nil {
			return 0, err
		}
		begin := time.Now()
		p, err := r.seated(ctx, tty, "--tui")
		if err == nil {
			if err = tty.until(ctx, tuiFirst); err != nil {
				err = p.Explain(err)
			}
			p.Stop()
			took = append(took, float64(tty.told.Sub(begin))/float64(time.Millisecond))
		}
		tty.close()
		if err != nil {
			return 0, err
		}
	}
	slices.Sort(took)
	return took[len(took)/2], nil
}

// attached is the CPU time, in percent of a core, of a dashboard in a process of its own: what
// the other takes is a small difference of large numbers, this is all of it and the way to
// the router besides.
func attached(ctx context.Context, r rig, l *looked) (float64, error) {
	tty, err := openTerminal(tuiWide, tuiHigh)
	if err != nil {
		return 0, err
	}
	defer tty.close()
	_, port, _ := net.SplitHostPort(l.p.Addr) // freeAddress has joined them
	cmd := exec.CommandContext(ctx, l.p.Path(), "tui", "--port", port)
	cmd.Env = os.Environ()
	tty.of(cmd)
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was ended
	}()
	if err := tty.until(ctx, tuiFirst); err != nil {
		return 0, fmt.Errorf("clasp tui: %w", err)
	}
	if err := tty.types("3"); err != nil {
		return 0, err
	}
	begin, before := time.Now(), host.CPUTime(cmd.Process.Pid)
	if err := l.steady(ctx, r.scale.duration/tuiSteady); err != nil {
		return 0, l.p.Explain(err)
	}
	return 100 * float64(host.CPUTime(cmd.Process.Pid)-before) / float64(time.Since(begin)), nil
}

// crowd fills a router with clients and params, the params last: who comes later is sent all of
// them.
func crowd(r rig, p *process.Process) (*looked, error) {
	for i := range r.scale.lookedAt {
		l, err := r.dial(p, fmt.Sprintf("/bench/idle/%d/**", i))
		if err != nil {
			return nil, fmt.Errorf("client %d: %w", i+1, err)
		}
		l.rest() // it ends with the router
	}
	sets := numbered{uint64(r.scale.seen)}
	l, err := r.dial(p, "")
	if err != nil {
		return nil, err
	}
	w := &looked{p: p, pour: &pour{link: l, p: p, sets: sets}, write: writers{sets: sets}}
	for range tuiWriters {
		l, err := r.dial(p, "")
		if err != nil {
			return nil, err
		}
		w.write.links = append(w.write.links, l)
	}
	for w.pour.next < sets.count {
		if _, _, err := w.pour.run(wire.Confirm, 20*time.Millisecond); err != nil {
			return nil, err
		}
	}
	w.write.clock, err = host.NewAlarm()
	return w, err
}

// steady changes 20,000 values a second for a while.
func (l *looked) steady(ctx context.Context, d time.Duration) error {
	l.write.next = l.pour.next
	stop := make(chan struct{})
	acked := make(chan ackedRound, 1)
	m := measure(l.p)
	go func() { acked <- l.write.write(time.Now().Add(lateEvery), stop) }()
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
	close(stop)
	all := <-acked
	u := m.stop(int(l.write.next - l.pour.next))
	l.cpu, l.wall = l.cpu+u.server, l.wall+u.wall
	l.pour.next = l.write.next
	return all.err
}
