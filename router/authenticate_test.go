// Who gets in, who is turned away how, and what ends a session that was let in
// (protocol sections 5 and 10).

package router_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/clasp-studio/clasp/router"
	"github.com/clasp-studio/clasp/router/auth"
	"github.com/clasp-studio/clasp/router/wire"
)

// journal is where a router logs to while a test reads.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

func (j *journal) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(j, &slog.HandlerOptions{Level: router.LevelTrace}))
}

// turnedAway knocks and returns the answer, the reason the session ended for and how long
// that took. It must be called in a bubble of its own clock.
func turnedAway(t *testing.T, r *router.Router, remote, token string) (string, router.Reason, time.Duration) {
	t.Helper()
	began := time.Now()
	c := knock(t, r, remote, token)
	for synctest.Wait(); c.door.reason() == router.ReasonNone && time.Since(began) < time.Minute; synctest.Wait() {
		time.Sleep(50 * time.Millisecond)
	}
	took := time.Since(began)
	lines, _ := c.read(t)
	c.leave()
	return strings.Join(lines, ", "), c.door.reason(), took
}

// TestHello tries every kind of HELLO on every kind of router.
func TestHello(t *testing.T) {
	const (
		in, refused, expired = "", "ERROR 300", "ERROR 302"
	)
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		good := sign(t, secret, rights("/**", "", "", "").with("exp", now.Add(time.Hour).Unix()))
		tokens := []struct {
			name, token, reason      string
			open, optional, required string // what routers without a key, with one, and with one that is required answer
		}{
			{"none", "", "missing", in, in, refused},
			{"good", good, "", in, in, in},
			{"good, after Bearer", "Bearer " + good, "", in, in, in},
			{"good, after ext_", "ext_" + good, "", in, in, in},
			{"of another key", sign(t, []byte("another key, as long as ours is"), rights("/**", "/**", "", "")), "signature", in, refused, refused},
			{"no token at all", "let me in", "malformed", in, refused, refused},
			{"expired", sign(t, secret, rights("/**", "", "", "").with("exp", now.Add(-time.Second).Unix())), "expired", in, expired, expired},
			{"not yet good", sign(t, secret, rights("/**", "", "", "").with("nbf", now.Add(time.Hour).Unix())), "not_yet", in, refused, refused},
			{"revoked", sign(t, secret, rights("/**", "", "", "").with("jti", "stolen")), "revoked", in, refused, refused},
			{"with claims that make no sense", sign(t, secret, claims{"clasp": claims{"read": "/**"}}), "claims", in, refused, refused},
		}
		v := verifier(t, auth.Options{Secret: secret, Revoked: []string{"stolen"}})
		for kind, a := range []router.Auth{{}, {Verifier: v}, {Verifier: v, Required: true}, {Required: true}} {
			for i, token := range tokens {
				var log journal
				r := openGuarded(t, router.Options{Settings: router.Settings{Auth: a}, Logger: log.logger()})
				want := []string{token.open, token.optional, token.required, refused}[kind]
				what := fmt.Sprintf("token %q on %+v", token.name, a)
				if want == in {
					c, _ := enter(t, r, token.token)
					if strings.Contains(log.String(), "authentication failed") {
						t.Errorf("%s: a failure is logged", what)
					}
					c.leave()
					continue
				}
				answer, reason, _ := turnedAway(t, r, fmt.Sprintf("192.0.2.%d:1", i), token.token)
				ended := map[string]router.Reason{refused: router.ReasonUnauthenticated, expired: router.ReasonExpired}[want]
				if answer != want || reason != ended {
					t.Errorf("%s: answered %q, ended for %v; want %s, %v", what, answer, reason, want, ended)
				}
				if label := token.reason; kind < 3 {
					if n := r.Refused().Auth[label]; n != 1 {
						t.Errorf("%s: counted %d times as %s", what, n, label)
					}
					if text := log.String(); !strings.Contains(text, "reason="+label) || !strings.Contains(text, "192.0.2.") || !strings.Contains(text, "name=caller") {
						t.Errorf("%s: not in the log with its reason, name and remote:\n%s", what, text)
					}
				}
				// Not even a part of a token is to be found where people look.
				for _, part := range strings.Split(token.token, ".") {
					if len(part) > 8 && strings.Contains(log.String(), part) {
						t.Errorf("%s: the log holds a part of the token", what)
					}
				}
				if n := r.Stats().Sessions; n != 0 {
					t.Errorf("%s: %d sessions left", what, n)
				}
			}
		}
	})
}

