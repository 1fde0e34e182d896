package router_test

import (
	"net/netip"
	"testing"

	"github.com/clasp-studio/clasp/router"
)

// TestForgeablePlaces: sources that can be invented get a quarter of each limit, rounded up, of what there is.
func TestForgeablePlaces(t *testing.T) {
	here, there := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	for _, test := range []struct {
		limits          router.Limits
		forgeable, free int // places for here, and what is left for others there or here
	}{
		{router.Limits{MaxConnections: 1}, 1, 0},
		{router.Limits{MaxConnections: 4}, 1, 3},
		{router.Limits{MaxConnections: 5}, 2, 3},
		{router.Limits{MaxConnections: 100}, 25, 75},
		{router.Limits{MaxConnectionsPerIP: 8}, 2, 6},
		{router.Limits{MaxConnections: 100, MaxConnectionsPerIP: 8}, 2, 6},
		{router.Limits{MaxConnections: 8, MaxConnectionsPerIP: 100}, 2, 6},
	} {
		r := openGuarded(t, router.Options{Settings: router.Settings{Limits: test.limits}})
		var places []router.Place
		enter := func(how func(netip.Addr) (router.Place, error), source netip.Addr, want int) {
			t.Helper()
			for i := range want + 1 {
				p, err := how(source)
				if (err == nil) != (i < want) {
					t.Errorf("%+v: place %d: %v, want %d", test.limits, i+1, err, want)
				}
				places = append(places, p)
			}
		}
		for range 2 { // what is left is free again
			enter(r.EnterForgeable, here, test.forgeable)
			if err := r.RoomForgeable(here); err == nil {
				t.Errorf("%+v: there is room and none", test.limits)
			}
			enter(r.Enter, here, test.free)
			places[0].Leave()
			places = places[1:]
			enter(r.EnterForgeable, here, 1)
			if test.limits.MaxConnections == 0 {
				enter(r.EnterForgeable, there, test.forgeable)
			}
			for _, p := range places {
				p.Leave()
			}
			places = nil
			enter(r.Enter, here, test.forgeable+test.free) // nothing is kept for those who may be invented
			if _, err := r.EnterForgeable(here); err == nil {
				t.Errorf("%+v: one over the limit gets in", test.limits)
			}
			for _, p := range places {
				p.Leave()
			}
			places = nil
		}
	}
}
