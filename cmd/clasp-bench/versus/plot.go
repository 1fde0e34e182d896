// A plot a workload, as SVG: a panel for each number that is compared, a line in it for
// each peer, the axis logarithmic, since peers are apart by factors.

package versus

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"slices"
)

// Sizes in pixels. Colours are in the middle, to be read on white as on black.
const (
	plotLabels = 104 // for the names of the peers
	plotAxis   = 250
	plotValues = 92 // for the numbers in words
	plotPanel  = plotLabels + plotAxis + plotValues
	plotGap    = 24
	plotHead   = 56 // for what it is about
	plotTitle  = 46 // above the lines of a panel
	plotLine   = 22
	plotFoot   = 30 // for the axis below

	plotInk   = "#6e7781"
	plotOurs  = "#d4691e"
	plotPeers = "#4184d1"
)

// panel is one number on one placement.
type panel struct {
	t *table
	c column
}

func plotName(workload string) string { return workload + ".svg" }

// panels are those of a workload: for each number, the placements beside each other.
func (rep *report) panels(workload string) (panels []panel) {
	var places []*table
	for _, t := range rep.Tables {
		if t.Workload == workload {
			places = append(places, t)
		}
	}
	for i := range places[0].Columns {
		for _, t := range places {
			if c := t.Columns[i]; c.Better != "" && t.best(c) != nil {
				panels = append(panels, panel{t, c})
			}
		}
	}
	return panels
}

// plotted says whether there is anything to be seen.
func (rep *report) plotted(workload string) bool { return len(rep.panels(workload)) > 0 }

// plot draws a workload.
func (rep *report) plot(workload string) []byte {
	panels := rep.panels(workload)
	const columns = 2
	lines := (len(panels) + columns - 1) / columns
	tall := plotTitle + plotLine*len(panels[0].t.Rows) + plotFoot
	width, height := columns*plotPanel+(columns+1)*plotGap, plotHead+lines*(tall+plotGap)
	var out bytes.Buffer
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %[1]d %[2]d" font-family="system-ui, sans-serif" font-size="13" fill="%s">`+"\n",
		width, height, plotInk)
	title := escaped(panels[0].t.Title)
	fmt.Fprintf(&out, "<title>%s</title>\n", title)
	fmt.Fprintf(&out, `<text x="%d" y="30" font-size="18" font-weight="600">%s</text>`+"\n", plotGap, title)
	for i, p := range panels {
		fmt.Fprintf(&out, `<g transform="translate(%d %d)">`+"\n", plotGap+i%columns*(plotPanel+plotGap), plotHead+i/columns*(tall+plotGap))
		p.draw(&out, axisOf(slices.DeleteFunc(slices.Clone(panels), func(other panel) bool { return other.c.Key != p.c.Key })))
		out.WriteString("</g>\n")
	}
	out.WriteString("</svg>\n")
	return out.Bytes()
}

func (p panel) draw(out *bytes.Buffer, a axis) {
	fmt.Fprintf(out, `<text y="14" font-size="15" font-weight="600">%s, cores %s</text>`+"\n", escaped(p.c.Title), escaped(p.t.Cores))
	fmt.Fprintf(out, `<text y="32" font-size="12">%s is better</text>`+"\n", escaped(p.c.Better))
	bottom := plotTitle + plotLine*len(p.t.Rows)
	at := func(x float64) float64 { return plotLabels + plotAxis*a.at(x) }
	marks, words := a.marks()
	for i, mark := range marks {
		x := at(step(mark))
		fmt.Fprintf(out, `<path d="M%.1f %d V%d" stroke="%s" stroke-opacity="0.35"/>`+"\n", x, plotTitle-4, bottom, plotInk)
		if i%words == 0 {
			fmt.Fprintf(out, `<text x="%.1f" y="%d" font-size="11" text-anchor="middle">%s</text>`+"\n", x, bottom+16, escaped(p.c.Unit.round(step(mark))))
		}
	}
	best := p.t.best(p.c)
	for i, r := range p.t.Rows {
		y, colour, weight := plotTitle+plotLine*i+plotLine/2, plotPeers, "400"
		switch r.Peer {
		case self:
			colour = plotOurs
		case limit:
			colour = plotInk
		}
		if r == best {
			weight = "700"
		}
		fmt.Fprintf(out, `<text x="%d" y="%d" text-anchor="end" font-weight="%s">%s</text>`+"\n", plotLabels-10, y+4, weight, escaped(r.Peer))
		s, there := r.number(p.c)
		words := "–"
		if there {
			words = p.c.Unit.format(s.Median)
			fmt.Fprintf(out, `<path d="M%.1f %d H%.1f" stroke="%s" stroke-width="3" stroke-opacity="0.5"/>`+"\n", at(s.Min), y, at(s.Max), colour)
			fmt.Fprintf(out, `<circle cx="%.1f" cy="%d" r="5" fill="%s"/>`+"\n", at(s.Median), y, colour)
		}
		fmt.Fprintf(out, `<text x="%d" y="%d" font-weight="%s">%s</text>`+"\n", plotLabels+plotAxis+12, y+4, weight, escaped(words))
	}
}

func escaped(s string) string {
	var out bytes.Buffer
	_ = xml.EscapeText(&out, []byte(s)) // a buffer takes everything
	return out.String()
}
