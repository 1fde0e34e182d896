// What became of an invite, for whoever has made it and waits.

package pairing

import "cmp"

// Fate is what became of an invite.
type Fate struct {
	Invite Invite // only its ID when it is open no more
	Open   bool
	Used   bool   // else its time was over, or it was closed
	Device string // the ID of the device that has used it, "" while the operator has to agree too
}

// Fate returns what became of an invite, for as long as that is remembered: 10 min. An error
// is of kind ErrUnknown.
func (r *Registry) Fate(id string) (Fate, error) {
	r.enter()
	defer r.leave()
	for _, i := range r.invites {
		if i.id == id {
			return Fate{Invite: i.shown(), Open: true}, nil
		}
	}
	f, known := Fate{Invite: Invite{ID: id}}, false
	for _, over := range r.spent {
		if over.invite != id {
			continue
		}
		known = true
		f.Used = f.Used || over.used
		f.Device = cmp.Or(f.Device, over.device)
	}
	if !known || id == "" {
		return Fate{}, complain(ErrUnknown, "no invite has the ID %q, or what became of it is forgotten", clean(id))
	}
	return f, nil
}
