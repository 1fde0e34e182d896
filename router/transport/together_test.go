// Package transport_test has all transports in front of one router: what they share, and what each does in its own way.
package transport_test

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/clasp-studio/clasp/router"
	"github.com/clasp-studio/clasp/router/auth"
	"github.com/clasp-studio/clasp/router/client"
	"github.com/clasp-studio/clasp/router/internal/kit"
	"github.com/clasp-studio/clasp/router/pairweb"
	"github.com/clasp-studio/clasp/router/transport/quic"
	"github.com/clasp-studio/clasp/router/transport/tcp"
	"github.com/clasp-studio/clasp/router/transport/udp"
	"github.com/clasp-studio/clasp/router/transport/ws"
	"github.com/clasp-studio/clasp/router/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var transports = []string{"ws", "quic", "udp", "tcp"}

// rig is a router with a port of each transport.
type rig struct {
	*router.Router
	url   map[string]string // by transport
	trust *tls.Config
}

type port interface {
	Addr() net.Addr
	Close() error
}

// start runs a router until the test ends.
func start(t testing.TB, s router.Settings) *rig {
	t.Helper()
	return startWith(t, router.Options{Settings: s})
}

func startWith(t testing.TB, o router.Options) *rig {
	t.Helper()
	if o.Limits.WelcomeSnapshot == 0 {
		o.Limits.WelcomeSnapshot = 10_000
	}
	shown, trust := kit.TLS(t)
	g := &rig{Router: kit.RouterWith(t, o), url: make(map[string]string), trust: trust}
	pages := pairweb.New(pairweb.Options{Pairing: o.Pairing})
	for name, listen := range map[string]func(addr string) (port, error){
		"ws":   func(addr string) (port, error) { return ws.Listen(g.Router, addr, ws.Options{Pages: pages}) },
		"quic": func(addr string) (port, error) { return quic.Listen(g.Router, addr, quic.Options{TLS: shown}) },
		"udp":  func(addr string) (port, error) { return udp.Listen(g.Router, addr, udp.Options{}) },
		"tcp":  func(addr string) (port, error) { return tcp.Listen(g.Router, addr) },
	} {
		p, err := listen("127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := p.Close(); err != nil {
				t.Errorf("close the %s port: %v", name, err)
			}
		})
		g.url[name] = name + "://" + p.Addr().String()
	}
	return g
}

func (g *rig) try(t testing.TB, transport string, o client.Options) (*client.Client, error) {
	t.Helper()
	o.Name, o.TLS = transport, g.trust
	c, err := client.Dial(t.Context(), g.url[transport], o)
	if err == nil {
		t.Cleanup(c.Close)
	}
	return c, err
}

func (g *rig) dial(t testing.TB, transport string, o client.Options) *client.Client {
	t.Helper()
	c, err := g.try(t, transport, o)
	if err != nil {
		t.Fatalf("%s: %v", transport, err)
	}
	return c
}

// One limit holds for all transports together, of which UDP gets a quarter. Each refuses in its own way, and a place that one
// leaves is free for another.
func TestOneLimit(t *testing.T) {
	refusals := map[string]string{"ws": "503", "quic": "CONNECTION_REFUSED", "udp": "503", "tcp": "503"}
	for name, limits := range map[string]router.Limits{
		"in all":           {MaxConnections: 4},
		"from one address": {MaxConnectionsPerIP: 4},
	} {
		t.Run(name, func(t *testing.T) {
			g := start(t, router.Settings{Limits: limits})
			inside := make(map[string]*client.Client)
			for _, transport := range transports {
				inside[transport] = g.dial(t, transport, client.Options{})
				if err := inside[transport].Ping(t.Context()); err != nil { // over UDP it has no place before
					t.Fatal(err)
				}
			}
			// Nobody leaves UDP before the silence that ends a session.
			for leaving, coming := range map[string]string{"ws": "quic", "quic": "tcp", "tcp": "ws"} {
				for _, transport := range transports {
					if _, err := g.try(t, transport, client.Options{}); err == nil || !strings.Contains(err.Error(), refusals[transport]) {
						t.Errorf("a fifth, over %s: %v; want %s", transport, err, refusals[transport])
					}
				}
				inside[leaving].Close()
				kit.Eventually(t, "the place of "+leaving+" to be free for "+coming, func() bool {
					c, err := g.try(t, coming, client.Options{})
					return err == nil && c.Ping(t.Context()) == nil
				})
			}
		})
	}
}

var secret = []byte("thirty-two bytes of a test secret")

