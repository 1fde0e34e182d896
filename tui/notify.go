package tui

// Attention: somebody wants in while the operator looks elsewhere. No name goes to the
// terminal's notifications: whoever wants in has chosen it.

import (
	"fmt"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/clasp-studio/clasp/router/monitor"
)

// notifier remembers who has been announced.
type notifier struct {
	known map[string]bool
	open  int
}

// look counts who wants in, and reports whether somebody is there who was not before.
func (n *notifier) look(p *monitor.Pairing) (fresh bool) {
	now := make(map[string]bool, len(p.Knocks))
	n.open = 0
	for i := range p.Knocks {
		k := &p.Knocks[i]
		if !k.Open() {
			continue
		}
		n.open++
		now[k.ID] = true
		fresh = fresh || !n.known[k.ID]
	}
	n.known = now
	return fresh
}

// attention rings the bell and has the terminal show a notification.
func attention(open int) tea.Cmd {
	text := "clasp: a device wants in"
	if open > 1 {
		text = fmt.Sprintf("clasp: %d devices want in", open)
	}
	return tea.Raw("\a" + ansi.Notify(text))
}

// windowTitle is the title of the terminal's window, "" when notifications are off.
func (r *root) windowTitle() string {
	if !r.e.options.Notify {
		return ""
	}
	title := "clasp"
	if r.notify.open > 0 {
		title = fmt.Sprintf("(%d) %s", r.notify.open, title)
	}
	return title
}
