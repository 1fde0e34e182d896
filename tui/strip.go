package tui

// The watch strip: pinned addresses stay in sight whatever is being looked at.

import (
	"slices"
	"strconv"
	"strings"
	"unsafe"

	"github.com/clasp-studio/clasp/router/monitor"
)

// strip has the pinned addresses, oldest first, at most maxPins of them.
type strip struct {
	e     *env
	pins  []string
	cells stateCells
	past  map[string]*history
}

func newStrip(e *env) *strip {
	s := &strip{e: e, past: map[string]*history{}}
	e.strip = s
	return s
}

// has reports whether an address is pinned.
func (s *strip) has(address string) bool { return s != nil && slices.Contains(s.pins, address) }

// history is what is known of a pinned address, nil of others.
func (s *strip) history(address string) *history {
	if s == nil {
		return nil
	}
	return s.past[address]
}

// toggle pins an address, or takes it out, and reports whether it is pinned now. Where there
// are too many, the oldest one goes.
func (s *strip) toggle(address string) bool {
	if i := slices.Index(s.pins, address); i >= 0 {
		s.pins = slices.Delete(s.pins, i, i+1)
		delete(s.past, address)
		return false
	}
	if len(s.pins) == maxPins {
		delete(s.past, s.pins[0])
		s.pins = slices.Delete(s.pins, 0, 1)
	}
	s.pins = append(s.pins, address)
	s.past[address] = &history{}
	return true
}

// weight is about how many bytes the histories hold.
func (s *strip) weight() uint64 { return uint64(len(s.past)) * uint64(unsafe.Sizeof(history{})) }

// want asks for the pinned addresses.
func (s *strip) want(q *monitor.Query) { q.Values = append(q.Values, s.pins...) }

// apply takes their values.
func (s *strip) apply(f *frame) {
	now := s.e.now()
	s.cells.apply(f, now)
	for address, past := range s.past {
		if c := s.cells.values[address]; c != nil && !c.v.Missing {
			past.look(now, c.v.Revision, c.v.Number, c.v.Numeric)
		}
	}
}

// render returns a title and a line for each address; nothing without any.
func (s *strip) render(w int) []string {
	if len(s.pins) == 0 {
		return nil
	}
	t, g := s.e.theme, s.e.glyphs
	title := " " + g.pin + " Watched " + strconv.Itoa(len(s.pins)) + " "
	lines := make([]string, 0, len(s.pins)+1)
	lines = append(lines, s.e.fit(t.paint(border, g.horizontal)+t.paint(header, title)+
		t.paint(border, strings.Repeat(g.horizontal, max(0, w-1-cells(title)))), w))
	longest := 0
	for _, address := range s.pins {
		longest = max(longest, cells(address))
	}
	name := min(longest, w*2/5)
	for _, address := range s.pins {
		lines = append(lines, s.e.fit(" "+s.row(address, name, w-1), w))
	}
	return lines
}

// Widths in a row: its value, the least and the most of a graph, its bounds.
const (
	stripValue  = 14
	stripLeast  = 8
	stripMost   = 40
	stripBounds = 22
)

// row is one address: its name, its last value, how it came to that, between what bounds.
func (s *strip) row(address string, name, w int) string {
	e, t := s.e, s.e.theme
	head := " " + e.fit(leftCut(e, address, name), name) + "  "
	c := s.cells.values[address]
	switch {
	case c == nil:
		return " " + head + t.paint(dim, e.none())
	case c.v.Missing:
		return " " + head + t.paint(dim, "gone")
	}
	line := stateMark(e, c) + head + stateFade(e, c, e.fit(stateValue(e, &c.v, stripValue), stripValue))
	past, room := s.past[address], w-name-stripValue-6
	if past == nil || past.n == 0 || room < stripLeast {
		return line + "  " + t.paint(dim, e.right(ago(e.now().Sub(c.v.Written)), agoWidth))
	}
	graph := min(room, stripMost)
	if room-stripBounds >= stripLeast {
		graph = min(room-stripBounds, stripMost)
	}
	line += "  " + t.paint(accent, spark(e, past.samples(graph), graph))
	if room-graph >= stripBounds {
		line += "  " + t.paint(dim, stripNumber(past.least)+" to "+stripNumber(past.greatest))
	}
	return line
}

// stripNumber is a bound of a graph: what stands beside a picture needs no more than four digits.
func stripNumber(n float64) string { return strconv.FormatFloat(n, 'g', 4, 64) }
