// Invites: grants made beforehand, with two faces: a secret of 128 bits for a link, and
// perhaps a PIN.

package pairing

import (
	"slices"
	"time"
)

type invite struct {
	id     string
	grant  Grant
	secret string
	code   *code // nil: it has no PIN, or that is burned
	until  time.Time
}

func (i *invite) shown() Invite {
	shown := Invite{ID: i.id, Grant: i.grant, Secret: i.secret, Expires: i.until}
	if i.code != nil {
		shown.PIN = i.code.text
	}
	return shown
}

// Invite makes a grant. pin says that it has a PIN as well as a secret. A right PIN for a
// profile that is never given by a PIN alone makes a request that waits for the operator.
func (r *Registry) Invite(g Grant, pin bool) (Invite, error) {
	r.io.Lock()
	now := r.enter()
	defer r.end()
	p, err := r.profile(g.Profile)
	switch {
	case !r.settings.Enabled:
		return Invite{}, complain(ErrConflict, "pairing is off: start the router with --pairing")
	case err != nil:
		return Invite{}, err
	case g.Weak:
		return Invite{}, complain(ErrInvalid, "who uses an invite gets a token: allow a weak device by name and address instead")
	case len(r.invites) >= invitesMost:
		return Invite{}, complain(ErrConflict, "%d invites are open, the most there can be: close one", invitesMost)
	}
	if err = g.Lifetime.check(); err == nil && pin {
		err = r.mayOpenPIN(now)
	}
	if err != nil {
		return Invite{}, err
	}
	if g.Name != "" {
		g.Name = Clean(g.Name)
	}
	g.Profile, g.By = p.Name, clean(g.By)
	i := &invite{grant: g, until: now.Add(r.settings.Timeout)}
	if i.secret, err = randomLink(r.o.Random); err != nil {
		return Invite{}, err
	}
	i.id, err = fresh(func() (string, error) { return randomText(r.o.Random, idLength) }, func(id string) bool {
		return slices.ContainsFunc(r.invites, func(i *invite) bool { return i.id == id })
	})
	if err == nil && pin {
		i.code, err = r.newCode(now)
	}
	if err != nil {
		return Invite{}, err
	}
	r.invites = append(r.invites, i)
	r.audit(now, Event{What: "invite", Operator: g.By, Name: g.Name, Detail: "invite " + i.id + ", profile " + g.Profile})
	if pin {
		r.audit(now, Event{What: "code_opened", Operator: g.By, Name: g.Name, Detail: "invite " + i.id})
		r.notifyWaiting()
	}
	return i.shown(), nil
}

// mayOpenPIN reports why no PIN can be opened now.
func (r *Registry) mayOpenPIN(now time.Time) error {
	if r.settings.Policy == PolicyOperator {
		return complain(ErrConflict, "the approval is %q, so there are no PINs: give the link, or approve the device's request", PolicyOperator)
	}
	if why := r.lockedWhy(now); why != "" {
		return complain(ErrConflict, "%s", why)
	}
	if wait := r.burned.Add(burnPause).Sub(now); !r.burned.IsZero() && wait > 0 {
		return complain(ErrConflict, "a PIN was just guessed at too often: try again in %d s", seconds(wait))
	}
	if n := len(r.openPINs()); n >= r.settings.MaxPINs {
		return complain(ErrConflict, "%d of %d PINs is open: close it first with 'clasp invite --close', or make an invite without one", n, r.settings.MaxPINs)
	}
	return nil
}

// Invites returns the open ones, in the order in which they were made.
func (r *Registry) Invites() []Invite {
	r.enter()
	defer r.leave()
	var list []Invite
	for _, i := range r.invites {
		list = append(list, i.shown())
	}
	return list
}

// CloseInvite takes one back.
func (r *Registry) CloseInvite(id, by string) error {
	r.io.Lock()
	now := r.enter()
	defer r.end()
	for _, i := range r.invites {
		if i.id == id {
			r.takeInvite(now, i)
			r.audit(now, Event{What: "invite_closed", Operator: by, Name: i.grant.Name, Detail: "invite " + id})
			return nil
		}
	}
	return complain(ErrUnknown, "no invite %q is open: it was used, closed, or its time is over", clean(id))
}

// takeInvite ends an invite, both faces of it, and returns what is remembered of its PIN
// and of its secret.
func (r *Registry) takeInvite(now time.Time, i *invite) (pin, secret *spent) {
	r.invites = slices.DeleteFunc(r.invites, func(other *invite) bool { return other == i })
	if i.code != nil {
		pin = r.spend(now, i.code.text)
		pin.resume, pin.invite = i.code.until, i.id
		i.code = nil
		r.notifyWaiting()
	}
	secret = r.spend(now, i.secret)
	secret.invite = i.id
	return pin, secret
}

// useInvite ends an invite that has made a device, or will when the operator agrees, and
// returns what is remembered of its PIN. Both faces say from now on that it was used.
func (r *Registry) useInvite(now time.Time, i *invite, device string) *spent {
	pin, secret := r.takeInvite(now, i)
	secret.used, secret.device = true, device
	if pin != nil {
		pin.used = true
	}
	return pin
}

// usePIN is useInvite by its PIN: who has typed that may come again with it. Of an invite that
// was used by its link the PIN, on the same screen, must let nobody in.
func (r *Registry) usePIN(now time.Time, i *invite, who caller, device, knock string) *spent {
	pin := r.useInvite(now, i, device)
	if pin != nil { // else its time was over while the disk wrote
		pin.by, pin.device, pin.knock = who, device, knock
	}
	return pin
}

// invited finds the invite of a secret.
func (r *Registry) invited(secret string) (*invite, *Error) {
	if !r.settings.Enabled {
		return nil, refuse(CodeClosed, "Pairing is off on this router")
	}
	var found *invite
	for _, i := range r.invites {
		if r.sum(i.secret) == r.sum(secret) {
			found = i
		}
	}
	if found != nil {
		return found, nil
	}
	if over := r.spentCode(secret); over != nil {
		refusal := refuse(CodePINExpired, "The time of this invite is over. Ask the operator for another one")
		if over.used {
			refusal = refuse(CodePINExpired, "This invite was used already. Ask the operator for another one")
			refusal.Used = true
		}
		return nil, refusal
	}
	return nil, refuse(CodeUnauthorized, "The router does not know this invite. Ask the operator for another one")
}

// Look says which invite a secret belongs to, and changes nothing. The PIN stays untold.
func (r *Registry) Look(secret string) (Invite, *Error) {
	r.enter()
	defer r.leave()
	i, refusal := r.invited(secret)
	if refusal != nil {
		return Invite{}, refusal
	}
	shown := i.shown()
	shown.PIN = ""
	return shown, nil
}

// Redeem makes a device of an invite's secret. That is enough whatever the policy: the
// operator has made it for this device, and it cannot be guessed.
func (r *Registry) Redeem(o Origin, secret string) (Token, *Error) {
	r.io.Lock()
	now := r.enter()
	defer r.end()
	o = o.cleaned()
	i, refusal := r.invited(secret)
	if refusal == nil && r.exposed(o) {
		refusal = exposedTransport()
		r.takeInvite(now, i) // others may have read the secret
		r.audit(now, Event{What: "exposed", Source: o.Remote, Name: o.Name, Detail: "invite " + i.id})
	}
	if refusal != nil {
		return Token{}, refusal
	}
	d, text, err := r.issue(now, newcomer{Origin: o, grant: i.grant})
	if err != nil {
		return Token{}, r.failed(now, o.Name, err)
	}
	r.useInvite(now, i, d.ID)
	return r.token(d, text), nil
}
