package tui

// The model without a terminal: keys, dialogs, freezing, the order in which things are asked.

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/clasp-studio/clasp/pairing"
	"github.com/clasp-studio/clasp/router/monitor"
)

// bench is a model with a frame of clients and addresses on a screen of a size.
type bench struct {
	*root
	t      testing.TB
	clock  *testClock
	source *fakeSource
}

func newBench(t testing.TB, w, h, clients, addresses int) *bench {
	t.Helper()
	e, clock, source := newTestEnv(t)
	f := testFrame(clients, addresses)
	source.frame = f.Frame
	for i := range addresses {
		source.index = append(source.index, testAddress(i))
	}
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	b := &bench{newRoot(ctx, e, []string{"TERM=xterm-256color", "LANG=C.UTF-8"}), t, clock, source}
	b.Update(sizeMsg(w, h))
	b.get()
	return b
}

func sizeMsg(w, h int) tea.WindowSizeMsg { return tea.WindowSizeMsg{Width: w, Height: h} }

// get has the model ask for a frame and gives it the answer.
func (b *bench) get() {
	b.t.Helper()
	for _, msg := range run(b.feed.fetch(b.query())) {
		b.Update(msg)
	}
}

// press gives the model keys, and whatever their commands answer at once.
func (b *bench) press(names ...string) {
	b.t.Helper()
	for _, name := range names {
		_, cmd := b.Update(press(name))
		b.settle(cmd)
	}
}

// settle carries out commands that do not wait, and gives the model what they answer.
// Ticks and waiting for the router would last: they are left.
func (b *bench) settle(cmd tea.Cmd) {
	for _, msg := range quickly(cmd) {
		switch msg.(type) {
		case nil, dueMsg, flashEndMsg, tea.QuitMsg:
			continue
		}
		_, more := b.Update(msg)
		b.settle(more)
	}
}

// quickly is run for commands of which some wait.
func quickly(cmd tea.Cmd) []tea.Msg {
	if cmd == nil {
		return nil
	}
	got := make(chan tea.Msg, 1)
	go func() { got <- cmd() }()
	select {
	case msg := <-got:
		batch, ok := msg.(tea.BatchMsg)
		if !ok {
			return []tea.Msg{msg}
		}
		var all []tea.Msg
		for _, c := range batch {
			all = append(all, quickly(c)...)
		}
		return all
	case <-time.After(20 * time.Millisecond): // a tick; nothing depends on it
		return nil
	}
}

func (b *bench) text() string { return ansi.Strip(b.View().Content) }

func (b *bench) see(want ...string) {
	b.t.Helper()
	text := b.text()
	for _, s := range want {
		if !strings.Contains(text, s) {
			b.t.Errorf("%s: %q is not on the screen:\n%s", b.t.Name(), s, text)
		}
	}
}

func (b *bench) miss(want ...string) {
	b.t.Helper()
	text := b.text()
	for _, s := range want {
		if strings.Contains(text, s) {
			b.t.Errorf("%s: %q is on the screen:\n%s", b.t.Name(), s, text)
		}
	}
}

// Every line of every size is as wide as the screen, with all panes and dialogs.
func TestScreenFills(t *testing.T) {
	b := newBench(t, 80, 24, 30, 300)
	for _, ascii := range []bool{false, true} {
		if ascii {
			plainTestEnv(b.e)
			b.epoch++
		}
		for _, s := range [][2]int{{200, 50}, {120, 30}, {119, 29}, {80, 24}, {79, 24}, {60, 20}, {59, 15}, {40, 10}, {39, 9}, {300, 100}, {1, 1}, {12, 3}, {41, 60}} {
			b.Update(sizeMsg(s[0], s[1]))
			for _, k := range []string{"1", "2", "3", "4", "5", "z", "?", "esc", ":", "esc", "q", "esc", "D", "esc", "H", "H", "space", "space"} {
				b.Update(press(k))
				b.get()
				checkScreen(t, b, s, k, ascii)
			}
			b.Update(press("z"))
		}
	}
}

