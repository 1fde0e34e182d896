package tui

// How the blocks of the overview are put together on screens of different sizes.

import "slices"

// Sizes at which the overview changes its shape.
const (
	overviewThree  = 132 // three columns from this width on
	overviewTwo    = 84  // two
	overviewGap    = 4   // between columns
	overviewStrip  = 7   // lines up to which it is a strip: no headings, a line a subject
	overviewShort  = 14  // lines up to which a narrow screen has no headings either
	overviewRemedy = 6   // lines from which on a strip has one for what to do about the worst
	overviewTall   = 7   // lines of a chart at most
	overviewLabel  = 13  // the names on the left of a block
	overviewSide   = 46  // the columns with words in them
)

// lines are all there are at this size.
func (p *overview) lines() []string {
	if !p.old {
		return p.drawn
	}
	p.old = false
	switch {
	case p.now == nil:
		p.drawn = []string{p.e.theme.paint(dim, "Waiting for the router"+p.e.glyphs.ellipsis)}
	case p.h <= overviewStrip:
		p.drawn = p.strip()
	default:
		p.drawn = p.page()
	}
	return p.drawn
}

// strip is the overview in a few lines.
func (p *overview) strip() []string {
	lines := append(p.health(false), p.traffic(p.w)...)
	return append(lines, p.people(p.w), p.ways(p.w), p.keeps(p.w), p.own(p.w))
}

// page is the overview on a screen of its own.
func (p *overview) page() []string {
	lines := append(p.health(true), "")
	room := p.h - len(lines)
	switch {
	case p.w >= overviewThree:
		middle := p.w - 2*overviewSide - 2*overviewGap
		return append(lines, p.columns([]int{overviewSide, middle, overviewSide},
			overviewJoin(p.connect(overviewSide, true), p.router(overviewSide)),
			p.charts(middle, room),
			overviewJoin(p.clients(overviewSide), p.dashboard(overviewSide)))...)
	case p.w >= overviewTwo:
		left := (p.w - overviewGap) / 2
		right := p.w - overviewGap - left
		clients := p.clients(right)
		return append(lines, p.columns([]int{left, right},
			overviewJoin(p.connect(left, true), p.router(left), p.dashboard(left)),
			overviewJoin(p.charts(right, room-len(clients)-1), clients))...)
	case p.h <= overviewShort: // short as well: no headings
		health, traffic := lines[:len(lines)-1], p.traffic(p.w)
		rest := []string{p.people(p.w), p.ways(p.w), p.keeps(p.w), p.own(p.w)}
		if lines = overviewJoin(health, traffic, rest[:2], rest[2:]); len(lines) <= p.h { // airy
			return lines
		}
		return slices.Concat(health, traffic, rest)
	}
	return append(lines, overviewJoin(p.charts(p.w, 0), p.connect(p.w, false), p.clients(p.w), p.router(p.w), p.dashboard(p.w))...)
}

// overviewJoin puts blocks one below the other with a line between them.
func overviewJoin(blocks ...[]string) []string {
	var lines []string
	for i, b := range blocks {
		if i > 0 && len(b) > 0 {
			lines = append(lines, "")
		}
		lines = append(lines, b...)
	}
	return lines
}

// columns puts blocks side by side.
func (p *overview) columns(widths []int, blocks ...[]string) []string {
	most := 0
	for _, b := range blocks {
		most = max(most, len(b))
	}
	lines := make([]string, most)
	for y := range lines {
		for i, b := range blocks {
			if i > 0 {
				lines[y] += blank(overviewGap)
			}
			cell := ""
			if y < len(b) {
				cell = b[y]
			}
			lines[y] += p.e.fit(cell, widths[i])
		}
	}
	return lines
}
