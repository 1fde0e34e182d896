package soak

// Histories that a router must not make: for each promise, and each way to break it that the
// checker looks for, one that is found, beside one that is as it should be.

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/router/wire"
)

// bench is a checker with two addresses and a bundle.
type bench struct {
	*ledger
	book  *events
	a, b  *scope
	group *scope
	// Two who subscribe to everything, and the events' publisher.
	one, two *observer
	speaker  *publisher
}

func newBench() *bench {
	l, book := newLedger(newVerdict()), newEvents()
	c := &bench{
		ledger: l, book: book, a: &scope{"/soak/a"}, b: &scope{"/soak/b"}, group: &scope{"/soak/g/0", "/soak/g/1"},
		one: newObserver(l, "one", false), two: newObserver(l, "two", false), speaker: book.enter("/soak/e"),
	}
	for _, o := range []*observer{c.one, c.two} {
		o.subscribed(book.now(), "/soak/")
	}
	return c
}

// written is a write that the router has acknowledged, and shown to both if it is to one address.
func (c *bench) written(to *scope, revision uint64, commit bool) id {
	n := c.begin(commit, to)
	c.acked(n, revision)
	for _, address := range *to {
		c.one.live(address, revision, n)
		c.two.live(address, revision, n)
	}
	return n
}

// compared is the comparison at the end of a round, once.
func (c *bench) compared(now map[string]found) {
	for _, o := range []*observer{c.one, c.two} {
		if p, err := o.lags(now, c.book); err != nil {
			c.verdict.fail(p, "%v", err)
		}
	}
	if err := c.keeps(now); err != nil {
		c.verdict.fail(newest, "%v", err)
	}
}

// said publishes events and has them confirmed.
func (c *bench) said(n int) {
	for range n {
		c.book.confirm(c.speaker, c.book.place(c.speaker))
	}
}

