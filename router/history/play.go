package history

// What hands do to get in each other's way.

import (
	"context"
	"math/rand/v2"
	"slices"

	"github.com/clasp-studio/clasp/router/wire"
)

// Stage is a few params that everybody works on.
type Stage struct {
	Prefix string     // of their addresses
	QoS    []wire.QoS // of writes: any of these
	// Strategies are those that the router has been told for names on the stage: "max", "min" and "lock" are such names.
	Strategies map[string]Strategy
}

// The names on a stage. Bundles write those that are tied.
var (
	single = []string{"free/0", "free/1", "max", "min", "lock"}
	tied   = []string{"tied/0", "tied/1", "tied/2"}
)

// Recorder begins a history of the stage.
func (s *Stage) Recorder() *Recorder {
	strategies := make(map[string]Strategy)
	for name, strategy := range s.Strategies {
		strategies[s.Prefix+"/"+name] = strategy
	}
	return New(strategies)
}

// Addresses returns all there are.
func (s *Stage) Addresses() (all []string) {
	for _, name := range slices.Concat(single, tied) {
		all = append(all, s.Prefix+"/"+name)
	}
	return all
}

// Step does something by chance. The error is that of an operation which was not answered.
func (h *Hand) Step(ctx context.Context, random *rand.Rand, s *Stage) error {
	all := s.Addresses()
	address := all[random.IntN(len(all))]
	q := s.QoS[random.IntN(len(s.QoS))]
	switch n := random.IntN(100); {
	case n < 35:
		revision, err := h.Get(ctx, address)
		h.known[address] = revision
		return err
	case n < 38:
		return h.Look(ctx, s.Prefix+"/**")
	case n < 55:
		var sets []Set
		for range 1 + random.IntN(4) { // one of them twice at times
			sets = append(sets, h.set(random, s.Prefix+"/"+tied[random.IntN(len(tied))], 0.02))
		}
		return h.Bundle(ctx, q, sets...)
	default:
		return h.Set(ctx, q, h.set(random, address, 0.1))
	}
}

// set returns a write of an address, as likely to lock it as is said, and more likely to free it.
func (h *Hand) set(random *rand.Rand, address string, locks float64) Set {
	w := Set{Address: address, Value: h.recorder.Value(random.IntN(40))}
	if h.recorder.strategies[address] == Min {
		w.Value = -w.Value
	}
	if random.IntN(8) == 0 {
		w.Stated, w.Revision = true, h.known[address]
	}
	w.Lock = random.Float64() < locks
	w.Unlock = !w.Lock && random.Float64() < 3*locks
	return w
}
