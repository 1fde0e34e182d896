// A knock as who waits sees it.

package pairing

import (
	"cmp"
	"time"
)

// Visit is one knock, for the session that waits. Its methods may be called by any goroutine.
type Visit struct {
	r      *Registry
	notify func()

	// What follows is guarded by r.mu.
	knock  *knock
	heard  time.Time
	access *Access
	over   State // "" = as its row stands
	left   bool
}

func (v *Visit) state() State {
	k := v.knock
	if k.device != "" && v.r.devices[k.device] == nil {
		return StateRevoked
	}
	return cmp.Or(v.over, k.state)
}

func (v *Visit) pending() bool { return v.over == "" && !v.left && v.knock.pending() }

// Status returns how it stands.
func (v *Visit) Status() Status {
	r := v.r
	now := r.enter()
	defer r.leave()
	k := v.knock
	s := Status{State: v.state(), ID: k.id, Match: k.match, RouterID: r.o.RouterID, RouterName: r.o.RouterName}
	if d := r.devices[k.device]; d != nil {
		s.Profile = d.Profile
	}
	switch s.State {
	case StateCode:
		s.PINRequired, s.AttemptsLeft, s.ExpiresIn = true, codeTries-k.code.misses, k.code.until.Sub(now)
	case StateWaiting, StateBurned, StateExpired:
		for _, i := range r.openPINs() {
			s.PINRequired, s.AttemptsLeft, s.ExpiresIn = true, r.pinsLeft(), max(s.ExpiresIn, i.code.until.Sub(now))
		}
	case StateIssued:
		s.ExpiresIn = k.until.Sub(now)
	}
	if s.PINRequired {
		s.RetryAfter = r.retryIn(k.origin.Source, now)
	}
	return s
}

// Access returns what the device may do now, once it is StateIssued or StateActive, else nil.
// It is the same each time until the device has other rights. For a session the latest one
// counts as one of the device until Left or Leave.
func (v *Visit) Access() *Access {
	v.r.enter()
	defer v.r.leave()
	if s := v.state(); s != StateIssued && s != StateActive || v.access == nil {
		return nil
	}
	d := v.r.devices[v.knock.device]
	if a := v.r.access(d); !a.same(v.access) || a.Name != v.access.Name || a.Profile != v.access.Profile {
		a.Weak = v.access.Weak
		a.session, v.access.session = v.access.session, false
		v.access = a
	}
	return v.access
}

// Request says who it is and what it would like, for the operator to see. Another name makes
// it another request, with an ID and a match of its own: the operator must not approve one
// row and get another.
func (v *Visit) Request(name, kind string, want []string) *Error {
	r := v.r
	now := r.enter()
	defer r.leave()
	if !v.pending() || v.knock.issuing || v.state() != StateWaiting {
		return refuse(CodeClosed, "This cannot be changed any more")
	}
	v.heard = now
	k := v.knock
	o := k.origin
	o.Name, o.Kind = name, kind
	if o = o.cleaned(); o.Name != k.origin.Name {
		if refusal := r.admissible(now, o); refusal != nil {
			return refusal
		}
		renamed, err := r.newKnock(now, o)
		if err != nil {
			return r.failed(now, o.Name, err)
		}
		r.remove(now, v)
		if len(k.visits) == 0 {
			r.drop(k)
		}
		v.knock = renamed
		renamed.visits = []*Visit{v}
		r.unveil(now, renamed)
	}
	v.knock.origin.Kind, v.knock.want = o.Kind, cleanAll(want, wishes)
	r.notify(v)
	r.listChanged()
	return nil
}

// PIN tries a code: that of its own if it was picked, and else an invite's. nil: it was
// right, and Status tells what follows.
func (v *Visit) PIN(pin string) *Error {
	r := v.r
	r.io.Lock()
	now := r.enter()
	defer r.end()
	v.heard = now
	switch state := v.state(); {
	case state == StateIssued || state == StateActive || state == StateAwait:
		return nil
	case !v.pending():
		return v.ended()
	}
	if r.exposed(v.knock.origin) { // it has come before that was so
		return exposedTransport()
	}
	text, ok := parseCode(pin)
	if !ok {
		return refuse(CodePINInvalid, "A code has %d digits", digits)
	}
	k := v.knock
	if k.state == StateCode {
		return r.tryRequest(now, v, text)
	}
	i, over, refusal := r.tryInvite(now, k.origin, text)
	switch {
	case refusal != nil:
		return refusal
	case i != nil:
		return r.acceptInvite(now, v, i)
	case over != nil:
		return overCode(over)
	case k.state == StateBurned:
		return wrongCode(0, 0)
	case k.state == StateExpired:
		return overCode(&spent{})
	}
	return refuse(CodePINInvalid, "No code is open. Ask the operator for one")
}

