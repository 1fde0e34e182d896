// Brings what has changed to the disk, with the memory free meanwhile.

package pairing

import (
	"maps"
	"slices"
)

// change alters a device, in memory when it is on the disk.
func (r *Registry) change(d *device, alter func(*row)) error {
	next := d.row
	alter(&next)
	if err := r.save(next); err != nil {
		return err
	}
	alter(&d.row)
	return nil
}

// save brings all that is unsaved to the disk, and rows that are not in memory yet. mu is
// free meanwhile. What it could not bring there stays unsaved, so that a later save does,
// or removes what it may have left.
func (r *Registry) save(next ...row) error {
	if r.closed {
		return complain(ErrStorage, "the router is stopping")
	}
	b := batch{put: make(map[string]row)}
	for id := range r.unsaved {
		switch {
		case r.devices[id] != nil:
			b.put[id] = r.devices[id].row
		case r.revoked[id] != nil:
			b.put[id] = *r.revoked[id]
		default:
			b.drop = append(b.drop, id)
		}
	}
	for _, w := range next {
		b.put[w.ID] = w
		b.drop = slices.DeleteFunc(b.drop, func(id string) bool { return id == w.ID })
	}
	level := r.level.clone()
	if r.unsavedLevel {
		b.level = &level
	}
	if len(b.put)+len(b.drop) == 0 && b.level == nil && r.file.db != nil {
		return nil
	}
	var all kept
	if r.file.db == nil { // it is made anew
		all = r.everything(next)
	}
	wanted := b.level != nil
	clear(r.unsaved)
	r.unsavedLevel = false
	r.mu.Unlock()
	err := r.file.write(b, all)
	r.mu.Lock()
	if err == nil {
		return nil
	}
	for id := range b.put {
		r.unsaved[id] = true
	}
	for _, id := range b.drop {
		r.unsaved[id] = true
	}
	r.unsavedLevel = r.unsavedLevel || wanted
	r.saveAt = r.o.Now().Add(retryAfter)
	return complain(ErrStorage, "%v", err)
}

// everything is what the file is to say, with rows that are not in memory yet.
func (r *Registry) everything(next []row) kept {
	rows := make(map[string]row)
	for id, d := range r.devices {
		rows[id] = d.row
	}
	for id, w := range r.revoked {
		rows[id] = *w
	}
	for _, w := range next {
		rows[w.ID] = w
	}
	return kept{rows: slices.Collect(maps.Values(rows)), level: r.level.clone()}
}
