// Rows of addresses: the list of all, the values of those on the screen, and what is below a
// branch.

package router

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/clasp-studio/clasp/router/monitor"
	"github.com/clasp-studio/clasp/router/wire"
)

// viewer fills rows, with room that it uses again. One goroutine has it.
type viewer struct {
	r     *Router
	now   int64             // µs, monotonic
	value []byte            // of the param that is looked at
	text  []byte            // its JSON
	names map[string]string // of sessions by id, "" for those that have gone
}

func (r *Router) viewer() *viewer {
	return &viewer{r: r, now: r.monotonic(time.Now()), names: make(map[string]string)}
}

// row fills the row of a param, which may be nil, but for its address. The param is locked
// while its value is copied, not while it is written down.
func (w *viewer) row(p *paramEntry, v *monitor.Value) {
	*v = monitor.Value{Address: v.Address, Missing: true}
	if p == nil {
		return
	}
	p.Lock()
	if !p.Exists(w.now) {
		p.Unlock()
		return
	}
	w.value = append(w.value[:0], p.Value...)
	v.Missing = false
	v.Revision, v.Writer, v.Holder, v.Timeline = p.Revision, p.Writer, p.Holder(), p.Timeline
	v.Written = time.UnixMicro(int64(p.Written))
	if ttl, expires := p.TTL(); ttl != 0 {
		v.Expires = w.r.wallTime(expires)
	}
	p.Unlock()

	value := wire.Value{Code: w.value[0], Data: w.value[1:]}
	v.Type = value.TypeName()
	v.Number, v.Numeric = value.Number()
	if value.Code == wire.BoolCode {
		v.Numeric = true
		if value.Data[0] != 0 {
			v.Number = 1
		}
	}
	v.Text, w.text = oneLine(w.text, value)
	v.WriterName, v.HolderName = w.name(v.Writer), w.name(v.Holder)
}

// name returns the name of a session, "" if it has gone.
func (w *viewer) name(id string) string {
	if id == "" {
		return ""
	}
	name, known := w.names[id]
	if !known {
		if id == operatorID {
			name = operatorName
		} else if s := w.r.sessions.find(stringBytes(id)); s != nil {
			name = monitor.Clean(s.name)
		}
		w.names[id] = name
	}
	return name
}

// Values returns the rows of addresses, as Addresses shows them, in the order given. One that
// has no value is Missing. It costs about 1 µs an address.
func (r *Router) Values(addresses []string) []monitor.Value {
	w := r.viewer()
	rows := make([]monitor.Value, len(addresses))
	for i, addr := range addresses {
		rows[i].Address = addr
		w.row(r.params.Find(stringBytes(addressOf(addr))), &rows[i])
	}
	return rows
}

// A walk that judges what it finds has smaller pieces, and rests between turns: it sleeps, for
// who routes may be queued at a processor that others take from only when they have nothing to
// do. It asks whether to stop after so many.
const (
	passedLooks = 256
	walkTurn    = 250 * time.Microsecond
	walkRest    = time.Millisecond
	stopLooks   = 16
)

// Addresses returns the addresses that pass lets through, sorted. pass is given as much of a
// row as need says, which it must not keep; nil lets everything through. stop, which may be
// nil, is asked now and then; once it says so the list ends. An address that holds
// what does not print comes as \x1b, \u202e and so on, which Values and all the others take:
// it is long where the address is. With no need but the address no param is looked at, and
// the list may have some whose value has just gone; it costs some 10 ms for 100,000, and ten
// times as much where there is pass, most of it spent resting.
func (r *Router) Addresses(pass func(v *monitor.Value) bool, need monitor.Needs, stop func() bool) []string {
	names := make([]string, 0, r.params.Len())
	most := pieceLooks
	if pass != nil {
		most = passedLooks
	}
	piece := make([]*paramEntry, 0, min(most, max(r.params.Len(), 1)))
	w := r.viewer()
	var row monitor.Value
	rewritten := false
	began := time.Now()
	for next, more := "", true; more; {
		piece = piece[:0]
		r.params.Ascend(next, func(p *paramEntry) bool {
			piece = append(piece, p)
			return len(piece) < most
		}, func(all bool) { more = !all })
		for i, p := range piece { // the index is free meanwhile
			if i%stopLooks == 0 && stop != nil && stop() {
				more = false
				break
			}
			row = monitor.Value{Address: showAddress(p.Address)}
			if need&^monitor.NeedAddress != 0 {
				if w.row(p, &row); row.Missing {
					continue
				}
			}
			if pass == nil || pass(&row) {
				names = append(names, row.Address)
				rewritten = rewritten || len(row.Address) != len(p.Address)
			}
		}
		if len(piece) > 0 {
			next = piece[len(piece)-1].Address + "\x00"
		}
		if more && pass != nil && time.Since(began) > walkTurn {
			time.Sleep(walkRest)
			began = time.Now()
		}
	}
	if rewritten {
		slices.Sort(names) // an escape may stand elsewhere than what it stands for
	}
	return names
}

