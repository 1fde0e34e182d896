package tui

// The Logs pane: the last lines of the router's log, by level, text and client. What a frame
// costs depends on the new lines and on those on the screen, not on how many are kept.

import (
	"slices"
	"strings"
	"time"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"github.com/clasp-studio/clasp/router/monitor"
)

// logsPanel implements pane and shower.
type logsPanel struct {
	e    *env
	w, h int
	rev  uint64

	ring    logsRing
	since   uint64 // the next line: earlier ones have been here
	started time.Time
	dropped uint64

	level   monitor.Level
	session string
	filter  logsFilter // hides what does not pass
	find    logsFilter // marks what passes
	hits    logsHits
	list    vlist
	follow  bool
	fresh   uint64 // lines that passed since follow went off

	edit   *input // the line being typed, nil = none
	before string // the filter to go back to
	finds  bool   // the line is for find, not for filter

	wrap   bool
	times  logsTimes
	marked map[uint64]bool
	from   logsSpot // where the screen begins

	weighed, heavy uint64 // at which line the ring was weighed, and what came of it
}

// logsSpot is a line of the list, and which of its lines on the screen where it is wrapped.
type logsSpot struct{ at, part int }

// logsTimes is how times are shown.
type logsTimes uint8

const (
	logsClock logsTimes = iota
	logsDate
	logsNoTime
	logsTimesAll
)

// logsFilter is a filter in force, with what was typed.
type logsFilter struct {
	text   string
	parsed *monitor.Filter
	wrong  string // why the text is none; the one before is in force meanwhile
}

// set takes a text. One that is wrong changes nothing but what is said about it.
func (f *logsFilter) set(text string) {
	f.text, f.wrong = text, ""
	if strings.TrimSpace(text) == "" {
		f.parsed = nil
		return
	}
	parsed, err := monitor.ParseFilter(text)
	if err != nil {
		f.wrong = err.Error()
		return
	}
	f.parsed = parsed
}

// pass reports whether a line passes; without a filter all do.
func (f *logsFilter) pass(line *monitor.Line) bool {
	if f.parsed == nil {
		return true
	}
	text := line.Text
	if line.Attrs != "" {
		text += " " + line.Attrs
	}
	return f.parsed.Text(text)
}

func newLogs(e *env) pane {
	return &logsPanel{e: e, level: monitor.LevelInfo, follow: true, marked: map[uint64]bool{}}
}

func (p *logsPanel) name() string { return "Logs" }

func (p *logsPanel) badge() string { return "" }

func (p *logsPanel) title() string {
	parts := []string{"Logs", logsLevels[p.level] + " and above", plural(len(p.ring.lines), "line", "lines")}
	switch p.level {
	case monitor.LevelTrace:
		parts[1] = "all levels"
	case monitor.LevelError:
		parts[1] = "errors"
	}
	if n := len(p.hits.numbers); n != len(p.ring.lines) {
		parts[2] = grouped(n) + " of " + parts[2]
	}
	if p.session != "" {
		parts = append(parts, "client "+p.session)
	}
	if p.filter.text != "" {
		parts = append(parts, "/"+p.filter.text)
	}
	if p.find.text != "" {
		parts = append(parts, "find "+p.find.text)
	}
	if n := len(p.marked); n > 0 {
		parts = append(parts, count(n)+" marked")
	}
	if !p.follow {
		parts = append(parts, count(p.fresh)+" new "+p.e.glyphs.down)
	}
	if p.dropped > 0 {
		parts = append(parts, count(p.dropped)+" lost: more came than can be shown")
	}
	return strings.Join(parts, p.e.separator())
}

// logsLevels are the words for levels.
var logsLevels = map[monitor.Level]string{
	monitor.LevelTrace: "trace", monitor.LevelDebug: "debug", monitor.LevelInfo: "info", monitor.LevelWarn: "warnings", monitor.LevelError: "errors",
}

func (p *logsPanel) resize(w, h int) {
	p.w, p.h = w, h
	p.settle()
}

// want has nothing to add: every frame has the new lines (feed.fetch), whether or not the pane
// is on the screen. Who looks here wants to know what has just happened.
func (p *logsPanel) want(*monitor.Query) {}

func (p *logsPanel) alert(_ *frame) {}

func (p *logsPanel) apply(f *frame) {
	if !f.Overview.Started.Equal(p.started) {
		p.started, p.since = f.Overview.Started, 0 // another router counts its lines anew
	}
	page := &f.Logs
	changed := false
	for i := range page.Lines {
		line := page.Lines[i]
		if line.Seq < p.since {
			continue // a frame that was asked for before the last one came
		}
		p.since = line.Seq + 1
		p.add(line)
		changed = true
	}
	if page.Dropped > 0 && changed {
		p.dropped += page.Dropped
	}
	p.since = max(p.since, page.Next)
	if changed {
		p.trim()
		p.settle()
	}
}

func (p *logsPanel) add(line monitor.Line) {
	number := p.ring.next
	p.ring.add(line)
	if p.passes(&line) {
		p.hits.add(number)
		if !p.follow {
			p.fresh++
		}
	}
}

