// What the operator does with devices: look, rename, change, throw out.

package pairing

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Devices returns all devices, by name.
func (r *Registry) Devices() []Device {
	now := r.enter()
	defer r.leave()
	r.noteOnline(now)
	var list []Device
	for _, d := range r.devices {
		if !r.lapsed(d, now) {
			list = append(list, d.shown())
		}
	}
	slices.SortFunc(list, func(a, b Device) int {
		return cmp.Or(strings.Compare(key(a.Name), key(b.Name)), strings.Compare(a.ID, b.ID))
	})
	return list
}

// Rename gives a device, found by its ID or name as with all that follows, another name.
// Where that is a part of the rights, sessions of the device have to come again.
func (r *Registry) Rename(ref, name, by string) (Device, error) {
	return r.alter(ref, func(now time.Time, d *device) error {
		if clean(name) == "" {
			return complain(ErrInvalid, "a device needs a name that can be shown")
		}
		name, old := Clean(name), d.Name
		if other := r.named(name); other != nil && other != d || r.devices[key(name)] != nil {
			return complain(ErrConflict, "another device has the name %q", name)
		}
		if err := r.change(d, func(w *row) { w.Name = name }); err != nil {
			return err
		}
		r.audit(now, Event{What: "renamed", Operator: by, Device: d.ID, Name: name, Detail: "was " + old})
		return nil
	})
}

// SetProfile changes what a device may do; its sessions have to come again.
func (r *Registry) SetProfile(ref, profile, by string) (Device, error) {
	return r.alter(ref, func(now time.Time, d *device) error {
		p, err := r.profile(profile)
		if err == nil && d.Weak && p.NoPIN {
			err = complain(ErrInvalid, "the profile %s is not given to a device that shows no token", p.Name)
		}
		if err == nil {
			err = r.change(d, func(w *row) { w.Profile = p.Name })
		}
		if err == nil {
			r.audit(now, Event{What: "profile", Operator: by, Device: d.ID, Name: d.Name, Detail: p.Name})
		}
		return err
	})
}

// alter finds a device and changes it. Its sessions end if its rights are others then.
func (r *Registry) alter(ref string, f func(time.Time, *device) error) (Device, error) {
	r.io.Lock()
	now := r.enter()
	defer r.end()
	d, err := r.find(ref)
	if err != nil {
		return Device{}, err
	}
	before := r.access(d)
	if err := f(now, d); err != nil {
		return Device{}, err
	}
	if !before.same(r.access(d)) {
		r.endSessions(d, 0)
	}
	return d.shown(), nil
}

// Revoke removes a device and ends its sessions. That is so even when it returns an error
// of kind ErrStorage: then the device is back when the router starts again, unless the disk
// has been found in order before.
//
// Its sessions end first: a disk that is slow, be it with what somebody else does, does not
// keep them.
func (r *Registry) Revoke(ref, by string) (Device, error) {
	gone, err := r.revokeOne(ref, by)
	if err != nil {
		return Device{}, err
	}
	r.io.Lock()
	return gone, r.saveRevoked()
}

func (r *Registry) revokeOne(ref, by string) (Device, error) {
	now := r.enter()
	defer r.leave()
	d, err := r.find(ref)
	if err != nil {
		return Device{}, err
	}
	r.revoke(now, d, by)
	return d.shown(), nil
}

// RevokeAll removes all devices but those that keep has a true for, and returns those
// removed. keep must not call back. Errors are as with Revoke.
func (r *Registry) RevokeAll(by string, keep func(Device) bool) ([]Device, error) {
	gone := r.revokeMany(by, keep)
	r.io.Lock() // who was just being let in is there now
	gone = append(gone, r.revokeMany(by, keep)...)
	slices.SortFunc(gone, func(a, b Device) int { return strings.Compare(key(a.Name), key(b.Name)) })
	return gone, r.saveRevoked()
}

func (r *Registry) revokeMany(by string, keep func(Device) bool) (gone []Device) {
	now := r.enter()
	defer r.leave()
	for _, d := range r.devices {
		if keep == nil || !keep(d.shown()) {
			gone = append(gone, d.shown())
			r.revoke(now, d, by)
		}
	}
	return gone
}

// saveRevoked brings to the disk what memory knows already. The caller has locked io.
func (r *Registry) saveRevoked() error {
	r.enter()
	defer r.end()
	if err := r.save(); err != nil {
		return complain(ErrStorage, "revoked, but that is not on disk yet and would be lost if the router stopped now: %v", err)
	}
	return nil
}

// revoke removes a device from memory, leaving a note for when it comes back.
func (r *Registry) revoke(now time.Time, d *device, by string) {
	delete(r.devices, d.ID)
	w := d.row
	w.Revoked = now
	r.revoked[d.ID] = &w
	r.unsaved[d.ID] = true
	r.endSessions(d, CodeRevoked)
	for _, k := range slices.Clone(r.knocks) {
		if k.device == d.ID {
			r.settle(now, k, StateRevoked, "")
		}
	}
	r.audit(now, Event{What: "revoked", Operator: by, Device: d.ID, Name: d.Name})
	if len(r.revoked) > revokedMost {
		oldest := &w
		for _, other := range r.revoked {
			if other.Revoked.Before(oldest.Revoked) {
				oldest = other
			}
		}
		delete(r.revoked, oldest.ID)
		r.unsaved[oldest.ID] = true
	}
}
