package tui

// The rules of letting devices in: no key that was not meant for it lets anybody in.

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/clasp-studio/clasp/pairing"
	"github.com/clasp-studio/clasp/router/monitor"
)

// pairingTest is a pane on a screen, with what it has sent.
type pairingTest struct {
	*pairingPanel
	t     *testing.T
	clock *testClock
	sent  []tea.Msg
}

func newPairingTest(t *testing.T, knocks ...monitor.Knock) *pairingTest {
	t.Helper()
	e, clock, _ := newTestEnv(t)
	p := &pairingTest{pairingPanel: newPairing(e).(*pairingPanel), t: t, clock: clock}
	p.resize(120, 30)
	p.frame(func(f *monitor.Pairing) { f.Knocks = knocks })
	return p
}

// frame brings a frame of pairing, and draws.
func (p *pairingTest) frame(change func(*monitor.Pairing)) {
	p.t.Helper()
	f := testFrame(1, 1)
	f.Pairing.Knocks, f.Pairing.Devices = p.now.Knocks, p.now.Devices
	f.Pairing.Invites, f.Pairing.Locked, f.Pairing.Policy = p.now.Invites, p.now.Locked, p.now.Policy
	change(&f.Pairing)
	p.alert(f)
	p.draw()
}

func (p *pairingTest) draw() string {
	p.t.Helper()
	lines := p.render(true)
	checkLines(p.t, lines, p.w, p.h)
	return textOf(lines)
}

// press presses keys, each followed by a drawing as a terminal has it, and returns what the
// router was asked to do.
func (p *pairingTest) press(names ...string) []monitor.Action {
	p.t.Helper()
	var asked []monitor.Action
	for _, name := range names {
		cmd, _ := p.key(press(name))
		for _, msg := range run(cmd) {
			p.sent = append(p.sent, msg)
			if a, ok := msg.(actionMsg); ok {
				asked = append(asked, a.action)
			}
		}
		p.draw()
	}
	return asked
}

func (p *pairingTest) flash() string {
	for i := len(p.sent) - 1; i >= 0; i-- {
		if f, ok := p.sent[i].(flashMsg); ok {
			return f.text
		}
	}
	return ""
}

// look lets the time pass that a request has to be seen.
func (p *pairingTest) look() {
	p.clock.advance(pairingGrace)
	p.draw()
}

// waiting is a request. One whose invite gives "look" gets no write access.
func waiting(id, name, profile string) monitor.Knock {
	return monitor.Knock{
		ID: id, Name: name, Kind: "browser", Remote: "192.168.1.77:50000", Transport: "ws", Match: "41-07", State: pairing.StateWaiting,
		Since: testStart, Waiting: 1, Profile: profile,
	}
}

func TestApprovalWantsHalfASecond(t *testing.T) {
	if pairingGrace < 500*time.Millisecond {
		t.Errorf("%v is no half second", pairingGrace)
	}
	p := newPairingTest(t, waiting("k1", "Ana", "look"))
	p.clock.advance(pairingGrace - time.Millisecond)
	if got := p.press("y", "n"); len(got) != 0 {
		t.Fatalf("answered before it could be read: %v", got)
	}
	if !strings.Contains(p.flash(), "only just") {
		t.Errorf("flash %q", p.flash())
	}
	p.clock.advance(time.Millisecond)
	if got := p.press("y"); len(got) != 1 || got[0].Kind != monitor.Approve || got[0].ID != "k1" || got[0].Profile != "look" {
		t.Fatalf("y after half a second: %v", got)
	}
	if got := p.press("y", "y"); len(got) != 0 {
		t.Errorf("answered twice: %v", got)
	}
}

func TestWriteAccessWantsASecondYes(t *testing.T) {
	p := newPairingTest(t, waiting("k1", "Ana", "operate"))
	p.look()
	if got := p.press("y"); len(got) != 0 {
		t.Fatalf("write access at the first y: %v", got)
	}
	if s := p.draw(); !strings.Contains(s, "Give Ana read /** and write /lumen/**?") || !strings.Contains(s, "y again to confirm") {
		t.Fatalf("no question:\n%s", s)
	}
	// A key that is held down repeats every 30 ms, for as long as it likes.
	for range 100 {
		p.clock.advance(30 * time.Millisecond)
		if got := p.press("y"); len(got) != 0 {
			t.Fatal("a held key has confirmed")
		}
	}
	p.look()
	if got := p.press("y"); len(got) != 1 || got[0].Profile != "operate" {
		t.Fatalf("second y: %v", got)
	}
}

