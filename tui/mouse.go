package tui

// The mouse. It is off until asked for, so that the terminal can select text. A wheel that
// is turned sends hundreds of events a second: they are added up.

import (
	"time"

	tea "charm.land/bubbletea/v2"
)

const (
	wheelLines = 3 // a notch
	wheelEvery = 30 * time.Millisecond
)

// wheel adds up notches while a burst lasts.
type wheel struct {
	busy    bool
	pending int
	x, y    int
}

// filter is the program's filter: it takes events of the wheel out of the queue that would
// have to be drawn one by one. It runs on the loop, as Update does.
func (r *root) filter(_ tea.Model, msg tea.Msg) tea.Msg {
	m, ok := msg.(tea.MouseWheelMsg)
	if !ok || !r.wheel.busy {
		return msg
	}
	r.wheel.pending += notches(m)
	r.wheel.x, r.wheel.y = m.X, m.Y
	return nil
}

// notches is how many lines an event of the wheel is.
func notches(m tea.MouseWheelMsg) int {
	switch m.Button {
	case tea.MouseWheelUp:
		return -wheelLines
	case tea.MouseWheelDown:
		return wheelLines
	}
	return 0
}

// turn scrolls what is under the pointer, and starts a burst.
func (r *root) turn(m tea.MouseWheelMsg) tea.Cmd {
	r.wheel = wheel{busy: true, x: m.X, y: m.Y}
	r.scroll(m.X, m.Y, notches(m))
	return tea.Tick(wheelEvery, func(time.Time) tea.Msg { return wheelEndMsg{} })
}

// wheelEnd scrolls by what has come in the meantime.
func (r *root) wheelEnd() tea.Cmd {
	w := r.wheel
	if w.pending == 0 {
		r.wheel.busy = false
		return nil
	}
	r.wheel.pending = 0
	r.scroll(w.x, w.y, w.pending)
	return tea.Tick(wheelEvery, func(time.Time) tea.Msg { return wheelEndMsg{} })
}

func (r *root) scroll(x, y, lines int) {
	if len(r.overlays) > 0 || lines == 0 {
		return
	}
	if id, ok := r.layout.at(x, y); ok {
		r.guard(id, "scrolling", func(p pane) { p.wheel(lines) })
	}
}

// click selects what is under the pointer.
func (r *root) click(m tea.MouseClickMsg) tea.Cmd {
	if m.Button != tea.MouseLeft || len(r.overlays) > 0 || r.typing() {
		return nil
	}
	if r.layout.tabs.holds(m.X, m.Y) {
		for id, at := range r.tabsAt {
			if at.holds(m.X, m.Y) {
				r.focusOn(paneID(id))
			}
		}
		return nil
	}
	id, ok := r.layout.at(m.X, m.Y)
	if !ok {
		return nil
	}
	at := r.layout.panes[id].body() // before the focus moves the panes
	r.focusOn(id)
	if at.holds(m.X, m.Y) && r.layout.panes[id].body() == at {
		r.guard(id, "clicking", func(p pane) { p.click(m.X-at.x, m.Y-at.y) })
	}
	return nil
}