func (p *logsPanel) passes(line *monitor.Line) bool {
	return line.Level >= p.level && (p.session == "" || line.Session == p.session) && p.filter.pass(line)
}

// trim takes out of the list what the ring has lost; the rest stays where it is.
func (p *logsPanel) trim() {
	gone := p.hits.drop(p.ring.first)
	p.list.at -= gone
	p.list.top = max(p.list.top-gone, 0)
	if p.from.at -= gone; p.from.at < 0 {
		p.from = logsSpot{}
	}
	for number := range p.marked {
		if number < p.ring.first {
			delete(p.marked, number)
		}
	}
}

// siftTime is how long a filter may go through the lines: no key is heard meanwhile.
const siftTime = 250 * time.Millisecond

// sift makes the list anew after a filter has changed; the cursor stays at its line, or at
// the one before it that passes.
func (p *logsPanel) sift() {
	number, had := p.selected()
	p.hits.numbers = p.hits.numbers[:0:0]
	began := p.e.now()
	for n := p.ring.first; n < p.ring.next; n++ {
		if n%64 == 0 && p.filter.parsed != nil && p.e.now().Sub(began) > siftTime {
			p.filter.parsed, p.filter.wrong = nil, monitor.ErrTooSlow.Error()
			p.sift()
			return
		}
		if p.passes(p.ring.at(n)) {
			p.hits.add(n)
		}
	}
	p.list.length(len(p.hits.numbers))
	if at, ok := slices.BinarySearch(p.hits.numbers, number); had {
		if !ok {
			at--
		}
		p.list.to(at)
	}
	p.from = logsSpot{at: p.list.top}
	p.settle()
}

// selected is the number of the line under the cursor.
func (p *logsPanel) selected() (uint64, bool) {
	if p.list.at < 0 || p.list.at >= len(p.hits.numbers) {
		return 0, false
	}
	return p.hits.numbers[p.list.at], true
}

func (p *logsPanel) line() *monitor.Line {
	if number, ok := p.selected(); ok {
		return p.ring.at(number)
	}
	return nil
}

// settle makes list and screen fit what there is now.
func (p *logsPanel) settle() {
	p.rev++
	p.list.height = p.rows()
	p.list.length(len(p.hits.numbers))
	if p.follow {
		p.list.to(len(p.hits.numbers) - 1)
		p.fresh = 0
	}
	p.aim()
}

// rows is how many lines of the pane are for the log.
func (p *logsPanel) rows() int {
	if p.edit != nil {
		return max(p.h-1, 0)
	}
	return p.h
}

// move goes through the list by hand: follow ends, unless that is where it leads.
func (p *logsPanel) move(f func()) {
	f()
	p.setFollow(len(p.hits.numbers) == 0 || p.list.at == len(p.hits.numbers)-1 && p.follow)
	p.settle()
}

func (p *logsPanel) setFollow(on bool) {
	if p.follow = on; on {
		p.fresh = 0
	}
}

// show narrows the pane to a session's lines.
func (p *logsPanel) show(g gotoMsg) tea.Cmd {
	if g.session != "" {
		p.session, p.level = g.session, min(p.level, monitor.LevelInfo)
		p.setFollow(true)
		p.sift()
	}
	return nil
}

func (p *logsPanel) click(_, y int) {
	for i, spot := range p.screen() {
		if i == y {
			p.move(func() { p.list.to(spot.at) })
			return
		}
	}
}

func (p *logsPanel) wheel(delta int) {
	p.setFollow(false)
	p.move(func() { p.list.scroll(delta) })
}

// weight implements weigher. It is counted anew only when there is a line more.
func (p *logsPanel) weight() uint64 {
	if p.weighed != p.ring.next {
		p.weighed, p.heavy = p.ring.next, p.ring.weight()
	}
	return p.heavy + uint64(8*cap(p.hits.numbers))
}

func (p *logsPanel) typing() bool { return p.edit != nil }

func (p *logsPanel) revision() uint64 {
	if p.e.private {
		return p.rev<<1 | 1
	}
	return p.rev << 1
}

func (p *logsPanel) cursor() (int, int, bool) {
	if p.edit != nil {
		return 0, p.h - 1, p.h > 0
	}
	for y, spot := range p.screen() {
		if spot.at == p.list.at && spot.part == 0 {
			return 0, y, true
		}
	}
	return 0, 0, false
}

func (p *logsPanel) bindings() []key.Binding {
	k := p.e.keys
	if p.edit != nil {
		what := "mark hits instead"
		if p.finds {
			what = "hide others instead"
		}
		return []key.Binding{formKey("enter", "keep"), formKey("esc", "undo"), formKey("tab", what)}
	}
	list := []key.Binding{k.Filter, k.LevelUp, k.LevelDown, k.Follow, k.Mark, k.Copy, k.Save, k.Wrap, k.Times, k.Next, k.Enter}
	if p.filter.text != "" || p.find.text != "" || p.session != "" || len(p.marked) > 0 {
		list = append([]key.Binding{k.Back}, list...)
	}
	return list
}
