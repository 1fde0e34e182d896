// Workload start: how long after the program is started the first client is served.

package main

import (
	"context"
	"slices"
	"time"
)

func runStart(ctx context.Context, r rig) (result, error) {
	var took []float64
	for range r.scale.starts {
		d, err := startOnce(ctx, r)
		if err != nil {
			return result{}, err
		}
		took = append(took, float64(d)/float64(time.Millisecond))
	}
	slices.Sort(took)
	return result{values: []float64{took[len(took)/2]}}, nil
}

// startOnce times one start, from before the exec to WELCOME.
func startOnce(ctx context.Context, r rig) (time.Duration, error) {
	begin := time.Now()
	p, err := r.start(ctx)
	if err != nil {
		return 0, err
	}
	defer p.Stop()
	l, err := r.dial(p, "")
	if err != nil {
		return 0, p.Explain(err)
	}
	took := time.Since(begin)
	return took, l.Close()
}
