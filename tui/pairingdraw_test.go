package tui

// What the Pairing pane, its dialogs and the PIN look like.

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/pairing"
	"github.com/clasp-studio/clasp/router/monitor"
)

// pairingScene is a pane with one of everything.
func pairingScene(t *testing.T) *pairingTest {
	p := newPairingTest(t)
	p.frame(func(f *monitor.Pairing) {
		code := waiting("k2", "Lighting desk of the second stage", "")
		code.State, code.Code, code.Expires = pairing.StateCode, "847291", testStart.Add(252*time.Second)
		two := waiting("k1", "FOH iPad", "look")
		two.Waiting, two.Want = 2, []string{"write:/lights/**"}
		f.Knocks = []monitor.Knock{two, code}
		f.Invites = []monitor.Invite{{ID: "i1", Name: "Stage left", Profile: "operate", PIN: "120945", Expires: testStart.Add(5 * time.Minute)}}
		for i := range 12 {
			f.Devices = append(f.Devices, monitor.Device{
				ID: fmt.Sprint("d", i), Name: fmt.Sprint("device ", i), Profile: "operate", Online: i % 3, Weak: i == 4, Confirmed: i != 5, Lifetime: pairing.LifetimeSliding,
				LastSeen: testStart.Add(-time.Duration(i) * time.Hour), Expires: testStart.Add(time.Duration(i+3) * 24 * time.Hour),
			})
		}
	})
	return p
}

func TestPairingFitsEverySize(t *testing.T) {
	p := pairingScene(t)
	for i := range 16 {
		for w := 1; w < 140; w += 9 + 4*(i%3) {
			for _, h := range []int{1, 2, 5, 6, 9, 14, 30} {
				p.resize(w, h)
				checkLines(t, p.render(true), w, h)
				p.guard.ask(pairingAsk{id: p.sel.id, says: "x"})
				checkLines(t, p.render(false), w, h)
				p.guard.ask(pairingAsk{})
			}
		}
		p.resize(120, 30)
		p.press("down")
	}
	if p.sel.kind != pairingDevice {
		t.Errorf("the cursor got to %+v", p.sel)
	}
}

// A pane that was too small for the heading shows it again when it is not.
func TestHeadingComesBack(t *testing.T) {
	p := pairingScene(t)
	p.resize(60, 1)
	p.draw()
	p.resize(60, 20)
	if s := p.draw(); !strings.Contains(s, headKnocks) {
		t.Errorf("no heading:\n%s", s)
	}
}

// The PIN is there at every size the dashboard works at.
func TestPINIsNeverLeftOut(t *testing.T) {
	p := pairingScene(t)
	p.press("down")
	plainTestEnv(p.e)
	for _, size := range [][2]int{{38, 6}, {38, 8}, {56, 16}, {76, 20}, {118, 24}, {196, 40}} {
		p.resize(size[0], size[1])
		if s := p.draw(); !strings.Contains(s, "847 291") && !strings.Contains(s, "### # # ###") && !strings.Contains(s, "######  ##  ##  ######") {
			t.Errorf("%v: no PIN:\n%s", size, s)
		}
	}
}

// With no colour and no Unicode the same is said: cursor, states, warnings, PIN.
func TestPairingWithoutColours(t *testing.T) {
	p := pairingScene(t)
	plainTestEnv(p.e)
	s := p.draw()
	for _, want := range []string{"> ", "FOH iPad", "2 wait under this name", "MATCH", "41-07", "PIN shown, 4:12"} {
		if !strings.Contains(s, want) {
			t.Errorf("%q is missing:\n%s", want, s)
		}
	}
	p.press("down")
	if s = p.draw(); !strings.Contains(s, "######  ##  ##") {
		t.Errorf("no large PIN:\n%s", s)
	}
	p.press("down", "down")
	if s = p.draw(); !strings.Contains(s, "write /lumen/**") {
		t.Errorf("rights are not said:\n%s", s)
	}
}

// Privacy hides names, addresses and PINs in the list, in what is said of each row, and in
// the dialogs.
func TestPairingPrivacy(t *testing.T) {
	p := pairingScene(t)
	before := p.revision()
	p.e.private = true
	if p.revision() == before {
		t.Error("the pane is not drawn anew")
	}
	for range 6 {
		s := p.draw()
		for _, not := range []string{"FOH iPad", "Lighting", "192.168", "Stage left", "847", "120 945", "device 0", "██"} {
			if strings.Contains(s, not) {
				t.Fatalf("%q can be seen:\n%s", not, s)
			}
		}
		for _, key := range []string{"e", "r", "x"} {
			p.sent = nil
			p.press(key)
			for _, msg := range p.sent {
				if o, ok := msg.(overlayMsg); ok {
					if s := textOf(o.overlay.render(100, 30)); strings.Contains(s, "FOH") || strings.Contains(s, "device 0") || strings.Contains(s, "Lighting") || strings.Contains(s, "Stage") {
						t.Errorf("%s: a name can be seen:\n%s", key, s)
					}
				}
			}
		}
		p.press("down")
	}
}

