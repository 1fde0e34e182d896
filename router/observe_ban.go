// Whom the operator keeps out until the router restarts.

package router

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/clasp-studio/clasp/router/monitor"
	"github.com/clasp-studio/clasp/router/wire"
)

// bansMost bounds who is kept out.
const bansMost = 1024

const bannedText = "This client is banned by the operator until the router restarts."

// identity is what a client is known by when it comes again: its device, or else the subject
// of its token, or else where it comes from. One of the three is set, or none.
type identity struct {
	device, subject string
	source          netip.Addr
}

// identity returns by what the session's client is known. Before its token is judged that is
// its source.
func (s *Session) identity() identity {
	switch {
	case s.token != nil && s.token.device != "":
		return identity{device: s.token.device}
	case s.token != nil && s.token.subject != "":
		return identity{subject: s.token.subject}
	}
	return identity{source: s.peer.Source}
}

// bans are the identities that are kept out. An address keeps out those alone that have
// nothing else to be known by: behind it others may be whom the show needs.
type bans struct {
	count atomic.Int32 // of all, so that HELLO need not lock
	mu    sync.Mutex
	all   map[identity]string // in words
}

// put reports false when there is no room.
func (n *bans) put(who identity, words string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.all == nil {
		n.all = make(map[identity]string)
	}
	if _, known := n.all[who]; !known && len(n.all) >= bansMost {
		return false
	}
	n.all[who] = words
	n.count.Store(int32(len(n.all)))
	return true
}

func (n *bans) has(who identity) bool {
	if n.count.Load() == 0 {
		return false
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	_, banned := n.all[who]
	return banned
}

// Bans returns who is kept out, in words, sorted.
func (r *Router) Bans() []string {
	r.bans.mu.Lock()
	defer r.bans.mu.Unlock()
	list := make([]string, 0, len(r.bans.all))
	for _, words := range r.bans.all {
		list = append(list, words)
	}
	slices.Sort(list)
	return list
}

// endBanned ends a session whose client is kept out, and reports whether it is. Who may read
// the session's token asks.
func (s *Session) endBanned(b *batch) bool {
	if !s.router.bans.has(s.identity()) {
		return false
	}
	s.end(b, ReasonBanned, wire.CodeUnauthenticated, bannedText)
	return true
}

// Ban ends a session and keeps its client out until the router restarts: its device, or else
// the subject of its token, or else the address that it comes from. All sessions of a device or
// a subject end; of an address only this one, and the others of it that have no token are
// refused when they come again. what says whom it hits, in words that "is banned" may follow.
// The errors are monitor.ErrGone, and monitor.ErrRefused where there is nothing to know the
// client by, or too many are kept out.
func (r *Router) Ban(id string) (what string, err error) {
	s, err := r.greeted(id)
	if err != nil {
		return "", err
	}
	who := identity{source: s.peer.Source} // of one in the lobby, whose token is not there yet
	if s.inside() {
		who = s.identity()
	}
	if who == (identity{}) {
		return "", fmt.Errorf("%w: this client has no device, no token and no address to be known by: it can be disconnected only", monitor.ErrRefused)
	}
	what = who.words(s)
	if !r.bans.put(who, what) { // first: who comes from now on is refused, and the look finds those who are there
		return "", fmt.Errorf("%w: %d clients are banned already, and more are not kept in mind: restart the router to begin anew", monitor.ErrRefused, bansMost)
	}
	var others []*Session
	for _, other := range r.sessions.all() {
		if other != s && other.inside() && other.identity() == who {
			others = append(others, other)
		}
	}
	s.Fail(ReasonBanned, wire.CodeUnauthenticated, bannedText)
	if who.source.IsValid() {
		if n := len(others); n > 0 {
			what += fmt.Sprintf(" (%s until disconnected)", counted(n, "other session from there stays", "other sessions from there stay"))
		}
		return what, nil
	}
	for _, other := range others {
		other.Fail(ReasonBanned, wire.CodeUnauthenticated, bannedText)
	}
	if n := len(others); n > 0 {
		what += fmt.Sprintf(", with %s", counted(n, "other session of it", "other sessions of it"))
	}
	return what, nil
}

// words says who it is.
func (who identity) words(s *Session) string {
	switch {
	case who.device != "":
		return "device " + quoted(s.token.subject)
	case who.subject != "":
		return "token of " + quoted(who.subject)
	case who.source.IsLoopback(), who.source == netip.IPv6Unspecified(): // ::1 without its last bits
		return "everybody on this computer who has no token"
	case who.source.Is4():
		return "everybody at " + who.source.String() + " who has no token"
	}
	return "everybody in the network " + netip.PrefixFrom(who.source, 64).String() + " who has no token" // as Peer.Source has it
}

func quoted(name string) string { return "“" + strings.TrimSpace(monitor.Clean(name)) + "”" }

// counted says how many there are of something.
func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
