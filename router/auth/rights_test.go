// What rights allow: the lists, the scopes, the ways around them that are tried, and what asking costs.

package auth_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/clasp-studio/clasp/router/address"
	"github.com/clasp-studio/clasp/router/auth"
)

func pattern(t testing.TB, text string) *address.Pattern {
	t.Helper()
	p, err := address.Compile(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func newRights(t testing.TB, c auth.Claims) *auth.Rights {
	t.Helper()
	r, err := auth.NewRights(c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// granted are the rights of a token with these claims.
func granted(t testing.TB, claims string) *auth.Rights {
	t.Helper()
	grant, err := newVerifier(t, auth.Options{Secret: secret}).Verify(good(claims), now)
	if err != nil {
		t.Fatalf("%s: %v", claims, err)
	}
	return grant.Rights
}

// letters says what may be done at one address: R for GET, W for SET, E for events, S for SUBSCRIBE, P for REPLAY, A for ANNOUNCE.
func letters(t testing.TB, r *auth.Rights, text string) string {
	t.Helper()
	p, b := pattern(t, text), strings.Builder{}
	for _, may := range []struct {
		letter byte
		ok     bool
	}{
		{'R', r.MayRead(text)}, {'W', r.MayWrite(text)}, {'E', r.MayEmit(text)},
		{'S', r.MaySubscribe(p)}, {'P', r.MayReplay(p)}, {'A', r.MayAnnounce(p)},
	} {
		if may.ok {
			b.WriteByte(may.letter)
		}
	}
	return b.String()
}

// TestRightsOfClaims: every claim of protocol section 10, what it gives, and that it gives nothing at any other address.
func TestRightsOfClaims(t *testing.T) {
	for _, test := range []struct{ claims, want string }{
		{`{}`, ""},
		{`{"clasp":{}}`, ""},
		{`{"clasp":{"read":[],"write":[],"emit":[],"subscribe":[],"scopes":[],"constraints":{}}}`, ""},
		{`{"clasp":{"constraints":{"/a":{"maxRate":1}}}}`, ""},
		{`{"clasp":{"read":["/a"]}}`, "RSP"},
		{`{"clasp":{"write":["/a"]}}`, "WEA"}, // a client that only writes is a documented use
		{`{"clasp":{"emit":["/a"]}}`, "E"},
		{`{"clasp":{"subscribe":["/a"]}}`, "S"},
		{`{"clasp":{"read":["/b","/a"],"write":["/c","/a"]}}`, "RWESPA"},
		{`{"sf":{"read":["/a"]}}`, "RSP"},
		{`{"scopes":["read:/a"]}`, "RSP"},
		{`{"scopes":["write:/a"]}`, "RWESPA"},
		{`{"scopes":["admin:/a"]}`, "RWESPA"},
		{`{"clasp":{"scopes":["read:/a"],"emit":["/a"]}}`, "RESP"},
		{`{"scope":"read:/a","read":["/a"],"CLASP":{"read":["/a"]},"Scopes":["admin:/a"]}`, ""}, // none of these is ours
		// The first of clasp, sf and scopes counts alone, though it says less, and nothing is wrong with what is not looked at.
		{`{"clasp":{"emit":["/a"]},"sf":{"read":["/a"]},"scopes":["admin:/a"]}`, "E"},
		{`{"clasp":{},"sf":{"read":["/a"]}}`, ""},
		{`{"sf":{"emit":["/a"]},"scopes":["openid","profile"]}`, "E"},
	} {
		r := granted(t, test.claims)
		if got := letters(t, r, "/a"); got != test.want {
			t.Errorf("%s: may %q, want %q", test.claims, got, test.want)
		}
		if got := letters(t, r, "/x"); got != "" {
			t.Errorf("%s: may %q at another address", test.claims, got)
		}
		if r.All() {
			t.Errorf("%s: says it is everything", test.claims)
		}
	}
}

// TestScopeEscapes: what is tried to get from the addresses one may use to those beside them.
func TestScopeEscapes(t *testing.T) {
	for _, test := range []struct{ right, patterns string }{
		{"/a/*", "/a/** /a /a/b/c /a/*/* /a/b/** /a/**/* /*/b /** ** /a* /A/b /a/*/** /*a/b"},
		{"/a/**", "/ab /a* /a*/** /A /A/b /*/b /** /**/a /**/a/b /b/../a /a. /./a /\u0430/b /a\u200b/b /\uff41/b /a\\b"},
		{"/a/b", "/a/B /a/b/c /a/* /a/b* /a/** /a/b/** /A/b /a/\u0431 /a/b. /a/b\u00a0 /a\u2044b /a%2Fb /a/b%00"},
		{"/zone*/x", "/zone/1/x /Zone1/x /zone1/y /zone1/* /zone*/** /*/x /zone1/x/y /zon/x /zone\u20601/../x"},
		{"/é", "/e\u0301 /É /e /*"}, // the same to the eye, two spellings to a computer
		{"/straße", "/strasse /STRASSE /stra\u1e9ee"},
		{"/i", "/I /\u0131 /\u0130"},
	} {
		r := newRights(t, auth.Claims{Read: []string{test.right}, Write: []string{test.right}})
		for _, text := range strings.Split(test.patterns, " ") { // Fields would take a no-break space for one
			p := pattern(t, text)
			if r.MaySubscribe(p) || r.MayReplay(p) || r.MayAnnounce(p) {
				t.Errorf("%s gives %q", test.right, text)
			}
			if p.Literal() && letters(t, r, text) != "" {
				t.Errorf("%s gives %q: %s", test.right, text, letters(t, r, text))
			}
		}
	}
	// These never reach the rights: they are no addresses, and no patterns.
	for _, text := range []string{"/a//b", "//a/b", "/a/b/", "/a/", "/a/\x00", "/a/**x", "a/b", "/a/***", "/a/\xc0\xaf"} {
		if _, err := address.Compile(text); err == nil || address.Valid(text) == nil {
			t.Errorf("%q is taken for an address", text)
		}
	}
	// ".." is a name like any other, and within what one has a right to.
	if r := newRights(t, auth.Claims{Read: []string{"/a/**"}}); !r.MayRead("/a/../b") || r.MayRead("/b") {
		t.Error("/a/../b does not lie below /a, or lies elsewhere too")
	}
}

// TestUnionIsNotContainment: two rights that only together hold a pattern do not give it (protocol section 10: within one).
func TestUnionIsNotContainment(t *testing.T) {
	r := newRights(t, auth.Claims{Read: []string{"/a", "/a/*", "/a/*/**"}})
	if r.MaySubscribe(pattern(t, "/a/**")) {
		t.Error("/a/** lies within none of /a, /a/* and /a/*/**")
	}
	if !r.MaySubscribe(pattern(t, "/a/b/**")) {
		t.Error("/a/b/** lies within /a/*/**")
	}
}

// TestRouterAddresses: nobody writes where the router speaks; reading there is a right like others.
func TestRouterAddresses(t *testing.T) {
	admin := granted(t, `{"scopes":["admin:/**","admin:/_clasp/**"]}`)
	for name, r := range map[string]*auth.Rights{"everything": auth.Everything(), "admin": admin} {
		for _, text := range []string{"/_clasp", "/_clasp/x", "/_meta/a/b", "/_admin", "/_admin/x"} {
			if got := letters(t, r, text); got != "RSP" {
				t.Errorf("%s: may %q at %s, want RSP", name, got, text)
			}
		}
		if got := letters(t, r, "/_claspx"); got != "RWESPA" {
			t.Errorf("%s: may %q at /_claspx", name, got)
		}
	}
	some := newRights(t, auth.Claims{Read: []string{"/_clasp/a/*"}, Write: []string{"/_clasp/**"}})
	if letters(t, some, "/_clasp/a/b") != "RSP" || letters(t, some, "/_clasp/b") != "" {
		t.Errorf("may %q, %q", letters(t, some, "/_clasp/a/b"), letters(t, some, "/_clasp/b"))
	}
}

func TestAll(t *testing.T) {
	if !auth.Everything().All() || letters(t, auth.Everything(), "/a/b") != "RWESPA" || !auth.Everything().MaySubscribe(pattern(t, "/**")) {
		t.Error("everything is not all")
	}
	for claims, want := range map[string]bool{
		`{"scopes":["admin:/**"]}`: true, `{"clasp":{"read":["/**"],"write":["**"]}}`: true, `{"clasp":{"read":["/**/*"],"write":["/*/**"]}}`: true,
		`{"clasp":{"read":["/**"]}}`: false, `{"clasp":{"write":["/**"],"subscribe":["/**"],"emit":["/**"]}}`: false, `{"clasp":{"read":["/**"],"write":["/a/**"]}}`: false,
		`{"clasp":{"read":["/**"],"write":["/**"],"constraints":{"/a":{"maxRate":1}}}}`: false, `{}`: false, `{"clasp":{"read":["/*"],"write":["/*"]}}`: false,
	} {
		if got := granted(t, claims).All(); got != want {
			t.Errorf("%s: All() = %t", claims, got)
		}
	}
}

// TestRightsEqualReference: for random rights, every answer is that of trying each pattern on each address of a small world.
func TestRightsEqualReference(t *testing.T) {
	var addrs []string
	for _, a := range []string{"a", "b", "ab", "_clasp"} {
		addrs = append(addrs, "/"+a)
		for _, b := range []string{"a", "b", "ab"} {
			addrs = append(addrs, "/"+a+"/"+b, "/"+a+"/"+b+"/a")
		}
	}
	random := rand.New(rand.NewPCG(5, 6))
	segments := []string{"a", "b", "ab", "*", "a*", "*b", "**", "**", "_clasp"}
	draw := func(most int) (texts []string) {
		for range random.IntN(most + 1) {
			var b strings.Builder
			for range 1 + random.IntN(3) {
				b.WriteString("/" + segments[random.IntN(len(segments))])
			}
			texts = append(texts, b.String())
		}
		return texts
	}
	matches := func(texts []string, addr string) bool {
		return slices.ContainsFunc(texts, func(text string) bool { return pattern(t, text).Match(addr) })
	}
	yes := 0
	for range 500 {
		c := auth.Claims{Read: draw(2), Write: draw(2), Emit: draw(2), Subscribe: draw(2)}
		r := newRights(t, c)
		for _, addr := range addrs {
			free := !strings.HasPrefix(addr, "/_clasp")
			read, write := matches(c.Read, addr), matches(c.Write, addr) && free
			if r.MayRead(addr) != read || r.MayWrite(addr) != write || r.MayEmit(addr) != (write || matches(c.Emit, addr) && free) {
				t.Fatalf("%+v at %s: %s", c, addr, letters(t, r, addr))
			}
		}
		for _, text := range draw(8) {
			p := pattern(t, text)
			inOne := func(texts []string) bool { // as far as the addresses here can tell
				return slices.ContainsFunc(texts, func(right string) bool {
					return !slices.ContainsFunc(addrs, func(addr string) bool { return p.Match(addr) && !pattern(t, right).Match(addr) })
				})
			}
			if r.MaySubscribe(p) && !inOne(c.Read) && !inOne(c.Subscribe) || r.MayReplay(p) && !inOne(c.Read) || r.MayAnnounce(p) && !inOne(c.Write) {
				t.Fatalf("%+v: %s is allowed", c, text)
			}
			if r.MaySubscribe(p) {
				yes++
			}
		}
	}
	if yes < 200 {
		t.Errorf("only %d patterns were allowed: those drawn test nothing", yes)
	}
}

func TestConstraints(t *testing.T) {
	r := granted(t, `{"clasp":{"write":["/**"],"constraints":{
		"/d/*":{"range":[-1.5,2]}, "/a/**":{"range":[0,1],"maxRate":60}, "/b/*":{"maxRate":0.5}, "/a/x":{"maxRate":1}, "/*/x":{}, "/a/*":{"range":[5,5]}, "/d/**":{}}}}`)
	constraints := []auth.Constraint{ // by pattern
		{Pattern: "/*/x"},
		{Pattern: "/a/*", HasRange: true, Min: 5, Max: 5},
		{Pattern: "/a/**", HasRange: true, Min: 0, Max: 1, MaxRate: 60},
		{Pattern: "/a/x", MaxRate: 1},
		{Pattern: "/b/*", MaxRate: 0.5},
		{Pattern: "/d/*", HasRange: true, Min: -1.5, Max: 2},
		{Pattern: "/d/**"},
	}
	for i, want := range constraints {
		if got := r.Constraint(i); got != want {
			t.Errorf("constraint %d is %+v, want %+v", i, got, want)
		}
	}
	for addr, want := range map[string][]int{
		"/c": nil, "/a/x": {0, 1, 2, 3}, "/a/y": {1, 2}, "/a": {2}, "/b/y": {4}, "/b/x": {0, 4}, "/d/x": {0, 5, 6}, "/x/x": {0}, "/d/y": {5, 6}, "/d": {6},
	} {
		got := r.Constraints(addr)
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: constraints %v, want %v", addr, got, want)
		}
		_ = append(got, -1) // must not reach what others are given
	}
	if got := r.Constraints("/a/x"); !slices.Equal(got, []int{0, 1, 2, 3}) {
		t.Errorf("appending to one answer changed another: %v", got)
	}
	if auth.Everything().Constraints("/a") != nil {
		t.Error("everything has constraints")
	}
}

// TestNewRightsRefuses what only a program can say: JSON has no NaN.
func TestNewRightsRefuses(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for _, c := range []auth.Constraint{
		{Pattern: "/a", HasRange: true, Min: nan, Max: 1}, {Pattern: "/a", HasRange: true, Min: 0, Max: nan}, {Pattern: "/a", HasRange: true, Min: 0, Max: inf},
		{Pattern: "/a", HasRange: true, Min: 1, Max: 0}, {Pattern: "/a", MaxRate: nan}, {Pattern: "/a", MaxRate: inf}, {Pattern: "/a", MaxRate: -1}, {Pattern: "a"},
	} {
		if _, err := auth.NewRights(auth.Claims{Constraints: []auth.Constraint{c}}); err == nil {
			t.Errorf("%+v is taken", c)
		}
	}
	for _, unseen := range []string{"/a\u200b", "/a\u202eb", "/\u2060a", "/a\x00", "/a\ufffd", "/\ufeffa"} {
		if _, err := auth.NewRights(auth.Claims{Read: []string{unseen}}); err == nil {
			t.Errorf("%q is taken", unseen)
		}
	}
	if _, err := auth.NewRights(auth.Claims{Read: slices.Repeat([]string{"/a"}, auth.MaxPatterns)}); err != nil {
		t.Errorf("the most patterns allowed: %v", err)
	}
}

// tenPatterns are the rights of a console that has some of everything.
func tenPatterns(t testing.TB) *auth.Rights {
	t.Helper()
	return newRights(t, auth.Claims{
		Read:        []string{"/show/**", "/lights/*/level", "/zone*/**"},
		Write:       []string{"/lights/*/level", "/lights/*/color", "/sound/**/gain", "/zone*/x", "/cue/**"},
		Emit:        []string{"/go", "/cue/*/go"},
		Constraints: []auth.Constraint{{Pattern: "/sound/**/gain", HasRange: true, Min: 0, Max: 1}, {Pattern: "/sound/main/*", MaxRate: 10}},
	})
}

func TestAskingAllocatesNothing(t *testing.T) {
	r, wide, narrow := tenPatterns(t), pattern(t, "/**"), pattern(t, "/show/*/**")
	n := testing.AllocsPerRun(100, func() {
		for _, addr := range []string{"/lights/12/level", "/cue/1/go", "/sound/main/gain", "/nowhere/at/all"} {
			_, _, _, _ = r.MayRead(addr), r.MayWrite(addr), r.MayEmit(addr), r.Constraints(addr)
		}
		for _, p := range []*address.Pattern{wide, narrow} {
			_, _, _ = r.MaySubscribe(p), r.MayReplay(p), r.MayAnnounce(p)
		}
	})
	if n != 0 {
		t.Errorf("asking allocates %v times", n)
	}
}

func BenchmarkMayWrite(b *testing.B) {
	for name, r := range map[string]*auth.Rights{"everything": auth.Everything(), "ten": tenPatterns(b)} {
		for _, addr := range []string{"/lights/12/level", "/cue/1/go", "/nowhere/at/all"} {
			b.Run(fmt.Sprintf("%s%s", name, strings.ReplaceAll(addr, "/", ".")), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					r.MayWrite(addr)
				}
			})
		}
	}
}

func BenchmarkMaySubscribe(b *testing.B) {
	r, p := tenPatterns(b), pattern(b, "/zone*/lights/*")
	b.ReportAllocs()
	for b.Loop() {
		r.MaySubscribe(p)
	}
}
