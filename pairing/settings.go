// Settings, and how they change.

package pairing

import (
	"cmp"
	"slices"
	"time"
)

// Settings may change while the router runs.
type Settings struct {
	Enabled  bool // knocks and codes; without it paired devices are all who come in
	Lobby    bool // knocks; without it only invites
	Policy   Policy
	Timeout  time.Duration      // life of a code, 30 s to an hour; 0 = 5 min
	Grace    time.Duration      // how long a device without a token may come back unasked; 0 = not
	Profiles map[string]Profile // besides and in place of the built-in ones
	MaxPINs  int                // invite PINs open at once, 1 to 4; 0 = 1

	// Encrypted turns away, with CodeTransport, who wants to be let in over a connection that
	// others could read. Devices that have been let in come as they like.
	Encrypted bool
}

// Check reports what is wrong with settings, as Open and Configure would: an error of kind
// ErrInvalid.
func (s Settings) Check() error {
	_, _, err := checked(s)
	return err
}

// checked fills in and checks settings.
func checked(s Settings) (Settings, map[string]Profile, error) {
	s.Policy = cmp.Or(s.Policy, PolicyPIN)
	s.Timeout = cmp.Or(s.Timeout, 5*time.Minute)
	s.MaxPINs = cmp.Or(s.MaxPINs, 1)
	switch {
	case !slices.Contains([]Policy{PolicyPIN, PolicyOperator, PolicyBoth}, s.Policy):
		return s, nil, complain(ErrInvalid, "approval %q: it is %s, %s or %s", s.Policy, PolicyPIN, PolicyOperator, PolicyBoth)
	case s.Timeout < 30*time.Second || s.Timeout > time.Hour:
		return s, nil, complain(ErrInvalid, "a code that is good for %v: 30 s to an hour are possible", s.Timeout)
	case s.MaxPINs < 1 || s.MaxPINs > 4:
		return s, nil, complain(ErrInvalid, "%d PINs open at once: 1 to 4 are possible", s.MaxPINs)
	case s.Grace < 0:
		return s, nil, complain(ErrInvalid, "a grace of %v: it cannot be negative", s.Grace)
	}
	profiles, err := merged(s.Profiles)
	return s, profiles, err
}

// Timeout returns how long a code is good.
func (r *Registry) Timeout() time.Duration {
	r.enter()
	defer r.leave()
	return r.settings.Timeout
}

// Configure changes the settings, whole or not at all. Open codes stay as they are unless
// pairing goes off or the policy is the operator's word alone, which closes them: links stay
// with the latter. Requests end when they are not taken any more.
// Sessions of devices whose rights are others now have to come again.
func (r *Registry) Configure(s Settings) error {
	s, profiles, err := checked(s)
	if err != nil {
		return err
	}
	r.io.Lock()
	now := r.enter()
	defer r.end()
	before := make(map[string]*Access)
	for id, d := range r.devices {
		before[id] = r.access(d)
	}
	r.settings, r.profiles = s, profiles
	for id, d := range r.devices {
		if !before[id].same(r.access(d)) {
			r.endSessions(d, 0)
		}
	}
	if !s.Enabled {
		for len(r.invites) > 0 {
			r.takeInvite(now, r.invites[0])
		}
	}
	if s.Policy == PolicyOperator {
		r.closeCodes(now)
	}
	for _, k := range slices.Clone(r.knocks) {
		if k.pending() && (!s.Enabled || !s.Lobby && k.greeting == nil || r.exposed(k.origin)) {
			r.settle(now, k, StateTimeout, outcomeTimeout)
		}
	}
	return nil
}

// closeCodes closes all codes: who has typed one that is over is told so.
func (r *Registry) closeCodes(now time.Time) {
	for _, i := range r.openPINs() {
		r.spend(now, i.code.text)
		i.code = nil
		r.audit(now, Event{What: "code_closed", Name: i.grant.Name, Detail: "invite " + i.id})
	}
	for _, k := range r.knocks {
		if k.state == StateCode {
			r.hide(now, k)
			k.state = StateWaiting
			r.audit(now, Event{What: "code_closed", Source: k.origin.Remote, Name: k.origin.Name, Detail: "request " + k.id})
		}
	}
	r.notifyWaiting()
	r.listChanged()
}
