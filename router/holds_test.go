package router_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/clasp-studio/clasp/router"
	"github.com/clasp-studio/clasp/router/wire"
)

// TestHolds: the locks of all sessions of a device and of no other's.
func TestHolds(t *testing.T) {
	pairs := openPairs(t, pairingOn)
	tokens := []string{makeDevice(t, pairs, "desk", "default"), makeDevice(t, pairs, "tablet", "default")}
	device := func(token string) string { return strings.Split(token, "_")[1] }
	r := openGuarded(t, router.Options{Settings: guarded(t, true), Pairing: pairs})
	lock := func(c caller, address string) {
		t.Helper()
		v, err := wire.AppendAny(nil, 0.5)
		if err != nil {
			t.Fatal(err)
		}
		payload := wire.AppendSet(nil, wire.Set{Address: []byte(address), Value: wire.Value{Code: v[0], Data: v[1:]}, Lock: true})
		if got := c.ask(t, wire.Confirm, payload); !slices.Equal(got, []string{"ACK"}) {
			t.Fatalf("lock %s: %q", address, got)
		}
	}
	if h := r.Holds(device(tokens[0])); h.Sessions != 0 || h.Locks != nil || !h.Heard.IsZero() {
		t.Errorf("without a session: %+v", h)
	}
	one, _ := enter(t, r, tokens[0])
	two, _ := enter(t, r, tokens[0])
	other, _ := enter(t, r, tokens[1])
	lock(one, "/b")
	lock(two, "/a")
	lock(other, "/c")
	h := r.Holds(device(tokens[0]))
	if h.Sessions != 2 || !slices.Equal(h.Locks, []string{"/a", "/b"}) || h.Heard.IsZero() {
		t.Errorf("it holds %+v", h)
	}
	if h := r.Holds(device(tokens[1])); h.Sessions != 1 || !slices.Equal(h.Locks, []string{"/c"}) {
		t.Errorf("the other holds %+v", h)
	}
}
