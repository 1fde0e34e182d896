// The trie: one node a segment, so that patterns share the work of matching what they have in common.

package subs

import (
	"math/rand/v2"
	"strings"

	"github.com/clasp-studio/clasp/router/address"
)

type trie[T any] struct {
	root    node[T]
	symbols map[string]*symbol // one for each segment without a wildcard, while a node has it
}

// node stands for the patterns that start with the segments on the way to it. Besides the root, it exists only while it
// holds a value or leads to one that does.
type node[T any] struct {
	deep   *node[T]    // next segment "**"; it has no deep itself, for Compile makes "/**/**" one
	star   *node[T]    // next segment "*"
	exact  children[T] // next segment without a wildcard
	globs  globs[T]    // next segment such as "zone*"
	nested bool        // a "**" below another "**": one walk can come here more than once

	set[T] // the values under the pattern that ends here
}

// symbol stands for the text of a segment, so that a walk hashes each segment of an address once and from then on only
// compares pointers.
type symbol struct {
	hash  uint32 // random, so that nobody can choose segments that collide
	nodes int    // how many there are with this segment
}

const (
	star = "*"
	deep = "**"
)

func (t *trie[T]) add(pattern string, v *T) bool {
	n, underDeep := &t.root, false
	for pattern != "" {
		var segment string
		segment, pattern = address.Cut(pattern)
		next := t.child(n, segment)
		if next == nil {
			next = &node[T]{nested: segment == deep && underDeep}
			t.attach(n, segment, next)
		}
		n, underDeep = next, underDeep || segment == deep
	}
	return n.set.add(v)
}

// remove takes v from under the pattern path, relative to n, and drops the nodes below n that this leaves empty.
func (t *trie[T]) remove(n *node[T], path string, v *T) bool {
	if path == "" {
		return n.set.remove(v)
	}
	segment, rest := address.Cut(path)
	next := t.child(n, segment)
	if next == nil || !t.remove(next, rest, v) {
		return false
	}
	if len(next.values) == 0 && next.leaf() {
		t.detach(n, segment)
	}
	return true
}

func (n *node[T]) leaf() bool {
	return n.deep == nil && n.star == nil && n.globs == nil && n.exact.count == 0
}

func (t *trie[T]) child(n *node[T], segment string) *node[T] {
	switch {
	case segment == deep:
		return n.deep
	case segment == star:
		return n.star
	case strings.Contains(segment, star):
		return n.globs.get(segment)
	}
	return n.exact.get(t.symbols[segment])
}

func (t *trie[T]) attach(n *node[T], segment string, next *node[T]) {
	switch {
	case segment == deep:
		n.deep = next
	case segment == star:
		n.star = next
	case strings.Contains(segment, star):
		n.globs.put(segment, next)
	default:
		s := t.symbols[segment]
		if s == nil {
			if t.symbols == nil {
				t.symbols = make(map[string]*symbol)
			}
			s = &symbol{hash: rand.Uint32()}
			t.symbols[strings.Clone(segment)] = s // not the pattern's whole text with it
		}
		s.nodes++
		n.exact.put(s, next)
	}
}

func (t *trie[T]) detach(n *node[T], segment string) {
	switch {
	case segment == deep:
		n.deep = nil
	case segment == star:
		n.star = nil
	case strings.Contains(segment, star):
		n.globs.drop(segment)
	default:
		s := t.symbols[segment]
		n.exact.drop(s)
		if s.nodes--; s.nodes > 0 {
			return
		}
		if delete(t.symbols, segment); len(t.symbols) == 0 {
			t.symbols = nil // a map keeps the room of its largest size
		}
	}
}