// TestRefusalsSayNothing: whatever is wrong with a token, its sender reads the same.
func TestRefusalsSayNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := openGuarded(t, router.Options{Settings: guarded(t, true, "stolen")})
		var first []byte
		for i, token := range []string{
			"let me in", sign(t, []byte("another key, as long as ours is"), rights("/**", "", "", "")),
			sign(t, secret, rights("/**", "", "", "").with("jti", "stolen")), sign(t, secret, claims{"clasp": 1}),
		} {
			c := knock(t, r, fmt.Sprintf("192.0.2.%d:1", i), token)
			time.Sleep(5 * time.Second)
			synctest.Wait()
			if i == 0 {
				first = c.door.got
			}
			if len(first) == 0 || !bytes.Equal(c.door.got, first) {
				t.Errorf("token %d is answered with %q, the first with %q", i, c.door.got, first)
			}
		}
		// Who sent none knows that, and may be told what to do.
		c := knock(t, r, "192.0.2.9:1", "")
		synctest.Wait()
		if !bytes.Contains(c.door.got, []byte("wants a token in HELLO")) {
			t.Errorf("no token is answered with %q", c.door.got)
		}
	})
}

// TestSubjectInLog: every line of a session says whose token it has.
func TestSubjectInLog(t *testing.T) {
	var log journal
	r := openGuarded(t, router.Options{Settings: guarded(t, true), Logger: log.logger()})
	token := sign(t, secret, rights("/**", "", "", "").with("sub", "desk-7"))
	c, _ := enter(t, r, token)
	c.ask(t, wire.Fire, setPayload("/a", 1.0))
	c.leave()
	for _, line := range []string{"session started", "session ended", "refused", "received"} {
		if i := strings.LastIndex(log.String(), line); i < 0 || !strings.Contains(strings.SplitN(log.String()[i:], "\n", 2)[0], "subject=desk-7") {
			t.Errorf("no line %q with the subject in\n%s", line, log.String())
		}
	}
	if strings.Contains(log.String(), token) {
		t.Error("the log holds the token")
	}
}

// TestExpiryWhileConnected: with and without messages, and not before its time.
func TestExpiryWhileConnected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := openGuarded(t, router.Options{Settings: guarded(t, true)})
		token := func(lives time.Duration) string {
			return sign(t, secret, rights("/**", "/**", "", "").with("exp", time.Now().Add(lives).Unix()))
		}
		silent, _ := enter(t, r, token(time.Minute))
		busy, _ := enter(t, r, token(time.Minute))
		longer, _ := enter(t, r, token(time.Hour))
		time.Sleep(time.Minute - time.Millisecond)
		if got := busy.ask(t, wire.Confirm, setPayload("/a", 1.0)); !slices.Equal(got, []string{"ACK"}) {
			t.Fatalf("before it expires: %q", got)
		}
		time.Sleep(time.Millisecond)
		// To the second: what comes now counts no more, even before the clock has come by.
		if got := busy.ask(t, wire.Confirm, setPayload("/b", 1.0)); !slices.Equal(got, []string{"ERROR 302"}) {
			t.Errorf("a message after it has expired: %q", got)
		}
		time.Sleep(300 * time.Millisecond) // the clock ticks four times a second
		synctest.Wait()
		if got, _ := silent.read(t); !slices.Equal(got, []string{"ERROR 302"}) || silent.door.reason() != router.ReasonExpired {
			t.Errorf("a silent session: %q, ended for %v", got, silent.door.reason())
		}
		if got := longer.ask(t, wire.Fire, getPayload("/b")); !slices.Equal(got, []string{"ERROR 201 /b"}) {
			t.Errorf("another session: %q", got)
		}
	})
}

