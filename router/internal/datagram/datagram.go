// Package datagram reads and writes UDP datagrams, many in one system call where the
// system has that (recvmmsg and sendmmsg on Linux): with small messages the calls are
// most of the cost.
package datagram

import (
	"fmt"
	"net"
	"net/netip"
)

// MaxSize is the largest payload of a datagram over IPv4, in bytes (RFC 768, RFC 791).
const MaxSize = 65507

// batchSize is how many datagrams one call sends at most.
const batchSize = 64

// Message is one datagram received.
type Message struct {
	Data []byte         // good until the next Read
	From netip.AddrPort // an IPv4 address is never in its IPv6 form
	To   netip.Addr     // the local address it came to; invalid where the system does not say
}

// Socket is a UDP socket. One goroutine reads, any number write.
type Socket struct {
	*net.UDPConn
	batch
	messages []Message
}

// New makes a socket of c that reads up to so many datagrams at once, with 64 KiB of
// memory for each, and asks the system for large buffers. After that c belongs to the
// socket.
func New(c *net.UDPConn, atOnce int) (*Socket, error) {
	Grow(c)
	s := &Socket{UDPConn: c, messages: make([]Message, atOnce)}
	if err := s.open(c); err != nil {
		return nil, fmt.Errorf("prepare the UDP socket %s: %w", c.LocalAddr(), err)
	}
	return s, nil
}

// Way is how datagrams get to one remote address.
type Way struct {
	addr    *net.UDPAddr // nil for a socket that is connected
	control []byte       // makes them leave from a local address
}

// NewWay returns the way to a remote address, from a local one if that is valid and the
// system can choose.
func NewWay(remote netip.AddrPort, local netip.Addr) Way {
	return Way{net.UDPAddrFromAddrPort(remote), from(local)}
}

// fromUDP returns the address of a datagram.
func fromUDP(a *net.UDPAddr) netip.AddrPort {
	p := a.AddrPort()
	return netip.AddrPortFrom(p.Addr().Unmap(), p.Port())
}
