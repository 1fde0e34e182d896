// Workload restart: how long a router with very many params in its file takes until it
// serves its first client, and what they cost it in memory.

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/clasp-studio/clasp/cmd/clasp-bench/internal/host"
	"github.com/clasp-studio/clasp/router/store"
	"github.com/clasp-studio/clasp/router/wire"
)

// restartSample is how many params are asked for to see that the right ones are back.
const restartSample = 1000

func runRestart(ctx context.Context, r rig) (result, error) {
	sets := numbered{uint64(r.scale.params)}
	empty, full := filepath.Join(r.dir, "empty"), filepath.Join(r.dir, "full")
	if err := errors.Join(os.Mkdir(empty, 0o700), os.Mkdir(full, 0o700), writeState(full, sets)); err != nil {
		return result{}, err
	}
	without, err := r.measureStart(ctx, empty, nil)
	if err != nil {
		return result{}, err
	}
	with, err := r.measureStart(ctx, full, func(l *link) error { return expectParams(l, sets) })
	if err != nil {
		return result{}, err
	}
	// A value is a code and 8 bytes. All else is overhead, the address included.
	values := float64(len(sets.value(nil, 0)) * r.scale.params)
	each := ((with.resident-without.resident)*1024 - values) / float64(r.scale.params)
	return result{values: []float64{
		with.welcome, with.welcome - without.welcome, each, without.resident, with.resident, with.most,
	}}, nil
}

// writeState makes a file in a folder with every param as its first SET leaves it.
func writeState(dir string, sets numbered) error {
	im, err := store.NewImport(stateFile(dir))
	if err != nil {
		return err
	}
	const writer = "8a2b6c1e-53f0-4d6a-9d0e-5f1f2c3b4a59" // as a session is called
	now := uint64(time.Now().UnixMicro())
	inOrder := make([]uint64, sets.count) // of the addresses: the number that each has first
	for n := range sets.count {
		inOrder[sets.param(n)] = n
	}
	for _, n := range inOrder {
		err := im.Add(&store.Record{
			Address: sets.address(nil, n), Value: sets.value(nil, n), Revision: sets.revision(n), Writer: []byte(writer), Written: now,
		})
		if err != nil {
			return errors.Join(err, im.Abort())
		}
	}
	return im.Finish()
}

// started is what a start took.
type started struct {
	welcome        float64 // ms from before the exec to WELCOME
	resident, most float64 // KiB, after the settling time
}

// measureStart starts a router on the state in a folder. check, unless nil, looks at
// what is there, when everything is measured.
func (r rig) measureStart(ctx context.Context, dir string, check func(*link) error) (s started, err error) {
	begin := time.Now()
	p, err := r.start(ctx, persistTo(dir)...)
	if err != nil {
		return s, err
	}
	defer p.Stop()
	l, err := r.dial(p, "")
	if err != nil {
		return s, p.Explain(err)
	}
	defer l.Close()
	s.welcome = float64(time.Since(begin)) / float64(time.Millisecond)
	select {
	case <-time.After(r.scale.settle):
	case <-ctx.Done():
		return s, ctx.Err()
	}
	if s.resident, err = host.ResidentKiB(p.PID()); err != nil {
		return s, err
	}
	if s.most, err = host.MostResidentKiB(p.PID()); err != nil {
		return s, err
	}
	if check == nil {
		return s, nil
	}
	if err := l.SetDeadline(time.Now().Add(patience)); err != nil {
		return s, err
	}
	if err := check(l); err != nil {
		return s, p.Explain(err)
	}
	return s, nil
}

// expectParams asks for some params, the first and the last among them.
func expectParams(l *link, sets numbered) error {
	for i := range uint64(restartSample) {
		n := i * (sets.count - 1) / (restartSample - 1)
		address := sets.address(nil, n)
		if _, err := l.Write(appendMessage(nil, wire.Fire, wire.AppendGet(nil, wire.Get{Address: address}))); err != nil {
			return err
		}
		p, err := l.await(wire.TypeSnapshot)
		if err != nil {
			return err
		}
		m, err := wire.DecodeSnapshot(p)
		if err != nil {
			return err
		}
		e, _ := m.Next()
		got, err := sets.check(e.Address, e.Value, e.Revision)
		switch {
		case err != nil:
			return err
		case m.Count != 1 || got != n:
			return fmt.Errorf("the file has the value %d for %s, the router has %d", n, address, got)
		}
	}
	return nil
}
