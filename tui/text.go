package tui

// Text in cells: what is drawn has to fill its place exactly, or the screen shifts.

import (
	"strings"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
)

// fit cuts plain or styled text to w cells, with an ellipsis where something is missing, and
// fills up with spaces on the right.
func (e *env) fit(s string, w int) string {
	if w <= 0 {
		return ""
	}
	n := cells(s)
	if n > w {
		s = ansi.Truncate(s, w, e.glyphs.ellipsis)
		n = cells(s)
	}
	return s + blank(w-n)
}

// right is fit with the spaces on the left, as numbers want it.
func (e *env) right(s string, w int) string {
	if n := cells(s); n < w {
		return blank(w-n) + s
	}
	return e.fit(s, w)
}

// center is fit with the spaces on both sides.
func (e *env) center(s string, w int) string {
	if n := cells(s); n < w {
		return e.fit(blank((w-n)/2)+s, w)
	}
	return e.fit(s, w)
}

// cells is the width of plain or styled text. Most of what is drawn is plain ASCII, for
// which the width is the length.
func cells(s string) int {
	for i := range len(s) {
		if s[i] < ' ' || s[i] >= 0x7f {
			return ansi.StringWidth(s)
		}
	}
	return len(s)
}

const manySpaces = "                                                                                                                                "

// blank is n spaces, none if n is negative.
func blank(n int) string {
	if n <= 0 {
		return ""
	}
	if n <= len(manySpaces) {
		return manySpaces[:n]
	}
	return strings.Repeat(" ", n)
}

// beside joins texts of both sides into w cells: the left one gives way.
func (e *env) beside(left, right string, w int) string {
	n := cells(right)
	if n >= w {
		return e.fit(right, w)
	}
	return e.fit(left, w-n) + right
}

// wrap breaks a plain text at spaces into lines of at most w cells.
func wrap(s string, w int) []string {
	if w < 1 {
		return nil
	}
	return strings.Split(ansi.Wrap(s, w, ""), "\n")
}

// asciiOnly replaces what a terminal without UTF-8 cannot show, by as many question marks
// as cells it takes. Escape codes stay.
func asciiOnly(s string) string {
	i := 0
	for i < len(s) && s[i] < utf8.RuneSelf {
		i++
	}
	if i == len(s) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	var state byte
	for len(s) > 0 {
		seq, width, n, next := ansi.DecodeSequence(s, state, nil)
		if width > 0 && seq[0] >= utf8.RuneSelf {
			b.WriteString("??"[:min(width, 2)])
		} else if width > 0 || seq[0] < utf8.RuneSelf {
			b.WriteString(seq)
		}
		s, state = s[n:], next
	}
	return b.String()
}
