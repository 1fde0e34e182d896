package datagram

import (
	"errors"

	"golang.org/x/sys/windows"
)

// noWay reports whether a packet could not be sent because of the network as it is now.
func noWay(err error) bool {
	var errno windows.Errno
	if !errors.As(err, &errno) {
		return false
	}
	switch errno {
	case windows.WSAENETUNREACH, windows.WSAEHOSTUNREACH, windows.WSAENETDOWN, windows.WSAEHOSTDOWN, windows.WSAEADDRNOTAVAIL, windows.WSAENOBUFS:
		return true
	}
	return false
}
