// Devices that come without a token of the other kinds: pairing is asked at HELLO, and has the
// last word on how long their sessions live (pairing sections 2, 3 and 8). What they may use
// meanwhile is in guest.go and lobby.go.

package router

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/clasp-studio/clasp/pairing"
	"github.com/clasp-studio/clasp/router/auth"
	"github.com/clasp-studio/clasp/router/wire"
)

// devicePrefix begins a device's token. Its secret cannot be guessed, so that it may come
// from a source that anybody may have invented.
const devicePrefix = "clp_"

// foreignPage is the answer to a page of another site that shows no token.
const foreignPage = "A page of another site is let in by a token alone: show one, or list the site in security.allowed_origins."

// refusedByPairing is the label of HELLOs that pairing has turned away.
const refusedByPairing = "pairing"

// pair has pairing judge a HELLO, and reports false where that is none of its business. It comes
// before all else: a device has not to wait because somebody behind the same address guesses at
// the tokens of issuers, for whom pairing's limits are not meant either.
func (s *Session) pair(b *batch, token []byte) bool {
	r := s.router
	if r.pairing == nil {
		return false
	}
	text := auth.Bare(string(token))
	switch {
	case text == "" && !r.auth.Load().Required:
		return false // everybody is let in
	case strings.HasPrefix(text, devicePrefix):
	case s.peer.Forgeable:
		return false // not over UDP: guesses of a PIN would count for whomever they pretend to be
	case s.peer.Foreign && text == "":
		// Its name and address are those of the device that it was opened on.
		s.turnAwayGuest(b, &pairing.Error{Code: pairing.CodeUnauthorized, Message: foreignPage})
		return true
	case s.peer.Foreign:
		return false // nor may it guess at a PIN
	}
	if text == "" && s.endBanned(b) {
		return true // before it knocks: each time it came back the operator would hear it
	}
	g := &guest{s: s}
	g.mu.Lock() // what changes meanwhile is looked at behind WELCOME
	defer g.mu.Unlock()
	since := r.endings.open()
	defer r.endings.close()
	b.flush()                                   // what pairing writes down takes its time
	at, _ := netip.ParseAddrPort(s.peer.Remote) // of no device where there is none
	answer := r.pairing.Hello(pairing.Origin{
		Name: s.name, Addr: at.Addr().Unmap(), Source: s.peer.Source, Remote: s.peer.Remote, Transport: s.peer.Transport, Encrypted: s.peer.Encrypted,
	}, text, g.poke)
	b.clock(r)
	switch {
	case answer.Err != nil:
		s.turnAwayGuest(b, answer.Err)
	case answer.Visit != nil:
		g.receive(b, answer.Visit)
	case answer.Access != nil:
		g.admit(b, answer.Access, answer.Token, since)
	default:
		return false
	}
	return true
}

// receive lets the session wait in the lobby.
func (g *guest) receive(b *batch, v *pairing.Visit) {
	s := g.s
	g.visit, s.guest = v, g
	s.waiting.Store(true)
	s.welcome(b, "")
	s.router.counts.crowd.Add(1)
	s.respond(b, wire.Fire, wire.BeginSnapshot)
	s.router.log.Debug("session waits to be let in", s.attrs("request", v.Status().ID)...)
	g.look(b)
}

// admit lets the session of a device in. token is what it has just become one with, nil if it has
// shown its own. since is when endings was asked.
func (g *guest) admit(b *batch, a *pairing.Access, token *pairing.Token, since uint64) {
	s := g.s
	s.guest = g
	if !g.letIn(b, a) || s.endBanned(b) {
		return
	}
	text := ""
	if token != nil {
		text = token.Text
		g.keep(b, token)
	}
	s.welcome(b, text)
	s.join(b)
	g.endOver(b, since)
	s.endBanned(b) // if it has been banned since
	s.firstSnapshot(b)
}

// endOver ends the session if those of its device had to end while it was let in.
func (g *guest) endOver(b *batch, since uint64) {
	if code, over := g.s.router.endings.over(g.access.Device, g.access.Weak, since); over {
		g.s.token.over.Store(true)
		g.s.endPaired(b, code)
	}
}

// letIn gives the session what its device may do. g.mu must be locked. It reports false if
// that makes no sense, and the session then ends.
func (g *guest) letIn(b *batch, a *pairing.Access) bool {
	s := g.s
	g.access = a
	rights, err := auth.NewRights(auth.Claims{Read: a.Read, Write: a.Write})
	if err != nil { // cannot be: pairing has looked at them
		s.router.log.Error("a device cannot be let in: mend its profile", s.attrs("device", a.Device, "profile", a.Profile, "error", err)...)
		s.end(b, ReasonUnpaired, wire.CodeInternal, "The profile of this device makes no sense. The router's log says why.")
		return false
	}
	s.rights = rights
	s.token = &token{device: a.Device, subject: a.Name, counted: !a.Weak}
	if s.token.counted {
		s.guesses().enter(s.peer.Source)
	}
	return true
}