func checkScreen(t *testing.T, b *bench, s [2]int, after string, ascii bool) {
	t.Helper()
	lines := strings.Split(b.View().Content, "\n")
	if len(lines) != s[1] {
		t.Fatalf("%v after %q: %d lines", s, after, len(lines))
	}
	for i, line := range lines {
		if n := ansi.StringWidth(line); n != s[0] {
			t.Errorf("%v after %q: line %d has %d cells: %q", s, after, i, n, line)
		}
		if at := strings.IndexFunc(line, func(c rune) bool { return c > 0x7e }); ascii && at >= 0 {
			t.Errorf("%v after %q: not ASCII: %q", s, after, line)
		}
	}
}

func TestStatusIsNeverDropped(t *testing.T) {
	b := newBench(t, 200, 50, 1204, 10)
	b.source.frame.Overview.Name = "A router with a name that is much too long for any screen it is on"
	b.get()
	for w := minWidth; w < 200; w++ {
		b.Update(sizeMsg(w, 24))
		line, _, _ := strings.Cut(b.text(), "\n")
		for _, s := range []string{"1,204 clients", "PAIR 2", "A ro"} {
			if !strings.Contains(line, s) {
				t.Fatalf("%d cells: no %q in %q", w, s, line)
			}
		}
	}
}

func TestTooSmall(t *testing.T) {
	b := newBench(t, 120, 9, 12, 10)
	b.see("terminal too small (120x9, need 40x10) · 12 clients · 2 pairing requests")
	for _, size := range [][2]int{{39, 9}, {30, 24}, {20, 8}} { // the line goes on in the next ones
		b.Update(sizeMsg(size[0], size[1]))
		said := strings.Join(strings.Fields(b.text()), " ")
		for _, want := range []string{"too small", "12 clients", "2 pairing requests"} {
			if !strings.Contains(said, want) {
				t.Errorf("%v: no %q in %q", size, want, said)
			}
		}
		checkLines(t, strings.Split(b.text(), "\n"), size[0], size[1])
	}
	b.Update(sizeMsg(39, 1)) // one line only: who is there comes first
	b.see("12 clients", "2 pairing requests")
}

func TestPanesByKey(t *testing.T) {
	b := newBench(t, 80, 24, 5, 10)
	for i, k := range []string{"1", "2", "3", "4", "5"} {
		b.press(k)
		if int(b.focus) != i {
			t.Errorf("%s goes to %d", k, b.focus)
		}
	}
	for _, c := range []struct {
		key  string
		want paneID
	}{{"tab", overviewPane}, {"shift+tab", logsPane}, {"P", pairingPane}} {
		if b.press(c.key); b.focus != c.want {
			t.Errorf("%s goes to %d, want %d", c.key, b.focus, c.want)
		}
	}
	if b.press("z"); b.layout.panes[overviewPane].shown() || !b.layout.panes[pairingPane].shown() {
		t.Error("z does not zoom")
	}
}

// ended reports whether a command ends the program.
func ended(cmd tea.Cmd) bool {
	for _, msg := range quickly(cmd) {
		if _, ok := msg.(tea.QuitMsg); ok {
			return true
		}
	}
	return false
}

func TestQuitAsks(t *testing.T) {
	for name, c := range map[string]struct {
		keys    []string
		clients int
		knocks  bool
		end     bool
		outcome Outcome
	}{
		"enter is Cancel":                 {[]string{"q", "enter"}, 12, true, false, Quit},
		"esc":                             {[]string{"q", "esc"}, 12, true, false, Quit},
		"yes":                             {[]string{"q", "y"}, 12, true, true, Quit},
		"the other button":                {[]string{"q", "tab", "enter"}, 12, true, true, Quit},
		"q q":                             {[]string{"q", "q"}, 12, true, false, Quit},
		"only who wants in":               {[]string{"q"}, 0, true, false, Quit},
		"nobody":                          {[]string{"q"}, 0, false, true, Quit},
		"ctrl+c twice":                    {[]string{"ctrl+c", "ctrl+c"}, 12, true, true, Quit},
		"ctrl+c once":                     {[]string{"ctrl+c"}, 12, true, false, Quit},
		"leave and let go on":             {[]string{"q", "D"}, 12, true, true, Detach},
		"D asks":                          {[]string{"D", "enter"}, 12, true, false, Quit},
		"D and yes":                       {[]string{"D", "y"}, 12, true, true, Detach},
		"ctrl+z":                          {[]string{"ctrl+z"}, 0, false, false, Quit},
		"ctrl+c over help, twice":         {[]string{"?", "ctrl+c", "ctrl+c"}, 12, true, true, Quit},
		"ctrl+c in the palette, and then": {[]string{":", "x", "ctrl+c", "y"}, 12, true, true, Quit},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, 80, 24, c.clients, 10)
			if !c.knocks {
				b.source.frame.Pairing.Knocks = nil
				b.get()
			}
			end := false
			for _, k := range c.keys {
				_, cmd := b.Update(press(k))
				end = end || ended(cmd)
			}
			if end != c.end || end && b.outcome != c.outcome {
				t.Errorf("ended %v with %d, want %v with %d", end, b.outcome, c.end, c.outcome)
			}
		})
	}
}

