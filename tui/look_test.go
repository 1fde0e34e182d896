package tui

// Themes, glyphs and the cutting of text.

import (
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
)

var allInks = map[string][roles]ink{
	"dark": darkInks, "light": lightInks, "contrast": contrastInks, "contrast on light": contrastLightInks, "mono": monoInks,
	"blind": blind(darkInks, true), "blind on light": blind(lightInks, false),
}

// What has to be told apart differs by more than its colour, and every colour is one.
func TestInks(t *testing.T) {
	for name, inks := range allInks {
		for r := range roles {
			for _, c := range []string{inks[r].fg, inks[r].bg} {
				if c != "" && ansi.XParseColor(c) == nil {
					t.Errorf("%s, role %d: %q is no colour", name, r, c)
				}
			}
			for _, c := range []int{inks[r].fg16, inks[r].bg16} {
				if c < 0 || c > 16 {
					t.Errorf("%s, role %d: %d is none of 16", name, r, c)
				}
			}
		}
		for _, r := range []role{strong, warn, bad, selected, unfocSel, changed0, secret, status, frozen, header} {
			if i := inks[r]; !i.bold && !i.underline && !i.reverse {
				t.Errorf("%s: role %d differs by colour alone", name, r)
			}
		}
	}
	for r := range roles {
		if i := monoInks[r]; i.fg != "" || i.bg != "" || i.fg16 != 0 || i.bg16 != 0 {
			t.Errorf("mono has a colour for role %d", r)
		}
	}
}

func TestThemes(t *testing.T) {
	for _, name := range themeNames {
		for _, sixteen := range []bool{false, true} {
			for _, dark := range []bool{false, true} {
				th := newTheme(name, dark, sixteen)
				for r := range roles {
					if strings.Contains(th.open[r], "38;2") && sixteen {
						t.Errorf("%s: role %d has 24 bits of colour where there are 16 colours", name, r)
					}
				}
				if got := ansi.Strip(th.over(selected, "a"+th.paint(bad, "b")+"c")); got != "abc" {
					t.Errorf("%s: over has made %q", name, got)
				}
			}
		}
	}
	if newTheme("auto", false, false).open[accent] == newTheme("auto", true, false).open[accent] {
		t.Error("auto is the same on light and dark")
	}
	if th := newTheme("pink", true, false); th.name != "auto" {
		t.Errorf("an unknown theme is %q", th.name)
	}
}

// NO_COLOR: the library says so with its profile, and the rows still differ.
func TestNoColour(t *testing.T) {
	b := newBench(t, 80, 24, 5, 10)
	b.colours("Ascii")
	if b.e.theme.name != "mono" || b.e.theme.open[selected] != "\x1b[7m" {
		t.Errorf("theme %q, a selected row is %q", b.e.theme.name, b.e.theme.open[selected])
	}
	b.colours("ANSI")
	if !strings.Contains(b.e.theme.open[selected], "44") {
		t.Errorf("of 16 colours a selected row has %q", b.e.theme.open[selected])
	}
}

func TestBackgroundChoosesTheme(t *testing.T) {
	b := newBench(t, 80, 24, 5, 10)
	b.e.options.Theme = "auto"
	b.Update(tea.BackgroundColorMsg{Color: ansi.XParseColor("#FFFFFF")})
	if b.e.theme.dark {
		t.Error("dark on white")
	}
	b.Update(tea.BackgroundColorMsg{Color: ansi.XParseColor("#101010")})
	if !b.e.theme.dark {
		t.Error("light on black")
	}
}

func TestGlyphs(t *testing.T) {
	for _, g := range []*glyphs{newGlyphs(false), newGlyphs(true)} {
		all := append([]string{g.ellipsis, g.up, g.down, g.same, g.changed, g.open, g.closed, g.leaf, g.branch, g.last, g.bar, g.dot, g.ok, g.warn, g.bad,
			g.lock, g.pin, g.wait, g.horizontal, g.vertical, g.cursor}, append(g.corners[:], g.spark...)...)
		for _, s := range all {
			if ansi.StringWidth(s) != 1 {
				t.Errorf("%q has %d cells", s, ansi.StringWidth(s))
			}
			if g.ascii && (s[0] > 0x7e || len(s) != 1) {
				t.Errorf("%q is not ASCII", s)
			}
		}
	}
}

