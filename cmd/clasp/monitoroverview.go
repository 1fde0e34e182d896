// How the server is: what the first pane of the dashboard says.

package main

import (
	"net"
	"net/netip"
	"os"
	"runtime"
	"runtime/metrics"
	"slices"
	"sync"
	"time"

	"github.com/clasp-studio/clasp/config"
	"github.com/clasp-studio/clasp/router/discovery"
	"github.com/clasp-studio/clasp/router/monitor"
)

// waysFresh is how long the network cards are taken to be the same.
const waysFresh = 2 * time.Second

func (w *watched) overview(now time.Time) monitor.Overview {
	s, f := w.s, w.inForce.Load()
	o := s.router.Census()
	host, _ := os.Hostname() // without one, none is shown
	o.ID, o.Version, o.PID, o.Host = s.knownID(), buildVersion().Version, os.Getpid(), host
	o.Config, o.Started = f.config.File, s.started
	o.Listeners = w.ways.get(now, waysFresh, func() []monitor.Listener { return s.shownListeners(f.config) })
	if s.state.store != nil {
		o.Persistence = s.state.path
	}
	o.Access = accessWords(f)
	o.Encrypted = s.certs.keeper != nil
	if expires := s.certs.expires(); expires != nil {
		o.CertExpires = expires()
	}
	o.CPU, o.Heap, o.Goroutines = w.process.look(now)
	o.LogDropped = s.log.output.lost.Load()
	o.Problems = w.problems(&o, f, now)
	return o
}

// knownID is the router's ID if anybody has asked for it yet: to look on makes none.
func (s *server) knownID() string {
	switch {
	case s.devices.registry != nil:
		return s.devices.registry.RouterID()
	case s.found != nil:
		s.found.mu.Lock()
		defer s.found.mu.Unlock()
		return s.found.info.ID
	}
	return ""
}

// accessWords say who may come in.
func accessWords(f *inForce) string {
	keys := f.config.Security
	tokens := keys.TokenSecret != "" || keys.TokenSecretFile != "" || keys.TokenPublicKey != ""
	switch {
	case f.access == discovery.AuthOpen:
		return "anybody"
	case f.access == discovery.AuthPair && tokens:
		return "tokens and pairing"
	case f.access == discovery.AuthPair:
		return "pairing"
	case tokens:
		return "tokens"
	default:
		return "paired devices"
	}
}

// shownListeners are all ways in, with what to type on another machine.
func (s *server) shownListeners(c config.Config) []monitor.Listener {
	hosts := likelyHosts(addressOf(c.Bind))
	shown := []monitor.Listener{{Transport: "WebSocket", URLs: likelyURLs(newListener("", s.ws.Addr(), s.certs.scheme(), "/clasp"), hosts), Up: !s.ending()}}
	for _, o := range slices.Concat(s.ways.all, s.pages.all) {
		l := monitor.Listener{Transport: o.name, Error: monitor.Clean(o.why())}
		if open := o.opened(); open != nil {
			l.Up, l.URLs = true, likelyURLs(newListener("", open.Addr(), o.scheme, o.path), hosts)
		}
		shown = append(shown, l)
	}
	if s.found != nil {
		shown = append(shown, s.found.shownListeners(s.udp, hosts)...)
	}
	return shown
}

// shownListeners are what is no listener of its own.
func (d *discoverable) shownListeners(transport *optional, hosts []string) (shown []monitor.Listener) {
	if d.probes && (d.shared || d.deaf) {
		l := monitor.Listener{Transport: "Discovery"}
		switch open := transport.opened(); {
		case d.deaf:
			l.Error = "discovery is for IPv4 only: bind the router to an IPv4 address, 0.0.0.0, or ::"
		case open == nil:
			l.Error = "it answers on the port of the UDP transport, which is not open"
		default:
			l.Up, l.URLs = true, likelyURLs(newListener("", open.Addr(), "", ""), hosts)
		}
		shown = append(shown, l)
	}
	if d.name == "" {
		return shown
	}
	l := monitor.Listener{Transport: "mDNS", URLs: []string{multicast}, Error: "it could not begin: the log says why"}
	d.mu.Lock()
	if d.announcer != nil {
		l.Up, l.Error = true, ""
		if err := d.announcer.Err(); err != nil {
			l.Up, l.Error = false, monitor.Clean(err.Error())
		}
	}
	d.mu.Unlock()
	return append(shown, l)
}

// likelyHosts are the addresses of this machine, the one first that a phone reaches it by
// most likely.
func likelyHosts(at netip.Addr) (hosts []string) {
	cards, err := rankedCards(at)
	if err != nil {
		return nil // the system's order is as good
	}
	for _, card := range cards {
		for _, prefix := range card.Prefixes {
			hosts = append(hosts, prefix.Addr().String())
		}
	}
	return hosts
}

// likelyURLs are those of a listener in the order of hosts.
func likelyURLs(l listener, hosts []string) []string {
	rank := func(url string) int {
		for i, host := range hosts {
			if containsHost(url, host) {
				return i
			}
		}
		return len(hosts)
	}
	slices.SortStableFunc(l.urls, func(a, b string) int { return rank(a) - rank(b) })
	return l.urls
}

// containsHost reports whether a URL, or host:port, is of a host.
func containsHost(url, host string) bool {
	for i := 0; i+len(host) < len(url); i++ {
		if url[i:i+len(host)] == host && url[i+len(host)] == ':' && (i == 0 || url[i-1] == '/') {
			return true
		}
	}
	return false
}

// outside reports whether somebody on another machine reaches an address.
func outside(bind string) bool {
	at := addressOf(bind)
	return !at.IsLoopback() && (!at.IsUnspecified() || slices.ContainsFunc(reachable(), func(host string) bool {
		ip := net.ParseIP(host)
		return ip != nil && !ip.IsLoopback()
	}))
}

// processFresh is how long a look at the process holds.
const processFresh = time.Second

// process is what this process takes of the machine.
type process struct {
	mu         sync.Mutex
	at         time.Time
	used       time.Duration // CPU, since the start
	cores      float64
	heap       uint64
	goroutines int
}

// look says how many cores are in use, over the time since the last look, -1 for not known;
// the bytes in use, and the goroutines.
func (p *process) look(now time.Time) (cores float64, heap uint64, goroutines int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if passed := now.Sub(p.at); passed >= processFresh {
		used, known := cpuUsed()
		switch {
		case !known || p.at.IsZero():
			p.cores = -1
		default:
			p.cores = (used - p.used).Seconds() / passed.Seconds()
		}
		sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}} // without stopping the world
		metrics.Read(sample)
		p.at, p.used, p.heap, p.goroutines = now, used, sample[0].Value.Uint64(), runtime.NumGoroutine()
	}
	return p.cores, p.heap, p.goroutines
}
