// Which pattern lies within which, compared with all addresses of a small world, and how much work it is.

package address_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/clasp-studio/clasp/router/address"
)

func TestCovers(t *testing.T) {
	for _, test := range []struct{ pattern, yes, no string }{
		{"/a", "/a", "/b /a/b /a/* /* /** /a/** /a* /A"},
		{"/*", "/a /* /a* /*a* /*a*b", "/** /a/b /a/* /*/* /a/**"},
		{"/a/*", "/a/b /a/* /a/b* /a/*x", "/a /a/** /a/*/* /a/*/** /*/b /** /a/**/* /A/b"},
		{"/a/**", "/a /a/b /a/* /a/** /a/*/** /a/**/b /a/b/**/c /a/b*/**", "/ab /a* /a*/** /** /*/a /b/** /**/a"},
		{"/**", "/** ** /a /a/** /*/** /**/* /**/a/**", ""},
		{"**", "/** /a/b", ""},
		{"/**/*", "/** ** /a /a/** /*/** /**/a", ""},
		{"/*/**", "/** ** /a /a/** /**/* /**/a", ""},
		{"/**/*/*", "/**/*/* /a/b /a/*/** /a/b/**", "/** /a /* /a/** /*/**"},
		{"/a/*/**", "/a/b /a/*/** /a/**/* /a/**/b /a/b/** /a/*/b", "/a /a/**"},
		{"/a/**/*", "/a/*/** /a/b /a/**/b/** /a/*/*", "/a /a/**"},
		{"/**/a", "/a /**/a /b/a /*/a /x/**/a /a/**/a", "/a/** /**/a/b /**/*a /**/a*"},
		{"/**/*/a", "/b/a /*/a /**/*/a /x/**/a /a/**/y/a", "/a /**/a"},
		{"/a/**/b", "/a/b /a/**/b /a/*/b /a/x/**/b /a/**/b/b", "/a/** /a /a/**/c /a/b/**"},
		{"/a/**/*/b", "/a/x/b /a/x/**/b /a/**/x/b /a/*/**/b /a/x/**/y/b", "/a/b /a/**/b"},
		{"/**/a/**", "/a /**/a/** /x/a/y /**/a /a/** /*/a/*", "/** /*a/** /**/b/**"},
		{"/**/a/*/**/b", "/a/x/b /a/**/x/b /**/a/x/**/b /a/*/b", "/a/b /a/**/b /**/a/**/b"},
		{"/**/a/*/b/**", "/a/*/b /**/a/x/b/** /a/x*/b", "/a/**/b /a/b /a/*/*/b"},
		{"/**/a/**/*/**/b/**", "/a/x/b /**/a/**/x/**/b /a/*/**/b", "/a/**/b /a/b"},
		{"/zone*", "/zone /zone1 /zone* /zone*x /zonea*b", "/zon* /* /zone/x /zone*/x /Zone*"},
		{"/zone*/x", "/zone1/x /zone*/x /zone*a/x", "/*/x /zone*/* /zone*/** /zone*/x/y"},
		{"/x*y", "/xy /x*y /xay /xa*by /x*by /xx*yy", "/x* /*y /x /x*yz /*x*y"},
		{"/*a*", "/a /*a /a* /*a* /b*a*c /aa", "/* /*b* /b*c"},
		{"/*a*b*", "/ab /a*b /x*a*y*b*z /aab*", "/*a* /*b*a* /ba"},
		{"/a*a", "/aa /a*a /aba", "/a /a* /*a"},
	} {
		p := compile(t, test.pattern)
		for want, texts := range map[bool]string{true: test.yes, false: test.no} {
			for _, text := range strings.Fields(texts) {
				q, err := address.Compile(text)
				if err != nil {
					continue
				}
				if p.Covers(q) != want {
					t.Errorf("%s covers %s: got %t, want %t", test.pattern, text, !want, want)
				}
				if refCovers(test.pattern, text) != want {
					t.Errorf("%s covers %s: the reference says %t, the table %t", test.pattern, text, !want, want)
				}
			}
		}
	}
}