// TestExpiriesInAnyOrder: each session ends at its own time, whichever came first.
func TestExpiriesInAnyOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := openGuarded(t, router.Options{Settings: guarded(t, true)})
		var all []caller
		for _, minutes := range []int{3, 1, 4, 1, 5, 2} {
			c, _ := enter(t, r, sign(t, secret, rights("/**", "", "", "").with("exp", time.Now().Add(time.Duration(minutes)*time.Minute).Unix())))
			all = append(all, c)
		}
		time.Sleep(300 * time.Millisecond)
		for _, left := range []int{6, 4, 3, 2, 1, 0} {
			synctest.Wait()
			open := 0
			for _, c := range all {
				if c.door.reason() == router.ReasonNone {
					open++
				}
			}
			if open != left {
				t.Errorf("%d sessions are open, want %d", open, left)
			}
			time.Sleep(time.Minute)
		}
	})
}

// TestReloadEndsWhatIsRevoked, and nobody else: neither a new key nor a new rule does.
func TestReloadEndsWhatIsRevoked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := openGuarded(t, router.Options{Settings: guarded(t, false)})
		token := func(id string) string { return sign(t, secret, rights("/**", "", "", "").with("jti", id)) }
		stolen, _ := enter(t, r, token("stolen"))
		kept, _ := enter(t, r, token("kept"))
		anonymous, _ := enter(t, r, "")
		if err := r.Reload(guarded(t, false, "stolen", "other")); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if got, _ := stolen.read(t); !slices.Equal(got, []string{"ERROR 300"}) || stolen.door.reason() != router.ReasonUnauthenticated {
			t.Errorf("the revoked session: %q, ended for %v", got, stolen.door.reason())
		}
		rotated := router.Settings{Auth: router.Auth{Required: true, Verifier: verifier(t, auth.Options{Secret: []byte("a new secret, thirty-two bytes long")})}}
		if err := r.Reload(rotated); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		for name, c := range map[string]caller{"with a token of the old key": kept, "without a token": anonymous} {
			if got := c.ask(t, wire.Fire, getPayload("/a")); !slices.Equal(got, []string{"ERROR 201 /a"}) {
				t.Errorf("the session %s: %q", name, got)
			}
		}
		if answer, _, _ := turnedAway(t, r, "192.0.2.9:1", token("kept")); answer != "ERROR 300" {
			t.Errorf("the old token afterwards: %q", answer)
		}
	})
}

// TestRevokedWhileGreeting races HELLOs with reloads: nobody slips through.
func TestRevokedWhileGreeting(t *testing.T) {
	r := openGuarded(t, router.Options{Settings: guarded(t, true)})
	token := sign(t, secret, rights("/**", "", "", "").with("jti", "stolen"))
	for range 50 {
		if err := r.Reload(guarded(t, true)); err != nil {
			t.Fatal(err)
		}
		revoked := guarded(t, true, "stolen")
		done := make(chan struct{})
		go func() {
			defer close(done)
			if err := r.Reload(revoked); err != nil {
				t.Error(err)
			}
		}()
		c := knock(t, r, "192.0.2.1:1", token)
		<-done
		for deadline := time.Now().Add(10 * time.Second); c.door.reason() != router.ReasonUnauthenticated; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("a session with a revoked token goes on")
			}
		}
		c.leave()
	}
}

