// Package network says what to listen on.
package network

import "net"

// Of returns the network to open addr ("host:port") on: kind, which is "tcp" or "udp", or
// for an IPv4 address its IPv4 half. Go would take 0.0.0.0 for IPv6 as well, and so for
// the machine's public addresses; "::" means both.
func Of(kind, addr string) string {
	host, _, err := net.SplitHostPort(addr)
	if ip := net.ParseIP(host); err == nil && ip != nil && ip.To4() != nil {
		return kind + "4"
	}
	return kind
}
