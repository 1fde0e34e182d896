// What somebody who looks on wants to see: one text, for addresses, connections and log lines.

package monitor

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"

	"github.com/clasp-studio/clasp/router/address"
)

// Needs says what of a row has to be filled before a Filter can judge it.
type Needs uint8

// What a Filter may look at.
const (
	NeedAddress Needs = 1 << iota
	NeedValue         // the text of the value and its type
	NeedWriter        // the name of the last writer
)

// maxFilter is the longest filter, in bytes.
const maxFilter = 1 << 10

// Filter is a filter that has been read. It never changes, so any number of goroutines may
// use it.
//
// It is a list of terms with blanks between them, all of which have to hold:
//
//	foh           that text, in upper or lower case, in any column
//	/lumen        addresses that begin so
//	/lumen/*/dim  addresses that match (protocol section 6); fog* is short for /**/fog*
//	~^0\.[5-9]    a regular expression (RE2, in upper or lower case), which goes on to the end of the line
//	type:f64      that text in one column: type, value or writer
//	!foh          not so
//
// Of connections and log lines, '*' stands for any text, and a column's name for itself.
type Filter struct {
	terms []term
	needs Needs
}

// term is one of the conditions.
type term struct {
	inverse bool
	column  Needs                     // in which it looks, with typed
	typed   bool                      // of NeedValue the type, not the value
	address func(address string) bool // nil: it looks at texts
	text    func(s string) bool       // in one text of a row
	any     func(s string) bool       // in texts that are no rows: a connection's, a log line's
}

// columns are those that a term can name.
var columns = []struct {
	prefix string
	need   Needs
	typed  bool
}{
	{"type:", NeedValue, true},
	{"value:", NeedValue, false},
	{"writer:", NeedWriter, false},
}

// ParseFilter reads a filter. The empty one lets everything through. One that is wrong is an
// error of kind ErrInvalid, in words.
func ParseFilter(text string) (*Filter, error) {
	f := new(Filter)
	if len(text) > maxFilter {
		return nil, fmt.Errorf("%w: the filter is over %d bytes", ErrInvalid, maxFilter)
	}
	for rest := strings.TrimSpace(text); rest != ""; {
		var word string
		word, rest = nextTerm(rest)
		t, err := parseTerm(word)
		if err != nil {
			return nil, fmt.Errorf("%w filter: %w", ErrInvalid, err)
		}
		if t.text == nil && t.address == nil {
			continue // "!" or "type:", which somebody is about to go on with
		}
		f.needs |= t.column
		f.terms = append(f.terms, t)
	}
	return f, nil
}

// nextTerm cuts off the first term.
func nextTerm(text string) (word, rest string) {
	bare := strings.TrimLeft(text, "!")
	for _, c := range columns {
		bare = strings.TrimPrefix(bare, c.prefix)
	}
	if strings.HasPrefix(bare, "~") {
		return text, ""
	}
	word, rest, _ = strings.Cut(text, " ")
	return word, strings.TrimSpace(rest)
}

func parseTerm(word string) (term, error) {
	t := term{column: NeedAddress | NeedValue | NeedWriter}
	for strings.HasPrefix(word, "!") {
		t.inverse, word = !t.inverse, word[1:]
	}
	if word == "" {
		return t, nil
	}
	whole := folded(word)
	t.any = whole
	for _, c := range columns {
		rest, ok := strings.CutPrefix(word, c.prefix)
		if !ok {
			continue
		}
		if rest == "" {
			return t, nil
		}
		t.column, t.typed, word = c.need, c.typed, rest
		break
	}
	narrow := t.column != NeedAddress|NeedValue|NeedWriter
	expression, isExpression := strings.CutPrefix(word, "~")
	switch {
	case isExpression:
		if expression == "" {
			return t, nil
		}
		compiled, err := compileExpression(expression)
		if err != nil {
			return t, err
		}
		t.text = compiled.MatchString
	case strings.Contains(word, "*"):
		t.text = wildcard(word)
		if narrow {
			break
		}
		pattern, err := compile(word)
		if err != nil {
			return t, err
		}
		t.address, t.column = pattern.Match, NeedAddress
	case word[0] == '/' && !narrow:
		t.text, t.column = folded(word), NeedAddress
		t.address = func(addr string) bool { return strings.HasPrefix(addr, word) }
	default:
		t.text = folded(word)
	}
	if !narrow {
		t.any = t.text
	}
	return t, nil
}

