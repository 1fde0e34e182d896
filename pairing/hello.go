// What becomes of a HELLO (pairing sections 2 and 3).

package pairing

import (
	"strings"
	"time"
)

// Answer is what becomes of a HELLO. All zero: it is none of pairing's business.
type Answer struct {
	Access *Access // let in; call Left when the session has ended
	Token  *Token  // for WELCOME, and to be fetched for a minute: the session has just become a device
	Visit  *Visit  // in the lobby
	Err    *Error  // turned away
}

// Hello judges a session's HELLO. token is as it came, without prefixes "Bearer " and
// "ext_". notify is called, never with a lock held, whenever the Status of the Visit has
// changed; it must not wait, since others are told after it.
//
// Over UDP only a device's token counts: where the rest comes from can be forged.
func (r *Registry) Hello(o Origin, token string, notify func()) Answer {
	o = o.cleaned()
	if strings.HasPrefix(token, tokenPrefix) {
		return r.greetToken(token)
	}
	if o.Transport == "udp" {
		return Answer{}
	}
	if token == "" {
		return r.greetNobody(o, notify)
	}
	if text, ok := parseCode(token); ok {
		return r.greetPIN(o, text, notify)
	}
	return Answer{}
}

// greetNobody judges a device that shows nothing.
func (r *Registry) greetNobody(o Origin, notify func()) Answer {
	now := r.enter()
	defer r.leave()
	if d := r.weak(o, now); d != nil && !r.closed {
		if refusal := r.entitled(d, now); refusal != nil {
			return Answer{Err: refusal}
		}
		return Answer{Access: r.open(d, now)}
	}
	if !r.settings.Enabled {
		return Answer{}
	}
	if d := r.returning(o, now); d != nil && !r.closed {
		a := r.open(d, now)
		a.Weak = true
		r.audit(now, Event{What: "returned", Source: o.Remote, Device: d.ID, Name: d.Name, Detail: "by name and address, within the grace"})
		return Answer{Access: a}
	}
	if refusal := r.admissible(now, o); refusal != nil {
		r.requests[outcomeRefused]++
		if refusal.Code == CodeClosed { // section 8: 311 is for requests, a HELLO gets 300
			refusal.Code = CodeUnauthorized
		}
		return Answer{Err: refusal}
	}
	v, refusal := r.enterLobby(now, o, notify)
	return Answer{Visit: v, Err: refusal}
}

// enterLobby gives a session its place, behind the row that it had if it comes back.
func (r *Registry) enterLobby(now time.Time, o Origin, notify func()) (*Visit, *Error) {
	if refusal := r.seat(now, o); refusal != nil {
		return nil, refusal
	}
	k := r.reuse(o.caller())
	if k == nil {
		var err error
		if k, err = r.newKnock(now, o); err != nil {
			return nil, r.failed(now, o.Name, err)
		}
	} else {
		k.origin = o
	}
	return r.visit(now, k, notify), nil
}

// greetPIN judges a device that shows an invite's PIN. As long as no code is open it is a
// token like any other, and none of ours.
func (r *Registry) greetPIN(o Origin, text string, notify func()) Answer {
	r.io.Lock()
	now := r.enter()
	defer r.end()
	if !r.settings.Enabled || r.closed {
		return Answer{}
	}
	if r.exposed(o) && (len(r.openPINs()) > 0 || r.spentCode(text) != nil) {
		r.expose(now, o, text)
		return Answer{Err: exposedTransport()}
	}
	i, over, refusal := r.tryInvite(now, o, text)
	switch {
	case refusal != nil:
		return Answer{Err: refusal}
	case over != nil:
		return r.resume(now, o, over, notify)
	case i == nil:
		return Answer{}
	}
	p, err := r.profile(i.grant.Profile)
	if err != nil {
		return Answer{Err: r.failed(now, o.Name, err)}
	}
	if r.settings.Policy == PolicyBoth || p.NoPIN {
		return r.greetAwait(now, o, i, notify)
	}
	d, token, err := r.issue(now, newcomer{Origin: o, grant: i.grant})
	if err != nil {
		return Answer{Err: r.failed(now, o.Name, err)}
	}
	r.usePIN(now, i, o.caller(), d.ID, "")
	t := r.token(d, token)
	return Answer{Access: r.open(d, now), Token: &t}
}

// greetAwait has a device wait that has shown the right PIN, where the operator has to
// agree.
func (r *Registry) greetAwait(now time.Time, o Origin, i *invite, notify func()) Answer {
	if refusal := r.seat(now, o); refusal != nil {
		return Answer{Err: refusal}
	}
	k, err := r.newKnock(now, o)
	if err != nil {
		return Answer{Err: r.failed(now, o.Name, err)}
	}
	k.state, k.grant = StateAwait, i.grant
	k.greeting = r.usePIN(now, i, o.caller(), "", k.id)
	return Answer{Visit: r.visit(now, k, notify)}
}

// resume takes back a device whose connection was lost: it shows the PIN again that it has
// used. Anybody else is told that the PIN is over, which costs no attempt.
//
// The PIN was on a screen, so this proves little more than a name and an address do: such a
// session is weak, and what is never given by a PIN alone is not given by its second use.
func (r *Registry) resume(now time.Time, o Origin, over *spent, notify func()) Answer {
	if over.used && over.by.is(o.caller()) && now.Before(over.resume) {
		if d := r.devices[over.device]; d != nil && !r.lapsed(d, now) && !d.Confirmed { // else it has its token
			if refusal := r.entitled(d, now); refusal != nil {
				return Answer{Err: refusal}
			}
			if p, err := r.profile(d.Profile); err != nil || p.NoPIN {
				return Answer{Err: overCode(over)}
			}
			a := r.open(d, now)
			a.Weak = true
			r.audit(now, Event{What: "resumed", Source: o.Remote, Device: d.ID, Name: d.Name, Detail: "by the PIN that it has used"})
			return Answer{Access: a}
		}
		if k := r.knock(over.knock); k != nil && k.pending() && k.greeting == over {
			if len(k.visits) > 0 { // its connection may be lost, and the router not know yet
				refusal := refuse(CodeBusy, "This device waits over another connection already. Close that, or try again in %d s", seconds(busyRetry))
				refusal.RetryAfter = busyRetry
				return Answer{Err: refusal}
			}
			if refusal := r.seat(now, o); refusal != nil {
				return Answer{Err: refusal}
			}
			k.origin = o
			r.audit(now, Event{What: "resumed", Source: o.Remote, Name: o.Name, Detail: "request " + k.id + ", by the PIN that it has used"})
			return Answer{Visit: r.visit(now, k, notify)}
		}
	}
	return Answer{Err: overCode(over)}
}