// token signs one with which the params under /r may be read.
func token(t testing.TB, lives time.Duration) string {
	t.Helper()
	made := auth.Token{Expires: time.Now().Add(lives), Claims: auth.Claims{Read: []string{"/r/**"}}}
	text, err := made.SignHS256(secret)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// guarded are settings with which a session needs no token, and has the rights of the one it has.
func guarded(t testing.TB) router.Settings {
	t.Helper()
	v, err := auth.NewVerifier(auth.Options{Secret: secret})
	if err != nil {
		t.Fatal(err)
	}
	return router.Settings{Auth: router.Auth{Verifier: v}}
}

// A token that may only read does, and may not write, by whatever transport it comes.
func TestReadOnlyToken(t *testing.T) {
	for _, transport := range transports {
		t.Run(transport, func(t *testing.T) {
			g := start(t, guarded(t))
			desk := g.dial(t, "ws", client.Options{})
			for _, addr := range []string{"/r/1", "/x/1"} {
				if _, err := desk.Set(t.Context(), addr, 1); err != nil {
					t.Fatal(err)
				}
			}
			c := g.dial(t, transport, client.Options{Token: token(t, time.Hour)})
			if p, err := c.Get(t.Context(), "/r/1"); err != nil || p.Revision != 1 {
				t.Errorf("what may be read: %+v, %v", p, err)
			}
			if _, err := c.Get(t.Context(), "/x/1"); !client.IsCode(err, wire.CodeForbidden) {
				t.Errorf("what may not be read: %v", err)
			}
			seen := make(chan uint64, 2)
			if _, err := c.Subscribe(t.Context(), "/r/**", client.SubscribeOptions{}, func(m *client.Message) { seen <- m.Revision }); err != nil {
				t.Fatal(err)
			}
			if _, err := c.Set(t.Context(), "/r/1", 2); !client.IsCode(err, wire.CodeForbidden) {
				t.Errorf("a write: %v", err)
			}
			if _, err := desk.Set(t.Context(), "/r/1", 3); err != nil {
				t.Fatal(err)
			}
			for _, want := range []uint64{1, 2} { // the write that was refused has no revision
				select {
				case got := <-seen:
					if got != want {
						t.Errorf("got revision %d, want %d", got, want)
					}
				case <-time.After(kit.Patience):
					t.Fatalf("revision %d does not come", want)
				}
			}
		})
	}
}

// A token that expires ends its session, which is told so.
func TestTokenExpires(t *testing.T) {
	for _, transport := range transports {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			g := start(t, guarded(t))
			told := make(chan error, 1)
			c := g.dial(t, transport, client.Options{Token: token(t, 2*time.Second), Keepalive: time.Second, OnError: func(err error) {
				select {
				case told <- err:
				default:
				}
			}})
			select {
			case err := <-told:
				if !client.IsCode(err, wire.CodeExpired) {
					t.Errorf("it is told %v", err)
				}
			case <-time.After(kit.Patience):
				t.Error("it is told nothing")
			}
			select {
			case <-c.Done():
			case <-time.After(kit.Patience):
				t.Fatal("the session goes on")
			}
			kit.Eventually(t, "the session to be gone", func() bool { return g.Stats().Sessions == 0 })
			if _, err := c.Get(t.Context(), "/r/1"); err == nil {
				t.Error("it still reads")
			}
		})
	}
}

// Guesses of tokens count for where they come from, by whatever transport: the second of an address waits twice as long. Those
// over UDP count apart, since their addresses may be invented.
func TestGuesses(t *testing.T) {
	for _, transport := range transports {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			var log kit.Log
			settings := guarded(t)
			settings.Auth.Required = true
			g := startWith(t, router.Options{Settings: settings, Logger: slog.New(slog.NewTextHandler(&log, nil))})
			for i, over := range []string{"ws", transport} {
				_, err := g.try(t, over, client.Options{Token: "guess"})
				if !client.IsCode(err, wire.CodeUnauthenticated) {
					t.Errorf("a guess over %s: %v", over, err)
				}
				waits := 1 + i
				if over == "udp" {
					waits = 1
				}
				if want := fmt.Sprintf("transport=%s next_waits=%ds", over, waits); !strings.Contains(log.String(), want) {
					t.Errorf("after a guess over %s: no %s in the log:\n%s", over, want, &log)
				}
			}
		})
	}
}

// What nobody is known for yet may be 32 KiB long, by whatever transport. This router has no key and looks at no token.
func TestLongHello(t *testing.T) {
	for _, transport := range transports {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			g := start(t, router.Settings{})
			c := g.dial(t, transport, client.Options{Token: strings.Repeat("x", 31<<10)})
			if _, err := c.Set(t.Context(), "/a", make([]byte, 40<<10)); err != nil {
				t.Errorf("a long message behind HELLO: %v", err)
			}
			if _, err := g.try(t, transport, client.Options{Token: strings.Repeat("x", 33<<10)}); err == nil {
				t.Error("a HELLO of 33 KiB is taken")
			}
		})
	}
}
