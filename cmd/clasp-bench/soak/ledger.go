// The checker's book of what was written: which write every revision of every address is, by
// all that anybody was ever told, and what has to be on disk.

package soak

import (
	"fmt"
	"slices"
	"sync"
)

// epoch is how far revisions jump when the router finds that the one before it was not
// stopped in order (promise 7).
const epoch = 1 << 20

// ledger is the book. Any goroutine may use it. It takes some 30 bytes for each write, as a
// revision of an hour ago must not come again either.
type ledger struct {
	verdict *verdict

	mu     sync.Mutex
	base   uint64 // below the revisions of a new address
	params map[string]*history
	writes []write // by number, less one
	told   int     // how often anybody was told of a revision
}

// history is what is known of one address.
type history struct {
	base    uint64 // below the revisions that are kept
	values  []id   // by revision, from base+1 on; 0 = nobody was told of it yet
	highest uint64 // that anybody was told of
	durable uint64 // that was acknowledged at commit
	most    uint64 // it cannot have got further: so many writes there were
}

// scope is what one write is to: an address, or those of a bundle, which nothing else writes.
type scope []string

// write is one that somebody has sent.
type write struct {
	to       *scope
	revision uint64 // of a write to one address, once somebody was told
	commit   bool
	refused  bool
	seen     bool
}

func newLedger(v *verdict) *ledger {
	return &ledger{verdict: v, params: make(map[string]*history)}
}

// begin notes a write before it is sent, and numbers it.
func (l *ledger) begin(commit bool, to *scope) id {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.writes = append(l.writes, write{to: to, commit: commit})
	for _, address := range *to {
		h := l.params[address]
		if h == nil {
			h = &history{base: l.base, most: l.base}
			l.params[address] = h
		}
		h.most++
	}
	return id(len(l.writes))
}

// refused notes that the router has said no: nobody may ever see it, at no address of it.
func (l *ledger) refused(n id) {
	l.mu.Lock()
	defer l.mu.Unlock()
	w := &l.writes[n-1]
	if w.seen {
		l.verdict.fail(w.promise(), "write %d to %s was refused, and somebody has seen it", n, (*w.to)[0])
	}
	w.refused = true
}

// promise is the one that a trace of a refused write breaks.
func (w *write) promise() promise {
	if len(*w.to) > 1 {
		return whole
	}
	return unique
}

// acked notes the revision that the writer was told. All of a bundle have it: they are only
// ever written together.
func (l *ledger) acked(n id, revision uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	w := &l.writes[n-1]
	for _, address := range *w.to {
		l.tell(address, revision, n)
		if h := l.params[address]; w.commit && h != nil {
			h.durable = max(h.durable, revision)
		}
	}
}

// shown notes that somebody was shown a value.
func (l *ledger) shown(address string, revision uint64, n id) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tell(address, revision, n)
}

// tell holds what somebody is told against all that anybody was told before. mu must be locked.
func (l *ledger) tell(address string, revision uint64, n id) {
	l.told++
	h := l.params[address]
	if h == nil {
		return // it has expired, and what was on its way has come
	}
	if n < 1 || int(n) > len(l.writes) {
		l.verdict.fail(unique, "%s has revision %d with write %d, which nobody has made", address, revision, n)
		return
	}
	w := &l.writes[n-1]
	switch {
	case w.refused:
		l.verdict.fail(w.promise(), "%s has revision %d with write %d, which was refused", address, revision, n)
		return
	case !slices.Contains(*w.to, address):
		l.verdict.fail(unique, "%s has revision %d with write %d, which was to %s", address, revision, n, (*w.to)[0])
		return
	case revision <= h.base || revision > h.most:
		l.verdict.fail(unique, "%s has revision %d; it can only be %d to %d, by what was found and written", address, revision, h.base+1, h.most)
		return
	case len(*w.to) == 1 && w.revision != 0 && w.revision != revision:
		l.verdict.fail(unique, "write %d has revision %d and revision %d of %s", n, w.revision, revision, address)
		return
	}
	place := int(revision - h.base - 1)
	for len(h.values) <= place {
		h.values = append(h.values, 0)
	}
	if other := h.values[place]; other != 0 && other != n {
		l.verdict.fail(unique, "revision %d of %s is write %d and write %d", revision, address, other, n)
		return
	}
	h.values[place], h.highest = n, max(h.highest, revision)
	w.revision, w.seen = revision, true
	l.verdict.hold(unique, 1)
}

// found is a param as the router has it.
type found struct {
	revision uint64
	n        id
}

// forget lets go of addresses that have expired.
func (l *ledger) forget(addresses []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, address := range addresses {
		delete(l.params, address)
	}
}

// addresses are all that were ever written and have not expired.
func (l *ledger) addresses() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := make([]string, 0, len(l.params))
	for address := range l.params {
		all = append(all, address)
	}
	return all
}

// keeps says whether what the router has now is at least what anybody was told: it takes
// nothing back while it runs.
func (l *ledger) keeps(now map[string]found) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for address, h := range l.params {
		if now := now[address]; now.revision < h.highest {
			return fmt.Errorf("%s is at revision %d (0 = gone), and somebody was told of %d", address, now.revision, h.highest)
		}
	}
	return nil
}

// together holds the addresses of a bundle against each other.
func (l *ledger) together(group scope, now map[string]found) {
	first := now[group[0]]
	for _, address := range group[1:] {
		if other := now[address]; other.n != first.n {
			l.verdict.fail(whole, "%s has write %d and %s has write %d (0 = none)", group[0], first.n, address, other.n)
			return
		}
	}
	l.verdict.hold(whole, 1)
}

// recovered holds what a router has that was started after a SIGKILL against the book, and
// goes on with that. The revisions it tells are an epoch above those before.
func (l *ledger) recovered(after map[string]found) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.base += epoch
	for address, h := range l.params {
		now, ok := after[address]
		switch was := now.revision - epoch; {
		case !ok && h.durable > 0:
			l.verdict.fail(durable, "%s is gone; revision %d was acknowledged at commit", address, h.durable)
		case !ok: // it was never acknowledged at commit
		case now.revision <= h.highest || now.revision < epoch:
			l.verdict.fail(unique, "%s comes back at revision %d, which is not an epoch above; somebody was told of %d", address, now.revision, h.highest)
		case was < h.durable:
			l.verdict.fail(durable, "%s comes back as revision %d was; %d was acknowledged at commit", address, was, h.durable)
		default:
			l.verdict.hold(durable, 1)
			l.tell(address, was, now.n) // it is what it was then
		}
		l.resume(address, now, max(h.highest, l.base))
	}
}

// resume begins a history anew: whatever comes next is above all that anybody was told.
func (l *ledger) resume(address string, now found, above uint64) {
	h := &history{base: above, most: above, highest: now.revision, durable: now.revision}
	if now.revision > 0 {
		h.base, h.most, h.values = now.revision-1, now.revision, []id{now.n}
		if now.n >= 1 && int(now.n) <= len(l.writes) {
			l.writes[now.n-1].revision = now.revision
		}
	}
	l.params[address] = h
}