// TestQuestionWithoutRoom: a question that cannot be read is not answered, and says what helps.
func TestQuestionWithoutRoom(t *testing.T) {
	p := newPairingTest(t, waiting("k1", "Ana", "operate"))
	p.frame(func(f *monitor.Pairing) {
		f.Profiles = []monitor.Profile{{Name: "operate", Write: []string{"/" + strings.Repeat("stage/", 60) + "**"}}}
	})
	p.resize(40, 7)
	p.draw()
	p.look()
	for range 5 {
		if got := p.press("y"); len(got) != 0 {
			t.Fatalf("let in without a question to be read: %v", got)
		}
		p.look()
	}
	if !strings.Contains(p.flash(), "make the window larger, or press z") {
		t.Errorf("flash %q", p.flash())
	}
	p.resize(120, 30)
	p.draw()
	p.look()
	if got := p.press("y"); len(got) != 1 {
		t.Errorf("with room: %v", got)
	}
}

func TestAnyOtherKeyIsNoToTheQuestion(t *testing.T) {
	for _, name := range []string{"esc", "n", "enter", "space", "down", "z", "p"} {
		p := newPairingTest(t, waiting("k1", "Ana", "operate"), waiting("k2", "Bo", "operate"))
		p.look()
		p.press("y")
		for _, a := range p.press(name) {
			if a.Kind != monitor.Pick {
				t.Errorf("%s answered the question: %v", name, a)
			}
		}
		if p.guard.asked.id != "" {
			t.Errorf("%s left the question open", name)
		}
	}
}

func TestEnterAndSpaceDoNothing(t *testing.T) {
	p := newPairingTest(t, waiting("k1", "Ana", "look"))
	p.look()
	if got := p.press("enter", "space", "esc", "tab"); len(got) != 0 || len(p.now.Knocks) != 1 {
		t.Fatalf("answered by a key that is not for it: %v", got)
	}
	if !strings.Contains(p.flash(), "goes on waiting") {
		t.Errorf("esc said %q", p.flash())
	}
}

func TestDenyIsAtOnce(t *testing.T) {
	p := newPairingTest(t, waiting("k1", "Ana", "operate"))
	p.look()
	if got := p.press("n"); len(got) != 1 || got[0].Kind != monitor.Deny || got[0].ID != "k1" {
		t.Fatalf("n: %v", got)
	}
}

// A row that arrives goes to the end, also where the router puts it in front.
func TestNewRequestsDoNotMoveTheCursor(t *testing.T) {
	k1, k2 := waiting("k1", "Ana", "look"), waiting("k2", "Bo", "look")
	p := newPairingTest(t, k1)
	p.look()
	p.frame(func(f *monitor.Pairing) { f.Knocks = []monitor.Knock{k2, k1} })
	if p.now.Knocks[0].ID != "k1" {
		t.Errorf("order %v", p.now.Knocks)
	}
	if got := p.press("y"); len(got) != 1 || got[0].ID != "k1" {
		t.Fatalf("y meant k1: %v", got)
	}
}

// The cursor falls on another row when the one under it goes: a y that was under way is not
// for that one.
func TestCursorThatMovedOfItself(t *testing.T) {
	k1, k2 := waiting("k1", "Ana", "look"), waiting("k2", "Bo", "look")
	p := newPairingTest(t, k1, k2)
	p.look()
	p.frame(func(f *monitor.Pairing) { f.Knocks = []monitor.Knock{k2} })
	if got := p.press("y"); len(got) != 0 || !strings.Contains(p.flash(), "is over") {
		t.Fatalf("the grey one: %v, %q", got, p.flash())
	}
	p.clock.advance(pairingGoneFor)
	p.frame(func(*monitor.Pairing) {})
	if p.sel.id != "k2" {
		t.Fatalf("cursor on %+v", p.sel)
	}
	if got := p.press("y", "n"); len(got) != 0 {
		t.Fatalf("answered a row that came under the cursor just now: %v", got)
	}
	p.look()
	if got := p.press("y"); len(got) != 1 || got[0].ID != "k2" {
		t.Fatalf("after it was seen: %v", got)
	}
}

