// How a running server is found: what it tells about itself, by multicast DNS and to
// whoever asks by UDP.

package main

import (
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/clasp-studio/clasp/router/discovery"
	"github.com/clasp-studio/clasp/router/metrics"
)

// multicast is where multicast DNS is spoken (RFC 6762 section 3).
const multicast = "224.0.0.251:5353"

// discoverable is a server that can be found.
type discoverable struct {
	log       *slog.Logger
	links     func() ([]discovery.Link, error)
	responder *discovery.Responder
	probes    bool   // are answered
	shared    bool   // on the socket of the UDP transport
	probed    string // the address of that
	deaf      bool   // wanted, but at an address where nobody could be answered
	name      string // by multicast DNS; "" without

	mu        sync.Mutex
	info      discovery.Info
	announcer *discovery.Announcer // nil before announce, after close, and when that failed
	closed    atomic.Bool
}

// newDiscoverable is nil when nobody is to find the server. It tells nothing yet.
func (s *server) newDiscoverable() *discoverable {
	c := s.running
	if !c.Discovery.MDNS.Enabled && !c.Discovery.UDP.Enabled {
		return nil
	}
	at := addressOf(c.Bind)
	d := &discoverable{
		log:    s.log.Logger,
		links:  func() ([]discovery.Link, error) { return discovery.Links(at) },
		probes: c.Discovery.UDP.Enabled,
		probed: net.JoinHostPort(c.Bind, strconv.Itoa(c.Discovery.UDP.Port)),
		deaf:   at.Is6() && !at.IsUnspecified(),
		info: discovery.Info{
			ID: s.id(), Name: c.Name, Port: portOfAddr(s.ws.Addr()), Secure: c.TLS.Enabled, Auth: s.wanted(),
		},
	}
	if c.Discovery.MDNS.Enabled {
		d.name = c.Discovery.MDNS.Name
	}
	d.responder = discovery.NewResponder(d.info, discovery.ResponderOptions{Links: d.links})
	d.shared = d.probes && c.UDP.Enabled && c.UDP.Port == c.Discovery.UDP.Port && c.UDP.Port != 0
	switch {
	case d.deaf:
		d.log.Error("not listening: discovery is for IPv4 only; clients need this router's address, or bind it to an IPv4 one, 0.0.0.0, or ::", "transport", "Discovery", "bind", c.Bind)
	case d.shared && !at.IsUnspecified() && !at.IsLoopback():
		d.log.Warn("probes that are sent to the whole network do not reach this router: it answers them on the socket of the UDP transport, which is bound to one address; give that transport another port with --udp-port", "bind", c.Bind)
	}
	return d
}

// addressOf is the address that a router is bound to (config allows no other names).
func addressOf(bind string) netip.Addr {
	if bind == "localhost" {
		bind = "127.0.0.1"
	}
	address, _ := netip.ParseAddr(bind) // config has checked it
	return address.Unmap()
}

// wanted is what a client needs to be let in.
func (s *server) wanted() string {
	switch {
	case !s.who.Required:
		return discovery.AuthOpen
	case s.devices.pairs():
		return discovery.AuthPair
	}
	return discovery.AuthToken
}

// answer answers a probe, and takes it for nothing else, until the server stops.
func (d *discoverable) answer(packet []byte, from, to netip.AddrPort) (reply []byte, probe bool) {
	reply, probe = d.responder.Answer(packet, from, to)
	if d.closed.Load() {
		reply = nil
	}
	return reply, probe
}

// announce begins with multicast DNS, if that is wanted.
func (d *discoverable) announce() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.name == "" || d.deaf {
		return
	}
	var err error
	if d.announcer, err = discovery.Announce(discovery.AnnounceOptions{Info: d.announcement(), Logger: d.log, Explain: mdnsError, Links: d.links}); err != nil {
		d.log.Error("not listening: clients need this router's address, or UDP discovery", "transport", "mDNS", "error", err)
	}
}

// announcement is what is told by multicast DNS. It is called with mu held.
func (d *discoverable) announcement() discovery.Info {
	i := d.info
	i.Name = d.name
	return i
}

// tell changes what is told.
func (d *discoverable) tell(change func(*discovery.Info)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change(&d.info)
	d.responder.Tell(d.info)
	if d.announcer != nil {
		d.announcer.Tell(d.announcement())
	}
}

// announced are the lines of the banner about what is no listener of its own. Of multicast
// DNS there is none: to ask whether somebody has the name takes a second or more, for which
// nobody is to wait, and the log says which it is.
func (d *discoverable) announced(transport *optional) []listener {
	if !d.onTransport(transport) {
		return nil
	}
	return []listener{newListener("Discovery", transport.opened().Addr(), "", "")}
}

// onTransport reports whether probes are answered on the socket of the UDP transport.
func (d *discoverable) onTransport(transport *optional) bool {
	return d.shared && !d.deaf && transport.opened() != nil
}

// metrics says of what is no listener of its own whether it works.
func (d *discoverable) metrics(transport *optional) (rows []metrics.Listener) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.probes && (d.shared || d.deaf) {
		rows = append(rows, metrics.Listener{Transport: "discovery", Address: d.probed, Up: d.onTransport(transport)})
	}
	if d.name != "" {
		rows = append(rows, metrics.Listener{Transport: "mdns", Address: multicast, Up: d.announcer != nil && d.announcer.Err() == nil})
	}
	return rows
}

// replies counts the answers to probes, nil if none are given.
func (d *discoverable) replies() map[string]uint64 {
	if !d.probes {
		return nil
	}
	n := d.responder.Replies()
	return map[string]uint64{"hello": n.Hello, "text": n.Text}
}

// close says goodbye.
func (d *discoverable) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed.Store(true)
	if d.announcer != nil {
		d.announcer.Close()
		d.announcer = nil
	}
}
