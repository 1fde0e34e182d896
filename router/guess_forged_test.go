// Those who guess tokens where sources can be forged.

package router_test

import (
	"bytes"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/clasp-studio/clasp/router"
)

// guesser has everything that comes from one forgeable source.
type guesser struct{ r *router.Router }

// knock says HELLO with a token.
func (g guesser) knock(t *testing.T, token string) caller {
	t.Helper()
	const remote = "192.0.2.7:1"
	c := knockAs(t, g.r, router.Peer{Transport: "test", Remote: remote, Source: netip.MustParseAddrPort(remote).Addr(), Forgeable: true}, token)
	synctest.Wait()
	return c
}

// guess brings a wrong token and reports whether it was judged.
func (g guesser) guess(t *testing.T) bool {
	t.Helper()
	before := g.r.Refused().Auth["malformed"]
	g.knock(t, "guess").leave()
	return g.r.Refused().Auth["malformed"] > before
}

// TestForgeableSessionsLeave: a session slows nobody down while it lives, and somebody again when it has gone.
func TestForgeableSessionsLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := guesser{openGuarded(t, router.Options{Settings: guarded(t, true)})}
		for range 2 {
			c := g.knock(t, sign(t, secret, rights("/**", "", "", "")))
			if lines := c.heard(t); len(lines) == 0 || lines[0] != "WELCOME" {
				t.Fatalf("greeted with %q", lines)
			}
			for range 2 {
				if !g.guess(t) {
					t.Error("a guess is turned away while a session with a good token lives")
				}
			}
			c.leave()
			if !g.guess(t) || g.guess(t) {
				t.Error("guesses are not slowed when it has gone")
			}
			time.Sleep(time.Second)
		}
	})
}

// TestForgeableGuessersAreForgotten: after quiet a source begins anew.
func TestForgeableGuessersAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := guesser{openGuarded(t, router.Options{Settings: guarded(t, true)})}
		for _, wait := range []time.Duration{0, 1, 2, 4} {
			time.Sleep(wait * time.Second)
			if !g.guess(t) {
				t.Fatalf("a guess is turned away after %d s", wait)
			}
		}
		time.Sleep(12 * time.Minute)
		if !g.guess(t) {
			t.Error("turned away after quiet")
		}
		time.Sleep(time.Second)
		if !g.guess(t) {
			t.Error("it is remembered after quiet")
		}
	})
}

// TestTurnedAwayUntil: who is turned away unseen is told how long, and gets in then.
func TestTurnedAwayUntil(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := guesser{openGuarded(t, router.Options{Settings: guarded(t, true)})}
		good := sign(t, secret, rights("/**", "", "", ""))
		g.guess(t)
		time.Sleep(300 * time.Millisecond)
		c := g.knock(t, good) // 0.7 s too early
		c.door.mu.Lock()
		told := bytes.Clone(c.door.got)
		c.door.mu.Unlock()
		if !bytes.Contains(told, []byte("try again in 1s")) {
			t.Errorf("told %q, want it to be 1s", told)
		}
		c.leave()
		time.Sleep(time.Second)
		c = g.knock(t, good)
		if lines := c.heard(t); len(lines) == 0 || lines[0] != "WELCOME" {
			t.Errorf("a good token then: %q", lines)
		}
	})
}
