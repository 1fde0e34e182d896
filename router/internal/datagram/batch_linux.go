package datagram

import (
	"errors"
	"net"
	"net/netip"
	"sync"

	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"
)

// batch is the Linux way: many datagrams a call, and the local address with each.
//
// The ipv4 package's calls do for sockets of both families: the kernel tells addresses
// apart by what is in them.
type batch struct {
	conn *ipv4.PacketConn
	in   []ipv4.Message
}

// controlSize has room for what comes with a datagram: for one over IPv4 on a socket of
// both families, the local address in two forms.
const controlSize = 128

func (b *batch) open(c *net.UDPConn) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	err = raw.Control(func(fd uintptr) {
		// Asked of a socket that is not of the family, it fails, and is not needed.
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_PKTINFO, 1)
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1)
	})
	if err != nil {
		return err
	}
	b.conn = ipv4.NewPacketConn(c)
	return nil
}

// Read waits for datagrams and returns those that are there. An error is about one
// datagram or the network as it is now, unless it is net.ErrClosed.
func (s *Socket) Read() ([]Message, error) {
	if s.in == nil {
		// Memory that is never written to costs nothing, so most of this is free.
		room := make([]byte, len(s.messages)*MaxSize)
		control := make([]byte, len(s.messages)*controlSize)
		s.in = make([]ipv4.Message, len(s.messages))
		for i := range s.in {
			s.in[i].Buffers = [][]byte{room[i*MaxSize : (i+1)*MaxSize : (i+1)*MaxSize]}
			s.in[i].OOB = control[i*controlSize : (i+1)*controlSize : (i+1)*controlSize]
		}
	}
	n, err := s.batch.conn.ReadBatch(s.in, 0)
	if err != nil {
		return nil, err
	}
	for i := range s.in[:n] {
		m := &s.in[i]
		s.messages[i] = Message{Data: m.Buffers[0][:m.N], To: local(m.OOB[:m.NN])}
		if a, ok := m.Addr.(*net.UDPAddr); ok {
			s.messages[i].From = fromUDP(a)
		}
	}
	return s.messages[:n], nil
}

// local finds the local address in what the kernel says of a datagram. For one to a
// broadcast address it is that of the card.
func local(control []byte) netip.Addr {
	for len(control) > 0 {
		h, data, rest, err := unix.ParseOneSocketControlMessage(control)
		switch {
		case err != nil:
			return netip.Addr{}
		case h.Level == unix.IPPROTO_IP && h.Type == unix.IP_PKTINFO && len(data) >= unix.SizeofInet4Pktinfo:
			return netip.AddrFrom4([4]byte(data[4:8])) // behind the card's index: the local address
		case h.Level == unix.IPPROTO_IPV6 && h.Type == unix.IPV6_PKTINFO && len(data) >= unix.SizeofInet6Pktinfo:
			if a := netip.AddrFrom16([16]byte(data[:16])); !a.Is4In6() { // those come in their own form, too
				return a
			}
		}
		control = rest
	}
	return netip.Addr{}
}

// from makes what has the kernel send from a local address.
func from(local netip.Addr) []byte {
	switch local = local.Unmap(); {
	case !local.IsValid() || local.IsUnspecified() || local.IsMulticast():
		return nil
	case local.Is4():
		return unix.PktInfo4(&unix.Inet4Pktinfo{Spec_dst: local.As4()})
	default:
		return unix.PktInfo6(&unix.Inet6Pktinfo{Addr: local.As16()})
	}
}

// outgoing is the room one call of Write needs.
type outgoing struct {
	messages [batchSize]ipv4.Message
	data     [batchSize][1][]byte
}

var outgoings = sync.Pool{New: func() any { return new(outgoing) }}

// Write sends datagrams. One that the system will not send is lost, like those that the
// network loses, and the last such error is returned; after net.ErrClosed nothing is sent.
func (s *Socket) Write(w Way, datagrams [][]byte) error {
	o := outgoings.Get().(*outgoing)
	defer outgoings.Put(o)
	var lost error
	for len(datagrams) > 0 {
		n := min(len(datagrams), batchSize)
		for i, d := range datagrams[:n] {
			o.data[i][0] = d
			o.messages[i] = ipv4.Message{Buffers: o.data[i][:], OOB: w.control}
			if w.addr != nil {
				o.messages[i].Addr = w.addr
			}
		}
		sent, err := s.batch.conn.WriteBatch(o.messages[:n], 0)
		clear(o.data[:n])
		if err != nil {
			if lost = err; errors.Is(err, net.ErrClosed) {
				return err
			}
			sent = max(sent, 0) + 1 // the next one was at fault
		}
		datagrams = datagrams[min(sent, n):]
	}
	return lost
}

// force goes beyond the system's limits, for a router that runs as root.
func force(fd uintptr) {
	_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, wanted)
	_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, wanted)
}
