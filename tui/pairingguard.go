package tui

// What stands between a key and an answer: a request is answered only when it has been on
// the screen, as it is now, for long enough to be read. So no key that was meant for
// something else lets anybody in.

import (
	"fmt"
	"time"

	"github.com/clasp-studio/clasp/router/monitor"
)

const (
	// pairingGrace is how long a request, and a question about it, has to have been shown.
	pairingGrace = 500 * time.Millisecond
	// pairingUnseen is after how long without being drawn a row counts as not shown. What is
	// on the screen is drawn every second, for the clock.
	pairingUnseen = 3 * time.Second
)

// pairingSeen is since when a row has been on the screen, and since when saying the same.
type pairingSeen struct {
	says               string
	first, since, last time.Time
}

// pairingAsk is the question before write access is given. Its zero value: there is none.
type pairingAsk struct {
	id    string
	says  string
	since time.Time // drawn, or answered too early; zero: not drawn yet
}

// pairingGuard notes what has been drawn.
type pairingGuard struct {
	seen     map[string]pairingSeen
	selected string // the request under the cursor when the pane was drawn
	moved    time.Time
	asked    pairingAsk
}

// drawn notes that a row is on the screen.
func (g *pairingGuard) drawn(id, says string, now time.Time) {
	if g.seen == nil {
		g.seen = map[string]pairingSeen{}
	}
	s, ok := g.seen[id]
	switch {
	case !ok || now.Sub(s.last) > pairingUnseen || now.Before(s.last):
		s = pairingSeen{says: says, first: now, since: now}
	case s.says != says:
		s.says, s.since = says, now
	}
	s.last = now
	g.seen[id] = s
}

// hide notes that the pane has not got the keys, or that a dialog may be in front of it: what
// is there has to be seen anew afterwards.
func (g *pairingGuard) hide() {
	clear(g.seen)
	g.asked = pairingAsk{}
}

// hidden implements hider.
func (p *pairingPanel) hidden() {
	if p.guard.asked.id != "" {
		p.rev++ // the question is over
	}
	p.guard.hide()
}

// asking notes that the question is on the screen, whole.
func (g *pairingGuard) asking(now time.Time) {
	if g.asked.since.IsZero() {
		g.asked.since = now
	}
}

// cursor notes the request that is drawn under the cursor, and whether the operator has put
// it there: where a cursor has moved of itself, it too has to be seen.
func (g *pairingGuard) cursor(id string, byHand bool, now time.Time) {
	if id != g.selected {
		if g.moved = now; byHand {
			g.moved = time.Time{}
		}
	}
	g.selected = id
}

func (g *pairingGuard) forget(id string) {
	delete(g.seen, id)
	if g.asked.id == id {
		g.asked = pairingAsk{}
	}
}

func (g *pairingGuard) ask(a pairingAsk) { g.asked = a }

// blocked says why a key for a row is not for what is on the screen, "" if it is.
func (g *pairingGuard) blocked(id, says string, now time.Time) string {
	s := g.seen[id]
	return g.early(id, s.says == says, s.since, now)
}

// early says why a key for a row comes too early, "" if it does not: whether the row says the
// same, and since when it has been seen.
func (g *pairingGuard) early(id string, same bool, since, now time.Time) string {
	s, ok := g.seen[id]
	switch {
	case !ok || !same || g.selected != id || now.Sub(s.last) > pairingUnseen:
		return "this request has just changed: look at it, and press again"
	case now.Sub(since) < pairingGrace || now.Sub(g.moved) < pairingGrace:
		return "this request has only just come up: look at it, and press again"
	}
	return ""
}

// unread says why a key for a row is too early whatever the row says, "" if it is not: to turn
// a device away is safe, and what others do shall not keep the operator from it.
func (g *pairingGuard) unread(id string, now time.Time) string {
	return g.early(id, true, g.seen[id].first, now)
}

// sure reports whether the question has been on the screen for long enough. Who presses too
// early starts anew: a key that is held down never answers it.
func (g *pairingGuard) sure(now time.Time) bool {
	if g.asked.since.IsZero() || now.Sub(g.asked.since) < pairingGrace {
		if !g.asked.since.IsZero() {
			g.asked.since = now
		}
		return false
	}
	return true
}

// pairingSays is all of a request that an approval depends on, with the rights it gives. How
// many wait under its name is not in it, only that there was more than one: else whoever comes
// and goes under that name could keep the operator from answering.
func (p *pairingPanel) pairingSays(k *monitor.Knock) string {
	g := p.grant(k)
	read, write := p.rights(g.Profile)
	return fmt.Sprintf("%q %q %q %q %q %v %s %s %v %q %q %q %v %q %q", k.Name, k.Kind, k.Want, k.Remote, k.Transport, k.Encrypted, k.Match, k.State,
		p.crowded[k.ID], k.Profile, k.Known, k.KnownFrom, g, read, write)
}
