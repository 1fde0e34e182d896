package router

// owed is a set of params whose newest value a session has still to get: those that
// changed while it was slow, or those that a snapshot leaves for its end. Two structures,
// because order matters a little (first behind, first served) and membership has to be
// fast. The zero value is empty.
type owed struct {
	set   map[*paramEntry]struct{}
	order []*paramEntry // may hold params that have left the set

	tidyAt int // length of order at which it is tidied
}

func (d *owed) add(p *paramEntry) {
	if d.set == nil {
		d.set = make(map[*paramEntry]struct{})
	}
	if _, ok := d.set[p]; ok {
		return
	}
	if len(d.order) >= d.tidyAt {
		d.tidy()
	}
	d.set[p] = struct{}{}
	d.order = append(d.order, p)
}

// tidy forgets params that have vanished, and those that have left the set: a client
// that has stopped reading must not keep what came and went since. It runs when the
// list has doubled.
func (d *owed) tidy() {
	// A param may be in the set alone: whoever took it off the list is about to send it.
	for p := range d.set {
		if p.Dead() {
			delete(d.set, p)
		}
	}
	kept := make([]*paramEntry, 0, len(d.set))
	listed := make(map[*paramEntry]struct{}, len(d.set))
	for _, p := range d.order {
		_, twice := listed[p]
		if d.has(p) && !twice {
			listed[p] = struct{}{}
			kept = append(kept, p)
		}
	}
	d.order = kept
	d.tidyAt = max(1024, 2*len(kept))
}

func (d *owed) has(p *paramEntry) bool {
	if len(d.set) == 0 {
		return false
	}
	_, ok := d.set[p]
	return ok
}

// drop takes a param out, and reports whether it was in the set.
func (d *owed) drop(p *paramEntry) bool {
	if !d.has(p) {
		return false
	}
	delete(d.set, p)
	return true
}

// empty reports whether next has nothing more to return.
func (d *owed) empty() bool { return len(d.order) == 0 }

// crowded reports whether so many are listed.
func (d *owed) crowded(n int) bool { return len(d.order) >= n }

// next takes the first param off the list. It stays in the set until it is sent: the
// caller, who has to lock it first, then drops it, unless another has sent it before.
func (d *owed) next() *paramEntry {
	p := d.order[0]
	d.order[0] = nil
	d.order = d.order[1:]
	return p
}
