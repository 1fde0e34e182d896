// Fills the disk under a router that clients work with, for as long as -chaos.full says, and makes room again. That the answers
// of a single client are right is the matter of TestStateDiskFull.

package main_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	api "github.com/clasp-studio/clasp/router/client"
	"github.com/clasp-studio/clasp/router/wire"
)

var chaosFull = flag.Duration("chaos.full", 0, "how long TestChaosDiskFull leaves the disk full, at least")

// TestChaosDiskFull: nobody is disconnected, what is not to be on disk goes on, commits are refused until there is room again
// and then go on by themselves; it is said when it begins and when it is over, and not with every write. What was acknowledged is there
// after a kill, also of a router whose disk was full.
func TestChaosDiskFull(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	// Room for the journal (8 MiB before a checkpoint begins) and, in the database, for as much again.
	const size = 24 << 20
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprint("size=", size)); err != nil {
		t.Skipf("%s needs root, and to mount a tmpfs: %v", t.Name(), err)
	}
	t.Cleanup(func() { unmount(t, dir) })
	path := filepath.Join(dir, "state.db")
	start := func(port string) *service {
		s := serve(t, nil, "--bind", "127.0.0.1", "--port", port, "--persist", "--persist-path", path,
			"--persist-interval", "1", "--metrics", "--metrics-port", "0")
		s.until(t, s.stdout.String, "router started")
		return s
	}
	port := steadyPort(t)
	s := start(port)
	c := crowd{
		padding: strings.Repeat("x", 8000),
		pace:    time.Millisecond,
		refuses: func(err error) bool { return api.IsCode(err, wire.CodeInternal) },
	}
	c.gather(t, 3, 2, "ws://127.0.0.1:"+port)
	ballast := filepath.Join(dir, "ballast")
	fill := func() {
		t.Helper()
		if err := os.WriteFile(ballast, make([]byte, size), 0o600); err == nil {
			t.Fatal("the disk does not get full")
		}
		refused := c.refused.Load()
		c.grows.Store(true) // what is there already can be written over in the room that the files have
		defer c.grows.Store(false)
		within(t, "commits are refused", func() bool { return c.refused.Load() > refused+20 })
	}
	free := func() {
		t.Helper()
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
	}

	rounds := 2 * *chaosRounds
	for round := 1; round <= rounds; round++ {
		c.busy(t, 20, true)
		if n := c.refused.Load(); round == 1 && n > 0 {
			t.Errorf("%d commits are refused while there is room", n)
		}
		fill()
		for began := time.Now(); ; {
			c.busy(t, 100, false)
			if time.Since(began) >= *chaosFull {
				break
			}
		}
		if status, body := s.fetched(t, "/readyz"); status != 503 || !strings.Contains(body, "persistence") {
			t.Errorf("/readyz: %d %q", status, body)
		}
		if n := s.metric(t, "clasp_persist_failures_total"); n < 1 {
			t.Errorf("%v failures counted", n)
		}
		full := modified(t, path)
		free()
		within(t, "it is said that it is over", func() bool {
			return strings.Count(s.stdout.String(), "the state is written again") >= round
		})
		c.busy(t, 20, true)
		within(t, "not the journal only but the database, too, is written", func() bool { return modified(t, path).After(full) })
		if status, body := s.fetched(t, "/readyz"); status != 200 {
			t.Errorf("/readyz: %d %q", status, body)
		}
	}
	for _, line := range []string{"the state cannot be written", "the state is written again"} {
		// Once more, where a checkpoint that was under way gives the journal room again.
		if n := strings.Count(s.stdout.String(), line); n < rounds || n > 2*rounds {
			t.Errorf("it is said %d times that %s, in %d rounds", n, line, rounds)
		}
	}
	if n := c.returns.Load(); n != 0 {
		t.Errorf("%d connections had to be made again", n)
	}

	fill()
	before := c.noted()
	s.signal(t, syscall.SIGKILL)
	<-s.ended
	free()
	s = start(port)
	c.kept(t, s, before)
	c.busy(t, 20, true)
	c.agree(t, s)
	t.Logf("%d commits acknowledged, %d refused, %d other writes", c.commits.Load(), c.refused.Load(), c.confirms.Load())
}

func modified(t *testing.T, path string) time.Time {
	t.Helper()
	about, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return about.ModTime()
}
