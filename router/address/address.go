// The rules an address keeps, and the error that says which one it broke.

// Package address holds the rules for addresses and patterns and the one matcher that live delivery, snapshots,
// rights and queries share (protocol section 6).
package address

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// MaxLength is the most bytes an address or a pattern may have (protocol section 6).
const MaxLength = 1024

// quoted is the most bytes of a bad text that an Error keeps: a message stays short whatever a client sends.
const quoted = 64

// Error says which rule of protocol section 6 an address or a pattern breaks, and where.
type Error struct {
	Kind string // "address" or "pattern"
	Text string // the text itself, or its first 64 bytes; a copy, so it outlives the buffer it was read from
	What string // the rule broken
	At   int    // offset in bytes of the first byte that breaks it
}

func (e *Error) Error() string {
	return fmt.Sprintf("bad %s %q: byte %d: %s", e.Kind, e.Text, e.At, e.What)
}

// Valid returns nil if addr is an address (protocol section 6), and an *Error naming the first broken rule if it is not.
func Valid(addr string) error {
	if at, what := check(addr, false); what != "" {
		return newError("address", addr, at, what)
	}
	return nil
}

// Reserved says whether addr is one of the router's own: /_clasp, /_meta or /_admin, or below one of them.
func Reserved(addr string) bool {
	if !strings.HasPrefix(addr, "/_") {
		return false
	}
	top, _ := Cut(addr)
	return top == "_clasp" || top == "_meta" || top == "_admin"
}

// Cut splits the first segment off a non-empty run of segments: "/a/b" gives "a" and "/b", "/b" gives "b" and "".
func Cut(path string) (segment, rest string) {
	end := strings.IndexByte(path[1:], '/')
	if end < 0 {
		return path[1:], ""
	}
	return path[1 : 1+end], path[1+end:]
}

func newError(kind, text string, at int, what string) *Error {
	return &Error{Kind: kind, Text: strings.Clone(text[:min(len(text), quoted)]), What: what, At: at}
}

// check finds the first byte that breaks a rule; what is empty when none does. Patterns may hold wildcards, addresses may not.
func check(text string, pattern bool) (at int, what string) {
	switch {
	case text == "" || text[0] != '/':
		return 0, "must start with '/'"
	case len(text) > MaxLength:
		return MaxLength, fmt.Sprintf("longer than %d bytes", MaxLength)
	case len(text) == 1:
		return 0, "'/' alone names nothing"
	}
	segment := 1 // where the current segment starts
	for i := 1; i < len(text); i++ {
		switch c := text[i]; {
		case '/' < c && c < utf8.RuneSelf: // letters, digits and most signs: nothing to check
		case c == '/':
			if i == segment {
				return i, "empty segment: two '/' in a row"
			}
			segment = i + 1
		case c == '*' && !pattern:
			return i, "'*' is for patterns only"
		case c == '*' && text[i-1] == '*':
			if last := i + 1; i-1 != segment || last < len(text) && text[last] != '/' {
				return i - 1, "'**' must be a whole segment"
			}
		case c == 0:
			return i, "NUL is not allowed"
		case c >= utf8.RuneSelf:
			_, size := utf8.DecodeRuneInString(text[i:])
			if size == 1 {
				return i, "not valid UTF-8"
			}
			i += size - 1
		}
	}
	if segment == len(text) {
		return segment - 1, "trailing '/'"
	}
	return 0, ""
}
