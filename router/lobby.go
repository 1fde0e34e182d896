// The lobby: sessions without a token that wait for the operator (pairing sections 2 and 3).
// A client that knows nothing of pairing waits without noticing: what it subscribes to is kept
// until it is let in, and what it sends is answered with ERROR 310.

package router

import (
	"fmt"
	"slices"

	"github.com/clasp-studio/clasp/pairing"
	"github.com/clasp-studio/clasp/router/address"
	"github.com/clasp-studio/clasp/router/wire"
)

// What one session in the lobby may do (pairing section 7).
const (
	// lobbyRate is how many messages a second are looked at.
	lobbyRate = 20
	// lobbyBytes is how much it may ask for, in all: its subscriptions and what it says below
	// pairingRoot. What is passed over does not count, or a fader that is moved while its operator
	// is waited for would end the session.
	lobbyBytes = 64 << 10
	// lobbyFlow is how much may come in a second, whatever it is: a thousand moves of a fader.
	lobbyFlow = 64 << 10
	// lobbyNoticeEvery is the least time between two answers to what is passed over, in µs.
	lobbyNoticeEvery = 1e6
)

// lobby is what a guest has while it waits. The reader owns it, but for parked.
type lobby struct {
	rate    bucket
	pings   bucket
	flow    bucket
	bytes   int
	noticed int64 // µs, monotonic; 0 = never

	parked []parked // guarded by mu
}

// parked is a subscription that has to wait.
type parked struct {
	id      uint32
	payload []byte
}

// heeds counts a message, or what is none, against the rates. One beyond that of messages is passed
// over; one beyond that of bytes ends the session, since to read on is what it costs. What keeps a connection alive counts apart: a fader that is moved must not have its client believe
// that the router has gone.
func (g *guest) heeds(b *batch, payload []byte) bool {
	if !g.lobby.flow.take(b.now, len(payload), lobbyFlow) {
		g.s.end(b, ReasonPairingBusy, wire.CodeLimit, fmt.Sprintf("Over the limit of %d bytes a second for a session that waits to be let in.", lobbyFlow))
		return false
	}
	rate := &g.lobby.rate
	if len(payload) > 0 && (wire.Type(payload[0]) == wire.TypePing || wire.Type(payload[0]) == wire.TypeSync) {
		rate = &g.lobby.pings
	}
	return rate.take(b.now, 1, lobbyRate)
}

// takesBytes counts what a message asks for, and ends the session when that is too much.
func (g *guest) takesBytes(b *batch, n int) bool {
	if g.lobby.bytes += n; g.lobby.bytes <= lobbyBytes {
		return true
	}
	g.s.end(b, ReasonPairingBusy, wire.CodeLimit, fmt.Sprintf("Over the limit of %d bytes for a session that waits to be let in.", lobbyBytes))
	return false
}

// inLobby does one message of a session in the lobby. It reports false when that is to be done as
// it is for those inside: because it is the same to both, as pairing is, or because the session
// has been let in meanwhile.
func (s *Session) inLobby(b *batch, payload []byte) bool {
	g := s.guest
	kind := wire.Type(payload[0])
	if kind != wire.TypePing && kind != wire.TypeSync {
		g.visit.Heard() // a program that keeps its connection alive by itself is no sign of life
	}
	var addr []byte
	var err error
	switch kind {
	case wire.TypeSet, wire.TypePublish, wire.TypeGet, wire.TypeSubscribe:
		addr, err = aim(kind, payload)
		if err == nil && isPairing(addr) {
			return kind != wire.TypeGet && !g.takesBytes(b, len(payload))
		}
		if err == nil && kind == wire.TypeSubscribe {
			return g.park(b, payload)
		}
	case wire.TypeUnsubscribe:
		return g.unpark(b, payload)
	case wire.TypeBundle, wire.TypeAnnounce, wire.TypeQuery, wire.TypeReplay:
		err = wire.Check(payload)
	default:
		return false
	}
	if err != nil {
		s.failErr(b, nil, err)
		return true
	}
	if !g.stillWaits() {
		return false
	}
	g.notYet(b, addr)
	return true
}

