// What the stations of a router have in common: what is told of it, and the name it goes by
// in multicast DNS.

package discovery

import (
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// claim is what all stations say. The name in it changes when one of them finds it taken.
type claim struct {
	machine []byte  // tells this machine from others
	links   network // all of this machine

	mu      sync.Mutex
	info    Info // with the name that is wanted
	n       int
	changed chan struct{}            // closed at the next change
	said    map[netip.Addr]time.Time // when a station has last said this address
}

// echoes is how long after it was said an address may come back to us, on this link or
// another of ours.
const echoes = 5 * time.Second

func newClaim(i Info) *claim {
	return &claim{
		machine: machine(), links: network{list: everywhere, now: time.Now},
		info: i, n: 1, changed: make(chan struct{}), said: map[netip.Addr]time.Time{},
	}
}

// current returns what is to be said, under the name the router goes by, the name of its
// host, and what is closed when that is no longer so.
func (c *claim) current() (said Info, as dnsmessage.Name, changed <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	said = c.info
	said.Name = c.name()
	return said, host(c.info.ID, c.machine, c.n), c.changed
}

func (c *claim) name() string { return numbered(c.info.Name, c.n) }

// tell changes what is said. Who the router is stays: its ID, name and port.
func (c *claim) tell(i Info) {
	c.mu.Lock()
	defer c.mu.Unlock()
	i.ID, i.Name, i.Port = c.info.ID, c.info.Name, c.info.Port
	if i != c.info {
		c.info = i
		c.change()
	}
}

// taken gives a name up for the next one, and the host's name with it, unless another link
// has already done so.
func (c *claim) taken(name string) (next string, moved bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if moved = name == c.name(); moved {
		c.n++
		c.change()
	}
	return c.name(), moved
}

// change wakes the stations. It is called with mu held.
func (c *claim) change() {
	close(c.changed)
	c.changed = make(chan struct{})
}

// says notes the addresses that a station is about to say.
func (c *claim) says(addresses []netip.Addr) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	maps.DeleteFunc(c.said, func(_ netip.Addr, at time.Time) bool { return now.Sub(at) > echoes })
	for _, a := range addresses {
		c.said[a] = now
	}
}

// ours reports whether an address is one of this machine's, or has been a moment ago: a
// station goes on with its addresses until it is seen that they have changed.
func (c *claim) ours(a netip.Addr) bool {
	c.mu.Lock()
	at, said := c.said[a]
	c.mu.Unlock()
	if said && time.Since(at) <= echoes {
		return true
	}
	return slices.ContainsFunc(c.links.current(), func(l Link) bool {
		return slices.ContainsFunc(l.Prefixes, func(p netip.Prefix) bool { return p.Addr() == a })
	})
}

// machine is the hardware address of the first network card, nil without one.
func machine() []byte {
	cards, _ := net.Interfaces() // without them the claim of a copy is known by its address
	var first net.Interface
	for _, card := range cards {
		if len(card.HardwareAddr) > 0 && (first.Index == 0 || card.Index < first.Index) {
			first = card
		}
	}
	return first.HardwareAddr
}
