package tui

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// naiveRows is what vtree should show, found out by looking at everything.
func naiveRows(names []string, f *folds) []string {
	paths := map[string]bool{}
	for _, name := range names {
		for i := 1; i < len(name); i++ {
			if name[i] == '/' {
				paths[name[:i]] = true
			}
		}
		paths[name] = true
	}
	delete(paths, "")
	var rows []string
	for path := range paths {
		shown := true
		for i := 1; i < len(path); i++ {
			shown = shown && (path[i] != '/' || f.isOpen(path[:i]))
		}
		if shown {
			rows = append(rows, path)
		}
	}
	slices.SortFunc(rows, func(a, b string) int {
		return slices.Compare(naiveParts(a), naiveParts(b))
	})
	return rows
}

// naiveParts are the segments, as the tree cuts them.
func naiveParts(path string) []string {
	parts, from := []string(nil), 0
	for i := 1; i < len(path); i++ {
		if path[i] == '/' {
			parts, from = append(parts, path[from:i]), i
		}
	}
	return append(parts, path[from:])
}

func shownRows(tr *vtree) []string {
	var rows []string
	for i := range tr.rows {
		rows = append(rows, tr.at(i).path)
	}
	return rows
}

// TestVtreeIsTheNaiveOne makes random trees, opens and closes, adds and removes, and
// compares with the slow way; small alphabets with characters on both sides of '/' make
// addresses that are branches too, and neighbours that sort between.
func TestVtreeIsTheNaiveOne(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	for round := range 300 {
		names := map[string]bool{}
		for range r.IntN(40) {
			var b strings.Builder
			for range 1 + r.IntN(4) {
				b.WriteByte('/')
				for range 1 + r.IntN(2) {
					b.WriteByte("ab-.z"[r.IntN(5)])
				}
			}
			names[b.String()] = true
		}
		f := folds{open: r.IntN(2) == 0}
		for range 4 {
			var list []string
			for name := range names {
				list = append(list, name)
			}
			slices.Sort(list)
			before := slices.Clone(list)
			tr := newVtree(list, &f)
			if !slices.Equal(list, before) {
				t.Fatal("the list it was given has been changed")
			}
			if len(tr.nodes) != cap(tr.nodes) {
				t.Fatalf("%d nodes, room for %d, of %q", len(tr.nodes), cap(tr.nodes), list)
			}
			check := func(what string) {
				t.Helper()
				if got, want := shownRows(tr), naiveRows(list, &f); !slices.Equal(got, want) {
					t.Fatalf("round %d, %s: rows\n%q\nwant\n%q\nof %q", round, what, got, want, list)
				}
				for i := range tr.nodes {
					n := &tr.nodes[i]
					below := 0
					for _, name := range list {
						if strings.HasPrefix(name, n.path+"/") {
							below++
						}
					}
					if int(n.count) != below || n.value != names[n.path] {
						t.Fatalf("%s: %d below and value %v, want %d and %v", n.path, n.count, n.value, below, names[n.path])
					}
					if at, exact := tr.find(n.path); !exact || at != i {
						t.Fatalf("find %s: %d %v, want %d", n.path, at, exact, i)
					}
				}
			}
			check("new")
			for range 6 {
				if len(tr.nodes) == 0 {
					break
				}
				node := r.IntN(len(tr.nodes))
				switch r.IntN(3) {
				case 0:
					tr.fold(&f, node, r.IntN(2) == 0, r.IntN(2) == 0)
				case 1:
					tr.reveal(&f, node)
					if got := tr.at(tr.row(node)); got != &tr.nodes[node] {
						t.Fatalf("revealed %s, its row is %v", tr.nodes[node].path, got)
					}
				default:
					tr.unfold(&f, r.IntN(30))
				}
				check("folded")
			}
			for name := range names {
				if r.IntN(3) == 0 {
					delete(names, name)
				}
			}
			names[fmt.Sprintf("/a/n%d", r.IntN(5))] = true
		}
	}
}

func TestVtreeUnfoldsNoMoreThanThereIsRoomFor(t *testing.T) {
	var names []string
	for i := range 5 {
		for j := range 10 {
			names = append(names, fmt.Sprintf("/b%d/x%d", i, j))
		}
	}
	for room, want := range map[int]int{4: 5, 14: 5, 15: 15, 26: 25, 55: 55, 100: 55} {
		f := folds{}
		tr := newVtree(names, &f)
		tr.unfold(&f, room)
		if len(tr.rows) != want {
			t.Errorf("room for %d: %d rows, want %d", room, len(tr.rows), want)
		}
	}
}

func manyAddresses(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("/show/zone%03d/lamp-%05d/level", i/1000, i)
	}
	slices.Sort(names)
	return names
}

func BenchmarkVtree100k(b *testing.B) {
	names := manyAddresses(100_000)
	f := folds{open: true}
	for b.Loop() {
		newVtree(names, &f)
	}
}
