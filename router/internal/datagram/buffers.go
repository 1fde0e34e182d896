package datagram

// The kernel's buffers of a socket that many sessions share.

import (
	"fmt"
	"net"
)

const (
	// wanted is the size of the kernel's buffers that is asked for, in bytes. The system
	// counts some 800 for a small datagram, and ten thousand of those are what a router
	// gets while it collects garbage, or sends when it has something to say to all.
	wanted = 8 << 20
	// enough is the size below which bursts are lost.
	enough = 4 << 20
)

// Grow asks the system for large buffers. What is granted matters to some, see Hint.
func Grow(c *net.UDPConn) {
	_ = c.SetReadBuffer(wanted)
	_ = c.SetWriteBuffer(wanted)
	if raw, err := c.SyscallConn(); err == nil {
		_ = raw.Control(force)
	}
}

// Hint says in words what to do about buffers that are too small for bursts, "" when they
// are not or the system does not say. protocol is what the socket is for.
func Hint(c *net.UDPConn, protocol string) string {
	raw, err := c.SyscallConn()
	if err != nil {
		return ""
	}
	var receive, send int
	if err := raw.Control(func(fd uintptr) { receive, send = bufferSizes(fd) }); err != nil {
		return ""
	}
	return hint(protocol, receive, send)
}

func hint(protocol string, receive, send int) string {
	if (receive == 0 || receive >= enough) && (send == 0 || send >= enough) {
		return ""
	}
	return fmt.Sprintf("the system gives %s a receive buffer of %d KiB and a send buffer of %d KiB, of which bursts need %d: packets may be lost; on Linux: sysctl -w net.core.rmem_max=%d net.core.wmem_max=%d",
		protocol, receive>>10, send>>10, enough>>10, wanted, wanted)
}
