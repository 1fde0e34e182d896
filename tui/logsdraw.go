package tui

// How the lines of the log are drawn.

import (
	"strings"

	"github.com/clasp-studio/clasp/router/monitor"
)

// logsMarks are a level's word, as wide for all, and its look.
var logsMarks = map[monitor.Level]struct {
	word string
	look role
}{
	monitor.LevelTrace: {"trace", dim}, monitor.LevelDebug: {"debug", dim}, monitor.LevelInfo: {"info ", plain},
	monitor.LevelWarn: {"WARN ", warn}, monitor.LevelError: {"ERROR", bad},
}

// aim finds where the screen begins so that the cursor's line is on it, whole if it fits.
// It looks at no more lines than the screen has.
func (p *logsPanel) aim() {
	rows := p.list.height
	if rows < 1 || len(p.hits.numbers) == 0 {
		p.from = logsSpot{}
		return
	}
	if !p.wrap {
		p.from = logsSpot{at: p.list.top}
		return
	}
	p.from.at = min(p.from.at, len(p.hits.numbers)-1)
	if p.list.at < p.from.at || p.list.at == p.from.at {
		p.from = logsSpot{at: p.list.at}
	}
	// Backwards from the end of the cursor's line: there the screen may begin at the earliest.
	left, earliest := rows, logsSpot{}
	for at := p.list.at; at >= 0; at-- {
		n := len(p.broken(at))
		if n >= left {
			earliest = logsSpot{at: at, part: n - left}
			if at == p.list.at { // a line that is longer than the screen is shown from its front
				earliest.part = 0
			}
			break
		}
		left -= n
	}
	if p.from.at < earliest.at || p.from.at == earliest.at && p.from.part < earliest.part {
		p.from = earliest
	}
	if p.follow {
		p.from = earliest
	}
}

// screen returns what is on each line of the screen.
func (p *logsPanel) screen() []logsSpot {
	spots := make([]logsSpot, 0, max(p.list.height, 0))
	for at, part := p.from.at, p.from.part; at < len(p.hits.numbers) && len(spots) < p.list.height; at, part = at+1, 0 {
		n := 1
		if p.wrap {
			n = len(p.broken(at))
		}
		for ; part < n && len(spots) < p.list.height; part++ {
			spots = append(spots, logsSpot{at, part})
		}
	}
	return spots
}

// lead is what stands before the text: cells for the cursor and the mark, time, level.
func (p *logsPanel) lead(line *monitor.Line) (stamp, level string, look role) {
	m := logsMarks[min(max(line.Level, monitor.LevelTrace), monitor.LevelError)]
	switch p.times {
	case logsClock:
		if stamp = line.At.Local().Format("15:04:05.000 "); p.w < 60 {
			stamp = line.At.Local().Format("15:04:05 ")
		}
	case logsDate:
		stamp = line.At.Local().Format("2006-01-02 15:04:05.000 ")
	}
	return stamp, m.word + " ", m.look
}

// words is a line as it may be seen.
func (p *logsPanel) words(line *monitor.Line) (text, attrs string) {
	return p.e.mask(maskText, line.Text), p.e.mask(maskText, line.Attrs)
}

// broken is a line's text as it is wrapped.
func (p *logsPanel) broken(at int) []string {
	line := p.ring.at(p.hits.numbers[at])
	stamp, level, _ := p.lead(line)
	text, attrs := p.words(line)
	if attrs != "" {
		text += "  " + attrs
	}
	return wrap(text, max(p.w-2-len(stamp)-len(level), 8))
}

func (p *logsPanel) render(focused bool) []string {
	lines := make([]string, 0, p.h)
	for _, spot := range p.screen() {
		lines = append(lines, p.draw(spot, focused))
	}
	if len(lines) == 0 && p.rows() > 0 {
		lines = append(lines, p.e.theme.paint(dim, p.e.fit(p.nothing(), p.w)))
	}
	for len(lines) < p.rows() {
		lines = append(lines, blank(p.w))
	}
	if p.edit != nil && p.h > 0 {
		lines = append(lines, p.editLine())
	}
	return lines
}

// nothing says why no line is there.
func (p *logsPanel) nothing() string {
	if len(p.ring.lines) == 0 {
		return "  No line yet."
	}
	return "  None of " + count(len(p.ring.lines)) + " lines passes: " + p.e.keys.Back.Help().Key + " clears the filter, " + p.e.keys.LevelDown.Help().Key + " shows more levels."
}

// editLine is the filter being typed.
func (p *logsPanel) editLine() string {
	f, what := &p.filter, "filter "
	if p.finds {
		f, what = &p.find, "find "
	}
	right := ""
	if f.wrong != "" {
		right = " " + p.e.glyphs.bad + " " + f.wrong
	}
	room := max(min(cells(right), p.w/2), 0)
	return p.e.theme.paint(accent, p.e.fit(what, min(7, p.w))) + p.edit.render(p.e, max(p.w-7-room, 0)) + p.e.theme.paint(bad, p.e.fit(right, min(room, max(p.w-7, 0))))
}

// draw is one line of the screen.
func (p *logsPanel) draw(spot logsSpot, focused bool) string {
	e, t := p.e, p.e.theme
	number := p.hits.numbers[spot.at]
	line := p.ring.at(number)
	stamp, level, look := p.lead(line)
	text, attrs := p.words(line)
	room := p.w - 2 - len(stamp) - len(level)
	if p.wrap {
		text, attrs = p.broken(spot.at)[spot.part], ""
		if spot.part > 0 {
			stamp, level = blank(len(stamp)), blank(len(level))
		}
	}
	sign := " "
	switch {
	case p.marked[number]:
		sign = e.glyphs.pin
	case p.find.parsed != nil && p.find.pass(line):
		sign = e.glyphs.closed
	}
	if spot.at == p.list.at && (focused || !p.follow) { // the last line of a log that runs on is no choice of anybody's
		r := unfocSel
		if focused {
			r = selected
		}
		if attrs != "" {
			text += "  " + attrs
		}
		return t.paint(r, e.fit(e.glyphs.cursor+sign+stamp+level+text, p.w))
	}
	if room < 1 {
		return e.fit(" "+sign+stamp+level+text, p.w)
	}
	var out strings.Builder
	out.WriteString(" " + t.paint(accent, sign) + t.paint(dim, stamp) + t.paint(look, level))
	text = t.paint(look, e.clip(text, room))
	left := room - cells(text)
	out.WriteString(text)
	if attrs == "" || left < 4 {
		out.WriteString(blank(left))
	} else {
		out.WriteString("  " + t.paint(dim, e.fit(attrs, left-2)))
	}
	return out.String()
}
