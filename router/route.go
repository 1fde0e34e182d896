package router

import (
	"cmp"
	"slices"
	"sync"

	"github.com/clasp-studio/clasp/router/subs"
)

// route is the answer to "who gets what is sent to this address", kept until the
// subscriptions change. It never changes itself.
type route struct {
	generation uint64
	targets    []target
}

// target is one session of a route, its overlapping subscriptions merged: it gets
// a message once (protocol section 8).
type target struct {
	s     *Session
	via   []*subscription
	plain uint8 // signal types that some subscription wants without a filter
	all   uint8 // signal types that some subscription wants
}

// routeOf returns the route of a param, whose lock is held. A writer has stored its
// value before it comes here: a subscription that is not yet in the route it finds
// has still to read the value.
func (r *Router) routeOf(b *batch, p *paramEntry) *route {
	if rt := p.Route; rt != nil && rt.generation == r.subs.Generation() {
		return rt
	}
	p.Route = r.findRoute(b, p.Address)
	return p.Route
}

// findRoute matches an address.
func (r *Router) findRoute(b *batch, addr string) *route {
	rt := &route{generation: r.subs.Generation()} // read before matching: too old is harmless
	b.found = r.subs.AppendMatch(b.found[:0], addr)
	if len(b.found) == 0 {
		return rt
	}
	slices.SortFunc(b.found, func(x, y *subscription) int { return cmp.Compare(x.s.seq, y.s.seq) })
	via := slices.Clone(b.found)
	sessions := 1
	for i := 1; i < len(via); i++ {
		if via[i].s != via[i-1].s {
			sessions++
		}
	}
	rt.targets = make([]target, 0, sessions)
	for i := 0; i < len(via); {
		t := target{s: via[i].s}
		from := i
		for ; i < len(via) && via[i].s == t.s; i++ {
			t.all |= via[i].types
			if !via[i].filtered() {
				t.plain |= via[i].types
			}
		}
		t.via = via[from:i:i]
		rt.targets = append(rt.targets, t)
	}
	return rt
}

// routeCache keeps the routes of addresses that carry signals and have no param.
type routeCache struct {
	shards [16]struct {
		sync.RWMutex
		m map[string]*route
	}
}

// routesKept bounds the addresses a shard of the cache knows. A router that sees
// more of them at a time starts the shard afresh.
const routesKept = 4096

// known returns the route of an address if the cache has a current one.
func (c *routeCache) known(addr []byte, t *subs.Table[subscription]) *route {
	sh := &c.shards[shardOf(addr)]
	sh.RLock()
	rt := sh.m[string(addr)]
	sh.RUnlock()
	if rt == nil || rt.generation != t.Generation() {
		return nil
	}
	return rt
}

func (c *routeCache) keep(addr string, rt *route) {
	sh := &c.shards[shardOf([]byte(addr))]
	sh.Lock()
	defer sh.Unlock()
	if sh.m == nil || len(sh.m) >= routesKept {
		sh.m = make(map[string]*route)
	}
	sh.m[addr] = rt
}

// shardOf mixes the last bytes of an address, in which neighbours differ.
func shardOf(addr []byte) int {
	h := uint32(len(addr))
	for _, c := range addr[max(0, len(addr)-8):] {
		h = h*31 + uint32(c)
	}
	return int(h^h>>8&15) & 15
}

// routeTo returns the route of an address a signal is sent to, and checks the
// address when it is new.
func (r *Router) routeTo(b *batch, addr []byte) (*route, error) {
	if rt := r.routes.known(addr, &r.subs); rt != nil {
		return rt, nil
	}
	if err := r.writable(addr); err != nil {
		return nil, err
	}
	key := string(addr)
	rt := r.findRoute(b, key)
	r.routes.keep(key, rt)
	return rt, nil
}
