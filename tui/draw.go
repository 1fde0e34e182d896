package tui

// What the screen looks like: the lines around the panes, and putting it all together. A
// pane is drawn again only when it says that it looks different.

import (
	"fmt"
	"strings"
	"time"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"github.com/clasp-studio/clasp/router/monitor"
)

// look is what the look of a pane depends on.
type look struct {
	revision uint64
	epoch    uint64
	w, h     int
	focused  bool
	failure  *failure
}

// drawn is a pane as it was drawn last.
type drawn struct {
	look
	lines []string
}

// View implements tea.Model.
func (r *root) View() tea.View {
	start := r.e.now()
	if r.dirty {
		r.content = r.screen()
		r.dirty = false
	}
	v := tea.NewView(r.content)
	v.AltScreen = true
	v.ReportFocus = true
	v.WindowTitle = r.windowTitle()
	if r.mouse {
		v.MouseMode = tea.MouseModeCellMotion
	}
	if r.ending && r.keep {
		// Outside of the alternate screen it stays. The last line is erased on the way out.
		v.AltScreen = false
		if i := strings.LastIndexByte(v.Content, '\n'); i >= 0 {
			v.Content = v.Content[:i+1]
		}
	} else if x, y, ok := r.cursorAt(); ok {
		v.Cursor = tea.NewCursor(x, y)
		v.Cursor.Shape = tea.CursorBar
		v.Cursor.Blink = false
	}
	d := r.e.now().Sub(start)
	r.meter.add(d)
	r.meter.cost.view = d
	return v
}

// cursorAt is where the terminal's cursor is: on the selected row, which is what a screen
// reader reads.
func (r *root) cursorAt() (x, y int, ok bool) {
	body := r.layout.panes[r.focus].body()
	if r.top() != nil || !body.shown() || r.lostFor() >= lostPageAfter {
		return 0, 0, false
	}
	r.guard(r.focus, "finding the row of", func(p pane) { x, y, ok = p.cursor() })
	if !ok || x < 0 || y < 0 || x >= body.w || y >= body.h {
		return 0, 0, false
	}
	return body.x + x, body.y + y, true
}

// screen is all lines.
func (r *root) screen() string {
	if r.w < 1 || r.h < 1 {
		return ""
	}
	r.hide()
	lines := make([]string, r.h)
	if r.layout.small {
		said := r.tooSmall()
		for i := range lines {
			lines[i] = blank(r.w)
			if i < len(said) {
				lines[i] = r.e.fit(said[i], r.w)
			}
		}
	} else {
		lines[0] = r.statusLine()
		lines[1] = r.tabLine()
		r.drawBody(lines)
		lines[r.h-1] = r.footLine()
		r.lay(lines)
	}
	if r.e.glyphs.ascii {
		for i := range lines {
			lines[i] = asciiOnly(lines[i])
		}
	}
	return strings.Join(lines, "\n")
}

// hide tells panes that are not going to be drawn so. What was on the screen a moment ago
// has to be read anew when it is there again.
func (r *root) hide() {
	whole := !r.layout.small && r.newest != nil && r.lostFor() < lostPageAfter
	for id := range panes {
		if whole && r.layout.panes[id].shown() {
			continue
		}
		r.guard(id, "hiding", func(p pane) {
			if h, ok := p.(hider); ok {
				h.hidden()
				r.drawn[id].lines = nil
			}
		})
	}
}

// tooSmall is all that is said on a screen nothing fits on, over as many lines as it takes;
// where not all of them are there, who is there and who wants in come first.
func (r *root) tooSmall() []string {
	text := []string{fmt.Sprintf("terminal too small (%dx%d, need %dx%d)", r.w, r.h, minWidth, minHeight)}
	if f := r.newest; f != nil {
		text = append(text, plural(f.Overview.Sessions, "client", "clients"))
		if n := wantIn(&f.Pairing); n > 0 {
			text = append(text, plural(n, "pairing request", "pairing requests"))
		}
	}
	d := " " + r.e.glyphs.dot + " "
	said := wrap(strings.Join(text, d), r.w)
	if len(said) > r.h {
		said = wrap(strings.Join(append(text[1:], text[0]), d), r.w)
	}
	return said
}

