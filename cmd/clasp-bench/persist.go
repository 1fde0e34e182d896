// Workload persist: what it costs SETs at fire and confirm that the router also writes
// the values to disk. A router with --persist and one without take turns.

package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/clasp-studio/clasp/cmd/clasp-bench/internal/process"
	"github.com/clasp-studio/clasp/router/store"
	"github.com/clasp-studio/clasp/router/wire"
)

const (
	// persistEvery is the interval between two checkpoints here, in seconds. By default
	// they are five times as far apart, and one run would have about one.
	persistEvery = "1"
	// persistRounds is how often the routers take turns in a run.
	persistRounds = 2
	// pourVolley is how many SETs go out in one write, and pourVolleys how many volleys
	// are under way.
	pourVolley  = 512
	pourVolleys = 2
)

// persistTo returns the flags that keep the state in a folder.
func persistTo(dir string) []string {
	return []string{"--persist", "--persist-path", stateFile(dir)}
}

func stateFile(dir string) string { return filepath.Join(dir, "state.db") }

func runPersist(ctx context.Context, r rig) (result, error) {
	var pours [2]*pour // without, with
	for i := range pours {
		var flags []string
		if i == 1 {
			flags = append(persistTo(r.dir), "--persist-interval", persistEvery)
		}
		p, err := r.start(ctx, flags...)
		if err != nil {
			return result{}, err
		}
		defer p.Stop()
		l, err := r.dial(p, "")
		if err != nil {
			return result{}, p.Explain(err)
		}
		defer l.Close()
		pours[i] = &pour{link: l, p: p, sets: numbered{uint64(r.scale.active)}}
	}

	levels := [2]wire.QoS{wire.Fire, wire.Confirm}
	var sets, seconds [2][2]float64 // by level, then as pours
	for round := range 1 + persistRounds {
		for level, q := range levels {
			for turn := range pours {
				i := (turn + round) % 2 // neither is always first
				d := r.scale.duration / persistRounds
				if round == 0 {
					d /= 5 // the params come to be, buffers grow, caches fill
				}
				n, took, err := pours[i].run(q, d)
				if err != nil {
					return result{}, pours[i].p.Explain(err)
				}
				if round > 0 {
					sets[level][i] += float64(n)
					seconds[level][i] += took.Seconds()
				}
				if i == 1 { // its last checkpoint must not slow down the other one
					select {
					case <-time.After(r.scale.pause):
					case <-ctx.Done():
						return result{}, ctx.Err()
					}
				}
			}
		}
	}
	if err := wrote(pours[1].p, r.dir, r.scale.active); err != nil {
		return result{}, err
	}
	var values []float64
	for level := range levels {
		without, with := sets[level][0]/seconds[level][0], sets[level][1]/seconds[level][1]
		values = append(values, without, with, 100*with/without)
	}
	return result{values: values}, nil
}

// wrote stops the router and says whether all params are in its file.
func wrote(p *process.Process, dir string, params int) error {
	p.Stop()
	found, err := store.Check(stateFile(dir))
	if err != nil {
		return p.Explain(err)
	}
	if found.Params != params || !found.Clean {
		return p.Explain(fmt.Errorf("%d of %d params are in the file; it was stopped in order: %t", found.Params, params, found.Clean))
	}
	return nil
}

// pour is a client that writes as much as gets through.
type pour struct {
	*link
	p    *process.Process
	sets numbered
	next uint64 // number
}

// run writes for as long as d and returns when the router has dealt with all of it: each
// volley ends with a PING, and the next but one waits for its PONG.
func (w *pour) run(q wire.QoS, d time.Duration) (sets int, took time.Duration, err error) {
	if err := w.SetDeadline(time.Now().Add(d + patience)); err != nil {
		return 0, 0, err
	}
	template := w.sets.template(w.link, q)
	var out []byte
	for range pourVolley {
		out = append(out, template...)
	}
	out = appendMessage(out, wire.Fire, wire.AppendPing(nil))
	first, acked := w.next, w.next
	start := time.Now()
	for underWay := 0; ; underWay-- {
		for ; underWay < pourVolleys && time.Since(start) < d; underWay++ {
			for i := range pourVolley {
				w.sets.fill(out[i*len(template):(i+1)*len(template)], w.next)
				w.next++
			}
			if _, err := w.Write(out); err != nil {
				return 0, 0, err
			}
		}
		if underWay == 0 {
			return int(w.next - first), time.Since(start), nil
		}
		if err := w.takeVolley(q, &acked); err != nil {
			return 0, 0, err
		}
	}
}

// takeVolley reads until the PONG of a volley, which must come after all its ACKs.
func (w *pour) takeVolley(q wire.QoS, acked *uint64) error {
	end := *acked + pourVolley
	for {
		p, err := w.link.next()
		switch {
		case err == nil && p == nil:
			err = w.fill()
		case err == nil && wire.Type(p[0]) == wire.TypePong && (q == wire.Fire || *acked == end):
			*acked = end
			return nil
		case err == nil && q == wire.Fire:
			err = unexpected(p)
		case err == nil:
			err = w.sets.checkAck(p, *acked)
			*acked++
		}
		if err != nil {
			return err
		}
	}
}
