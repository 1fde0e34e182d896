// The addresses below /_clasp/pair, by which a session pairs and looks after its token (pairing
// section 3). They are the session's own: what is said there is never stored, sent on, written to a
// journal or logged.

package router

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/clasp-studio/clasp/pairing"
	"github.com/clasp-studio/clasp/router/address"
	"github.com/clasp-studio/clasp/router/wire"
)

// What is below pairingRoot.
const (
	pairingRoot   = "/_clasp/pair/"
	statusAddress = pairingRoot + "status" // read: how it stands
	tokenAddress  = pairingRoot + "token"  // read: what the device has become, for a minute
	pairRequest   = pairingRoot + "request"
	pairPIN       = pairingRoot + "pin"
	pairDone      = pairingRoot + "done"  // the token is stored
	pairRenew     = pairingRoot + "renew" // another token
)

// isPairing reports whether an address or a pattern lies below pairingRoot. A pattern that
// reaches further, such as /**, does not: who asks for everything has not asked for its token.
func isPairing(addr []byte) bool { return bytes.HasPrefix(addr, []byte(pairingRoot)) }

const (
	// tokenShown is how long a token can be fetched after it was made.
	tokenShown = time.Minute
	// maxWanted is how many wishes a device may have.
	maxWanted = 32
	// maxPairingSubscriptions is how often a session may subscribe to two addresses.
	maxPairingSubscriptions = 8
)

// guest is what a session of a router with pairing has to do with it: one in the lobby, or one
// of a device.
type guest struct {
	// Static once HELLO is answered.
	s     *Session
	visit *pairing.Visit // nil for one that was let in at HELLO

	pokes  atomic.Int32 // since follow began to look
	forget atomic.Int64 // when token has to go, µs, monotonic; 0 = there is none

	mu       sync.Mutex
	gone     bool            // the session has ended: nothing changes any more
	asking   bool            // the reader waits for pairing, and will look itself
	access   *pairing.Access // once it is let in
	token    *pairing.Token  // made at HELLO or by renew, until done or forget
	shown    bool            // the token there is now has been sent to who has subscribed to it
	subs     []guestSub
	revision uint64         // of what was last sent
	told     pairing.Status // last sent to who has subscribed to it
	expires  int64          // what told says of it, µs, monotonic
	lobby    lobby
}

// guestSub is a subscription below pairingRoot.
type guestSub struct {
	id      uint32
	pattern *address.Pattern
}

// wants reports whether anybody has subscribed to an address.
func (g *guest) wants(addr string) bool {
	return slices.ContainsFunc(g.subs, func(s guestSub) bool { return s.pattern.Match(addr) })
}

// close has nothing change any more: the session is about to end.
func (g *guest) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.gone = true
	g.token = nil
}

// leave tells pairing that the session has ended. It comes after close.
func (g *guest) leave() {
	if g.visit != nil {
		g.visit.Leave()
	}
	if g.access != nil {
		g.s.router.pairing.Left(g.access)
	}
}

// poke has a look taken soon, on a goroutine of its own. It locks nothing.
func (g *guest) poke() {
	if g.pokes.Add(1) > 1 {
		return // whoever looks now looks again
	}
	go func() {
		for n := g.pokes.Load(); ; n = g.pokes.Load() {
			g.follow()
			if g.pokes.CompareAndSwap(n, 0) {
				return
			}
		}
	}()
}

func (g *guest) follow() {
	b := g.s.router.begin()
	g.mu.Lock()
	g.look(b)
	g.mu.Unlock()
	b.finish(g.s.router)
}

// checkTime has a token forgotten whose minute is over. The clock calls it about once a second.
func (g *guest) checkTime(b *batch) {
	if at := g.forget.Load(); at != 0 && b.now >= at {
		g.poke()
	}
}

