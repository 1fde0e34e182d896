//go:build unix

package datagram

import "golang.org/x/sys/unix"

// bufferSizes asks a socket. An error leaves 0, which is no answer. Linux says twice what a
// program may fill, for its own needs.
func bufferSizes(fd uintptr) (receive, send int) {
	receive, _ = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF)
	send, _ = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUF)
	return receive, send
}
