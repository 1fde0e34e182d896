// What the server says when it is ready: one line a listener, with the
// addresses a phone in the same network would use.

package main

import (
	"fmt"
	"net"
	"strings"
)

// listener is one open port, for the banner and the log.
type listener struct {
	transport string // "WebSocket"
	urls      []string
}

// newListener describes the port bound to addr. Without a scheme it has host:port for URLs.
func newListener(transport string, addr net.Addr, scheme, path string) listener {
	l := listener{transport: transport}
	host, port, err := net.SplitHostPort(addr.String())
	if err != nil { // not an IP address and a port: show it as it is
		l.urls = []string{addr.String()}
		return l
	}
	hosts := []string{host}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		hosts = reachable()
	}
	if scheme != "" {
		scheme += "://"
	}
	for _, host := range hosts {
		l.urls = append(l.urls, scheme+net.JoinHostPort(host, port)+path)
	}
	return l
}

// reachable lists the IPv4 addresses others can use: of every network card
// that is up, without loopback. A machine without a network has only itself.
func reachable() []string {
	var hosts []string
	cards, _ := net.Interfaces() // without them the loopback address is the answer
	for _, card := range cards {
		if card.Flags&net.FlagUp == 0 || card.Flags&net.FlagLoopback != 0 {
			continue
		}
		addrs, _ := card.Addrs() // a card that vanished has none
		for _, addr := range addrs {
			if n, ok := addr.(*net.IPNet); ok && n.IP.To4() != nil {
				hosts = append(hosts, n.IP.String())
			}
		}
	}
	if len(hosts) == 0 {
		return []string{"127.0.0.1"}
	}
	return hosts
}

// banner tells people where the router listens.
func banner(name, file string, listeners []listener) string {
	var out strings.Builder
	fmt.Fprintf(&out, "clasp %s, router %q", buildVersion().Version, name)
	if file != "" {
		fmt.Fprintf(&out, ", configuration %s", file)
	}
	out.WriteByte('\n')
	for _, l := range listeners {
		fmt.Fprintf(&out, "  %-10s %s\n", l.transport, strings.Join(l.urls, "  "))
	}
	return out.String()
}
