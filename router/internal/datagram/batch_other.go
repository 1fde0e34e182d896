//go:build !linux

package datagram

import (
	"errors"
	"net"
	"net/netip"
)

// batch is the portable way: one datagram a call.
type batch struct{ room []byte }

func (b *batch) open(*net.UDPConn) error {
	b.room = make([]byte, MaxSize)
	return nil
}

// Read waits for a datagram. An error is about one datagram or the network as it is now,
// unless it is net.ErrClosed.
func (s *Socket) Read() ([]Message, error) {
	n, from, err := s.ReadFromUDPAddrPort(s.room)
	if err != nil {
		return nil, err
	}
	s.messages[0] = Message{Data: s.room[:n], From: netip.AddrPortFrom(from.Addr().Unmap(), from.Port())}
	return s.messages[:1], nil
}

// from knows no way to choose a local address.
func from(netip.Addr) []byte { return nil }

// Write sends datagrams. One that the system will not send is lost, like those that the
// network loses, and the last such error is returned; after net.ErrClosed nothing is sent.
func (s *Socket) Write(w Way, datagrams [][]byte) error {
	var lost error
	for _, d := range datagrams {
		_, _, err := s.WriteMsgUDP(d, nil, w.addr)
		if errors.Is(err, net.ErrClosed) {
			return err
		}
		if err != nil {
			lost = err
		}
	}
	return lost
}

// force knows nothing that goes beyond asking.
func force(uintptr) {}
