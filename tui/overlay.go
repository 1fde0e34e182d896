package tui

// Dialogs on top of the panes: the last one has the keys.

import (
	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
)

const maxOverlays = 8

// top is the dialog that has the keys, nil if there is none.
func (r *root) top() overlay {
	if len(r.overlays) == 0 {
		return nil
	}
	return r.overlays[len(r.overlays)-1]
}

// push puts a dialog on top; nil takes the top one away.
func (r *root) push(o overlay) {
	if o == nil {
		r.pop(r.top())
		return
	}
	if len(r.overlays) < maxOverlays {
		r.overlays = append(r.overlays, o)
		if r.shown != nil {
			o.apply(r.shown)
		}
	}
}

// pop takes one dialog away, wherever it is by now.
func (r *root) pop(o overlay) {
	for i := len(r.overlays) - 1; i >= 0; i-- {
		if r.overlays[i] == o {
			r.overlays = append(r.overlays[:i], r.overlays[i+1:]...)
			return
		}
	}
}

// overlayKey hands a key to the dialog on top. One that fails is taken away.
func (r *root) overlayKey(o overlay, k tea.KeyPressMsg) (cmd tea.Cmd) {
	defer func() {
		if p := recover(); p != nil {
			r.pop(o)
			cmd = r.failed(caught("taking a key in a dialog", p))
		}
	}()
	cmd, done := o.key(k)
	if done {
		r.pop(o)
	}
	return cmd
}

// lay puts the dialog on top into the middle of the screen's lines.
func (r *root) lay(lines []string) {
	o := r.top()
	if o == nil || len(lines) < 4 {
		return
	}
	room := len(lines) - 3 // status line, tabs and footer stay
	box := r.drawOverlay(o, r.w, room)
	if len(box) == 0 || len(box) > room {
		return
	}
	w := cells(box[0])
	x, y := (r.w-w)/2, 2+(room-len(box))/3
	if w > r.w || w == 0 {
		return
	}
	for i, line := range box {
		under := lines[y+i]
		lines[y+i] = r.e.fit(ansi.Truncate(under, x, ""), x) + reset + line + reset + ansi.TruncateLeft(under, x+w, "")
		if n := cells(lines[y+i]); n != r.w { // a wide character was cut in two
			lines[y+i] = r.e.fit(lines[y+i], r.w)
		}
	}
}

func (r *root) drawOverlay(o overlay, w, h int) (lines []string) {
	defer func() {
		if p := recover(); p != nil {
			f := caught("drawing a dialog", p)
			lines = r.e.box("", f.page(r.e, max(w-4, 1), max(h-2, 1)), w)
		}
	}()
	return o.render(w, h)
}
