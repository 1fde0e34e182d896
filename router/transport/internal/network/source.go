package network

import (
	"net"
	"net/netip"
)

// Source returns whom an address counts for where failures and connections are counted: an
// IPv4 address, or the /64 that one IPv6 household or hoster's customer has all of.
func Source(ip netip.Addr) netip.Addr {
	if ip = ip.Unmap(); ip.Is6() {
		const household = 64
		prefix, _ := ip.WithZone("").Prefix(household) // 64 bits every IPv6 address has
		return prefix.Addr()
	}
	return ip
}

// SourceOf returns the Source of a TCP or UDP address, the zero one of any other.
func SourceOf(a net.Addr) netip.Addr {
	if with, ok := a.(interface{ AddrPort() netip.AddrPort }); ok {
		return Source(with.AddrPort().Addr())
	}
	return netip.Addr{}
}
