package tui

// The numbers of the overview that move, with what they have been lately.

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// overviewRow is one of the numbers that have a sparkline.
type overviewRow struct {
	name  string
	value string
	track overviewTrack
	unit  func(float64) string
}

// rows are the numbers that move.
func (p *overview) rows() []overviewRow {
	r := p.now.rates
	say := func(text string) string {
		if !r.known {
			return p.e.none()
		}
		return text
	}
	flow := func(n float64) string { return bytesOf(n) + "/s" }
	return []overviewRow{
		{"in", say(perSecond(r.in)), p.rates.in, perSecond},
		{"out", say(perSecond(r.out)), p.rates.out, perSecond},
		{"bytes", say(flow(r.bytesIn + r.bytesOut)), p.rates.bytes, flow},
		{"writes", say(perSecond(r.writes)), p.rates.writes, perSecond},
	}
}

// traffic is a line with all numbers that move, or two or four where it is narrow.
func (p *overview) traffic(w int) []string {
	rows := p.rows()
	across := 4
	for across > 1 && (w-(across-1)*3)/across < 24 {
		across /= 2
	}
	cell := (w - (across-1)*3) / across
	var lines []string
	for group := range slices.Chunk(rows, across) {
		var parts []string
		for _, row := range group {
			head := p.e.theme.paint(dim, p.e.fit(row.name, 6)) + " " + p.e.theme.paint(strong, p.e.right(row.value, flowWidth)) + " "
			room := max(cell-cells(head), 0)
			parts = append(parts, head+trace(p.e, row.track, room, 1, accent)[0])
		}
		lines = append(lines, strings.Join(parts, "   "))
	}
	return lines
}

// charts are the same with room: a chart each, as tall as room lines allow.
func (p *overview) charts(w, room int) []string {
	e, rows := p.e, p.rows()
	tall := max(1, min((room-2)/len(rows)-1, overviewTall))
	left := 7 + flowWidth + 2
	width := max(0, w-left)
	if most := overviewSamples / traceSpan(e, 1); width > most {
		width = most
	}
	span := traceSpan(e, width)
	lines := []string{p.heading("Traffic", "the last "+traceTime(span), w)}
	for i, row := range rows {
		if tall > 1 && i > 0 {
			lines = append(lines, "")
		}
		for y, s := range trace(e, row.track, width, tall, accent) {
			head := blank(left)
			switch {
			case y == 0:
				head = e.theme.paint(dim, e.fit(row.name, 7)) + e.theme.paint(strong, e.right(row.value, flowWidth)) + "  "
			case y == 1 && len(row.track) > 0:
				head = e.theme.paint(dim, e.fit("most", 7)+e.right(row.unit(row.track.top(span)), flowWidth)+"  ")
			}
			lines = append(lines, head+s)
		}
	}
	if d := p.now.rates.drops; d > 0 {
		lines = append(lines, e.theme.paint(warn, e.glyphs.warn+" dropped "+perSecond(d)+" to clients that are too slow"))
	}
	return lines
}

// traceTime is how long so many samples took.
func traceTime(samples int) string {
	seconds := samples * int(overviewEvery/time.Second)
	if seconds > 0 && seconds%60 == 0 {
		return fmt.Sprintf("%d min", seconds/60)
	}
	return fmt.Sprintf("%d s", seconds)
}
