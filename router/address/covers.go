// Whether one pattern lies within another, in work bounded like that of a match.

package address

import "strings"

// Covers says whether every address that q matches is matched by p too. Yes is always right. No may be wrong where blocks of p
// between two "**" would have to lie across a "**" of q for some addresses and elsewhere for others; patterns that are written
// for use are far from that. It allocates nothing.
//
// It is Match with q's text in the place of an address. There '*' is a character that nothing but a '*' of p matches, and "**" a
// segment that nothing but a "**" of p matches: what holds for them holds for all that they can stand for. The one thing to add
// is that a '*' segment beside a "**" in p may be on either side of it, "/**/*" and "/*/**" being the same: p then asks for that
// many segments more, wherever between its blocks they are.
func (p *Pattern) Covers(q *Pattern) bool {
	if !strings.HasPrefix(q.prefix, p.prefix) {
		return false
	}
	rest := q.text
	if rest == "/**" {
		rest = "/*/**" // no address is empty
	}
	if p.shape != deep && p.shape != subtree {
		rest, ok := p.head.cutStart(rest)
		return ok && rest == ""
	}
	core, want := cutStarsEnd(p.head.text)
	rest, ok := newBlock(core).cutStart(rest)
	if !ok {
		return false
	}
	for _, b := range p.middle {
		core, before := cutStarsStart(b.text)
		core, after := cutStarsEnd(core)
		if want += before; core != "" {
			if rest, ok = skip(rest, want); !ok {
				return false
			}
			if rest, ok = newBlock(core).cutFirst(rest); !ok {
				return false
			}
			want = 0
		}
		want += after
	}
	core, before := cutStarsStart(p.tail.text)
	if rest, ok = newBlock(core).cutEnd(rest); !ok {
		return false
	}
	_, ok = skip(rest, want+before)
	return ok
}

// cutStarsStart cuts the "*" segments off the start of path and counts them.
func cutStarsStart(path string) (rest string, n int) {
	for path == "/*" || strings.HasPrefix(path, "/*/") {
		path = path[2:]
		n++
	}
	return path, n
}

// cutStarsEnd cuts the "*" segments off the end of path and counts them.
func cutStarsEnd(path string) (rest string, n int) {
	for strings.HasSuffix(path, "/*") {
		path = path[:len(path)-2]
		n++
	}
	return path, n
}

// skip returns what follows the first n segments of path that are not "**": those that every address has.
func skip(path string, n int) (rest string, ok bool) {
	for n > 0 && path != "" {
		var segment string
		if segment, path = Cut(path); segment != "**" {
			n--
		}
	}
	return path, n == 0
}