var histories = []struct {
	name   string
	breaks []promise // none: it is as it should be
	words  string    // what the checker says
	happen func(c *bench)
}{
	{"in order", nil, "", func(c *bench) {
		n := c.written(c.a, 1, true)
		m := c.written(c.group, 1, true)
		c.one.snapshot("/soak/a", 1, n) // asked for again
		c.said(2)
		c.one.event(c.speaker.number, 1)
		c.one.event(c.speaker.number, 2)
		c.two.event(c.speaker.number, 1)
		c.two.event(c.speaker.number, 2)
		now := map[string]found{"/soak/a": {1, n}, "/soak/g/0": {1, m}, "/soak/g/1": {1, m}}
		c.compared(now)
		c.together(*c.group, now)
		after := map[string]found{"/soak/a": {1 + epoch, n}, "/soak/g/0": {1 + epoch, m}, "/soak/g/1": {1 + epoch, m}}
		c.recovered(after)
		c.acked(c.begin(false, c.a), 2+epoch)
	}},
	{"conflated", nil, "", func(c *bench) { // a slow reader sees the first and the last
		first, second, third := c.begin(false, c.a), c.begin(false, c.a), c.begin(false, c.a)
		for i, n := range []id{first, second, third} {
			c.acked(n, uint64(i+1))
			c.one.live("/soak/a", uint64(i+1), n)
		}
		c.two.live("/soak/a", 1, first)
		c.two.live("/soak/a", 3, third)
		c.compared(map[string]found{"/soak/a": {3, third}})
	}},
	{"a write at confirm lost by the kill", nil, "", func(c *bench) {
		c.written(c.a, 1, false)
		c.recovered(map[string]found{})
		c.acked(c.begin(false, c.a), 1+epoch)
	}},
	{"an unanswered write found after the kill", nil, "", func(c *bench) {
		c.written(c.a, 1, true)
		n := c.begin(true, c.a)
		c.recovered(map[string]found{"/soak/a": {2 + epoch, n}})
	}},

	{"a revision twice", []promise{rising}, "revision 1 of /soak/a, after 1", func(c *bench) {
		n := c.written(c.a, 1, false)
		c.one.live("/soak/a", 1, n)
	}},
	{"a revision back", []promise{rising}, "revision 1 of /soak/a, after 2", func(c *bench) {
		n := c.written(c.a, 1, false)
		c.written(c.a, 2, false)
		c.one.live("/soak/a", 1, n)
	}},
	{"a snapshot back", []promise{rising}, "in a snapshot, after 2", func(c *bench) {
		n := c.written(c.a, 1, false)
		c.written(c.a, 2, false)
		c.one.snapshot("/soak/a", 1, n)
	}},
	{"a last value that did not come", []promise{newest}, "two is at revision 1 of /soak/a, the router at 2", func(c *bench) {
		c.written(c.a, 1, false)
		n := c.begin(false, c.a)
		c.acked(n, 2)
		c.one.live("/soak/a", 2, n)
		c.compared(map[string]found{"/soak/a": {2, n}})
	}},
	{"a value taken back", []promise{newest, newest, newest}, "somebody was told of 2", func(c *bench) {
		n := c.written(c.a, 1, false)
		c.written(c.a, 2, false)
		c.compared(map[string]found{"/soak/a": {1, n}})
	}},
	{"an address that a joiner missed", []promise{complete}, "two was never shown /soak/b", func(c *bench) {
		c.written(c.a, 1, false)
		n := c.begin(false, c.b)
		c.acked(n, 1)
		c.one.live("/soak/b", 1, n)
		c.compared(map[string]found{"/soak/b": {1, n}, "/soak/a": {1, 1}})
	}},
	{"an event missing in the middle", []promise{complete}, "1 are missing", func(c *bench) {
		c.said(3)
		c.one.event(c.speaker.number, 1)
		c.one.event(c.speaker.number, 3)
	}},
	{"an event twice", []promise{complete}, "event 1 of publisher 1 after 1", func(c *bench) {
		c.said(1)
		c.one.event(c.speaker.number, 1)
		c.one.event(c.speaker.number, 1)
	}},
	{"the last event missing", []promise{complete}, "event 1 of publisher 1 at /soak/e, and 2 is confirmed", func(c *bench) {
		c.said(2)
		for place := range 2 {
			c.one.event(c.speaker.number, place+1)
		}
		c.two.event(c.speaker.number, 1)
		c.compared(map[string]found{})
	}},
	{"all events missing", []promise{complete}, "event 0 of publisher 1", func(c *bench) {
		c.said(1)
		c.one.event(c.speaker.number, 1)
		c.compared(map[string]found{})
	}},
	{"a commit gone after the kill", []promise{durable}, "/soak/a is gone", func(c *bench) {
		c.written(c.a, 1, true)
		c.recovered(map[string]found{})
	}},
	{"a commit behind after the kill", []promise{durable}, "comes back as revision 1 was; 2 was acknowledged", func(c *bench) {
		n := c.written(c.a, 1, true)
		c.written(c.a, 2, true)
		c.recovered(map[string]found{"/soak/a": {1 + epoch, n}})
	}},
	{"a bundle half gone after the kill", []promise{durable}, "/soak/g/1 is gone", func(c *bench) {
		n := c.written(c.group, 1, true)
		c.recovered(map[string]found{"/soak/g/0": {1 + epoch, n}})
	}},
	{"half a bundle", []promise{whole}, "/soak/g/0 has write 2 and /soak/g/1 has write 1", func(c *bench) {
		first, second := c.written(c.group, 1, false), c.begin(false, c.group)
		c.together(*c.group, map[string]found{"/soak/g/0": {2, second}, "/soak/g/1": {1, first}})
	}},
	{"a bundle without its end", []promise{whole}, "has write 0", func(c *bench) {
		n := c.begin(false, c.group)
		c.together(*c.group, map[string]found{"/soak/g/0": {1, n}})
	}},
	{"a refused bundle seen before", []promise{whole}, "was refused, and somebody has seen it", func(c *bench) {
		n := c.begin(false, c.group)
		c.one.live("/soak/g/0", 1, n)
		c.refused(n)
	}},
	{"a refused bundle seen after", []promise{whole}, "which was refused", func(c *bench) {
		n := c.begin(false, c.group)
		c.refused(n)
		c.one.live("/soak/g/0", 1, n)
	}},
	{"a revision for two values", []promise{unique}, "revision 1 of /soak/a is write 1 and write 2", func(c *bench) {
		c.written(c.a, 1, false)
		c.acked(c.begin(false, c.a), 1)
	}},
	{"a value with two revisions", []promise{unique}, "write 1 has revision 1 and revision 2", func(c *bench) {
		n := c.written(c.a, 1, false)
		c.begin(false, c.a)
		c.one.live("/soak/a", 2, n)
	}},
	{"a value at another address", []promise{unique}, "which was to /soak/a", func(c *bench) {
		n := c.written(c.a, 1, false)
		c.begin(false, c.b)
		c.one.live("/soak/b", 1, n)
	}},
	{"a value out of nothing", []promise{unique}, "which nobody has made", func(c *bench) {
		c.written(c.a, 1, false)
		c.one.live("/soak/a", 2, 77)
	}},
	{"a refused write seen", []promise{unique}, "which was refused", func(c *bench) {
		n := c.begin(false, c.a)
		c.refused(n)
		c.one.live("/soak/a", 1, n)
	}},
	{"a revision beyond all writes", []promise{unique}, "it can only be 1 to 1", func(c *bench) {
		c.acked(c.begin(false, c.a), 3)
	}},
	{"a revision used again after the kill", []promise{unique}, "/soak/a comes back at revision 2", func(c *bench) {
		n := c.written(c.a, 1, false)
		c.written(c.a, 2, false)
		c.recovered(map[string]found{"/soak/a": {2, n}})
	}},
	{"a lost address that begins again", []promise{unique}, "has revision 1; it can only be", func(c *bench) {
		c.written(c.a, 1, false)
		c.recovered(map[string]found{})
		c.acked(c.begin(false, c.a), 1)
	}},
	{"another value after the kill", []promise{unique}, "is write", func(c *bench) {
		c.written(c.a, 1, true)
		c.recovered(map[string]found{"/soak/a": {1 + epoch, c.begin(true, c.a)}})
	}},
}

