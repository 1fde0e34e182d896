// Invite PINs work for whoever types them first, from anywhere. So wrong ones are counted
// over all sources and ways in together, and lock them (pairing section 7). What is locked
// are invite PINs, never a device, a request that was picked, or a link.

package pairing

import (
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// level is how far invite PINs are locked. It survives a restart.
type level struct {
	Window int         `json:"window"` // misses in this window
	Began  time.Time   `json:"began,omitzero"`
	Locked bool        `json:"locked"`         // until the operator unlocks
	Hour   []time.Time `json:"hour,omitempty"` // the latest misses
}

func (l level) clone() level {
	l.Hour = slices.Clone(l.Hour)
	return l
}

// source is what is known of an address that has paired, or tried.
type source struct {
	misses int
	retry  time.Time // it had better not try before
	row    time.Time // its last row on the operator's screen, or the next one
	last   time.Time
}

// sourceOf returns what is known of a source. Of very many the least recent is forgotten:
// what is known of it is a courtesy, no limit on guesses depends on it.
func (r *Registry) sourceOf(addr netip.Addr, now time.Time) *source {
	s := r.sources[addr]
	if s == nil {
		if len(r.sources) >= sourcesMost {
			oldest, looks := addr, 0
			for other, known := range r.sources {
				if looks == 0 || known.last.Before(r.sources[oldest].last) {
					oldest = other
				}
				if looks++; looks == 8 {
					break
				}
			}
			delete(r.sources, oldest)
		}
		s = &source{}
		r.sources[addr] = s
	}
	s.last = now
	return s
}

// missed counts a wrong code of a source, and says when to try again: 1, 2, 4 … 60 s.
func (r *Registry) missed(addr netip.Addr, now time.Time) time.Duration {
	s := r.sourceOf(addr, now)
	wait := min(time.Second<<min(s.misses, 6), longestRetry)
	s.misses++
	s.retry = now.Add(wait)
	return wait
}

// retryIn is how long a source had better wait.
func (r *Registry) retryIn(addr netip.Addr, now time.Time) time.Duration {
	if s := r.sources[addr]; s != nil {
		return max(s.retry.Sub(now), 0)
	}
	return 0
}

// wrongCode is the answer to one.
func wrongCode(left int, wait time.Duration) *Error {
	text := "The code is wrong. Look at it again"
	if left <= 0 {
		text = "Too many wrong codes. Ask the operator for another one"
	}
	return &Error{Code: CodePINInvalid, Message: text, AttemptsLeft: max(left, 0), RetryAfter: wait, Hold: missHold}
}

// openPINs returns the invites that have one that can be typed.
func (r *Registry) openPINs() []*invite {
	var open []*invite
	for _, i := range r.invites {
		if i.code != nil {
			open = append(open, i)
		}
	}
	return open
}

// pinsLeft is how many misses the open PIN has left that has most.
func (r *Registry) pinsLeft() (left int) {
	for _, i := range r.openPINs() {
		left = max(left, min(codeTries-i.code.misses, windowMisses-r.level.Window, hourMisses-len(r.level.Hour)))
	}
	return left
}

// tryInvite holds a code against all open PINs, with io held. None of the three: no PIN is
// open, and the code is not known.
func (r *Registry) tryInvite(now time.Time, o Origin, text string) (*invite, *spent, *Error) {
	var found *invite
	open := r.openPINs()
	for _, i := range open { // all of them: how long it takes says nothing
		if i.code.is(text) {
			found = i
		}
	}
	if found != nil {
		return found, nil, nil
	}
	if over := r.spentCode(text); over != nil {
		return nil, over, nil
	}
	if r.locked(now) {
		return nil, nil, refuse(CodeLocked, "Too many wrong codes came in. The operator has to unlock codes, or let this device in")
	}
	if len(open) == 0 {
		return nil, nil, nil
	}
	g := guess{o.Source, text}
	if r.tried[g] {
		return nil, nil, wrongCode(r.pinsLeft(), r.retryIn(o.Source, now))
	}
	r.tried[g] = true
	r.missedInvite(now, o)
	wait := r.missed(o.Source, now)
	// Counted before it is answered, in memory; should the disk fail, it counts until the
	// router stops.
	_ = r.save()
	return nil, nil, wrongCode(r.pinsLeft(), wait)
}

// missedInvite counts a miss on all open PINs.
func (r *Registry) missedInvite(now time.Time, o Origin) {
	l := &r.level
	if l.Window == 0 {
		l.Began = now
	}
	l.Window++
	l.Hour = append(l.Hour, now)
	r.unsavedLevel = true
	r.failures[kindInvite]++
	for _, i := range r.openPINs() {
		if i.code.misses++; i.code.misses >= codeTries {
			r.burn(now, i)
		}
	}
	r.audit(now, Event{What: "miss", Source: o.Remote, Name: o.Name, Detail: fmt.Sprintf("invite PIN, %d of %d", l.Window, windowMisses)})
	was := l.Locked
	l.Locked = l.Locked || l.Window >= windowMisses
	if r.locked(now) {
		for _, i := range r.openPINs() {
			r.burn(now, i)
		}
		if !was {
			r.audit(now, Event{What: "locked", Detail: r.lockedWhy(now)})
		}
	}
	r.notifyWaiting()
}

// burn closes an invite's PIN. Its link stays good.
func (r *Registry) burn(now time.Time, i *invite) {
	r.spend(now, i.code.text).burned = true
	i.code = nil
	r.burned = now
	r.audit(now, Event{What: "burned", Name: i.grant.Name, Detail: "invite " + i.id})
}

// locked reports whether invite PINs are.
func (r *Registry) locked(now time.Time) bool { return r.lockedWhy(now) != "" }

// lockedWhy says why invite PINs are locked, "" when they are not.
func (r *Registry) lockedWhy(now time.Time) string {
	switch {
	case r.level.Locked:
		return fmt.Sprintf("%d wrong PINs came in: no invite has a PIN until you unlock them. Links and requests work", r.level.Window)
	case len(r.level.Hour) >= hourMisses:
		until := r.level.Hour[len(r.level.Hour)-hourMisses].Add(time.Hour)
		return fmt.Sprintf("%d wrong PINs came in within an hour: no invite has a PIN for %d min. Links and requests work", hourMisses, (seconds(until.Sub(now))+59)/60)
	}
	return ""
}

// Unlock opens invite PINs again after too many misses. Those of an hour still count.
func (r *Registry) Unlock(by string) {
	r.io.Lock()
	now := r.enter()
	defer r.end()
	if r.level.Window == 0 && !r.level.Locked {
		return
	}
	r.newWindow()
	r.audit(now, Event{What: "unlocked", Operator: by})
	_ = r.save() // should the disk fail, they are locked again after a restart: no harm
}

func (r *Registry) newWindow() {
	r.level.Window, r.level.Locked = 0, false
	r.unsavedLevel = true
	clear(r.tried)
}

// ageLevel forgets misses that are old. Those that are still to come, because the clock was
// set back, count from now: else they would never be old.
func (r *Registry) ageLevel(now time.Time) {
	l := &r.level
	for i, t := range l.Hour {
		if t.After(now) {
			l.Hour[i], r.unsavedLevel = now, true
		}
	}
	if l.Began.After(now) {
		l.Began, r.unsavedLevel = now, true
	}
	kept := slices.IndexFunc(l.Hour, func(t time.Time) bool { return now.Sub(t) < time.Hour })
	if kept < 0 {
		kept = len(l.Hour)
	}
	if kept > 0 {
		l.Hour = slices.Clone(l.Hour[kept:])
		r.unsavedLevel = true
	}
	if !l.Locked && l.Window > 0 && now.Sub(l.Began) >= window {
		r.newWindow()
	}
}
