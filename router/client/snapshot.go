package client

// All params that match a pattern, at once.

import (
	"context"
	"slices"
	"strings"

	"github.com/clasp-studio/clasp/router/address"
	"github.com/clasp-studio/clasp/router/wire"
)

// collector keeps the entries of snapshots that match a pattern. It is guarded by its link's lock.
type collector struct {
	pattern *address.Pattern
	params  map[string]Param
}

// Snapshot returns the params that match a pattern, in the order of their addresses. It misses none for being slow, and takes
// a handful of messages: it subscribes, takes the snapshot that the router answers with, and unsubscribes. Meanwhile options
// of subscriptions to the same params do not count (see SubscribeOptions).
//
// The router does not say where that snapshot ends, and the tail of one too large for its send buffer comes later than the
// answers to what is sent next. Therefore a QUERY says which params there are; as long as some are missing and round trips
// bring more, it waits for them. What then is still missing is asked for with a GET each. A bundle that is applied meanwhile
// may show in part only if the snapshot is that large.
func (c *Client) Snapshot(ctx context.Context, pattern string) ([]Param, error) {
	p, err := address.Compile(pattern)
	if err != nil {
		return nil, badPattern(pattern, err)
	}
	l := c.link.Load()
	if l == nil {
		return nil, c.notConnected()
	}
	k := &collector{pattern: p, params: make(map[string]Param)}
	l.addCollector(k)
	defer l.removeCollector(k)
	id := c.subs.nextID()
	begin := wire.AppendSubscribe(nil, wire.Subscribe{ID: id, Pattern: []byte(p.String()), Types: wire.MaskParam | wire.MaskTimeline})
	err = c.ask(ctx, wire.Fire, begin, &request{kind: kindSubscribe, address: p.String()})
	// If it cannot be sent there is no session, and so no subscription.
	defer func() {
		_ = c.post(c.ctx, wire.Fire, wire.AppendUnsubscribe(nil, wire.Unsubscribe{ID: id}), nil)
	}()
	if err != nil {
		return nil, err
	}
	signals, err := c.Query(ctx, pattern)
	if err != nil {
		return nil, err
	}
	missing := l.missing(k, signals)
	for before := len(signals) + 1; 0 < len(missing) && len(missing) < before; {
		if err := c.Ping(ctx); err != nil {
			return nil, err
		}
		before, missing = len(missing), l.missing(k, signals)
	}
	gets := make([]*request, len(missing))
	for i, addr := range missing {
		if gets[i], err = c.beginGet(ctx, addr); err != nil {
			return nil, err
		}
	}
	for _, get := range gets {
		switch err := get.wait(ctx); {
		case err == nil:
			l.mu.Lock()
			k.params[get.address] = get.param
			l.mu.Unlock()
		case IsCode(err, wire.CodeNotFound): // gone since
		default:
			return nil, err
		}
	}
	l.removeCollector(k)
	params := make([]Param, 0, len(k.params))
	for _, param := range k.params {
		params = append(params, param)
	}
	slices.SortFunc(params, func(a, b Param) int { return strings.Compare(a.Address, b.Address) })
	return params, nil
}

func (l *link) addCollector(k *collector) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.collectors = append(l.collectors, k)
}

func (l *link) removeCollector(k *collector) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.collectors = slices.DeleteFunc(l.collectors, func(other *collector) bool { return other == k })
}

// collect gives the entries of a snapshot to those who collect them.
func (l *link) collect(m wire.Snapshot) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.collectors) == 0 {
		return
	}
	for e, ok := m.Next(); ok; e, ok = m.Next() {
		addr := string(e.Address)
		for _, k := range l.collectors {
			if k.pattern.Match(addr) {
				k.params[addr] = paramOf(addr, e)
			}
		}
	}
}

// missing returns the addresses of what has a value, or may have one, and has not been collected.
func (l *link) missing(k *collector, signals []SignalInfo) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var missing []string
	for _, s := range signals {
		if s.Signal != wire.Param && s.Signal != wire.Timeline {
			continue
		}
		if _, ok := k.params[s.Address]; ok || address.Valid(s.Address) != nil { // or announced as a pattern
			continue
		}
		missing = append(missing, s.Address)
	}
	slices.Sort(missing)
	return slices.Compact(missing)
}
