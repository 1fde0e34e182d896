// Workload idle: what a connection costs that has subscribed and says nothing.

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/clasp-studio/clasp/cmd/clasp-bench/internal/host"
)

func runIdle(ctx context.Context, r rig) (result, error) {
	p, err := r.start(ctx)
	if err != nil {
		return result{}, err
	}
	defer p.Stop()
	pid := p.PID()
	before, err := host.ResidentKiB(pid)
	if err != nil {
		return result{}, err
	}

	var all []*link
	defer func() {
		for _, l := range all {
			// Reset, so that no port is kept waiting for the next round.
			if tcp, ok := l.Conn.(interface{ SetLinger(int) error }); ok {
				_ = tcp.SetLinger(0)
			}
			_ = l.Close()
		}
	}()
	m := measure(p)
	for i := range r.scale.idle {
		l, err := r.dial(p, fmt.Sprintf("/bench/idle/%d/**", i))
		if err != nil {
			return result{}, p.Explain(fmt.Errorf("connection %d: %w", i+1, err))
		}
		l.rest()
		all = append(all, l)
	}
	select {
	case <-time.After(r.scale.settle):
	case <-ctx.Done():
		return result{}, ctx.Err()
	}
	after, err := host.ResidentKiB(pid)
	if err != nil {
		return result{}, err
	}
	u := m.stop(r.scale.idle)
	for i, l := range all {
		if err := errors.Join(l.SetDeadline(time.Now().Add(patience)), l.ping()); err != nil {
			return result{}, p.Explain(fmt.Errorf("connection %d is dead after its idle time: %w", i+1, err))
		}
	}
	return result{[]float64{(after - before) / float64(r.scale.idle), before, after}, u}, nil
}