func TestQuitTellsTheTruth(t *testing.T) {
	b := newBench(t, 80, 24, 12, 10)
	b.press("q")
	b.see("Stop the router? 12 clients connected, 2 pairing requests open.", "The state is kept in /var/lib/clasp/state.db", "[ Cancel ]", "Stop the router")
	b.press("esc")
	b.source.frame.Overview.Persistence = ""
	b.get()
	b.press("q")
	b.see("10 addresses are in memory only and will be lost.")
	b.press("esc", "D")
	b.see("Leave the dashboard? The router goes on: 12 clients", "Its process is 4711")
}

func TestQuitWithNobodyConnected(t *testing.T) {
	b := newBench(t, 80, 24, 0, 10)
	b.press("q")
	b.see("0 clients connected, 2 pairing requests open", "Who wants in has to ask anew")
	b.miss("All of them")
	b = newBench(t, 80, 24, 1, 10)
	b.press("q")
	b.see("1 client connected", "It loses its connection")
}

// A dashboard that may change nothing does not stop the router either, whoever is there.
func TestReadOnlyDoesNotStop(t *testing.T) {
	for _, clients := range []int{0, 12} {
		for _, keys := range [][]string{{"q", "y"}, {"Q", "y"}, {"ctrl+c", "ctrl+c"}, {"q", "tab", "enter"}} {
			b := newBench(t, 80, 24, clients, 10)
			b.source.frame.Pairing.Knocks = nil
			b.e.options.ReadOnly = true
			b.get()
			_, cmd := b.Update(press(keys[0]))
			if ended(cmd) {
				t.Fatalf("%v, %d clients: it ends without a word", keys, clients)
			}
			b.see("it does not stop", "Leave the dashboard?")
			end := false
			for _, k := range keys[1:] {
				_, cmd := b.Update(press(k))
				end = end || ended(cmd)
			}
			if !end || b.outcome != Detach {
				t.Errorf("%v, %d clients: ended %v with %d", keys, clients, end, b.outcome)
			}
		}
	}
}

// Words that name a key name the one that is bound.
func TestWordsNameTheBoundKeys(t *testing.T) {
	b := newBench(t, 80, 24, 12, 10)
	keys, err := newKeyMap(map[string][]string{"detach": {"X"}, "mouse": {"W"}, "quit": {"Z"}}, false)
	if err != nil {
		t.Fatal(err)
	}
	b.e.keys = keys
	b.press("W")
	b.see("W gives it back")
	b.press("ctrl+z")
	b.see("nothing stopped; X leaves the dashboard, the router goes on")
	b.press("Z")
	b.see("X leaves the dashboard")
	if _, cmd := b.Update(press("X")); !ended(cmd) || b.outcome != Detach {
		t.Error("X in the question before the end does not leave")
	}
	if text := textOf((&failure{doing: "drawing", what: "x"}).page(b.e, 100, 20)); !strings.Contains(text, "X leaves") {
		t.Errorf("a part that has failed names another key:\n%s", text)
	}
	for attached, want := range map[bool]string{true: "Z leaves, that", false: "X leaves the dashboard"} {
		b := newBench(t, 80, 24, 12, 10)
		b.e.keys, b.e.options.Attached = keys, attached
		b.lost, b.lostAt = errors.New("gone"), b.clock.now().Add(-time.Minute)
		b.Update(sizeMsg(80, 24))
		b.see(want)
	}
}

