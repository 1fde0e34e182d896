// Kills a router with many params on disk and many clients: they all come back at once.

package main_test

import (
	"context"
	"flag"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	api "github.com/clasp-studio/clasp/router/client"
	"github.com/clasp-studio/clasp/router/wire"
)

var chaosParams = flag.Int("chaos.params", 50_000, "how many params the router of TestChaosHerd has; of up to limits.welcome_snapshot each client gets all")

// herdGroup is how many params each client is subscribed to.
const herdGroup = 100

// herdsman is one of the clients. What it knows is of its present connection.
type herdsman struct {
	group int
	back  atomic.Bool // connected again

	mu   sync.Mutex
	seen map[string]crowdSight
}

// TestChaosHerd: none is refused, dropped or has to come twice, and each has the right values, those that were committed last
// included, at revisions that are all new.
func TestChaosHerd(t *testing.T) {
	path, port := filepath.Join(t.TempDir(), "state.db"), steadyPort(t)
	herdSize, groups := 1000, max(*chaosParams/herdGroup, 1)
	if raceEnabled() {
		herdSize = 200 // each costs about ten times as much
	}
	var lines strings.Builder
	for g := range groups {
		for i := range herdGroup {
			fmt.Fprintf(&lines, `{"address":"/herd/%d/%d","value":%d}`+"\n", g, i, g*herdGroup+i)
		}
	}
	if words, code := imported(t, path, lines.String()); code != 0 {
		t.Fatalf("state import: exit code %d, %s", code, words)
	}
	start := func() *service {
		s := serve(t, nil, "--bind", "127.0.0.1", "--port", port, "--log-level", "debug", "--persist", "--persist-path", path,
			"--metrics", "--metrics-port", "0")
		s.until(t, s.stdout.String, "router started")
		return s
	}
	s := start()

	herd := make([]*herdsman, herdSize)
	ctx, cancel := context.WithTimeout(t.Context(), 4*patience) // for all of them, one after the other
	defer cancel()
	var closing sync.WaitGroup
	t.Cleanup(closing.Wait)
	for n := range herd {
		h := &herdsman{group: n % groups, seen: make(map[string]crowdSight)}
		client, err := api.Dial(ctx, "ws://127.0.0.1:"+port, api.Options{Reconnect: true, BackoffMax: time.Second, OnState: h.state})
		must(t, err)
		t.Cleanup(func() { closing.Go(client.Close) }) // each would wait for its answer
		_, err = client.Subscribe(ctx, fmt.Sprintf("/herd/%d/*", h.group), api.SubscribeOptions{}, h.hears)
		must(t, err)
		herd[n] = h
	}
	settled := func(h *herdsman) bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return len(h.seen) == herdGroup
	}
	for n, h := range herd {
		within(t, fmt.Sprintf("client %d sees all of its params", n), func() bool { return settled(h) })
	}
	changed := s.dialed(t)
	for g := range min(groups, 100) {
		setTo(t, changed, fmt.Sprintf("/herd/%d/0", g), -g, api.QoS(wire.Commit))
	}
	changed.Close()
	before := make([]map[string]crowdSight, len(herd))
	for n, h := range herd {
		within(t, fmt.Sprintf("client %d sees what has changed", n), func() bool {
			h.mu.Lock()
			defer h.mu.Unlock()
			before[n] = h.seen // it begins with a new one
			return h.group >= 100 || h.seen[fmt.Sprintf("/herd/%d/0", h.group)].number == int64(-h.group)
		})
	}

	s.signal(t, syscall.SIGKILL)
	<-s.ended
	killed := time.Now()
	s = start()
	ready := time.Since(killed)
	for n, h := range herd {
		within(t, fmt.Sprintf("client %d is back", n), func() bool { return h.back.Load() && settled(h) })
	}
	t.Logf("%d params: ready after %v, and %d clients are back after %v", groups*herdGroup, ready, herdSize, time.Since(killed))

	for n, h := range herd {
		h.mu.Lock()
		for address, was := range before[n] {
			if now := h.seen[address]; now.number != was.number || now.revision <= was.revision {
				t.Fatalf("to client %d, %s is %+v after the kill, was %+v", n, address, now, was)
			}
		}
		h.mu.Unlock()
	}
	if n := s.metric(t, "clasp_sessions_active"); n != float64(herdSize) {
		t.Errorf("%v sessions, want %d", n, herdSize)
	}
	said := s.stdout.String()
	if n := strings.Count(said, `msg="session started"`); n != herdSize {
		t.Errorf("%d sessions were started, want %d", n, herdSize)
	}
	for _, line := range []string{"session ended", "ended before HELLO", "level=WARN", "level=ERROR"} {
		for found := range strings.Lines(said) {
			if strings.Contains(found, line) && !strings.Contains(found, "stopped in order") { // which it says of one that was killed
				t.Errorf("the router says %s", found)
			}
		}
	}
}

func (h *herdsman) state(s api.State, _ error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s == api.Disconnected {
		h.seen = make(map[string]crowdSight)
	}
	h.back.Store(s == api.Connected)
}

func (h *herdsman) hears(m *api.Message) {
	now := crowdSight{m.Revision, crowdNumber(m.Value)}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.seen[m.Address] = now
}
