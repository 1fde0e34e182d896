// Patterns: how one is compiled, and what can be said of it without an address at hand.

package address

import "strings"

// Pattern is a compiled pattern. It never changes, so any number of goroutines may use it.
type Pattern struct {
	text   string
	prefix string
	shape  shape

	// Between the "**" of a pattern lie blocks: "/a/*/**/b/**/c" has head "/a/*", middle "/b" and tail "/c".
	// The shapes with a faster way use at most the head.
	head, tail block
	middle     []block
}

// shape picks the way to match: the three shapes nearly every subscription has need no walk over segments.
type shape uint8

const (
	flat     shape = iota // wildcards, but no "**": "/zone*/*/level"
	deep                  // a "**" that is not the only wildcard, or not at the end
	literal               // "/a/b"
	children              // "/a/b/*"
	subtree               // "/a/b/**"
)

// Compile reads a pattern (protocol section 6); "**" alone means "/**". "**" must be a whole segment, so "/a/x**" is
// an error; so is all that is wrong in an address, apart from '*'. The error is an *Error naming the first broken rule.
// The Pattern keeps a copy of text.
func Compile(text string) (*Pattern, error) {
	if text == "**" {
		text = "/**"
	}
	if at, what := check(text, true); what != "" {
		return nil, newError("pattern", text, at, what)
	}
	text = canonical(text)
	p := &Pattern{text: text}

	star := strings.IndexByte(text, '*')
	blocks := strings.Split(text, "/**") // in a checked text "/**" is always a whole segment
	p.head = newBlock(blocks[0])
	switch last := len(blocks) - 1; {
	case star < 0:
		p.shape = literal
	case last == 0 && star == len(text)-1 && text[star-1] == '/':
		p.shape = children
	case last == 0:
		p.shape = flat
	case last == 1 && blocks[1] == "" && p.head.literal:
		p.shape = subtree
	default:
		p.shape = deep
		p.tail = newBlock(blocks[last])
		for _, b := range blocks[1:last] {
			p.middle = append(p.middle, newBlock(b))
		}
	}

	switch {
	case p.shape == literal:
		p.prefix = text
	case p.shape == subtree && p.head.text != "":
		p.prefix = p.head.text // not "/a/": "/a/**" matches "/a" itself
	default:
		p.prefix = text[:star]
	}
	return p, nil
}

// String returns the pattern's text, with "/**/**" shortened to "/**", which means the same.
func (p *Pattern) String() string { return p.text }

// Literal says whether the pattern has no wildcard; it then matches String() and nothing else.
func (p *Pattern) Literal() bool { return p.shape == literal }

// Prefix returns the longest text that every matching address starts with, for a range scan of an ordered index. Not
// every address that starts with it matches: the prefix of "/a/**" is "/a", because it matches "/a", but "/ab" does not.
func (p *Pattern) Prefix() string { return p.prefix }

// canonical copies text, with each run of "**" segments made one.
func canonical(text string) string {
	for strings.Contains(text, "/**/**") {
		text = strings.ReplaceAll(text, "/**/**", "/**")
	}
	return strings.Clone(text)
}
