// Who gets a name that several routers want.

package discovery_test

import (
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/router/discovery"
	"golang.org/x/net/dns/dnsmessage"
)

// TestTwoRoutersOneName starts one after the other, on two machines and on one.
func TestTwoRoutersOneName(t *testing.T) {
	t.Parallel()
	l, first, o := studioLAN(t)
	other := newNamespace(t)
	other.card(t, "eth0", l, "10.1.0.3/24")
	a := first.start(t, role{Info: studio})
	o.until(t, "the first", func(h heard) bool { return h.says("Studio", "10.1.0.1") })
	b := other.start(t, role{Info: spare(2)})
	o.until(t, "the second", func(h heard) bool { return h.says("Studio (2)", "10.1.0.3") })
	third := spare(3)
	third.Port = 7340
	first.start(t, role{Info: third})
	o.until(t, "the third, beside the first", func(h heard) bool { return h.says("Studio (3)", "10.1.0.1") })
	o.until(t, "the first, as it was", func(h heard) bool { return h.says("Studio", "10.1.0.1") })
	for _, h := range o.heard {
		if i := h.instances["Studio"]; h.from.String() == "10.1.0.3" && i.port != 0 {
			t.Error("the second has used the name of the first")
		}
		for name, i := range h.instances {
			if !slices.Contains(i.txt, "name="+name) {
				t.Errorf("%q says %q", name, i.txt)
			}
		}
	}
	b.logs(t, "taking the next", 1)

	// The new name is kept when the old one is free.
	a.end(t, syscall.SIGTERM)
	for range 3 {
		o.until(t, "the second, as it was", func(h heard) bool { return h.says("Studio (2)", "10.1.0.3") })
	}
}

// TestCopies has two machines that are made from one image: they have one ID, one name and one port, and in the second
// case a card with the same hardware address. They are two routers all the same, for whoever looks for them in any way that
// includes multicast DNS.
func TestCopies(t *testing.T) {
	t.Parallel()
	for what, card := range map[string]string{"other cards": "", "one hardware address": "02:00:00:00:00:07"} {
		for when, together := range map[string]bool{"together": true, "one after the other": false} {
			t.Run(what+", "+when, func(t *testing.T) {
				t.Parallel()
				l := newLAN(t)
				l.ip(t, "addr add 10.1.0.2/24 broadcast + dev br0")
				for _, address := range []string{"10.1.0.1", "10.1.0.3"} {
					router := newNamespace(t)
					if card != "" {
						router.ip(t, "link add spare address "+card+" type veth peer name cable address "+card)
					}
					router.card(t, "eth0", l, address+"/24")
					if a := router.start(t, role{Info: studio, UDP: true}); !together {
						a.logs(t, "announced by multicast DNS", 1)
					}
				}
				o, names := l.observe(t, "br0"), map[string]string{} // by address
				o.until(t, "two names", func(h heard) bool {
					for name, i := range h.instances {
						if i.port != 0 {
							names[h.from.String()] = name
						}
					}
					return slices.Equal(slices.Sorted(maps.Values(names)), []string{"Studio", "Studio (2)"})
				})
				want := map[string][]string{}
				for address, name := range names {
					want[name] = []string{address}
				}
				for _, search := range []role{{FindMDNS: true}, {FindMDNS: true, FindUDP: true}} {
					search.For = 2500 * time.Millisecond
					if got := l.start(t, search).found(t); !maps.EqualFunc(got, want, slices.Equal) {
						t.Errorf("%+v: found %v, want %v", search, got, want)
					}
				}
			})
		}
	}
}

// TestTellKeepsName changes what is announced of a router that has had to take another name: it goes on under that, and at no moment
// is it not there.
func TestTellKeepsName(t *testing.T) {
	t.Parallel()
	l, first, o := studioLAN(t)
	a := first.start(t, role{Info: studio})
	a.logs(t, "announced by multicast DNS", 1)
	other, changed := newNamespace(t), spare(2)
	other.card(t, "eth0", l, "10.1.0.3/24")
	changed.Auth, changed.TCP = discovery.AuthToken, 7332
	b := other.start(t, role{Info: spare(2), Tell: &changed})
	o.until(t, "the second", func(h heard) bool { return h.says("Studio (2)", "10.1.0.3") })
	a.end(t, syscall.SIGTERM) // its name is free
	goodbye := func(h heard) bool { return slices.Contains(h.goodbyes, "Studio") }
	if !slices.ContainsFunc(o.heard, goodbye) && !o.listen(t, time.Now().Add(patience), goodbye) {
		t.Fatal("no goodbye of the first")
	}
	before := len(o.heard)
	if err := b.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	told := 0
	unasked := o.listen(t, time.Now().Add(patience), func(h heard) bool {
		if slices.Contains(h.instances["Studio (2)"].txt, "auth=token") && slices.Contains(h.instances["Studio (2)"].txt, "tcp=7332") {
			told++
		}
		return told == 2
	})
	if !unasked {
		t.Fatalf("what has changed was told %d times, want 2", told)
	}
	o.until(t, "the second, as it was", func(h heard) bool { return h.says("Studio (2)", "10.1.0.3") })
	for _, h := range o.heard[before:] {
		if len(h.goodbyes) > 0 || h.instances["Studio"].port != 0 {
			t.Errorf("after the change: %v, goodbye to %q", h.instances, h.goodbyes)
		}
	}
	if n := strings.Count(b.stderr.String(), "announced by multicast DNS"); n != 1 {
		t.Errorf("announced %d times: it has asked for its name again", n)
	}
}