// look finds out how it stands, does what follows from it and tells the client. g.mu must be
// locked.
func (g *guest) look(b *batch) {
	s := g.s
	if g.gone || g.asking || s.guest == nil || s.ending.Load() {
		return
	}
	if at := g.forget.Load(); at != 0 && b.now >= at {
		g.drop()
	}
	g.tell(b, false)
	if s.waiting.Load() {
		g.moveOn(b)
	}
	g.showToken(b)
}

// keep keeps a token, to be fetched.
func (g *guest) keep(b *batch, t *pairing.Token) {
	g.token, g.shown = t, false
	g.forget.Store(b.now + int64(tokenShown/time.Microsecond))
}

// drop forgets the clear text of a token.
func (g *guest) drop() {
	g.token = nil
	g.forget.Store(0)
}

// status returns how it stands.
func (g *guest) status(b *batch) pairing.Status {
	if g.visit != nil && g.token == nil {
		return g.visit.Status()
	}
	st := pairing.Status{State: pairing.StateActive, ID: g.access.Device, RouterID: g.s.router.pairing.RouterID(), Profile: g.access.Profile}
	if g.token != nil {
		st.State = pairing.StateIssued
		st.ExpiresIn = time.Duration(max(g.forget.Load()-b.now, 0)) * time.Microsecond
	}
	return st
}

// tell sends the status to those subscribed to it, if it is another one than they know. again
// sends it whatever it is.
func (g *guest) tell(b *batch, again bool) {
	if !g.wants(statusAddress) {
		return
	}
	st := g.status(b)
	expires := b.now + int64(st.ExpiresIn/time.Microsecond)
	same := st
	same.ExpiresIn, same.RetryAfter = g.told.ExpiresIn, g.told.RetryAfter
	if !again && same == g.told && (st.ExpiresIn > 0) == (g.told.ExpiresIn > 0) && max(expires-g.expires, g.expires-expires) <= 1e6 {
		return
	}
	g.told, g.expires = st, expires
	g.set(b, statusAddress, statusValue(st))
}

// showToken sends a new token to those subscribed to it.
func (g *guest) showToken(b *batch) {
	if g.shown || !g.wants(tokenAddress) {
		return
	}
	if t, err := g.fetch(b); err == nil {
		g.shown = true
		g.set(b, tokenAddress, tokenValue(t))
	}
}

// fetch returns the token, as long as it can be fetched.
func (g *guest) fetch(b *batch) (pairing.Token, *pairing.Error) {
	if g.token != nil && b.now < g.forget.Load() {
		return *g.token, nil
	}
	if g.visit != nil {
		return g.visit.Token()
	}
	return pairing.Token{}, &pairing.Error{Code: pairing.Code(wire.CodeNotFound), Message: "There is no token to fetch: it is there for a minute after it was made."}
}

// set sends a SET that only this session sees.
func (g *guest) set(b *batch, addr string, value wire.Value) {
	g.revision++
	m := wire.Set{Address: []byte(addr), Value: value, HasRevision: true, Revision: g.revision}
	g.s.respond(b, wire.Confirm, func(dst []byte) []byte { return wire.AppendSet(dst, m) })
}

// snapshot sends a SNAPSHOT of one that only this session sees.
func (g *guest) snapshot(b *batch, addr string, value wire.Value) {
	g.revision++
	e := wire.SnapshotEntry{
		Address: []byte(addr), Value: value, Revision: g.revision,
		HasWriter: true, Writer: []byte(g.s.id), HasTimestamp: true, Timestamp: b.wall,
	}
	g.s.respond(b, wire.Fire, func(dst []byte) []byte {
		at := len(dst)
		dst = wire.AppendSnapshotEntry(wire.BeginSnapshot(dst), e)
		wire.SetSnapshotCount(dst[at:], 1)
		return dst
	})
}

// statusValue is a status as clients see it.
func statusValue(st pairing.Status) wire.Value {
	return valueFrom(map[string]any{
		"state": string(st.State), "id": st.ID, "match": st.Match, "pin_required": st.PINRequired,
		"expires_in": seconds(st.ExpiresIn), "attempts_left": st.AttemptsLeft, "retry_after": seconds(st.RetryAfter),
		"router_id": st.RouterID, "profile": st.Profile,
		"pake": false, // room for an exchange that hides the PIN
	})
}

