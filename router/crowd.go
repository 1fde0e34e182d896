// How many connections there may be, over all transports and from one source.

package router

import (
	"fmt"
	"net/netip"
	"sync"
)

// How many connections over a limit may be open to be told so, in all and from one source.
const (
	toldAll    = 64
	toldSource = 4
)

// crowd counts connections, in all and by source.
type crowd struct {
	mu   sync.Mutex
	all  int
	from map[netip.Addr]int
}

// Place is what one connection holds until it is left. The zero Place is none.
type Place struct {
	crowd  *crowd
	source netip.Addr
}

// Leave gives the place free. Call it once.
func (p Place) Leave() {
	c := p.crowd
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all--
	if c.from[p.source]--; c.from[p.source] == 0 {
		delete(c.from, p.source)
	}
}

func (c *crowd) init() { c.from = make(map[netip.Addr]int) }

// room returns why one more is too many, if it is. 0 is no limit.
func (c *crowd) room(source netip.Addr, all, each int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.roomLocked(source, all, each)
}

func (c *crowd) roomLocked(source netip.Addr, all, each int) error {
	switch {
	case all > 0 && c.all >= all:
		return fmt.Errorf("this router holds its limit of %d connections", all)
	case each > 0 && c.from[source] >= each:
		return fmt.Errorf("this router holds its limit of %d connections from one address", each)
	}
	return nil
}

func (c *crowd) enter(source netip.Addr, all, each int) (Place, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.roomLocked(source, all, each); err != nil {
		return Place{}, err
	}
	c.all++
	c.from[source]++
	return Place{c, source}, nil
}

// Enter gives a connection its place, counted against Limits.MaxConnections and
// MaxConnectionsPerIP over all transports. A transport asks as soon as a connection costs it
// something, handshakes included, and has the place left when it has gone. source is as
// Peer.Source. The error says in words for the client why there is no room.
//
// An address that anybody may have invented gets its place once it has proved itself: invented
// ones must not keep real ones out.
func (r *Router) Enter(source netip.Addr) (Place, error) {
	l := r.limits.Load()
	return r.connected.enter(source, l.MaxConnections, l.MaxConnectionsPerIP)
}

// Room returns the error that Enter would.
func (r *Router) Room(source netip.Addr) error {
	l := r.limits.Load()
	return r.connected.room(source, l.MaxConnections, l.MaxConnectionsPerIP)
}

// Tell gives a connection that Enter has refused a place to be told why. There are few, and
// they are not those of Enter: however many are being told, a place that a session leaves goes
// to the next who comes. Without one the connection is to be closed at once.
func (r *Router) Tell(source netip.Addr) (Place, bool) {
	p, err := r.told.enter(source, toldAll, toldSource)
	return p, err == nil
}
