package tui

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/router/monitor"
)

// newOverviewKit is the pane after two minutes of a router that is busy.
func newOverviewKit(t testing.TB, w, h int) (*overview, *frame, *env) {
	t.Helper()
	e, _, _ := newTestEnv(t)
	p := newOverview(e).(*overview)
	p.resize(w, h)
	f := testFrame(1000, 0)
	f.Overview.Params = 100000
	f.cost = cost{frame: 400 * time.Microsecond, view: 1200 * time.Microsecond, fps: 20, cpu: 0.03, bytes: 1200, heap: 12 << 20}
	for i := range 2 * overviewSamples {
		f.At = testStart.Add(time.Duration(i) * overviewEvery)
		f.Overview.Totals.MessagesIn += uint64(1000 + 500*math.Sin(float64(i)/9))
		f.Overview.Totals.MessagesOut += 3000
		g := *f
		p.apply(&g)
	}
	return p, f, e
}

func overviewScreen(t testing.TB, p *overview) string {
	t.Helper()
	lines := p.render(true)
	checkLines(t, lines, p.w, p.h)
	return textOf(lines)
}

func TestOverviewOnEveryScreen(t *testing.T) {
	for _, plainly := range []bool{false, true} {
		p, f, e := newOverviewKit(t, 0, 0)
		if plainly {
			plainTestEnv(e)
		}
		f.Overview.Name = "a name of ASCII alone"
		for w := 0; w < 205; w += 13 {
			for h := range 50 {
				p.resize(w, h)
				for _, c := range overviewScreen(t, p) {
					if plainly && c > 0x7e {
						t.Fatalf("%d x %d has %q, which is no ASCII", w, h, c)
					}
				}
				p.bindings()
			}
		}
	}
}

// TestOverviewSaysWhatMatters at the sizes that the layout gives it.
func TestOverviewSaysWhatMatters(t *testing.T) {
	always := []string{"UDP is not listening: port 7332 is taken", "12.3k/s", "45.7k/s", "5.7 MB/s", "20.0k/s", "100 slow"}
	whole := []string{"stop the other program, or give --udp-port another", "ws://192.168.1.20:7330/clasp", "ws://10.0.0.5:7330/clasp", "quic://192.168.1.20:7331",
		"■ port 7332 is taken", "tokens and pairing", "/var/lib/clasp/state.db", "WebSocket", "QUIC", "750", "250", "1,000", "100,000", "3,000",
		"0.4 ms", "1.2 ms", "3.0 %", "of 32.0 MB", "Everything", "1.2 kB/s", "log lines"}
	for _, c := range []struct {
		w, h int
		want []string
	}{
		{80, 4, nil},
		{120, 6, []string{"stop the other program", "ws://192.168.1.20:7330/clasp", "UDP is down", "tokens and pairing"}},
		{198, 45, whole}, {120, 27, whole}, {80, 60, whole}, {60, 60, whole}, {40, 7, nil},
	} {
		p, f, _ := newOverviewKit(t, c.w, c.h)
		s := overviewScreen(t, p)
		for _, want := range append(always, c.want...) {
			switch {
			case want == "Everything" || strings.Contains(s, want):
			case c.h > overviewStrip && want == "100 slow" && strings.Contains(s, "slow                100"):
			case c.w < 60 && (strings.Contains(want, "UDP is not") || strings.Contains(want, "program, or give")): // cut or wrapped
			default:
				t.Errorf("%d x %d: no %q:\n%s", c.w, c.h, want, s)
			}
		}
		f.Overview.Problems, f.At = nil, f.At.Add(time.Millisecond)
		f.Overview.Slow = 0
		p.apply(f)
		if s := overviewScreen(t, p); !strings.Contains(s, "● Everything is fine") {
			t.Errorf("%d x %d: nothing is wrong:\n%s", c.w, c.h, s)
		}
	}
}

func TestOverviewOfManyProblems(t *testing.T) {
	p, f, _ := newOverviewKit(t, 120, 30)
	g := *f
	g.Overview.Problems = []monitor.Problem{
		{Level: monitor.LevelError, Text: "the state cannot be stored: no space left on /var", Do: "make room; nothing that is set now survives a restart"},
		{Level: monitor.LevelWarn, Text: "3 clients are slow", Do: "look at Connections, S puts them first"},
		{Level: monitor.LevelWarn, Text: strings.Repeat("something long ", 20)},
	}
	p.apply(&g)
	s := overviewScreen(t, p)
	for _, want := range []string{"■", "no space left", "make room", "3 clients are slow", "S puts them first", "something long"} {
		if !strings.Contains(s, want) {
			t.Errorf("no %q:\n%s", want, s)
		}
	}
	if p.badge() != "▲3" {
		t.Errorf("the tab says %q", p.badge())
	}
}

// TestOverviewStandsStill: numbers change twice a second, what is wrong at once.
func TestOverviewStandsStill(t *testing.T) {
	p, f, _ := newOverviewKit(t, 120, 30)
	at := f.At
	next := func(after time.Duration, change func(*frame)) bool {
		g := *f
		g.At = at.Add(after)
		change(&g)
		before := p.revision()
		p.apply(&g)
		return p.revision() != before
	}
	if next(100*time.Millisecond, func(g *frame) { g.rates.in++ }) {
		t.Error("a number moves after 100 ms")
	}
	for what, change := range map[string]func(*frame){
		"a client":   func(g *frame) { g.Overview.Sessions++ },
		"a problem":  func(g *frame) { g.Overview.Problems = nil },
		"a listener": func(g *frame) { g.Overview.Listeners = g.Overview.Listeners[:1] },
	} {
		if !next(120*time.Millisecond, change) {
			t.Errorf("%s is not shown at once", what)
		}
	}
	if !next(120*time.Millisecond+overviewCalm, func(g *frame) { g.rates.in++ }) {
		t.Error("a number does not move after half a second")
	}
}

