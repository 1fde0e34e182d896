// The ways in besides WebSocket, as the configuration asks for them.

package main

import (
	"net"

	"github.com/clasp-studio/clasp/router/discovery"
	"github.com/clasp-studio/clasp/router/transport/quic"
	"github.com/clasp-studio/clasp/router/transport/tcp"
	"github.com/clasp-studio/clasp/router/transport/udp"
)

// openWays opens the transports of a server whose WebSocket port is open, and then lets it
// be found. What cannot be opened is tried again.
func (s *server) openWays() {
	c := s.running
	s.ways = newListeners(s.log.Logger, s.tellPorts)
	s.found = s.newDiscoverable()
	way := func(name, label, network string, port int, open func(address string) (socket, error)) *optional {
		s.router.Meter(label) // what is counted of it is shown from the start, open or not
		return s.ways.add(&optional{
			name: name, label: label, scheme: label, network: network,
			bind: c.Bind, port: port, flag: "--" + label + "-port", open: open,
		})
	}
	if c.QUIC.Enabled {
		port := c.QUIC.Port
		if port == c.Port {
			port = portOfAddr(s.ws.Addr()) // the same, even where the system has chosen it
		}
		s.quic = way("QUIC", "quic", "udp", port, func(address string) (socket, error) {
			return quic.Listen(s.router, address, quic.Options{TLS: s.certs.config()})
		})
	}
	if c.UDP.Enabled {
		var o udp.Options
		if s.found != nil && s.found.shared {
			o.Other = s.found.answer
		}
		s.udp = way("UDP", "udp", "udp", c.UDP.Port, func(address string) (socket, error) {
			return udp.Listen(s.router, address, o)
		})
	}
	if c.TCP.Enabled {
		s.tcp = way("TCP", "tcp", "tcp", c.TCP.Port, func(address string) (socket, error) {
			return tcp.Listen(s.router, address)
		})
	}
	if s.found != nil && s.found.probes && !s.found.shared && !s.found.deaf {
		s.ways.add(&optional{
			name: "Discovery", label: "discovery", network: "udp",
			bind: probedAt(c.Bind), port: c.Discovery.UDP.Port, flag: "--discovery-port",
			open: func(address string) (socket, error) { return discovery.Listen(address, s.found.responder) },
		})
	}
	s.ways.start()
	if s.found != nil {
		s.tellPorts()
		s.found.announce()
	}
}

// tellPorts tells whoever looks for the router which of the ways in are open.
func (s *server) tellPorts() {
	if s.found != nil {
		s.found.tell(func(i *discovery.Info) {
			i.QUIC, i.UDP, i.TCP = s.quic.boundPort(), s.udp.boundPort(), s.tcp.boundPort()
		})
	}
}

// probedAt is where probes are listened for: bound to the address of a card a socket hears
// no broadcasts.
func probedAt(bind string) string {
	if address := addressOf(bind); address.IsLoopback() && address.Is4() {
		return address.String()
	}
	return net.IPv4zero.String()
}