// part is a piece of the status line; where there is no room for all, those with the lower
// rank stay.
type part struct {
	role role
	text string
	rank int // 0: never dropped
}

const leastRank = 6

// statusLine says how the router is, who is there and who wants in, whatever else is shown.
func (r *root) statusLine() string {
	e := r.e
	left := []part{{accent, "clasp", 5}}
	var end []part
	if f := r.newest; f == nil {
		left = append(left, part{plain, "waiting for the router", 0})
	} else {
		o := &f.Overview
		sign, word := r.health(o)
		left = append(left, sign, part{strong, o.Name, 0})
		if word.text != "" {
			left = append(left, word)
		}
		left = append(left, part{plain, plural(o.Sessions, "client", "clients"), 0})
		if n := r.notify.open; n > 0 {
			left = append(left, part{warn, fmt.Sprintf("PAIR %d", n), 0})
		}
		if o.Slow > 0 {
			left = append(left, part{bad, fmt.Sprintf("SLOW %d", o.Slow), 1})
		}
		if f.rates.known {
			left = append(left,
				part{plain, "in " + e.right(perSecond(f.rates.in), 7) + "  out " + e.right(perSecond(f.rates.out), 7), 3})
			if f.rates.drops > 0 {
				left = append(left, part{bad, "dropping " + perSecond(f.rates.drops), 2})
			}
			left = append(left, part{dim, "writes " + e.right(perSecond(f.rates.writes), 7), 6})
		}
		if e.options.Attached {
			end = append(end, part{dim, fmt.Sprintf("attached to pid %d on %s", o.PID, e.mask(maskName, o.Host)), 4})
		}
	}
	if e.options.ReadOnly {
		end = append(end, part{dim, "read only", 4})
	}
	if e.private {
		end = append(end, part{warn, "PRIVATE", 2})
	}
	if r.mouse {
		end = append(end, part{dim, "mouse", 6})
	}
	if r.zoom {
		end = append(end, part{dim, "zoomed", 6})
	}
	end = append(end, part{dim, r.e.now().Format("15:04:05"), 5})

	left, end = choose(left, r.w-1), end[:len(end):len(end)]
	end = choose(append([]part{{text: e.joinParts(left, partGap)}}, end...), r.w-2)[1:]
	if len(end) == 0 {
		return e.theme.over(status, e.fit(" "+r.mustShow(left), r.w))
	}
	return e.theme.over(status, e.beside(" "+e.joinParts(left, partGap), e.joinParts(end, partGap)+" ", r.w))
}

const partGap = "  "

// choose returns the parts that fit into w cells together, the most important ones first;
// those that are never dropped are there in any case.
func choose(parts []part, w int) []part {
	in := make([]bool, len(parts))
	for rank := 0; rank <= leastRank; rank++ {
		for i, p := range parts {
			if p.rank != rank {
				continue
			}
			if n := cells(p.text) + len(partGap); rank == 0 || n <= w {
				in[i] = true
				w -= n
			}
		}
	}
	var out []part
	for i, p := range parts {
		if in[i] {
			out = append(out, p)
		}
	}
	return out
}

// mustShow joins what is never dropped: the name gives way, the counts do not.
func (r *root) mustShow(parts []part) string {
	all := r.e.joinParts(parts, partGap)
	over := cells(all) + 1 - r.w
	if over <= 0 {
		return all
	}
	for i := range parts {
		if parts[i].role == strong {
			parts[i].text = r.e.clip(parts[i].text, max(4, cells(parts[i].text)-over))
		}
	}
	return r.e.joinParts(parts, partGap)
}

func (e *env) joinParts(parts []part, gap string) string {
	out := make([]string, 0, len(parts))
	for _, p := range parts {
		out = append(out, e.theme.paint(p.role, p.text))
	}
	return strings.Join(out, gap)
}

// health is the router's state as a glyph and a word.
func (r *root) health(o *monitor.Overview) (sign, word part) {
	g := r.e.glyphs
	if r.lost != nil {
		return part{bad, g.bad, 0}, part{bad, "NOT REACHABLE", 0}
	}
	worst := monitor.LevelInfo
	for _, p := range o.Problems {
		worst = max(worst, p.Level)
	}
	switch {
	case worst >= monitor.LevelError:
		return part{bad, g.bad, 0}, part{bad, plural(len(o.Problems), "problem", "problems"), 1}
	case worst == monitor.LevelWarn:
		return part{warn, g.warn, 0}, part{warn, plural(len(o.Problems), "warning", "warnings"), 2}
	}
	return part{good, g.ok, 0}, part{dim, "fine", 4}
}

