// A socket for discovery alone, for when the UDP transport has none to share.

package discovery

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"golang.org/x/net/ipv4"
)

// Server answers probes on a socket of its own.
type Server struct {
	responder *Responder
	conn      *ipv4.PacketConn
	local     net.Addr
	port      uint16
	closing   chan struct{}
	done      chan struct{}
}

// Listen binds a UDP address ("0.0.0.0:7331") and answers the probes that come there.
// Bound to one address of a card it hears no broadcasts, so the host should be 0.0.0.0, or
// 127.0.0.1 for this machine alone; the responder's links say who is answered.
func Listen(addr string, r *Responder) (*Server, error) {
	c, err := net.ListenPacket("udp4", addr)
	if err != nil {
		return nil, fmt.Errorf("listen for discovery probes on %s: %w", addr, err)
	}
	s := &Server{responder: r, conn: ipv4.NewPacketConn(c), local: c.LocalAddr(), closing: make(chan struct{}), done: make(chan struct{})}
	s.port = addrPort(s.local).Port()
	// Where there is no such thing (Windows), Local goes by the source alone.
	_ = s.conn.SetControlMessage(ipv4.FlagDst|ipv4.FlagInterface, true)
	go s.serve()
	return s, nil
}

// Addr returns the address that is listened on.
func (s *Server) Addr() net.Addr { return s.local }

// Close stops answering.
func (s *Server) Close() error {
	close(s.closing)
	err := s.conn.Close()
	<-s.done
	return err
}

func (s *Server) serve() {
	defer close(s.done)
	buf := make([]byte, maxProbe+1) // what is longer is cut, and no probe either way
	for {
		n, control, remote, err := s.conn.ReadFrom(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			select { // an error about one packet or the network as it is now: the socket is still good
			case <-s.closing:
				return
			case <-time.After(50 * time.Millisecond):
			}
			continue
		}
		s.answer(buf[:n], control, remote)
	}
}

// answer sends the reply to a packet, if there is one, from the address it came to.
func (s *Server) answer(packet []byte, control *ipv4.ControlMessage, remote net.Addr) {
	from, destination, index := addrPort(remote), netip.Addr{}, 0
	if control != nil {
		destination, _ = netip.AddrFromSlice(control.Dst)
		index = control.IfIndex
	}
	local := s.responder.Local(from.Addr(), destination, index)
	reply, _ := s.responder.Answer(packet, from, netip.AddrPortFrom(local, s.port))
	if reply == nil {
		return
	}
	// A reply that cannot be sent is a reply that is lost: the client asks again.
	_, _ = s.conn.WriteTo(reply, &ipv4.ControlMessage{Src: local.AsSlice(), IfIndex: index}, remote)
}

// addrPort is the address of a UDP socket or packet in the form the rest of the package uses.
func addrPort(a net.Addr) netip.AddrPort {
	udp, ok := a.(*net.UDPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	p := udp.AddrPort()
	return netip.AddrPortFrom(p.Addr().Unmap(), p.Port())
}
