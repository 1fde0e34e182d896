// Makes text of clients harmless, so that whoever shows it needs not think of it.

package monitor

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"
)

const (
	// MaxCells is the most cells of a terminal that a cleaned text takes.
	MaxCells = 256
	// instead stands where something was that cannot be shown.
	instead = '·'
	// marksMost is how many marks may stand on one character: more draw over the lines around it.
	marksMost = 4
	ellipsis  = "…"
)

// Clean makes a text harmless for a terminal, a log and a screen reader: what cannot be seen
// there or does something to them (control characters, escape sequences, bidirectional and
// zero-width characters, what is no UTF-8) becomes one '·' for each run of it. The answer
// takes one line and at most MaxCells cells; where more was, it ends with an ellipsis. What
// is clean stays as it is.
func Clean(s string) string {
	if len(s) <= MaxCells && plain(s) {
		return s
	}
	var out strings.Builder
	cells, room := 0, 0 // room: how much of out leaves a cell for the ellipsis
	hidden, begun, marks := false, false, 0
	// put appends a character, and reports whether there was room for it.
	put := func(c rune, wide int) bool {
		if cells+wide > MaxCells {
			return false
		}
		out.WriteRune(c)
		if cells += wide; cells < MaxCells {
			room = out.Len()
		}
		return true
	}
	for s != "" {
		c, size := utf8.DecodeRuneInString(s)
		unseen := size == 1 && c == utf8.RuneError
		if !unseen {
			if n := escapeLength(s); n > 0 {
				unseen, size = true, n
			}
		}
		s = s[size:]
		mark := unicode.Is(unicode.M, c)
		switch {
		case !unseen && unicode.Is(unicode.Variation_Selector, c):
			continue // changes the width of what is before it, and no more
		case !unseen && unicode.Is(unicode.Zs, c):
			c = ' '
		case !unseen && mark:
			// A mark needs something that it stands on.
			marks++
			unseen = !begun || hidden || marks > marksMost || Unseen(c)
		case !unseen:
			unseen = !visible(c)
		}
		if unseen {
			if hidden {
				continue
			}
			hidden, c, mark = true, instead, false
		} else {
			hidden = false
		}
		if !mark {
			marks = 0
		}
		begun = true
		if !put(c, cellsOf(c)) {
			return out.String()[:room] + ellipsis
		}
	}
	return out.String()
}

// plain reports whether all of a text is ASCII that prints.
func plain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// visible reports whether a character that is no mark is seen where it stands.
func visible(c rune) bool {
	return unicode.IsGraphic(c) && c != utf8.RuneError && !Unseen(c) && !unicode.Is(unicode.Noncharacter_Code_Point, c)
}

// Unseen reports whether a character leaves no trace on the screen although Unicode counts it
// among letters, marks and symbols: fillers, joiners, the empty Braille cell.
func Unseen(c rune) bool {
	const emptyBraille = '\u2800'
	return c == emptyBraille || unicode.In(c, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// escapeLength returns how many bytes the escape sequence takes that s begins with, 0 if none
// (ECMA-48). The text inside of a string sequence (a title, a link) is left to be seen: who
// looks on shall know what somebody has tried.
func escapeLength(s string) int {
	const single = "\u009b" // CSI in one character
	rest, ok := strings.CutPrefix(s, "\x1b[")
	if !ok {
		rest, ok = strings.CutPrefix(s, single)
	}
	if ok {
		for i := range len(rest) {
			switch c := rest[i]; {
			case '@' <= c && c <= '~':
				return len(s) - len(rest) + i + 1
			case c < ' ' || c > '?':
				return len(s) - len(rest) + i // it ends here for a terminal too
			}
		}
		return len(s)
	}
	if s[0] != '\x1b' {
		return 0
	}
	for i := 1; i < len(s); i++ {
		if c := s[i]; c < ' ' || c > '/' { // behind the intermediate characters comes the final one
			if '0' <= c && c <= '~' {
				i++
			}
			return i
		}
	}
	return len(s)
}

// cellsOf is how many cells a character takes: rather one too many than one too few.
func cellsOf(c rune) int {
	if unicode.In(c, unicode.Mn, unicode.Me) {
		return 0
	}
	if k := width.LookupRune(c).Kind(); k == width.EastAsianWide || k == width.EastAsianFullwidth || unicode.Is(unicode.Regional_Indicator, c) {
		return 2
	}
	return 1
}