// tokenValue is a token as its device sees it. expires is a time as in RFC 3339, or null.
func tokenValue(t pairing.Token) wire.Value {
	value := map[string]any{
		"token": t.Text, "device_id": t.Device, "router_id": t.RouterID, "profile": t.Profile,
		"read": texts(t.Read), "write": texts(t.Write), "expires": nil,
	}
	if !t.Expires.IsZero() {
		value["expires"] = t.Expires.UTC().Format(time.RFC3339)
	}
	return valueFrom(value)
}

// valueFrom makes a value of a map of plain ones.
func valueFrom(entries map[string]any) wire.Value {
	text, err := wire.AppendAny(nil, entries)
	if err != nil {
		return wire.Value{Code: wire.NullCode} // cannot be: pairing has looked at all texts
	}
	return wire.Value{Code: text[0], Data: text[1:]}
}

// seconds rounds up: nobody is to come too early.
func seconds(d time.Duration) int64 { return int64(math.Ceil(d.Seconds())) }

func texts(list []string) []any {
	values := make([]any, len(list))
	for i, text := range list {
		values[i] = text
	}
	return values
}

// get does GET of an address below pairingRoot.
func (g *guest) get(b *batch, addr []byte) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch string(addr) {
	case statusAddress:
		g.snapshot(b, statusAddress, statusValue(g.status(b)))
	case tokenAddress:
		t, err := g.fetch(b)
		if err != nil {
			g.s.fail(b, wire.Code(err.Code), addr, err.Message)
			return
		}
		g.snapshot(b, tokenAddress, tokenValue(t))
	default:
		g.s.fail(b, wire.CodeNotFound, addr, "there is nothing to read at this address")
	}
}

// subscribe does SUBSCRIBE to a pattern below pairingRoot. What is there to read is sent at once,
// and then whenever it changes.
func (g *guest) subscribe(b *batch, id uint32, pattern *address.Pattern, types uint8) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if types != 0 && types&wire.MaskParam == 0 {
		return // signals, of which there are none
	}
	if len(g.subs) >= maxPairingSubscriptions {
		g.s.fail(b, wire.CodeLimit, []byte(pattern.String()), fmt.Sprintf("over the limit of %d subscriptions below %s", maxPairingSubscriptions, strings.TrimSuffix(pairingRoot, "/")))
		return
	}
	g.subs = append(g.subs, guestSub{id, pattern})
	if pattern.Match(statusAddress) {
		g.told = g.status(b)
		g.expires = b.now + int64(g.told.ExpiresIn/time.Microsecond)
		g.snapshot(b, statusAddress, statusValue(g.told))
	}
	if pattern.Match(tokenAddress) {
		if t, err := g.fetch(b); err == nil {
			g.shown = true
			g.snapshot(b, tokenAddress, tokenValue(t))
		}
	}
}

// unsubscribe does UNSUBSCRIBE for what subscribe did.
func (g *guest) unsubscribe(id uint32) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.unsubscribeLocked(id)
}

func (g *guest) unsubscribeLocked(id uint32) {
	g.subs = slices.DeleteFunc(g.subs, func(s guestSub) bool { return s.id == id })
}

