// The table finds what the patterns themselves match, and forgets what is removed.

package subs_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/clasp-studio/clasp/router/address"
	"github.com/clasp-studio/clasp/router/subs"
)

// sub is a value in the tests: a number to tell it from others.
type sub struct{ n int }

func compile(t testing.TB, text string) *address.Pattern {
	t.Helper()
	p, err := address.Compile(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// match returns the sorted numbers of what the table finds.
func match(table *subs.Table[sub], addr string) []int {
	var found []int
	for _, s := range table.AppendMatch(nil, addr) {
		found = append(found, s.n)
	}
	slices.Sort(found)
	return found
}

func wantEmpty(t *testing.T, table *subs.Table[sub]) {
	t.Helper()
	if table.Len() != 0 || table.Nodes() != 0 {
		t.Errorf("an emptied table has Len %d and %d nodes", table.Len(), table.Nodes())
	}
}

func TestMatch(t *testing.T) {
	patterns := strings.Fields("/** /a /a/b /a/* /*/b /a/** /**/b /a/**/b /*/** /a/b* /a/*b /a/b/** /**/b/** /**/a/**/b /a*/b /x")
	var table subs.Table[sub]
	for i, text := range patterns {
		table.Add(compile(t, text), &sub{i})
	}
	for addr, want := range map[string]string{
		"/a":       "/** /a /a/** /*/**",
		"/b":       "/** /**/b /*/** /**/b/**",
		"/a/b":     "/** /a/b /a/* /*/b /a/** /**/b /a/**/b /*/** /a/b* /a/*b /a/b/** /**/b/** /**/a/**/b /a*/b",
		"/a/bc":    "/** /a/* /a/** /*/** /a/b*",
		"/a/x/b":   "/** /a/** /**/b /a/**/b /*/** /**/b/** /**/a/**/b",
		"/a/b/x":   "/** /a/** /*/** /a/b/** /**/b/**",
		"/a/a/b/b": "/** /a/** /**/b /a/**/b /*/** /**/b/** /**/a/**/b",
		"/y":       "/** /*/**",
	} {
		var got []string
		for _, n := range match(&table, addr) {
			got = append(got, patterns[n])
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s:\n got %s\nwant %s", addr, strings.Join(got, " "), want)
		}
	}
}

func TestZeroValue(t *testing.T) {
	var table subs.Table[sub]
	wantEmpty(t, &table)
	if got := match(&table, "/a"); got != nil {
		t.Errorf("an empty table finds %v", got)
	}
	if table.Remove(compile(t, "/a"), &sub{}) || table.Remove(compile(t, "/a/**"), &sub{}) {
		t.Error("an empty table removed something")
	}
	if table.Generation() != 0 {
		t.Errorf("nothing has changed, but the generation is %d", table.Generation())
	}
}

func TestAppendMatchKeepsWhatIsThere(t *testing.T) {
	var table subs.Table[sub]
	first, second := &sub{1}, &sub{2}
	table.Add(compile(t, "/a"), second)
	if got := table.AppendMatch([]*sub{first}, "/a"); !slices.Equal(got, []*sub{first, second}) {
		t.Errorf("got %v", got)
	}
}

// One value under several patterns is found once for each; under one pattern it is there once, however often added.
func TestSameValue(t *testing.T) {
	for _, text := range []string{"/a", "/a/**", "/a/*"} {
		var table subs.Table[sub]
		v := &sub{7}
		p, other := compile(t, text), compile(t, "/**")
		table.Add(p, v)
		table.Add(other, v)
		before := table.Generation()
		table.Add(p, v)
		if table.Len() != 2 || table.Generation() != before {
			t.Errorf("%s: adding again made Len %d, generation %d after %d", text, table.Len(), table.Generation(), before)
		}
		addr := strings.TrimSuffix(strings.TrimSuffix(text, "/**"), "/*")
		if text == "/a/*" {
			addr = "/a/x"
		}
		if got := match(&table, addr); !slices.Equal(got, []int{7, 7}) {
			t.Errorf("%s: found %v", text, got)
		}
		if !table.Remove(p, v) || table.Remove(p, v) {
			t.Errorf("%s: removing twice must work the first time only", text)
		}
		if got := match(&table, addr); !slices.Equal(got, []int{7}) {
			t.Errorf("%s: found %v once one is gone", text, got)
		}
		table.Remove(other, v)
		wantEmpty(t, &table)
	}
}

// Patterns compiled apart, and written differently where that means the same, are one.
func TestRemoveByEqualPattern(t *testing.T) {
	var table subs.Table[sub]
	v := &sub{}
	for added, removed := range map[string]string{"/a/b": "/a/b", "**": "/**", "/a/**/**/b": "/a/**/b", "/x*y/*": "/x*y/*"} {
		table.Add(compile(t, added), v)
		if !table.Remove(compile(t, removed), v) {
			t.Errorf("%s was added, %s is not there", added, removed)
		}
	}
	wantEmpty(t, &table)
}

// Removing what is not there must leave all that is.
func TestRemoveMissing(t *testing.T) {
	var table subs.Table[sub]
	v := &sub{1}
	there := strings.Fields("/a/b /a/*/c /a/x*/** /**/a/**/b")
	for _, text := range there {
		table.Add(compile(t, text), v)
	}
	nodes, generation := table.Nodes(), table.Generation()
	for _, text := range strings.Fields("/a /a/b/c /a/* /a/** /a/x* /a/xy*/** /a/y*/** /** /**/a /**/a/** /a/*/c/d") {
		if table.Remove(compile(t, text), v) {
			t.Errorf("removed %s, which was never added", text)
		}
	}
	for _, text := range there {
		if table.Remove(compile(t, text), &sub{1}) {
			t.Errorf("removed another value from %s", text)
		}
	}
	if table.Len() != len(there) || table.Nodes() != nodes || table.Generation() != generation {
		t.Errorf("Len %d, %d nodes, generation %d; want %d, %d, %d", table.Len(), table.Nodes(), table.Generation(), len(there), nodes, generation)
	}
}

func TestGenerationChanges(t *testing.T) {
	var table subs.Table[sub]
	seen := map[uint64]bool{table.Generation(): true}
	for _, text := range strings.Fields("/a /a/** /a/*") {
		p, v := compile(t, text), &sub{}
		for _, change := range []func(){func() { table.Add(p, v) }, func() { table.Remove(p, v) }} {
			change()
			if seen[table.Generation()] {
				t.Errorf("%s: generation %d again", text, table.Generation())
			}
			seen[table.Generation()] = true
		}
	}
}

// randomPath draws up to five segments.
func randomPath(r *rand.Rand, segments []string) string {
	var b strings.Builder
	for range 1 + r.IntN(5) {
		b.WriteString("/" + segments[r.IntN(len(segments))])
	}
	return b.String()
}

// TestEqualsPatternMatch grows and shrinks a table at random and keeps comparing it with the patterns that are in it.
func TestEqualsPatternMatch(t *testing.T) {
	segments := []string{"a", "b", "ab", "ba", "aab"}
	wild := append([]string{"**", "**", "*", "a*", "*b", "*a*", "a*b", "aa*", "ab*"}, segments...)
	type entry struct {
		pattern *address.Pattern
		value   *sub
	}
	r := rand.New(rand.NewPCG(3, 4))
	var table subs.Table[sub]
	var entries []entry
	found := 0
	for round := range 4000 {
		// Up to about 300 values, then down to none, then up again.
		if grow := round / 1000 % 2; r.IntN(10) < 8-6*grow {
			e := entry{compile(t, randomPath(r, wild)), &sub{round}}
			table.Add(e.pattern, e.value)
			entries = append(entries, e)
		} else if len(entries) > 0 {
			i := r.IntN(len(entries))
			if !table.Remove(entries[i].pattern, entries[i].value) {
				t.Fatalf("%s was not there", entries[i].pattern)
			}
			entries = slices.Delete(entries, i, i+1)
		}
		addr := randomPath(r, segments)
		var want []int
		for _, e := range entries {
			if e.pattern.Match(addr) {
				want = append(want, e.value.n)
			}
		}
		slices.Sort(want)
		if got := match(&table, addr); !slices.Equal(got, want) {
			t.Fatalf("round %d, %s:\n got %v\nwant %v", round, addr, got, want)
		}
		if table.Len() != len(entries) {
			t.Fatalf("Len %d, want %d", table.Len(), len(entries))
		}
		found += len(want)
	}
	if found < 10000 {
		t.Fatalf("only %d values found: what is drawn tests nothing", found)
	}
	for _, e := range entries {
		table.Remove(e.pattern, e.value)
	}
	wantEmpty(t, &table)
}

func FuzzTable(f *testing.F) {
	f.Add("/a/**\n/a/*\n/a/b\n/**/b\n/a/b*", "/a/b")
	f.Add("/**/a/**/b\n/**/a/**\n/**/*/**/b\n/*/**\n**", "/a/a/b/b")
	f.Add("/zone*/x\n/zone1*/x\n/*1/x\n/z*1/*\n/zo*e*/x", "/zone1/x")
	f.Add("/a\n/a\n/a/**\n/a/**", "/a")
	f.Fuzz(func(t *testing.T, lines, addr string) {
		if len(lines) > 4096 || address.Valid(addr) != nil {
			return
		}
		var patterns []*address.Pattern
		for line := range strings.SplitSeq(lines, "\n") {
			if p, err := address.Compile(line); err == nil {
				patterns = append(patterns, p)
			}
		}
		var table subs.Table[sub]
		values := make([]sub, len(patterns))
		for i, p := range patterns {
			values[i].n = i
			table.Add(p, &values[i])
		}
		check := func(from int) {
			t.Helper()
			var want []int
			for i, p := range patterns[from:] {
				if p.Match(addr) {
					want = append(want, from+i)
				}
			}
			if got := match(&table, addr); !slices.Equal(got, want) {
				t.Errorf("%q in %q: got %v, want %v", addr, patterns[from:], got, want)
			}
		}
		check(0)
		for i, p := range patterns {
			if !table.Remove(p, &values[i]) {
				t.Errorf("%q was not there", p)
			}
			if i == len(patterns)/2 {
				check(i + 1)
			}
		}
		wantEmpty(t, &table)
	})
}

// Nested "**" give a walk that tries every way through an exponential number of them: here one that does not finish.
func TestNestedDeepIsNotExponential(t *testing.T) {
	var table subs.Table[sub]
	var want []int
	segments := []string{"a", "*", "a*", "*a", "*a*"}
	for i := range 50 {
		var b strings.Builder
		for k := range 100 {
			b.WriteString("/**/" + segments[(i/5*k+i+k/7)%5])
		}
		matching := &sub{2 * i}
		table.Add(compile(t, b.String()), matching)
		table.Add(compile(t, b.String()+"/b"), &sub{2*i + 1})
		want = append(want, matching.n)
	}
	got := match(&table, strings.Repeat("/a", address.MaxLength/2))
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// Ten thousand sessions that watch everything, or one address, come and go in any order.
func TestManyUnderOnePattern(t *testing.T) {
	for _, text := range []string{"/**", "/a"} {
		var table subs.Table[sub]
		p := compile(t, text)
		values := make([]sub, 10000)
		for i := range values {
			values[i].n = i
			table.Add(p, &values[i])
		}
		// Leaving one by one is quadratic if each has to be looked for among the others.
		if n := table.LongestScan(); n > 100 {
			t.Errorf("%s: looking for one of %d values may look at %d", text, len(values), n)
		}
		order := rand.New(rand.NewPCG(5, 6)).Perm(len(values))
		for gone, i := range order {
			if !table.Remove(p, &values[i]) || table.Remove(p, &values[i]) {
				t.Fatalf("%s: value %d must be there once", text, i)
			}
			if gone%1000 != 0 && gone < len(order)-40 {
				continue
			}
			left := append([]int{}, order[gone+1:]...)
			slices.Sort(left)
			if got := match(&table, "/a"); !slices.Equal(got, left) {
				t.Fatalf("%s: after %d removals %d values are left", text, gone+1, len(got))
			}
		}
		wantEmpty(t, &table)
	}
}

// A node that stays for what is below it must not keep the room of all it ever held.
func TestEmptiedNodeGivesUpItsRoom(t *testing.T) {
	var table subs.Table[sub]
	table.Add(compile(t, "/**/x"), &sub{})
	p := compile(t, "/**")
	for range 2 { // and it must work again afterwards
		values := make([]sub, 1000)
		for i := range values {
			table.Add(p, &values[i])
		}
		if n := len(match(&table, "/a")); n != len(values) {
			t.Errorf("found %d of %d", n, len(values))
		}
		for i := range values {
			table.Remove(p, &values[i])
		}
		if table.Len() != 1 || table.Room() != 1 {
			t.Errorf("Len %d, with room for %d", table.Len(), table.Room())
		}
	}
}

// A node with many plain children finds each, while others come and go.
func TestManyChildren(t *testing.T) {
	var table subs.Table[sub]
	r := rand.New(rand.NewPCG(7, 8))
	there := make(map[int]*sub)
	pattern := func(i int) *address.Pattern { return compile(t, fmt.Sprintf("/x/%d/*", i)) }
	for round := range 20000 {
		// 0 to 9 children for a while, then some of 600, so that the table of children is small, grows and shrinks.
		i := r.IntN(10)
		if round > 5000 {
			i = r.IntN(600)
		}
		if v := there[i]; v == nil {
			there[i] = &sub{i}
			table.Add(pattern(i), there[i])
		} else {
			delete(there, i)
			if !table.Remove(pattern(i), v) {
				t.Fatalf("round %d: %d was not there", round, i)
			}
		}
		if i = r.IntN(600); round%2 == 0 {
			i = r.IntN(10)
		}
		var want []int
		if there[i] != nil {
			want = []int{i}
		}
		if got := match(&table, fmt.Sprintf("/x/%d/y", i)); !slices.Equal(got, want) {
			t.Fatalf("round %d: got %v, want %v", round, got, want)
		}
	}
	for i, v := range there {
		if !table.Remove(pattern(i), v) {
			t.Fatalf("%d was not there", i)
		}
	}
	wantEmpty(t, &table)
}

// A node with many children such as "zone17*" finds the one that fits, and only that.
func TestManyGlobs(t *testing.T) {
	var table subs.Table[sub]
	values := make([]sub, 2000)
	texts := func(i int) []string {
		return []string{fmt.Sprintf("/x/zone%d_*", i), fmt.Sprintf("/x/*_%d", i), fmt.Sprintf("/x/a*%d*b/**", i)}
	}
	for i := range values {
		values[i].n = i
		for _, text := range texts(i) {
			table.Add(compile(t, text), &values[i])
		}
	}
	if got := match(&table, "/x/zone17_1999"); !slices.Equal(got, []int{17, 1999}) {
		t.Errorf("got %v", got)
	}
	if got := match(&table, "/x/a1b"); !slices.Equal(got, []int{1}) {
		t.Errorf("got %v", got)
	}
	for i := range values {
		for _, text := range texts(i) {
			if !table.Remove(compile(t, text), &values[i]) {
				t.Fatalf("%s was not there", text)
			}
		}
	}
	wantEmpty(t, &table)
}