func TestCtrlCTooLate(t *testing.T) {
	b := newBench(t, 80, 24, 12, 10)
	b.Update(press("ctrl+c"))
	b.clock.advance(twiceWithin + time.Millisecond)
	if _, cmd := b.Update(press("ctrl+c")); ended(cmd) {
		t.Error("the second ctrl+c came too late and has quit")
	}
	b.see("Stop the router?")
}

func TestAttachedLeavesWithoutQuestion(t *testing.T) {
	for _, k := range []string{"q", "D"} {
		b := newBench(t, 140, 24, 12, 10)
		b.e.options.Attached = true
		b.get()
		b.see("attached to pid 4711 on foh-1")
		if _, cmd := b.Update(press(k)); !ended(cmd) {
			t.Errorf("%s does not leave", k)
		}
		if len(b.source.actions()) != 0 {
			t.Errorf("%s has done %v", k, b.source.actions())
		}
	}
}

func TestKeepLastScreen(t *testing.T) {
	b := newBench(t, 80, 24, 0, 10)
	b.source.frame.Pairing.Knocks = nil
	b.get()
	if _, cmd := b.Update(press("Q")); !ended(cmd) {
		t.Fatal("Q does not quit")
	}
	v := b.View()
	if v.AltScreen || !strings.Contains(v.Content, "FOH router") || v.Cursor != nil {
		t.Errorf("the last screen would not stay: alternate screen %v", v.AltScreen)
	}
}

func TestFreeze(t *testing.T) {
	b := newBench(t, 120, 30, 5, 10)
	p := &probe{stubPane: stubPane{"State"}}
	b.panes[statePane] = p
	b.press("3", "space")
	b.clock.advance(12 * time.Second)
	b.source.frame.Overview.Totals.Writes += 48210
	b.source.frame.Overview.Sessions = 6
	b.get()
	b.see("FROZEN 00:12 · 48,210 changes since", "6 clients") // the status line is never frozen
	if p.applied != 0 || p.alerted != 1 {
		t.Errorf("frozen: %d frames, %d alerts", p.applied, p.alerted)
	}
	b.press("space")
	if p.applied != 1 {
		t.Errorf("going on has given %d frames", p.applied)
	}
	b.miss("FROZEN")
	b.press("4", "space") // in Pairing, space does nothing
	if !b.frozen.IsZero() {
		t.Error("space has frozen the screen from Pairing")
	}
}

// probe is a pane that notes what it is given, and can be made to fail.
type probe struct {
	stubPane
	applied, alerted int
	keys             []string
	field            bool
	fail             string
	lines            int // of the mouse wheel
}

func (p *probe) apply(*frame) { p.applied++; p.may("apply") }
func (p *probe) alert(*frame) { p.alerted++ }
func (p *probe) typing() bool { return p.field }
func (p *probe) wheel(n int)  { p.lines += n }
func (p *probe) may(what string) {
	if p.fail == what {
		panic("a test wants this in " + what)
	}
}
func (p *probe) key(k tea.KeyPressMsg) (tea.Cmd, bool) {
	p.may("key")
	p.keys = append(p.keys, k.String())
	return nil, true
}
func (p *probe) render(bool) []string { p.may("render"); return nil }
func (p *probe) revision() uint64     { return uint64(p.applied + len(p.keys)) }

// stubPane is a pane that shows nothing.
type stubPane struct{ text string }

func (p *stubPane) name() string                        { return p.text }
func (*stubPane) badge() string                         { return "" }
func (p *stubPane) title() string                       { return p.text }
func (*stubPane) resize(_, _ int)                       {}
func (*stubPane) want(_ *monitor.Query)                 {}
func (*stubPane) apply(_ *frame)                        {}
func (*stubPane) alert(_ *frame)                        {}
func (*stubPane) key(_ tea.KeyPressMsg) (tea.Cmd, bool) { return nil, false }
func (*stubPane) click(_, _ int)                        {}
func (*stubPane) wheel(_ int)                           {}
func (*stubPane) typing() bool                          { return false }
func (*stubPane) render(_ bool) []string                { return nil }
func (*stubPane) revision() uint64                      { return 0 }
func (*stubPane) cursor() (int, int, bool)              { return 0, 0, false }
func (*stubPane) bindings() []key.Binding               { return nil }

