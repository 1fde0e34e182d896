// What a session may do at which addresses.

// Package auth says who may do what (protocol section 10): it reads and checks tokens, and keeps the rights they give as
// patterns. It opens no socket and starts no goroutine.
package auth

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/clasp-studio/clasp/router/address"
)

// MaxPatterns is the most patterns that one token may have, in all its lists and constraints together. A write of a session
// without a cached verdict is compared with each of them.
const MaxPatterns = 256

// Claims are the rights that a token states, as patterns (protocol section 6).
type Claims struct {
	Read      []string // GET, SUBSCRIBE, QUERY, REPLAY and the snapshot after WELCOME
	Write     []string // SET, timelines, ANNOUNCE, and all that Emit gives; not reading
	Emit      []string // events, streams and gestures
	Subscribe []string // SUBSCRIBE, with the snapshot that answers it

	Constraints []Constraint
}

// Constraint bounds what is written to the addresses that match its pattern. It gives no right. Where several match, all hold.
type Constraint struct {
	Pattern  string
	HasRange bool // Min and Max count
	Min, Max float64
	MaxRate  float64 // writes a second, 0 = any number
}

// Rights never changes after it is made; any goroutine may use it. Its methods take what address.Valid and address.Compile have
// found good, for anything else the answer means nothing.
//
// Writing to /_clasp, /_meta and /_admin is nobody's right (protocol section 6). Reading there is a right like any other.
type Rights struct {
	all                          bool
	read, write, emit, subscribe patterns

	constraints []Constraint
	constrained patterns // of the constraint with the same index
	indexes     []int    // 0, 1, 2... : Constraints returns pieces of it
}

type patterns []*address.Pattern

// match says whether one of the patterns matches addr.
func (ps patterns) match(addr string) bool {
	for _, p := range ps {
		if p.Match(addr) {
			return true
		}
	}
	return false
}

func (ps patterns) texts() []string {
	texts := make([]string, len(ps))
	for i, p := range ps {
		texts[i] = p.String()
	}
	return texts
}

// cover says whether every address that q can match lies within one of the patterns (protocol section 10).
func (ps patterns) cover(q *address.Pattern) bool {
	for _, p := range ps {
		if p.Covers(q) {
			return true
		}
	}
	return false
}

// Everything returns the rights of a session without a token where none is required: all of them.
func Everything() *Rights { return &Rights{all: true} }

// NewRights compiles claims. The error names the list and the number of the entry that is wrong, and never the entry itself:
// it may have come with a token.
func NewRights(c Claims) (*Rights, error) {
	if n := len(c.Read) + len(c.Write) + len(c.Emit) + len(c.Subscribe) + len(c.Constraints); n > MaxPatterns {
		return nil, fmt.Errorf("%d patterns, and at most %d are allowed: join some of them", n, MaxPatterns)
	}
	r := &Rights{}
	for _, list := range []struct {
		name  string
		texts []string
		into  *patterns
	}{
		{"read", c.Read, &r.read}, {"write", c.Write, &r.write}, {"emit", c.Emit, &r.emit}, {"subscribe", c.Subscribe, &r.subscribe},
	} {
		for i, text := range list.texts {
			p, err := compile(text)
			if err != nil {
				return nil, fmt.Errorf("%s, entry %d: %w", list.name, i+1, err)
			}
			*list.into = append(*list.into, p)
		}
	}
	for i, constraint := range c.Constraints {
		p, err := compile(constraint.Pattern)
		if err == nil {
			err = constraint.check()
		}
		if err != nil {
			return nil, fmt.Errorf("constraints, entry %d: %w", i+1, err)
		}
		r.constraints = append(r.constraints, constraint)
		r.constrained = append(r.constrained, p)
		r.indexes = append(r.indexes, i)
	}
	r.all = r.read.cover(everywhere) && r.write.cover(everywhere) && len(r.constraints) == 0
	return r, nil
}

var everywhere = func() *address.Pattern {
	p, err := address.Compile("/**")
	if err != nil {
		panic(err) // it is a pattern
	}
	return p
}()

// compile reads a pattern more strictly than a subscription's is: what nobody can see in a token has no business there.
func compile(text string) (*address.Pattern, error) {
	if err := visible(text); err != nil {
		return nil, err
	}
	p, err := address.Compile(text)
	var broken *address.Error
	if errors.As(err, &broken) {
		return nil, fmt.Errorf("bad pattern: byte %d: %s", broken.At, broken.What)
	}
	return p, err
}

// visible refuses control characters, those that only change how others look (Unicode category Cf: zero width, right to
// left), and the sign that JSON decoders put in the place of bytes that are no text.
func visible(text string) error {
	if strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == utf8.RuneError }) {
		return errors.New("holds a control character or one that cannot be seen, or is not valid UTF-8")
	}
	return nil
}

func (c *Constraint) check() error {
	switch {
	case c.HasRange && (!finite(c.Min) || !finite(c.Max)):
		return errors.New("range: not a finite number")
	case c.HasRange && c.Min > c.Max:
		return errors.New("range: the minimum is above the maximum")
	case !finite(c.MaxRate) || c.MaxRate < 0:
		return errors.New("maxRate: must be a finite number above 0")
	}
	return nil
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// All says that there is every right and no constraint, so that a caller need not ask for each. It says nothing of the
// router's own addresses: nobody writes there.
func (r *Rights) All() bool { return r.all }

// Lists returns the patterns that may be read and written, for people to look at.
func (r *Rights) Lists() (read, write []string) {
	if r.all {
		return []string{"/**"}, []string{"/**"}
	}
	return r.read.texts(), r.write.texts()
}

// MayRead says whether the value at addr may be read: GET, the snapshot after WELCOME, QUERY.
func (r *Rights) MayRead(addr string) bool { return r.all || r.read.match(addr) }

// MayWrite says whether a SET or a timeline may go to addr, or an ANNOUNCE name it.
func (r *Rights) MayWrite(addr string) bool {
	return (r.all || r.write.match(addr)) && !address.Reserved(addr)
}

// MayEmit says whether an event, a stream or a gesture may go to addr. Who may write there may.
func (r *Rights) MayEmit(addr string) bool {
	return (r.all || r.emit.match(addr) || r.write.match(addr)) && !address.Reserved(addr)
}

// MaySubscribe says whether all that p can match lies within one pattern that may be read or subscribed to.
func (r *Rights) MaySubscribe(p *address.Pattern) bool {
	return r.all || r.read.cover(p) || r.subscribe.cover(p)
}

// MayReplay says whether all that p can match lies within one pattern that may be read.
func (r *Rights) MayReplay(p *address.Pattern) bool { return r.all || r.read.cover(p) }

// MayAnnounce says whether all that p can match lies within one pattern that may be written.
func (r *Rights) MayAnnounce(p *address.Pattern) bool {
	return (r.all || r.write.cover(p)) && !address.Reserved(p.String())
}

// Constraints returns the indexes of the constraints that hold for a write to addr, nil nearly always. It must not be changed.
// It is made anew only where several apply that do not follow each other.
func (r *Rights) Constraints(addr string) []int {
	var found []int
	for i, p := range r.constrained {
		if !p.Match(addr) {
			continue
		}
		if n := len(found); n == 0 {
			found = r.indexes[i : i+1 : i+1]
		} else if first := found[0]; i-first == n { // none is left out between them
			found = r.indexes[first : i+1 : i+1]
		} else {
			found = append(found, i)
		}
	}
	return found
}

// Constraint returns the constraint with an index that Constraints has given.
func (r *Rights) Constraint(i int) Constraint { return r.constraints[i] }
