// Devices: how one is made, kept, seen and thrown out.

package pairing

import (
	"errors"
	"net/netip"
	"strings"
	"time"
)

// row is what the file has of a device.
type row struct {
	Device
	Hash      []byte     `json:"hash,omitempty"` // of its token, SHA-256; a weak one has none
	Fresh     bool       `json:"fresh,omitempty"`
	Old       []byte     `json:"old,omitempty"` // of the token before, good while this one is fresh: not used yet
	OldUntil  time.Time  `json:"old_until,omitzero"`
	RenewedAt time.Time  `json:"renewed_at,omitzero"`
	Addr      netip.Addr `json:"addr,omitzero"` // where it came from
	Revoked   time.Time  `json:"revoked,omitzero"`
}

// check reports why a row cannot be the one of an ID.
func (w *row) check(id string) error {
	switch {
	case w.ID != id || len(id) != deviceIDLength || strings.Trim(id, letters) != "":
		return errors.New("its ID is not that of its row")
	case w.Name == "" || clean(w.Name) != w.Name || clean(w.Claimed) != w.Claimed:
		return errors.New("its name cannot be shown")
	}
	return w.Lifetime.check()
}

// check reports a lifetime that there is not. "" is the default one.
func (l Lifetime) check() error {
	switch l {
	case "", LifetimeShow, LifetimeSliding, LifetimeForever:
		return nil
	}
	return complain(ErrInvalid, "lifetime %q: it is %s, %s or %s", clean(string(l)), LifetimeShow, LifetimeSliding, LifetimeForever)
}

// device is a row and who uses it now.
type device struct {
	row
	online int // sessions
}

// expired reports whether a device may not come any more.
func (w *row) expired(now time.Time) bool { return !w.Expires.IsZero() && !now.Before(w.Expires) }

// lapsed reports whether a device has never shown that it has its token, and has gone.
func (r *Registry) lapsed(d *device, now time.Time) bool {
	if d.Confirmed || d.online > 0 {
		return false
	}
	keep := unconfirmedFor
	if r.settings.Enabled && d.Tokenless { // who has a token to show, and does not, has no use for the grace
		keep = max(keep, r.settings.Grace)
	}
	return now.Sub(d.lastSign()) >= keep
}

// lastSign is when a device was last here, or made.
func (w *row) lastSign() time.Time {
	if w.LastSeen.After(w.CreatedAt) {
		return w.LastSeen
	}
	return w.CreatedAt
}

// see notes that a device is here. That reaches the disk when it is convenient.
func (r *Registry) see(d *device, now time.Time) {
	d.LastSeen = now
	if d.Lifetime == LifetimeSliding {
		d.Expires = now.Add(slidingLength)
	}
	r.unsaved[d.ID] = true
}

// noteOnline sees all devices that are.
func (r *Registry) noteOnline(now time.Time) {
	r.seenAt = now
	for _, d := range r.devices {
		if d.online > 0 {
			r.see(d, now)
		}
	}
}

// open counts a session of a device.
func (r *Registry) open(d *device, now time.Time) *Access {
	a := r.access(d)
	a.session = true
	d.online++
	r.see(d, now)
	return a
}

// shut is open undone, once.
func (r *Registry) shut(a *Access, now time.Time) {
	if a == nil || !a.session {
		return
	}
	a.session = false
	if d := r.devices[a.Device]; d != nil {
		d.online--
		r.see(d, now)
	}
}

// Left says that a session of a device has ended. To say it twice changes nothing.
func (r *Registry) Left(a *Access) {
	now := r.enter()
	defer r.leave()
	r.shut(a, now)
}

// shown is a device as it is shown.
func (d *device) shown() Device {
	shown := d.Device
	shown.Online = d.online
	return shown
}
