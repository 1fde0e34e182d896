package tui

// What clients call themselves, their addresses and their values must not reach the terminal
// as anything but text.

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/clasp-studio/clasp/pairing"
	"github.com/clasp-studio/clasp/router/monitor"
)

// sgr are the parameters that our own escape codes have: looks, and nothing else.
const sgr = "0123456789;:"

// foreign returns what is on a screen that neither is text nor sets looks, "" if nothing is.
// Codes of colours count as such where colours is "".
func foreign(screen, colours string) string {
	for s := screen; s != ""; {
		if codes, found := strings.CutPrefix(s, "\x1b["); found {
			rest := strings.TrimLeft(codes, sgr)
			if !strings.HasPrefix(rest, "m") {
				return fmt.Sprintf("%q", s[:min(len(s), 20)])
			}
			of := codes[:len(codes)-len(rest)]
			for _, n := range strings.FieldsFunc(of, func(c rune) bool { return c == ';' || c == ':' }) {
				if colours == "" && len(n) == 2 && strings.ContainsAny(n[:1], "349") {
					return "\x1b[" + of + "m"
				}
			}
			s = rest[1:]
			continue
		}
		c, size := utf8.DecodeRuneInString(s)
		if c == utf8.RuneError && size == 1 || c != '\n' && (unicode.IsControl(c) || unicode.Is(unicode.Cf, c) || unicode.Is(unicode.Zl, c) || unicode.Is(unicode.Zp, c)) {
			return fmt.Sprintf("%q before %q", c, s[:min(len(s), 30)])
		}
		s = s[size:]
	}
	return ""
}

func TestForeign(t *testing.T) {
	for screen, clean := range map[string]bool{
		"text": true, "\x1b[1;38;2;1;2;3mtext\x1b[m\nmore": true, "日本 e\u0301": true,
		"\x1b[2J": false, "\x1b]0;x\a": false, "a\x07": false, "a\u009bb": false, "a\u202eb": false, "a\u200bb": false, "a\xff": false, "a\tb": false, "\x1b[31": false, "a\rb": false,
	} {
		if got := foreign(screen, "any"); (got == "") != clean {
			t.Errorf("foreign(%q) is %q", screen, got)
		}
	}
	if foreign("\x1b[7mx\x1b[m", "") != "" || foreign("\x1b[31mx\x1b[m", "") == "" || foreign("\x1b[38;5;9mx", "") == "" {
		t.Error("colours are not told from the rest")
	}
}

// hostiles is what clients may say of themselves.
var hostiles = []string{
	"\x1b[2J\x1b[Hgone", "\x1b]0;owned\a", "\x1b]52;c;cm0gLXJm\x07", "\x1bP+q544e\x1b\\", "\u009b31m", "\u202egnp.exe", "\u2066a\u2069", "a\u200bb\u200d\ufeff",
	"line\nbreak\r\ttab", "\x00\x01\x7f\x08\x08", "\xff\xfe\xc3(", "\x1b[?1049l", "\x1b", "\u2028p\u2029", strings.Repeat("長い", 5000), strings.Repeat("\u0301", 3000), "\U000e0001\U000e0041",
	strings.Repeat("\x1b[31m", 2000), "👩‍👩‍👧‍👦🇩🇪", "\x9b2J", "\u0085next", "\u061c\u200f\u200e", "\x1b(0lqqk", "\x0e\x0f",
}

// hostile is a source whose texts are what clients have said, made harmless by Clean as the
// engine makes them.
func hostile(n int) monitor.Frame {
	say := func(i int) string { return monitor.Clean(hostiles[i%len(hostiles)]) }
	f := testFrame(40, 60).Frame
	f.Overview.Name = say(n)
	for i := range f.Clients.Rows {
		c := &f.Clients.Rows[i]
		c.Name, c.Device, c.Profile, c.Remote = say(n+i), say(n+i+1), say(n+i+2), say(n+i+3)
	}
	for i := range f.Values {
		v := &f.Values[i]
		v.Address = fmt.Sprintf("/show/%03d/%s", i, strings.ReplaceAll(say(n+i), "/", ""))
		v.Text, v.WriterName, v.HolderName, v.Type, v.Numeric = say(n+i+1), say(n+i+2), say(n+i+3), "string", false
		v.Holder = "c1"
	}
	for i := range hostiles {
		f.Pairing.Knocks = append(f.Pairing.Knocks, monitor.Knock{
			ID: fmt.Sprint("h", i), Name: say(n + i), Kind: say(n + i + 1), Remote: say(n + i + 2), Want: []string{say(n + i + 3)}, Known: say(n + i), KnownFrom: say(n + i + 1),
			Match: "41 07", State: pairing.StateWaiting, Since: testStart, Waiting: 2,
		})
		f.Pairing.Devices = append(f.Pairing.Devices, monitor.Device{ID: fmt.Sprint("d", i), Name: say(n + i), Profile: say(n + i + 1)})
		f.Logs.Lines = append(f.Logs.Lines, monitor.Line{Seq: uint64(100 + i), At: testStart, Level: monitor.LevelWarn, Text: say(n + i), Attrs: "name=" + say(n+i+1), Session: say(n + i + 2)})
		f.Overview.Problems = append(f.Overview.Problems, monitor.Problem{Level: monitor.LevelWarn, Text: say(n + i), Do: say(n + i + 1)})
	}
	f.Logs.Next = uint64(100 + len(hostiles))
	return f
}

