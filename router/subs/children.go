// The children of a node whose segment has no wildcard: by far the most nodes of a table.

package subs

import "slices"

// fewChildren is up to how many a list of children is looked through: a list is quicker than a map, and much smaller.
const fewChildren = 8

// children finds a child by its segment's symbol. Symbols are unique, so no text is compared.
type children[T any] struct {
	list  []child[T]
	index map[*symbol]*node[T] // instead of the list, from when there have been many until there are none
}

type child[T any] struct {
	symbol *symbol
	node   *node[T]
}

func (c *children[T]) none() bool { return c.list == nil && c.index == nil }

func (c *children[T]) get(s *symbol) *node[T] {
	if c.index != nil {
		return c.index[s]
	}
	for i := range c.list {
		if c.list[i].symbol == s {
			return c.list[i].node
		}
	}
	return nil
}

// put adds a child that is not there yet.
func (c *children[T]) put(s *symbol, n *node[T]) {
	switch {
	case c.index != nil:
		c.index[s] = n
	case len(c.list) < fewChildren:
		c.list = append(c.list, child[T]{s, n})
	default:
		c.index = make(map[*symbol]*node[T], 2*fewChildren)
		for _, e := range c.list {
			c.index[e.symbol] = e.node
		}
		c.index[s] = n
		c.list = nil
	}
}

// drop removes a child that is there.
func (c *children[T]) drop(s *symbol) {
	if c.index != nil {
		if delete(c.index, s); len(c.index) == 0 {
			c.index = nil
		}
		return
	}
	c.list = slices.DeleteFunc(c.list, func(e child[T]) bool { return e.symbol == s })
	if len(c.list) == 0 {
		c.list = nil
	}
}
