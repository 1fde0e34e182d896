package tui

// Line charts: a number over time as a thin line from nothing up. What is steady is a quiet
// line, where filled bars would be a block of colour.

import (
	"math"
	"strings"
)

// traceRoom is what is left free above the greatest sample, as a factor: a line that is
// steady runs below the upper edge, and has somewhere to go.
const traceRoom = 1.4

// braille dots of one column, from the bottom up: of the left one and of the right one.
var traceDots = [2][4]rune{{0x40, 0x04, 0x02, 0x01}, {0x80, 0x20, 0x10, 0x08}}

// traceSpan is how many samples fit into w cells.
func traceSpan(e *env, w int) int {
	if e.glyphs.ascii {
		return max(w, 0)
	}
	return 2 * max(w, 0)
}

// trace draws the last samples of a track in w cells and h lines; the time before the first
// one has a faint line at the bottom, so that the size of the chart is seen from the start.
func trace(e *env, track overviewTrack, w, h int, r role) []string {
	w, h = max(w, 0), max(h, 1)
	steps := 4 * h
	shown := track[len(track)-min(len(track), traceSpan(e, w)):]
	top := track.top(len(shown)) * traceRoom
	level := func(v float64) int {
		share := v / top
		if math.IsNaN(share) || share <= 0 {
			return 0
		}
		return min(int(share*float64(steps)), steps-1)
	}
	cells := make([][]rune, h)
	for y := range cells {
		cells[y] = make([]rune, w)
	}
	first := w // the first cell with a sample
	if e.glyphs.ascii {
		first -= len(shown)
		for i, v := range shown {
			at := level(v)
			cells[h-1-at/4][first+i] = rune(e.glyphs.trace[at%4])
		}
	} else {
		first -= (len(shown) + 1) / 2
		odd, before := len(shown)%2, 0
		for i, v := range shown {
			at := level(v)
			low, high := at, at
			if i > 0 { // what has jumped is joined
				low, high = min(at, before+1), max(at, before-1)
			}
			for dot := low; dot <= high; dot++ {
				cells[h-1-dot/4][first+(i+odd)/2] |= traceDots[(i+odd)%2][dot%4]
			}
			before = at
		}
	}
	lines := make([]string, h)
	for y, row := range cells {
		ground := blank(first)
		if y == h-1 {
			ground = e.theme.paint(border, strings.Repeat(e.glyphs.ground, first))
		}
		lines[y] = ground + e.theme.paint(r, traceText(e, row[first:]))
	}
	return lines
}

// traceText is a line of cells: dots, characters, or nothing.
func traceText(e *env, row []rune) string {
	var b strings.Builder
	for _, c := range row {
		switch {
		case c == 0:
			b.WriteByte(' ')
		case e.glyphs.ascii:
			b.WriteRune(c)
		default:
			b.WriteRune(0x2800 + c)
		}
	}
	return b.String()
}
