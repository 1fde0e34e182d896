//go:build unix

package datagram

import (
	"errors"

	"golang.org/x/sys/unix"
)

// noWay reports whether a packet could not be sent because of the network as it is now.
func noWay(err error) bool {
	var errno unix.Errno
	if !errors.As(err, &errno) {
		return false
	}
	switch errno {
	case unix.ENETUNREACH, unix.EHOSTUNREACH, unix.ENETDOWN, unix.EHOSTDOWN, unix.EADDRNOTAVAIL, unix.ENOBUFS:
		return true
	}
	return false
}