// What a device says of itself may change: an answer is to what was read.
func TestChangedRequestHasToBeReadAnew(t *testing.T) {
	k := waiting("k1", "Ana", "look")
	p := newPairingTest(t, k)
	p.look()
	k.Name = "FOH"
	f := testFrame(1, 1)
	f.Pairing.Knocks = []monitor.Knock{k}
	p.alert(f) // not drawn yet
	if got := p.press("y"); len(got) != 0 {
		t.Fatalf("approved what was not on the screen: %v", got)
	}
	if got := p.press("y"); len(got) != 0 {
		t.Fatalf("approved what had just come up: %v", got)
	}
	p.look()
	if got := p.press("y"); len(got) != 1 {
		t.Fatal("not approved after it was read")
	}
}

// A pane that was hidden has shown nothing meanwhile.
func TestHiddenPaneHasShownNothing(t *testing.T) {
	p := newPairingTest(t, waiting("k1", "Ana", "look"))
	p.look()
	p.clock.advance(pairingUnseen + time.Second)
	if got := p.press("y", "y"); len(got) != 0 {
		t.Fatalf("approved at first sight: %v", got)
	}
	p.look()
	if got := p.press("y"); len(got) != 1 {
		t.Fatal("not approved after it was read")
	}
}

// What was drawn without the keys, or behind a dialog, has not been read for an answer.
func TestUnfocusedPaneHasShownNothing(t *testing.T) {
	p := newPairingTest(t, waiting("k1", "Ana", "look"))
	p.look()
	p.render(false)
	if got := p.press("y", "y"); len(got) != 0 {
		t.Fatalf("approved at first sight: %v", got)
	}
	p.look()
	if got := p.press("y"); len(got) != 1 {
		t.Fatal("not approved after it was read")
	}
}

func TestGoneRequestsStayGrey(t *testing.T) {
	k := waiting("k1", "Ana", "look")
	for name, c := range map[string]struct {
		frame func(*monitor.Pairing)
		want  string
	}{
		"denied":   {func(f *monitor.Pairing) { d := k; d.State = pairing.StateDenied; f.Knocks = []monitor.Knock{d} }, "turned away"},
		"timeout":  {func(f *monitor.Pairing) { d := k; d.State = pairing.StateTimeout; f.Knocks = []monitor.Knock{d} }, "waited too long"},
		"vanished": {func(f *monitor.Pairing) { f.Knocks = nil }, "answered elsewhere"},
		"paired": {func(f *monitor.Pairing) {
			f.Knocks, f.Devices = nil, []monitor.Device{{ID: "d1", Name: "Ana", Profile: "look"}}
		}, "let in"},
	} {
		p := newPairingTest(t, k)
		p.look()
		p.frame(c.frame)
		if s := p.draw(); !strings.Contains(s, c.want) {
			t.Errorf("%s: not said:\n%s", name, s)
		}
		if got := p.press("y", "n", "p"); len(got) != 0 {
			t.Errorf("%s: answered: %v", name, got)
		}
		if p.badge() != "" {
			t.Errorf("%s: badge %q", name, p.badge())
		}
		p.clock.advance(pairingGoneFor - time.Millisecond)
		p.frame(func(*monitor.Pairing) {})
		if len(p.gone) != 1 {
			t.Errorf("%s: gone too early", name)
		}
		p.clock.advance(time.Millisecond)
		p.frame(func(*monitor.Pairing) {})
		if len(p.gone) != 0 {
			t.Errorf("%s: stays for ever", name)
		}
	}
}

func TestAnswersThatCameTooLate(t *testing.T) {
	p := newPairingTest(t, waiting("k1", "Ana", "look"))
	p.look()
	p.press("y")
	then := p.sent[len(p.sent)-1].(actionMsg).then
	then(monitor.Result{}, fmt.Errorf("the request: %w", monitor.ErrGone))
	p.frame(func(f *monitor.Pairing) { f.Knocks = nil })
	if s := p.draw(); !strings.Contains(s, "already expired") {
		t.Errorf("not said:\n%s", s)
	}
	// And a refusal leaves the request where it is.
	p = newPairingTest(t, waiting("k1", "Ana", "look"))
	p.look()
	p.press("y")
	p.sent[len(p.sent)-1].(actionMsg).then(monitor.Result{}, monitor.ErrRefused)
	if got := p.press("y"); len(got) != 1 {
		t.Errorf("cannot be tried again: %v", got)
	}
}

