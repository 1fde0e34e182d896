package tui

// The characters that are drawn, for terminals that know Unicode and those that do not.

import "strings"

// glyphs is one set of characters, each a cell wide.
type glyphs struct {
	ascii                                 bool
	ellipsis                              string
	up, down, same, changed               string // of values
	open, closed, leaf, branch, last, bar string // of trees
	dot, ok, warn, bad, lock, pin, wait   string
	horizontal, vertical                  string
	corners                               [4]string // from the top left, clockwise
	spark                                 []string  // from the lowest to the highest
	trace                                 string    // a line chart's, from the bottom up; with Unicode it has dots
	ground, meter                         string    // where a chart has no sample yet; a bar
	cursor                                string    // before the selected row
}

var unicodeGlyphs = glyphs{
	ellipsis: "…",
	up:       "↑", down: "↓", same: "=", changed: "Δ",
	open: "▾", closed: "▸", leaf: "·", branch: "├", last: "└", bar: "│",
	dot: "·", ok: "●", warn: "▲", bad: "■", lock: "◆", pin: "★", wait: "○",
	horizontal: "─", vertical: "│",
	corners: [4]string{"╭", "╮", "╯", "╰"},
	spark:   []string{"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"},
	ground:  "⣀", meter: "━",
	cursor: "▌",
}

var asciiGlyphs = glyphs{
	ascii:    true,
	ellipsis: "~",
	up:       "^", down: "v", same: "=", changed: "*",
	open: "-", closed: "+", leaf: " ", branch: "|", last: "`", bar: "|",
	dot: "-", ok: "o", warn: "!", bad: "X", lock: "L", pin: "*", wait: ".",
	horizontal: "-", vertical: "|",
	corners: [4]string{"+", "+", "+", "+"},
	spark:   []string{"_", ".", "-", "=", "+", "*", "#", "@"},
	trace:   "_.-'",
	ground:  "_", meter: "=",
	cursor: ">",
}

// newGlyphs returns the set for a terminal.
func newGlyphs(ascii bool) *glyphs {
	if ascii {
		return &asciiGlyphs
	}
	return &unicodeGlyphs
}

// unicodeLocale reports whether the locale of an environment is one of UTF-8. Without any
// locale the answer is yes for a terminal that names itself a modern one: containers set
// TERM and no LANG.
func unicodeLocale(environ []string) bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} { // the order of POSIX
		if v := lookup(environ, name); v != "" {
			v = strings.ToLower(strings.ReplaceAll(v, "-", ""))
			return strings.Contains(v, "utf8")
		}
	}
	switch term := lookup(environ, "TERM"); {
	case term == "linux", strings.HasPrefix(term, "vt"), strings.HasPrefix(term, "ansi"):
		return false
	}
	return true
}

// lookup finds a variable in an environment, "" = not there. The last one counts, as it
// does for a process.
func lookup(environ []string, name string) string {
	for i := len(environ) - 1; i >= 0; i-- {
		if v, ok := strings.CutPrefix(environ[i], name+"="); ok {
			return v
		}
	}
	return ""
}
