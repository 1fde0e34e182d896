// Matching an address against a pattern, in work that never exceeds the product of the two lengths.

package address

import "strings"

// Match says whether the pattern matches addr, which must be Valid: for any other text the answer means nothing.
// It allocates nothing.
func (p *Pattern) Match(addr string) bool {
	switch p.shape {
	case literal:
		return addr == p.text
	case children:
		name, ok := strings.CutPrefix(addr, p.prefix)
		return ok && name != "" && strings.IndexByte(name, '/') < 0
	case subtree:
		_, ok := p.head.cutStart(addr)
		return ok
	}
	if !strings.HasPrefix(addr, p.prefix) {
		return false
	}
	rest, ok := p.head.cutStart(addr)
	if !ok || p.shape == flat {
		return ok && rest == ""
	}
	if rest, ok = p.tail.cutEnd(rest); !ok {
		return false
	}
	// What lies between the ends is free: taking each block where it first fits leaves the most for those after it,
	// so there is never a reason to try a second place.
	for _, b := range p.middle {
		if rest, ok = b.cutFirst(rest); !ok {
			return false
		}
	}
	return true
}

// MatchSegment says whether one segment of a pattern, not "**", matches one segment of an address: each '*' stands for
// zero or more characters. Its work is linear in the two lengths.
func MatchSegment(pattern, segment string) bool {
	star := strings.IndexByte(pattern, '*')
	if star < 0 {
		return pattern == segment
	}
	segment, ok := strings.CutPrefix(segment, pattern[:star])
	if !ok {
		return false
	}
	pattern = pattern[star+1:]
	star = strings.LastIndexByte(pattern, '*')
	if segment, ok = strings.CutSuffix(segment, pattern[star+1:]); !ok {
		return false
	}
	for star >= 0 { // as in Match, the text between two stars is best taken where it first fits
		var text string
		text, pattern, _ = strings.Cut(pattern, "*")
		star -= len(text) + 1
		if _, segment, ok = strings.Cut(segment, text); !ok {
			return false
		}
	}
	return true
}

// block is a run of a pattern's segments that holds no "**"; it may be empty.
type block struct {
	text     string
	segments int
	literal  bool
}

func newBlock(text string) block {
	return block{text: text, segments: strings.Count(text, "/"), literal: !strings.Contains(text, "*")}
}

// compared is told how many bytes are about to be compared; only the tests that bound the work set it.
var compared func(bytes int)

// cutStart returns what follows the block's match at the start of path. In a pattern's text (see Covers) it matches no "**".
func (b block) cutStart(path string) (rest string, ok bool) {
	if b.literal {
		if compared != nil {
			compared(len(b.text))
		}
		rest, ok = strings.CutPrefix(path, b.text)
		return rest, ok && (rest == "" || rest[0] == '/')
	}
	for pattern := b.text; pattern != ""; {
		if path == "" {
			return "", false
		}
		var want, have string
		want, pattern = Cut(pattern)
		have, path = Cut(path)
		if compared != nil {
			compared(len(want) + len(have))
		}
		if have == "**" || !MatchSegment(want, have) {
			return "", false
		}
	}
	return path, true
}

// cutEnd returns what precedes the block's match at the end of path.
func (b block) cutEnd(path string) (rest string, ok bool) {
	if b.literal {
		return strings.CutSuffix(path, b.text)
	}
	start := len(path)
	for range b.segments {
		if start = strings.LastIndexByte(path[:start], '/'); start < 0 {
			return "", false
		}
	}
	_, ok = b.cutStart(path[start:])
	return path[:start], ok
}

// cutFirst returns what follows the block's first match in path.
func (b block) cutFirst(path string) (rest string, ok bool) {
	for path != "" {
		if rest, ok = b.cutStart(path); ok {
			return rest, true
		}
		_, path = Cut(path)
	}
	return "", false
}