// No pane and no dialog, at any size, lets through what is not text; and no line is longer or
// shorter than the screen because of it.
func TestHostileTexts(t *testing.T) {
	for n := range hostiles {
		b := newGolden(t, 120, 35, false)
		b.source.frame = hostile(n)
		b.source.index = nil
		for _, v := range b.source.frame.Values {
			b.source.index = append(b.source.index, v.Address)
		}
		c := b.source.frame.Clients.Rows[0]
		d := monitor.ClientDetail{Client: c, Read: []string{c.Name}, Write: []string{c.Device}, Held: []string{c.Name}}
		d.Subscriptions = []monitor.Subscription{{Session: c.ID, Name: c.Name, Pattern: c.Device, Options: c.Profile}}
		d.Recent = []monitor.Refusal{{At: testStart, Code: 400, Text: c.Name}}
		d.Messages = []monitor.Message{{At: testStart, Kind: "SET", Text: c.Device}}
		b.source.client = map[string]monitor.ClientDetail{c.ID: d}
		b.source.address = map[string]monitor.AddressDetail{}
		for _, v := range b.source.frame.Values {
			b.source.address[v.Address] = monitor.AddressDetail{Value: v, Pretty: v.Text + "\n" + v.WriterName, Subscribers: d.Subscriptions, Subscribed: 1, Announced: v.Text}
		}
		for _, keys := range [][]string{
			{"1"}, {"2"}, {"2", "enter"}, {"2", "x"}, {"2", "b"}, {"3"}, {"3", "+", "end", "enter"}, {"3", "end", "p"}, {"3", "end", "e"}, {"3", "/", "g"},
			{"4"}, {"4", "down", "down", "down", "e"}, {"4", "end", "x"}, {"5"}, {"5", "enter"}, {"z"}, {"H"}, {"q"}, {":", "d"}, {"?"},
		} {
			for _, size := range [][2]int{{120, 35}, {60, 20}, {40, 10}} {
				b.Update(sizeMsg(size[0], size[1]))
				b.tap(keys...)
				b.clock.advance(time.Second)
				b.look()
				if what := foreign(b.View().Content, "any"); what != "" {
					t.Fatalf("text %d after %q at %v: on the screen is %s", n, keys, size, what)
				}
				if title := b.View().WindowTitle; foreign(title, "any") != "" {
					t.Fatalf("text %d: the title of the window is %q", n, title)
				}
				checkScreen(t, b, size, fmt.Sprintf("text %d, %q", n, keys), false)
				b.tap("esc", "esc", "esc")
			}
		}
	}
}

// A router that cannot be reached gives its reason in words of somebody else.
func TestHostileErrors(t *testing.T) {
	for _, text := range hostiles {
		b := newGolden(t, 100, 30, false)
		b.look()
		b.source.err = fmt.Errorf("the router says %s: %w", text, monitor.ErrUnreachable)
		b.look()
		b.clock.advance(lostPageAfter)
		b.look()
		if what := foreign(b.View().Content, "any"); what != "" {
			t.Errorf("on the screen is %s", what)
		}
		b.source.err = nil
		b.look()
		b.source.do = func(monitor.Action) (monitor.Result, error) { return monitor.Result{Text: text}, nil }
		b.deliver(actionMsg{action: monitor.Action{Kind: monitor.Unlock}})
		if what := foreign(b.View().Content, "any"); what != "" {
			t.Errorf("answered with %q: on the screen is %s", text, what)
		}
		b.source.do = func(monitor.Action) (monitor.Result, error) { return monitor.Result{}, fmt.Errorf("no: %s", text) }
		b.deliver(actionMsg{action: monitor.Action{Kind: monitor.Unlock}})
		if what := foreign(b.View().Content, "any"); what != "" {
			t.Errorf("refused with %q: on the screen is %s", text, what)
		}
		b.Update(sizeMsg(39, 9))
		if what := foreign(b.View().Content, "any"); what != "" {
			t.Errorf("on a small screen is %s", what)
		}
	}
}
