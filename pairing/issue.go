// Makes devices, the only place that does.

package pairing

import (
	"cmp"
	"net/netip"
	"time"
)

// newcomer is who becomes a device.
type newcomer struct {
	Origin
	grant     Grant
	from      netip.Prefix // where a weak one has to come from; the zero one is where it comes from now
	tokenless bool
}

// issue makes a device and, unless it is a weak one, its token. When it returns nil the
// device is on the disk; with an error there is none.
func (r *Registry) issue(now time.Time, n newcomer) (*device, string, error) {
	o, g := n.Origin, n.grant
	p, err := r.profile(g.Profile)
	switch {
	case err != nil:
		return nil, "", err
	case g.Weak && !n.from.IsValid() && !o.Addr.IsValid():
		return nil, "", complain(ErrInvalid, "the address of %q is not known, so it cannot be let in by it", o.Name)
	case g.Weak && p.NoPIN:
		return nil, "", complain(ErrInvalid, "the profile %s is not given to a device that shows no token", p.Name)
	}
	if err := g.Lifetime.check(); err != nil {
		return nil, "", err
	}
	if len(r.devices) >= devicesMost && !r.forgetExpired(now) {
		return nil, "", complain(ErrConflict, "%d devices are paired, the most there can be: revoke one that is gone", devicesMost)
	}
	id, err := fresh(func() (string, error) { return randomText(r.o.Random, deviceIDLength) }, func(id string) bool {
		return r.devices[id] != nil || r.revoked[id] != nil || r.named(id) != nil
	})
	if err != nil {
		return nil, "", err
	}
	claimed := Clean(o.Name)
	w := row{Device: Device{
		ID: id, Name: r.unique(Clean(cmp.Or(g.Name, claimed))), Claimed: claimed, Profile: p.Name,
		Lifetime: cmp.Or(g.Lifetime, LifetimeSliding), Weak: g.Weak, Confirmed: g.Weak, Transport: o.Transport,
		CreatedBy: clean(g.By), CreatedAt: now, CreatedFrom: o.Remote, Tokenless: n.tokenless,
	}, Addr: o.Addr}
	switch w.Lifetime {
	case LifetimeShow:
		w.Expires = now.Add(showLength)
	case LifetimeSliding:
		w.Expires = now.Add(slidingLength)
	}
	var text string
	if !g.Weak {
		if text, err = r.newToken(&w); err != nil {
			return nil, "", err
		}
	} else if n.from.IsValid() {
		w.From = n.from.String()
	} else {
		w.From = o.Addr.String()
	}
	if err := r.save(w); err != nil {
		return nil, "", err
	}
	d := &device{row: w}
	r.devices[id] = d
	r.requests[outcomeIssued]++
	r.audit(now, Event{What: "issued", Operator: g.By, Source: o.Remote, Device: id, Name: w.Name, Detail: "profile " + w.Profile + ", lifetime " + string(w.Lifetime)})
	return d, text, nil
}

// forgetExpired makes room: the device goes that expired first.
func (r *Registry) forgetExpired(now time.Time) bool {
	var oldest *device
	for _, d := range r.devices {
		if d.online == 0 && d.expired(now) && (oldest == nil || d.Expires.Before(oldest.Expires)) {
			oldest = d
		}
	}
	if oldest != nil {
		r.forget(now, oldest, "expired")
	}
	return oldest != nil
}

// forget removes a device that nobody is to hear of again.
func (r *Registry) forget(now time.Time, d *device, why string) {
	delete(r.devices, d.ID)
	r.unsaved[d.ID] = true
	r.audit(now, Event{What: "forgotten", Device: d.ID, Name: d.Name, Detail: why})
}
