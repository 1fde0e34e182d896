// A short, obvious matcher to compare the real one with. It is written from protocol section 6 and from nothing else.

package address_test

import "strings"

// refMatch says whether pattern matches addr. Both must be valid.
func refMatch(pattern, addr string) bool {
	if pattern == "**" {
		pattern = "/**"
	}
	return refSequence(strings.Split(pattern, "/")[1:], strings.Split(addr, "/")[1:], "**", refSegment)
}

// refSegment matches one segment of a pattern other than "**".
func refSegment(pattern, segment string) bool {
	if pattern == "*" {
		return segment != ""
	}
	same := func(a, b string) bool { return a == b }
	return refSequence(strings.Split(pattern, ""), strings.Split(segment, ""), "*", same)
}

// refSequence matches the items of have against those of want, in which any stands for zero or more items.
func refSequence(want, have []string, any string, match func(want, have string) bool) bool {
	type place struct{ want, have int }
	known := make(map[place]bool)
	var from func(p place) bool
	from = func(p place) bool {
		if p.want == len(want) {
			return p.have == len(have)
		}
		ok, seen := known[p]
		if seen {
			return ok
		}
		if want[p.want] == any {
			ok = from(place{p.want + 1, p.have}) || p.have < len(have) && from(place{p.want, p.have + 1})
		} else {
			ok = p.have < len(have) && match(want[p.want], have[p.have]) && from(place{p.want + 1, p.have + 1})
		}
		known[p] = ok
		return ok
	}
	return from(place{})
}

// refValid says whether text keeps the rules of an address, or, with wildcards, those of a pattern.
func refValid(text string, wildcards bool) bool {
	if text == "**" && wildcards {
		return true
	}
	if len(text) > 1024 || !strings.HasPrefix(text, "/") || strings.ToValidUTF8(text, "\x00") != text || strings.Contains(text, "\x00") {
		return false
	}
	for _, segment := range strings.Split(text[1:], "/") {
		if segment == "" || !wildcards && strings.Contains(segment, "*") || segment != "**" && strings.Contains(segment, "**") {
			return false
		}
	}
	return true
}
