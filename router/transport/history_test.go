package transport_test

// Histories of clients that get in each other's way, over WebSocket, QUIC and TCP at the same router, held against one order in
// which it could have done all of it: what that means is said in the package history. Longer:
//
//	go test ./router/transport -run TestHistory -history 10m -timeout 0
//
// UDP is not among them: what it loses is not answered, and a history full of gaps says little.

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/router"
	"github.com/clasp-studio/clasp/router/client"
	"github.com/clasp-studio/clasp/router/history"
	"github.com/clasp-studio/clasp/router/internal/kit"
	"github.com/clasp-studio/clasp/router/wire"
)

var historyFor = flag.Duration("history", 0, "how long TestHistory goes on; 0 = a few short histories")

// decide is how long the search for an order may take: far more than it does.
const decide = 5 * time.Minute

func TestHistory(t *testing.T) {
	const few, most = 6, 100 // until somebody was slow
	o := durable(t, filepath.Join(t.TempDir(), "state.db"))
	o.Limits.WelcomeSnapshot = 1
	for _, s := range []history.Strategy{history.Max, history.Min, history.Locking} {
		o.Conflicts = append(o.Conflicts, router.ConflictRule{Pattern: "/history/*/" + s.String(), Strategy: s.String()})
	}
	g := &ways{rig: startWith(t, o), over: []string{"ws", "quic", "tcp"}}
	var all history.Summary
	began, rounds := time.Now(), 0
	for rounds < few || all.Skipped == 0 && rounds < most || time.Since(began) < *historyFor {
		sum := (&told{ways: g, stage: history.Stage{
			Prefix:     fmt.Sprintf("/history/%d", rounds),
			QoS:        []wire.QoS{wire.Fire, wire.Confirm, wire.Confirm, wire.Commit},
			Strategies: map[string]history.Strategy{"max": history.Max, "min": history.Min, "lock": history.Locking},
		}}).run(t)
		rounds++
		all.Add(sum)
	}
	t.Logf("%d histories: %d operations, %d of them not answered, and %d deliveries are one course of things; %d revisions were left out for the slow",
		rounds, all.Operations, all.Unanswered, all.Deliveries, all.Skipped)
	if all.Skipped == 0 {
		t.Error("nobody was ever slow: this test sees too little")
	}
}

// large is the address of what fills the sockets of those who do not read.
const large = "/large"

// told is one history.
type told struct {
	*ways
	stage    history.Stage
	recorder *history.Recorder
	door     sync.Mutex // one comes or goes at a time, so that the number of sessions says when it has
	steps    atomic.Int64
	halfway  chan struct{}
	over     chan struct{}
}

const hands, steps, streams = 9, 80, 6

func (h *told) run(t *testing.T) history.Summary {
	h.recorder = h.stage.Recorder()
	h.halfway, h.over = make(chan struct{}), make(chan struct{})
	seed := rand.Uint64()
	var watching []*conn
	for i := range streams {
		c, err := h.watch(t, i)
		if err != nil {
			t.Fatal(err)
		}
		watching = append(watching, c)
	}
	h.fill(t)
	var playing sync.WaitGroup
	for i := range hands {
		playing.Go(func() {
			if err := h.play(t, i, rand.New(rand.NewPCG(seed, uint64(i)))); err != nil {
				t.Errorf("hand %d: %v", i, err)
			}
		})
	}
	playing.Wait()
	close(h.over)
	if t.Failed() {
		t.FailNow() // what was not answered makes no history
	}
	last := h.client(t)
	ending := h.recorder.Hand(last, hands)
	for _, address := range h.stage.Addresses() {
		if _, err := ending.Get(t.Context(), address); err != nil {
			t.Fatal(err)
		}
	}
	kit.Poll(func() bool { return len(h.recorder.Behind()) == 0 }) // or else the check says who has not come to the newest
	for _, c := range watching {
		c.ended.Store(true)
		c.leave()
		c.reading.Wait()
	}
	last.Close()
	sum, err := h.recorder.Check(decide)
	if err != nil {
		t.Fatalf("seed %d: %v\n%s", seed, err, history.Drawn(t, err))
	}
	return sum
}

// play is one client after the other that does as it likes.
func (h *told) play(t *testing.T, number int, random *rand.Rand) error {
	ctx := t.Context()
	for left := steps; left > 0; {
		h.door.Lock()
		c, err := h.try(t, h.turn(), client.Options{Keepalive: -1})
		h.door.Unlock()
		if err != nil {
			return err
		}
		hand := h.recorder.Hand(c, number)
		for stay := steps/4 + random.IntN(steps); left > 0 && stay > 0; left, stay = left-1, stay-1 {
			if err := hand.Step(ctx, random, &h.stage); err != nil {
				return err
			}
			if h.steps.Add(1) == hands*steps/2 {
				close(h.halfway)
			}
		}
		if err := hand.Settle(ctx); err != nil {
			return err
		}
		h.door.Lock()
		before := h.Stats().Sessions
		hand.Leave(func() {
			if !kit.Poll(func() bool { return h.Stats().Sessions < before }) {
				t.Errorf("hand %d has left, and its session stays", number)
			}
		})
		h.door.Unlock()
	}
	return nil
}

// watch is a subscription. Each other one begins to read halfway or when all has been written, far behind.
func (h *told) watch(t *testing.T, number int) (*conn, error) {
	c, err := h.enter(t, h.turn())
	if err != nil {
		return nil, err
	}
	s := h.recorder.Stream(fmt.Sprintf("subscriber %d over %s", number, c.over))
	if err := c.say(kit.Subscribe(1, h.stage.Prefix+"/**")); err != nil {
		return nil, err
	}
	see := func(payload []byte) error {
		switch wire.Type(payload[0]) {
		case wire.TypeSet:
			m, err := wire.DecodeSet(payload)
			if err == nil && m.Value.Code == wire.I64Code {
				s.See(string(m.Address), m.Revision, history.Number(m.Value))
			}
			return err
		case wire.TypeSnapshot:
			m, err := wire.DecodeSnapshot(payload)
			if err != nil {
				return err
			}
			for e, ok := m.Next(); ok; e, ok = m.Next() {
				if e.Value.Code == wire.I64Code {
					s.See(string(e.Address), e.Revision, history.Number(e.Value))
				}
			}
			return nil
		}
		return fmt.Errorf("subscriber %d gets %v %q", number, wire.Type(payload[0]), payload)
	}
	if number%2 == 0 {
		c.follow(t, see)
		return c, nil
	}
	wake := []chan struct{}{h.halfway, h.over}[number/2%2]
	c.follow(t, func(payload []byte) error {
		select {
		case <-wake:
		case <-t.Context().Done():
		}
		return see(payload)
	})
	return c, c.say(kit.Subscribe(2, large))
}

// fill writes what fills the sockets of those who do not read, so that the rest waits in the router.
func (h *told) fill(t *testing.T) {
	const volume = 12 << 20
	value := make([]byte, 8<<10)
	c := h.client(t)
	defer c.Close()
	for range volume / len(value) {
		set(t, c, large, value, client.QoS(wire.Fire))
	}
	if err := c.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}