// compile reads a pattern as somebody types it: without its beginning, and up to a slash.
func compile(word string) (*address.Pattern, error) {
	if len(word) > 1 {
		word = strings.TrimSuffix(word, "/")
	}
	if word[0] != '/' {
		word = "/**/" + word
	}
	return address.Compile(word)
}

// maxProgram bounds what a regular expression is compiled to, in instructions: each character
// of each text costs so many steps at most.
const maxProgram = 200

// ErrTooSlow is what a filter gets that takes too long for what there is to look through.
var ErrTooSlow = fmt.Errorf("%w filter: it takes too long for so much: make it simpler", ErrInvalid)

var errCostly = errors.New("the expression is too costly: make it shorter, with smaller repeat counts")

// compileExpression reads a regular expression. One whose repeats make it large is refused
// before it is compiled, which would take long too.
func compileExpression(expression string) (*regexp.Regexp, error) {
	parsed, err := syntax.Parse(expression, syntax.Perl|syntax.FoldCase)
	if err != nil {
		return nil, errors.New(strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
	if spread(parsed) > maxProgram {
		return nil, errCostly
	}
	program, err := syntax.Compile(parsed.Simplify())
	if err != nil || len(program.Inst) > maxProgram {
		return nil, errCostly
	}
	return regexp.Compile("(?i)" + expression)
}

// spread is about how large an expression is with its repeats written out. It stops to count
// when that is too large.
func spread(e *syntax.Regexp) int {
	size := 1
	if e.Op == syntax.OpLiteral {
		size = len(e.Rune)
	}
	for _, sub := range e.Sub {
		if size += spread(sub); size > maxProgram {
			return size
		}
	}
	if e.Op == syntax.OpRepeat {
		size *= max(e.Min, e.Max, 1)
	}
	return size
}

// folded returns what finds a text in upper or lower case.
func folded(word string) func(string) bool {
	word = strings.ToLower(word)
	return func(s string) bool { return strings.Contains(strings.ToLower(s), word) }
}

// wildcard returns what finds a text in which a '*' stands for any.
func wildcard(word string) func(string) bool {
	pieces := strings.FieldsFunc(strings.ToLower(word), func(c rune) bool { return c == '*' })
	return func(s string) bool {
		s = strings.ToLower(s)
		for _, piece := range pieces {
			at := strings.Index(s, piece)
			if at < 0 {
				return false
			}
			s = s[at+len(piece):]
		}
		return true
	}
}

// Needs says what of a row the filter looks at.
func (f *Filter) Needs() Needs { return f.needs }

// Value reports whether the row of an address passes. It keeps nothing of v.
func (f *Filter) Value(v *Value) bool {
	for i := range f.terms {
		if f.terms[i].value(v) == f.terms[i].inverse {
			return false
		}
	}
	return true
}

func (t *term) value(v *Value) bool {
	switch {
	case t.address != nil:
		return t.address(v.Address)
	case t.column == NeedWriter:
		return t.text(v.WriterName) || t.text(v.Writer)
	case t.typed:
		return t.text(v.Type)
	case t.column == NeedValue:
		return t.text(v.Text)
	default:
		return t.text(v.Address) || t.text(v.Text) || t.text(v.Type) || t.text(v.WriterName)
	}
}

// Client reports whether a session passes, by its name, address, transport, device and id.
func (f *Filter) Client(c *Client) bool {
	return f.texts(c.Name, c.Remote, c.Transport, c.Device, c.ID)
}

// Text reports whether a text passes.
func (f *Filter) Text(s string) bool { return f.texts(s) }

// texts reports whether every term is found in one of some texts.
func (f *Filter) texts(texts ...string) bool {
	for i := range f.terms {
		t := &f.terms[i]
		found := false
		for _, s := range texts {
			if found = t.any(s); found {
				break
			}
		}
		if found == t.inverse {
			return false
		}
	}
	return true
}