func TestPolicies(t *testing.T) {
	p := newPairingTest(t, waiting("k1", "Ana", "look"))
	p.frame(func(f *monitor.Pairing) { f.Policy = pairing.PolicyBoth })
	p.look()
	if got := p.press("y"); len(got) != 0 || !strings.Contains(p.flash(), "PIN first") {
		t.Errorf("both, without a PIN: %v, %q", got, p.flash())
	}
	if got := p.press("p"); len(got) != 1 || got[0].Kind != monitor.Pick {
		t.Errorf("p: %v", got)
	}
	p = newPairingTest(t, waiting("k1", "Ana", "look"))
	p.frame(func(f *monitor.Pairing) { f.Policy = pairing.PolicyOperator })
	if got := p.press("p"); len(got) != 0 || !strings.Contains(p.flash(), "no PINs") {
		t.Errorf("operator, p: %v, %q", got, p.flash())
	}
	code := waiting("k1", "Ana", "look")
	code.State, code.Code, code.Expires = pairing.StateCode, "847291", testStart.Add(time.Second)
	p = newPairingTest(t, code)
	p.clock.advance(time.Second)
	p.draw()
	if got := p.press("y"); len(got) != 0 || !strings.Contains(p.flash(), "expired") {
		t.Errorf("expired PIN: %v, %q", got, p.flash())
	}
}

func TestWarnings(t *testing.T) {
	two, known, moved := waiting("k1", "Ana", ""), waiting("k1", "Ana", ""), waiting("k1", "Ana", "")
	two.Waiting = 2
	known.Known, known.KnownFrom = "Ana", "192.168.1.77:40000"
	moved.Known, moved.KnownFrom = "Ana", "10.0.0.9:40000"
	for want, k := range map[string]monitor.Knock{
		"2 wait under this name": two, "with this name is paired already": known, "New address": moved, "not encrypted": waiting("k1", "Ana", ""),
	} {
		for _, size := range [][2]int{{120, 30}, {80, 20}, {60, 16}} {
			p := newPairingTest(t, k)
			p.resize(size[0], size[1])
			if s := strings.Join(strings.Fields(p.draw()), " "); !strings.Contains(s, want) {
				t.Errorf("%v: %q is not said:\n%s", size, want, p.draw())
			}
		}
	}
}

// What a request gets can be changed before it is let in: by e, a profile, and the button.
func TestGrantIsEditedBeforeTheApproval(t *testing.T) {
	p := newPairingTest(t, waiting("k1", "Ana", "look"))
	p.look()
	p.press("e")
	f := p.sent[len(p.sent)-1].(overlayMsg).overlay.(*form)
	if s := textOf(f.render(100, 30)); !strings.Contains(s, "look may read /**") {
		t.Errorf("rights are not said:\n%s", s)
	}
	f.key(press("right"))
	if s := textOf(f.render(100, 30)); !strings.Contains(s, "operate may read /** and write /lumen/**") {
		t.Errorf("rights are not said:\n%s", s)
	}
	f.key(press("tab"))
	f.key(press("right")) // this show
	f.key(press("tab"))
	f.key(press("tab"))
	if cmd, done := f.key(press("enter")); !done || cmd != nil {
		t.Fatal("the form stays, or has asked for something")
	}
	p.look()
	p.look() // what it gets has changed: it is read anew
	p.press("y")
	p.look()
	got := p.press("y")
	if len(got) != 1 || got[0].Profile != "operate" || got[0].Lifetime != pairing.LifetimeShow || got[0].Name != "" {
		t.Fatalf("approved as %v", got)
	}
}

