// The lobby: who has a place in it, and who has to go.

package pairing

import "time"

// reuse returns the row that a caller has left, for it to come back to. While somebody stands
// behind a row, or it is about to be let in, it is that session's alone: a name and an
// address do not make another session the one whose match code was compared.
func (r *Registry) reuse(who caller) *knock {
	for _, k := range r.knocks {
		if k.pending() && !k.issuing && k.state != StateAwait && !k.overHTTP() && len(k.visits) == 0 && k.origin.caller().is(who) {
			return k
		}
	}
	return nil
}

// seat finds room in the lobby, if need be by sending somebody away who is quiet, or comes
// a second time, or refuses.
func (r *Registry) seat(now time.Time, o Origin) *Error {
	all, most := 0, lobbySeats
	if o.Transport == httpTransport {
		most = requestSeats
	}
	var oldest, oldestHere *Visit // that may be sent away
	here := 0
	for _, k := range r.knocks {
		if !k.pending() || k.overHTTP() != (o.Transport == httpTransport) {
			continue
		}
		for _, v := range k.visits {
			all++
			mine := k.origin.Source == o.Source
			if mine {
				here++
			}
			if k.state == StateCode || k.state == StateAwait || k.issuing {
				continue // the operator is at it
			}
			quiet := now.Sub(v.heard) >= quietAfter
			again := k.origin.caller().is(o.caller())
			if mine && (quiet || again) && (oldestHere == nil || v.heard.Before(oldestHere.heard)) {
				oldestHere = v
			}
			if quiet && (oldest == nil || v.heard.Before(oldest.heard)) {
				oldest = v
			}
		}
	}
	switch {
	case here >= seatsSource && oldestHere != nil:
		r.dismiss(now, oldestHere)
	case here < seatsSource && all < most:
	case here < seatsSource && oldest != nil:
		r.dismiss(now, oldest)
	default:
		r.requests[outcomeRefused]++
		refusal := refuse(CodeBusy, "Too many devices are waiting. Try again in a minute")
		refusal.RetryAfter = quietAfter
		return refusal
	}
	return nil
}

// dismiss ends a visit. One over HTTP can be asked about for a while. The row of another does
// not stay: whoever took its seat must not get the match code that the operator has compared.
func (r *Registry) dismiss(now time.Time, v *Visit) {
	if v.knock.overHTTP() {
		r.settle(now, v.knock, StateTimeout, outcomeTimeout)
		return
	}
	v.over = StateTimeout
	r.requests[outcomeTimeout]++
	r.notify(v)
	r.remove(now, v)
	r.hide(now, v.knock)
	r.drop(v.knock)
}

// remove takes a visit from its row. The row stays for a while, for a device whose connection
// was lost; its code does not.
func (r *Registry) remove(now time.Time, v *Visit) {
	k := v.knock
	k.visits, k.empty = nil, now
	if k.state == StateCode || k.state == StateAwait && k.greeting == nil {
		r.hide(now, k)
		k.state, k.grant = StateWaiting, Grant{}
	}
	r.listChanged()
}

// admissible reports why a device without a credential cannot wait for the operator now.
func (r *Registry) admissible(now time.Time, o Origin) *Error {
	switch {
	case r.closed:
		return refuse(CodeInternal, "The router is stopping")
	case !r.settings.Enabled:
		return refuse(CodeClosed, "Pairing is off on this router")
	case r.exposed(o):
		return exposedTransport()
	case !r.settings.Lobby:
		return refuse(CodeClosed, "This router takes no requests. Ask the operator for an invite")
	case r.muted[o.caller()].After(now):
		return refuse(CodeDenied, "The operator has turned this device away. Try again later")
	}
	return nil
}

// exposed reports whether pairing with a device could be read by others though it must not.
// What stays within this machine cannot.
func (r *Registry) exposed(o Origin) bool {
	return r.settings.Encrypted && !o.Encrypted && !o.Addr.IsLoopback()
}

// expose closes the code that has been sent where others may have read it.
func (r *Registry) expose(now time.Time, o Origin, text string) {
	for _, i := range r.openPINs() {
		if i.code.is(text) {
			r.spend(now, i.code.text)
			i.code = nil
			r.audit(now, Event{What: "exposed", Source: o.Remote, Name: o.Name, Detail: "PIN of invite " + i.id})
		}
	}
}

func exposedTransport() *Error {
	return refuse(CodeTransport, "This router pairs over encrypted connections only. Use its wss:// or https:// address")
}
