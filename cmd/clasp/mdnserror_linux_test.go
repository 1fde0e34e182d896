// The port of multicast DNS, where somebody has it for himself: the router says who, and announces itself once it is free.

package main_test

import (
	"fmt"
	"net"
	"os"
	"regexp"
	"testing"
)

func TestTakenMulticastPort(t *testing.T) {
	ownNetwork(t)
	taken, err := net.ListenPacket("udp4", "0.0.0.0:5353")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	comm, err := os.ReadFile("/proc/self/comm")
	if err != nil {
		t.Fatal(err)
	}
	s := serve(t, nil, "--mdns")
	holder := fmt.Sprintf("%s (pid %d)", comm[:len(comm)-1], os.Getpid())
	s.until(t, s.stdout.String, `level=WARN msg="multicast DNS cannot announce this router[^\n]* error="UDP port 5353 is in use by `+regexp.QuoteMeta(holder)+`, which does not share it[^\n]*: stop it"`)
	_ = taken.Close()
	s.until(t, s.stdout.String, `level=INFO msg="multicast DNS announces this router again"`)
	s.terminated(t)
}