func TestDevicesAreChangedAfterAQuestion(t *testing.T) {
	p := newPairingTest(t)
	p.frame(func(f *monitor.Pairing) {
		f.Devices = []monitor.Device{{ID: "d1", Name: "Desk", Profile: "look", Online: 2, Confirmed: true}}
	})
	if p.sel.id != "d1" {
		t.Fatalf("cursor on %+v", p.sel)
	}
	if got := p.press("x"); len(got) != 0 {
		t.Fatalf("revoked without a question: %v", got)
	}
	ask := p.sent[len(p.sent)-1].(overlayMsg).overlay
	if s := textOf(ask.render(80, 20)); !strings.Contains(s, "2 sessions will be closed at once") {
		t.Errorf("question:\n%s", s)
	}
	if cmd, done := ask.key(press("enter")); !done || cmd != nil {
		t.Error("enter has not cancelled")
	}
	cmd, _ := ask.key(press("y"))
	if msg := run(cmd)[0].(actionMsg); msg.action.Kind != monitor.Revoke || msg.action.ID != "d1" {
		t.Errorf("y: %v", msg.action)
	}
	p.press("r")
	f := p.sent[len(p.sent)-1].(overlayMsg).overlay.(*form)
	for _, name := range []string{"ctrl+u", "F", "O", "H", "enter"} {
		f.key(press(name))
	}
	cmd, done := f.key(press("enter"))
	if msg := run(cmd)[0].(actionMsg); !done || msg.action.Kind != monitor.Rename || msg.action.Name != "FOH" {
		t.Errorf("rename: %v", msg.action)
	}
	p.press("e")
	f = p.sent[len(p.sent)-1].(overlayMsg).overlay.(*form)
	f.key(press("right"))
	f.key(press("tab"))
	cmd, _ = f.key(press("enter"))
	cmd, _ = run(cmd)[0].(overlayMsg).overlay.key(press("y"))
	if msg := run(cmd)[0].(actionMsg); msg.action.Kind != monitor.SetProfile || msg.action.Profile != "operate" {
		t.Errorf("profile: %v", msg.action)
	}
}

func TestUnlock(t *testing.T) {
	p := newPairingTest(t)
	p.frame(func(f *monitor.Pairing) { f.Locked = "10 wrong ones" })
	if s := p.draw(); !strings.Contains(s, "10 wrong ones") {
		t.Errorf("not said:\n%s", s)
	}
	if got := p.press("u"); len(got) != 0 {
		t.Errorf("u unlocks without a question: %v", got)
	}
	question := p.sent[len(p.sent)-1].(overlayMsg).overlay
	if cmd, over := question.key(press("enter")); !over || len(run(cmd)) != 0 {
		t.Error("Enter is not Cancel")
	}
	cmd, _ := question.key(press("y"))
	if msg, ok := run(cmd)[0].(actionMsg); !ok || msg.action.Kind != monitor.Unlock {
		t.Errorf("yes: %+v", msg)
	}
}

// Others who come and go under the name of a request do not keep the operator from answering.
func TestCrowdDoesNotBlockAnswers(t *testing.T) {
	for _, key := range []string{"y", "n"} {
		p := newPairingTest(t, waiting("k1", "Ana", "look"))
		p.look()
		flicker := func(i int) {
			p.clock.advance(50 * time.Millisecond)
			k := waiting("k1", "Ana", "look")
			k.Waiting = 1 + i%4
			p.frame(func(f *monitor.Pairing) { f.Knocks = []monitor.Knock{k} })
		}
		flicker(1)
		if got := p.press(key); key == "y" && len(got) != 0 {
			t.Fatal("let in the moment a second device came under its name")
		} else if key == "n" && len(got) != 1 {
			t.Fatal("n is kept off by who comes")
		}
		if key == "n" {
			continue
		}
		for i := range 12 {
			flicker(i)
		}
		if got := p.press(key); len(got) != 1 {
			t.Errorf("%s: kept off: %q", key, p.flash())
		}
	}
}

// n wants the request to have been seen, whatever it says, but not to be newer than that.
func TestDenialWantsHalfASecond(t *testing.T) {
	p := newPairingTest(t, waiting("k1", "Ana", "look"))
	p.clock.advance(pairingGrace - time.Millisecond)
	p.frame(func(f *monitor.Pairing) { f.Knocks = []monitor.Knock{waiting("k1", "Bob", "look")} })
	if got := p.press("n"); len(got) != 0 {
		t.Fatalf("turned away before it could be read: %v", got)
	}
	p.clock.advance(time.Millisecond)
	p.draw()
	for range 10 { // a long time, and another word just now
		p.clock.advance(time.Second)
		p.draw()
	}
	p.frame(func(f *monitor.Pairing) { f.Knocks = []monitor.Knock{waiting("k1", "Cy", "look")} })
	if got := p.press("n"); len(got) != 1 || got[0].Kind != monitor.Deny {
		t.Errorf("n: %v, %q", got, p.flash())
	}
}

