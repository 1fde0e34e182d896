// Runs the real router to be found, by clasp and by who listens to multicast DNS, on a network that no other program is on.

package main_test

import (
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

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
	other.until(t, other.stdout.String, `(?s)  Discovery  10.1.0.1:8001\n  mDNS       discover:Studio\n.*router started`)
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
	card, err := net.InterfaceByName("eth0")
	if err != nil {
		t.Fatal(err)
	}
	heard, err := net.ListenMulticastUDP("udp4", card, &net.UDPAddr{IP: net.IPv4(224, 0, 0, 251), Port: 5353})
	if err != nil {
		t.Fatal(err)
	}
	defer heard.Close()
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

// awaitPointer waits for an answer that points from the service to the router Studio, with such a time to live.
func awaitPointer(t *testing.T, heard *net.UDPConn, wanted func(ttl uint32) bool) {
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
			continue
		}
		for _, answer := range m.Answers {
			pointer, ok := answer.Body.(*dnsmessage.PTRResource)
			if ok && answer.Header.Name.String() == "_clasp._tcp.local." && pointer.PTR.String() == "Studio._clasp._tcp.local." && wanted(answer.Header.TTL) {
				return
			}
		}
	}
}
