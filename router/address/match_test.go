// What matches what, compared with the reference matcher, and how much work it is.

package address_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/clasp-studio/clasp/router/address"
)

func compile(t testing.TB, text string) *address.Pattern {
	t.Helper()
	p, err := address.Compile(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestMatch(t *testing.T) {
	for _, test := range []struct{ pattern, yes, no string }{
		{"/a/b", "/a/b", "/a /a/b/c /a/B /a/bb /b/a"},
		{"/ä", "/ä", "/a /Ä"},
		{"/*", "/a /abc /ü", "/a/b"},
		{"/a/*", "/a/b /a/bc", "/a /ab /a/b/c /b/c /ab/c"},
		{"/*/a", "/x/a /a/a", "/a /x/b /x/a/a"},
		{"/a/*/c", "/a/b/c /a/c/c", "/a/c /a/b/b/c /a/b/c/d /a/b"},
		{"/*/*", "/a/b", "/a /a/b/c"},
		{"/zone*/x", "/zone/x /zone1/x /zone12/x", "/zon/x /zone1 /zone1/y /zone/1/x /azone/x"},
		{"/zone*", "/zone /zone1 /zone*x", "/zon /zone/1 /Zone"},
		{"/*led", "/led /xled /ledled", "/ledx /le /led/led"},
		{"/a*b*c", "/abc /aXbYc /abcbc /aabbcc /abbc", "/ab /ac /abcd /acb /xabc"},
		{"/a*a", "/aa /aXa /aaa", "/a /ab"},
		{"/*a*", "/a /xa /ax /xax", "/x /x/a"},
		{"/ü*ü", "/üü /üxü", "/ü /u"},
		{"/**", "/a /a/b /a/b/c", ""},
		{"**", "/a /a/b /a/b/c", ""},
		{"/a/**", "/a /a/b /a/b/c", "/ab /b /b/a /ab/c"},
		{"/**/a", "/a /b/a /a/a /b/c/a", "/b /a/b /ba /b/ba"},
		{"/a/**/b", "/a/b /a/x/b /a/x/y/b /a/b/b /a/a/b", "/a /b /a/x /a/b/x /ab /x/a/b"},
		{"/a/**/a", "/a/a /a/x/a /a/a/a", "/a"},
		{"/**/a/**", "/a /x/a /a/x /x/a/x", "/x /xa /x/y"},
		{"/**/*", "/a /a/b", ""},
		{"/*/**", "/a /a/b", ""},
		{"/a/*/**", "/a/b /a/b/c", "/a /b/b"},
		{"/a/**/*", "/a/b /a/b/c", "/a /b/b"},
		{"/**/*/*", "/a/b /a/b/c", "/a"},
		{"/**/a/*/**/c", "/a/b/c /x/a/a/c /a/a/a/c /a/x/y/z/c", "/a/c /a/x/y /x/a/c"},
		{"/**/a/b/**/b/c/**", "/a/b/b/c /a/a/b/x/b/c/y /a/b/b/b/c", "/a/b/c /a/b /b/c/a/b"},
		{"/a/**/**/b", "/a/b /a/x/b /a/x/y/b", "/a"},
		{"/**/**", "/a /a/b", ""},
		{"/zone*/**/x*", "/zone/x /zone1/a/b/xy", "/zone /zone/ax /zon/x"},
	} {
		p := compile(t, test.pattern)
		for want, addrs := range map[bool]string{true: test.yes, false: test.no} {
			for _, addr := range strings.Fields(addrs) {
				if p.Match(addr) != want {
					t.Errorf("%s matches %s: got %t, want %t", test.pattern, addr, !want, want)
				}
				if address.Valid(addr) == nil && refMatch(test.pattern, addr) != want {
					t.Errorf("%s matches %s: the reference says %t, the table %t", test.pattern, addr, !want, want)
				}
			}
		}
	}
}

func TestPatternDescription(t *testing.T) {
	for _, test := range []struct {
		pattern, text, prefix string
		literal               bool
	}{
		{"/a/b", "/a/b", "/a/b", true},
		{"**", "/**", "/", false},
		{"/**", "/**", "/", false},
		{"/*", "/*", "/", false},
		{"/a/*", "/a/*", "/a/", false},
		{"/a/**", "/a/**", "/a", false},
		{"/a/**/b", "/a/**/b", "/a/", false},
		{"/a/b*/c", "/a/b*/c", "/a/b", false},
		{"/a/b*/**", "/a/b*/**", "/a/b", false},
		{"/a/*/**", "/a/*/**", "/a/", false},
		{"/a/**/**", "/a/**", "/a", false},
		{"/a/**/**/**/b/**/**", "/a/**/b/**", "/a/", false},
	} {
		p := compile(t, test.pattern)
		if p.String() != test.text || p.Prefix() != test.prefix || p.Literal() != test.literal {
			t.Errorf("%s: String %q, Prefix %q, Literal %t", test.pattern, p, p.Prefix(), p.Literal())
		}
	}
}

// universe is every address of up to four segments from a small alphabet that still tells all shapes of pattern apart.
func universe() []string {
	level, all := []string{""}, []string(nil)
	for range 4 {
		var next []string
		for _, above := range level {
			for _, segment := range []string{"a", "b", "ab", "ba", "aab"} {
				next = append(next, above+"/"+segment)
			}
		}
		all, level = append(all, next...), next
	}
	return all
}

// randomPattern draws a pattern of up to six segments that has a good chance to match something in the universe.
func randomPattern(r *rand.Rand) string {
	segments := []string{"**", "**", "*", "*", "a", "b", "ab", "a*", "*b", "*a*", "a*b", "*a*b", "*a*b*"}
	var b strings.Builder
	for range 1 + r.IntN(6) {
		b.WriteString("/" + segments[r.IntN(len(segments))])
	}
	return b.String()
}

func TestMatchEqualsReference(t *testing.T) {
	addrs := universe()
	r := rand.New(rand.NewPCG(1, 2))
	matches := 0
	for range 300 {
		text := randomPattern(r)
		p := compile(t, text)
		prefix, first := "", true
		for _, addr := range addrs {
			want := refMatch(text, addr)
			if p.Match(addr) != want {
				t.Fatalf("%s matches %s: got %t, want %t", text, addr, !want, want)
			}
			if !want {
				continue
			}
			matches++
			if first {
				prefix, first = addr, false
			}
			for !strings.HasPrefix(addr, prefix) {
				prefix = prefix[:len(prefix)-1]
			}
		}
		// The universe may be too small to tell a shorter prefix, never to tell a longer one.
		if !first && !strings.HasPrefix(prefix, p.Prefix()) {
			t.Errorf("%s: Prefix %q, but matches only share %q", text, p.Prefix(), prefix)
		}
	}
	if matches < 1000 {
		t.Fatalf("only %d matches: the patterns drawn test nothing", matches)
	}
}

func FuzzMatch(f *testing.F) {
	for _, seed := range [][2]string{
		{"/a/**/b", "/a/x/b"}, {"/**/a/**/b/*", "/a/b/a/b/c"}, {"/zone*/x", "/zone1/x"}, {"/a*b*c/**", "/aXbYc/d"},
		{"/**/*a/*b*/**", "/a/b/ba/bb"}, {"**", "/a"}, {"/a/*", "/a/b"}, {"/ü*ü", "/üxü"}, {"/**/a/a/b", "/a/a/a/b"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, pattern, addr string) {
		if len(pattern) > 256 || len(addr) > 256 { // the reference is slow
			return
		}
		p, err := address.Compile(pattern)
		if err != nil {
			return
		}
		if address.Valid(addr) != nil {
			p.Match(addr) // must not panic, whatever it says
			return
		}
		want := refMatch(pattern, addr)
		if p.Match(addr) != want {
			t.Errorf("%q matches %q: got %t, want %t", pattern, addr, !want, want)
		}
		if want && !strings.HasPrefix(addr, p.Prefix()) {
			t.Errorf("%q matches %q, which does not start with Prefix %q", pattern, addr, p.Prefix())
		}
		if p.Literal() && want != (addr == p.String()) {
			t.Errorf("%q is literal, but matches %q", pattern, addr)
		}
	})
}

// fill repeats unit as often as fits in n bytes, with start before and end after it.
func fill(n int, start, unit, end string) string {
	return start + strings.Repeat(unit, (n-len(start)-len(end))/len(unit)) + end
}

// adversaries builds pairs of about n bytes each that do not match, and that an eager matcher takes exponentially or
// cubically long to reject. They end in a wildcard: a plain end would be seen not to fit before anything else is tried.
var adversaries = map[string]func(n int) (pattern, addr string){
	"deep a": func(n int) (string, string) {
		return fill(n, "", "/**/a", "/**/b/**"), fill(n, "", "/a", "")
	},
	"deep star": func(n int) (string, string) {
		return fill(n, "", "/**/*", "/**/b/**"), fill(n, "", "/a", "")
	},
	"deep glob": func(n int) (string, string) {
		return fill(n, "", "/**/a*", "/**/*b/**"), fill(n, "", "/aa", "")
	},
	"late end": func(n int) (string, string) {
		return fill(n, "", "/**/a", "/**/*/a*/b*"), fill(n, "", "/a", "")
	},
	"long block": func(n int) (string, string) {
		return fill(n/2, "/**", "/a", "/b/**"), fill(n, "", "/a", "")
	},
	"long glob block": func(n int) (string, string) {
		return fill(n/2, "/**", "/*a*", "/b/**"), fill(n, "", "/a", "")
	},
	"globs in one segment": func(n int) (string, string) {
		return fill(n, "/", "a*", "b*"), fill(n, "/", "a", "")
	},
	"globs in many segments": func(n int) (string, string) {
		return fill(n, "/**/", "*a", "*b*/**"), fill(n, "", "/aaaaaaaa", "")
	},
}

func TestMatchWorkIsBounded(t *testing.T) {
	for name, pair := range adversaries {
		t.Run(name, func(t *testing.T) {
			work := func(n int) int {
				pattern, addr := pair(n)
				p := compile(t, pattern)
				bytes := address.CountCompared(func() {
					if p.Match(addr) {
						t.Errorf("%s matches %s", pattern, addr)
					}
				})
				if limit := len(pattern) * len(addr); bytes > limit {
					t.Errorf("%d bytes compared for a pattern of %d and an address of %d bytes", bytes, len(pattern), len(addr))
				}
				return bytes
			}
			// Twice both lengths may cost four times the work, plus what does not divide evenly; a cubic matcher needs eight.
			small, large := work(512), work(1024)
			if small == 0 || large > 5*small {
				t.Errorf("%d bytes compared at length 512, %d at 1024", small, large)
			}
		})
	}
}

func TestMatchSegment(t *testing.T) {
	for _, test := range []struct {
		pattern, segment string
		want             bool
	}{
		{"a", "a", true}, {"a", "b", false}, {"*", "x", true}, {"a*", "a", true}, {"*a", "a", true}, {"a*a", "a", false},
		{"a*b*a", "aba", true}, {"a*b*a", "aa", false}, {"a*ab*b", "aab", false}, {"a*ab*b", "aabb", true}, {"*ab*ab*", "abab", true},
		{"*ab*ab*", "aab", false}, {"*a*b*c*", "xaybzc", true}, {"*a*b*c*", "cba", false},
	} {
		if got := address.MatchSegment(test.pattern, test.segment); got != test.want {
			t.Errorf("MatchSegment(%q, %q) = %t, want %t", test.pattern, test.segment, got, test.want)
		}
		if refSegment(test.pattern, test.segment) != test.want {
			t.Errorf("MatchSegment(%q, %q): the reference disagrees with the table", test.pattern, test.segment)
		}
	}
}

func TestNoAllocation(t *testing.T) {
	const addr = "/show/lights/zone12/level"
	for _, text := range []string{
		addr, "/show/lights/zone12/*", "/show/**", "/**", "/show/*/zone*/level", "/**/zone*/level", "/**/lights/**/l*v*l", "/x/**/y",
	} {
		p := compile(t, text)
		if n := testing.AllocsPerRun(100, func() { p.Match(addr) }); n != 0 {
			t.Errorf("%s: Match allocates %v times", text, n)
		}
	}
	if n := testing.AllocsPerRun(100, func() { _ = address.Valid(addr); address.Reserved(addr) }); n != 0 {
		t.Errorf("Valid and Reserved allocate %v times", n)
	}
}

func BenchmarkMatch(b *testing.B) {
	const addr = "/show/lights/zone12/level"
	for _, text := range []string{
		addr, "/show/lights/zone12/*", "/show/**", "/show/*/zone*/level", "/**/level", "/**/zone*/**", "/other/*/x",
	} {
		b.Run(strings.ReplaceAll(text[1:], "/", "."), func(b *testing.B) {
			p := compile(b, text)
			b.ReportAllocs()
			for b.Loop() {
				p.Match(addr)
			}
		})
	}
}

func BenchmarkMatchAdversary(b *testing.B) {
	for name, pair := range adversaries {
		b.Run(strings.ReplaceAll(name, " ", "_"), func(b *testing.B) {
			pattern, addr := pair(address.MaxLength)
			p := compile(b, pattern)
			for b.Loop() {
				p.Match(addr)
			}
		})
	}
}

func BenchmarkValid(b *testing.B) {
	for name, addr := range map[string]string{"short": "/show/lights/zone12/level", "long": strings.Repeat("/a", 512), "utf8": "/ショー/照明/領域/明るさ"} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(addr)))
			b.ReportAllocs()
			for b.Loop() {
				_ = address.Valid(addr)
			}
		})
	}
}

func BenchmarkCompile(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		_, _ = address.Compile("/show/*/zone*/level")
	}
}