// Names that Clean has been over may still be wide, long or odd: no line breaks out.
func TestPairingHostileNames(t *testing.T) {
	for _, raw := range []string{"\x1b[2J\x1b]0;owned\a", "日本語日本語日本語日本語日本語日本語日本語", "e\u0301\u0301\u0301\u0301\u0301", strings.Repeat("W", 5000), "👩‍👩‍👧‍👦 family", "a\u202eb\u200bc", "%s%d%!"} {
		k := waiting("k1", monitor.Clean(raw), "operate")
		k.Kind, k.Want, k.Remote = monitor.Clean(raw), []string{monitor.Clean(raw)}, monitor.Clean(raw)
		p := newPairingTest(t, k)
		for _, size := range [][2]int{{120, 30}, {80, 20}, {40, 8}, {20, 5}} {
			p.resize(size[0], size[1])
			if s := p.draw(); strings.ContainsAny(s, "\x1b\a\u202e\u200b") {
				t.Errorf("%q reaches the screen: %q", raw, s)
			}
			p.look()
			p.press("y")
			p.press("esc")
		}
	}
}

func TestBigDigits(t *testing.T) {
	e, _, _ := newTestEnv(t)
	sizes := map[[2]int]int{{80, 10}: digitsHigh, {40, 10}: digitsSmallHigh, {80, 3}: digitsSmallHigh, {20, 10}: 1, {80, 1}: 1}
	for size, want := range sizes {
		lines := bigDigits(e, "847291", size[0], size[1])
		if len(lines) != want {
			t.Errorf("%v: %d lines, want %d", size, len(lines), want)
		}
		for _, line := range lines {
			if cells(line) > size[0] {
				t.Errorf("%v: too wide: %q", size, line)
			}
		}
	}
	if got := textOf(bigDigits(e, "847291", 20, 1)); got != "847 291" {
		t.Errorf("small: %q", got)
	}
	// Ten digits that are all different, or the PIN cannot be read.
	seen := map[string]bool{}
	for d := range 10 {
		seen[strings.Join(digitRows(fmt.Sprint(d), true, 1), "/")] = true
	}
	if len(seen) != 10 {
		t.Errorf("%d different digits", len(seen))
	}
	if n := cells(digitRows("847 291", false, 2)[0]); n != 50 {
		t.Errorf("large ones are %d cells wide, not 50", n)
	}
	if n := cells(digitHalves("847 291")[0]); n != 25 {
		t.Errorf("small ones are %d cells wide, not 25", n)
	}
}

// inviteQRLines are half blocks as a router makes them.
func inviteQRLines(w, h int) []string {
	lines := make([]string, h)
	for i := range lines {
		lines[i] = strings.Repeat("▀ █▄", w/4+1)
		lines[i] = string([]rune(lines[i])[:w])
	}
	return lines
}