// refCovers decides containment by trying. A segment of pattern that no text of within's comes near stands for every other one
// in its place; so what is left to try is how many segments each "**" of within stands for. More than pattern has segments of
// its own need not be tried: some "**" of pattern then swallows one, and could as well swallow two.
func refCovers(pattern, within string) bool {
	most := strings.Count(pattern, "/") + 1
	all := true
	var try func(done, left string)
	try = func(done, left string) {
		before, after, deep := strings.Cut(left, "/**")
		done += strings.ReplaceAll(before, "*", "\U0001F600")
		if !deep {
			all = all && (done == "" || refMatch(pattern, done))
			return
		}
		for n := range most + 1 {
			try(done+strings.Repeat("/\U0001F600", n), after)
		}
	}
	if within == "**" {
		within = "/**"
	}
	try("", within)
	return all
}

// TestCoversIsRight compares random patterns with what they match in the universe, and with the reference.
func TestCoversIsRight(t *testing.T) {
	addrs := universe()
	r := rand.New(rand.NewPCG(3, 4))
	yes, no, missed := 0, 0, 0
	for range 20000 {
		pattern, within := randomPattern(r), randomPattern(r)
		if r.IntN(2) == 0 { // two random patterns seldom have to do with each other
			within = narrowed(r, pattern)
		}
		p, q := compile(t, pattern), compile(t, within)
		if strings.Count(q.String(), "/**") > 3 { // the reference is slow
			continue
		}
		got, want := p.Covers(q), refCovers(p.String(), q.String())
		switch {
		case got && !want:
			t.Fatalf("%s covers %s: got true, want false", p, q)
		case !got && want:
			missed++
			t.Logf("%s covers %s is not seen", p, q)
		}
		if !got {
			no++
			continue
		}
		yes++
		if yes > 300 {
			continue
		}
		for _, addr := range addrs {
			if refMatch(within, addr) && !refMatch(pattern, addr) {
				t.Fatalf("%s covers %s, but only the latter matches %s", p, q, addr)
			}
		}
	}
	if yes < 1000 || no < 1000 {
		t.Errorf("%d covered, %d not: the patterns drawn test nothing", yes, no)
	}
	if missed > 0 {
		t.Errorf("%d of %d were not seen", missed, yes+missed)
	}
}

// narrowed returns pattern with some of its wildcards filled in, which it covers unless it is spoilt besides.
func narrowed(r *rand.Rand, pattern string) string {
	var b strings.Builder
	for _, segment := range strings.Split(pattern, "/")[1:] {
		switch {
		case segment == "**":
			b.WriteString([]string{"", "/a", "/**", "/*/**", "/**/b", "/*", "/b/**/*"}[r.IntN(7)])
		case strings.Contains(segment, "*"):
			b.WriteString("/" + strings.ReplaceAll(segment, "*", []string{"*", "a", "b*a", "ab"}[r.IntN(4)]))
		default:
			b.WriteString("/" + segment)
		}
	}
	if r.IntN(4) == 0 {
		b.WriteString([]string{"/a", "/*", "/**", "*"}[r.IntN(4)])
	}
	text := b.String()
	if _, err := address.Compile(text); err != nil {
		return "/a"
	}
	return text
}