// tabLine has the panes by their numbers, and on the right the banner of a frozen screen.
func (r *root) tabLine() string {
	banner := r.banner()
	room := r.w - cells(banner)
	line := r.tabsIn(room)
	return r.e.beside(line, banner, r.w)
}

// tabsIn writes the tabs into w cells: with names and badges, without badges, or only the
// numbers.
func (r *root) tabsIn(w int) string {
	e := r.e
	for try := range 3 {
		line, x, gap := " ", 1, "   "
		if try > 0 {
			gap = "  "
		}
		for id := range panes {
			text := fmt.Sprintf("%d", id+1)
			if try < 2 && r.layout.tabNames || id == r.focus {
				text += " " + paneNames[id]
			}
			badge := ""
			if try == 0 && r.layout.tabNames || id == pairingPane {
				r.guard(id, "counting in", func(p pane) { badge = p.badge() })
			}
			if r.broken[id] != nil {
				badge = "failed"
			}
			n := cells(text)
			shown := e.theme.paint(dim, text)
			if id == r.focus {
				shown = e.theme.paint(titleFoc, text)
			}
			if badge != "" {
				n += 1 + cells(badge)
				look := dim
				if id == pairingPane || r.broken[id] != nil {
					look = warn
				}
				shown += " " + e.theme.paint(look, badge)
			}
			r.tabsAt[id] = rect{x, r.layout.tabs.y, n, 1}
			line += shown + gap
			x += n + len(gap)
		}
		if x-len(gap) <= w || try == 2 {
			return strings.TrimSuffix(line, gap)
		}
	}
	return ""
}

// banner says that what is shown is old: because the screen is frozen, or the router gone.
func (r *root) banner() string {
	e := r.e
	switch {
	case r.lost != nil:
		return e.theme.paint(frozen, " NO ANSWER "+stopwatch(r.lostFor())+" ") + " "
	case !r.frozen.IsZero():
		text := " FROZEN " + stopwatch(e.now().Sub(r.frozen))
		if r.shown != nil && r.newest != nil && r.newest.Overview.Totals.Writes >= r.shown.Overview.Totals.Writes {
			n := count(r.newest.Overview.Totals.Writes - r.shown.Overview.Totals.Writes)
			if r.w >= 60 {
				n = grouped(int(r.newest.Overview.Totals.Writes - r.shown.Overview.Totals.Writes))
			}
			text += " " + e.glyphs.dot + " " + n + " changes since"
		}
		return e.theme.paint(frozen, text+" ") + " "
	}
	return ""
}

// stopwatch is "00:12", "1:02:03".
func stopwatch(d time.Duration) string {
	s := max(int(d/time.Second), 0)
	if s >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
	}
	return fmt.Sprintf("%02d:%02d", s/60, s%60)
}

// drawBody draws what is between the tabs and the footer.
func (r *root) drawBody(lines []string) {
	if r.newest == nil || r.lostFor() >= lostPageAfter {
		r.drawLost(lines)
		return
	}
	l := &r.layout
	for id := range panes {
		if at := l.panes[id]; at.shown() && (!l.divider.shown() || at.x == 0) {
			r.put(lines, at, r.paneLines(id, at))
		}
	}
	if l.divider.shown() {
		line := r.e.theme.paint(border, r.e.glyphs.vertical)
		for y := l.divider.y; y < l.divider.y+l.divider.h; y++ {
			lines[y] += line
		}
		for id := range panes {
			if at := l.panes[id]; at.shown() && at.x > 0 {
				r.put(lines, at, r.paneLines(id, at))
			}
		}
	}
	if l.strip.shown() {
		r.put(lines, l.strip, r.e.fill(r.strip.render(l.strip.w), l.strip.w, l.strip.h))
	}
}

// put adds lines at the right end of what is there.
func (r *root) put(lines []string, at rect, what []string) {
	for i, line := range what {
		if i < at.h {
			lines[at.y+i] += line
		}
	}
}

