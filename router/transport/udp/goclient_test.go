package udp_test

// The Go client over udp://, on a good line and on a bad one.

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/router"
	goclient "github.com/clasp-studio/clasp/router/client"
	"github.com/clasp-studio/clasp/router/internal/kit"
	"github.com/clasp-studio/clasp/router/transport/udp"
	"github.com/clasp-studio/clasp/router/wire"
)

func dialGo(t testing.TB, addr string, o goclient.Options) *goclient.Client {
	t.Helper()
	c, err := goclient.Dial(t.Context(), "udp://"+addr, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// What the commands do: set, get, query, subscribe, with a name as short as any.
func TestGoClient(t *testing.T) {
	_, addr := start(t, router.Limits{})
	a, b := dialGo(t, addr, goclient.Options{Name: "a"}), dialGo(t, addr, goclient.Options{})
	const params = 500
	for i := range params {
		if _, err := a.Set(t.Context(), fmt.Sprintf("/p/%03d", i), strings.Repeat("x", 50)); err != nil {
			t.Fatal(err)
		}
	}
	got := make(chan string, 2*params)
	if _, err := b.Subscribe(t.Context(), "/**", goclient.SubscribeOptions{}, func(m *goclient.Message) { got <- m.Address }); err != nil {
		t.Fatal(err)
	}
	for range params {
		select {
		case <-got:
		case <-time.After(kit.Patience):
			t.Fatal("a param is missing")
		}
	}
	if err := a.Emit(t.Context(), "/cue", 1); err != nil {
		t.Fatal(err)
	}
	if addr := <-got; addr != "/cue" {
		t.Errorf("got %s", addr)
	}
	if p, err := b.Get(t.Context(), "/p/007"); err != nil || p.Revision != 1 || p.Writer != a.Session() {
		t.Errorf("got %+v, %v", p, err)
	}
	if all, err := b.Query(t.Context(), "/p/**"); err != nil || len(all) != params {
		t.Errorf("got %d signals, %v", len(all), err)
	}
	if _, err := a.Set(t.Context(), "/large", strings.Repeat("x", 5000)); err != nil {
		t.Error(err)
	}
	if _, err := b.Get(t.Context(), "/large"); !goclient.IsCode(err, wire.CodeOverloaded) {
		t.Errorf("got %v, want ERROR 503", err)
	}
	// A dial with a large snapshot to take in.
	dialGo(t, addr, goclient.Options{})
}

// A session opens on a line that loses, doubles and reorders.
func TestGoClientOnABadLine(t *testing.T) {
	_, addr := start(t, router.Limits{})
	writer := join(t, addr)
	for i := range 100 {
		writer.send(t, wire.Fire, kit.Set(fmt.Sprintf("/p/%d", i), i))
	}
	writer.alive(t)
	for seed := range uint64(10) {
		line := newLossy(t, addr, 100+seed)
		c := dialGo(t, line.front.LocalAddr().String(), goclient.Options{})
		for lost := 0; ; lost++ {
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			_, err := c.Set(ctx, "/x", int64(seed))
			cancel()
			if err == nil {
				break
			}
			if lost == 100 {
				t.Fatalf("line %d: nothing comes through: %v", seed, err)
			}
		}
	}
}

// A router that has been started anew does not know the session: the client notices, and reconnects.
func TestGoClientReconnects(t *testing.T) {
	r, err := router.New(router.Options{Name: "first"})
	if err != nil {
		t.Fatal(err)
	}
	s, err := udp.Listen(r, "127.0.0.1:0", udp.Options{})
	if err != nil {
		t.Fatal(err)
	}
	addr := s.Addr().String()
	var mu sync.Mutex
	var states []goclient.State
	c := dialGo(t, addr, goclient.Options{Reconnect: true, BackoffMin: time.Millisecond, BackoffMax: 10 * time.Millisecond, Keepalive: 50 * time.Millisecond,
		OnState: func(s goclient.State, _ error) {
			mu.Lock()
			states = append(states, s)
			mu.Unlock()
		}})
	got := make(chan int64, 100)
	if _, err := c.Subscribe(t.Context(), "/x", goclient.SubscribeOptions{}, func(m *goclient.Message) {
		if n, ok := m.Value.Any().(int64); ok {
			got <- n
		}
	}); err != nil {
		t.Fatal(err)
	}
	_ = s.Close()
	if err := r.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	var r2 *router.Router
	kit.Eventually(t, "the port to be free", func() bool {
		if r2 == nil {
			r2 = kit.Router(t, router.Limits{})
		}
		s, err = udp.Listen(r2, addr, udp.Options{})
		return err == nil
	})
	t.Cleanup(func() { _ = s.Close() })
	kit.Eventually(t, "the client to be back", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(states) >= 2 && states[len(states)-1] == goclient.Connected
	})
	other := dialGo(t, addr, goclient.Options{})
	if _, err := other.Set(t.Context(), "/x", 7); err != nil {
		t.Fatal(err)
	}
	select {
	case n := <-got:
		if n != 7 {
			t.Errorf("got %d", n)
		}
	case <-time.After(kit.Patience):
		t.Error("its subscription is not back")
	}
}
