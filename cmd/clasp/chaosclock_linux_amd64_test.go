// Sets the wall clock of a router forward and back by an hour while it works (see steppedclock): what is told in lapses of time
// is not moved by that, what is told in times of day (tokens, and lifetimes across a restart) is.

package main_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	api "github.com/clasp-studio/clasp/router/client"
	"github.com/clasp-studio/clasp/router/wire"
	"github.com/golang-jwt/jwt/v5"
	"github.com/gorilla/websocket"
)

// steps are where a router's clock goes, and back.
var steps = []time.Duration{time.Hour, 0, -time.Hour, 0}

// steppedTo sets the clock of a router, and makes sure that it tells that time.
func (c *steppedClock) steppedTo(t *testing.T, client *api.Client, ahead time.Duration) {
	t.Helper()
	c.set(t, ahead)
	offset, _, err := client.Sync(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if off := (offset - ahead).Abs(); off > 30*time.Minute {
		t.Fatalf("the router's clock is %v ahead, not %v", offset, ahead)
	}
}

// TestChaosClock: under load. Nobody is disconnected, and no write is refused or taken for older than it is, also by a router
// that finds the times of one before it to be an hour ahead.
func TestChaosClock(t *testing.T) {
	t.Parallel()
	port, stream := steadyPort(t), steadyPort(t)
	args := []string{"--bind", "127.0.0.1", "--port", port, "--tcp", "--tcp-port", stream, "--session-timeout", "20",
		"--persist", "--persist-path", filepath.Join(t.TempDir(), "state.db"), "--persist-interval", "1"}
	s, clock := serveStepped(t, 0, nil, args...)
	s.until(t, s.stdout.String, "router started")
	var c crowd
	c.gather(t, 4, 2, "ws://127.0.0.1:"+port, "tcp://127.0.0.1:"+stream)
	looker := s.dialed(t)
	for _, ahead := range append(steps, time.Hour) {
		clock.steppedTo(t, looker, ahead)
		c.busy(t, 20, true)
	}
	if n := c.returns.Load(); n != 0 {
		t.Errorf("%d connections had to be made again", n)
	}
	before := c.noted()
	s.signal(t, syscall.SIGKILL)
	<-s.ended
	s, _ = serveStepped(t, -time.Hour, nil, args...)
	s.until(t, s.stdout.String, "router started")
	c.kept(t, s, before)
	c.busy(t, 20, true)
	c.agree(t, s)
}

// TestChaosClockLifetimes: a lifetime is as long as it was given, whatever the clock is set to. Across a restart the clock
// decides: it may end one early, and does not prolong any.
func TestChaosClockLifetimes(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state.db")
	start := func(first time.Duration) (*service, *steppedClock, *api.Client) {
		t.Helper()
		s, clock := serveStepped(t, first, nil, "--bind", "127.0.0.1", "--port", "0", "--persist", "--persist-path", path)
		return s, clock, s.dialed(t)
	}
	gone := func(client *api.Client, address string) bool {
		_, err := got(t, client, address)
		if err != nil && !api.IsCode(err, wire.CodeNotFound) {
			t.Fatal(err)
		}
		return err != nil
	}
	s, clock, client := start(0)
	setTo(t, client, "/long", 1, api.AbsoluteTTL(50*time.Minute), api.QoS(wire.Commit))
	for _, ahead := range []time.Duration{time.Hour, -time.Hour} {
		setTo(t, client, "/short", 1, api.AbsoluteTTL(time.Second))
		clock.steppedTo(t, client, ahead)
		within(t, "a short life ends", func() bool { return gone(client, "/short") })
		if gone(client, "/long") {
			t.Fatalf("a life of 50 minutes ends when the clock is set to %v", ahead)
		}
	}
	setTo(t, client, "/short", 1, api.AbsoluteTTL(2*time.Second), api.QoS(wire.Commit))
	s.signal(t, syscall.SIGKILL)
	<-s.ended
	s, _, client = start(-time.Hour)
	if gone(client, "/long") {
		t.Error("a life of 50 minutes ends at a start with the clock an hour back")
	}
	within(t, "a life of two seconds ends after a start with the clock an hour back", func() bool { return gone(client, "/short") })
	s.signal(t, syscall.SIGKILL)
	<-s.ended
	_, _, client = start(time.Hour)
	if !gone(client, "/long") {
		t.Error("a life of 50 minutes does not end by a start an hour later")
	}
}

// TestChaosClockBundles: a bundle waits for as long as it was to when it was sent.
func TestChaosClockBundles(t *testing.T) {
	t.Parallel()
	s, clock := serveStepped(t, 0, nil, "--bind", "127.0.0.1", "--port", "0")
	client := s.dialed(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ran := make(chan string, 10)
	_, err := client.Subscribe(ctx, "/cue/*", api.SubscribeOptions{}, func(m *api.Message) { ran <- m.Address })
	must(t, err)
	schedule := func(address string, ahead time.Duration) {
		t.Helper()
		_, err := client.Bundle(ctx, wire.Confirm, client.Now().Add(ahead), api.SetItem(address, 1))
		must(t, err)
	}
	expected := func(want string) {
		t.Helper()
		select {
		case got := <-ran:
			if got != want {
				t.Fatalf("%s is run before %s", got, want)
			}
		case <-ctx.Done():
			t.Fatalf("%s is not run", want)
		}
	}
	schedule("/cue/last", 4*time.Second)
	clock.steppedTo(t, client, time.Hour)
	schedule("/cue/first", 100*time.Millisecond)
	expected("/cue/first")
	clock.steppedTo(t, client, -time.Hour)
	schedule("/cue/second", 100*time.Millisecond)
	expected("/cue/second")
	expected("/cue/last")
}

// TestChaosClockTokens: a token ends, and is not yet good, by the wall clock, as who made it means it. The others' sessions stay.
func TestChaosClockTokens(t *testing.T) {
	t.Parallel()
	const secret = "the secret of this test which is long enough"
	s, clock := serveStepped(t, 0, []string{"CLASP_TOKEN_SECRET=" + secret}, "--bind", "127.0.0.1", "--port", "0", "--require-auth")
	dial := func(claims jwt.MapClaims) (*api.Client, error) {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		c, err := api.Dial(ctx, "ws://"+s.address(t), api.Options{Token: fullToken(t, secret, claims)})
		if err == nil {
			t.Cleanup(c.Close)
		}
		return c, err
	}
	forEver, err := dial(nil)
	must(t, err)
	half := jwt.MapClaims{"exp": time.Now().Add(30 * time.Minute).Unix()}
	brief, err := dial(half)
	must(t, err)

	clock.steppedTo(t, forEver, time.Hour)
	select {
	case <-brief.Done():
	case <-time.After(patience):
		t.Fatal("a session outlives its token")
	}
	if _, err := dial(half); !api.IsCode(err, wire.CodeExpired) {
		t.Errorf("a token of half an hour, an hour later: %v", err)
	}
	clock.steppedTo(t, forEver, -time.Hour)
	if _, err := dial(half); err != nil {
		t.Errorf("a token that is good again: %v", err)
	}
	if _, err := dial(jwt.MapClaims{"iat": time.Now().Unix()}); !api.IsCode(err, wire.CodeUnauthenticated) {
		t.Errorf("a token that was made in an hour: %v", err)
	}
	within(t, "operators are told to compare the clocks", func() bool { return strings.Contains(s.stdout.String(), "compare the clocks") })
	clock.steppedTo(t, forEver, 0) // and it has not been disconnected
	must(t, forEver.Ping(t.Context()))
}

// TestChaosClockSilence: who falls silent is disconnected, and who does not is not, whatever the clock is set to.
func TestChaosClockSilence(t *testing.T) {
	t.Parallel()
	s, clock := serveStepped(t, 0, nil, "--bind", "127.0.0.1", "--port", "0", "--session-timeout", "2")
	answers := s.dialed(t)
	turns := []time.Duration{time.Hour, -time.Hour}
	for i, ahead := range turns {
		silent := greeted(t, s.address(t))
		silent.SetPingHandler(func(string) error { return nil }) // it would answer, too
		clock.steppedTo(t, answers, ahead)
		_ = silent.SetReadDeadline(time.Now().Add(patience)) // a closed connection fails to read, too
		var end *websocket.CloseError
		for end == nil {
			if _, _, err := silent.ReadMessage(); err != nil && !errors.As(err, &end) {
				t.Fatalf("the silent is not disconnected: %v", err)
			}
		}
		_ = silent.Close() // the router waits for that for a while
		within(t, "it is said that the silent has gone", func() bool { return strings.Count(s.stdout.String(), "reason=idle") > i })
	}
	must(t, answers.Ping(t.Context()))
	if n := strings.Count(s.stdout.String(), "session ended"); n != len(turns) {
		t.Errorf("%d sessions were ended, want %d", n, len(turns))
	}
}

// TestChaosClockPairing: PINs and links stay good for as long as they are said to be, and so do the tokens they bring.
func TestChaosClockPairing(t *testing.T) {
	t.Parallel()
	d := &doomed{dir: t.TempDir()}
	var clock *steppedClock
	d.service, clock = serveStepped(t, 0, nil, "--bind", "127.0.0.1", "--port", "0", "--log-level", "debug",
		"--pairing", "--persist", "--persist-path", filepath.Join(d.dir, "state.db"))
	d.at = d.address(t)
	for i, ahead := range []time.Duration{time.Hour, -time.Hour} {
		pad, phone := newPhone(fmt.Sprint("pad ", i)), newPhone(fmt.Sprint("phone ", i))
		must(t, pad.hello(d.at, ""))
		t.Cleanup(pad.hangUp)
		code := d.picks(t, d.row(t, pad.name))
		_, link := d.invites(t, false)
		clock.set(t, ahead)
		must(t, pad.types(code))
		must(t, pad.fetch())
		must(t, pad.done())
		must(t, phone.redeem(d.at, link))
		for _, ahead := range steps {
			clock.set(t, ahead)
			d.works(t, pad.token, phone.token)
		}
	}
}