func TestLocale(t *testing.T) {
	for env, want := range map[string]bool{
		"LANG=en_US.UTF-8": true, "LANG=C.utf8": true, "LANG=C": false, "LC_ALL=C LANG=en_US.UTF-8": false, "LC_ALL=de_DE.UTF-8 LANG=C": true,
		"LC_CTYPE=POSIX": false, "TERM=xterm-256color": true, "TERM=linux": false, "TERM=vt220": false, "LANG=de_DE@euro": false,
	} {
		if got := unicodeLocale(strings.Fields(env)); got != want {
			t.Errorf("%s: %v", env, got)
		}
	}
}

func TestFit(t *testing.T) {
	e, _, _ := newTestEnv(t)
	for _, s := range []string{"", "a", "hello world", "日本語テキスト", "e\u0301a\u0308o\u0323", "👩‍👩‍👧‍👦 family", e.theme.paint(bad, "painted") + " not", "🇩🇪🇫🇷"} {
		for w := range 20 {
			for name, f := range map[string]func(string, int) string{"fit": e.fit, "right": e.right, "center": e.center} {
				if n := ansi.StringWidth(f(s, w)); n != w {
					t.Errorf("%s(%q, %d) has %d cells", name, s, w, n)
				}
			}
			if n := ansi.StringWidth(e.clip(s, w)); n > w {
				t.Errorf("clip(%q, %d) has %d cells", s, w, n)
			}
			if n := ansi.StringWidth(e.beside(s, "12", max(w, 2))); n != max(w, 2) {
				t.Errorf("beside(%q) has %d cells, want %d", s, n, w)
			}
		}
	}
	if got := e.fit("hello world", 6); got != "hello…" {
		t.Errorf("%q", got)
	}
}

func TestASCIIOnly(t *testing.T) {
	for in, want := range map[string]string{
		"plain": "plain", "é": "?", "日": "??", "\x1b[1mä\x1b[m": "\x1b[1m?\x1b[m", "a•b…": "a?b?", "e\u0301x": "ex",
	} {
		if got := asciiOnly(in); got != want {
			t.Errorf("asciiOnly(%q) is %q, want %q", in, got, want)
		}
		if a, b := ansi.StringWidth(in), ansi.StringWidth(asciiOnly(in)); a != b {
			t.Errorf("%q: %d cells become %d", in, a, b)
		}
	}
}

func TestInput(t *testing.T) {
	e, _, _ := newTestEnv(t)
	in := newInput("/lumen")
	for _, c := range []struct{ key, want string }{
		{"x", "/lumenx"}, {"backspace", "/lumen"}, {"home", "/lumen"}, {"日", "日/lumen"}, {"right", "日/lumen"}, {"delete", "日/umen"},
		{"space", "日/ umen"}, {"ctrl+w", "日/umen"}, {"end", "日/umen"}, {"ctrl+u", ""},
	} {
		if !in.key(press(c.key)) && c.key != "" {
			t.Errorf("%s is not taken", c.key)
		}
		if c.key == "ctrl+w" {
			in.set("日/umen") // where words end is below
		}
		if got := in.String(); got != c.want {
			t.Errorf("after %s: %q, want %q", c.key, got, c.want)
		}
		for w := range 12 {
			if n := ansi.StringWidth(in.render(e, w)); n != w {
				t.Errorf("%q in %d cells takes %d", in, w, n)
			}
		}
	}
	in.set("set one two ")
	in.key(press("ctrl+w"))
	if in.String() != "set one " {
		t.Errorf("ctrl+w leaves %q", in)
	}
	for _, name := range []string{"enter", "esc", "up", "down", "tab", "ctrl+c", "ctrl+z"} {
		if in.key(press(name)) {
			t.Errorf("%s is taken by a text field", name)
		}
	}
	in.insert("\x1b]0;x\a\u202e" + strings.Repeat("a", 2*maxInput))
	if strings.ContainsAny(in.String(), "\x1b\a\u202e") || len(in.text) > maxInput {
		t.Errorf("%d characters, %q", len(in.text), in.String()[:20])
	}
}
