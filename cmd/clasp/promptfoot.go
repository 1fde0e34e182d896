// The foot of the terminal: text that stays below the lines of the log. It is written where
// they are, so that neither comes in between the other, and a terminal that was stopped holds
// nobody up.

package main

import (
	"fmt"
	"strings"
)

// foot is what the goroutine of the log is to show.
type foot struct {
	text  string // whole lines; "" takes away what was there
	shown chan struct{}
}

const (
	// A line that does not fit is cut. Broken, it would be more lines than are taken away.
	cutLines   = "\x1b[?7l"
	breakLines = "\x1b[?7h"
	// eraseBelow goes up so many lines and clears all from there.
	eraseBelow = "\r\x1b[%dA\x1b[J"
)

// showFoot puts text in the place of what is at the foot of the terminal. It does not wait;
// the channel it returns is closed when the terminal has it, unless other text came faster.
func (o *logOutput) showFoot(text string) <-chan struct{} {
	shown := make(chan struct{})
	o.mu.Lock()
	defer o.mu.Unlock()
	o.batch.foot = &foot{text, shown}
	o.changed.Signal()
	return shown
}

// liftFoot makes room for a line.
func (o *logOutput) liftFoot() {
	if o.footDown {
		_, _ = fmt.Fprintf(o.stdout, eraseBelow, strings.Count(o.foot, "\n")) // if nobody sees it, nobody does
		o.footDown = false
	}
}

// setFoot puts it back below the last line.
func (o *logOutput) setFoot(next *foot) {
	if next != nil {
		o.liftFoot()
		o.foot = next.text
	}
	if o.foot != "" && !o.footDown {
		_, _ = fmt.Fprint(o.stdout, cutLines+o.foot+breakLines)
		o.footDown = true
	}
	if next != nil {
		close(next.shown)
	}
}