// A pane that fails says so in its place; the others go on, and it can be started again.
func TestPaneFails(t *testing.T) {
	for _, where := range []string{"apply", "key", "render"} {
		t.Run(where, func(t *testing.T) {
			b := newBench(t, 160, 40, 5, 10)
			b.panes[statePane] = &probe{stubPane: stubPane{"State"}, fail: where}
			b.press("3", "j")
			b.get()
			b.see("This part of the dashboard has failed", "a test wants this in "+where, "The router is not touched", "failed", "5 clients")
			b.source.frame.Overview.Sessions = 7
			b.get()
			b.see("7 clients")
			b.press("enter")
			b.get()
			b.miss("has failed")
		})
	}
}

type badOverlay struct{}

func (badOverlay) key(tea.KeyPressMsg) (tea.Cmd, bool) { panic("key") }
func (badOverlay) apply(*frame)                        {}
func (badOverlay) render(int, int) []string            { panic("render") }
func (badOverlay) typing() bool                        { return false }
func (badOverlay) bindings() []key.Binding             { return nil }

func TestDialogFails(t *testing.T) {
	b := newBench(t, 100, 30, 5, 10)
	b.Update(overlayMsg{badOverlay{}})
	b.see("has failed while drawing a dialog")
	b.press("j")
	if b.top() != nil {
		t.Error("the dialog is still there")
	}
	b.see("the router goes on")
}

// A field has all keys but ctrl+c.
func TestTypingTakesKeys(t *testing.T) {
	b := newBench(t, 80, 24, 5, 10)
	p := &probe{stubPane: stubPane{"State"}, field: true}
	b.press("3")
	b.panes[statePane] = p
	all := []string{"q", "Q", "D", "space", "1", "4", "P", "y", "n", "?", ":", "z", "m", "H", "x", "b", "tab", "enter", "esc"}
	b.press(all...)
	if got := strings.Join(p.keys, " "); got != strings.Join(all, " ") {
		t.Errorf("the field got %q", got)
	}
	if b.focus != statePane || b.top() != nil || len(b.source.actions()) != 0 {
		t.Errorf("typing has done something: focus %d, dialog %v, actions %v", b.focus, b.top(), b.source.actions())
	}
	b.Update(tea.PasteMsg{Content: "a\nb\x1b[31m"})
	if got := strings.Join(p.keys[len(all):], ""); got != "aspaceb[31m" {
		t.Errorf("pasted: %q", got)
	}
	b.press("ctrl+c")
	b.see("Stop the router?")
}

// A clipboard presses no keys.
func TestPasteIsNoKeys(t *testing.T) {
	b := newBench(t, 80, 24, 0, 0)
	b.source.frame.Pairing.Knocks = nil
	b.get()
	if _, cmd := b.Update(tea.PasteMsg{Content: "qQDyyx"}); ended(cmd) || b.top() != nil || len(b.source.actions()) != 0 {
		t.Error("pasting has done something")
	}
}

func TestActionsAreAnswered(t *testing.T) {
	b := newBench(t, 80, 24, 5, 10)
	var answered error
	b.source.do = func(a monitor.Action) (monitor.Result, error) {
		if a.ID == "gone" {
			return monitor.Result{}, fmt.Errorf("client has left: %w", monitor.ErrGone)
		}
		return monitor.Result{Text: "client is out"}, nil
	}
	then := func(_ monitor.Result, err error) tea.Cmd { answered = err; return nil }
	do := func(id string) {
		_, cmd := b.Update(actionMsg{monitor.Action{Kind: monitor.Disconnect, ID: id}, then})
		b.settle(cmd)
	}
	do("c1")
	b.see("client is out")
	do("gone")
	b.see("client has left")
	if !errors.Is(answered, monitor.ErrGone) {
		t.Errorf("then got %v", answered)
	}
	b.e.options.ReadOnly = true
	do("c2")
	b.see("--tui-readonly")
	if n := len(b.source.actions()); n != 2 {
		t.Errorf("%d actions, want 2", n)
	}
}