// overCode is the answer to a code that is over.
func overCode(over *spent) *Error {
	switch {
	case over.burned:
		return refuse(CodePINExpired, "This code was guessed at too often. Ask the operator for another one")
	case !over.used:
		return refuse(CodePINExpired, "The time of this code is over. Ask the operator for another one")
	}
	refusal := refuse(CodePINExpired, "Code already used. Paste the device token instead")
	refusal.Used = true
	return refusal
}

// tryRequest tries the code of a row, with io held.
func (r *Registry) tryRequest(now time.Time, v *Visit, text string) *Error {
	k := v.knock
	source := k.origin.Source
	if k.code.is(text) {
		refusal := r.typed(now, k, Grant{By: k.by})
		if over := r.spentCode(text); over != nil {
			over.used = refusal == nil
		}
		return refusal
	}
	if over := r.spentCode(text); over != nil {
		return overCode(over)
	}
	g := guess{source, text}
	left := codeTries - k.code.misses
	if k.code.wrong[g] {
		return wrongCode(left, r.retryIn(source, now))
	}
	k.code.wrong[g] = true
	k.code.misses++
	left--
	r.failures[kindRequest]++
	r.audit(now, Event{What: "miss", Source: k.origin.Remote, Name: k.origin.Name, Detail: "request " + k.id})
	if left == 0 {
		r.spend(now, k.code.text).burned = true
		k.code, k.state = nil, StateBurned
		r.audit(now, Event{What: "burned", Source: k.origin.Remote, Name: k.origin.Name, Detail: "request " + k.id})
		r.listChanged()
	}
	wait := r.missed(source, now)
	for _, other := range k.visits {
		r.notify(other)
	}
	return wrongCode(left, wait)
}

// typed goes on from the right code of a row.
func (r *Registry) typed(now time.Time, k *knock, g Grant) *Error {
	p, err := r.profile(g.Profile)
	if err != nil {
		return r.failed(now, k.origin.Name, err)
	}
	if r.settings.Policy == PolicyBoth || p.NoPIN {
		r.hide(now, k)
		k.state, k.grant = StateAwait, g
		for _, v := range k.visits {
			r.notify(v)
		}
		r.listChanged()
		return nil
	}
	if _, err := r.accept(now, k, g); err != nil {
		return r.failed(now, k.origin.Name, err)
	}
	return nil
}

// acceptInvite lets a visit in that has typed an invite's PIN.
func (r *Registry) acceptInvite(now time.Time, v *Visit, i *invite) *Error {
	k := v.knock
	refusal := r.typed(now, k, i.grant)
	if refusal == nil {
		r.usePIN(now, i, k.origin.caller(), k.device, k.id)
	}
	return refusal
}

// ended says why nothing goes any more.
func (v *Visit) ended() *Error {
	switch v.state() {
	case StateDenied:
		return refuse(CodeDenied, "The operator has turned this device away")
	case StateRevoked:
		return refuse(CodeRevoked, tokenRevoked)
	}
	return refuse(CodePINExpired, "The time of this request is over. Send a new one")
}

// Token returns the device's token, within a minute of issue and until Done, with the rights
// that it gives now.
func (v *Visit) Token() (Token, *Error) {
	v.r.enter()
	defer v.r.leave()
	switch state := v.state(); {
	case state == StateIssued && v.knock.token.Text != "":
		return v.r.token(v.r.devices[v.knock.device], v.knock.token.Text), nil
	case state == StateIssued || state == StateActive:
		return Token{}, refuse(CodePINExpired, "The token is not shown any more. Ask the operator for another one")
	case v.pending():
		return Token{}, refuse(CodePending, "Waiting for approval. Show %s to the operator", v.knock.match)
	}
	return Token{}, v.ended()
}

// Done says that the device has stored its token. The router forgets the clear text.
func (v *Visit) Done() *Error {
	r := v.r
	r.io.Lock()
	now := r.enter()
	defer r.end()
	switch state := v.state(); {
	case state == StateIssued:
	case state == StateActive:
		return nil
	case v.pending():
		return refuse(CodePending, "Waiting for approval. Show %s to the operator", v.knock.match)
	default:
		return v.ended()
	}
	if err := r.confirm(now, v.knock.device); err != nil {
		return r.failed(now, v.knock.origin.Name, err)
	}
	if v.knock.state == StateIssued {
		r.activate(v.knock)
	}
	return nil
}

// Heard counts a sign of life: a visit is over after 10 min without one.
func (v *Visit) Heard() {
	now := v.r.enter()
	defer v.r.leave()
	v.heard = now
}

// Leave says that the session has gone, or that a request over HTTP is taken back.
func (v *Visit) Leave() {
	r := v.r
	now := r.enter()
	defer r.leave()
	if v.left {
		return
	}
	v.left = true
	r.shut(v.access, now)
	if v.over != "" {
		return
	}
	if k := v.knock; k.pending() {
		r.requests[outcomeLeft]++
	}
	r.remove(now, v)
}
