// The table of connections: collected seldom, with rates, in the order and from the place that
// somebody wants to see.

package monitor

import (
	"cmp"
	"errors"
	"slices"
	"sync"
	"time"
)

const (
	// collectEvery is how old the table may be. However many look on and however often, the
	// router is asked no more than that.
	collectEvery = 250 * time.Millisecond
	// rateOver is the least time that rates are made over: below it they would jump.
	rateOver = 500 * time.Millisecond
	// filterTime is for how long a filter may go through the table. One that takes longer is
	// not tried again for slowFor.
	filterTime = 250 * time.Millisecond
	slowFor    = 10 * time.Second
)

// Table makes pages of the connections. The zero one is ready; any goroutine may use it.
type Table struct {
	mu        sync.Mutex
	collected time.Time
	rows      []Client
	samples   map[string]sample // of the rows, by id
	last      *view
	slow      string // the filter that took too long last, and when
	slowAt    time.Time
}

// view is the table in an order. It never changes.
type view struct {
	ordering
	rows  []Client
	order []int // places in rows of those that pass
	wrong error // with its filter
}

// sample is what a session had counted at a time, and the rates since the sample before.
type sample struct {
	at             time.Time
	in, out, bytes uint64
	rates          ClientRates
}

// ordering is what the order of the table depends on.
type ordering struct {
	collected time.Time
	sort      ClientSort
	reverse   bool
	slowTop   bool
	filter    string
}

// Page returns a part of the table at a time. all is asked for every session there is, four
// times a second at most. The order is the same for the same values: equals are in order of
// name, then of id.
func (t *Table) Page(all func() []Client, q ClientQuery, now time.Time) ClientPage {
	v := t.arranged(all, &q, now)
	page := ClientPage{Index: -1, Shown: len(v.order), Total: len(v.rows)}
	if v.wrong != nil {
		page.Error = v.wrong.Error()
	}
	limit := min(max(q.Limit, 0), MaxClients)
	page.Offset = min(max(q.Offset, 0), max(len(v.order)-limit, 0))
	if q.Around != "" {
		page.Index = slices.IndexFunc(v.order, func(i int) bool { return v.rows[i].ID == q.Around })
	}
	if page.Index >= 0 && limit > 0 {
		page.Offset = min(max(page.Offset, page.Index-limit+1), page.Index)
	}
	end := min(page.Offset+limit, len(v.order))
	page.Rows = make([]Client, 0, end-page.Offset)
	for _, i := range v.order[page.Offset:end] {
		page.Rows = append(page.Rows, v.rows[i])
	}
	return page
}

// collect takes new rows and gives them rates.
func (t *Table) collect(rows []Client, now time.Time) {
	samples := make(map[string]sample, len(rows))
	for i := range rows {
		c := &rows[i]
		bytes := c.BytesIn + c.BytesOut
		s, known := t.samples[c.ID]
		switch over := now.Sub(s.at); {
		case !known, over < 0:
			s = sample{at: now, in: c.MessagesIn, out: c.MessagesOut, bytes: bytes}
		case over >= rateOver:
			s = sample{at: now, in: c.MessagesIn, out: c.MessagesOut, bytes: bytes, rates: ClientRates{
				Known: true, In: perSecond(s.in, c.MessagesIn, over), Out: perSecond(s.out, c.MessagesOut, over), Bytes: perSecond(s.bytes, bytes, over),
			}}
		}
		samples[c.ID], c.Rates = s, s.rates
	}
	t.rows, t.samples, t.collected = rows, samples, now
}

// perSecond is a rate made of two counts. A count that has gone back has begun again.
func perSecond(before, after uint64, over time.Duration) float64 {
	if after < before || over <= 0 {
		return 0
	}
	return float64(after-before) / over.Seconds()
}

// arranged returns the table as it is wanted. Nobody waits while it is filtered and ordered.
func (t *Table) arranged(all func() []Client, q *ClientQuery, now time.Time) *view {
	t.mu.Lock()
	if age := now.Sub(t.collected); t.collected.IsZero() || age >= collectEvery || age < 0 {
		t.collect(all(), now)
	}
	v := &view{ordering: ordering{t.collected, q.Sort, q.Reverse, q.SlowTop, q.Filter}, rows: t.rows}
	last := t.last
	if t.slow != "" && t.slow == q.Filter && now.Sub(t.slowAt) < slowFor {
		v.wrong = ErrTooSlow
	}
	t.mu.Unlock()
	switch {
	case v.wrong != nil:
		return v
	case last != nil && last.ordering == v.ordering:
		return last
	}
	v.arrange(q)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last = v
	if errors.Is(v.wrong, ErrTooSlow) {
		t.slow, t.slowAt = q.Filter, now
	}
	return v
}

// arrange orders those that pass the filter.
func (v *view) arrange(q *ClientQuery) {
	filter, err := ParseFilter(q.Filter)
	if err != nil {
		v.wrong = err
		return
	}
	began := time.Now()
	for i := range v.rows {
		if filter.Client(&v.rows[i]) {
			v.order = append(v.order, i)
		}
		if time.Since(began) > filterTime {
			v.order, v.wrong = nil, ErrTooSlow
			return
		}
	}
	by := comparisons[q.Sort]
	if by == nil {
		by = comparisons[SortName]
	}
	slices.SortFunc(v.order, func(i, j int) int {
		a, b := &v.rows[i], &v.rows[j]
		if q.SlowTop && a.Slow != b.Slow {
			if a.Slow {
				return -1
			}
			return 1
		}
		if c := by(a, b); c != 0 {
			if q.Reverse {
				return -c
			}
			return c
		}
		return cmp.Or(natural(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
}

// comparisons say for each column which of two rows comes first: the lesser.
var comparisons = map[ClientSort]func(a, b *Client) int{
	SortName:      func(a, b *Client) int { return natural(a.Name, b.Name) },
	SortTransport: func(a, b *Client) int { return cmp.Compare(a.Transport, b.Transport) },
	SortRemote:    func(a, b *Client) int { return cmp.Compare(a.Remote, b.Remote) },
	SortSubs:      func(a, b *Client) int { return cmp.Compare(a.Subs, b.Subs) },
	SortIn:        func(a, b *Client) int { return cmp.Compare(a.Rates.In, b.Rates.In) },
	SortOut:       func(a, b *Client) int { return cmp.Compare(a.Rates.Out, b.Rates.Out) },
	SortBytes:     func(a, b *Client) int { return cmp.Compare(a.Rates.Bytes, b.Rates.Bytes) },
	SortQueue:     func(a, b *Client) int { return cmp.Compare(a.Queue, b.Queue) },
	SortDropped:   func(a, b *Client) int { return cmp.Compare(a.Dropped, b.Dropped) },
	SortRTT:       func(a, b *Client) int { return cmp.Compare(a.RTT, b.RTT) },
	SortAge:       func(a, b *Client) int { return b.Since.Compare(a.Since) }, // who came last is youngest
	SortIdle:      func(a, b *Client) int { return cmp.Compare(a.Idle, b.Idle) },
}