func FuzzCovers(f *testing.F) {
	for _, seed := range [][3]string{
		{"/a/**", "/a", "/a"}, {"/a/*", "/a/**", "/a/b/c"}, {"/**/*", "/*/**", "/a"}, {"/**/*/x", "/**/a/x", "/a/x"},
		{"/zone*/**", "/zone1/**/x", "/zone1/a/x"}, {"/x*y", "/xa*by", "/xaby"}, {"/**/a/*/**/b/**", "/a/**/x/b", "/a/x/b"},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	f.Fuzz(func(t *testing.T, pattern, within, addr string) {
		if len(pattern) > 256 || len(within) > 256 || len(addr) > 256 {
			return
		}
		p, err := address.Compile(pattern)
		if err != nil {
			return
		}
		if !p.Covers(p) || !compile(t, "/**").Covers(p) {
			t.Errorf("%q does not lie within itself, or not within /**", pattern)
		}
		q, err := address.Compile(within)
		if err != nil {
			return
		}
		covers := p.Covers(q)
		if covers && address.Valid(addr) == nil && q.Match(addr) && !p.Match(addr) {
			t.Errorf("%q covers %q, but only the latter matches %q", pattern, within, addr)
		}
		if covers && q.Covers(p) && address.Valid(addr) == nil && q.Match(addr) != p.Match(addr) {
			t.Errorf("%q and %q cover each other, but only one matches %q", pattern, within, addr)
		}
		if q.Literal() && covers != p.Match(q.String()) {
			t.Errorf("%q covers %q: %t, matches: %t", pattern, within, covers, !covers)
		}
		if strings.Count(q.String(), "/**") <= 2 && strings.Count(pattern, "/") < 8 && covers && !refCovers(pattern, within) {
			t.Errorf("%q covers %q: got true, want false", pattern, within)
		}
	})
}

// TestCoversWorkIsBounded tries what keeps an eager search busy: the adversaries of a match, as patterns within patterns too.
func TestCoversWorkIsBounded(t *testing.T) {
	hard := map[string]func(n int) (pattern, within string){
		"deep in deep": func(n int) (string, string) {
			return fill(n, "", "/**/a", "/**/b/**"), fill(n, "", "/**/a", "")
		},
		"stars between deeps": func(n int) (string, string) {
			return fill(n, "", "/**/*/a/*", "/**/b/**"), fill(n, "", "/*/**/a", "")
		},
		"stars alone": func(n int) (string, string) {
			return fill(n, "", "/*", "/**/*/b*"), fill(n, "/**", "/*", "/**")
		},
		"globs in globs": func(n int) (string, string) {
			return fill(n, "/**/", "a*", "b*/**"), fill(n, "/**/", "*a", "*")
		},
		"long block in deeps": func(n int) (string, string) {
			return fill(n/2, "/**", "/a*", "/b/**"), fill(n, "", "/a*", "/**")
		},
	}
	for name, pair := range adversaries {
		hard[name] = pair
	}
	for name, pair := range hard {
		t.Run(name, func(t *testing.T) {
			work := func(n int) int {
				pattern, within := pair(n)
				p, q := compile(t, pattern), compile(t, within)
				bytes := address.CountCompared(func() {
					if p.Covers(q) {
						t.Errorf("%s covers %s", pattern, within)
					}
				})
				if limit := len(pattern) * len(within); bytes > limit {
					t.Errorf("%d bytes compared for patterns of %d and %d bytes", bytes, len(pattern), len(within))
				}
				return bytes
			}
			if small, large := work(512), work(1024); small == 0 || large > 5*small {
				t.Errorf("%d bytes compared at length 512, %d at 1024", small, large)
			}
		})
	}
}

func TestCoversAllocatesNothing(t *testing.T) {
	for _, text := range []string{"/show/**", "/**/*/zone*/**", "/show/*/zone*/level", "/*/**/lights/**/*/x*y"} {
		p, q := compile(t, text), compile(t, "/show/**/lights/zone*/level/**/xzy")
		if n := testing.AllocsPerRun(100, func() { p.Covers(q); p.Covers(p) }); n != 0 {
			t.Errorf("%s: Covers allocates %v times", text, n)
		}
	}
}

func BenchmarkCovers(b *testing.B) {
	for name, texts := range map[string][2]string{
		"subtree": {"/show/**", "/show/lights/zone*/level"}, "deep": {"/show/*/**/level", "/show/lights/**/zone*/level"}, "elsewhere": {"/show/**", "/other/**"},
		"adversary":  {fill(address.MaxLength, "", "/**/a", "/**/b/**"), fill(address.MaxLength, "", "/a", "")},
		"long block": {fill(address.MaxLength/2, "/**", "/*a*", "/b/**"), fill(address.MaxLength, "", "/a", "")},
	} {
		b.Run(name, func(b *testing.B) {
			p, q := compile(b, texts[0]), compile(b, texts[1])
			b.ReportAllocs()
			for b.Loop() {
				p.Covers(q)
			}
		})
	}
}
