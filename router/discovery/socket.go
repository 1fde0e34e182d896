// A socket for multicast DNS on one link.

package discovery

import (
	"fmt"
	"net"
	"net/netip"
	"time"

	"golang.org/x/net/ipv4"
)

// group is where everything is said and heard (RFC 6762 section 3).
var group = net.UDPAddr{IP: net.IPv4(224, 0, 0, 251), Port: 5353}

// maxMessage is the longest multicast DNS message, in bytes (RFC 6762 section 17).
const maxMessage = 9000

// sendWithin bounds what a card that does not send can hold up: the end of the router, for one.
const sendWithin = time.Second

// socket hears and speaks on one link. Others on this machine may use the port too, and
// hear what it says.
type socket struct {
	link    Link
	conn    *ipv4.PacketConn
	packets chan packet // closed when reading has ended, with err
	err     error
	closing chan struct{}
}

type packet struct {
	from netip.AddrPort
	data []byte
}

func openSocket(link Link) (*socket, error) {
	s, err := join(link)
	if err != nil {
		return nil, fmt.Errorf("open multicast DNS on interface %s: %w", link.Name, err)
	}
	go s.read()
	return s, nil
}

func join(link Link) (*socket, error) {
	card, err := net.InterfaceByIndex(link.Index)
	if err != nil {
		return nil, err
	}
	// Given a multicast address, Go binds the port for all addresses, and lets others bind it.
	c, err := net.ListenUDP("udp4", &group)
	if err != nil {
		return nil, err
	}
	conn := ipv4.NewPacketConn(c)
	for _, set := range []func() error{
		func() error { return conn.JoinGroup(card, &group) },
		func() error { return conn.SetMulticastInterface(card) },
		func() error { return conn.SetMulticastTTL(255) }, // RFC 6762 section 11
		func() error { return conn.SetMulticastLoopback(true) },
	} {
		if err := set(); err != nil {
			_ = conn.Close()
			return nil, err
		}
	}
	// Where there is no such thing (Windows), the source has to say which link it was.
	_ = conn.SetControlMessage(ipv4.FlagInterface, true)
	return &socket{link: link, conn: conn, packets: make(chan packet), closing: make(chan struct{})}, nil
}

// read passes on what comes from this link. The system delivers to a socket what comes for
// the group on any link that anybody has joined it on, and what is sent straight to the
// port from anywhere (RFC 6762 section 11).
func (s *socket) read() {
	defer close(s.packets)
	buf := make([]byte, maxMessage)
	for {
		n, control, remote, err := s.conn.ReadFrom(buf)
		if err != nil {
			s.err = fmt.Errorf("hear multicast DNS on interface %s: %w", s.link.Name, err)
			return
		}
		from := addrPort(remote)
		if control != nil && control.IfIndex != s.link.Index || !s.link.near(from.Addr()) {
			continue
		}
		select {
		case s.packets <- packet{from, append([]byte(nil), buf[:n]...)}:
		case <-s.closing:
			return
		}
	}
}

// send says something to everybody on the link.
func (s *socket) send(data []byte) error { return s.sendTo(data, &group) }

func (s *socket) sendTo(data []byte, to net.Addr) error {
	_ = s.conn.SetWriteDeadline(time.Now().Add(sendWithin)) // fails on a closed socket, as writing does
	if _, err := s.conn.WriteTo(data, nil, to); err != nil {
		return fmt.Errorf("send multicast DNS on interface %s: %w", s.link.Name, err)
	}
	return nil
}

// close ends reading too, and waits for it.
func (s *socket) close() {
	close(s.closing)
	_ = s.conn.Close() // it has been given up either way
	for range s.packets {
	}
}
