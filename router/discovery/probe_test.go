// Probes and their answers, on addresses made up for the purpose; sockets are in other files.

package discovery_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/router/discovery"
	"github.com/clasp-studio/clasp/router/wire"
)

var (
	studio = discovery.Info{ID: "3f2a6c1e-9d55-4b5e-8f0a-1c2d3e4f5a6b", Name: "Studio", Port: 7330, Auth: discovery.AuthOpen}

	textProbe  = []byte("CLASP-DISCOVER")
	helloProbe = frame(wire.AppendHello(nil, wire.Hello{Version: 1, Name: []byte("Discovery")}))
	// What the public Rust client sent before it had binary messages: a map of type, version,
	// name and features.
	legacyProbe = frame([]byte("\x84\xa4type\xa5HELLO\xa7version\x01\xa4name\xa9Discovery\xa8features\x90"))

	router   = netip.MustParseAddrPort("192.168.1.10:7331")
	neighbor = netip.MustParseAddrPort("192.168.1.20:50000")
)

func frame(payload []byte) []byte {
	f, err := wire.AppendFrame(nil, wire.Fire, payload)
	if err != nil {
		panic(err)
	}
	return f
}

// clock is moved by hand.
type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }

// attached are the networks of the tests: two cards, one of them with two addresses in one network, and loopback.
func attached() ([]discovery.Link, error) {
	return []discovery.Link{
		{Index: 1, Name: "lo", Prefixes: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/8")}},
		{Index: 2, Name: "lan", Multicast: true, Prefixes: []netip.Prefix{netip.MustParsePrefix("192.168.1.10/24"), netip.MustParsePrefix("192.168.1.11/24")}},
		{Index: 3, Name: "wlan", Multicast: true, Prefixes: []netip.Prefix{netip.MustParsePrefix("10.0.0.5/8")}},
	}, nil
}

func newResponder(i discovery.Info) (*discovery.Responder, *clock) {
	c := &clock{time.Unix(1_700_000_000, 0)}
	return discovery.NewResponder(i, discovery.ResponderOptions{Now: c.Now, Links: attached}), c
}

func TestHelloProbe(t *testing.T) {
	for name, probe := range map[string][]byte{"binary": helloProbe, "legacy": legacyProbe} {
		t.Run(name, func(t *testing.T) {
			r, c := newResponder(studio)
			reply, isProbe := r.Answer(probe, neighbor, router)
			if !isProbe {
				t.Fatal("not taken for a probe")
			}
			f, rest, err := wire.ReadFrame(reply)
			if err != nil || len(rest) > 0 {
				t.Fatalf("answer %q: %d bytes more, error %v", reply, len(rest), err)
			}
			m, err := wire.DecodeWelcome(f.Payload)
			if err != nil {
				t.Fatal(err)
			}
			if m.Version != 1 || m.Features != 0xF8 || m.Time != uint64(c.now.UnixMicro()) {
				t.Errorf("version %d, features %#x, time %d", m.Version, m.Features, m.Time)
			}
			if string(m.Name) != "Studio" || string(m.Session) != studio.ID || len(m.Token) != 0 {
				t.Errorf("name %q, session %q, token %q", m.Name, m.Session, m.Token)
			}
			if got := r.Replies(); got != (discovery.Replies{Hello: 1}) {
				t.Errorf("counted %+v", got)
			}
		})
	}
}

func TestTextProbe(t *testing.T) {
	all := studio
	all.Secure, all.Auth, all.QUIC, all.UDP, all.TCP = true, discovery.AuthToken, 7330, 7331, 7332
	for _, test := range []struct {
		probe string
		info  discovery.Info
		want  string
	}{
		{"CLASP-DISCOVER", studio, `{"name":"Studio","host":"192.168.1.10","port":7330,"version":1,"secure":false,"id":"3f2a6c1e-9d55-4b5e-8f0a-1c2d3e4f5a6b","auth":"open"}`},
		{"CLASP-DISCOVER\n", all, `{"name":"Studio","host":"192.168.1.10","port":7330,"version":1,"secure":true,"id":"3f2a6c1e-9d55-4b5e-8f0a-1c2d3e4f5a6b","auth":"token","quic":7330,"udp":7331,"tcp":7332}`},
		{"CLASP-DISCOVER\r\n", discovery.Info{Name: "Bühne \"2\"", Port: 8000}, `{"name":"Bühne \"2\"","host":"192.168.1.10","port":8000,"version":1,"secure":false}`},
	} {
		r, _ := newResponder(test.info)
		reply, isProbe := r.Answer([]byte(test.probe), neighbor, router)
		if !isProbe || string(reply) != test.want {
			t.Errorf("%q: probe %v, answered\n%s\nwant\n%s", test.probe, isProbe, reply, test.want)
		}
		if got := r.Replies(); got != (discovery.Replies{Text: 1}) {
			t.Errorf("counted %+v", got)
		}
	}
}

// TestTell: what is told changes, in both answers.
func TestTell(t *testing.T) {
	r, _ := newResponder(discovery.Info{ID: "1", Name: "Before", Port: 7330, Auth: discovery.AuthOpen})
	r.Tell(discovery.Info{ID: "1", Name: "After", Port: 7330, Auth: discovery.AuthToken})
	hello := frame(wire.AppendHello(nil, wire.Hello{Version: 1, Name: []byte("Discovery")}))
	for _, probe := range [][]byte{[]byte("CLASP-DISCOVER"), hello} {
		if answer, _ := r.Answer(probe, neighbor, router); !bytes.Contains(answer, []byte("After")) {
			t.Errorf("%q is answered with %q", probe, answer)
		}
	}
}

// TestNoProbe holds that everything else is left to the UDP transport.
func TestNoProbe(t *testing.T) {
	hello := func(m wire.Hello) []byte { return frame(wire.AppendHello(nil, m)) }
	for name, packet := range map[string][]byte{
		"nothing":          {},
		"one byte":         {0x53},
		"garbage":          bytes.Repeat([]byte{0xAA}, 100),
		"another text":     []byte("CLASP-DISCOVERY"),
		"text and more":    []byte("CLASP-DISCOVER\n\n"),
		"lower case":       []byte("clasp-discover"),
		"a client":         hello(wire.Hello{Version: 1, Name: []byte("Discovery"), Features: 0x80}),
		"another client":   hello(wire.Hello{Version: 1, Name: []byte("discovery")}),
		"half a probe":     helloProbe[:len(helloProbe)-1],
		"probe and more":   append(bytes.Clone(helloProbe), 1),
		"two probes":       append(bytes.Clone(helloProbe), helloProbe...),
		"another message":  frame(wire.AppendPing(nil)),
		"a long token":     hello(wire.Hello{Version: 1, Name: []byte("Discovery"), Token: bytes.Repeat([]byte("t"), 600)}),
		"the largest":      bytes.Repeat([]byte("CLASP-DISCOVER\n"), 65507/15),
		"cut legacy":       frame([]byte("\x84\xa4type\xa5HELLO\xa7version\x01\xa4name")),
		"the answer":       []byte(`{"name":"x","host":"192.168.1.1","port":7330,"version":1,"secure":false}`),
		"the other answer": frame(wire.AppendWelcome(nil, wire.Welcome{Version: 1, Name: []byte("Discovery")})),
	} {
		r, _ := newResponder(studio)
		if reply, isProbe := r.Answer(packet, neighbor, router); isProbe || reply != nil {
			t.Errorf("%s: taken for a probe, answered %q", name, reply)
		}
	}
}

// TestProbeSources holds who is answered: neighbours on the network of the address they asked, and this machine.
func TestProbeSources(t *testing.T) {
	for _, test := range []struct {
		what, from, to string
		answered       bool
	}{
		{"a neighbour", "192.168.1.20:50000", "192.168.1.10:7331", true},
		{"a neighbour, at the card's second address", "192.168.1.20:50000", "192.168.1.11:7331", true},
		{"a neighbour, as IPv6 sockets put it", "[::ffff:192.168.1.20]:50000", "[::ffff:192.168.1.10]:7331", true},
		{"a neighbour on the other card", "10.200.3.4:1", "10.0.0.5:7331", true},
		{"this machine", "127.0.0.1:50000", "127.0.0.1:7331", true},
		{"this machine by its address", "192.168.1.10:50000", "192.168.1.10:7331", true},
		{"a router of the same kind", "192.168.1.30:7331", "192.168.1.10:7331", true},
		{"a host far away", "203.0.113.9:50000", "192.168.1.10:7331", false},
		{"a neighbour on another card than it asked", "10.200.3.4:50000", "192.168.1.10:7331", false},
		{"loopback at a card", "127.0.0.1:50000", "192.168.1.10:7331", false},
		{"port zero", "192.168.1.20:0", "192.168.1.10:7331", false},
		{"multicast", "224.0.0.251:5353", "192.168.1.10:7331", false},
		{"all hosts", "255.255.255.255:50000", "192.168.1.10:7331", false},
		{"all hosts of the network", "192.168.1.255:50000", "192.168.1.10:7331", false},
		{"the network itself", "192.168.1.0:50000", "192.168.1.10:7331", false},
		{"all hosts of the other network", "10.255.255.255:50000", "10.0.0.5:7331", false},
		{"nobody", "0.0.0.0:50000", "192.168.1.10:7331", false},
		{"IPv6", "[fe80::1]:50000", "192.168.1.10:7331", false},
		{"a neighbour, at no address of ours", "192.168.1.20:50000", "192.168.1.99:7331", false},
		{"a neighbour, at an address the system does not tell", "192.168.1.20:50000", "0.0.0.0:7331", true},
		{"a host far away, at such an address", "203.0.113.9:50000", "0.0.0.0:7331", false},
	} {
		for _, probe := range [][]byte{textProbe, helloProbe} {
			r, _ := newResponder(studio)
			reply, isProbe := r.Answer(probe, netip.MustParseAddrPort(test.from), netip.MustParseAddrPort(test.to))
			if !isProbe || (reply != nil) != test.answered {
				t.Errorf("%s: probe %v, answered %q", test.what, isProbe, reply)
			}
		}
	}
	r, _ := newResponder(studio)
	if reply, isProbe := r.Answer(textProbe, netip.AddrPort{}, netip.AddrPort{}); !isProbe || reply != nil {
		t.Errorf("no addresses at all: probe %v, answered %q", isProbe, reply)
	}
}

// TestNetworkOfTwo: of a network of two addresses neither is one for all (RFC 3021).
func TestNetworkOfTwo(t *testing.T) {
	two := func() ([]discovery.Link, error) {
		return []discovery.Link{{Index: 1, Name: "cable", Prefixes: []netip.Prefix{netip.MustParsePrefix("10.9.0.1/31")}}}, nil
	}
	r := discovery.NewResponder(studio, discovery.ResponderOptions{Links: two})
	if reply, _ := r.Answer(textProbe, netip.MustParseAddrPort("10.9.0.0:5000"), netip.MustParseAddrPort("10.9.0.1:7331")); reply == nil {
		t.Error("the other host is not answered")
	}
}

func TestLocal(t *testing.T) {
	r, _ := newResponder(studio)
	for _, test := range []struct {
		what, from, to string
		index          int
		want           string
	}{
		{"sent to the card", "192.168.1.20", "192.168.1.10", 2, "192.168.1.10"},
		{"sent to its second address", "192.168.1.20", "192.168.1.11", 2, "192.168.1.11"},
		{"broadcast to all", "192.168.1.20", "255.255.255.255", 2, "192.168.1.10"},
		{"broadcast to the network", "10.1.2.3", "10.255.255.255", 3, "10.0.0.5"},
		{"a system that says nothing", "10.1.2.3", "", 0, "10.0.0.5"},
		{"loopback", "127.0.0.1", "127.0.0.1", 1, "127.0.0.1"},
		{"on the wrong card", "10.1.2.3", "255.255.255.255", 2, ""},
		{"far away", "203.0.113.9", "192.168.1.10", 2, ""},
	} {
		var to, want netip.Addr
		if test.to != "" {
			to = netip.MustParseAddr(test.to)
		}
		if test.want != "" {
			want = netip.MustParseAddr(test.want)
		}
		if got := r.Local(netip.MustParseAddr(test.from), to, test.index); got != want {
			t.Errorf("%s: from %v, want %v", test.what, got, want)
		}
	}
}

// TestProbeLimits floods a responder for ten seconds of its clock, and looks at every second that can be cut out of them.
func TestProbeLimits(t *testing.T) {
	r, c := newResponder(studio)
	start := c.now
	var all []time.Duration
	to := map[netip.Addr][]time.Duration{}
	for i := range 10_000 {
		c.now = start.Add(time.Duration(i) * time.Millisecond)
		for j := range 3 {
			// Ten that ask all the time, from ever new ports, and a spoofer with a thousand addresses.
			source := netip.AddrFrom4([4]byte{192, 168, 1, byte(100 + i%10)})
			if j == 2 {
				source = netip.AddrFrom4([4]byte{10, 1, byte(i >> 8 & 3), byte(i | 1)})
			}
			at := router
			if j == 2 {
				at = netip.MustParseAddrPort("10.0.0.5:7331")
			}
			reply, isProbe := r.Answer([][]byte{textProbe, helloProbe}[i%2], netip.AddrPortFrom(source, uint16(1+i)), at)
			if !isProbe {
				t.Fatal("not taken for a probe")
			}
			if reply != nil {
				all = append(all, c.now.Sub(start))
				to[source] = append(to[source], c.now.Sub(start))
			}
		}
	}
	most := func(times []time.Duration) (n int) {
		for i, at := range times {
			end, _ := slices.BinarySearch(times[i:], at+time.Second)
			n = max(n, end)
		}
		return n
	}
	if got := most(all); got != 20 {
		t.Errorf("%d replies in a second, want 20", got)
	}
	if len(all) != 200 {
		t.Errorf("%d replies in ten seconds, want 200", len(all))
	}
	for source, times := range to {
		if got := most(times); got > 2 {
			t.Errorf("%d replies to %v in a second, want 2", got, source)
		}
	}
	if sum := r.Replies(); sum.Hello+sum.Text != uint64(len(all)) {
		t.Errorf("counted %+v of %d", sum, len(all))
	}
}

// TestProbeLimitOfOne has one that asks all the time from ever new ports, beside one that asks rarely.
func TestProbeLimitOfOne(t *testing.T) {
	r, c := newResponder(studio)
	start := c.now
	greedy, modest := 0, 0
	for i := range 10_000 {
		c.now = start.Add(time.Duration(i) * time.Millisecond)
		if reply, _ := r.Answer(textProbe, netip.AddrPortFrom(neighbor.Addr(), uint16(1+i)), router); reply != nil {
			greedy++
		}
		if i%2500 == 0 {
			if reply, _ := r.Answer(helloProbe, netip.MustParseAddrPort("192.168.1.30:5000"), router); reply != nil {
				modest++
			}
		}
	}
	if greedy != 20 || modest != 4 {
		t.Errorf("%d replies to one that asks all the time, want 20; %d to one that asks four times", greedy, modest)
	}
}

// TestProbeLeavesNothing holds that a million sources cost what one does.
func TestProbeLeavesNothing(t *testing.T) {
	r, c := newResponder(studio)
	at := netip.MustParseAddrPort("10.0.0.5:7331")
	n := 0
	ask := func() {
		n++
		c.now = c.now.Add(time.Microsecond)
		r.Answer(textProbe, netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n) | 1}), 5000), at)
	}
	for range 100 {
		ask()
	}
	if allocated := testing.AllocsPerRun(100_000, ask); allocated != 0 {
		t.Errorf("%v allocations for a probe that is not answered", allocated)
	}
}

