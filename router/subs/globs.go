// The children of a node whose segment has a '*' among other characters.

package subs

import (
	"cmp"
	"slices"
	"strings"

	"github.com/clasp-studio/clasp/router/address"
)

// globs is sorted by the length of the text before the first '*', then by segment. So those with the same text there lie
// together, and ten thousand subscriptions like "zone17*" at one node cost a match a few binary searches, not ten
// thousand comparisons. Those like "*17" have no such text and are all compared. It is nil when there are none.
type globs[T any] []glob[T]

type glob[T any] struct {
	head    int // bytes before the first '*'
	segment string
	node    *node[T]
}

// search returns where segment, with its first '*' at head, is or belongs.
func (g globs[T]) search(head int, segment string) (at int, found bool) {
	return slices.BinarySearchFunc(g, segment, func(e glob[T], segment string) int {
		return cmp.Or(cmp.Compare(e.head, head), strings.Compare(e.segment, segment))
	})
}

// match calls found with each child whose segment matches that of an address.
func (g globs[T]) match(segment string, found func(*node[T])) {
	for len(g) > 0 && g[0].head <= len(segment) {
		head := g[0].head
		from, _ := g.search(head, segment[:head])
		for _, e := range g[from:] {
			if e.head != head || e.segment[:head] != segment[:head] {
				break
			}
			if address.MatchSegment(e.segment, segment) {
				found(e.node)
			}
		}
		next, _ := g.search(head+1, "")
		g = g[next:]
	}
}

func (g globs[T]) get(segment string) *node[T] {
	if at, found := g.search(strings.IndexByte(segment, '*'), segment); found {
		return g[at].node
	}
	return nil
}

// put adds a child that is not there yet.
func (g *globs[T]) put(segment string, n *node[T]) {
	head := strings.IndexByte(segment, '*')
	at, _ := g.search(head, segment)
	*g = slices.Insert(*g, at, glob[T]{head, strings.Clone(segment), n})
}

// drop removes a child that is there.
func (g *globs[T]) drop(segment string) {
	at, _ := g.search(strings.IndexByte(segment, '*'), segment)
	if *g = slices.Delete(*g, at, at+1); len(*g) == 0 {
		*g = nil
	}
}