// paneLines is a pane with the line of its title.
func (r *root) paneLines(id paneID, at rect) []string {
	body := at.body()
	focused := id == r.focus && r.top() == nil // what a dialog may cover has not been seen: Pairing counts on that
	d := &r.drawn[id]
	var revision uint64
	r.guard(id, "drawing", func(p pane) { revision = p.revision() })
	look := look{revision, r.epoch, body.w, body.h, focused, r.broken[id]}
	if d.lines == nil || d.look != look {
		var lines []string
		r.guard(id, "drawing", func(p pane) { lines = p.render(focused) })
		look.failure = r.broken[id]
		if look.failure != nil {
			lines = look.failure.page(r.e, body.w, body.h)
		}
		if len(lines) != body.h {
			lines = r.e.fill(lines, body.w, body.h)
		}
		*d = drawn{look, lines}
	}
	out := make([]string, 0, at.h)
	out = append(out, r.titleLine(id, at.w, focused))
	return append(out, d.lines...)
}

// titleLine is a rule with the pane's title in it.
func (r *root) titleLine(id paneID, w int, focused bool) string {
	e, t := r.e, r.e.theme
	text := paneNames[id]
	r.guard(id, "naming", func(p pane) { text = p.title() })
	line, name := border, title
	if focused {
		line, name = borderFoc, titleFoc
	}
	h := e.glyphs.horizontal
	text = e.clip(text, w-6)
	lead := h + " "
	if focused && e.glyphs.ascii { // a screen without colours says it too
		lead = "= "
	} else if focused {
		lead = "━ "
	}
	rest := w - cells(lead) - cells(text) - 1
	if rest < 0 {
		return e.fit(text, w)
	}
	return t.paint(line, lead) + t.paint(name, text) + t.paint(line, " "+strings.Repeat(h, rest))
}

// footLine has the keys that mean something now, or for a while what has happened.
func (r *root) footLine() string {
	e, t := r.e, r.e.theme
	if r.flashed.text != "" {
		if r.flashed.bad {
			return e.fit(" "+t.paint(bad, e.glyphs.bad+" "+e.clip(r.flashed.text, r.w-4)), r.w)
		}
		return e.fit(" "+t.paint(strong, e.clip(r.flashed.text, r.w-2)), r.w)
	}
	return e.fit(" "+r.hints(r.w-2), r.w)
}

// hints writes keys and what they do into w cells: what does not fit is left out whole.
func (r *root) hints(w int) string {
	m := r.e.keys
	list := []hint{}
	own := func(o interface{ bindings() []key.Binding }) {
		for _, b := range o.bindings() {
			if h := b.Help(); b.Enabled() && h.Key != "" {
				list = append(list, hint{h.Key, h.Desc})
			}
		}
	}
	tail := []hint{}
	if o := r.top(); o != nil {
		own(o)
	} else {
		if r.layout.hints || r.typing() {
			r.guard(r.focus, "listing the keys of", func(p pane) { own(p) })
		}
		if !r.typing() {
			help := m.Help.Help()
			tail = append(tail, hint{help.Key, "help"})
			if r.layout.hints {
				freeze := "freeze"
				if !r.frozen.IsZero() {
					freeze = "go on"
				}
				if r.w >= 80 { // else the pane's own keys need the room
					tail = append(tail, hint{m.Palette.Help().Key, "actions"})
				}
				if r.w >= 80 && r.focus != pairingPane || !r.frozen.IsZero() { // who wants in is never frozen
					tail = append(tail, hint{m.Freeze.Help().Key, freeze})
				}
				tail = append(tail, hint{m.Quit.Help().Key, "quit"})
			}
		}
	}
	room := w
	for _, h := range tail {
		room -= h.cells() + 2
	}
	var b strings.Builder
	for _, h := range list {
		if room -= h.cells() + 2; room < 0 {
			break
		}
		b.WriteString(h.paint(r.e.theme) + "  ")
	}
	for _, h := range tail {
		b.WriteString(h.paint(r.e.theme) + "  ")
	}
	return b.String()
}

// hint is a key and what it does.
type hint struct{ key, desc string }

func (h hint) cells() int { return cells(h.key) + 1 + cells(h.desc) }

func (h hint) paint(t *theme) string {
	return t.paint(accent, h.key) + " " + t.paint(footer, h.desc)
}
