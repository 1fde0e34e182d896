package ws_test

// Tokens on real sockets: how those without a good one are sent away, and what a session with one hears (protocol
// sections 5 and 10).

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/router"
	"github.com/clasp-studio/clasp/router/auth"
	"github.com/clasp-studio/clasp/router/wire"
)

var secret = []byte("thirty-two bytes of a test secret")

// token signs one of our secret; the lists have one pattern each, none when empty.
func token(t testing.TB, read, write string, lives time.Duration) string {
	t.Helper()
	list := func(pattern string) []string {
		if pattern == "" {
			return nil
		}
		return []string{pattern}
	}
	made := auth.Token{ID: "id of " + t.Name(), Expires: time.Now().Add(lives), Claims: auth.Claims{Read: list(read), Write: list(write)}}
	text, err := made.SignHS256(secret)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// guarded is an option of start: tokens of our secret are good, and needed if required.
func guarded(t testing.TB, required bool, revoked ...string) func(*router.Options) {
	t.Helper()
	v, err := auth.NewVerifier(auth.Options{Secret: secret, Revoked: revoked})
	if err != nil {
		t.Fatal(err)
	}
	return func(o *router.Options) { o.Auth = router.Auth{Required: required, Verifier: v} }
}

// present says HELLO with a token.
func (c *client) present(t testing.TB, token string) {
	t.Helper()
	c.send(t, wire.Fire, wire.AppendHello(nil, wire.Hello{Version: wire.Version, Name: []byte("test"), Token: []byte(token)}))
}

// admitted opens a session with a token.
func (g *rig) admitted(t testing.TB, token string) *client {
	t.Helper()
	c := g.dial(t)
	c.present(t, token)
	c.expectWelcome(t)
	c.fence(t)
	return c
}

// 5 and 10: no token 300, expired 302; the ERROR is flushed, then the connection is closed, and nothing is left.
func TestNoGoodToken(t *testing.T) {
	g := start(t, guarded(t, true, "id of "+t.Name()))
	for _, test := range []struct {
		name, token string
		code        wire.Code
	}{
		{"none", "", wire.CodeUnauthenticated},
		{"revoked", token(t, "/**", "", time.Hour), wire.CodeUnauthenticated},
		{"of another key", token(t, "/**", "", time.Hour) + "x", wire.CodeUnauthenticated}, // answered after a second
		{"expired", token(t, "/**", "", -time.Minute), wire.CodeExpired},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := g.dial(t)
			c.present(t, test.token)
			c.send(t, wire.Fire, set("/a", 1)) // passed over
			c.expectError(t, test.code)
			c.expectClose(t, 1008)
		})
	}
	if n := g.Stats().Params; n != 0 {
		t.Errorf("%d params set by those who were sent away", n)
	}
}

// 10: "A token that expires while connected: ERROR 302 and close."
func TestTokenExpiresWhileConnected(t *testing.T) {
	g := start(t, guarded(t, true))
	c := g.admitted(t, token(t, "/**", "", 3*time.Second))
	c.expectError(t, wire.CodeExpired)
	c.expectClose(t, 1008)
}

// 10: live messages, snapshots and writes keep to the rights.
func TestReadOnlyToken(t *testing.T) {
	g := start(t, guarded(t, false))
	desk := g.join(t)
	desk.set(t, "/r/1", 1)
	desk.set(t, "/x/1", 1)
	c := g.dial(t)
	c.present(t, token(t, "/r/**", "", time.Hour))
	c.expectWelcome(t)
	if all := c.expectSnapshot(t); len(all) != 1 || string(all[0].Address) != "/r/1" {
		t.Errorf("after WELCOME came %v", all)
	}
	c.send(t, wire.Fire, subscribe(1, "/**", 0xff))
	c.expectErrorAbout(t, wire.CodeForbidden, "/**")
	c.send(t, wire.Fire, subscribe(1, "/r/**", 0xff))
	c.expectSnapshot(t)
	c.send(t, wire.Fire, set("/r/1", 2))
	c.expectErrorAbout(t, wire.CodeForbidden, "/r/1")
	desk.set(t, "/x/1", 2)
	desk.set(t, "/r/1", 3)
	c.expectSet(t, "/r/1", val(3), 2)
	c.quiet(t)
}

// guesses is a log that tells how long each failure was makes the next wait.
type guesses struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *guesses) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *guesses) waits() (waits []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range strings.Lines(l.text.String()) {
		if _, wait, failed := strings.Cut(strings.TrimSpace(line), "next_waits="); failed {
			waits = append(waits, wait)
		}
	}
	return waits
}

// After each guess the next token of its address waits longer, the good one as well, and while a
// session with a good token is open none does.
func TestGuessesOfOneAddress(t *testing.T) {
	var log guesses
	g := start(t, guarded(t, true), func(o *router.Options) { o.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	for n := range 2 {
		g.dial(t).present(t, "guess")
		eventually(t, "a failure", func() bool { return len(log.waits()) == n+1 })
	}
	if got := strings.Join(log.waits(), " "); got != "1s 2s" {
		t.Errorf("what follows the guesses waits for %s, want 1s 2s", got)
	}
	g.admitted(t, token(t, "/**", "", time.Hour))
	g.dial(t).present(t, "guess")
	eventually(t, "a third failure", func() bool { return len(log.waits()) == 3 })
	if got := log.waits()[2]; got != "0s" {
		t.Errorf("beside a session with a good token what follows a guess waits for %s", got)
	}
}
