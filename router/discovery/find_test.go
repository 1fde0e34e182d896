// What a search makes of routers that it hears of again and again.

package discovery_test

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/clasp-studio/clasp/router/discovery"
)

// TestMergeBounds holds that whatever is on the network a search keeps a thousand routers.
func TestMergeBounds(t *testing.T) {
	var heard []discovery.Found
	for n := range 1100 {
		i := studio
		i.ID = fmt.Sprint(n)
		heard = append(heard, discovery.Found{Info: i, Addresses: []netip.Addr{netip.AddrFrom4([4]byte{10, 1, byte(n >> 8), byte(n)})}})
	}
	if found := discovery.Merge(append(heard, heard...)...); len(found) != 1000 {
		t.Errorf("%d routers, want 1000", len(found))
	}
}

// TestMergeNames holds that a router is called by all names that it was found under, and by nothing else.
func TestMergeNames(t *testing.T) {
	at := []netip.Addr{netip.MustParseAddr("10.1.0.1")}
	desk := studio
	desk.Name = "Desk"
	found := discovery.Merge(discovery.Found{Info: studio, Addresses: at}, discovery.Found{Info: desk, Addresses: at})
	if len(found) != 1 {
		t.Fatalf("found %+v", found)
	}
	for name, want := range map[string]bool{"Studio": true, "studio": true, "DESK": true, "": false, "Des": false, "Studio (2)": false} {
		if found[0].Called(name) != want {
			t.Errorf("called %q: %v", name, !want)
		}
	}
}

// TestMergeCopies has two machines with one ID. Until multicast DNS says that they are two, they are taken for one router with
// two addresses; from then on each has its own.
func TestMergeCopies(t *testing.T) {
	at := func(address string) discovery.Found {
		return discovery.Found{Info: studio, Addresses: []netip.Addr{netip.MustParseAddr(address)}}
	}
	a, b := at("10.1.0.1"), at("10.1.0.3")
	for _, heard := range [][]discovery.Found{
		{a.On("x"), b.On("y")},
		{a, b, a.On("x"), b.On("y")},
		{a, b, b.On("y"), a.On("x")},
		{a.On("x"), b, b.On("y"), a, b},
		{a.On("x"), b.On("y"), b, a, b.On("y")},
	} {
		got := map[string]bool{}
		for _, f := range discovery.Merge(heard...) {
			got[fmt.Sprint(f.Addresses)] = true
		}
		if len(got) != 2 || !got["[10.1.0.1]"] || !got["[10.1.0.3]"] {
			t.Errorf("%v: %v", heard, got)
		}
	}
	if found := discovery.Merge(a, b, a.On("x"), b.On("x")); len(found) != 1 || len(found[0].Addresses) != 2 {
		t.Errorf("one router at two addresses: %v", found)
	}
}
