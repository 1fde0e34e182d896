//go:build unix

// Histories that go on over kills: what clients commit and read while a router on a file is killed and started again must be
// one course of things, in which every kill only ends what was on its way, frees the locks and begins another epoch. What that
// means is said in the package history. Longer:
//
//	go test ./cmd/clasp -run TestHistoryKilled -history.kills 500 -timeout 0

package main_test

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	goclient "github.com/clasp-studio/clasp/router/client"
	"github.com/clasp-studio/clasp/router/history"
	"github.com/clasp-studio/clasp/router/wire"
)

var historyKills = flag.Int("history.kills", 6, "how often TestHistoryKilled kills a router")

// perHistory is how many kills one history goes over; then another begins, on another file.
const perHistory = 3

func TestHistoryKilled(t *testing.T) {
	t.Parallel()
	h := &killedHistory{ports: []string{steadyPort(t), steadyPort(t)}, seed: rand.Uint64()}
	h.stage = history.Stage{Prefix: "/history", QoS: []wire.QoS{wire.Commit}}
	var all history.Summary
	for kills := 0; kills < *historyKills; kills += perHistory {
		h.path = filepath.Join(t.TempDir(), "state.db")
		h.recorder = h.stage.Recorder()
		for range perHistory {
			h.kill(t)
		}
		h.end(t)
		sum, err := h.recorder.Check(5 * time.Minute)
		if err != nil {
			t.Fatalf("seed %d: %v\n%s", h.seed, err, history.Drawn(t, err))
		}
		all.Add(sum)
	}
	t.Logf("%d operations, %d of them not answered, and %d deliveries are one course of things", all.Operations, all.Unanswered, all.Deliveries)
	if all.Unanswered == 0 {
		t.Error("no kill ever caught anything on its way")
	}
}

// killedHistory is a file, and what goes on in the routers that have it one after the other.
type killedHistory struct {
	path     string
	ports    []string
	seed     uint64
	stage    history.Stage
	recorder *history.Recorder
	ready    func() // what is called when the next router is there
	hands    uint64 // how many there have been
}

// company is everybody at one router.
type company struct {
	clients []*goclient.Client
	streams []*history.Stream
	playing sync.WaitGroup
	steps   atomic.Int64
	failed  chan error
}

func (c *company) leave() {
	for _, one := range c.clients {
		one.Close()
	}
}

// start starts a router, and has company at it: each does so many steps.
func (h *killedHistory) start(t *testing.T, steps int) (*service, *company) {
	t.Helper()
	const hands, streams = 6, 2
	s := serve(t, nil, "--bind", "127.0.0.1", "--port", h.ports[0], "--tcp", "--tcp-port", h.ports[1],
		"--persist", "--persist-path", h.path, "--persist-interval", "1")
	s.until(t, s.stdout.String, "router started")
	if h.ready != nil {
		h.ready()
		h.ready = nil
	}
	c := &company{failed: make(chan error, hands)}
	for i := range streams {
		stream := h.recorder.Stream(fmt.Sprintf("subscriber %d", i))
		c.streams = append(c.streams, stream)
		_, err := h.join(t, c).Subscribe(t.Context(), h.stage.Prefix+"/**", goclient.SubscribeOptions{}, func(m *goclient.Message) {
			stream.See(m.Address, m.Revision, history.Number(m.Value))
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for range hands {
		h.hands++
		random := rand.New(rand.NewPCG(h.seed, h.hands))
		hand := h.recorder.Hand(h.join(t, c), int(h.hands))
		c.playing.Go(func() {
			for range steps {
				if err := hand.Step(t.Context(), random, &h.stage); err != nil {
					c.failed <- err
					return
				}
				c.steps.Add(1)
			}
		})
	}
	return s, c
}

// join connects by one of the transports in turn.
func (h *killedHistory) join(t *testing.T, c *company) *goclient.Client {
	t.Helper()
	at := len(c.clients) % len(h.ports)
	one, err := goclient.Dial(t.Context(), []string{"ws", "tcp"}[at]+"://127.0.0.1:"+h.ports[at], goclient.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(one.Close)
	c.clients = append(c.clients, one)
	return one
}

// kill kills a router while everybody is busy.
func (h *killedHistory) kill(t *testing.T) {
	t.Helper()
	s, c := h.start(t, 1<<30)
	busy := 50 + rand.Int64N(150)
	within(t, "everybody to be busy", func() bool { return c.steps.Load() >= busy || len(c.failed) > 0 })
	if len(c.failed) > 0 {
		t.Fatal(<-c.failed)
	}
	h.ready = h.recorder.Killed()
	s.signal(t, syscall.SIGKILL)
	<-s.ended
	c.playing.Wait()
	close(c.failed)
	for err := range c.failed {
		if !errors.Is(err, goclient.ErrDisconnected) && !errors.Is(err, goclient.ErrNotConnected) {
			t.Fatal(err)
		}
	}
	for _, stream := range c.streams {
		stream.End()
	}
	c.leave()
}

// end has the last company play to its end, and looks at what has come of everything.
func (h *killedHistory) end(t *testing.T) {
	t.Helper()
	const steps = 20
	s, c := h.start(t, steps)
	c.playing.Wait()
	if len(c.failed) > 0 {
		t.Fatal(<-c.failed)
	}
	h.hands++
	last := h.recorder.Hand(h.join(t, c), int(h.hands))
	for _, address := range h.stage.Addresses() {
		if _, err := last.Get(t.Context(), address); err != nil {
			t.Fatal(err)
		}
	}
	within(t, "the subscribers to see the newest", func() bool { return len(h.recorder.Behind()) == 0 })
	c.leave()
	s.signal(t, syscall.SIGTERM)
	if code := s.exit(t); code != 0 {
		t.Fatalf("told to stop, it ends with exit code %d", code)
	}
}
