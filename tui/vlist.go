package tui

// A list of which only the window on the screen is looked at: what it costs does not depend
// on how long it is. It knows places, not rows: whoever shows them keeps the key of the
// selected one and says where that has gone.

// vlist is the window and the selected place.
type vlist struct {
	total  int // rows there are
	height int // rows on the screen
	top    int // the first one on the screen
	at     int // the selected one; 0 when there is none
}

// resize says how many rows the screen has.
func (v *vlist) resize(height int) { v.height = max(height, 0); v.show() }

// length says how many rows there are now; the selection stays at its place.
func (v *vlist) length(total int) { v.total = max(total, 0); v.show() }

// to selects a place, the nearest there is; the window moves as little as that takes.
func (v *vlist) to(at int) { v.at = at; v.show() }

// move goes so many rows down; page so many windows, less a row to go by.
func (v *vlist) move(rows int) { v.to(v.at + rows) }
func (v *vlist) page(pages int) {
	step := pages * max(v.height-1, 1)
	v.top += step
	v.to(v.at + step)
}

// scroll moves the window; the selection comes along only as far as it has to, since the
// terminal's cursor is on it.
func (v *vlist) scroll(rows int) {
	v.top = max(0, min(v.top+rows, v.total-v.height))
	v.at = max(v.top, min(v.at, v.top+v.height-1))
	v.show()
}

// window returns the places on the screen: from, and up to but without until.
func (v *vlist) window() (from, until int) { return v.top, min(v.top+v.height, v.total) }

// line is the selected row's line on the screen, false without one.
func (v *vlist) line() (int, bool) {
	y := v.at - v.top
	return y, v.total > 0 && y >= 0 && y < v.height
}

// show keeps the selection within the list and the window around it, full where it can be.
func (v *vlist) show() {
	v.at = max(0, min(v.at, v.total-1))
	v.top = min(v.top, v.at)
	v.top = max(v.top, v.at-v.height+1)
	v.top = max(0, min(v.top, v.total-v.height))
}

// thumb is the part of a scroll bar that stands for the window: its first line and how many,
// none when all rows are on the screen.
func (v *vlist) thumb() (from, lines int) {
	if v.total <= v.height || v.height <= 0 {
		return 0, 0
	}
	lines = max(1, v.height*v.height/v.total)
	return (v.height - lines) * v.top / (v.total - v.height), lines
}
