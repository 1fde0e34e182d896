package router_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/clasp-studio/clasp/router"
	"github.com/clasp-studio/clasp/router/internal/kit"
	"github.com/clasp-studio/clasp/router/wire"
)

// TestHolds: the locks of all sessions of a device and of no other's, and what they wrote last.
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
	wrote := func(token string, most, count int, want ...string) {
		t.Helper()
		if n, addresses := r.LastWrote(device(token), most); n != count || !slices.Equal(addresses, want) {
			t.Errorf("last wrote %d: %q, want %d: %q", n, addresses, count, want)
		}
	}
	wrote(tokens[0], 10, 0)
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
	wrote(tokens[0], 10, 2, "/a", "/b")
	wrote(tokens[0], 1, 2, "/a")
	wrote(tokens[1], 10, 1, "/c")
	set := func(c caller, address string) {
		t.Helper()
		if got := c.ask(t, wire.Confirm, kit.Set(address, 1)); !slices.Equal(got, []string{"ACK"}) {
			t.Fatalf("set %s: %q", address, got)
		}
	}
	set(one, "/d")
	set(two, "/e")
	wrote(tokens[0], 10, 4, "/a", "/b", "/d", "/e")
	set(other, "/d") // now it is the other's
	wrote(tokens[0], 10, 3, "/a", "/b", "/e")
	wrote(tokens[1], 10, 2, "/c", "/d")
}
