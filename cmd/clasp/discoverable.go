// How a running server is found: what it tells about itself, by multicast DNS and to
// whoever asks by UDP.

package main

import (
	"log/slog"
	"net/netip"
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
	name      string // by multicast DNS; "" without

	mu        sync.Mutex
	info      discovery.Info
	announcer *discovery.Announcer // nil before announce, after close, and when that failed
	quiet     bool                 // closed, or not announced yet
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
		quiet:  true,
		info: discovery.Info{
			ID: s.id(), Name: c.Name, Port: portOfAddr(s.ws.Addr()), Secure: c.TLS.Enabled, Auth: s.wanted(),
		},
	}
	if c.Discovery.MDNS.Enabled {
		d.name = c.Discovery.MDNS.Name
	}
	d.responder = discovery.NewResponder(d.info, discovery.ResponderOptions{Links: d.links})
	d.shared = d.probes && c.UDP.Enabled && c.UDP.Port == c.Discovery.UDP.Port && c.UDP.Port != 0
	if d.shared && !at.IsUnspecified() && !at.IsLoopback() {
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
	return address
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
	d.quiet = false
	d.reannounce()
}

// tell changes what is told. By multicast DNS it is taken back and announced anew.
func (d *discoverable) tell(change func(*discovery.Info)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	before := d.info
	change(&d.info)
	if d.info == before {
		return
	}
	d.responder.Tell(d.info)
	if !d.quiet {
		d.reannounce()
	}
}

// reannounce ends one announcement and begins another. It is called with mu held.
func (d *discoverable) reannounce() {
	if d.name == "" {
		return
	}
	if d.announcer != nil {
		d.announcer.Close()
	}
	info := d.info
	info.Name = d.name
	var err error
	if d.announcer, err = discovery.Announce(discovery.AnnounceOptions{Info: info, Logger: d.log, Links: d.links}); err != nil {
		d.log.Error("not listening: clients need this router's address, or UDP discovery", "transport", "mDNS", "error", err)
	}
}

// announced are the lines of the banner about what is no listener of its own.
func (d *discoverable) announced(transport *optional) (lines []listener) {
	if d.shared && transport.boundPort() != 0 {
		lines = append(lines, newListener("Discovery", transport.opened().Addr(), "", ""))
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.announcer != nil {
		lines = append(lines, listener{transport: "mDNS", urls: []string{discoverScheme + d.name}})
	}
	return lines
}

// metrics says whether multicast DNS works.
func (d *discoverable) metrics() []metrics.Listener {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.name == "" {
		return nil
	}
	return []metrics.Listener{{Transport: "mdns", Address: multicast, Up: d.announcer != nil && d.announcer.Err() == nil}}
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
	d.quiet = true
	d.closed.Store(true)
	if d.announcer != nil {
		d.announcer.Close()
		d.announcer = nil
	}
}
