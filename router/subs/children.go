// The children of a node whose segment has no wildcard: by far the most nodes of a table.

package subs

// children finds a child by its segment's symbol. It is a hash table with open addressing and linear probing: symbols
// carry their hash and are unique, so one look at one cache line mostly does. A Go map takes four from memory that is not
// in the cache, and ten times the room for a node with one child.
type children[T any] struct {
	slots []child[T] // none, or a power of two
	count int
}

type child[T any] struct {
	symbol *symbol // nil if the slot is free
	node   *node[T]
}

// locate returns the slot that holds s, or the free one where it belongs, or -1 if there is neither.
func (c *children[T]) locate(s *symbol) int {
	mask := len(c.slots) - 1
	for i := range c.slots {
		at := (int(s.hash) + i) & mask
		if found := c.slots[at].symbol; found == s || found == nil {
			return at
		}
	}
	return -1
}

// get returns nil for a child that is not there.
func (c *children[T]) get(s *symbol) *node[T] {
	if s == nil {
		return nil
	}
	if at := c.locate(s); at >= 0 {
		return c.slots[at].node
	}
	return nil
}

// put adds a child that is not there yet.
func (c *children[T]) put(s *symbol, n *node[T]) {
	if size := len(c.slots); c.count >= size-size/4 {
		old := c.slots
		c.slots = make([]child[T], max(1, 2*size))
		for _, e := range old {
			if e.symbol != nil {
				c.slots[c.locate(e.symbol)] = e
			}
		}
	}
	c.slots[c.locate(s)] = child[T]{s, n}
	c.count++
}

// drop removes a child that is there.
func (c *children[T]) drop(s *symbol) {
	if c.count--; c.count == 0 {
		c.slots = nil
		return
	}
	// A search ends at a free slot, so what follows the one now free must be put in anew.
	at := c.locate(s)
	c.slots[at] = child[T]{}
	for range c.count {
		at = (at + 1) & (len(c.slots) - 1)
		e := c.slots[at]
		if e.symbol == nil {
			return
		}
		c.slots[at] = child[T]{}
		c.slots[c.locate(e.symbol)] = e
	}
}
