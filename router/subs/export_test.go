// What the black-box tests need to see from inside.

package subs

// Nodes counts all that the table keeps besides its root: the nodes below it, and the symbols of their segments.
func (t *Table[T]) Nodes() int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return len(t.trie.symbols) + t.trie.root.below()
}

func (n *node[T]) below() (count int) {
	var next []*node[T]
	for _, e := range n.exact.slots {
		if e.symbol != nil {
			next = append(next, e.node)
		}
	}
	for _, e := range n.globs {
		next = append(next, e.node)
	}
	for _, e := range []*node[T]{n.star, n.deep} {
		if e != nil {
			next = append(next, e)
		}
	}
	for _, e := range next {
		count += 1 + e.below()
	}
	return count
}
