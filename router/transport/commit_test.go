package transport_test

// Promise 4: an ACK of a commit survives SIGKILL and power loss.

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/router"
	"github.com/clasp-studio/clasp/router/client"
	"github.com/clasp-studio/clasp/router/internal/kit"
	"github.com/clasp-studio/clasp/router/store"
	"github.com/clasp-studio/clasp/router/wire"
)

// epoch is how far a crash moves revisions.
const epoch = 1 << 20

// durable are options with which params are kept in a file. Nothing but commits gets there while a test runs.
func durable(t testing.TB, path string) router.Options {
	t.Helper()
	s, err := store.Open(store.Options{Path: path, Interval: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // the router is closed by then
		ctx, cancel := context.WithTimeout(context.Background(), kit.Patience)
		defer cancel()
		if err := s.Close(ctx); err != nil {
			t.Errorf("close the store: %v", err)
		}
	})
	return router.Options{Store: s}
}

// commitsStay: whatever was acknowledged at commit is there for the clients of a router that starts from the files as they were
// at that moment. Clients of the transport commit params, timelines and bundles, among writes that are not commits.
func commitsStay(t *testing.T, start starter) {
	const rounds, clients, each, shared = 3, 4, 12, 6
	path := filepath.Join(t.TempDir(), "state.db")
	g := start(t, durable(t, path))
	all := make([]*client.Client, clients)
	for i := range all {
		all[i] = g.client(t)
	}
	type kept struct {
		revision uint64
		value    any
	}
	var mu sync.Mutex
	acked := make(map[string]kept)
	note := func(addr string, revision uint64, value any) {
		mu.Lock()
		defer mu.Unlock()
		if acked[addr].revision == revision {
			t.Errorf("%s: revision %d is acknowledged twice", addr, revision)
		}
		if acked[addr].revision < revision {
			acked[addr] = kept{revision, value}
		}
	}
	for round := range rounds {
		var writing sync.WaitGroup
		for i, c := range all {
			writing.Go(func() {
				ctx := t.Context()
				for n := range each {
					own, pair := fmt.Sprintf("/own/%d/%d", i, n), fmt.Sprintf("/pair/%d/%d", i, n)
					common, track := fmt.Sprintf("/shared/%d", n%shared), fmt.Sprintf("/track/%d", i)
					x := int64(round<<20 | i<<10 | n)
					if err := firstError(
						func() error { // not acknowledged at all
							_, err := c.Set(ctx, "/fire", x, client.QoS(wire.Fire))
							return err
						},
						func() error {
							a, err := c.Set(ctx, own, x, client.QoS(wire.Commit))
							note(own, a.Revision, x)
							return err
						},
						func() error {
							a, err := c.Set(ctx, common, x, client.QoS(wire.Commit))
							note(common, a.Revision, x)
							return err
						},
						func() error {
							a, err := c.Bundle(ctx, wire.Commit, time.Time{}, client.SetItem(pair+"/a", x), client.SetItem(pair+"/z", x))
							note(pair+"/a", a.Revision, x)
							note(pair+"/z", a.Revision, x)
							return err
						},
						func() error {
							a, err := c.Timeline(ctx, track, client.Timeline{Keyframes: []client.Keyframe{{Value: x}}})
							note(track, a.Revision, nil)
							return err
						},
					); err != nil {
						t.Errorf("client %d: %v", i, err)
						return
					}
				}
			})
		}
		writing.Wait()
		copied := kit.Pulled(t, path)
		t.Run(fmt.Sprint("pulled ", round), func(t *testing.T) {
			c := start(t, durable(t, copied)).client(t)
			for addr, want := range acked {
				p, err := c.Get(t.Context(), addr)
				if err != nil || p.Revision != want.revision+epoch || want.value != nil && p.Value.Any() != want.value {
					t.Errorf("%s was %+v: %v at revision %d, %v", addr, want, p.Value.Any(), p.Revision, err)
				}
			}
			if _, err := c.Get(t.Context(), "/fire"); !client.IsCode(err, wire.CodeNotFound) {
				t.Errorf("what nobody asked to keep: %v, so that the files tell nothing of commits", err)
			}
		})
	}
}

func firstError(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}
