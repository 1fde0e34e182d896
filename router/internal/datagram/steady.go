package datagram

// A socket that outlives a moment without a network.

import (
	"net"
	"sync/atomic"
)

// Steady is a socket for a library that gives a connection up when the system refuses to send a packet of it. From Hold on
// a packet that has no way out just now is lost like those that the network loses, so that a machine may change networks, or
// have none for a while. Before, the refusal shows: a first packet that has no way is news.
type Steady struct {
	*net.UDPConn
	held atomic.Bool
}

// Hold is called once there is something to lose.
func (s *Steady) Hold() { s.held.Store(true) }

// lost reports whether an error of sending is to be passed over.
func (s *Steady) lost(err error) bool { return err != nil && s.held.Load() && noWay(err) }

// WriteTo is that of net.UDPConn.
func (s *Steady) WriteTo(b []byte, to net.Addr) (int, error) {
	n, err := s.UDPConn.WriteTo(b, to)
	if s.lost(err) {
		return len(b), nil
	}
	return n, err
}

// WriteMsgUDP is that of net.UDPConn.
func (s *Steady) WriteMsgUDP(b, oob []byte, to *net.UDPAddr) (n, oobn int, err error) {
	n, oobn, err = s.UDPConn.WriteMsgUDP(b, oob, to)
	if s.lost(err) {
		return len(b), len(oob), nil
	}
	return n, oobn, err
}
