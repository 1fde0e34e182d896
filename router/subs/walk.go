// Matching: one walk down the trie, in which no node meets the same part of the address twice.

package subs

import (
	"sync"

	"github.com/clasp-studio/clasp/router/address"
)

// walk is one call of AppendMatch, and between calls what it needs room for.
//
// Every node but a "**" is reached from its one parent, one segment earlier. A "**" is entered when its parent is reached,
// and then meets all that is left of the address, segment by segment. So each node meets each rest of the address at most
// once, provided that a "**" is entered once: its first time, on the longest rest, covers all later ones. Only a "**"
// below another can be reached again, so only those are remembered.
type walk[T any] struct {
	segments []segment
	dst      []*T
	entered  map[*node[T]]struct{}
}

// segment is one of an address.
type segment struct {
	text   string
	symbol *symbol // nil if no pattern has it
}

// keepEntered is the most nested "**" a walk may have entered for its room to be used again: clearing a large map costs
// every later walk.
const keepEntered = 256

// appendMatch appends to dst the values under patterns that match addr.
func (t *trie[T]) appendMatch(dst []*T, addr string, pool *sync.Pool) []*T {
	w, ok := pool.Get().(*walk[T])
	if !ok {
		w = &walk[T]{entered: make(map[*node[T]]struct{})}
	}
	for addr != "" {
		var text string
		text, addr = address.Cut(addr)
		w.segments = append(w.segments, segment{text, t.symbols[text]})
	}
	w.dst = dst
	w.reach(&t.root, w.segments)
	dst = w.dst

	if len(w.entered) > keepEntered {
		return dst
	}
	clear(w.segments) // they may point into a buffer of the caller's
	clear(w.entered)
	w.segments, w.dst = w.segments[:0], nil
	pool.Put(w)
	return dst
}

// reach takes up the walk at n with rest of the address to go.
func (w *walk[T]) reach(n *node[T], rest []segment) {
	if n.deep != nil {
		w.enter(n.deep, rest)
	}
	if len(rest) == 0 {
		w.dst = append(w.dst, n.values...)
		return
	}
	w.step(n, rest)
}

// enter takes up the walk at a "**", which matches whatever rest holds.
func (w *walk[T]) enter(n *node[T], rest []segment) {
	if n.nested {
		if _, again := w.entered[n]; again {
			return
		}
		w.entered[n] = struct{}{}
	}
	w.dst = append(w.dst, n.values...)
	if n.leaf() {
		return
	}
	for ; len(rest) > 0; rest = rest[1:] {
		w.step(n, rest)
	}
}

// step goes from n to the children that match the first segment of rest.
func (w *walk[T]) step(n *node[T], rest []segment) {
	first, rest := rest[0], rest[1:]
	if next := n.exact.get(first.symbol); next != nil {
		w.reach(next, rest)
	}
	if n.star != nil {
		w.reach(n.star, rest)
	}
	if n.globs != nil {
		n.globs.match(first.text, func(next *node[T]) { w.reach(next, rest) })
	}
}