func TestOverviewSamplesOnceASecond(t *testing.T) {
	var r overviewRates
	at, totals := testStart, monitor.Totals{MessagesIn: 100, Joined: 1}
	step := func(d time.Duration, n uint64) {
		at = at.Add(d)
		totals.MessagesIn += n
		r.note(totals, at)
	}
	step(0, 0)
	for range 20 {
		step(50*time.Millisecond, 5)
	}
	if len(r.in) != 1 || r.in[0] != 100 {
		t.Fatalf("after a second of 100/s: %v", r.in)
	}
	step(3*time.Second, 600) // nobody has looked for three
	if len(r.in) != 4 || r.in[1] != 200 || r.in[3] != 200 || r.in.top(9) != 200 || r.in.top(0) != 0 {
		t.Fatalf("after three seconds of 200/s: %v", r.in)
	}
	totals = monitor.Totals{} // a router that has started again counts from nothing
	step(time.Second, 50)
	step(time.Second, 10)
	if len(r.in) != 5 || r.in[4] != 10 {
		t.Fatalf("after a new start: %v", r.in)
	}
	step(time.Hour, 3600)
	for range 200 {
		step(time.Second, 1)
	}
	if len(r.in) != overviewSamples || len(r.writes) != overviewSamples {
		t.Errorf("it keeps %d and %d samples", len(r.in), len(r.writes))
	}
	step(-time.Hour, 1) // a clock that was set back
	step(time.Second, 7)
	if r.in[overviewSamples-1] != 7 {
		t.Errorf("after the clock was set back: %v", r.in[overviewSamples-1])
	}
}

// TestOverviewGoesOnWhileFrozen: the picture stands, the samples do not.
func TestOverviewGoesOnWhileFrozen(t *testing.T) {
	p, f, _ := newOverviewKit(t, 120, 30)
	before, samples := p.revision(), p.rates.at
	g := *f
	g.At = f.At.Add(5 * time.Second)
	p.alert(&g)
	if p.revision() != before || !p.rates.at.After(samples) {
		t.Errorf("revision %d after %d, last sample at %v", p.revision(), before, p.rates.at)
	}
}

func TestOverviewScrolls(t *testing.T) {
	p, _, _ := newOverviewKit(t, 60, 20)
	if len(p.bindings()) == 0 {
		t.Error("no key scrolls what is longer than the screen")
	}
	if s := overviewScreen(t, p); !strings.Contains(s, "lines more") || strings.Contains(s, "log lines") {
		t.Errorf("the start:\n%s", s)
	}
	p.key(press("end"))
	if s := overviewScreen(t, p); strings.Contains(s, "lines more") || !strings.Contains(s, "log lines") {
		t.Errorf("the end:\n%s", s)
	}
	p.wheel(-1000)
	if p.scroll != 0 {
		t.Errorf("the wheel leaves it at line %d", p.scroll)
	}
	if _, handled := p.key(press("x")); handled {
		t.Error("x is the overview's")
	}
	p.resize(198, 60)
	if len(p.bindings()) != 0 {
		t.Error("keys for scrolling what fits")
	}
}

func TestOverviewHidesMachines(t *testing.T) {
	for _, size := range [][2]int{{198, 45}, {60, 60}, {120, 6}} {
		p, _, e := newOverviewKit(t, size[0], size[1])
		e.private = true
		if s := overviewScreen(t, p); strings.Contains(s, "192.168") || strings.Contains(s, "10.0.0") || strings.Contains(s, "foh-1") {
			t.Errorf("%v tells where it runs:\n%s", size, s)
		}
	}
}

func TestOverviewBeforeTheFirstFrame(t *testing.T) {
	e, _, _ := newTestEnv(t)
	p := newOverview(e).(*overview)
	p.resize(80, 20)
	if s := overviewScreen(t, p); !strings.Contains(s, "Waiting for the router") || p.badge() != "" || p.title() != "Overview" {
		t.Errorf("%q, %q:\n%s", p.badge(), p.title(), s)
	}
	f := testFrame(0, 0)
	f.rates = rates{}
	p.apply(f)
	if s := overviewScreen(t, p); !strings.Contains(s, "in             –") {
		t.Errorf("a rate that is not known:\n%s", s)
	}
}

func BenchmarkOverview(b *testing.B) {
	p, _, _ := newOverviewKit(b, 200, 47)
	b.ReportAllocs()
	for b.Loop() {
		p.render(true)
	}
}

// TestOverviewGoodToKnow: what is no problem is said under "fine", whole.
func TestOverviewGoodToKnow(t *testing.T) {
	p, f, _ := newOverviewKit(t, 200, 40)
	g := *f
	g.Overview.Problems = []monitor.Problem{{Level: monitor.LevelInfo, Text: "anybody may come in", Do: "start with --pairing"}}
	p.apply(&g)
	for _, h := range []int{40, 6} {
		p.resize(200, h)
		s := overviewScreen(t, p)
		if !strings.Contains(s, "Everything is fine") || !strings.Contains(s, "anybody may come in") {
			t.Errorf("%d lines:\n%s", h, s)
		}
	}
}
