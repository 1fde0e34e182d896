// The networks this machine is attached to.

package discovery

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Link is a network interface that is up, with its IPv4 addresses and the networks they
// are in. The first address is the interface's own idea of its first.
type Link struct {
	Index     int
	Name      string
	Multicast bool // multicast DNS is of use here
	Prefixes  []netip.Prefix
}

// Links lists the interfaces that have an IPv4 address. Unless at is zero or
// unspecified, only that address counts: what a router listens at is all it may tell. All of
// 127.0.0.0/8 is this machine's, whether a card lists it or not.
func Links(at netip.Addr) ([]Link, error) {
	interfaces, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("list the network interfaces: %w", err)
	}
	var links []Link
	for _, card := range interfaces {
		addresses, err := card.Addrs()
		if err != nil || card.Flags&net.FlagUp == 0 {
			continue // an interface that has gone since it was listed has no addresses
		}
		link := Link{
			Index: card.Index, Name: card.Name,
			Multicast: card.Flags&net.FlagMulticast != 0 && card.Flags&(net.FlagLoopback|net.FlagPointToPoint) == 0,
		}
		for _, address := range addresses {
			prefix, err := netip.ParsePrefix(address.String())
			if err != nil || !prefix.Addr().Is4() {
				continue // IPv6, or a kind of address that is no network
			}
			if at.IsLoopback() && prefix.Contains(at) {
				prefix = netip.PrefixFrom(at, prefix.Bits())
			}
			if !at.IsValid() || at.IsUnspecified() || at == prefix.Addr() {
				link.Prefixes = append(link.Prefixes, prefix)
			}
		}
		if len(link.Prefixes) > 0 {
			links = append(links, link)
		}
	}
	return links, nil
}

// equal reports whether nothing has changed between l and m.
func (l Link) equal(m Link) bool {
	return l.Index == m.Index && l.Name == m.Name && l.Multicast == m.Multicast && slices.Equal(l.Prefixes, m.Prefixes)
}

// attached reports whether from may be a host of the network a prefix of ours is in:
// one of its broadcast addresses is none. A network of two has none (RFC 3021).
func attached(prefix netip.Prefix, from netip.Addr) bool {
	return prefix.Contains(from) && (from == prefix.Addr() || prefix.Bits() == 31 || from != prefix.Masked().Addr() && from != broadcast(prefix))
}

// near reports whether from may be a neighbour on this link.
func (l Link) near(from netip.Addr) bool {
	return slices.ContainsFunc(l.Prefixes, func(p netip.Prefix) bool { return attached(p, from) })
}

// broadcast is the last address of a network: the one that all its hosts listen to. In a
// network of two it is the other host.
func broadcast(prefix netip.Prefix) netip.Addr {
	address := prefix.Addr().As4()
	for bit := prefix.Bits(); bit < 32; bit++ {
		address[bit/8] |= 0x80 >> (bit % 8)
	}
	if last := netip.AddrFrom4(address); prefix.Bits() < 31 || last != prefix.Addr() {
		return last
	}
	return prefix.Masked().Addr()
}

// network remembers the links for a moment, so that a flood of packets does not make as
// many system calls.
type network struct {
	list func() ([]Link, error)
	now  func() time.Time

	mu    sync.Mutex
	links []Link
	asked time.Time
}

// remembered is how old the links may be.
const remembered = 2 * time.Second

func (n *network) current() []Link {
	n.mu.Lock()
	defer n.mu.Unlock()
	if now := n.now(); n.asked.IsZero() || now.Sub(n.asked) >= remembered {
		n.asked = now
		if links, err := n.list(); err == nil { // else what was known is the best guess
			n.links = links
		}
	}
	return n.links
}