func TestHistories(t *testing.T) {
	for _, h := range histories {
		t.Run(h.name, func(t *testing.T) {
			c := newBench()
			h.happen(c)
			want := make(map[promise]int)
			for _, p := range h.breaks {
				want[p]++
			}
			words, _ := c.verdict.failures()
			if !maps.Equal(c.verdict.broken, want) {
				t.Errorf("breaks %v, want %v: %q", c.verdict.broken, want, words)
			}
			if h.words != "" && !slices.ContainsFunc(words, func(w string) bool { return strings.Contains(w, h.words) }) {
				t.Errorf("said %q, want %q", words, h.words)
			}
		})
	}
}

// TestLossy: over UDP what is missing is counted and nothing else, but what comes still rises.
func TestLossy(t *testing.T) {
	c := newBench()
	o := newObserver(c.ledger, "far away", true)
	o.subscribed(c.book.now(), "/soak/")
	c.said(3)
	o.event(c.speaker.number, 1)
	o.event(c.speaker.number, 3)
	n := c.written(c.a, 1, false)
	if p, err := o.lags(map[string]found{"/soak/a": {1, n}}, c.book); err != nil {
		t.Errorf("promise %d: %v", p, err)
	}
	if words, all := c.verdict.failures(); all > 0 || o.gaps != 1 {
		t.Errorf("%d gaps, %q", o.gaps, words)
	}
	if o.event(c.speaker.number, 2); c.verdict.broken[complete] != 1 {
		t.Error("an event that comes too late is not noticed")
	}
}

