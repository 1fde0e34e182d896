package router

import (
	"runtime/debug"
	"time"

	"github.com/clasp-studio/clasp/router/param"
	"github.com/clasp-studio/clasp/router/store"
)

// tidyAfter is how many restored params are worth giving the garbage of their reading
// back to the system at once.
const tidyAfter = 10_000

// restore fills the params from the store. Nobody is connected yet.
func (r *Router) restore() error {
	re := restoring{r: r, now: time.Now(), writers: make(map[string]string), gone: make(map[string]uint64)}
	if err := r.store.Load(re.one); err != nil {
		return err
	}
	for addr, revision := range re.gone {
		r.params.Remember([]byte(addr), revision)
	}
	r.params.BeginAfter(r.store.Base())
	if r.params.Len() >= tidyAfter {
		debug.FreeOSMemory()
	}
	return nil
}

// restoring is the state of a restore.
type restoring struct {
	r       *Router
	now     time.Time
	writers map[string]string // the few sessions that set the many params
	gone    map[string]uint64 // revisions of addresses that have no value now
}

// one takes one record. An address may come several times, in any order: the highest
// revision counts. What is in the journal at the same revision is the older of the two.
func (re *restoring) one(rec store.Record, journaled bool) {
	r := re.r
	if rec.Revision <= re.gone[string(rec.Address)] {
		return
	}
	p := r.params.Find(rec.Address)
	if p != nil && (rec.Revision < p.Revision || journaled && rec.Revision == p.Revision) {
		return
	}
	if left, ends := re.left(&rec); rec.Value == nil || ends && left <= 0 || r.volatile(view(rec.Address)) {
		re.leave(p, &rec)
		return
	}
	if p == nil {
		p = r.params.FindOrCreate(rec.Address, r.strategyOf)
		r.params.Reserve(1, 0)
	}
	p.Lock()
	re.fill(p, &rec)
	if journaled {
		r.change(p)
	}
	p.Unlock()
}

// leave takes a record of which only the revision counts, and p, if an older one has
// made a param of its address.
func (re *restoring) leave(p *paramEntry, rec *store.Record) {
	r := re.r
	re.gone[string(rec.Address)] = rec.Revision
	if rec.Value != nil {
		// Expired meanwhile, or to start at rest: the file is to know.
		r.changeGone(string(rec.Address), rec.Revision)
	}
	if p != nil {
		p.Lock()
		r.counts.countState(-stateBytes(p))
		p.Value = nil
		p.Unlock()
		r.params.Release(1)
		r.params.Discard(p)
	}
}

// fill gives a param, whose lock is held, what its record says.
func (re *restoring) fill(p *paramEntry, rec *store.Record) {
	writer, shared := re.writers[string(rec.Writer)]
	if !shared {
		writer = string(rec.Writer)
		re.writers[writer] = writer
	}
	before := stateBytes(p)
	p.Store(rec.Value, writer, rec.Written)
	re.r.counts.countState(stateBytes(p) - before)
	p.Revision = rec.Revision
	p.Timeline = rec.Timeline
	// The strategy is that of the present rules, not the one stored.
	if p.SetTTL(rec.TTL) {
		left, _ := re.left(rec)
		p.ExpireAt(re.r.monotonic(re.now) + left)
		re.r.params.Watch(p)
	}
}

// left returns how many µs of a record's lifetime are left, and whether it has one. A
// clock that was set back meanwhile does not prolong it.
func (re *restoring) left(rec *store.Record) (left int64, ends bool) {
	whole := param.Seconds(rec.TTL) * 1e6
	if whole == 0 {
		return 0, false
	}
	return min(int64(rec.Expires)-re.now.UnixMicro(), whole), true
}