// What a profile allows is part of the question: when it changes, it has to be read anew.
func TestRightsChangeUnderTheQuestion(t *testing.T) {
	p := newPairingTest(t, waiting("k1", "Ana", "operate"))
	p.look()
	p.press("y")
	p.look()
	p.frame(func(f *monitor.Pairing) {
		f.Profiles = []monitor.Profile{{Name: "operate", Read: []string{"/**"}, Write: []string{"/**"}}}
	})
	if got := p.press("y"); len(got) != 0 {
		t.Errorf("let in with rights that were never read: %v", got)
	}
}

// When the row of a request that was answered goes, the next one has the cursor.
func TestCursorGoesToTheNextRequest(t *testing.T) {
	p := newPairingTest(t, waiting("k1", "Ana", "look"), waiting("k2", "Bo", "look"), waiting("k3", "Cy", "look"))
	p.frame(func(f *monitor.Pairing) { f.Devices = []monitor.Device{{ID: "d1", Name: "Old"}} })
	p.press("down") // by hand
	p.look()
	p.press("y")
	p.frame(func(f *monitor.Pairing) {
		f.Knocks = []monitor.Knock{waiting("k1", "Ana", "look"), waiting("k3", "Cy", "look")}
	})
	if p.sel.kind != pairingGone {
		t.Fatalf("the cursor is on %+v", p.sel)
	}
	p.clock.advance(pairingGoneFor)
	p.frame(func(*monitor.Pairing) {})
	if k := p.knock(); k == nil || k.ID != "k1" {
		t.Errorf("the cursor is on %+v", p.sel)
	}
	if got := p.press("y", "n"); len(got) != 0 {
		t.Errorf("answered where the cursor went by itself: %v", got)
	}
}

func TestReadOnlyPairing(t *testing.T) {
	p := newPairingTest(t, waiting("k1", "Ana", "look"))
	p.e.options.ReadOnly = true
	p.look()
	if got := p.press("y", "n", "p", "u", "i", "e", "x", "r"); len(got) != 0 || !strings.Contains(p.flash(), "read-only") {
		t.Fatalf("changed something: %v, %q", got, p.flash())
	}
}

// Keys at random, with requests that come and go: nothing is answered that was not on the
// screen for half a second, and write access never without its question.
func TestMashedKeys(t *testing.T) {
	rnd := rand.New(rand.NewPCG(7, 7))
	p := newPairingTest(t)
	p.resize(60, 12)
	names := []string{"y", "y", "n", "enter", "space", "esc", "up", "down", "home", "end", "pgup", "pgdown", "z", "?", "a", "left"}
	since := map[string]time.Time{}
	for i := range 3000 {
		if i%7 == 0 {
			p.frame(func(f *monitor.Pairing) {
				f.Knocks = nil
				for j := range 4 {
					if rnd.IntN(3) > 0 {
						id := fmt.Sprint("k", j, "-", i/70)
						f.Knocks = append(f.Knocks, waiting(id, "N"+id, []string{"look", "operate"}[j%2]))
					}
				}
			})
			for _, k := range p.now.Knocks {
				if _, ok := since[k.ID]; !ok {
					since[k.ID] = p.clock.now()
				}
			}
		}
		p.clock.advance(time.Duration(rnd.IntN(120)) * time.Millisecond)
		asking := p.guard.asked.id
		for _, a := range p.press(names[rnd.IntN(len(names))]) {
			if a.Kind != monitor.Approve && a.Kind != monitor.Deny {
				t.Fatalf("asked for %v", a)
			}
			if p.clock.now().Sub(since[a.ID]) < pairingGrace {
				t.Fatalf("%v after %v", a, p.clock.now().Sub(since[a.ID]))
			}
			if a.Kind == monitor.Approve && a.Profile == "operate" && asking != a.ID {
				t.Fatalf("write access without a question: %v", a)
			}
		}
		p.sent = nil
	}
}
