// Ports that a test can free and have again: those that the system hands out may be another test's by then.

package main_test

import (
	"net"
	"os"
	"strconv"
	"sync/atomic"
	"testing"
)

// Systems give out ports from 32768 (Linux) or 49152 (RFC 6335) on.
const (
	steadyFirst = 20_000
	steadyCount = 12_000
)

var steadyNext atomic.Uint32

// steadyPort is a port of 127.0.0.1 that is free, for TCP and for UDP, and that nobody is given who asks for any.
func steadyPort(t *testing.T) string {
	t.Helper()
	for range steadyCount {
		n := (uint32(os.Getpid())*97 + steadyNext.Add(1)) % steadyCount // other processes of tests look elsewhere first
		port := strconv.Itoa(steadyFirst + int(n))
		stream, err := net.Listen("tcp", "127.0.0.1:"+port)
		if err != nil {
			continue
		}
		packets, err := net.ListenPacket("udp", "127.0.0.1:"+port)
		_ = stream.Close()
		if err != nil {
			continue
		}
		_ = packets.Close()
		return port
	}
	t.Fatalf("no port from %d on is free", steadyFirst)
	return ""
}