// TestGuessing: after each failure the next token of a source waits longer before it is
// judged, a good one too, and nobody else does.
func TestGuessing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := openGuarded(t, router.Options{Settings: guarded(t, true)})
		good := sign(t, secret, rights("/**", "", "", ""))
		guess := func(remote string, want time.Duration) {
			t.Helper()
			answer, reason, took := turnedAway(t, r, remote, "guess")
			if answer != "ERROR 300" || reason != router.ReasonUnauthenticated || took != want {
				t.Errorf("a guess from %s: %q after %v, want ERROR 300 after %v", remote, answer, took, want)
			}
		}
		for i, seconds := range []int{0, 1, 2, 4, 8, 16, 30, 30} {
			guess(fmt.Sprintf("192.0.2.7:%d", 1000+i), time.Duration(seconds)*time.Second)
		}
		guess("192.0.2.8:1", 0) // a neighbor
		// Who brings none is not slowed, and who was wrong is answered as slowly as who was right.
		if _, _, took := turnedAway(t, r, "192.0.2.7:1", ""); took > 0 {
			t.Errorf("who brings no token is answered after %v", took)
		}
		expired := sign(t, secret, rights("", "", "", "").with("exp", time.Now().Add(-time.Hour).Unix()))
		if answer, _, took := turnedAway(t, r, "192.0.2.7:1", expired); answer != "ERROR 302" || took != 30*time.Second {
			t.Errorf("an expired token: %q after %v", answer, took)
		}
		// That was no guess: the time has passed, so this one is judged at once.
		began := time.Now()
		desk := knock(t, r, "192.0.2.7:1", good)
		synctest.Wait()
		if lines := desk.heard(t); len(lines) == 0 || lines[0] != "WELCOME" || time.Since(began) > 0 {
			t.Fatalf("a good token after the time: %q after %v", lines, time.Since(began))
		}
		guess("192.0.2.7:2", 0) // while its session lives, nobody behind its address is slowed
		guess("192.0.2.7:2", 0)
		desk.leave()
		guess("192.0.2.7:2", 0) // it has started anew
		guess("192.0.2.7:2", time.Second)
		began = time.Now()
		desk = knock(t, r, "192.0.2.7:1", good)
		if lines := desk.heard(t); lines[0] != "WELCOME" || time.Since(began) != 2*time.Second {
			t.Fatalf("a good token from a slowed source: %q after %v", lines, time.Since(began))
		}
		desk.leave()
		guess("192.0.2.7:2", 0)
		guess("192.0.2.7:2", time.Second)
		time.Sleep(12 * time.Minute)
		guess("192.0.2.7:2", 0)
		guess("192.0.2.7:2", time.Second) // after quiet it is forgotten
	})
}

// knockAside is knock for those who may have to wait.
func knockAside(t *testing.T, r *router.Router, remote, token string) <-chan caller {
	c := make(chan caller, 1)
	go func() { c <- knock(t, r, remote, token) }()
	return c
}

// TestWaitingToBeJudged: it holds nobody up, what is said meanwhile counts afterwards, the
// time for HELLO does not end it, and the end of the router does.
func TestWaitingToBeJudged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := openGuarded(t, router.Options{Settings: guarded(t, true)})
		good := sign(t, secret, rights("/**", "/**", "", ""))
		for range 7 {
			turnedAway(t, r, "192.0.2.7:1", "guess") // the next one waits for 30 s
		}
		waits := knockAside(t, r, "192.0.2.7:1", good)
		synctest.Wait()
		other, _ := enter(t, r, good)
		if got := other.ask(t, wire.Fire, getPayload("/a")); !slices.Equal(got, []string{"ERROR 201 /a"}) {
			t.Errorf("somebody else: %q", got)
		}
		time.Sleep(15 * time.Second) // past the time for HELLO
		synctest.Wait()
		if len(waits) > 0 || r.Stats().Sessions != 2 {
			t.Errorf("it does not wait; %d sessions", r.Stats().Sessions)
		}
		c := <-waits
		c.send(t, wire.Confirm, setPayload("/a", 1.0))
		if got := other.ask(t, wire.Fire, getPayload("/a")); !slices.Equal(got, []string{"SNAPSHOT /a"}) {
			t.Errorf("what it said when it was in: %q", got)
		}
		c.leave()
		for range 7 {
			turnedAway(t, r, "192.0.2.7:1", "guess")
		}
		waits = knockAside(t, r, "192.0.2.7:2", "guess")
		synctest.Wait()
		other.leave()
		began := time.Now()
		go func() { _ = r.Close(context.Background()) }()
		c = <-waits
		if time.Since(began) > time.Second {
			t.Errorf("the end of the router takes %v", time.Since(began))
		}
		c.leave()
	})
}

