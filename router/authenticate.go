// Who a session is: what the token of its HELLO gives it, and how it loses that again
// (protocol section 10).

package router

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/clasp-studio/clasp/router/auth"
	"github.com/clasp-studio/clasp/router/wire"
)

// Auth says who may connect (protocol section 10). The zero value lets everybody in, with
// all rights.
type Auth struct {
	Required bool           // a session needs a good token
	Verifier *auth.Verifier // judges tokens; nil, or one without a key, finds none good
}

// What a client is told when it may not stay: never which part of its token is wrong.
const (
	tokenMissing = "this router wants a token in HELLO"
	tokenRefused = "the token is not accepted"
	tokenExpired = "the token has expired: connect again with a new one"
	tokenCrowd   = "this address has brought wrong tokens: try again in %v" // with the wait
)

// allRights are those of a session that needs no token.
var allRights = auth.Everything()

// setAuth makes a the rules for those who connect from now on, and ends the sessions whose
// token it has on the deny list. A new key ends nobody: keys are changed as a matter of
// routine, and that must not darken a show that runs.
func (r *Router) setAuth(a Auth) error {
	if a.Verifier == nil {
		var err error
		if a.Verifier, err = auth.NewVerifier(auth.Options{}); err != nil {
			return err
		}
	}
	old := r.auth.Swap(&a)
	if old == nil {
		return nil // nobody is there yet
	}
	b, without := r.begin(), 0
	for _, s := range r.sessions.all() {
		s.endRevoked(b)
		if s.inside() && s.token == nil {
			without++
		}
	}
	b.finish(r)
	if a.Required && !old.Required {
		r.log.Warn("tokens are required from now on, and who is connected without one stays until it goes", "sessions_without", without)
	}
	return nil
}

// authenticate judges the token of a HELLO. It returns nil for a session that needs none,
// and else a grant or an *auth.Error.
//
// A token that nobody asked for is judged all the same, for it may restrict. Only where no
// key is configured it is passed over: clients carry tokens to wherever they go, and here
// they would have all rights without one.
func (r *Router) authenticate(token []byte, now time.Time) (*auth.Grant, error) {
	a := r.auth.Load()
	if !a.Required && (len(token) == 0 || !a.Verifier.Keyed()) {
		if len(token) > 0 && !r.passedOver.Swap(true) {
			r.log.Warn("a client has a token and no key is configured to check it: like everybody, it has all rights (said once)")
		}
		return nil, nil
	}
	return a.Verifier.Verify(string(token), now)
}

// guesses are those that the session's source counts among.
func (s *Session) guesses() *guesses {
	if s.peer.Forgeable {
		return &s.router.forgeable
	}
	return &s.router.guesses
}

// patience waits until the token of a HELLO may be judged, and reports whether to go on. The
// reader itself waits: what its client sends meanwhile is read afterwards.
func (s *Session) patience(b *batch) bool {
	r := s.router
	wait, ok := s.guesses().hold(s.peer.Source, b.now)
	if !ok {
		s.end(b, r.unauthenticated(), wire.CodeUnauthenticated, fmt.Sprintf(tokenCrowd, (wait+time.Second-1).Truncate(time.Second)))
		return false
	}
	if wait == 0 {
		return true
	}
	defer s.guesses().release(s.peer.Source)
	return s.delay(b, wait)
}

// admit gives a session what its token gives: all rights to one that needs none.
func (s *Session) admit(grant *auth.Grant) {
	s.rights = allRights
	if grant == nil {
		return
	}
	s.rights = grant.Rights
	s.token = &token{id: grant.ID, subject: shorten(grant.Subject), counted: true}
	if !grant.Expires.IsZero() {
		s.token.expires = grant.Expires.Unix()
	}
	s.guesses().enter(s.peer.Source)
}

// token is what a session keeps of its token: never the token itself.
type token struct {
	id, subject string
	expires     int64  // s, Unix; 0 = never. It is told by the wall clock, as the issuer of a token means it.
	device      string // the ID of a paired device, whose name is the subject; "" for a token of another kind
	counted     bool   // among those who are inside with a good token, see guesses

	over atomic.Bool // the device's sessions had to end
}

