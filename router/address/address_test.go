// Which texts are addresses, which are patterns, and what the errors say.

package address_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/clasp-studio/clasp/router/address"
)

func TestValid(t *testing.T) {
	for _, addr := range []string{
		"/a", "/a/b", "/lights/1/brightness", "/_clasp/stats", "/ü/日本", "/a b/c.d-e", "/-", "/\x01", "/a\x7f", "/\U0001F600",
		"/" + strings.Repeat("a", 1023), strings.Repeat("/a", 512), "/\uFFFD",
	} {
		if err := address.Valid(addr); err != nil {
			t.Errorf("Valid(%q) = %v, want nil", addr, err)
		}
	}
}

// broken holds what is wrong both in an address and in a pattern.
var broken = []struct {
	text string
	at   int
	what string
}{
	{"", 0, "start with '/'"},
	{"a", 0, "start with '/'"},
	{"a/b", 0, "start with '/'"},
	{"\\a", 0, "start with '/'"},
	{"/", 0, "'/' alone"},
	{"//", 1, "empty segment"},
	{"//a", 1, "empty segment"},
	{"/a//b", 3, "empty segment"},
	{"/a/b/", 4, "trailing '/'"},
	{"/a//", 3, "empty segment"},
	{"/a\x00b", 2, "NUL"},
	{"/a/\x00", 3, "NUL"},
	{"/a\xff", 2, "UTF-8"},
	{"/ab\xe2\x82", 3, "UTF-8"},
	{"/\xc0\x80", 1, "UTF-8"},     // overlong NUL
	{"/\xed\xa0\x80", 1, "UTF-8"}, // surrogate
	{"/ü/\x80", 4, "UTF-8"},
	{"/" + strings.Repeat("a", 1024), 1024, "longer than 1024 bytes"},
	{"/\xff" + strings.Repeat("a", 1<<20), 1024, "longer than 1024 bytes"},
}

func TestBroken(t *testing.T) {
	for _, test := range broken {
		wantError(t, address.Valid(test.text), "address", test.text, test.at, test.what)
		_, err := address.Compile(test.text)
		wantError(t, err, "pattern", test.text, test.at, test.what)
	}
}

func TestAddressHasNoWildcards(t *testing.T) {
	wantError(t, address.Valid("/*"), "address", "/*", 1, "'*'")
	wantError(t, address.Valid("/a/b*"), "address", "/a/b*", 4, "'*'")
	wantError(t, address.Valid("/a/**"), "address", "/a/**", 3, "'*'")
	wantError(t, address.Valid("**"), "address", "**", 0, "start with '/'")
}

func TestDeepIsAWholeSegment(t *testing.T) {
	for text, at := range map[string]int{
		"/a/x**": 4, "/**x": 1, "/a/**b/c": 3, "/***": 1, "/****": 1, "/a/***/b": 3, "/**/***": 4, "/*a**": 3, "/ü**": 3,
	} {
		_, err := address.Compile(text)
		wantError(t, err, "pattern", text, at, "'**' must be a whole segment")
	}
}

func wantError(t *testing.T, err error, kind, text string, at int, what string) {
	t.Helper()
	var e *address.Error
	if !errors.As(err, &e) {
		t.Errorf("%s %.40q: error %v, want an *address.Error", kind, text, err)
		return
	}
	if e.Kind != kind || e.At != at || !strings.Contains(e.What, what) || !strings.HasPrefix(text, e.Text) {
		t.Errorf("%s %.40q: got %+v, want byte %d, %q", kind, text, *e, at, what)
	}
	if len(e.Error()) > 512 {
		t.Errorf("%s %.40q: message of %d bytes", kind, text, len(e.Error()))
	}
}

func TestErrorText(t *testing.T) {
	const want = `bad address "/a//b": byte 3: empty segment: two '/' in a row`
	if got := address.Valid("/a//b").Error(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// The engine checks addresses where they lie in its read buffer, which is then read into again.
func TestErrorKeepsItsOwnText(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	var e *address.Error
	if !errors.As(address.Valid(long), &e) || len(e.Text) > 64 {
		t.Fatalf("an error about %d bytes keeps %d of them", len(long), len(e.Text))
	}
}

func TestReserved(t *testing.T) {
	for addr, want := range map[string]bool{
		"/_clasp": true, "/_clasp/stats": true, "/_meta": true, "/_meta/a/b": true, "/_admin": true, "/_admin/x": true,
		"/_claspx": false, "/_clas": false, "/_": false, "/_other": false, "/a/_clasp": false, "/clasp": false, "/clasp/p2p/announce": false, "/_Clasp": false,
	} {
		if got := address.Reserved(addr); got != want {
			t.Errorf("Reserved(%q) = %t, want %t", addr, got, want)
		}
	}
}

func TestCut(t *testing.T) {
	for path, want := range map[string][2]string{
		"/a": {"a", ""}, "/a/b": {"a", "/b"}, "/ab/c/d": {"ab", "/c/d"}, "/**/x": {"**", "/x"},
	} {
		if segment, rest := address.Cut(path); segment != want[0] || rest != want[1] {
			t.Errorf("Cut(%q) = %q, %q, want %q", path, segment, rest, want)
		}
	}
}

func FuzzValid(f *testing.F) {
	for _, test := range broken {
		if len(test.text) < 100 {
			f.Add(test.text)
		}
	}
	for _, text := range []string{"/a", "/ü/日本", "/**", "**", "*", "/a/*/b", "/a/x**", "/***", "/**/**", "/zone*/x*y*z"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if err := address.Valid(text); (err == nil) != refValid(text, false) {
			t.Errorf("Valid(%q) = %v", text, err)
		}
		p, err := address.Compile(text)
		if (err == nil) != refValid(text, true) {
			t.Errorf("Compile(%q): %v", text, err)
		}
		if err != nil {
			return
		}
		if p.Literal() != (address.Valid(text) == nil) {
			t.Errorf("%q: Literal() = %t", text, p.Literal())
		}
		again, err := address.Compile(p.String())
		if err != nil || again.String() != p.String() || again.Prefix() != p.Prefix() {
			t.Errorf("%q: its String %q compiles to %+v, %v", text, p, again, err)
		}
	})
}
