// Kills a router that keeps its state again and again while clients work, and starts it again at once: clients of ours and the
// public ones come back, nothing that was acknowledged at commit is lost, and no revision is used twice. What is in the file
// after a kill at any moment whatever is the matter of TestCrash.

package main_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"syscall"
	"testing"
)

// TestChaosKilled: the clients of ours.
func TestChaosKilled(t *testing.T) {
	t.Parallel()
	port, stream := steadyPort(t), steadyPort(t)
	path := filepath.Join(t.TempDir(), "state.db")
	start := func() *service {
		s := serve(t, nil, "--bind", "127.0.0.1", "--port", port, "--tcp", "--tcp-port", stream,
			"--persist", "--persist-path", path, "--persist-interval", "1")
		s.until(t, s.stdout.String, "router started")
		return s
	}
	s := start()
	var c crowd
	const writers, readers = 6, 4
	c.gather(t, writers, readers, "ws://127.0.0.1:"+port, "tcp://127.0.0.1:"+stream)
	for kill := range 4 * *chaosRounds {
		c.busy(t, 20+rand.Int64N(80), true)
		before, returned := c.noted(), c.returns.Load()
		s.signal(t, syscall.SIGKILL)
		<-s.ended
		s = start()
		c.kept(t, s, before)
		within(t, fmt.Sprint("everybody is back after kill ", kill), func() bool {
			return c.returns.Load() >= returned+writers+readers
		})
	}
	c.busy(t, 20, true)
	c.agree(t, s)
	t.Logf("%d commits and %d other writes acknowledged, %d connections made again", c.commits.Load(), c.confirms.Load(), c.returns.Load())
}

func TestChaosKilledNode(t *testing.T)   { chaosKilled(t, javaScriptClient, startNode) }
func TestChaosKilledPython(t *testing.T) { chaosKilled(t, pythonClient, startPython) }

// chaosKilled: a public client. What it wrote before is there, and it goes on, as does what it is subscribed to.
func chaosKilled(t *testing.T, traits traits, start func(*testing.T) *agent) {
	t.Parallel()
	s := &stage{traits: traits, agent: start(t), router: startRouter(t,
		"CLASP_PERSISTENCE_ENABLED=true", "CLASP_PERSISTENCE_PATH="+filepath.Join(t.TempDir(), "state.db"))}
	s.peer = newPeer(t, s.router.url)
	s.peer.subscribe(t, 1, "/**")
	s.open(t, client)
	s.subscribe(t, client, "kept", "/kept/*")
	kills := 2
	if !s.resubscribe {
		kills = 1 // each makes this client wait for long, and another test with it
	}
	for kill := range kills {
		theirs, ours := fmt.Sprint("/kept/theirs", kill), fmt.Sprint("/kept/ours", kill)
		s.set(t, theirs, "1")
		s.sent(t, client)
		for address, value := range map[string]string{theirs: "2", ours: "3"} {
			if _, words, code := clasp(t, []string{"CLASP_URL=" + s.router.url}, "set", "--qos", "commit", address, value); code != 0 {
				t.Fatalf("clasp set: exit code %d, %s", code, words)
			}
		}

		if err := s.router.cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = s.router.cmd.Wait() // killed
		s.router.start(t)
		s.agent.journal(client).until(t, "disconnect")
		s.agent.journal(client).until(t, "connect")

		s.peer = newPeer(t, s.router.url)
		s.peer.subscribe(t, 1, "/**")
		if s.resubscribe {
			s.agent.journal(client).until(t, "kept "+ours+" 3")
		} else { // this client forgets what it was subscribed to
			s.agent.do(t, client, "subscribe", arguments{"sub": "fence", "pattern": "/fence/*"})
			s.agent.do(t, client, "subscribe", arguments{"sub": "kept", "pattern": "/kept/*"})
		}
		for address, want := range map[string]string{theirs: "2", ours: "3"} {
			if got := s.agent.do(t, client, "get", arguments{"address": address}); got != want {
				t.Errorf("after kill %d its get of %s returns %s, want %s", kill, address, got, want)
			}
		}
		s.set(t, theirs, "4")
		s.sent(t, client)
		s.peer.get(t, theirs)
		s.peer.until(t, "snapshot "+theirs+" "+s.number+" 4")
	}
}