// TestReplySizes holds the sizes that the documentation of Responder promises.
func TestReplySizes(t *testing.T) {
	r, _ := newResponder(studio)
	text, _ := r.Answer(textProbe, neighbor, router)
	hello, _ := r.Answer(helloProbe, neighbor, router)
	if len(helloProbe) != 20 || len(hello) > 100 || len(text) > 180 {
		t.Errorf("probes of %d and %d bytes are answered with %d and %d", len(helloProbe), len(textProbe), len(hello), len(text))
	}
	r, _ = newResponder(discovery.Info{
		ID: strings.Repeat("\x01", 1000), Name: strings.Repeat("\x01", 1000),
		Port: 65535, Auth: discovery.AuthToken, QUIC: 65535, UDP: 65535, TCP: 65535,
	})
	text, _ = r.Answer(textProbe, neighbor, router)
	hello, _ = r.Answer(helloProbe, neighbor, router)
	if text == nil || hello == nil || len(text) > 1000 || len(hello) > 1000 {
		t.Errorf("the largest answers have %d and %d bytes", len(text), len(hello))
	}
}

func TestLongNameIsCut(t *testing.T) {
	r, _ := newResponder(discovery.Info{Name: strings.Repeat("ü", 100), Port: 1})
	reply, _ := r.Answer(textProbe, neighbor, router)
	var got struct{ Name string }
	if err := json.Unmarshal(reply, &got); err != nil || got.Name != strings.Repeat("ü", 31) {
		t.Errorf("told %q, error %v", got.Name, err)
	}
}

