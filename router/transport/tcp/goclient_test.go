package tcp_test

// The Go client over tcp://.

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/router"
	goclient "github.com/clasp-studio/clasp/router/client"
	"github.com/clasp-studio/clasp/router/internal/kit"
)

// What the commands do, with values of all sizes; and a goodbye that the router takes for one.
func TestGoClient(t *testing.T) {
	r, addr := start(t, router.Limits{})
	dial := func() *goclient.Client {
		c, err := goclient.Dial(t.Context(), "tcp://"+addr, goclient.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	a, b := dial(), dial()
	sizes := []int{0, 1, 200, 300, 5000, 60_000}
	for i, n := range sizes {
		if _, err := a.Set(t.Context(), fmt.Sprintf("/p/%d", i), strings.Repeat("x", n)); err != nil {
			t.Fatal(err)
		}
	}
	got := make(chan *goclient.Message, 2*len(sizes))
	if _, err := b.Subscribe(t.Context(), "/p/**", goclient.SubscribeOptions{}, func(m *goclient.Message) { got <- m }); err != nil {
		t.Fatal(err)
	}
	for range sizes {
		select {
		case <-got:
		case <-time.After(kit.Patience):
			t.Fatal("a param is missing")
		}
	}
	for i, n := range sizes {
		p, err := b.Get(t.Context(), fmt.Sprintf("/p/%d", i))
		if text, _ := p.Value.Any().(string); err != nil || len(text) != n || p.Writer != a.Session() {
			t.Errorf("/p/%d: got %d bytes by %s, %v", i, len(text), p.Writer, err)
		}
	}
	if all, err := b.Query(t.Context(), "/p/**"); err != nil || len(all) != len(sizes) {
		t.Errorf("got %d signals, %v", len(all), err)
	}
	b.Close()
	a.Close()
	kit.Eventually(t, "the sessions to be gone", func() bool { return r.Stats().Sessions == 0 })
}
