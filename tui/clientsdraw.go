package tui

// How the table of connections is drawn.

import (
	"fmt"
	"slices"
	"strings"

	"github.com/clasp-studio/clasp/router/monitor"
)

// clientsMargin is left of the columns: the mark of the selected row and a space.
const clientsMargin = 2

// clientsStated is from which width on the state has a column. On narrower screens the few
// that have something to say about it say it behind their name.
const clientsStated = 90

// places are the columns that are on the screen; the last cells are of the scroll bar.
func (p *clientsView) places() []clientsPlace {
	narrow := p.w < clientsStated
	return clientsFit(func(c *clientsColumn) bool { return !p.hidden[c] && !(narrow && c.name == clientsStateName) }, p.w-clientsMargin-clientsGap)
}

func (p *clientsView) render(focused bool) []string {
	lines := make([]string, 0, p.h)
	places := p.places()
	if p.above() > 0 {
		lines = append(lines, p.head(places))
	}
	from, until := p.list.window()
	thumb, size := p.list.thumb()
	for at := from; at < until; at++ {
		line := p.line(places, at, focused)
		if y := at - from; y >= thumb && y < thumb+size {
			line += p.e.theme.paint(accent, p.e.glyphs.vertical)
		} else {
			line += " "
		}
		lines = append(lines, line)
	}
	if p.list.total == 0 {
		lines = append(lines, p.nobody()...)
	}
	room := max(p.h-p.below(), 0)
	lines = lines[:min(len(lines), room)]
	for len(lines) < room {
		lines = append(lines, blank(p.w))
	}
	if p.below() > 0 && p.h > 0 {
		lines = append(lines, p.foot())
	}
	for i := range lines { // on a screen narrower than a table can be
		if p.w < clientsLeast {
			lines[i] = p.e.fit(lines[i], p.w)
		}
	}
	return lines
}

// clientsLeast is how wide a table is that has nothing but a name.
const clientsLeast = clientsMargin + clientsGap + 12

// head is the line above the columns; the one that orders the table has an arrow.
func (p *clientsView) head(places []clientsPlace) string {
	t, g := p.e.theme, p.e.glyphs
	var b strings.Builder
	b.WriteString(blank(clientsMargin))
	x := 0
	for _, place := range places {
		b.WriteString(blank(place.x - x))
		switch {
		case place.sort != p.sort || place.sort == "":
			b.WriteString(t.paint(header, place.write(p.e, place.head)))
		case p.falls:
			b.WriteString(t.paint(accent, place.write(p.e, place.head+g.down)))
		default:
			b.WriteString(t.paint(accent, place.write(p.e, place.head+g.up)))
		}
		x = place.x + place.w
	}
	b.WriteString(blank(p.w - clientsMargin - x))
	return b.String()
}

// line is a row without the scroll bar: p.w-1 cells.
func (p *clientsView) line(places []clientsPlace, at int, focused bool) string {
	e := p.e
	c := p.row(at)
	here := at == p.list.at
	if c == nil { // the answer with it is on its way
		text := blank(clientsMargin) + e.glyphs.ellipsis
		if here {
			text = e.glyphs.cursor + " " + e.glyphs.ellipsis
		}
		return e.theme.paint(dim, e.fit(text, p.w-1))
	}
	var b strings.Builder
	if here {
		b.WriteString(e.theme.paint(accent, e.glyphs.cursor) + " ")
	} else {
		b.WriteString(blank(clientsMargin))
	}
	stated := slices.ContainsFunc(places, func(p clientsPlace) bool { return p.name == clientsStateName })
	x := 0
	for _, place := range places {
		b.WriteString(blank(place.x - x))
		text, r := place.cell(e, c, p.at)
		if badge, look := clientsState(e, c, p.at); badge != "" && !stated && place.clientsColumn == clientsColumns[0] {
			n := place.w - cells(badge) - 1
			b.WriteString(e.theme.paint(r, e.fit(text, n)) + " " + e.theme.paint(look, badge))
		} else {
			b.WriteString(e.theme.paint(r, place.write(e, text)))
		}
		x = place.x + place.w
	}
	b.WriteString(blank(p.w - 1 - clientsMargin - x))
	switch {
	case here && focused:
		return e.theme.over(selected, b.String())
	case here:
		return e.theme.over(unfocSel, b.String())
	}
	return b.String()
}

// nobody is what an empty table says.
func (p *clientsView) nobody() []string {
	text := []string{"Nobody is connected."}
	switch {
	case p.at.IsZero():
		text = []string{"Waiting for the router" + p.e.glyphs.ellipsis}
	case p.page.Error != "":
		return nil // the line below says it
	case p.filter != "":
		text = []string{"No connection passes the filter.", "Esc shows all " + count(p.page.Total) + "."}
	case p.way != "":
		text = append(text, "Clients connect to "+p.e.mask(maskRemote, p.way))
	}
	lines := []string{blank(p.w)}
	for _, s := range text {
		lines = append(lines, p.e.theme.paint(dim, p.e.fit(blank(clientsMargin)+s, p.w)))
	}
	return lines
}

// foot is the filter while it is typed, or what is wrong with it.
func (p *clientsView) foot() string {
	e := p.e
	if !p.edits {
		return e.theme.paint(bad, e.fit(blank(clientsMargin)+e.glyphs.bad+" "+p.page.Error, p.w))
	}
	say := e.theme.paint(dim, fmt.Sprintf(" %s of %s ", e.right(count(p.page.Shown), countWidth), count(p.page.Total)))
	if p.page.Error != "" {
		say = " " + e.theme.paint(bad, e.clip(p.page.Error, max(p.w/2, 1))) + " "
	}
	if cells(say) > p.w-clientsMargin-8 { // what is typed comes first
		say = ""
	}
	return e.theme.paint(accent, "/ ") + p.field.render(e, p.w-clientsMargin-cells(say)) + say
}

func (p *clientsView) cursor() (x, y int, ok bool) {
	if p.edits {
		return min(clientsMargin+cells(string(p.field.text[:p.field.at])), max(p.w-1, 0)), p.h - 1, p.h > 0
	}
	y, ok = p.list.line()
	return 0, y + p.above(), ok
}

// transportName is a transport as people write it.
func transportName(s string) string {
	switch s {
	case "ws":
		return "WebSocket"
	case "quic", "udp", "tcp":
		return strings.ToUpper(s)
	}
	return s
}

// overviewWay is the first address that clients can connect to, "" without one.
func overviewWay(all []monitor.Listener) string {
	for _, l := range all {
		if l.Up && len(l.URLs) > 0 {
			return l.URLs[0]
		}
	}
	return ""
}