// FuzzProbe holds that whatever comes, from wherever, is answered within bounds or not at all.
func FuzzProbe(f *testing.F) {
	for _, packet := range [][]byte{textProbe, helloProbe, legacyProbe, nil, {0x53}, []byte("CLASP-DISCOVER\r\n")} {
		f.Add(packet, uint32(0xC0A80114), uint16(50000))
	}
	links, _ := attached()
	addresses := map[string]bool{}
	for _, link := range links {
		for _, prefix := range link.Prefixes {
			addresses[prefix.Addr().String()] = true
		}
	}
	f.Fuzz(func(t *testing.T, packet []byte, source uint32, port uint16) {
		r, _ := newResponder(studio)
		before := bytes.Clone(packet)
		from := netip.AddrFrom4([4]byte{byte(source >> 24), byte(source >> 16), byte(source >> 8), byte(source)})
		local := r.Local(from, netip.Addr{}, 0)
		if local.IsValid() && !addresses[local.String()] {
			t.Fatalf("%v is no address of ours, which are %v", local, slices.Collect(maps.Keys(addresses)))
		}
		reply, isProbe := r.Answer(packet, netip.AddrPortFrom(from, port), netip.AddrPortFrom(local, 7331))
		switch {
		case !bytes.Equal(packet, before):
			t.Error("the packet was written to")
		case reply == nil:
		case !isProbe || port == 0 || !local.IsValid() || from.IsMulticast():
			t.Errorf("answered %v:%d at %v (probe %v)", from, port, local, isProbe)
		case len(reply) > 200:
			t.Errorf("%d bytes", len(reply))
		}
		if again, same := r.Answer(packet, netip.AddrPortFrom(from, port), netip.AddrPortFrom(local, 7331)); same != isProbe || (again == nil) != (reply == nil) {
			t.Error("the second of two was treated otherwise")
		}
		if third, _ := r.Answer(packet, netip.AddrPortFrom(from, port), netip.AddrPortFrom(local, 7331)); third != nil {
			t.Error("a third was answered within a second")
		}
	})
}