func TestInvite(t *testing.T) {
	e, clock, _ := newTestEnv(t)
	f := newInviteForm(e, testFrame(0, 0).Pairing.Profiles).(*form)
	f.at = len(f.fields)
	if _, done := f.key(press("enter")); done || !strings.Contains(textOf(f.render(100, 30)), "for whom") {
		t.Error("an invite for nobody")
	}
	f.at = 0
	for _, c := range "Ana" {
		f.key(press(string(c)))
	}
	f.at = len(f.fields)
	cmd, done := f.key(press("enter"))
	msg := run(cmd)[0].(actionMsg)
	if a := msg.action; !done || a.Kind != monitor.NewInvite || a.Name != "Ana" || a.Profile != "look" || a.Lifetime != pairing.LifetimeSliding {
		t.Fatalf("%+v", a)
	}
	made := monitor.Invite{ID: "i1", Name: "Ana", Profile: "look", PIN: "847291", Expires: clock.now().Add(5 * time.Minute), Links: []monitor.Link{
		{Card: "eth0", URL: "http://10.0.0.5:7330/p#first", QR: inviteQRLines(37, 19)}, {Card: "wlan0", URL: "http://10.0.1.5:7330/p#second", QR: inviteQRLines(37, 19)},
	}}
	card := run(msg.then(monitor.Result{Invite: &made}, nil))[0].(overlayMsg).overlay.(*inviteCard)
	s := textOf(card.render(120, 40))
	for _, want := range []string{"#first", "eth0, 1 of 2", "5:00", "█", "for one device"} {
		if !strings.Contains(s, want) {
			t.Errorf("%q is missing:\n%s", want, s)
		}
	}
	e.away = true
	if s := textOf(card.render(120, 40)); strings.Contains(s, "█") || strings.Contains(s, "#first") || !strings.Contains(s, "hidden while another window") {
		t.Errorf("another window has the keys, and this one shows:\n%s", s)
	}
	e.away = false
	card.key(press("tab"))
	if s := textOf(card.render(120, 40)); !strings.Contains(s, "#second") {
		t.Errorf("tab:\n%s", s)
	}
	if s := textOf(card.render(60, 16)); !strings.Contains(s, "needs a larger window") || !strings.Contains(s, "█") && !strings.Contains(s, "847 291") {
		t.Errorf("small:\n%s", s)
	}
	cmd, _ = card.key(press("c"))
	if m := run(cmd)[0].(copyMsg); m.text != made.Links[1].URL {
		t.Errorf("copied %q", m.text)
	}
	for w := 1; w < 130; w += 9 {
		for h := 1; h < 50; h += 5 {
			lines := card.render(w, h)
			if len(lines) > h {
				t.Errorf("%dx%d: %d lines", w, h, len(lines))
			}
			for _, line := range lines {
				if cells(line) > w || cells(line) != cells(lines[0]) {
					t.Errorf("%dx%d: a line of %d cells", w, h, cells(line))
				}
			}
		}
	}
	hidden := func(why string) {
		t.Helper()
		if s := textOf(card.render(120, 40)); strings.Contains(s, "#second") || strings.Contains(s, "██") || !strings.Contains(s, why) {
			t.Errorf("%s:\n%s", why, s)
		}
	}
	card.key(press("h"))
	hidden("hidden")
	card.key(press("h"))
	e.private = true
	hidden("hidden")
	e.private = false
	// A frame from before the invite says nothing of it; one that had it and has it no more does.
	fr := testFrame(0, 0)
	card.apply(fr)
	if card.over != "" {
		t.Error("over before it was listed")
	}
	fr.Pairing.Invites = []monitor.Invite{made}
	card.apply(fr)
	used := *card
	fr.Pairing.Invites = nil
	used.apply(fr)
	if !strings.Contains(used.over, "used") || used.invite.PIN != "" || used.invite.Links != nil {
		t.Errorf("used: %+v", used)
	}
	clock.advance(5 * time.Minute)
	hidden("expired")
	if cmd, _ := card.key(press("c")); cmd != nil {
		t.Error("an expired link can be copied")
	}
}

// A camera wants dark on light, whatever the theme.
func TestInviteQRColours(t *testing.T) {
	e, _, _ := newTestEnv(t)
	code := inviteQRLines(37, 19)
	if lines := inviteQR(e, code, 60); len(lines) != 19 || !strings.Contains(lines[0], "38;5;16;48;5;231") {
		t.Errorf("no colours of its own: %q", lines)
	}
	if inviteQR(e, code, 36) != nil {
		t.Error("a code that is cut")
	}
	e.glyphs = newGlyphs(true)
	if lines := inviteQR(e, code, 80); len(lines) != 38 || strings.ContainsAny(textOf(lines), "▀▄█") {
		t.Errorf("ASCII: %d lines", len(lines))
	}
	plainTestEnv(e)
	if inviteQR(e, code, 80) != nil {
		t.Error("a code of nothing but spaces")
	}
	e.glyphs = newGlyphs(false)
	if lines := inviteQR(e, code, 60); len(lines) != 19 || !strings.Contains(lines[0], "\x1b[7m") {
		t.Errorf("mono: %q", lines)
	}
}

// TestPairingWithRoom: the code to compare is large, and the parts of the list stand apart.
func TestPairingWithRoom(t *testing.T) {
	e, _, _ := newTestEnv(t)
	p := newPairing(e).(*pairingPanel)
	f := testFrame(3, 3)
	f.Pairing.Devices = []monitor.Device{{ID: "d1", Name: "Desk", Profile: "look"}}
	p.resize(120, 14)
	p.apply(f)
	if s := textOf(p.render(true)); strings.Contains(s, "█▀█") {
		t.Errorf("a large code leaves no room for the rest:\n%s", s)
	}
	p.resize(120, 30)
	lines := p.render(true)
	checkLines(t, lines, 120, 30)
	s := textOf(lines)
	if !strings.Contains(s, "██") {
		t.Errorf("the code is not large:\n%s", s)
	}
	at := slices.IndexFunc(lines, func(line string) bool { return strings.Contains(line, headDevices) })
	if at < 1 || strings.TrimSpace(textOf([]string{lines[at-1]})[:60]) != "" {
		t.Errorf("no line above the devices:\n%s", s)
	}
}
