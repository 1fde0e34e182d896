// How much a connection has received, as the kernel has counted it: the greeting too,
// which for some peers brings all values.

package versus

import (
	"errors"
	"fmt"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// receivedBytes returns the bytes that have come in on a TCP connection since it began.
func receivedBytes(c net.Conn) (int64, error) {
	var info *unix.TCPInfo
	err := control(c, func(fd int) (err error) {
		info, err = unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("ask how much has been received: %w", err)
	}
	return int64(info.Bytes_received), nil
}

// control does something with the socket of a connection.
func control(c net.Conn, do func(fd int) error) error {
	socket, ok := c.(syscall.Conn)
	if !ok {
		return errors.ErrUnsupported
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	if err := raw.Control(func(fd uintptr) { failed = do(int(fd)) }); err != nil {
		return err
	}
	return failed
}
