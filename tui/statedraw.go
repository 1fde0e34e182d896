package tui

// How the State pane looks.

import (
	"strings"

	"github.com/clasp-studio/clasp/router/monitor"
)

// stateColumns are the widths of a row's parts; 0 = there is no room for one. The writer
// goes first, then the age, then the rate.
//
// A row is made of parts of exactly these widths, so that it needs not be measured when it
// is whole: measuring is what drawing costs.
type stateColumns struct{ name, kind, value, rate, age, writer, total int }

const stateKindWidth = 6 // "string"

// columns shares out the width. Its last cell stays free for the scroll bar.
func (p *stateView) columns() stateColumns {
	c := stateColumns{kind: 1}
	room := p.w - 4 // cursor, mark, and the space after; scroll bar
	if p.w >= 44 {
		c.rate = rateWidth
		room -= c.rate + 2
	}
	if p.w >= 56 {
		c.age = agoWidth
		room -= c.age + 2
	}
	if p.w >= 72 {
		c.writer = min(18, p.w/7)
		room -= c.writer + 2
	}
	if p.w >= 96 {
		c.kind = stateKindWidth
	}
	room -= c.kind + 1 + 2
	c.name = max(room*11/20, 4)
	c.value = max(room-c.name, 0)
	c.total = 3 + c.name + 2 + c.kind + 1 + c.value
	for _, w := range []int{c.rate, c.age, c.writer} {
		if w > 0 {
			c.total += 2 + w
		}
	}
	return c
}

func (p *stateView) render(focused bool) []string {
	lines := make([]string, 0, p.h)
	last := p.h
	if p.foot() {
		last--
	}
	c := p.columns()
	if p.h >= 4 {
		lines = append(lines, p.e.theme.paint(header, p.head(c)))
	}
	switch {
	case p.tree == nil || len(p.tree.rows) == 0:
		for _, line := range wrap(p.empty(), max(p.w-4, 1)) {
			if len(lines) < last {
				lines = append(lines, p.e.fit("  "+p.e.theme.paint(dim, line), p.w))
			}
		}
	default:
		from, until := p.list.window()
		thumb, size := p.list.thumb()
		for row := from; row < until; row++ {
			line := p.row(row, c, focused)
			side := " "
			if y := row - from; size > 0 && y >= thumb && y < thumb+size {
				side = p.e.theme.paint(border, p.e.glyphs.bar)
			}
			lines = append(lines, line+side)
		}
	}
	for len(lines) < last {
		lines = append(lines, blank(p.w))
	}
	if p.foot() {
		lines = append(lines, p.footLine())
	}
	return lines
}

// empty says why there is nothing.
func (p *stateView) empty() string {
	switch {
	case p.tree == nil:
		return "Reading the addresses" + p.e.glyphs.ellipsis
	case p.index.filter != "":
		return "Nothing matches " + p.index.filter + ". Esc clears the filter."
	}
	return "No addresses yet. The first value that a client sets shows up here."
}

func (p *stateView) head(c stateColumns) string {
	e := p.e
	kind := ""
	if c.kind > 1 {
		kind = "TYPE"
	}
	s := "   " + e.fit("ADDRESS", c.name) + "  " + e.fit(kind, c.kind) + " " + e.fit("VALUE", c.value)
	for _, part := range []struct {
		head string
		w    int
	}{{"RATE", c.rate}, {"AGE", c.age}} {
		if part.w > 0 {
			s += "  " + e.right(part.head, part.w)
		}
	}
	if c.writer > 0 {
		s += "  " + e.fit("WRITER", c.writer)
	}
	return e.fit(s, p.w)
}

// row is one row without the scroll bar.
func (p *stateView) row(at int, c stateColumns, focused bool) string {
	e, n := p.e, p.tree.at(at)
	g, t := e.glyphs, e.theme
	picked := at == p.list.at
	lead := " "
	if picked {
		lead = g.cursor
	}
	fold := t.paint(dim, g.leaf)
	if n.branch() {
		fold = g.closed
		if n.open {
			fold = g.open
		}
	}
	indent := blank(min(2*int(n.depth), c.name/2))
	tail := ""
	cell := p.cells.values[n.path]
	if n.value && e.strip.has(n.path) {
		tail += " " + t.paint(accent, g.pin)
	}
	if cell != nil && cell.v.Holder != "" {
		tail += " " + t.paint(warn, g.lock)
	}
	segment := n.segment()
	if segment == "" {
		segment = "/"
	}
	if n.branch() {
		segment += t.paint(dim, "/")
	}
	name := e.beside(indent+fold+" "+segment, tail, c.name)

	line := lead
	switch {
	case n.value:
		line += p.valueRow(cell, name, c)
	default:
		line += p.branchRow(n, name, c)
	}
	if c.total <= p.w-1 {
		line += blank(p.w - 1 - c.total)
	} else {
		line = e.fit(line, p.w-1)
	}
	switch {
	case picked && focused:
		return t.over(selected, line)
	case picked:
		return t.over(unfocSel, line)
	}
	return line
}

