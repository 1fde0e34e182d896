package tui

// Overview: is everything fine, what is going on, where to connect to. In words first.

import (
	"slices"
	"time"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"github.com/clasp-studio/clasp/router/monitor"
)

// overviewCalm is how long numbers stand still: twice a second can be read, twenty times
// cannot. What is wrong is shown at once.
const overviewCalm = 500 * time.Millisecond

// overview is the pane.
type overview struct {
	e      *env
	w, h   int
	rev    uint64
	now    *frame // the one shown, nil before the first
	rates  overviewRates
	drawn  []string // all lines at this size, more perhaps than there is room for
	old    bool     // drawn has to be made anew
	scroll int
}

// newOverview makes the pane.
func newOverview(e *env) pane { return &overview{e: e, old: true} }

func (*overview) name() string { return "Overview" }

func (p *overview) badge() string {
	if p.now == nil {
		return ""
	}
	if n := len(p.now.Overview.Problems); n > 0 {
		return p.e.glyphs.warn + count(n)
	}
	return ""
}

func (p *overview) title() string {
	if p.now == nil {
		return "Overview"
	}
	return "Overview" + p.e.separator() + p.now.Overview.Name
}

func (p *overview) resize(w, h int) {
	p.w, p.h = max(w, 0), max(h, 0)
	p.changed()
}

func (p *overview) changed() { p.old = true; p.rev++ }

// want has nothing to ask for: the overview is in every frame.
func (*overview) want(*monitor.Query) {}

func (p *overview) apply(f *frame) {
	p.rates.note(f.Overview.Totals, f.At)
	if p.now != nil && overviewSame(&p.now.Overview, &f.Overview) {
		if gone := f.At.Sub(p.now.At); gone >= 0 && gone < overviewCalm {
			return
		}
	}
	p.now = f
	p.changed()
}

// alert goes on with the samples while the screen is frozen, so that there is no gap later.
func (p *overview) alert(f *frame) { p.rates.note(f.Overview.Totals, f.At) }

// overviewSame reports whether nothing has changed that has to be seen at once.
func overviewSame(a, b *monitor.Overview) bool {
	return a.Sessions == b.Sessions && a.Slow == b.Slow && a.Lobby == b.Lobby && slices.Equal(a.Problems, b.Problems) &&
		slices.EqualFunc(a.Listeners, b.Listeners, func(x, y monitor.Listener) bool {
			return x.Transport == y.Transport && x.Up == y.Up && x.Error == y.Error && slices.Equal(x.URLs, y.URLs)
		})
}

func (p *overview) key(k tea.KeyPressMsg) (tea.Cmd, bool) {
	keys := p.e.keys
	switch {
	case key.Matches(k, keys.Up):
		p.move(-1)
	case key.Matches(k, keys.Down):
		p.move(1)
	case key.Matches(k, keys.PageUp):
		p.move(-max(p.h-1, 1))
	case key.Matches(k, keys.PageDown):
		p.move(max(p.h-1, 1))
	case key.Matches(k, keys.Home):
		p.move(-len(p.lines()))
	case key.Matches(k, keys.End):
		p.move(len(p.lines()))
	default:
		return nil, false
	}
	return nil, true
}

// move scrolls what is longer than the pane.
func (p *overview) move(lines int) {
	to := max(0, min(p.scroll+lines, len(p.lines())-p.h))
	if to != p.scroll {
		p.scroll = to
		p.rev++
	}
}

func (*overview) click(_, _ int)     {}
func (p *overview) wheel(delta int)  { p.move(delta) }
func (*overview) typing() bool       { return false }
func (p *overview) revision() uint64 { return p.rev }

// cursor is on the line that says how the router is: what a screen reader has to read.
func (p *overview) cursor() (x, y int, ok bool) { return 0, 0, p.w > 0 && p.h > 0 }

func (p *overview) bindings() []key.Binding {
	if len(p.lines()) <= p.h {
		return nil
	}
	return []key.Binding{p.e.keys.Up, p.e.keys.Down}
}

func (p *overview) render(_ bool) []string {
	p.old = true // root asks anew when colours or characters have changed, too
	all := p.lines()
	p.scroll = max(0, min(p.scroll, len(all)-p.h))
	shown := slices.Clone(all[p.scroll:min(p.scroll+p.h, len(all))])
	if more := len(all) - p.scroll - p.h; more > 0 && p.h > overviewStrip { // a strip has no line to spare
		shown[p.h-1] = p.e.theme.paint(dim, p.e.fit(p.e.glyphs.down+" "+count(more+1)+" lines more", p.w))
	}
	for len(shown) < p.h {
		shown = append(shown, "")
	}
	for i, line := range shown {
		shown[i] = p.e.fit(line, p.w)
	}
	return shown
}