// turnAway ends a connection whose HELLO has no good token.
func (s *Session) turnAway(b *batch, anonymous bool, err error) {
	var refused *auth.Error
	if !errors.As(err, &refused) {
		refused = &auth.Error{Code: auth.CodeUnauthenticated, Err: err} // cannot be: a Verifier has no other errors
	}
	r := s.router
	if n := r.refusals.auth[refused.Reason]; n != nil {
		n.Add(1)
	}
	var next time.Duration
	if refused.Guessed() {
		next = s.guesses().failed(s.peer.Source, b.now)
	}
	level := slog.LevelDebug
	if s.guesses().speak(b.now) {
		level = slog.LevelWarn
	}
	r.log.Log(context.Background(), level, "authentication failed",
		"reason", refused.Reason, "error", refused.Err, "name", s.name, "remote", s.peer.Remote, "transport", s.peer.Transport, "next_waits", next)
	switch {
	case refused.Code == auth.CodeExpired:
		s.end(b, ReasonExpired, wire.CodeExpired, tokenExpired)
	case anonymous:
		s.end(b, r.unauthenticated(), wire.CodeUnauthenticated, tokenMissing)
	default:
		s.end(b, r.unauthenticated(), wire.CodeUnauthenticated, tokenRefused)
	}
}

// unauthenticated is the reason of sessions without a good token. With pairing it has a close
// code of its own, by which clients know that they can be let in (pairing section 8).
func (r *Router) unauthenticated() Reason {
	if r.pairing != nil {
		return ReasonUnpaired
	}
	return ReasonUnauthenticated
}

// expiries tells when the next token expires, so that the clock need not look through all
// sessions for it.
type expiries struct{ next atomic.Int64 } // s, Unix; 0 = none

// note counts a token; 0 never expires.
func (e *expiries) note(expires int64) {
	for next := e.next.Load(); expires != 0 && (next == 0 || expires < next); next = e.next.Load() {
		if e.next.CompareAndSwap(next, expires) {
			return
		}
	}
}

// endExpired ends the sessions whose token has expired.
func (r *Router) endExpired(b *batch) {
	next := r.expiries.next.Load()
	if next == 0 || time.UnixMicro(int64(b.wall)).Unix() < next || !r.expiries.next.CompareAndSwap(next, 0) {
		return
	}
	for _, s := range r.sessions.all() {
		if s.inside() && s.token != nil && !s.endExpired(b) {
			r.expiries.note(s.token.expires)
		}
	}
}

// endExpired ends a session whose token has expired, and reports whether it has. The reader
// asks before every message, the clock four times a second.
func (s *Session) endExpired(b *batch) bool {
	if !s.token.expired(b.wall) {
		return false
	}
	s.end(b, ReasonExpired, wire.CodeExpired, tokenExpired)
	return true
}

// expired reports whether a token, if there is one, is over at a time in µs, Unix.
func (t *token) expired(wall uint64) bool {
	return t != nil && t.expires != 0 && time.UnixMicro(int64(wall)).Unix() >= t.expires
}

// endRevoked ends a session whose token is on the deny list.
func (s *Session) endRevoked(b *batch) {
	if s.inside() && s.revoked() {
		s.end(b, s.router.unauthenticated(), wire.CodeUnauthenticated, tokenRefused)
	}
}

func (s *Session) revoked() bool {
	return s.token != nil && (s.token.over.Load() || s.router.auth.Load().Verifier.Revoked(s.token.id))
}

// maxSubject is how many characters of a token's subject are kept, for logs and lists.
const maxSubject = 128

// shorten keeps the first characters of a subject. Its memory is its own, so the
// token it came in can go.
func shorten(subject string) string {
	if utf8.RuneCountInString(subject) <= maxSubject {
		return subject
	}
	return strings.Clone(string([]rune(subject)[:maxSubject]))
}
