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
	all  count
	from map[netip.Addr]count
}

// count is a number of connections.
type count struct{ all, forgeable int }

// forgeablePart is the part of each limit that connections of forgeable sources get, one
// in so many. Whoever invents addresses, also that of somebody who is there, leaves the rest to
// those who cannot be invented.
const forgeablePart = 4

// full says how many are the limit, 0 if there is room. limit 0 is none.
func (n count) full(limit int, forgeable bool) int {
	if limit <= 0 {
		return 0
	}
	if part := (limit + forgeablePart - 1) / forgeablePart; forgeable && n.forgeable >= part {
		return part
	}
	if n.all >= limit {
		return limit
	}
	return 0
}

func (n count) plus(d int, forgeable bool) count {
	n.all += d
	if forgeable {
		n.forgeable += d
	}
	return n
}

// Place is what one connection holds until it is left. The zero Place is none.
type Place struct {
	crowd     *crowd
	source    netip.Addr
	forgeable bool
}

// Leave gives the place free. Call it once.
func (p Place) Leave() {
	c := p.crowd
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = c.all.plus(-1, p.forgeable)
	if left := c.from[p.source].plus(-1, p.forgeable); left.all > 0 {
		c.from[p.source] = left
	} else {
		delete(c.from, p.source)
	}
}

func (c *crowd) init() { c.from = make(map[netip.Addr]count) }

// room returns why one more is too many, if it is. 0 is no limit.
func (c *crowd) room(source netip.Addr, forgeable bool, all, each int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.roomLocked(source, forgeable, all, each)
}

func (c *crowd) roomLocked(source netip.Addr, forgeable bool, all, each int) error {
	over := ""
	if forgeable {
		over = " over UDP" // the one transport that is so
	}
	if n := c.all.full(all, forgeable); n > 0 {
		return fmt.Errorf("this router holds its limit of %d connections%s", n, over)
	}
	if n := c.from[source].full(each, forgeable); n > 0 {
		return fmt.Errorf("this router holds its limit of %d connections%s from one address", n, over)
	}
	return nil
}

func (c *crowd) enter(source netip.Addr, forgeable bool, all, each int) (Place, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.roomLocked(source, forgeable, all, each); err != nil {
		return Place{}, err
	}
	c.all = c.all.plus(1, forgeable)
	c.from[source] = c.from[source].plus(1, forgeable)
	return Place{c, source, forgeable}, nil
}

// Enter gives a connection its place, counted against Limits.MaxConnections and
// MaxConnectionsPerIP over all transports. A transport asks as soon as a connection costs it
// something, handshakes included, and has the place left when it has gone. source is as
// Peer.Source. The error says in words for the client why there is no room.
func (r *Router) Enter(source netip.Addr) (Place, error) {
	l := r.limits.Load()
	return r.connected.enter(source, false, l.MaxConnections, l.MaxConnectionsPerIP)
}

// EnterForgeable is Enter for a source that somebody else may have invented (Peer.Forgeable).
// All such together get a quarter of each limit, and at least one place: invented ones must
// not keep real ones out.
func (r *Router) EnterForgeable(source netip.Addr) (Place, error) {
	l := r.limits.Load()
	return r.connected.enter(source, true, l.MaxConnections, l.MaxConnectionsPerIP)
}

// RoomForgeable returns the error that EnterForgeable would.
func (r *Router) RoomForgeable(source netip.Addr) error {
	l := r.limits.Load()
	return r.connected.room(source, true, l.MaxConnections, l.MaxConnectionsPerIP)
}

// Tell gives a connection that Enter has refused a place to be told why. There are few, and
// they are not those of Enter: however many are being told, a place that a session leaves goes
// to the next who comes. Without one the connection is to be closed at once.
func (r *Router) Tell(source netip.Addr) (Place, bool) {
	p, err := r.told.enter(source, false, toldAll, toldSource)
	return p, err == nil
}
