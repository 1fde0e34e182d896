package tui

// Messages of root's own; those of the panes are in pane.go. None carries a message that a
// client has sent: however much is routed, the loop of the dashboard is not woken by it.

import (
	"time"

	"github.com/clasp-studio/clasp/router/monitor"
)

type (
	// dueMsg says that it is time to ask for a frame: something has changed, or what is on
	// the screen has.
	dueMsg struct{ gen uint64 }
	// frameMsg is the answer.
	frameMsg struct {
		gen   uint64
		frame monitor.Frame
		err   error
		took  time.Duration
	}
	// actionDoneMsg is what came of an actionMsg.
	actionDoneMsg struct {
		of     actionMsg
		result monitor.Result
		err    error
	}
	// flashEndMsg takes a flash away, if it is still the one it was sent for.
	flashEndMsg struct{ gen uint64 }
	// wheelEndMsg ends a burst of the mouse wheel.
	wheelEndMsg struct{}
	// copiedMsg says which programs have taken what was copied.
	copiedMsg struct {
		copyMsg
		by string
	}
	// failedMsg is a panic in a command.
	failedMsg struct{ failure *failure }
)
