// What the black-box tests need to see from inside.

package subs

// Nodes counts all that the table keeps besides its root: the nodes below it, and the symbols of their segments.
func (t *Table[T]) Nodes() int {
	count := len(t.trie.symbols) - 1
	t.trie.root.each(func(*node[T]) { count++ })
	return count
}

// LongestScan returns the most values that adding or removing one may have to look at.
func (t *Table[T]) LongestScan() (values int) {
	t.trie.root.each(func(n *node[T]) {
		if n.index == nil {
			values = max(values, len(n.values))
		}
	})
	return values
}

// Room returns how many values the table has room for without a new allocation.
func (t *Table[T]) Room() (values int) {
	t.trie.root.each(func(n *node[T]) { values += max(cap(n.values), len(n.index)) })
	return values
}

// each calls visit with n and every node below it.
func (n *node[T]) each(visit func(*node[T])) {
	visit(n)
	for _, e := range n.exact.slots {
		if e.symbol != nil {
			e.node.each(visit)
		}
	}
	for _, e := range n.globs {
		e.node.each(visit)
	}
	for _, next := range []*node[T]{n.star, n.deep} {
		if next != nil {
			next.each(visit)
		}
	}
}