// A panic on the way to the router is a line on the screen, and does not come at full speed.
func TestActionFails(t *testing.T) {
	b := newBench(t, 120, 24, 5, 10)
	b.source.do = func(monitor.Action) (monitor.Result, error) { panic("a test wants this") }
	_, cmd := b.Update(actionMsg{action: monitor.Action{Kind: monitor.Disconnect, ID: "c1"}})
	b.settle(cmd)
	b.see("failed while asking the router to act (a test wants this); the router goes on")
	if p := b.feed.pause(); p != retryEvery {
		t.Errorf("asks again after %v, want %v", p, retryEvery)
	}
}

func TestFlashOutlivesOnlyItsOwnEnd(t *testing.T) {
	b := newBench(t, 80, 24, 5, 10)
	b.Update(flashMsg{text: "first"})
	gen := b.flashGen
	b.Update(flashMsg{text: "second"})
	b.Update(flashEndMsg{gen})
	b.see("second")
	b.Update(flashEndMsg{b.flashGen})
	b.miss("second")
}

// A router that does not answer is not shown as if it did; one that answers again is.
func TestLost(t *testing.T) {
	b := newBench(t, 100, 30, 5, 10)
	b.source.err = fmt.Errorf("the socket is gone: %w", monitor.ErrUnreachable)
	b.get()
	b.see("NOT REACHABLE", "NO ANSWER 00:00", "5 clients")
	b.clock.advance(lostPageAfter)
	b.get()
	b.see("The router does not answer", "The socket is gone", "D leaves the dashboard")
	b.source.err = nil
	b.get()
	b.miss("NO ANSWER", "does not answer")
}

func TestNothingYet(t *testing.T) {
	e, _, source := newTestEnv(t)
	source.err = errors.New("not started")
	r := newRoot(t.Context(), e, nil)
	r.Update(sizeMsg(80, 24))
	if text := ansi.Strip(r.View().Content); !strings.Contains(text, "Asking the router") {
		t.Errorf("%s", text)
	}
	for _, msg := range run(r.feed.fetch(r.query())) {
		r.Update(msg)
	}
	if text := ansi.Strip(r.View().Content); !strings.Contains(text, "Not started") {
		t.Errorf("%s", text)
	}
}

func TestAttention(t *testing.T) {
	b := newBench(t, 80, 24, 5, 10)
	b.e.options.Notify = true
	if got := b.View().WindowTitle; got != "(2) clasp" {
		t.Errorf("title %q", got)
	}
	rings := func() bool {
		for _, msg := range quickly(b.take(frameMsg{frame: b.source.frame})) {
			if raw, ok := msg.(tea.RawMsg); ok {
				if !strings.HasPrefix(fmt.Sprint(raw.Msg), "\a\x1b]9;clasp: ") {
					t.Errorf("sent %q", raw.Msg)
				}
				return true
			}
		}
		return false
	}
	knock := func(id string) {
		b.source.frame.Pairing.Knocks = append(b.source.frame.Pairing.Knocks, monitor.Knock{ID: id, Name: "evil", State: pairing.StateWaiting})
	}
	knock("k3")
	if rings() {
		t.Error("rings while the operator looks")
	}
	b.Update(tea.BlurMsg{})
	if !b.e.away {
		t.Error("the panes do not know that the keys go elsewhere")
	}
	if rings() {
		t.Error("rings for those it knows")
	}
	knock("k4")
	if !rings() {
		t.Error("does not ring")
	}
	knock("k5")
	b.e.options.Notify = false
	if rings() || b.View().WindowTitle != "" {
		t.Error("rings although that is off")
	}
}

func TestPrivacyMasks(t *testing.T) {
	e, _, _ := newTestEnv(t)
	if e.mask(maskName, "Ana") != "Ana" {
		t.Error("masks without privacy")
	}
	e.private = true
	for kind, s := range map[string]string{maskName: "Ana", maskRemote: "10.0.0.7:41", maskPIN: "847291"} {
		if got := e.mask(kind, s); strings.Contains(got, s) || got == "" {
			t.Errorf("%s: %q", kind, got)
		}
	}
	if first := e.mask(maskName, "Ana"); e.mask(maskName, "Ana") != first {
		t.Error("alike is not alike")
	}
	got := e.mask(maskText, `client in name="Ana B" remote=10.0.0.7:4100 and 192.168.1.1 [fe80::1%eth0]:7330 ::1 session=c01 at 12:30:59`)
	for _, s := range []string{"Ana", "10.0", "192.168", "fe80", "::1"} {
		if strings.Contains(got, s) {
			t.Errorf("%q is in %q", s, got)
		}
	}
	for _, s := range []string{"client in", "session=c01", "12:30:59"} {
		if !strings.Contains(got, s) {
			t.Errorf("%q is not in %q", s, got)
		}
	}
}

