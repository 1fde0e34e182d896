// The running server as a dashboard and clasp status see it: a monitor.Source of the engine,
// of pairing, of the listeners and of the log. Nothing of it is kept up to date while nobody
// looks, and who looks holds nobody up.

package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/clasp-studio/clasp/config"
	"github.com/clasp-studio/clasp/router/monitor"
)

const (
	// watchEvery is how often who waits for a change looks for one.
	watchEvery = 25 * time.Millisecond
	// watchAtMost is how long he waits for it.
	watchAtMost = time.Second
	// framesAtOnce is how many are made at once: who routes needs the processors too.
	framesAtOnce = 4
)

// watched is a server that can be looked at.
type watched struct {
	s       *server
	start   string        // a word that no other start of a router has
	making  chan struct{} // has something in it for each frame and each detail that is being made
	walks   walks
	table   monitor.Table // of the connections
	inForce atomic.Pointer[inForce]
	process process
	ways    recent[[]monitor.Listener]
	disk    recent[string]

	pairingMu sync.Mutex
	pairing   recentPairing

	branchMu sync.Mutex
	branches map[string]*seenBranch
	walked   time.Time
}

// inForce is what reloads change, for goroutines besides that of run.
type inForce struct {
	config config.Config
	access string // what a client needs to be let in, a discovery.Auth value
}

func newWatched(s *server) *watched {
	w := &watched{s: s, start: rand.Text(), making: make(chan struct{}, framesAtOnce), branches: make(map[string]*seenBranch)}
	w.walks.turn = make(chan struct{}, 1)
	w.use(s.running, s.wanted())
	return w
}

// use has it show another configuration.
func (w *watched) use(c config.Config, access string) { w.inForce.Store(&inForce{c, access}) }

// seq moves when anything has: it is a sum of counters that only grow.
func (w *watched) seq() uint64 {
	return w.s.router.Seq() + w.s.log.ring.Seq() + w.s.devices.moved.Load()
}

// Wait returns when something has changed since seq, or after a second.
func (w *watched) Wait(ctx context.Context, since uint64) {
	if w.seq() != since {
		return
	}
	end := time.NewTimer(watchAtMost)
	defer end.Stop()
	look := time.NewTicker(watchEvery)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-end.C:
			return
		case <-look.C:
			if w.seq() != since {
				return
			}
		}
	}
}

// begin waits until few enough are looking.
func (w *watched) begin(ctx context.Context) error {
	select {
	case w.making <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (w *watched) end() { <-w.making }

// Frame is one moment.
func (w *watched) Frame(ctx context.Context, q monitor.Query) (monitor.Frame, error) {
	for _, address := range q.Branches {
		if len(address) > branchLongest {
			return monitor.Frame{}, refuse(monitor.ErrInvalid, "a branch is longer than any address")
		}
	}
	if err := w.begin(ctx); err != nil {
		return monitor.Frame{}, err
	}
	defer w.end()
	now := time.Now()
	f := monitor.Frame{
		At: now, Seq: w.seq(), // before anything is looked at: what changes meanwhile is for the next one
		Overview: w.overview(now),
		Values:   w.s.router.Values(q.Values[:min(len(q.Values), monitor.MaxValues)]),
		Branches: w.seenBranches(q.Branches[:min(len(q.Branches), monitor.MaxBranches)], now),
		Pairing:  w.pairingNow(now),
		Logs:     w.s.log.ring.Since(q.LogsSince, min(q.LogsMax, monitor.MaxLogs)),
	}
	if q.Clients != nil {
		c := *q.Clients
		c.Limit = min(c.Limit, monitor.MaxClients)
		f.Clients = w.table.Page(w.s.router.Clients, c, now)
	}
	return f, nil
}

// Client is all there is to say of a session.
func (w *watched) Client(ctx context.Context, id string) (monitor.ClientDetail, error) {
	if err := w.begin(ctx); err != nil {
		return monitor.ClientDetail{}, err
	}
	defer w.end()
	return w.s.router.Client(id)
}

// Address is all there is to say of an address.
func (w *watched) Address(ctx context.Context, address string) (monitor.AddressDetail, error) {
	if err := w.begin(ctx); err != nil {
		return monitor.AddressDetail{}, err
	}
	defer w.end()
	return w.s.router.Address(address)
}

// recent is something that is found out again when it is asked for and no longer recent.
type recent[T any] struct {
	mu   sync.Mutex
	at   time.Time
	last T
}

func (r *recent[T]) get(now time.Time, life time.Duration, find func() T) T {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.at.IsZero() || now.Sub(r.at) >= life {
		r.at, r.last = now, find()
	}
	return r.last
}

// counted is a number of things in words: "1 client", "3 clients".
func counted[N int | int64 | uint64](n N, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
