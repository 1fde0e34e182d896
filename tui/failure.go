package tui

// Panics: a pane that fails says why and what to do, in its own place. The others go on,
// and so does the router.

import (
	"fmt"
	"runtime/debug"
	"strings"
	"unicode"

	tea "charm.land/bubbletea/v2"
)

// failure is a panic that was caught.
type failure struct {
	doing string // "drawing State"
	what  string
	stack string
}

// String is all there is to say, for the clipboard.
func (f *failure) String() string {
	return fmt.Sprintf("The dashboard has failed while %s: %s\n\n%s", f.doing, f.what, f.stack)
}

// caught makes a failure of what recover has returned.
func caught(doing string, r any) *failure {
	return &failure{doing: doing, what: fmt.Sprint(r), stack: string(debug.Stack())}
}

// guarded returns a command whose panic comes back as a failedMsg, in place of the end of
// the dashboard.
func guarded(doing string, cmd tea.Cmd) tea.Cmd {
	return func() (msg tea.Msg) {
		defer func() {
			if r := recover(); r != nil {
				msg = failedMsg{caught(doing, r)}
			}
		}()
		return cmd()
	}
}

// page is what a pane that has failed shows: lines of w cells, h of them.
func (f *failure) page(e *env, w, h int) []string {
	t := e.theme
	lines := []string{""}
	add := func(r role, s string) {
		for _, line := range wrap(e.mask(maskText, oneLine(s)), max(w-2, 1)) {
			lines = append(lines, " "+t.paint(r, line))
		}
	}
	add(bad, e.glyphs.bad+" This part of the dashboard has failed while "+f.doing+".")
	add(plain, f.what)
	lines = append(lines, "")
	add(plain, "The router is not touched by it and goes on.")
	add(strong, "Enter starts this part again, y copies the whole report, "+e.keys.Detach.Help().Key+" leaves the dashboard.")
	lines = append(lines, "")
	for _, line := range strings.Split(f.stack, "\n") {
		lines = append(lines, " "+t.paint(dim, oneLine(line)))
	}
	return e.fill(lines, w, h)
}

// fill makes of lines exactly h of exactly w cells.
func (e *env) fill(lines []string, w, h int) []string {
	out := make([]string, max(h, 0))
	for i := range out {
		if i < len(lines) {
			out[i] = e.fit(lines[i], w)
		} else {
			out[i] = blank(w)
		}
	}
	return out
}

// oneLine takes out of a text of our own what would break a line.
func oneLine(s string) string {
	return strings.Map(func(c rune) rune {
		if c == '\t' || c == '\n' {
			return ' '
		}
		if unicode.In(c, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) { // does something to the terminal, or cannot be seen
			return '?'
		}
		return c
	}, s)
}
