// A season: everybody comes, round follows round, and everybody leaves.

package soak

import (
	"context"
	"fmt"
	"sync"
	"syscall"
	"time"
)

// season lets everybody in for so long, or until ctx ends. It returns when all have left.
func (w *world) season(ctx context.Context, lasts time.Duration) error {
	inside, leave := context.WithCancel(ctx)
	var all sync.WaitGroup
	w.mu.Lock()
	for _, addresses := range w.fresh {
		w.ledger.forget(addresses) // of the season before: they may expire while nobody is there
	}
	w.fresh = [][]string{nil}
	w.mu.Unlock()
	for _, someone := range w.cast() {
		all.Go(func() { someone(inside) })
	}
	all.Go(func() { w.reloads(inside) })
	all.Go(func() { w.watch(inside) })

	var err error
	for end := time.Now().Add(lasts); err == nil && ctx.Err() == nil && time.Now().Before(end); {
		select {
		case <-time.After(min(w.Round, time.Until(end))):
			err = w.compare(ctx)
		case <-ctx.Done():
		}
		w.progress()
	}
	leave()
	// Who waits for an answer on a bad network does not hold up all the others.
	late := time.AfterFunc(time.Second, w.clear)
	all.Wait()
	late.Stop()
	if ctx.Err() != nil {
		err = nil // it ends early, however that shows: the report says so
	}
	return err
}

// clear ends every session that there still is.
func (w *world) clear() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for s := range w.sessions {
		s.reset()
	}
}

// cast is everybody who is there, beside the people.
func (w *world) cast() []func(context.Context) {
	all := []func(context.Context){w.flood, w.flood, w.maker, w.vandal}
	ways := []way{overWS, overTCP, overQUIC}
	for i := range max(3, w.Sessions/100) {
		over := ways[i%len(ways)]
		all = append(all, func(ctx context.Context) { w.staller(ctx, over, i%2 == 0) })
	}
	for i := range max(3, w.Sessions/500) {
		over := ways[i%len(ways)]
		all = append(all, func(ctx context.Context) { w.neighbour(ctx, over) }, w.bundleReader)
	}
	if w.rehearsed.Load() {
		ways = append(ways, overUDP)
	}
	for _, over := range ways {
		all = append(all, func(ctx context.Context) { w.onlooker(ctx, over) })
	}
	for len(all) < w.Sessions {
		all = append(all, w.person)
	}
	return all
}

// reloads has the router read its files again and again, every third time with a mistake in
// them, and waits until it says what came of it.
func (w *world) reloads(ctx context.Context) {
	for n := 1; pause(ctx, w.Round/3); n++ {
		good := n%3 != 0
		if err := w.reload(ctx, good); err != nil && ctx.Err() == nil {
			w.verdict.fail(standing, "reload %d: %v", n, err)
			return
		}
		w.did(map[bool]string{true: "reloads", false: "reloads with a mistake"}[good])
	}
}

func (w *world) reload(ctx context.Context, good bool) error {
	name := map[bool]string{true: `clasp_config_reload_total{result="success"}`, false: `clasp_config_reload_total{result="failure"}`}[good]
	before, err := w.srv.scrape(ctx)
	if err != nil {
		return err
	}
	if _, ok := before[name]; !ok {
		return fmt.Errorf("the router exports no %s", name)
	}
	if err := w.srv.change(good); err != nil {
		return err
	}
	if err := w.srv.signal(syscall.SIGHUP); err != nil {
		return err
	}
	for deadline := time.Now().Add(patience); ; {
		now, err := w.srv.scrape(ctx)
		if err != nil {
			return err
		}
		if now[name] > before[name] {
			w.verdict.hold(standing, 1)
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s stays %v after SIGHUP", name, now[name])
		}
		if !pause(ctx, 20*time.Millisecond) {
			return context.Cause(ctx)
		}
	}
}

// watch looks at the router all the time, and notes the most of everything.
func (w *world) watch(ctx context.Context) {
	for pause(ctx, time.Second) {
		v, err := w.srv.look(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			w.verdict.fail(standing, "%v", w.srv.proc.Explain(err))
			return
		}
		w.mu.Lock()
		w.peak = w.peak.most(v)
		w.mu.Unlock()
		w.weigh(v)
	}
}

// weigh holds the memory of the router against what it may take.
func (w *world) weigh(v vitals) {
	if bound := w.mostMemory(); v.MemoryKiB > bound {
		w.verdict.fail(unhurt, "the router has %d MiB, at most %d MiB were expected with %d sessions", v.MemoryKiB>>10, bound>>10, v.Sessions)
	}
}

// mostMemory is what the router may take, in KiB: what it has when it is empty, and for every
// session the buffers of TLS, the transport and the session (some 30 KiB over WebSocket with
// TLS, more over QUIC); for each that does not read the hard limit of its queue
// (protocol section 9: 1 MiB). Twice, as the collector lets garbage grow to as much as is alive.
func (w *world) mostMemory() int {
	const empty, each, stopped = 48 << 10, 48, 1 << 10
	return 2 * (empty + each*w.Sessions + stopped*max(3, w.Sessions/100))
}

func (w *world) progress() {
	words, failed := w.verdict.failures()
	w.mu.Lock()
	defer w.mu.Unlock()
	_, _ = fmt.Fprintf(w.Progress, "%v: %s; %d failures\n", time.Since(w.began).Round(time.Second), w.peak, failed)
	for _, line := range words[min(w.said, len(words)):] {
		_, _ = fmt.Fprintln(w.Progress, "  ", line)
	}
	w.said = len(words)
}