// TestForgedGuesses: whoever invents addresses slows nobody down elsewhere, makes nobody wait with
// it, and guesses no faster.
func TestForgedGuesses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := openGuarded(t, router.Options{Settings: guarded(t, true)})
		good := sign(t, secret, rights("/**", "", "", ""))
		forged := func(remote, token string) caller {
			began := time.Now()
			c := knockAs(t, r, router.Peer{Transport: "test", Remote: remote, Source: netip.MustParseAddrPort(remote).Addr(), Forgeable: true}, token)
			synctest.Wait()
			if took := time.Since(began); took > 0 {
				t.Fatalf("a forged one waits for %v", took)
			}
			return c
		}
		const owner = "192.0.2.7:1"
		for range 50 * 10 { // 10 s long
			forged(owner, "guess").leave()
			time.Sleep(20 * time.Millisecond)
		}
		if n := r.Refused().Auth["malformed"]; n < 3 || n > 5 {
			t.Errorf("%d forged guesses are judged in 10 s, want those at 0, 1, 3 and 7 s", n)
		}
		for i := range 5000 { // as many as are remembered, and waiting places, and more
			remote := fmt.Sprintf("10.1.%d.%d:1", i/250, i%250)
			forged(remote, "guess").leave()
			forged(remote, "guess").leave()
		}
		began := time.Now()
		desk := knock(t, r, owner, good)
		if lines := desk.heard(t); len(lines) == 0 || lines[0] != "WELCOME" || time.Since(began) > 0 {
			t.Errorf("the owner of the address, elsewhere: %q after %v", lines, time.Since(began))
		}
		desk.leave()
		// Nor does it make those who have failed there forgotten.
		turnedAway(t, r, "192.0.2.8:1", "guess")
		for i := range 5000 {
			forged(fmt.Sprintf("10.2.%d.%d:1", i/250, i%250), "guess").leave()
		}
		if _, _, took := turnedAway(t, r, "192.0.2.8:1", "guess"); took != time.Second {
			t.Errorf("who has failed waits for %v, want 1s", took)
		}
		// When it is over, a good token is judged where the forged ones were.
		time.Sleep(31 * time.Second)
		c := forged(owner, good)
		if lines := c.heard(t); len(lines) == 0 || lines[0] != "WELCOME" {
			t.Errorf("a good token afterwards: %q", lines)
		}
		c.leave()
	})
}

// TestManyGuessers: a crowd costs bounded memory, is turned away unseen past the bound, and so
// does not guess any faster.
func TestManyGuessers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log journal
		r := openGuarded(t, router.Options{Settings: guarded(t, true), Logger: log.logger()})
		judged := func() uint64 { return r.Refused().Auth["malformed"] }
		crowd := func(n int, remote func(i int) string) (inside int) {
			all := make([]<-chan caller, n)
			for i := range all {
				all[i] = knockAside(t, r, remote(i), "guess")
				synctest.Wait()
			}
			for _, c := range all {
				if len(c) == 0 {
					inside++
				}
			}
			for _, c := range all {
				(<-c).leave()
			}
			return inside
		}
		one := func(int) string { return "192.0.2.7:1" }
		turnedAway(t, r, one(0), "guess")
		for range 2 { // those who have had their turn make room
			before := judged()
			if n := crowd(40, one); n != 16 {
				t.Errorf("%d of one source wait at a time, want 16", n)
			}
			if n := judged() - before; n != 16 {
				t.Errorf("%d guesses of a crowd are judged, want the 16 that waited", n)
			}
		}
		many := func(i int) string { return fmt.Sprintf("10.1.%d.%d:1", i%1500/250, i%250) }
		crowd(1500, many)
		if n := crowd(1500, many); n != 1024 {
			t.Errorf("%d wait at a time, want 1024", n)
		}
		if n := strings.Count(log.String(), "level=WARN"); n == 0 || n > 200 {
			t.Errorf("%d warnings in the log about thousands of guesses, want few", n)
		}
		enter(t, r, sign(t, secret, rights("/**", "", "", "")))
	})
}
