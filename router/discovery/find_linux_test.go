// Searches and UDP probes in networks of several machines.

package discovery_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/router/discovery"
)

// TestFindBothWays looks for a router that is on two LANs from a machine that is too: it is one router with two addresses.
// A second router is found by multicast DNS, a third by UDP.
func TestFindBothWays(t *testing.T) {
	t.Parallel()
	router, seeker := newNamespace(t), newNamespace(t)
	var l lan
	for n := range 2 {
		l = newLAN(t)
		router.card(t, fmt.Sprintf("eth%d", n), l, fmt.Sprintf("10.%d.0.1/24", n+1))
		seeker.card(t, fmt.Sprintf("eth%d", n), l, fmt.Sprintf("10.%d.0.2/24", n+1))
	}
	a := router.start(t, role{Info: studio, UDP: true})
	second := newNamespace(t)
	second.card(t, "eth0", l, "10.2.0.3/24")
	a.logs(t, "announced by multicast DNS", 2)
	b := second.start(t, role{Info: spare(2)})
	b.logs(t, "announced by multicast DNS", 1)

	for _, search := range []discovery.Search{{UDP: true}, {MDNS: true}, {UDP: true, MDNS: true}} {
		s := seeker.start(t, role{FindUDP: search.UDP, FindMDNS: search.MDNS, For: 2500 * time.Millisecond})
		got := s.found(t)
		want := map[string][]string{"Studio": {"10.1.0.1", "10.2.0.1"}}
		if search.MDNS {
			want["Studio (2)"] = []string{"10.2.0.3"}
		}
		if !maps.EqualFunc(got, want, slices.Equal) {
			t.Errorf("%+v: found %v, want %v", search, got, want)
		}
	}
}

// TestProbeTwoLANs sends probes to everybody on two LANs as the public client does, and from a host that is not on either.
func TestProbeTwoLANs(t *testing.T) {
	t.Parallel()
	router := newNamespace(t)
	var lans []lan
	for n := range 2 {
		l := newLAN(t)
		router.card(t, fmt.Sprintf("eth%d", n), l, fmt.Sprintf("10.%d.0.1/24", n+1))
		l.ip(t, fmt.Sprintf("addr add 10.%d.0.2/24 broadcast + dev br0", n+1))
		l.ip(t, "route add default dev br0")
		l.ip(t, "addr add 10.99.0.5/32 dev br0")
		lans = append(lans, l)
	}
	router.ip(t, "route add 10.99.0.5/32 dev eth0")
	router.ip(t, "addr add 10.1.0.9/24 broadcast + dev eth0")
	router.start(t, role{Info: studio, UDP: true}).logs(t, "announced by multicast DNS", 2)
	for n, l := range lans {
		for _, to := range []string{"255.255.255.255:7331", fmt.Sprintf("10.%d.0.255:7331", n+1), fmt.Sprintf("10.%d.0.1:7331", n+1)} {
			reply, from := probe(t, l.namespace, fmt.Sprintf("10.%d.0.2:0", n+1), to)
			var d struct{ Host string }
			if err := json.Unmarshal(reply, &d); err != nil {
				t.Fatalf("probe to %s: answered %q: %v", to, reply, err)
			}
			if want := fmt.Sprintf("10.%d.0.1", n+1); from != want+":7331" || d.Host != want {
				t.Errorf("probe to %s: %q answered from %s, want %s", to, d.Host, from, want)
			}
		}
	}
	if _, from := probe(t, lans[0].namespace, "10.1.0.2:0", "10.1.0.9:7331"); from != "10.1.0.9:7331" {
		t.Errorf("probe to the card's second address: answered from %q", from)
	}
	if reply, from := probe(t, lans[0].namespace, "10.99.0.5:0", "10.1.0.1:7331"); reply != nil {
		t.Errorf("a host that is not on the network was answered %q from %s", reply, from)
	}
}

// probe sends a text probe until it is answered, for 2 s.
func probe(t *testing.T, ns namespace, from, to string) (reply []byte, by string) {
	t.Helper()
	var conn net.PacketConn
	ns.within(t, func() (err error) {
		conn, err = net.ListenPacket("udp4", from)
		return err
	})
	defer conn.Close()
	buf := make([]byte, 2048)
	for range 4 {
		if _, err := conn.WriteTo(textProbe, net.UDPAddrFromAddrPort(netip.MustParseAddrPort(to))); err != nil {
			t.Fatal(err)
		}
		_ = conn.SetReadDeadline(time.Now().Add(500 * time.Millisecond))
		if n, remote, err := conn.ReadFrom(buf); err == nil {
			return buf[:n], remote.String()
		}
	}
	return nil, ""
}