// TestNotAsked: who has not subscribed, or did so after the events, misses nothing.
func TestNotAsked(t *testing.T) {
	c := newBench()
	c.said(1)
	c.one.event(c.speaker.number, 1)
	c.two.event(c.speaker.number, 1)
	late := newObserver(c.ledger, "late", false)
	n := c.written(c.a, 1, false)
	for range 2 {
		if p, err := late.lags(map[string]found{"/soak/a": {1, n}}, c.book); err != nil {
			t.Errorf("promise %d: %v", p, err)
		}
		late.subscribed(c.book.now(), "/soak/other/", "/soak/e")
	}
	c.said(1)
	late.event(c.speaker.number, 2)
	c.said(1)
	if _, err := late.lags(nil, c.book); err == nil {
		t.Error("an event after its subscription is missing, and nobody notices")
	}
	c.book.sweep()
	if _, err := late.lags(nil, c.book); err == nil {
		t.Error("a publisher who has not left is swept away")
	}
	c.book.leave(c.speaker)
	c.book.sweep()
	if _, err := late.lags(nil, c.book); err != nil || len(c.book.publishers) > 0 {
		t.Errorf("one who has left is not: %v", err)
	}
}

// TestAbove: what stays behind is noticed, each kind of it, and what may differ is not.
func TestAbove(t *testing.T) {
	start := vitals{Goroutines: 30, Descriptors: 20, MemoryKiB: 40 << 10, HeapGoalKiB: 20 << 10, Params: 100}
	if excess := start.above(start); excess != "" {
		t.Errorf("as it was: %s", excess)
	}
	for words, end := range map[string]vitals{
		"goroutines":       {Goroutines: 60},
		"descriptors":      {Descriptors: 40},
		"KiB of heap goal": {HeapGoalKiB: 60 << 10},
		"KiB of memory":    {MemoryKiB: 120 << 10},
		"sessions":         {Sessions: 1},
		"subscriptions":    {Subscriptions: 1},
		"locks":            {Locks: 1},
	} {
		if excess := end.above(start); !strings.Contains(excess, words) || strings.Contains(excess, ";") {
			t.Errorf("%+v: %q, want %s", end, excess, words)
		}
	}
}

// TestReportErr: a soak that found something, or was broken off, is no success.
func TestReportErr(t *testing.T) {
	for want, r := range map[string]*Report{
		"":           {Ended: true},
		"broken off": {Asked: time.Hour, Lasted: time.Minute},
		"2 failures": {Ended: true, Failures: 2, Words: []string{"promise 1"}},
	} {
		if err := r.Err(); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", r, err, want)
		}
	}
}

// TestValues: a value says which write it is, and a damaged one is noticed.
func TestValues(t *testing.T) {
	for _, size := range []int{0, 8, 9, torrentSize} {
		v := valueOf(0x0102030405060708, size)
		if n, err := idOf(v); err != nil || n != 0x0102030405060708 {
			t.Errorf("%d bytes: %x, %v", size, n, err)
		}
		for _, at := range []int{3, len(v.Data) - 1} {
			if size < 9 {
				continue // all of it is the number
			}
			damaged := wire.Value{Code: v.Code, Data: slices.Clone(v.Data)}
			damaged.Data[at] ^= 1
			if n, err := idOf(damaged); err == nil && n == 0x0102030405060708 {
				t.Errorf("%d bytes, damaged at %d: nobody notices", size, at)
			}
		}
	}
	for _, v := range []wire.Value{{}, {Code: wire.I8Code, Data: []byte{1}}, {Code: wire.BytesCode, Data: []byte{0, 1, 1}}} {
		if n, err := idOf(v); err == nil {
			t.Errorf("%v is write %d", v, n)
		}
	}
	if publisher, place := splitEvent(id(7)<<placeBits | 9); publisher != 7 || place != 9 {
		t.Errorf("%d, %d", publisher, place)
	}
}
