package tui

// Text that is longer than the dialog it stands in: where one has scrolled to.

import (
	"fmt"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
)

// scroller is part of a dialog that shows lines of text.
type scroller struct {
	scroll int // the first line on the screen
	lines  int // of the text, as it was drawn last
	body   int // how many of them were on the screen
}

// key takes the keys that scroll; the others are not for it.
func (s *scroller) key(k tea.KeyPressMsg, keys *keyMap) {
	switch {
	case key.Matches(k, keys.Up):
		s.scroll--
	case key.Matches(k, keys.Down):
		s.scroll++
	case key.Matches(k, keys.PageUp):
		s.scroll -= max(s.body-1, 1)
	case key.Matches(k, keys.PageDown):
		s.scroll += max(s.body-1, 1)
	case key.Matches(k, keys.Home):
		s.scroll = 0
	case key.Matches(k, keys.End):
		s.scroll = s.lines
	}
	s.keep()
}

// keep stays within the text.
func (s *scroller) keep() { s.scroll = max(0, min(s.scroll, s.lines-s.body)) }

// shown notes the text, and returns those of its lines that are on a screen of h.
func (s *scroller) shown(lines []string, h int) []string {
	s.lines, s.body = len(lines), min(h, len(lines))
	s.keep()
	return lines[s.scroll : s.scroll+s.body]
}

// place says which lines are shown, "" where all are.
func (s *scroller) place(e *env) string {
	if s.lines <= s.body {
		return ""
	}
	return fmt.Sprintf("%slines %d to %d of %d", e.separator(), s.scroll+1, s.scroll+s.body, s.lines)
}