// Branches counts what is below each of some addresses, in the order given, in one walk over
// all that is below any of them. Rate is -1: it takes two looks. It costs some 0.1 µs a param.
func (r *Router) Branches(addresses []string) []monitor.Branch {
	branches := make([]monitor.Branch, len(addresses))
	k := walk{branches: branches, now: r.monotonic(time.Now())}
	for i, addr := range addresses {
		branches[i] = monitor.Branch{Address: addr, Rate: -1}
		top := strings.TrimSuffix(addressOf(addr), "/")
		k.spans = append(k.spans, span{top + "/", top + "0", i}) // '0' follows '/'
	}
	slices.SortFunc(k.spans, func(x, y span) int { return cmp.Or(strings.Compare(x.from, y.from), strings.Compare(y.to, x.to)) })
	for next, more := k.start(); more; {
		looks, counted, began := 0, true, time.Now()
		r.params.Ascend(next, func(p *paramEntry) bool {
			next = p.Address
			if counted = k.reach(p.Address); !counted {
				return false // nothing asked for is here: go to where the next begins
			}
			k.count(p)
			looks++
			return looks < pieceLooks && (looks%32 != 0 || time.Since(began) <= pieceTime)
		}, func(all bool) { more = !all })
		if counted {
			next += "\x00"
		}
		if more {
			next, more = k.after(next)
		}
	}
	k.reach("\xff") // behind all addresses: closes what is open
	return branches
}

// span is the range of addresses below a branch.
type span struct {
	from, to string // to is not in it
	branch   int
}

// walk goes through addresses in order, and adds each up in the innermost of the spans that
// it is in; what an inner one has is added to the next when it is left.
type walk struct {
	branches []monitor.Branch
	spans    []span // by where they begin: those that have not begun yet
	open     []span // one within the other
	now      int64
}

// start returns where to look first.
func (k *walk) start() (from string, ok bool) {
	if len(k.spans) == 0 {
		return "", false
	}
	return k.spans[0].from, true
}

// after returns where to go on when all before next has been dealt with: at next, or where
// the next span begins.
func (k *walk) after(next string) (from string, ok bool) {
	if len(k.open) > 0 && k.open[0].to > next {
		return next, true
	}
	from, ok = k.start()
	return max(from, next), ok
}

// reach leaves and enters spans up to an address, and reports whether it is in one.
func (k *walk) reach(addr string) bool {
	for {
		for len(k.open) > 0 && k.open[len(k.open)-1].to <= addr {
			inner := k.branches[k.open[len(k.open)-1].branch]
			k.open = k.open[:len(k.open)-1]
			if len(k.open) > 0 {
				outer := &k.branches[k.open[len(k.open)-1].branch]
				outer.Count += inner.Count
				outer.Writes += inner.Writes
			}
		}
		if len(k.spans) == 0 || k.spans[0].from > addr {
			return len(k.open) > 0
		}
		k.open, k.spans = append(k.open, k.spans[0]), k.spans[1:]
	}
}

// count counts a param in the span that was reached.
func (k *walk) count(p *paramEntry) {
	b := &k.branches[k.open[len(k.open)-1].branch]
	p.Lock()
	defer p.Unlock()
	if p.Exists(k.now) {
		b.Count++
		b.Writes += p.Revision
	}
}
