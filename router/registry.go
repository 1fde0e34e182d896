package router

import "sync"

// registry knows the open sessions, those not yet greeted included, and finds the
// greeted ones by id.
type registry struct {
	mu     sync.RWMutex
	open   map[*Session]struct{}
	byID   map[string]*Session
	closed bool
	empty  chan struct{} // closed when shut and nobody is left
}

func (g *registry) init() {
	g.open = make(map[*Session]struct{})
	g.byID = make(map[string]*Session)
	g.empty = make(chan struct{})
}

// add reports false when the router is closing.
func (g *registry) add(s *Session) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return false
	}
	g.open[s] = struct{}{}
	return true
}

func (g *registry) greet(s *Session) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.byID[s.id] = s
}

func (g *registry) remove(s *Session) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.open, s)
	delete(g.byID, s.id)
	g.checkEmpty()
}

func (g *registry) find(id []byte) *Session {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return g.byID[string(id)]
}

func (g *registry) len() int {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return len(g.open)
}

func (g *registry) all() []*Session {
	g.mu.RLock()
	defer g.mu.RUnlock()
	all := make([]*Session, 0, len(g.open))
	for s := range g.open {
		all = append(all, s)
	}
	return all
}

// shut lets no more sessions in.
func (g *registry) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.closed {
		g.closed = true
		g.checkEmpty()
	}
}

func (g *registry) checkEmpty() {
	if !g.closed || len(g.open) > 0 {
		return
	}
	select {
	case <-g.empty:
	default:
		close(g.empty)
	}
}
