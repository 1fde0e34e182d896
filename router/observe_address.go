// All there is to say of one address.

package router

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/clasp-studio/clasp/router/address"
	"github.com/clasp-studio/clasp/router/monitor"
	"github.com/clasp-studio/clasp/router/param"
	"github.com/clasp-studio/clasp/router/wire"
)

// Address returns all there is to say of an address, given as Addresses shows it. The error is
// monitor.ErrGone: it has no value now. It costs as much as it takes to write the value down,
// to match the address and to look through what clients have announced.
func (r *Router) Address(shown string) (monitor.AddressDetail, error) {
	addr := addressOf(shown)
	w := r.viewer()
	p := r.params.Find(stringBytes(addr))
	d := monitor.AddressDetail{Value: monitor.Value{Address: shown}}
	if w.row(p, &d.Value); d.Missing {
		return monitor.AddressDetail{}, fmt.Errorf("%w: %s has no value now", monitor.ErrGone, shown)
	}
	d.Pretty = pretty(wire.Value{Code: w.value[0], Data: w.value[1:]})
	p.Lock()
	ttl, _ := p.TTL()
	d.Strategy = p.Strategy.String()
	p.Unlock()
	d.TTL = time.Duration(param.Seconds(ttl)) * time.Second
	d.Stored = r.durable([]byte(addr))
	d.Announced = r.announced.about(addr)

	subs := r.subs.AppendMatch(nil, addr)
	slices.SortFunc(subs, func(x, y *subscription) int {
		return cmp.Or(strings.Compare(x.s.name, y.s.name), cmp.Compare(x.s.seq, y.s.seq), cmp.Compare(x.seq, y.seq))
	})
	d.Subscribed = len(subs)
	for _, sub := range subs[:min(len(subs), listed)] {
		d.Subscribers = append(d.Subscribers, sub.shown())
	}
	return d, nil
}

// Of what is announced about an address so much is looked at: more would not fit a line.
const (
	aboutMost = 20
	aboutWord = 64 // bytes of a datatype and of an access
)

// about says what sessions have announced about an address: "param f64 rw by desk". It is ""
// where none has. The lock is held for one session at a time, so that the walk holds up nobody
// who announces.
func (a *announced) about(addr string) string {
	query, err := address.Compile(addr)
	if err != nil {
		return ""
	}
	a.RLock()
	sessions := slices.SortedFunc(maps.Keys(a.bySession), func(x, y *Session) int { return cmp.Compare(x.seq, y.seq) })
	a.RUnlock()
	var texts []string
	for _, s := range sessions {
		if texts = a.aboutBy(s, texts, query.String()); len(texts) >= aboutMost {
			break
		}
	}
	slices.Sort(texts)
	return monitor.Clean(strings.Join(slices.Compact(texts), "; "))
}

// aboutBy appends what one session has announced about an address.
func (a *announced) aboutBy(s *Session, texts []string, addr string) []string {
	a.RLock()
	defer a.RUnlock()
	mine := a.bySession[s]
	if mine == nil {
		return texts
	}
	for _, n := range mine.signals {
		if n.address != addr && !n.pattern.Match(addr) {
			continue
		}
		words := []string{n.signal.String(), string(n.datatype[:min(len(n.datatype), aboutWord)]), string(n.access[:min(len(n.access), aboutWord)]), "by", s.name}
		texts = append(texts, strings.Join(slices.DeleteFunc(words, func(w string) bool { return w == "" }), " "))
		if len(texts) >= aboutMost {
			break
		}
	}
	return texts
}
