package tui

// Boxes: the frame around a pane and around a dialog.

import "strings"

// box draws lines (each of exactly w-4 cells, or shorter) in a frame of w cells with a
// title in its upper edge. The lines may be painted.
func (e *env) box(name string, lines []string, w int) []string {
	g, t := e.glyphs, e.theme
	inner := w - 4
	if inner < 1 {
		return nil
	}
	out := make([]string, 0, len(lines)+2)
	head := ""
	if name != "" {
		head = " " + e.clip(name, inner-2) + " "
	}
	out = append(out, t.paint(borderFoc, g.corners[0]+g.horizontal)+t.paint(titleFoc, head)+
		t.paint(borderFoc, strings.Repeat(g.horizontal, w-3-cells(head))+g.corners[1]))
	side := t.paint(borderFoc, g.vertical)
	for _, line := range lines {
		out = append(out, side+" "+e.fit(line, inner)+" "+side)
	}
	return append(out, t.paint(borderFoc, g.corners[3]+strings.Repeat(g.horizontal, w-2)+g.corners[2]))
}

// clip is fit without the filling up.
func (e *env) clip(s string, w int) string {
	if cells(s) <= w {
		return s
	}
	return e.fit(s, w)
}