func TestMouse(t *testing.T) {
	b := newBench(t, 160, 40, 50, 300)
	if b.View().MouseMode != tea.MouseModeNone {
		t.Error("the mouse is taken from the start")
	}
	b.press("m", "3")
	if b.View().MouseMode != tea.MouseModeCellMotion {
		t.Error("m does not switch it on")
	}
	at := b.layout.panes[logsPane]
	b.Update(tea.MouseClickMsg{X: at.x + 2, Y: at.y + 3, Button: tea.MouseLeft})
	if b.focus != logsPane {
		t.Errorf("a click goes to %d", b.focus)
	}
	tab := b.tabsAt[clientsPane]
	b.Update(tea.MouseClickMsg{X: tab.x, Y: tab.y, Button: tea.MouseLeft})
	if b.focus != clientsPane {
		t.Errorf("a click on a tab goes to %d", b.focus)
	}
}

// A burst of the wheel is one event, and none of it is lost.
func TestWheelMerges(t *testing.T) {
	b := newBench(t, 160, 40, 50, 300)
	p := &probe{stubPane: stubPane{"Connections"}}
	b.panes[clientsPane] = p
	at := b.layout.panes[clientsPane]
	passed := 0
	for range 100 {
		if msg := b.filter(b.root, tea.MouseWheelMsg{X: at.x + 1, Y: at.y + 1, Button: tea.MouseWheelDown}); msg != nil {
			passed++
			b.Update(msg)
		}
	}
	b.Update(wheelEndMsg{})
	b.Update(wheelEndMsg{})
	if passed != 1 || p.lines != 100*wheelLines || b.root.wheel.busy {
		t.Errorf("%d passed, %d lines, busy %v", passed, p.lines, b.root.wheel.busy)
	}
}

func TestPalette(t *testing.T) {
	b := newBench(t, 100, 30, 5, 10)
	b.press(":")
	b.see("Actions", "Zoom the pane")
	b.press("f", "r", "e", "e", "z")
	b.miss("Zoom the pane")
	b.press("enter")
	if b.frozen.IsZero() {
		t.Error("the palette has not frozen the screen")
	}
	b.press(":", "l", "e", "t", "space", "i", "t", "enter")
	if b.focus != pairingPane || len(b.source.actions()) != 0 {
		t.Errorf("letting in from the palette: pane %d, actions %v", b.focus, b.source.actions())
	}
	b.see("press y here")
	b.press(":", "x", "x", "x", "x", "enter")
	b.see("no action has these words")
	b.press("esc")
	if b.top() != nil {
		t.Error("the palette stays")
	}
}

// The keys of the palette and of real presses are the same ones.
func TestKeyPressByName(t *testing.T) {
	for _, a := range actions {
		for _, name := range a.keys {
			if got := keyPress(name).String(); got != name {
				t.Errorf("%s: keyPress(%q) is %q", a.name, name, got)
			}
			if got := press(name).String(); got != name {
				t.Errorf("%s: press(%q) is %q", a.name, name, got)
			}
		}
	}
}

// A router that starts again counts from nothing: no rate is negative.
func TestRates(t *testing.T) {
	var s sampler
	if r := s.add(testStart, monitor.Totals{MessagesIn: 100}); r.known {
		t.Error("a rate of one sample")
	}
	r := s.add(testStart.Add(2*time.Second), monitor.Totals{MessagesIn: 300, Writes: 8})
	if !r.known || r.in != 100 || r.writes != 4 {
		t.Errorf("%+v", r)
	}
	if again := s.add(testStart.Add(2100*time.Millisecond), monitor.Totals{MessagesIn: 9000}); again != r {
		t.Errorf("a sample of a tenth of a second: %+v", again)
	}
	if r = s.add(testStart.Add(4*time.Second), monitor.Totals{}); r.in != 0 || r.writes != 0 {
		t.Errorf("after a restart %+v", r)
	}
}