// stillWaits reports whether the session is in the lobby, when whoever lets it in has done so. It may
// have got its snapshot a moment before, and answered that: nothing of it may be passed over.
func (g *guest) stillWaits() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.s.waiting.Load()
}

// aim returns the address or the pattern that a message is about.
func aim(kind wire.Type, payload []byte) (addr []byte, err error) {
	switch kind {
	case wire.TypeSet:
		m, err := wire.DecodeSet(payload)
		return m.Address, err
	case wire.TypePublish:
		m, err := wire.DecodePublish(payload)
		return m.Address, err
	case wire.TypeGet:
		m, err := wire.DecodeGet(payload)
		return m.Address, err
	}
	m, err := wire.DecodeSubscribe(payload)
	return m.Pattern, err
}

// notYet answers what only those inside may do, once a second.
func (g *guest) notYet(b *batch, addr []byte) {
	if l := &g.lobby; l.noticed == 0 || b.now-l.noticed >= lobbyNoticeEvery {
		l.noticed = max(b.now, 1)
		g.s.fail(b, wire.Code(pairing.CodePending), addr, "Waiting for approval. Show "+g.visit.Status().Match+" to the operator")
	}
}

// park keeps a subscription until the session is let in, and reports false if it is. Only the
// form is looked at: which rights there will be is not known yet.
func (g *guest) park(b *batch, payload []byte) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.s.waiting.Load() {
		return false
	}
	m, _ := wire.DecodeSubscribe(payload) // aim has looked at it
	if _, err := address.Compile(string(m.Pattern)); err != nil {
		g.s.fail(b, wire.CodeBadPattern, m.Pattern, err.Error())
	} else if g.takesBytes(b, len(payload)) {
		g.lobby.parked = append(g.lobby.parked, parked{m.ID, slices.Clone(payload)})
	}
	return true
}

// unpark does UNSUBSCRIBE, and reports false if the session has been let in.
func (g *guest) unpark(b *batch, payload []byte) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.s.waiting.Load() {
		return false
	}
	m, err := wire.DecodeUnsubscribe(payload)
	if err != nil {
		g.s.failErr(b, nil, err)
		return true
	}
	g.lobby.parked = slices.DeleteFunc(g.lobby.parked, func(p parked) bool { return p.id == m.ID })
	g.unsubscribeLocked(m.ID)
	return true
}

// moveOn does what follows from where the visit stands. g.mu must be locked.
func (g *guest) moveOn(b *batch) {
	s := g.s
	switch g.visit.Status().State {
	case pairing.StateDenied:
		s.end(b, ReasonPairingDenied, wire.Code(pairing.CodeDenied), "The operator has said no.")
	case pairing.StateTimeout:
		s.end(b, ReasonPairingTimeout, wire.Code(pairing.CodePending), "Nobody has let this device in. Connect again to ask again.")
	case pairing.StateRevoked:
		s.endPaired(b, pairing.CodeRevoked)
	case pairing.StateIssued, pairing.StateActive:
		g.enter(b)
	}
}

// enter lets the session in where it stands: it gets the snapshot that it could not be shown, and
// its subscriptions begin. g.mu must be locked: the reader waits with what changes them.
func (g *guest) enter(b *batch) {
	s, r := g.s, g.s.router
	since := r.endings.open()
	defer r.endings.close()
	access := g.visit.Access()
	if access == nil || !g.letIn(b, access) {
		return // revoked meanwhile, which the next look finds
	}
	if s.endBanned(b) {
		return
	}
	r.sessions.greet(s)
	s.firstSnapshot(b)
	for _, p := range g.lobby.parked {
		if err := s.onSubscribe(b, p.payload); err != nil {
			s.failErr(b, nil, err)
		}
	}
	g.lobby.parked = nil
	s.waiting.Store(false)
	s.countJoined()
	g.endOver(b, since)
	s.endBanned(b) // if it has been banned since
	r.log.Info("session let in", s.attrs("profile", access.Profile)...)
}
