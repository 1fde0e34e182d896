// The table: what the engine sees, and the locking.

// Package subs finds the subscriptions whose pattern matches an address (protocol section 6), in time that hardly
// depends on how many there are.
package subs

import (
	"sync"
	"sync/atomic"

	"github.com/clasp-studio/clasp/router/address"
)

// Table holds values, each under one or more patterns. The zero value is empty and ready; it must not be copied. All
// methods may be called from any goroutine; none calls out while the table is locked.
type Table[T any] struct {
	generation atomic.Uint64
	walks      sync.Pool // of *walk[T]

	mu   sync.RWMutex // guards what follows
	trie trie[T]
	size int
}

// Add puts v under p. If it is there already, nothing changes.
func (t *Table[T]) Add(p *address.Pattern, v *T) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.trie.add(p.String(), v) {
		t.size++
		t.generation.Add(1)
	}
}

// Remove takes v from under p and reports whether it was there. Its cost does not grow with the number of values.
func (t *Table[T]) Remove(p *address.Pattern, v *T) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.trie.remove(&t.trie.root, p.String(), v) {
		return false
	}
	t.size--
	t.generation.Add(1)
	return true
}

// AppendMatch appends to dst the values under patterns that match addr, in no order, and each as often as it is under
// such a pattern. addr must be valid. Nothing is allocated while dst has room.
func (t *Table[T]) AppendMatch(dst []*T, addr string) []*T {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.trie.appendMatch(dst, addr, &t.walks)
}

// Generation returns a number that changes whenever the result of AppendMatch may. Who keeps a result must read the
// generation before asking for it: the result is then good for as long as the generation stands still.
func (t *Table[T]) Generation() uint64 { return t.generation.Load() }

// Len returns the number of values, counted once for each pattern they are under.
func (t *Table[T]) Len() int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.size
}