// Only the answer to the last question counts; something else on the screen is asked for at once.
func TestFeed(t *testing.T) {
	b := newBench(t, 80, 24, 5, 10)
	seq := b.newest.Seq
	b.Update(frameMsg{gen: b.feed.gen - 1, frame: monitor.Frame{Seq: 99}})
	if b.newest.Seq != seq {
		t.Error("a stale frame is shown")
	}
	b.get()
	gen := b.feed.gen
	if b.feed.hurry(b.feed.asked) != nil {
		t.Error("asks again for the same")
	}
	q := b.feed.asked
	q.Values = append([]string{"/another"}, q.Values...)
	if b.feed.hurry(q) == nil || b.feed.gen == gen {
		t.Error("does not ask for what has come into view")
	}
}

// A minute of a cat on the keyboard: nothing breaks, nothing is done without its question.
func TestMash(t *testing.T) {
	b := newBench(t, 120, 35, 40, 200)
	rnd := rand.New(rand.NewPCG(7, 7))
	// y is the answer to all questions: without it and the second button nothing may happen
	answers := " ctrl+c y Y tab shift+tab left right h l "
	names := []string{"a", "0", "9", "backspace", "delete", "ctrl+u", "ctrl+z", "alt+x"}
	for _, a := range actions {
		for _, k := range a.keys {
			if !strings.Contains(answers, " "+k+" ") {
				names = append(names, k)
			}
		}
	}
	for i := range 3000 {
		k := names[rnd.IntN(len(names))]
		b.Update(press(k))
		if b.ending {
			if b.outcome != Detach || k != "D" { // D is an answer to the question of q: the router goes on
				t.Fatalf("key %d, %s, has ended it", i, k)
			}
			b.ending = false
		}
		switch {
		case i%50 == 0:
			b.Update(sizeMsg(1+rnd.IntN(300), 1+rnd.IntN(100)))
		case i%7 == 0:
			b.clock.advance(time.Duration(rnd.IntN(2000)) * time.Millisecond)
			b.get()
		}
		b.View()
		for id, f := range b.broken {
			if f != nil {
				t.Fatalf("key %d, %s: %s: %s", i, k, paneNames[id], f)
			}
		}
	}
	if a := b.source.actions(); len(a) != 0 {
		t.Errorf("done: %v", a)
	}
}

// Watched addresses stay on the screen whatever pane has the keys, and take no more of it
// than they need.
func TestWatchStripStays(t *testing.T) {
	b := newBench(t, 120, 40, 5, 50)
	for i := range 3 {
		b.Update(pinMsg{testAddress(i)})
	}
	b.Update(flashEndMsg{b.flashGen})
	if n := b.layout.strip.h; n != 4 {
		t.Errorf("the strip of 3 addresses has %d lines, want 4 with its title", n)
	}
	b.get()
	for _, k := range []string{"1", "2", "4", "5"} {
		b.press(k)
		b.see("p00000", "p00001", "p00002")
	}
	for i := range 3 {
		b.Update(pinMsg{testAddress(i)})
	}
	if b.layout.strip.shown() {
		t.Error("an empty strip is still there")
	}
}

// TestSizeMeasuredAgain: what the terminal says shortly after the start counts, unless it says
// that it does not know.
func TestSizeMeasuredAgain(t *testing.T) {
	for _, test := range []struct{ w, h, wantW, wantH int }{{0, 0, 100, 30}, {160, 0, 100, 30}, {160, 45, 160, 45}} {
		b := newBench(t, 100, 30, 1, 1)
		b.measure = func() (int, int, error) { return test.w, test.h, nil }
		for _, msg := range run(b.Init()) {
			_, cmd := b.Update(msg)
			for _, size := range quickly(cmd) {
				b.Update(size)
			}
		}
		if b.w != test.wantW || b.h != test.wantH {
			t.Errorf("measured %dx%d: drawn as %dx%d, want %dx%d", test.w, test.h, b.w, b.h, test.wantW, test.wantH)
		}
	}
}