// take does SET and PUBLISH to an address below pairingRoot. The value goes no further.
func (g *guest) take(b *batch, q wire.QoS, addr []byte, v wire.Value) {
	s := g.s
	// A miss must cost time, and a status sent meanwhile would give it away.
	g.mu.Lock()
	g.asking = true
	g.mu.Unlock()
	b.flush() // what pairing writes down takes its time
	err := g.act(b, string(addr), v)
	b.clock(s.router)
	switch {
	case err != nil:
		if !s.delay(b, err.Hold) {
			return
		}
		s.fail(b, wire.Code(err.Code), addr, err.Message)
	case q != wire.Fire:
		ack := wire.Ack{HasAddress: true, Address: addr}
		s.respond(b, wire.Fire, func(dst []byte) []byte { return wire.AppendAck(dst, ack) })
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.asking = false
	if err != nil {
		g.tell(b, true)
	}
	g.look(b)
}

// act does what is asked for at an address. g.mu must not be locked: others may have it wait.
func (g *guest) act(b *batch, addr string, v wire.Value) *pairing.Error {
	switch addr {
	case pairRequest, pairPIN:
		if !g.s.waiting.Load() {
			return refusePairing(wire.CodeConflict, "This session has been let in already.")
		}
		if addr == pairPIN {
			pin, ok := pinOf(v)
			if !ok {
				return refusePairing(wire.CodeBadValue, "A PIN is a text of six digits.")
			}
			return g.visit.PIN(pin)
		}
		name, kind, want, ok := requestOf(v)
		if !ok {
			return refusePairing(wire.CodeBadValue, fmt.Sprintf("A request is a map of name, kind and want: two texts, and a list of at most %d texts.", maxWanted))
		}
		return g.visit.Request(name, kind, want)
	case pairDone:
		return g.done()
	case pairRenew:
		return g.renew(b)
	case statusAddress, tokenAddress:
		return refusePairing(wire.CodeForbidden, "This address is for reading.")
	}
	return refusePairing(wire.CodeForbidden, "Addresses below /_clasp, /_meta and /_admin are the router's own.")
}

func refusePairing(code wire.Code, message string) *pairing.Error {
	return &pairing.Error{Code: pairing.Code(code), Message: message}
}

// done forgets the clear text of the token, which the device has stored.
func (g *guest) done() *pairing.Error {
	if g.s.waiting.Load() {
		return g.visit.Done()
	}
	if g.visit != nil {
		if err := g.visit.Done(); err != nil {
			return err
		}
	}
	g.mu.Lock()
	fetched := g.token != nil
	g.drop()
	g.mu.Unlock()
	if !fetched {
		return nil
	}
	if err := g.s.router.pairing.Confirm(g.access.Device); err != nil {
		return &pairing.Error{Code: pairing.CodeInternal, Message: fmt.Sprintf("The router could not note it down: %v.", err)}
	}
	return nil
}

// renew makes another token, for who has shown one: a name and an address are not enough to get
// a token by.
func (g *guest) renew(b *batch) *pairing.Error {
	switch {
	case g.s.waiting.Load():
		return refusePairing(wire.Code(pairing.CodePending), "There is no token to renew yet.")
	case g.access.Weak:
		return refusePairing(wire.CodeForbidden, "This device is known by its name and address alone, and has no token to renew.")
	}
	t, err := g.s.router.pairing.Renew(g.access.Device)
	if err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.gone {
		g.keep(b, &t)
	}
	return nil
}

// pinOf reads a PIN. Some clients send what looks like a number as one.
func pinOf(v wire.Value) (string, bool) {
	switch x := v.Any().(type) {
	case string:
		return x, true
	case int64:
		return fmt.Sprintf("%06d", x), x >= 0 && x < 1_000_000
	}
	return "", false
}

// requestOf reads what a device says of itself. All of it may be missing.
func requestOf(v wire.Value) (name, kind string, want []string, ok bool) {
	entries, ok := v.Any().(map[string]any)
	if !ok {
		return "", "", nil, false
	}
	text := func(key string) string {
		x, there := entries[key]
		s, isText := x.(string)
		ok = ok && (!there || isText)
		return s
	}
	name, kind = text("name"), text("kind")
	list, isList := entries["want"].([]any)
	if _, there := entries["want"]; there && !isList || len(list) > maxWanted {
		return "", "", nil, false
	}
	for _, item := range list {
		s, isText := item.(string)
		ok = ok && isText
		want = append(want, s)
	}
	return name, kind, want, ok
}
