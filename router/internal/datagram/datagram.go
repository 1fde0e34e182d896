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

const (
	// batchSize is how many datagrams one call sends at most.
	batchSize = 64
	// wanted is the size of the kernel's buffers that is asked for, in bytes. The system
	// counts some 800 for a small datagram, and ten thousand of those are what a router
	// gets while it collects garbage.
	wanted = 8 << 20
	// enough is the size below which bursts are lost.
	enough = 2 << 20
)

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
	// What is granted is asked for when it matters, see Hint.
	_ = c.SetReadBuffer(wanted)
	_ = c.SetWriteBuffer(wanted)
	s := &Socket{UDPConn: c, messages: make([]Message, atOnce)}
	if err := s.open(c); err != nil {
		return nil, fmt.Errorf("prepare the UDP socket %s: %w", c.LocalAddr(), err)
	}
	return s, nil
}

// Hint says in words what to do about a receive buffer that is too small for bursts, ""
// when it is not or the system does not say.
func (s *Socket) Hint() string {
	if size := receiveBuffer(s.UDPConn); size > 0 && size < enough {
		return fmt.Sprintf("the system gives UDP a receive buffer of %d KiB: bursts of messages may be lost; on Linux: sysctl -w net.core.rmem_max=%d",
			size>>10, wanted)
	}
	return ""
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
