package router

import (
	"cmp"
	"slices"
	"sync"
	"weak"
)

// route is the answer to "who gets what is sent to this address". It never changes;
// it is good until the subscriptions do.
type route struct {
	generation uint64
	targets    []target
	via        []*subscription // all of them, in the order they were found
}

// target is one session of a route, its overlapping subscriptions merged: it gets
// a message once (protocol section 8).
type target struct {
	s     *Session
	via   []*subscription
	plain uint8 // signal types that some subscription wants without a filter
	all   uint8 // signal types that some subscription wants
}

// cachedRoute is how a param or an address remembers its route. Weak, because a
// param that is set once a day must not keep the subscribers of that day in memory. A type
// of its own, because Go 1.26 cannot compile an alias in the circle that leads from here
// through the snapshots on their way back to params.
type cachedRoute struct{ weak.Pointer[route] }

// routes holds the routes of the present subscriptions. Addresses with the same
// subscribers share one: ten thousand clients that watch everything are one route,
// not one for each address.
type routes struct {
	mu         sync.Mutex
	generation uint64
	byHash     map[uint64][]*route
	kept       int // subscriptions in all of them

	// For addresses that carry signals and have no param.
	shards [16]struct {
		sync.RWMutex
		m map[string]cachedRoute
	}
}

const (
	// subscriptionsKept bounds the memory of all routes, at some 56 bytes each. A
	// route that does not fit is made anew for each message.
	subscriptionsKept = 2 << 20
	// addressesKept bounds the addresses that a shard knows. A router that sees
	// more of them at a time starts the shard afresh.
	addressesKept = 4096
)

// routeOf returns the route of a param, whose lock is held. A writer has stored its
// value before it comes here: a subscription that is not yet in the route it finds
// has still to read the value.
func (r *Router) routeOf(b *batch, p *paramEntry) *route {
	if rt := p.Route.Value(); rt != nil && rt.generation == r.subs.Generation() {
		return rt
	}
	rt, keep := r.findRoute(b, p.Address)
	if keep {
		p.Route = cachedRoute{weak.Make(rt)}
	}
	return rt
}

// routeTo returns the route of an address a signal is sent to, and checks the
// address when it is new.
func (r *Router) routeTo(b *batch, addr []byte) (*route, error) {
	sh := &r.routes.shards[shardOf(addr)]
	sh.RLock()
	rt := sh.m[string(addr)].Value()
	sh.RUnlock()
	if rt != nil && rt.generation == r.subs.Generation() {
		return rt, nil
	}
	if err := r.writable(addr); err != nil {
		return nil, err
	}
	rt, keep := r.findRoute(b, view(addr))
	if keep {
		sh.Lock()
		if sh.m == nil || len(sh.m) >= addressesKept {
			sh.m = make(map[string]cachedRoute)
		}
		sh.m[string(addr)] = cachedRoute{weak.Make(rt)}
		sh.Unlock()
	}
	return rt, nil
}

// shardOf mixes the last bytes of an address, in which neighbours differ.
func shardOf(addr []byte) int {
	h := uint32(len(addr))
	for _, c := range addr[max(0, len(addr)-8):] {
		h = h*31 + uint32(c)
	}
	return int(h^h>>8) & 15
}

// findRoute matches an address. It reports whether the route is shared, and so may
// be remembered.
func (r *Router) findRoute(b *batch, addr string) (rt *route, keep bool) {
	generation := r.subs.Generation() // read before matching: too old is harmless
	b.found = r.subs.AppendMatch(b.found[:0], addr)
	hash := uint64(len(b.found))
	for _, sub := range b.found {
		hash = (hash ^ sub.seq) * 0x9e3779b97f4a7c15
		hash ^= hash >> 29
	}
	if rt := r.routes.find(generation, hash, b.found); rt != nil {
		return rt, true
	}
	rt = makeRoute(generation, b.found)
	return rt, r.routes.add(hash, rt)
}

// find returns the route through exactly these subscriptions, if it is known.
func (t *routes) find(generation, hash uint64, found []*subscription) *route {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.generation != generation {
		return nil
	}
	for _, rt := range t.byHash[hash] {
		if slices.Equal(rt.via, found) {
			return rt
		}
	}
	return nil
}

// add makes a route known, unless it is outdated or there is no room.
func (t *routes) add(hash uint64, rt *route) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if rt.generation < t.generation {
		return false
	}
	if rt.generation > t.generation || t.byHash == nil {
		t.generation, t.kept = rt.generation, 0
		t.byHash = make(map[uint64][]*route)
	}
	if t.kept+len(rt.via) > subscriptionsKept {
		return false
	}
	t.kept += len(rt.via)
	t.byHash[hash] = append(t.byHash[hash], rt)
	return true
}

// makeRoute merges subscriptions into one target a session.
func makeRoute(generation uint64, found []*subscription) *route {
	rt := &route{generation: generation, via: slices.Clone(found)}
	via := slices.Clone(found)
	slices.SortFunc(via, func(x, y *subscription) int { return cmp.Compare(x.s.seq, y.s.seq) })
	sessions := 0
	for i, sub := range via {
		if i == 0 || sub.s != via[i-1].s {
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
