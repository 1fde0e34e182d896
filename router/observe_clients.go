// The table of connections, and all there is to say of one of them.

package router

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/clasp-studio/clasp/router/monitor"
	"github.com/clasp-studio/clasp/router/wire"
)

// listed is how many entries the lists of a detail have.
const listed = 100

// Clients returns the sessions that have said HELLO, those in the lobby too, in no order and
// without rates. It costs some 0.5 µs a session, each of which is locked for a moment.
func (r *Router) Clients() []monitor.Client {
	sessions := r.sessions.all()
	now := time.Now()
	clients := make([]monitor.Client, 0, len(sessions))
	for _, s := range sessions {
		if s.greeted.Load() {
			clients = append(clients, s.client(now))
		}
	}
	return clients
}

// client describes a session that has been greeted.
func (s *Session) client(now time.Time) monitor.Client {
	at := s.router.monotonic(now)
	c := monitor.Client{
		ID: s.id, Name: monitor.Clean(s.name), Transport: s.peer.Transport, Remote: monitor.Clean(s.peer.Remote),
		Encrypted: s.peer.Encrypted, Lobby: s.waiting.Load(),
		RTT:        time.Duration(s.trip.Load()) * time.Microsecond,
		Since:      s.router.wallTime(s.opened),
		Idle:       time.Duration(max(at-s.heard.Load(), 0)) * time.Microsecond,
		MessagesIn: s.in.shownMessages.Load(), BytesIn: s.in.shownBytes.Load(),
	}
	if !c.Lobby { // then token and access are there, and stay as they are
		if s.token != nil {
			c.Device = monitor.Clean(s.token.subject)
		}
		if s.guest != nil && s.guest.access != nil {
			c.Profile = monitor.Clean(s.guest.access.Profile)
		}
	}
	s.subsMu.Lock()
	c.Subs = len(s.subs)
	s.subsMu.Unlock()
	s.held.Lock()
	c.Locks = len(s.held.params)
	s.held.Unlock()
	s.out.Lock()
	defer s.out.Unlock()
	c.Queue, c.Slow = s.out.queue.Len(), s.out.slow
	c.Dropped, c.Errors = s.out.flow.dropped, s.out.flow.errors
	f := &s.out.flow
	c.MessagesOut, c.BytesOut = uint64(max(f.messages+f.waiting, 0)), uint64(max(f.bytes+f.waitingBytes, 0))
	return c
}

// wallTime turns µs on the router's monotonic clock into a time of day.
func (r *Router) wallTime(at int64) time.Time {
	return r.start.Add(time.Duration(at) * time.Microsecond).Round(0) // without the monotonic reading
}

// Client returns all there is to say of a session. From the first look on its messages are
// noted, for ten seconds at a time (observe_tap.go): the first answer has none yet. The error
// is monitor.ErrGone.
func (r *Router) Client(id string) (monitor.ClientDetail, error) {
	s, err := r.greeted(id)
	if err != nil {
		return monitor.ClientDetail{}, err
	}
	d := monitor.ClientDetail{Client: s.client(time.Now()), Messages: s.listen()}
	if !d.Lobby {
		d.Read, d.Write = s.rights.Lists()
		for _, list := range [][]string{d.Read, d.Write} {
			for i, pattern := range list {
				list[i] = showAddress(pattern)
			}
		}
	}

	var subs []*subscription
	s.subsMu.Lock()
	for _, sub := range s.subs {
		subs = append(subs, sub)
	}
	s.subsMu.Unlock()
	slices.SortFunc(subs, func(x, y *subscription) int {
		return cmp.Or(strings.Compare(x.pattern.String(), y.pattern.String()), cmp.Compare(x.seq, y.seq))
	})
	for _, sub := range subs[:min(len(subs), listed)] {
		d.Subscriptions = append(d.Subscriptions, sub.shown())
	}

	s.held.Lock()
	for p := range s.held.params {
		d.Held = append(d.Held, p.Address)
	}
	s.held.Unlock()
	slices.Sort(d.Held)
	d.Held = d.Held[:min(len(d.Held), listed)]
	for i, addr := range d.Held {
		d.Held[i] = showAddress(addr)
	}

	for _, e := range s.refusals() {
		d.Recent = append(d.Recent, monitor.Refusal{At: time.UnixMicro(int64(e.at)), Code: int(e.code), Text: e.inWords()})
	}
	return d, nil
}

// refusals returns a copy of the last ERRORs, oldest first.
func (s *Session) refusals() []refusal {
	s.out.Lock()
	defer s.out.Unlock()
	f := &s.out.flow
	n := uint64(len(f.recent))
	list := make([]refusal, 0, n)
	for i := f.errors - n; i < f.errors; i++ {
		e := f.recent[i%refusalsKept]
		e.text = slices.Clone(e.text)
		list = append(list, e)
	}
	return list
}

// greeted finds a session that has said HELLO.
func (r *Router) greeted(id string) (*Session, error) {
	if s := r.sessions.find(stringBytes(id)); s != nil {
		return s, nil
	}
	for _, s := range r.sessions.all() { // those in the lobby are not found by their id
		if s.greeted.Load() && s.id == id {
			return s, nil
		}
	}
	return nil, fmt.Errorf("%w: the session has ended", monitor.ErrGone)
}

// shown describes a subscription.
func (sub *subscription) shown() monitor.Subscription {
	var options []string
	if kinds := sub.kinds(); kinds != "" {
		options = append(options, kinds)
	}
	if sub.maxRate > 0 {
		options = append(options, fmt.Sprintf("at most %d/s", sub.maxRate))
	}
	if sub.epsilon > 0 {
		options = append(options, fmt.Sprintf("changes from %v", sub.epsilon))
	}
	return monitor.Subscription{
		Session: sub.s.id, Name: monitor.Clean(sub.s.name), Pattern: showAddress(sub.pattern.String()), Options: strings.Join(options, ", "),
	}
}

// kinds lists the types of signals that are subscribed to, "" for all.
func (sub *subscription) kinds() string {
	var kinds []string
	for kind := wire.Param; kind <= wire.Timeline; kind++ {
		if sub.types&kind.Mask() != 0 {
			kinds = append(kinds, kind.String()+"s")
		}
	}
	switch len(kinds) {
	case int(wire.Timeline) + 1:
		return ""
	case 0:
		return "nothing that there is"
	}
	return "only " + strings.Join(kinds, ", ")
}
