package quic

// The kernel's buffers of the socket that all sessions share.

import (
	"fmt"
	"net"
)

// enough is how many bytes of buffer the socket should have: 10,000 clients that get one
// packet each at the same moment are 4 MiB of the kernel's memory. quic-go asks for 7.
const enough = 4 << 20

// bufferSizes returns what the kernel gave, 0 where it does not say.
func bufferSizes(c *net.UDPConn) (receive, send int) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, 0
	}
	if err := raw.Control(func(fd uintptr) { receive, send = socketBuffers(fd) }); err != nil {
		return 0, 0
	}
	return receive, send
}

// hint says what to do about small buffers, "" when they are not.
func hint(receive, send int) string {
	if (receive == 0 || receive >= enough) && (send == 0 || send >= enough) {
		return ""
	}
	return fmt.Sprintf("the system gives QUIC a receive buffer of %d KiB and a send buffer of %d KiB, of which bursts need %d: packets may be lost and sent again; on Linux: sysctl -w net.core.rmem_max=7340032 net.core.wmem_max=7340032",
		receive>>10, send>>10, enough>>10)
}