// turnAwayGuest ends a connection that pairing has turned away at HELLO.
func (s *Session) turnAwayGuest(b *batch, e *pairing.Error) {
	r := s.router
	r.refusals.auth[refusedByPairing].Add(1)
	level := slog.LevelDebug
	if s.guesses().speak(b.now) {
		level = slog.LevelWarn
	}
	r.log.Log(context.Background(), level, "a device is turned away",
		"code", int(e.Code), "error", e.Message, "name", s.name, "remote", s.peer.Remote, "transport", s.peer.Transport)
	if s.delay(b, e.Hold) {
		s.end(b, reasonOf(e.Code), wire.Code(e.Code), e.Message)
	}
}

// reasonOf returns the reason that a session ends for when pairing refuses it (pairing
// section 8).
func reasonOf(code pairing.Code) Reason {
	switch code {
	case pairing.CodeEnded:
		return ReasonGrantEnded
	case pairing.CodeClosed:
		return ReasonPairingClosed
	case pairing.CodePINInvalid:
		return ReasonPINInvalid
	case pairing.CodePINExpired:
		return ReasonPINExpired
	case pairing.CodeLocked:
		return ReasonPairingLocked
	case pairing.CodeDenied:
		return ReasonPairingDenied
	case pairing.CodeRevoked:
		return ReasonRevoked
	case pairing.CodeBusy, pairing.CodeRate:
		return ReasonPairingBusy
	case pairing.CodeTransport:
		return ReasonTransport
	}
	return ReasonUnpaired
}

// delay holds the reader up, and reports whether the session goes on: what its client sends
// meanwhile is read afterwards.
func (s *Session) delay(b *batch, d time.Duration) bool {
	if d > 0 {
		b.flush()
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-s.router.stop:
		}
		b.clock(s.router)
	}
	return !s.ending.Load()
}

// endings knows the devices whose sessions had to end while others were being let in: theirs
// may have been among them.
type endings struct {
	sync.Mutex
	letting int                       // sessions that are being let in
	count   uint64                    // endings
	last    map[endingOf]numberedCode // empty while nobody is let in
}

// endingOf is what an ending was about.
type endingOf struct {
	device string
	weak   bool // only those of its sessions that have shown no secret
}

// numberedCode is the last ending of its kind.
type numberedCode struct {
	number uint64
	code   pairing.Code
}

// open says that a session is about to be let in, and returns what over wants. Call close after
// that.
func (e *endings) open() (since uint64) {
	e.Lock()
	defer e.Unlock()
	e.letting++
	return e.count
}

func (e *endings) close() {
	e.Lock()
	defer e.Unlock()
	if e.letting--; e.letting == 0 {
		clear(e.last)
	}
}

// note counts an ending.
func (e *endings) note(about pairing.Ending) {
	e.Lock()
	defer e.Unlock()
	if e.count++; e.letting > 0 {
		if e.last == nil {
			e.last = make(map[endingOf]numberedCode)
		}
		e.last[endingOf{about.Device, about.Weak}] = numberedCode{e.count, about.Code}
	}
}

// over reports whether a session of a device, weak or not, had to end since it was about to be
// let in, and with which code.
func (e *endings) over(device string, weak bool, since uint64) (code pairing.Code, over bool) {
	e.Lock()
	defer e.Unlock()
	if last := e.last[endingOf{device, false}]; last.number > since {
		return last.code, true
	}
	if last := e.last[endingOf{device, true}]; weak && last.number > since {
		return last.code, true
	}
	return 0, false
}

// endDevice ends sessions of a device that is revoked, whose rights have changed, or that has
// shown its token while others came in by its name. Bundles that they have scheduled are not run.
func (r *Router) endDevice(e pairing.Ending) {
	r.endings.note(e)
	b := r.begin()
	for _, s := range r.sessions.all() {
		if s.inside() && s.token != nil && s.token.endedBy(e) {
			s.token.over.Store(true)
			s.endPaired(b, e.Code)
		}
	}
	b.finish(r)
	r.schedule.disown(e)
}

// endedBy reports whether an ending is about a session.
func (t *token) endedBy(e pairing.Ending) bool {
	// Those that count have shown a secret, or the operator has let them in where they were.
	return t.device == e.Device && (!e.Weak || !t.counted)
}

// endPaired ends the session of a device: revoked, or to come again with other rights.
func (s *Session) endPaired(b *batch, code pairing.Code) {
	if code == pairing.CodeRevoked {
		s.end(b, ReasonRevoked, wire.Code(code), fmt.Sprintf("This device is no longer let in by %s.", s.router.name))
		return
	}
	s.out.Lock()
	s.closeLocked(b, ReasonRightsChanged)
	s.out.Unlock()
}

// disown marks the senders of waiting bundles whose sessions had to end.
func (sc *schedule) disown(e pairing.Ending) {
	sc.Lock()
	defer sc.Unlock()
	for _, next := range sc.waiting.list {
		if t := next.s.token; t != nil && t.endedBy(e) {
			t.over.Store(true)
		}
	}
}
