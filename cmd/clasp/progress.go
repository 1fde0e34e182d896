// How far a long command has come, for whoever looks at a terminal.

package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"
)

// progressEvery is how often the line is written anew.
const progressEvery = 200 * time.Millisecond

// progress counts params on one line of stderr, written over and over, if that is a
// terminal; else it says nothing.
type progress struct {
	out     io.Writer // nil says nothing
	doing   string
	n       int
	started time.Time
	next    time.Time
	width   int // of the line as it stands
}

// startProgress begins to count what a command is doing: "exported".
func startProgress(stderr io.Writer, doing string) *progress {
	p := &progress{doing: doing, started: time.Now()}
	if f, ok := stderr.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		p.out = stderr
	}
	p.next = p.started.Add(progressEvery)
	return p
}

// add counts one more.
func (p *progress) add() {
	p.n++
	if p.out == nil || p.n%256 != 0 { // a look at the clock costs as much as a param
		return
	}
	if now := time.Now(); now.After(p.next) {
		p.next = now.Add(progressEvery)
		rate := float64(p.n) / now.Sub(p.started).Seconds()
		p.write(fmt.Sprintf("%d params %s, %.0f a second", p.n, p.doing, rate))
	}
}

// end takes the line away: what follows on stderr begins where it was.
func (p *progress) end() {
	if p.width > 0 {
		p.write("")
	}
}

func (p *progress) write(line string) {
	blank := strings.Repeat(" ", max(0, p.width-len(line)))
	_, _ = fmt.Fprintf(p.out, "\r%s%s", line, blank) // if nobody sees it, nobody does
	if line == "" {
		_, _ = fmt.Fprint(p.out, "\r")
	}
	p.width = len(line)
}