// valueRow is an address, which may have others below it.
func (p *stateView) valueRow(cell *stateCell, name string, c stateColumns) string {
	e, t := p.e, p.e.theme
	if cell == nil || cell.v.Missing {
		what := e.glyphs.ellipsis
		if cell != nil {
			what = "gone"
		}
		return "  " + name + "  " + blank(c.kind) + " " + t.paint(dim, e.fit(what, c.value)) + c.none(c.rate, c.age, c.writer)
	}
	kind := stateKind(cell.v.Type)
	if c.kind > 1 {
		kind = cell.v.Type
	}
	s := stateMark(e, cell) + " " + name + "  " + t.paint(dim, e.fit(kind, c.kind)) + " " + stateFade(e, cell, e.fit(stateValue(e, &cell.v, c.value), c.value))
	s += p.rate(cell.tally.rate, cell.tally.known, c)
	if c.age > 0 {
		s += "  " + t.paint(dim, e.right(ago(e.now().Sub(cell.v.Written)), c.age))
	}
	if c.writer > 0 {
		s += "  " + t.paint(dim, e.fit(stateWriter(e, cell.v.WriterName, cell.v.Writer), c.writer))
	}
	return s
}

// branchRow is a branch that has no value of its own.
func (p *stateView) branchRow(n *vnode, name string, c stateColumns) string {
	e, t := p.e, p.e.theme
	b := p.cells.branches[n.path]
	mark, below := " ", int(n.count)
	if b != nil {
		if r, on := b.fade.role(); on && !e.quiet {
			mark = t.paint(r, e.glyphs.changed)
		}
		if p.index.filter == "" {
			below = b.b.Count
		}
	}
	what := grouped(below)
	if more := " " + nounFor(below, "address", "addresses"); p.index.filter == "" && cells(what)+cells(more) <= c.value {
		what += more
	}
	if more := " " + nounFor(below, "match", "matches"); p.index.filter != "" && cells(what)+cells(more) <= c.value {
		what += more
	}
	s := mark + " " + name + "  " + blank(c.kind) + " " + t.paint(dim, e.fit(what, c.value))
	if b == nil {
		return s + c.none(c.rate, c.age, c.writer)
	}
	r, known := b.rate()
	return s + p.rate(r, known, c) + c.none(c.age, c.writer)
}

// none is the place of some columns that have nothing to say.
func (stateColumns) none(widths ...int) string {
	s := ""
	for _, w := range widths {
		if w > 0 {
			s += blank(w + 2)
		}
	}
	return s
}

// rate is the column of rates: empty where nothing moves, so that what moves is seen.
func (p *stateView) rate(n float64, known bool, c stateColumns) string {
	switch {
	case c.rate == 0:
		return ""
	case !known:
		return "  " + p.e.theme.paint(dim, p.e.right(p.e.none(), c.rate))
	case n == 0:
		return "  " + blank(c.rate)
	}
	return "  " + p.e.right(perSecond(n), c.rate)
}

// footLine is the filter being typed, and what is wrong with it or how much it lets through.
func (p *stateView) footLine() string {
	e, t := p.e, p.e.theme
	wrong := ""
	if p.index.wrong != "" {
		wrong = t.paint(bad, e.clip(e.glyphs.bad+" "+p.index.wrong, p.w-2))
	}
	if !p.isTyping {
		return e.fit(" "+wrong, p.w)
	}
	note := wrong
	if note == "" && p.tree != nil && p.index.filter != "" {
		note = t.paint(dim, count(p.tree.names)+" of "+count(p.index.total))
	}
	if note == "" {
		note = t.paint(dim, "/a/* text !not ~regex type: value: writer:")
	}
	room := max(min(p.w/2-2, cells(p.field.String())+2), 8) // what is said beside it needs the rest
	if cells(note) < p.w-room-4 {
		room = p.w - cells(note) - 4
	}
	return e.fit(t.paint(accent, "/")+p.field.render(e, room)+"  "+note, p.w)
}

// stateValue is a value in w cells: numbers are right-aligned, so that their digits stand
// still, but not so far away that nobody sees whose they are.
func stateValue(e *env, v *monitor.Value, w int) string {
	if v.Numeric && v.Type != "bool" {
		return e.right(v.Text, min(w, 14))
	}
	return v.Text
}

// stateMark says that a value has just changed, and which way.
func stateMark(e *env, c *stateCell) string {
	r, on := c.fade.role()
	switch {
	case !on || e.quiet:
		return " "
	case c.way > 0:
		return e.theme.paint(r, e.glyphs.up)
	case c.way < 0:
		return e.theme.paint(r, e.glyphs.down)
	}
	return e.theme.paint(r, e.glyphs.changed)
}

// stateFade paints a value as long ago as it has changed.
func stateFade(e *env, c *stateCell, value string) string {
	if r, on := c.fade.role(); on && !e.quiet {
		return e.theme.paint(r, value)
	}
	return e.theme.paint(strong, value)
}

// stateKind is one character for a type, on screens that have no room for its name.
func stateKind(name string) string {
	switch {
	case name == "bool":
		return "?"
	case name == "string":
		return `"`
	case name == "array":
		return "["
	case name == "map":
		return "{"
	case name == "bytes":
		return "x"
	case name == "null":
		return "-"
	case strings.HasPrefix(name, "f"):
		return "."
	}
	return "#"
}

// stateWriter is who wrote last: a name while there is one.
func stateWriter(e *env, name, id string) string {
	if name == "" {
		return id
	}
	return e.mask(maskName, name)
}

// leftCut keeps the end of an address, which says more than its beginning.
func leftCut(e *env, s string, w int) string {
	for cells(s) > w && strings.Count(s, "/") > 1 {
		i := strings.IndexByte(s[1:], '/')
		if i < 0 {
			break
		}
		s = s[1+i:]
		if cells(s)+1 <= w {
			return e.glyphs.ellipsis + s
		}
	}
	return e.clip(s, w)
}
