package network_test

import (
	"net"
	"net/netip"
	"testing"

	"github.com/clasp-studio/clasp/router/transport/internal/network"
)

func TestSources(t *testing.T) {
	for _, test := range []struct{ a, b string }{
		{"192.0.2.1", "::ffff:192.0.2.1"},
		{"2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff"},
		{"fe80::1", "fe80::2"},
		{"fe80::1%1", "fe80::1%2"},
	} {
		if network.Source(netip.MustParseAddr(test.a)) != network.Source(netip.MustParseAddr(test.b)) {
			t.Errorf("%s and %s are two", test.a, test.b)
		}
	}
	for _, test := range []struct{ a, b string }{
		{"192.0.2.1", "192.0.2.2"}, {"2001:db8:1:2::1", "2001:db8:1:3::1"}, {"192.0.2.1", "2001:db8::1"},
	} {
		if network.Source(netip.MustParseAddr(test.a)) == network.Source(netip.MustParseAddr(test.b)) {
			t.Errorf("%s and %s are one", test.a, test.b)
		}
	}
}

// An address counts for the same by whatever transport it comes.
func TestSourceOf(t *testing.T) {
	ip := net.ParseIP("192.0.2.1") // in the 16 bytes that package net likes
	want := netip.MustParseAddr("192.0.2.1")
	for _, a := range []net.Addr{&net.TCPAddr{IP: ip, Port: 1}, &net.UDPAddr{IP: ip, Port: 2}} {
		if got := network.SourceOf(a); got != want {
			t.Errorf("%s address %s: got %v", a.Network(), a, got)
		}
	}
	if got := network.SourceOf(&net.UnixAddr{Name: "/x"}); got.IsValid() {
		t.Errorf("a path counts for %v", got)
	}
}
