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
	re := restoring{r: r, now: time.Now(), writers: make(map[string]string)}
	if err := r.store.Load(re.one); err != nil {
		return err
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
}

// one takes one record. An address may come several times: the higher revision counts,
// and of two equal ones the later.
func (re *restoring) one(rec store.Record, journaled bool) {
	r := re.r
	if rec.Value == nil {
		r.params.Remember(rec.Address, rec.Revision)
		return
	}
	p := r.params.FindOrCreate(rec.Address, r.strategyOf)
	p.Lock()
	if rec.Revision < p.Revision && p.Value != nil {
		p.Unlock()
		return
	}
	if left, ends := re.left(&rec); ends && left <= 0 || r.volatile(p.Address) {
		// Expired meanwhile, or to start at rest: only its revision counts.
		if p.Value != nil {
			p.Value = nil
			r.params.Release(1)
		}
		p.Revision = max(p.Revision, rec.Revision)
		r.changeGone(p.Address, p.Revision)
		p.Unlock()
		r.params.Discard(p)
		return
	}
	if p.Value == nil {
		r.params.Reserve(1, 0)
	}
	re.fill(p, &rec)
	if journaled {
		r.change(p)
	}
	p.Unlock()
}

// fill gives a param, whose lock is held, what its record says.
func (re *restoring) fill(p *paramEntry, rec *store.Record) {
	writer, shared := re.writers[string(rec.Writer)]
	if !shared {
		writer = string(rec.Writer)
		re.writers[writer] = writer
	}
	known := max(p.Revision, rec.Revision)
	p.Store(rec.Value, writer, rec.Written)
	p.Revision = known
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
