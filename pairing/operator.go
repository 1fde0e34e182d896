// What the operator does with knocks: look, pick, approve, deny.

package pairing

import (
	"fmt"
	"slices"
)

// Knocks returns the visits, in the order in which they came: those that are to be decided.
func (r *Registry) Knocks() []Knock {
	r.enter()
	defer r.leave()
	var list []Knock
	for _, k := range r.knocks {
		if k.onScreen() {
			list = append(list, r.shownKnock(k))
		}
	}
	return list
}

func (r *Registry) shownKnock(k *knock) Knock {
	shown := Knock{
		ID: k.id, Name: k.origin.Name, Kind: k.origin.Kind, Want: slices.Clone(k.want), Remote: k.origin.Remote,
		Transport: k.origin.Transport, Encrypted: k.origin.Encrypted, Match: k.match, State: k.state, Since: k.since,
		Sessions: r.sharing(k), Profile: k.grant.Profile,
	}
	if k.code != nil {
		shown.Code, shown.Expires = k.code.text, k.code.until
	}
	if d := r.named(k.origin.Name); d != nil {
		shown.Known = d.ID
	}
	return shown
}

// sharing counts the sessions that wait under a row's name.
func (r *Registry) sharing(k *knock) (n int) {
	for _, other := range r.knocks {
		if other.pending() && key(other.origin.Name) == key(k.origin.Name) {
			n += len(other.visits)
		}
	}
	return n
}

// undecided finds a row that the operator means.
func (r *Registry) undecided(id string) (*knock, error) {
	k := r.knock(id)
	switch {
	case k == nil:
		return nil, complain(ErrUnknown, "no device waits with the ID %q: it has gone, or its request was answered", clean(id))
	case !k.pending():
		return nil, complain(ErrConflict, "the request of %q is over: %s", k.origin.Name, k.state)
	case len(k.visits) == 0:
		return nil, complain(ErrConflict, "%q has left: wait until it comes back", k.origin.Name)
	}
	return k, nil
}

// Pick opens a code for a knock, or another one.
func (r *Registry) Pick(id, by string) (Knock, error) {
	r.io.Lock()
	now := r.enter()
	defer r.end()
	k, err := r.undecided(id)
	switch {
	case err != nil:
		return Knock{}, err
	case r.settings.Policy == PolicyOperator:
		return Knock{}, complain(ErrConflict, "the approval is %q, so there are no codes: approve the request", PolicyOperator)
	case k.state == StateAwait:
		return Knock{}, complain(ErrConflict, "%q has typed the right code: approve the request", k.origin.Name)
	}
	opened, err := r.newCode(now)
	if err != nil {
		return Knock{}, err
	}
	r.hide(now, k)
	k.code, k.state, k.by = opened, StateCode, clean(by)
	r.audit(now, Event{What: "code_opened", Operator: by, Source: k.origin.Remote, Name: k.origin.Name, Detail: "request " + id})
	for _, v := range k.visits {
		r.notify(v)
	}
	r.listChanged()
	return r.shownKnock(k), nil
}

// Approve makes a device of a knock. A weak one comes in by name and address from now on.
func (r *Registry) Approve(id string, g Grant) (Device, error) {
	r.io.Lock()
	now := r.enter()
	defer r.end()
	k, err := r.undecided(id)
	if err != nil {
		return Device{}, err
	}
	if r.settings.Policy == PolicyBoth && k.state != StateAwait {
		return Device{}, complain(ErrConflict, "the approval is %q: pick the request, and approve it when the device has typed the code", PolicyBoth)
	}
	if g.Weak && k.overHTTP() {
		return Device{}, complain(ErrInvalid, "a request over HTTP is for a token: it cannot be a device that shows none")
	}
	d, err := r.accept(now, k, k.grant.under(g))
	if err != nil {
		return Device{}, err
	}
	if over := k.greeting; over != nil {
		over.device, over.knock = d.ID, ""
	}
	return d.shown(), nil
}

// under returns what the operator says, and what an invite said where that is nothing.
func (g Grant) under(said Grant) Grant {
	if said.Name == "" {
		said.Name = g.Name
	}
	if said.Profile == "" {
		said.Profile = g.Profile
	}
	if said.Lifetime == "" {
		said.Lifetime = g.Lifetime
	}
	return said
}

// Deny turns a knock away, and mutes its device for 10 min.
func (r *Registry) Deny(id, by string) error {
	r.io.Lock()
	now := r.enter()
	defer r.end()
	k, err := r.undecided(id)
	if err != nil {
		return err
	}
	r.muted[k.origin.caller()] = now.Add(mutedFor)
	r.audit(now, Event{What: "denied", Operator: by, Source: k.origin.Remote, Name: k.origin.Name, Detail: fmt.Sprintf("request %s, for %v", id, mutedFor)})
	r.settle(now, k, StateDenied, outcomeDenied)
	return nil
}
