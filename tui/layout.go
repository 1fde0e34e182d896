package tui

// Where everything is: one pure function of the size of the terminal. No other file does
// sums with the size of the screen.

// rect is a part of the screen, in cells; without width or height it is not shown.
type rect struct{ x, y, w, h int }

func (r rect) shown() bool { return r.w > 0 && r.h > 0 }

func (r rect) holds(x, y int) bool {
	return x >= r.x && x < r.x+r.w && y >= r.y && y < r.y+r.h
}

// body is a pane's rect without the line of its title.
func (r rect) body() rect {
	if r.h < 2 {
		return rect{}
	}
	return rect{r.x, r.y + 1, r.w, r.h - 1}
}

// The least that a dashboard fits into.
const (
	minWidth  = 40
	minHeight = 10
)

// layout is where everything is.
type layout struct {
	small    bool // only one line, in status
	status   rect // never dropped
	tabs     rect
	panes    [panes]rect // with their titles
	divider  rect        // the line between two columns of panes
	strip    rect        // the watched addresses, with a title
	footer   rect
	tabNames bool // there is room for the names of all panes
	hints    bool // there is room for more than "? help" in the footer
}

// size is what a layout depends on.
type size struct {
	w, h  int
	focus paneID
	zoom  bool
	pins  int // watched addresses
}

// Heights of what stands beside the pane that has the keys.
const (
	briefOverview = 5 // in the middle layout, with its title
	fullOverview  = 7
	briefLog      = 7
	maxPins       = 8
)

// compute places everything.
//
//	wide (120x30)    overview strip; State | Connections over Logs
//	middle (80x24)   overview strip; one pane; six lines of log
//	narrow           one pane
func compute(s size) layout {
	var l layout
	if s.w < minWidth || s.h < minHeight {
		l.small = true
		if s.w > 0 && s.h > 0 {
			l.status = rect{0, 0, s.w, 1}
		}
		return l
	}
	l.status = rect{0, 0, s.w, 1}
	l.tabs = rect{0, 1, s.w, 1}
	l.footer = rect{0, s.h - 1, s.w, 1}
	l.tabNames, l.hints = s.w >= 60, s.w >= 60

	body := rect{0, 2, s.w, s.h - 3}
	if n := min(s.pins, maxPins, body.h/4-1); n > 0 { // the title takes a line, the panes keep most
		l.strip = rect{0, body.y + body.h - n - 1, s.w, n + 1}
		body.h -= n + 1
	}
	switch {
	case s.zoom || s.w < 80 || body.h < 16:
		l.panes[s.focus] = body
	case s.w < 120 || s.h < 30:
		l.middle(body, s.focus)
	default:
		l.wide(body, s.focus)
	}
	return l
}

// middle has one pane, with the overview above and the log below.
func (l *layout) middle(body rect, focus paneID) {
	if focus != overviewPane {
		l.panes[overviewPane], body = cutTop(body, briefOverview)
	}
	if focus != logsPane {
		body, l.panes[logsPane] = cutBottom(body, briefLog)
	}
	l.panes[focus] = body
}

// wide has two columns. On the left is what is being worked with; Connections and Logs
// keep their places on the right whatever has the keys.
func (l *layout) wide(body rect, focus paneID) {
	left := statePane
	if focus == overviewPane || focus == pairingPane {
		left = focus
	}
	if left != overviewPane {
		l.panes[overviewPane], body = cutTop(body, fullOverview)
	}
	w := (body.w - 1) / 2
	l.panes[left] = rect{body.x, body.y, w, body.h}
	l.divider = rect{body.x + w, body.y, 1, body.h}
	right := rect{body.x + w + 1, body.y, body.w - w - 1, body.h}
	l.panes[clientsPane], l.panes[logsPane] = cutBottom(right, body.h*2/5)
}

func cutTop(r rect, n int) (top, rest rect) {
	return rect{r.x, r.y, r.w, n}, rect{r.x, r.y + n, r.w, r.h - n}
}

func cutBottom(r rect, n int) (rest, bottom rect) {
	return rect{r.x, r.y, r.w, r.h - n}, rect{r.x, r.y + r.h - n, r.w, n}
}

// at is the pane at a place of the screen.
func (l *layout) at(x, y int) (paneID, bool) {
	for id := range panes {
		if l.panes[id].holds(x, y) {
			return id, true
		}
	}
	return 0, false
}
