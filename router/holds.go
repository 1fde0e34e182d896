package router

import (
	"slices"
	"time"
)

// Holds is what the sessions of a device have: what would change if they ended.
type Holds struct {
	Sessions int
	Locks    []string  // addresses of the params it has locked, in order
	Heard    time.Time // when it last sent something; zero without a session
}

// Holds returns what the sessions of a paired device hold now.
func (r *Router) Holds(device string) Holds {
	var h Holds
	now := time.Now()
	for _, s := range r.sessions.all() {
		if !s.inside() || s.token == nil || s.token.device != device {
			continue
		}
		h.Sessions++
		silent := time.Duration(r.monotonic(now)-s.heard.Load()) * time.Microsecond
		if heard := now.Add(-silent); heard.After(h.Heard) {
			h.Heard = heard
		}
		s.held.Lock()
		for p := range s.held.params {
			h.Locks = append(h.Locks, p.Address)
		}
		s.held.Unlock()
	}
	slices.Sort(h.Locks)
	return h
}

// LastWrote returns how many params have the value that a session of a paired device gave them, of
// those sessions that it has now, and up to most of their addresses, in order. It looks at every
// param there is, in pieces.
func (r *Router) LastWrote(device string, most int) (count int, addresses []string) {
	sessions := make(map[string]bool)
	for _, s := range r.sessions.all() {
		if s.inside() && s.token != nil && s.token.device == device {
			sessions[s.id] = true
		}
	}
	if len(sessions) == 0 {
		return 0, nil
	}
	now := r.monotonic(time.Now())
	r.eachParam(func(p *paramEntry) {
		if !sessions[p.Writer] || !p.Exists(now) {
			return
		}
		if count++; count <= most {
			addresses = append(addresses, p.Address)
		}
	})
	return count, addresses
}
