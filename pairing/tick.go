// What time brings. Everything that looks at the memory first has happen in it what is due;
// a ticker does so when nobody looks, so that who waits is told.

package pairing

import (
	"slices"
	"time"
)

// tick has time go on until Close.
func (r *Registry) tick() {
	defer close(r.stopped)
	ticker := time.NewTicker(tickEvery)
	defer ticker.Stop()
	for {
		select {
		case <-r.stop:
			return
		case <-ticker.C:
			r.Tick()
		}
	}
}

// Tick has happen what is due, and writes down what can wait. The Registry does so itself
// four times a second; tests with a clock of their own need not wait for that.
func (r *Registry) Tick() {
	r.io.Lock()
	now := r.enter()
	defer r.end()
	if r.closed {
		return
	}
	urgent := r.sweep(now)
	if now.Sub(r.seenAt) >= saveEvery {
		r.noteOnline(now)
		r.tidy(now)
	}
	if urgent || !now.Before(r.saveAt) {
		r.saveAt = now.Add(saveEvery)
		_ = r.save() // tried again in a while
	}
}

// sweep forgets devices whose time is over, and reports whether there were any.
func (r *Registry) sweep(now time.Time) (gone bool) {
	for _, d := range r.devices {
		switch {
		case r.lapsed(d, now):
			r.forget(now, d, "it never showed its token")
		case d.online == 0 && d.expired(now) && now.Sub(d.Expires) >= keptWhenExpired:
			r.forget(now, d, "expired")
		default:
			continue
		}
		gone = true
	}
	for id, w := range r.revoked {
		if now.Sub(w.Revoked) >= keptWhenRevoked {
			delete(r.revoked, id)
			r.unsaved[id] = true
		}
	}
	return gone
}

// tidy forgets who has been quiet for long.
func (r *Registry) tidy(now time.Time) {
	for who, until := range r.muted {
		if !now.Before(until) {
			delete(r.muted, who)
		}
	}
	for addr, s := range r.sources {
		if now.Sub(s.last) >= spentFor {
			delete(r.sources, addr)
		}
	}
}

// advance has happen what is due and needs no disk.
func (r *Registry) advance(now time.Time) {
	r.ageLevel(now)
	for _, i := range slices.Clone(r.invites) {
		if !now.Before(i.until) {
			r.takeInvite(now, i)
		}
	}
	for _, k := range slices.Clone(r.knocks) {
		r.age(now, k)
	}
	r.spent = slices.DeleteFunc(r.spent, func(s *spent) bool { return !now.Before(s.until) && !now.Before(s.resume) })
}

// age has happen to a row what is due.
func (r *Registry) age(now time.Time, k *knock) {
	if k.state == StateCode && !now.Before(k.code.until) {
		r.hide(now, k)
		k.state = StateExpired
		for _, v := range k.visits {
			r.notify(v)
		}
		r.listChanged()
	}
	if k.state == StateIssued && !now.Before(k.until) {
		r.activate(k)
	}
	if k.pending() {
		for _, v := range slices.Clone(k.visits) {
			if now.Sub(v.heard) >= idleAfter {
				r.dismiss(now, v)
			}
		}
		r.unveil(now, k)
	}
	switch {
	case k.pending() && len(k.visits) == 0 && (k.overHTTP() || !k.seen || now.Sub(k.empty) >= lingerFor),
		!k.pending() && len(k.visits) == 0,
		!k.pending() && now.Sub(k.over) >= rememberFor,
		k.state == StateActive && !k.overHTTP(): // its session is like any other of a device
		r.hide(now, k)
		r.drop(k)
	}
}

// drop forgets a row, and the token in it: its session may know the visit for longer.
func (r *Registry) drop(k *knock) {
	if k.state == StateIssued {
		k.state, k.token = StateActive, Token{}
	}
	r.knocks = slices.DeleteFunc(r.knocks, func(other *knock) bool { return other == k })
}
