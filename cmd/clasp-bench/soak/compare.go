// The comparison at the end of a round: all writing stops for a moment, and everybody who
// reads must come to have exactly what the router has.

package soak

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/clasp-studio/clasp/router/wire"
)

// probe is a session that asks for params by GET.
type probe struct {
	*session
	mu  sync.Mutex
	now map[string]found
	bad error
}

func (w *world) probe(ctx context.Context) (*probe, error) {
	p := &probe{now: make(map[string]found)}
	s, err := w.enter(ctx, manner{role: "probe", way: overWS, take: p.noted})
	p.session = s
	return p, err
}

func (p *probe) noted(address string, f found, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		p.bad = fmt.Errorf("%s: %w", address, err)
	}
	if delete(p.now, address); f.revision > 0 {
		p.now[address] = f
	}
}

// get asks for some params. Those that there are not are not in the answer.
func (p *probe) get(addresses []string) (map[string]found, error) {
	p.mu.Lock()
	clear(p.now) // a welcome told some that nobody has asked for
	p.mu.Unlock()
	for i, address := range addresses {
		if err := p.send(framed(wire.Fire, wire.AppendGet(nil, wire.Get{Address: []byte(address)}))); err != nil {
			return nil, err
		}
		// Not too many answers at once, lest neither side reads.
		if i%100 == 99 || i == len(addresses)-1 {
			if err := p.ping(); err != nil {
				return nil, err
			}
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.now), p.bad
}

// compare ends a round.
func (w *world) compare(ctx context.Context) error {
	w.gate.Lock()
	defer w.gate.Unlock()
	p, err := w.probe(ctx)
	if err != nil {
		return fmt.Errorf("compare: %w", err)
	}
	defer p.close()
	// What is still on its way in a bad network comes to be written meanwhile, and so the
	// router is asked again and again.
	slow := time.Now().Add(patience / 4)
	for deadline := time.Now().Add(3 * patience); ; {
		now, err := p.get(w.ledger.addresses())
		if err != nil {
			return fmt.Errorf("compare: %w", err)
		}
		broken, err := w.differ(now)
		if err == nil {
			w.events.sweep()
			break
		}
		if now := time.Now(); now.After(slow) {
			w.say(fmt.Sprintf("the comparison waits: %v", err))
			slow = now.Add(patience / 4)
		}
		if time.Now().After(deadline) {
			w.verdict.fail(broken, "%v, and nobody has written for %v", err, 3*patience)
			break
		}
		if !pause(ctx, 50*time.Millisecond) {
			return context.Cause(ctx)
		}
	}
	w.nextRound()
	return nil
}

// differ says what is not yet as it must become.
func (w *world) differ(now map[string]found) (promise, error) {
	for address, f := range now {
		w.ledger.shown(address, f.revision, f.n)
	}
	if err := w.ledger.keeps(now); err != nil {
		return newest, err
	}
	reading, asleep := w.readers()
	for _, s := range reading {
		if broken, err := s.obs.lags(now, w.events); err != nil {
			return broken, err
		}
	}
	for _, group := range w.groups {
		w.ledger.together(*group, now)
	}
	w.verdict.hold(newest, len(reading))
	w.verdict.hold(complete, len(reading))
	if asleep > 0 {
		w.verdict.hold(unhurt, len(reading))
		w.did("comparisons while some did not read")
	}
	w.did("comparisons")
	return 0, nil
}

// nextRound lets go of what the last round but one has made: it expires some time after.
func (w *world) nextRound() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.fresh) >= 2 {
		w.ledger.forget(w.fresh[0])
		w.fresh = w.fresh[1:]
	}
	w.fresh = append(w.fresh, nil)
}