// TestSimultaneousStart has both ask for the name in the same moment.
func TestSimultaneousStart(t *testing.T) {
	t.Parallel()
	l, first, o := studioLAN(t)
	other := newNamespace(t)
	other.card(t, "eth0", l, "10.1.0.3/24")
	first.start(t, role{Info: studio})
	other.start(t, role{Info: spare(2)})
	names := map[netip.Addr]string{}
	o.until(t, "both, with two names", func(h heard) bool {
		for name, i := range h.instances {
			if i.port != 0 {
				names[h.from] = name
			}
		}
		got := []string{names[netip.MustParseAddr("10.1.0.1")], names[netip.MustParseAddr("10.1.0.3")]}
		slices.Sort(got)
		return slices.Equal(got, []string{"Studio", "Studio (2)"})
	})
}

// TestTieBreak asks for the name whenever the router does (RFC 6762 section 8.2): with a claim that wins, the router must
// wait and ask again; with one that loses, it must not be impressed.
func TestTieBreak(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		port uint16
		wins bool
	}{{65535, true}, {1, false}} {
		_, router, o := studioLAN(t)
		router.start(t, role{Info: studio})
		name := dnsmessage.MustNewName("Studio._clasp._tcp.local.")
		rival := dnsmessage.Message{
			Questions: []dnsmessage.Question{question(name.String(), dnsmessage.TypeALL)},
			Authorities: []dnsmessage.Resource{{
				Header: dnsmessage.ResourceHeader{Name: name, Class: dnsmessage.ClassINET, TTL: 120},
				Body:   &dnsmessage.SRVResource{Port: test.port, Target: dnsmessage.MustNewName("rival.local.")},
			}},
		}
		buf := make([]byte, 9000)
		probes, announced := 0, false
		_ = o.conn.SetReadDeadline(time.Now().Add(patience))
		for probes < 6 && !announced {
			n, _, from, err := o.conn.ReadFrom(buf)
			if err != nil {
				t.Fatal(err)
			}
			var m dnsmessage.Message
			if err := m.Unpack(buf[:n]); err != nil {
				t.Fatal(err)
			}
			if from.(*net.UDPAddr).IP.Equal(net.IPv4(10, 1, 0, 2)) {
				continue // the rival's own
			}
			if announced = m.Response; !announced {
				probes++
				o.send(t, rival)
			}
		}
		if announced == test.wins || !test.wins && probes != 3 {
			t.Errorf("against port %d: announced %v after %d probes", test.port, announced, probes)
		}
		o.until(t, "the router, when the rival is silent", func(h heard) bool { return h.says("Studio", "10.1.0.1") })
	}
}

// TestNetworksJoined makes one network of two that have a router of the same name each.
func TestNetworksJoined(t *testing.T) {
	t.Parallel()
	l, first, o := studioLAN(t)
	second, apart := newNamespace(t), newLAN(t)
	second.card(t, "eth0", apart, "10.1.0.3/24")
	apart.ip(t, "addr add 10.1.0.4/24 dev br0")
	distant := apart.observe(t, "br0")
	first.start(t, role{Info: studio})
	second.start(t, role{Info: spare(2)})
	o.until(t, "the first", func(h heard) bool { return h.says("Studio", "10.1.0.1") })
	distant.until(t, "the second", func(h heard) bool { return h.says("Studio", "10.1.0.3") })
	l.ip(t, "link add trunk type veth peer name trunk netns "+apart.name)
	apart.ip(t, "link set trunk master br0 up")
	l.ip(t, "link set trunk master br0 up")
	o.until(t, "one of them under another name", func(h heard) bool { return h.instances["Studio (2)"].port != 0 })
	o.until(t, "the other as before", func(h heard) bool { return h.instances["Studio"].port != 0 })
}
