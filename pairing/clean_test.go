// What devices say of themselves does no harm where it is shown.

package pairing_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/clasp-studio/clasp/pairing"
)

func TestClean(t *testing.T) {
	for name, want := range map[string]string{
		"FOH iPad":                        "FOH iPad",
		"":                                "unnamed",
		" \t\n":                           "unnamed",
		"\x00\x1b\u200b\u2066":            "unnamed",
		"\x1b[31mred\x1b[0m":              "[31mred[0m",
		"\x1b]0;title\x07":                "]0;title",
		"\u009b31mred":                    "31mred",
		"a\u202egnp.exe":                  "agnp.exe",
		"a\u200eb\u200fc\u061cd\u2069":    "abcd",
		"  a \n b\u00a0\u3000c  ":         "a b c",
		"e\u0301":                         "é",
		"e\u200b\u0301":                   "é",
		"\u0301a":                         "a",
		"\xff\xfeab":                      "�ab",
		"z\u0334\u0335\u0336\u0337\u0338": "z\u0334\u0335\u0336\u0337",
		"ﾊﾟ \u3164\u2800x":                "ﾊﾟ x",
		"Ωמב":                             "Ωמב",
		"a\u3164\u115f\u1160\uffa0b":      "ab",
		"a\u034fb\u17b4c\u17b5":           "abc",
		"a\u2800":                         "a",
		"\U000E0041tag\ufe0f":             "tag",
		"\u2028line\u2029":                "line",
		strings.Repeat("ü", 10_000):       strings.Repeat("ü", 64),
		strings.Repeat("\x1b[2J", 2500):   strings.Repeat("[2J", 21) + "[",
		strings.Repeat("\u202e", 10_000):  "unnamed",
	} {
		if got := pairing.Clean(name); got != want {
			t.Errorf("%.40q: %q, want %q", name, got, want)
		}
	}
}

func FuzzClean(f *testing.F) {
	for _, seed := range []string{"FOH iPad", "\x1b[31mred\u202e", "e\u0301\u0301\u0301\u0301\u0301", "\u1100\u1161\u11a8", "\xf0\x9f", strings.Repeat("a\u0327\u0301", 70)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		got := pairing.Clean(name)
		if got == "" || !utf8.ValidString(got) || utf8.RuneCountInString(got) > 64 || !norm.NFC.IsNormalString(got) {
			t.Errorf("%q: %q", name, got)
		}
		for _, c := range got {
			if unicode.In(c, unicode.C, unicode.Zl, unicode.Zp) || unicode.In(c, unicode.Bidi_Control) || !unicode.IsGraphic(c) {
				t.Errorf("%q: %q has %U in it", name, got, c)
			}
		}
		if strings.TrimSpace(got) != got {
			t.Errorf("%q: %q begins or ends with a space", name, got)
		}
		if again := pairing.Clean(got); again != got {
			t.Errorf("%q: %q becomes %q", name, got, again)
		}
	})
}

// A name is hostile wherever it comes in, and harmless wherever it goes out.
func TestHostileNameEverywhere(t *testing.T) {
	k := start(t)
	hostile := "\x1b]52;c;aGk=\x07\u202e" + strings.Repeat("A\u0301", 5000)
	o := from(hostile, "10.0.0.1")
	o.Kind, o.Remote = hostile, "10.0.0.1\x1b[2J"
	v := k.lobby(o)
	k.ok(v.Request(hostile, hostile, []string{hostile}))
	row := k.Knocks()[0]
	_, err := k.Pick(row.ID, hostile)
	k.must(err)
	d, err := k.Approve(row.ID, pairing.Grant{Name: hostile, By: hostile})
	k.must(err)
	d, err = k.Rename(d.ID, hostile+"!", hostile)
	k.must(err)
	k.said("renamed", 1)
	texts := []string{row.Name, row.Kind, row.Want[0], row.Remote, d.Name, d.Claimed, d.CreatedBy, d.CreatedFrom, v.Access().Name}
	for _, e := range k.all() {
		texts = append(texts, e.Operator, e.Source, e.Name, e.Detail)
	}
	_, err = k.Revoke("?"+hostile, "ann")
	texts = append(texts, err.Error())
	for _, text := range texts {
		if strings.ContainsAny(text, "\x1b\x07\u202e") || utf8.RuneCountInString(text) > 200 {
			t.Errorf("%q", text)
		}
	}
}
