// What hostile text becomes before anybody sees it.

package monitor_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/clasp-studio/clasp/router/monitor"
)

var hostile = map[string]string{
	"":                                "",
	"desk":                            "desk",
	"Bühne 1 – 照明 🎛":                  "Bühne 1 – 照明 🎛",
	"·…":                              "·…",
	"\x1b[31mred\x1b[0m":              "·red·",
	"\x1b[2J\x1b[H\x1b[?1049h":        "·",
	"a\x1b]0;owned\x07b":              "a·0;owned·b",
	"a\x1b]52;c;cm0gLXJm\x1b\\b":      "a·52;c;cm0gLXJm·b",
	"a\x1bPq#0\x1b\\":                 "a·q#0·",
	"a\u009b31mb":                     "a·b",
	"a\x9b31mb":                       "a·31mb", // no UTF-8
	"\x1b":                            "·",
	"\x1b[":                           "·",
	"\x1b[31\nm":                      "·m",
	"\x1bc":                           "·",
	"\x1b(0lqk":                       "·lqk",
	"one\r\ntwo\tthree":               "one·two·three",
	"\u202eevil\u202c":                "·evil·",
	"\u2066a\u2069\u200b\u200d\ufeff": "·a·",
	"a\u00adb":                        "a·b",
	"a\u00a0b\u3000c":                 "a b c",
	"\xff\xfe\xff":                    "·",
	"ok\xc3":                          "ok·",
	"\u2028line":                      "·line",
	"\u0301x":                         "·x",
	"e\u0301":                         "e\u0301",
	"e\u0301\u0301\u0301\u0301\u0301\u0301\u0301!": "e\u0301\u0301\u0301\u0301·!",
	"\u2800\u3164\u115f":                           "·",
	"a\u1160b\uffa0c":                              "a·b·c",
	"a\u034fb\u17b4c\u17b5":                        "a·b·c·",
	"\U000e0041\ue000":                             "·",
	"⚠\ufe0f":                                      "⚠",
	"\ufffd":                                       "·",
}

func TestClean(t *testing.T) {
	for text, want := range hostile {
		if got := monitor.Clean(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestCleanCuts(t *testing.T) {
	for text, want := range map[string]string{
		strings.Repeat("x", 256):                   strings.Repeat("x", 256),
		strings.Repeat("x", 257):                   strings.Repeat("x", 255) + "…",
		strings.Repeat("照", 128):                   strings.Repeat("照", 128),
		strings.Repeat("照", 129):                   strings.Repeat("照", 127) + "…", // two cells each: one is left over
		strings.Repeat("x", 255) + "e\u0301" + "y": strings.Repeat("x", 255) + "…",
		strings.Repeat("\x1b[31m", 1000):           "·",
	} {
		if got := monitor.Clean(text); got != want {
			t.Errorf("%d bytes: %d bytes %q, want %q", len(text), len(got), got, want)
		}
	}
}

// What is clean costs nothing: a screen of values is cleaned twenty times a second.
func TestCleanAllocatesNothingForClean(t *testing.T) {
	if n := testing.AllocsPerRun(100, func() { monitor.Clean("0.8125 brightness") }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzClean(f *testing.F) {
	for text := range hostile {
		f.Add(text)
	}
	f.Add(strings.Repeat("照e\u0301\x1b[0m", 200))
	f.Fuzz(func(t *testing.T, text string) {
		got := monitor.Clean(text)
		if !utf8.ValidString(got) {
			t.Fatalf("%q: no UTF-8: %q", text, got)
		}
		if again := monitor.Clean(got); again != got {
			t.Fatalf("%q: %q is not clean: %q", text, got, again)
		}
		cells, marks := 0, 0
		for _, c := range got {
			switch {
			case unicode.In(c, unicode.Mn, unicode.Me):
				if marks++; marks > 4 || cells == 0 {
					t.Fatalf("%q: marks: %q", text, got)
				}
				continue
			case unicode.Is(unicode.M, c):
			case !unicode.IsGraphic(c) || unicode.In(c, unicode.Cf, unicode.Cc, unicode.Co, unicode.Zl, unicode.Zp):
				t.Fatalf("%q: %U is left in %q", text, c, got)
			default:
				marks = 0
			}
			cells++
		}
		if cells > monitor.MaxCells {
			t.Fatalf("%q: %d cells", text, cells)
		}
		if text != "" && got == "" && strings.Trim(text, "\ufe00\ufe01\ufe02\ufe03\ufe04\ufe05\ufe06\ufe07\ufe08\ufe09\ufe0a\ufe0b\ufe0c\ufe0d\ufe0e\ufe0f") == text && !strings.ContainsFunc(text, func(c rune) bool { return unicode.Is(unicode.Variation_Selector, c) }) {
			t.Fatalf("%q: nothing is left", text)
		}
	})
}
