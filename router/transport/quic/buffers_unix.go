//go:build unix

package quic

import "syscall"

// socketBuffers asks a socket. An error leaves 0, which is no answer.
func socketBuffers(fd uintptr) (receive, send int) {
	receive, _ = syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF)
	send, _ = syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_SNDBUF)
	return receive, send
}
