//go:build unix

// Runs the real router for what it says about being found where it cannot be.

package main_test

import (
	"net"
	"regexp"
	"strings"
	"testing"
	"time"
)

// awaitUp waits until the metrics say of a listener whether it is open.
func (s *service) awaitUp(t *testing.T, label, address string, want float64) {
	t.Helper()
	row := `clasp_listener_up\{address="` + regexp.QuoteMeta(address) + `",transport="` + label + `"\}`
	for deadline := time.Now().Add(patience); s.metric(t, row) != want; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s at %s: up is never %v", label, address, want)
		}
	}
}

// TestDiscoveryUp: probes that are answered on the socket of the UDP transport have a metric of their own, and so has
// multicast DNS, which cannot be at 127.0.0.1.
func TestDiscoveryUp(t *testing.T) {
	t.Parallel() // mostly waits for the router to try again
	port := steadyPort(t)
	taken, err := net.ListenPacket("udp", "127.0.0.1:"+port)
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	s := measured(t, "--udp", "--udp-port", port, "--discovery-port", port, "--mdns")
	s.until(t, s.stdout.String, "router started")
	if regexp.MustCompile(`(?m)^  (Discovery|mDNS)`).MatchString(s.stdout.String()) {
		t.Errorf("the banner is\n%s", &s.stdout)
	}
	s.awaitUp(t, "discovery", "127.0.0.1:"+port, 0)
	s.awaitUp(t, "mdns", "224.0.0.251:5353", 0)
	_ = taken.Close()
	s.awaitUp(t, "discovery", "127.0.0.1:"+port, 1)
}

// TestDiscoveryByIPv6: a router that listens at an IPv6 address says that it cannot be found, and opens nothing for it.
func TestDiscoveryByIPv6(t *testing.T) {
	free, err := net.ListenPacket("udp", "[::1]:0")
	if err != nil {
		t.Skipf("%s: skipped: no IPv6 on this machine: %v", t.Name(), err)
	}
	_ = free.Close()
	port := steadyPort(t)
	for _, udp := range []string{port, "0"} { // on the socket of the UDP transport, and on one of its own
		s := serve(t, nil, "--port", "0", "--bind", "::1", "--udp", "--udp-port", udp, "--discovery-port", port, "--mdns", "--metrics", "--metrics-port", "0")
		s.until(t, s.stdout.String, "router started")
		said := s.stdout.String()
		if strings.Count(said, "not listening: discovery is for IPv4 only") != 1 || regexp.MustCompile(`(?m)^  (Discovery|mDNS)`).MatchString(said) {
			t.Errorf("says\n%s", said)
		}
		s.awaitUp(t, "discovery", "[::1]:"+port, 0)
		s.awaitUp(t, "mdns", "224.0.0.251:5353", 0)
		c, err := net.ListenPacket("udp4", "0.0.0.0:"+port)
		if err != nil {
			t.Errorf("the discovery port is not free for others: %v", err)
			continue
		}
		_ = c.Close()
		s.terminated(t)
	}
}
