package tui

// The tree of addresses. It is made of the sorted list of them whenever that has changed,
// away from the loop; from then on each look at it costs what is on the screen.

import (
	"slices"
	"strings"
	"unsafe"
)

// vnode is an address, a branch above some, or both. Its last segment starts at from.
type vnode struct {
	path   string
	parent int32 // -1: none
	next   int32 // the first node that is not below this one
	count  int32 // addresses below
	from   uint16
	depth  uint16
	value  bool // it is an address itself
	open   bool
}

// branch reports whether there is anything below.
func (n *vnode) branch() bool { return n.count > 0 }

// segment is the last part of the path.
func (n *vnode) segment() string { return strings.TrimPrefix(n.path[n.from:], "/") }

// vtree has the nodes from the top of the screen to the bottom as if all were open, and the
// places of those that can be seen.
type vtree struct {
	nodes []vnode
	rows  []int32
	names int
	text  uint64 // bytes of all names: the nodes' paths are parts of them
}

// weight is about how many bytes the tree holds.
func (t *vtree) weight() uint64 {
	return t.text + uint64(cap(t.nodes))*uint64(unsafe.Sizeof(vnode{})) + uint64(cap(t.rows))*uint64(unsafe.Sizeof(int32(0)))
}

// folds are the branches that are not as most are: closed ones, or open ones.
type folds struct {
	open   bool // how most are
	except map[string]struct{}
}

func (f *folds) isOpen(path string) bool {
	_, not := f.except[path]
	return f.open != not
}

func (f *folds) set(path string, open bool) {
	if open == f.open {
		delete(f.except, path)
		return
	}
	if f.except == nil {
		f.except = map[string]struct{}{}
	}
	f.except[path] = struct{}{}
}

// newVtree makes the tree of some addresses. names is left as it is.
func newVtree(names []string, f *folds) *vtree {
	if !slices.IsSortedFunc(names, treeOrder) {
		names = slices.Clone(names)
		slices.SortFunc(names, treeOrder)
	}
	t := &vtree{nodes: make([]vnode, 0, countNodes(names))}
	var above []int32 // the way from the top to the last node
	for _, name := range names {
		for len(above) > 0 && !within(name, t.nodes[above[len(above)-1]].path) {
			t.nodes[above[len(above)-1]].next = int32(len(t.nodes))
			above = above[:len(above)-1]
		}
		at := 0
		if len(above) > 0 {
			last := &t.nodes[above[len(above)-1]]
			if at = len(last.path); at == len(name) { // twice in the list
				continue
			}
		}
		for at < len(name) {
			end := len(name)
			if i := strings.IndexByte(name[at+1:], '/'); i >= 0 {
				end = at + 1 + i
			}
			parent := int32(-1)
			if len(above) > 0 {
				parent = above[len(above)-1]
			}
			path := name[:end]
			t.nodes = append(t.nodes, vnode{
				path: path, parent: parent, from: uint16(min(at, 1<<16-1)), depth: uint16(min(len(above), 1<<16-1)), open: f.isOpen(path),
			})
			above = append(above, int32(len(t.nodes)-1))
			at = end
		}
		if len(above) == 0 { // the empty name
			continue
		}
		t.nodes[above[len(above)-1]].value = true
		t.names++
		t.text += uint64(len(name))
		for _, i := range above[:len(above)-1] {
			t.nodes[i].count++
		}
	}
	for _, i := range above {
		t.nodes[i].next = int32(len(t.nodes))
	}
	t.place()
	return t
}

// countNodes is how many nodes the tree of sorted names has: what is allocated is what is
// needed, once.
func countNodes(names []string) int {
	nodes, last := 0, ""
	for _, name := range names {
		if shared := sharedPath(name, last); shared < len(name) {
			nodes += 1 + strings.Count(name[shared+1:], "/")
		}
		last = name
	}
	return nodes
}

// sharedPath is the length of the longest address that both are, or are below of.
func sharedPath(a, b string) int {
	shared := 0
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			break
		}
		if next := i + 1; (next == len(a) || a[next] == '/') && (next == len(b) || b[next] == '/') {
			shared = next
		}
	}
	return shared
}

// within reports whether a name is path or below it.
func within(name, path string) bool {
	return strings.HasPrefix(name, path) && (len(name) == len(path) || name[len(path)] == '/')
}

// treeOrder sorts all that is below an address directly after it: '/' comes before every
// other character.
func treeOrder(a, b string) int {
	n := min(len(a), len(b))
	for i := range n {
		if x, y := a[i], b[i]; x != y {
			switch {
			case x == '/':
				return -1
			case y == '/' || x > y:
				return 1
			}
			return -1
		}
	}
	return len(a) - len(b)
}

// place finds out anew which nodes can be seen.
func (t *vtree) place() {
	t.rows = t.rows[:0]
	for i := int32(0); int(i) < len(t.nodes); {
		t.rows = append(t.rows, i)
		if n := &t.nodes[i]; n.open {
			i++
		} else {
			i = n.next
		}
	}
}

// refold opens and closes everything as f has it.
func (t *vtree) refold(f *folds) {
	for i := range t.nodes {
		t.nodes[i].open = f.isOpen(t.nodes[i].path)
	}
	t.place()
}

// find returns the node of a path, or the one that comes where it would be.
func (t *vtree) find(path string) (int, bool) {
	return slices.BinarySearchFunc(t.nodes, path, func(n vnode, path string) int { return treeOrder(n.path, path) })
}

// row is the place on the screen of a node; of one that is hidden, that of the closed branch
// it is in.
func (t *vtree) row(node int) int {
	at, exact := slices.BinarySearch(t.rows, int32(node))
	if !exact {
		at--
	}
	return max(0, min(at, len(t.rows)-1))
}

// at is the node at a place, nil if there is none.
func (t *vtree) at(row int) *vnode {
	if t == nil || row < 0 || row >= len(t.rows) {
		return nil
	}
	return &t.nodes[t.rows[row]]
}

// fold opens or closes a node, or with all everything in and below it.
func (t *vtree) fold(f *folds, node int, open, all bool) {
	until := node + 1
	if all {
		until = int(t.nodes[node].next)
	}
	for i := node; i < until; i++ {
		if n := &t.nodes[i]; n.branch() {
			n.open = open
			f.set(n.path, open)
		}
	}
	t.place()
}

// reveal opens all that a node is in.
func (t *vtree) reveal(f *folds, node int) {
	for i := t.nodes[node].parent; i >= 0; i = t.nodes[i].parent {
		t.nodes[i].open = true
		f.set(t.nodes[i].path, true)
	}
	t.place()
}

// unfold opens branches from the top level downwards as long as no more than some rows are
// there to see: a small router shows all it has, a large one how it is divided.
func (t *vtree) unfold(f *folds, room int) {
	rows, changed := len(t.rows), false
	level := slices.Clone(t.rows)
	for len(level) > 0 && rows < room {
		var below []int32
		for _, i := range level {
			if rows >= room {
				break
			}
			n := &t.nodes[i]
			if n.open || !n.branch() {
				continue
			}
			var children []int32
			for c := i + 1; c < n.next && rows+len(children) <= room; c = t.nodes[c].next {
				children = append(children, c)
			}
			if rows+len(children) > room {
				continue
			}
			n.open, changed = true, true
			f.set(n.path, true)
			rows += len(children)
			below = append(below, children...)
		}
		level = below
	}
	if changed {
		t.place()
	}
}
