// Runs the real router to be found, by clasp and by who listens to multicast DNS, on a network that no other program is on.

package main_test

import (
	"net"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/router/wire"
	"golang.org/x/net/dns/dnsmessage"
)

// TestDiscoverURL: the first router that is found, the one of a name, by whichever way it has one, and none.
func TestDiscoverURL(t *testing.T) {
	ownNetwork(t)
	run := func(args ...string) (stdout, stderr string, code int) {
		t.Helper()
		return clasp(t, nil, args...)
	}
	none := func(url string, want string) {
		t.Helper()
		if stdout, stderr, code := run("get", "--timeout", "0.5", "--url", url, "/a"); code != 1 || stdout != "" || stderr != want {
			t.Errorf("%s: exit code %d, stdout %q, stderr %q, want %q", url, code, stdout, stderr, want)
		}
	}
	const advice = " found: routers that are started with --mdns or --discovery-port can be, 'clasp discover' lists them; --timeout looks longer\n"
	none("discover:", "clasp: no router"+advice)

	// The one answers probes on the socket of its UDP transport.
	s := serve(t, nil, "--name", "Desk", "--udp", "--discovery-port", "7331")
	s.until(t, s.stdout.String, `(?s)  UDP        udp://10.1.0.1:7331\n  Discovery  10.1.0.1:7331\n.*router started`)
	if stdout, stderr, code := run("set", "--url", "discover:", "/a", "1"); code != 0 {
		t.Errorf("discover: exit code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
	if stdout, stderr, code := run("get", "--url", "udp://10.1.0.1:7331", "/a"); code != 0 || stdout != "1\n" {
		t.Errorf("by UDP: exit code %d, stdout %q, stderr %q", code, stdout, stderr)
	}

	// The other announces itself, under a name of its own.
	other := serve(t, nil, "--port", "8000", "--name", "Other", "--mdns", "--mdns-name", "Studio", "--discovery-port", "8001")
	// To be ready it does not wait for the name.
	other.until(t, other.stdout.String, `(?s)  Discovery  10.1.0.1:8001\n.*router started.*announced by multicast DNS" name=Studio `)
	for name, value := range map[string]string{"studio": "2", "Desk": "3"} {
		if stdout, stderr, code := run("set", "--url", "discover:"+name, "/a", value); code != 0 {
			t.Errorf("discover:%s: exit code %d, stdout %q, stderr %q", name, code, stdout, stderr)
		}
	}
	for url, want := range map[string]string{"ws://10.1.0.1:8000": "2\n", "ws://10.1.0.1:7330": "3\n"} {
		if stdout, stderr, code := run("get", "--url", url, "/a"); code != 0 || stdout != want {
			t.Errorf("%s: exit code %d, stdout %q, stderr %q, want %q", url, code, stdout, stderr, want)
		}
	}
	none("discover:Nobody", "clasp: no router named Nobody"+advice)
	for _, url := range []string{"discover://Studio", "DISCOVER:studio", "discover:  Studio "} {
		if stdout, stderr, code := run("get", "--url", url, "/a"); code != 0 || stdout != "2\n" {
			t.Errorf("%s: exit code %d, stdout %q, stderr %q", url, code, stdout, stderr)
		}
	}
	if _, stderr, code := run("get", "--url", "discover", "/a"); code != 2 || !strings.Contains(stderr, "discover:[NAME]") {
		t.Errorf("no colon: exit code %d, stderr %q", code, stderr)
	}
}

// TestDiscoverEitherName: a router is found by both of its names, whichever is heard first, and by one that is longer than
// can be told.
func TestDiscoverEitherName(t *testing.T) {
	ownNetwork(t)
	long := strings.Repeat("y", 100)
	s := serve(t, nil, "--name", "Desk", "--mdns", "--mdns-name", long)
	s.until(t, s.stdout.String, `announced by multicast DNS" name=y{63} `)
	for range 3 {
		for _, name := range []string{"desk", long, long[:63]} {
			if stdout, stderr, code := clasp(t, nil, "set", "--url", "discover:"+name, "/a", "1"); code != 0 {
				t.Errorf("discover:%s: exit code %d, stdout %q, stderr %q", name, code, stdout, stderr)
			}
		}
	}
}

// TestOneNameForAll: without a name of its own multicast DNS has the router's.
func TestOneNameForAll(t *testing.T) {
	ownNetwork(t)
	s := serve(t, nil, "--name", "Desk", "--mdns")
	s.until(t, s.stdout.String, `announced by multicast DNS" name=Desk `)
	stdout, stderr, code := clasp(t, nil, "discover", "--mdns", "--timeout", "1.5")
	if code != 0 || !strings.Contains(stdout, "\nDesk  10.1.0.1 ") {
		t.Errorf("exit code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
}

// TestDiscoverPoorWord: a router of another make that answers HELLO only is taken after a while, since no better word comes.
func TestDiscoverPoorWord(t *testing.T) {
	ownNetwork(t)
	s := serve(t, nil) // at the port that is assumed of such a router; it cannot be found itself
	s.until(t, s.stdout.String, "router started")
	c, err := net.ListenPacket("udp4", "0.0.0.0:7331")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	welcome, err := wire.AppendFrame(nil, wire.Fire, wire.AppendWelcome(nil, wire.Welcome{Version: 1, Session: []byte("1"), Name: []byte("Rusty")}))
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		buf := make([]byte, 2048)
		for {
			n, from, err := c.ReadFrom(buf)
			if err != nil {
				return
			}
			if f, _, err := wire.ReadFrame(buf[:n]); err == nil && wire.Type(f.Payload[0]) == wire.TypeHello {
				_, _ = c.WriteTo(welcome, from)
			}
		}
	}()
	if stdout, stderr, code := clasp(t, nil, "set", "--timeout", "8", "--url", "discover:Rusty", "/a", "1"); code != 0 {
		t.Errorf("exit code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
}

// TestKeepsItsName: a router that has had to take another name says so in the log, and keeps it when the old one is
// free and there is something else to tell.
func TestKeepsItsName(t *testing.T) {
	ownNetwork(t)
	heard := observe(t)
	first := serve(t, nil, "--mdns", "--mdns-name", "Studio")
	first.until(t, first.stdout.String, `announced by multicast DNS" name=Studio `)
	taken, err := net.Listen("tcp", "0.0.0.0:7332")
	if err != nil {
		t.Fatal(err)
	}
	second := serve(t, nil, "--port", "8000", "--discovery-port", "8001", "--mdns", "--mdns-name", "Studio", "--tcp")
	second.until(t, second.stdout.String, `announced by multicast DNS" name="Studio \(2\)" `)
	first.terminated(t)
	_ = taken.Close()
	second.until(t, second.stdout.String, `msg=listening transport=TCP`)
	awaitAnswer(t, heard, func(m dnsmessage.Message) bool {
		about, told := "", false
		for _, a := range m.Answers {
			if txt, ok := a.Body.(*dnsmessage.TXTResource); ok && slices.Contains(txt.TXT, "ws=8000") {
				about, told = a.Header.Name.String(), slices.Contains(txt.TXT, "tcp=7332")
			}
		}
		if about != "" && about != "Studio (2)._clasp._tcp.local." {
			t.Errorf("announced as %s", about)
		}
		return told
	})
}

// TestTellsItsAddressOnly: bound to the address of one of two cards, a router is announced there alone, and answers nobody who
// asks at the other.
func TestTellsItsAddressOnly(t *testing.T) {
	ownNetwork(t)
	for _, args := range []string{"link add eth1 type veth peer name cable1", "link set cable1 up", "addr add 10.2.0.1/24 broadcast + dev eth1", "link set eth1 up"} {
		if out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput(); err != nil {
			t.Fatalf("ip %s: %s", args, out)
		}
	}
	s := serve(t, nil, "--bind", "10.1.0.1", "--mdns", "--mdns-name", "Studio")
	s.until(t, s.stdout.String, `announced by multicast DNS" name=Studio `)
	if n := strings.Count(s.stdout.String(), "announced by multicast DNS"); n != 1 || !strings.Contains(s.stdout.String(), "interface=eth0 addresses=[10.1.0.1]") {
		t.Errorf("announced on %d links:\n%s", n, &s.stdout)
	}
	c, err := net.ListenPacket("udp4", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, at := range []string{"10.2.0.1:7331", "10.1.0.1:7331"} { // the second is answered after the first has been seen to
		if _, err := c.WriteTo([]byte("CLASP-DISCOVER"), net.UDPAddrFromAddrPort(netip.MustParseAddrPort(at))); err != nil {
			t.Fatal(err)
		}
	}
	_ = c.SetReadDeadline(time.Now().Add(patience))
	if _, from, err := c.ReadFrom(make([]byte, 2048)); err != nil || from.String() != "10.1.0.1:7331" {
		t.Errorf("answered from %v, error %v", from, err)
	}
}

// TestProbesAtLoopback: all addresses of loopback are this machine's.
func TestProbesAtLoopback(t *testing.T) {
	s := serve(t, nil, "--port", "0", "--bind", "127.0.0.2", "--discovery-port", "0")
	if about := described(t, s.url(t, "Discovery")); about.Host != "127.0.0.2" {
		t.Errorf("the answer is %+v", about)
	}
}

// TestProbesAtOneAddress: bound to a card, the router hears all probes if discovery has a socket of its own, and warns if not.
func TestProbesAtOneAddress(t *testing.T) {
	ownNetwork(t)
	const warning = "probes that are sent to the whole network do not reach this router"
	for _, udp := range []string{"7331", "7332"} {
		s := serve(t, nil, "--bind", "10.1.0.1", "--udp", "--udp-port", udp, "--discovery-port", "7331")
		s.until(t, s.stdout.String, "router started")
		if got, want := strings.Contains(s.stdout.String(), warning), udp == "7331"; got != want {
			t.Errorf("--udp-port %s: warned %v, want %v", udp, got, want)
		}
		if about := described(t, "10.1.0.1:7331"); about.Host != "10.1.0.1" {
			t.Errorf("--udp-port %s: the answer is %+v", udp, about)
		}
		if stdout, _, code := clasp(t, nil, "discover", "--udp", "--timeout", "1"); (code == 0) != (udp != "7331") {
			t.Errorf("--udp-port %s: clasp discover: exit code %d\n%s", udp, code, stdout)
		}
		s.terminated(t)
	}
}

// TestGoodbye: a router that stops says goodbye by multicast DNS before it waits for its sessions.
func TestGoodbye(t *testing.T) {
	ownNetwork(t)
	heard := observe(t)
	s := serve(t, nil, "--mdns", "--mdns-name", "Studio")
	awaitPointer(t, heard, func(ttl uint32) bool { return ttl > 0 })
	stubborn(t, "10.1.0.1:7330")
	s.signal(t, syscall.SIGTERM)
	awaitPointer(t, heard, func(ttl uint32) bool { return ttl == 0 })
	if strings.Contains(s.stdout.String(), "router stopped") {
		t.Error("the goodbye came last")
	}
	if code := s.exit(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// observe hears what is said by multicast DNS.
func observe(t *testing.T) *net.UDPConn {
	t.Helper()
	card, err := net.InterfaceByName("eth0")
	if err != nil {
		t.Fatal(err)
	}
	heard, err := net.ListenMulticastUDP("udp4", card, &net.UDPAddr{IP: net.IPv4(224, 0, 0, 251), Port: 5353})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = heard.Close() })
	return heard
}

// awaitAnswer waits for a message.
func awaitAnswer(t *testing.T, heard *net.UDPConn, wanted func(dnsmessage.Message) bool) {
	t.Helper()
	_ = heard.SetReadDeadline(time.Now().Add(patience))
	buf := make([]byte, 9000)
	for {
		n, err := heard.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		var m dnsmessage.Message
		if err := m.Unpack(buf[:n]); err != nil {
			t.Errorf("%x: %v", buf[:n], err)
		} else if wanted(m) {
			return
		}
	}
}

// awaitPointer waits for an answer that points from the service to the router Studio, with such a time to live.
func awaitPointer(t *testing.T, heard *net.UDPConn, wanted func(ttl uint32) bool) {
	t.Helper()
	awaitAnswer(t, heard, func(m dnsmessage.Message) bool {
		return slices.ContainsFunc(m.Answers, func(answer dnsmessage.Resource) bool {
			pointer, ok := answer.Body.(*dnsmessage.PTRResource)
			return ok && answer.Header.Name.String() == "_clasp._tcp.local." && pointer.PTR.String() == "Studio._clasp._tcp.local." && wanted(answer.Header.TTL)
		})
	})
}
