package tui

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/clasp-studio/clasp/router/monitor"
)

// stateRig is a State pane in front of a router that answers from memory.
type stateRig struct {
	t      testing.TB
	e      *env
	clock  *testClock
	source *fakeSource
	p      *stateView
	other  []tea.Msg // what the pane has sent to root
}

func newStateRig(t testing.TB, w, h int, names ...string) *stateRig {
	e, clock, source := newTestEnv(t)
	slices.Sort(names)
	source.index = names
	s := &stateRig{t: t, e: e, clock: clock, source: source, p: newState(e).(*stateView)}
	for i, name := range names {
		source.frame.Values = append(source.frame.Values, monitor.Value{
			Address: name, Type: "f64", Text: fmt.Sprint(i), Number: float64(i), Numeric: true, Revision: 1,
			Writer: "c1", WriterName: "desk", Written: testStart,
		})
	}
	source.frame.Overview.StructRev = 1
	s.p.resize(w, h)
	s.look()
	s.look()
	return s
}

// do carries out what a command brings back, as root does.
func (s *stateRig) do(cmd tea.Cmd) {
	for _, msg := range run(cmd) {
		if call, ok := msg.(callMsg); ok {
			s.do(call())
			continue
		}
		s.other = append(s.other, msg)
	}
}

// look gets one frame and draws it.
func (s *stateRig) look() {
	s.t.Helper()
	var q monitor.Query
	s.p.want(&q)
	s.source.mu.Lock()
	f := &frame{Frame: s.source.answer(q)}
	s.source.mu.Unlock()
	s.p.alert(f)
	s.p.apply(f)
	s.do(s.p.work())
	checkLines(s.t, s.p.render(true), s.p.w, s.p.h)
}

// keys presses some.
func (s *stateRig) keys(names ...string) {
	s.t.Helper()
	for _, name := range names {
		cmd, _ := s.p.key(press(name))
		s.do(cmd)
		checkLines(s.t, s.p.render(true), s.p.w, s.p.h)
	}
}

// set changes a value, as a client does.
func (s *stateRig) set(address string, n float64) {
	for i := range s.source.frame.Values {
		if v := &s.source.frame.Values[i]; v.Address == address {
			v.Number, v.Text = n, fmt.Sprint(n)
			v.Revision++
		}
	}
}

// rename replaces the addresses, as clients do that come and go.
func (s *stateRig) rename(names ...string) {
	slices.Sort(names)
	s.source.index = names
	s.source.rev++
	s.source.frame.Overview.StructRev++
	s.clock.advance(time.Second)
	s.look()
	s.look()
}

func (s *stateRig) text() string { return textOf(s.p.render(true)) }

// line is the line of the screen that has a text, "" = none.
func (s *stateRig) line(part string) string {
	for _, line := range strings.Split(s.text(), "\n") {
		if strings.Contains(line, part) {
			return line
		}
	}
	return ""
}

func TestStateShowsValuesAndBranches(t *testing.T) {
	s := newStateRig(t, 100, 12, "/a/x", "/a/y", "/b")
	for part, want := range map[string][]string{
		"a/":  {"2 addresses", "–"},
		"· x": {"f64", "0", "0 s", "desk", "–"},
		"· b": {"f64", "2", "desk"},
	} {
		for _, w := range want {
			if line := s.line(part); !strings.Contains(line, w) {
				t.Errorf("the line of %q is %q, without %q", part, line, w)
			}
		}
	}
	s.set("/a/x", 7)
	s.clock.advance(time.Second)
	s.look()
	if line := s.line("· x"); !strings.Contains(line, "1.0/s") {
		t.Errorf("one write in a second: %q", line)
	}
	if line := s.line("a/"); !strings.Contains(line, "1.0/s") {
		t.Errorf("one write in a second below the branch: %q", line)
	}
}

func TestStateMarksChangesForThreeFrames(t *testing.T) {
	s := newStateRig(t, 100, 12, "/a", "/b")
	s.set("/a", 9)
	s.look()
	if line := s.line("· a"); !strings.Contains(line, "↑") {
		t.Fatalf("it went up: %q", line)
	}
	first := s.p.render(true)
	for i := range fadeSteps {
		if line := s.line("· a"); !strings.Contains(line, "↑") {
			t.Fatalf("gone after %d frames: %q", i, line)
		}
		s.clock.advance(fadeStep)
		s.look()
		if i == 0 && slices.Equal(first, s.p.render(true)) {
			t.Error("the mark does not fade")
		}
	}
	if line := s.line("· a"); strings.Contains(line, "↑") {
		t.Errorf("still there after three frames: %q", line)
	}
	s.set("/a", 1)
	s.look()
	if line := s.line("· a"); !strings.Contains(line, "↓") {
		t.Errorf("it went down: %q", line)
	}
	s.e.quiet = true
	if line := s.line("· a"); strings.Contains(line, "↓") {
		t.Errorf("marked though marks are off: %q", line)
	}
}

func TestStateKeepsTheCursorOnItsAddress(t *testing.T) {
	s := newStateRig(t, 60, 12, "/b", "/c", "/d")
	s.keys("down")
	if s.p.sel != "/c" {
		t.Fatalf("the cursor is on %q", s.p.sel)
	}
	_, before, _ := s.p.cursor()
	s.rename("/a1", "/b", "/b1", "/c", "/d", "/e", "/f", "/g", "/h", "/i", "/j", "/k", "/l", "/m")
	if s.p.sel != "/c" || s.p.selected().path != "/c" {
		t.Errorf("the cursor went to %q", s.p.sel)
	}
	if _, y, ok := s.p.cursor(); !ok || y < before {
		t.Errorf("the cursor's line is %d (%v), it was %d", y, ok, before)
	}
	s.rename("/a1", "/b", "/d")
	if n := s.p.selected(); n == nil || n.path == "/a1" {
		t.Errorf("its address has gone: the cursor is on %v, not on a neighbour", n)
	}
	s.rename()
	if s.p.selected() != nil || !strings.Contains(s.text(), "No addresses yet") {
		t.Errorf("nothing is left:\n%s", s.text())
	}
	s.rename("/new")
	if n := s.p.selected(); n == nil || n.path != "/new" {
		t.Errorf("the first one again: %v", n)
	}
}

func TestStateFilter(t *testing.T) {
	s := newStateRig(t, 80, 12, "/a/red", "/a/blue", "/b/red", "/c")
	s.keys("/")
	if !s.p.typing() {
		t.Fatal("the filter has no field")
	}
	s.keys("r", "e", "d") // q, n, p and the others are text now
	if got := shownRows(s.p.tree); !slices.Equal(got, []string{"/a", "/a/red", "/b", "/b/red"}) {
		t.Fatalf("rows %q", got)
	}
	if !strings.Contains(s.text(), "2 of 4") {
		t.Errorf("no count of matches:\n%s", s.text())
	}
	s.keys("enter")
	if s.p.typing() || !strings.Contains(s.p.title(), "filter red") || !strings.Contains(s.p.title(), "2 of 4 addresses") {
		t.Errorf("kept: typing %v, title %q", s.p.typing(), s.p.title())
	}
	s.keys("n")
	if s.p.sel != "/a/red" {
		t.Errorf("n went to %q", s.p.sel)
	}
	s.keys("n", "n")
	if s.p.sel != "/a/red" {
		t.Errorf("n three times of two hits: %q", s.p.sel)
	}
	s.keys("esc")
	if s.p.index.filter != "" || s.p.tree.names != 4 {
		t.Errorf("cleared: filter %q, %d addresses", s.p.index.filter, s.p.tree.names)
	}
	s.keys("N") // search without hiding
	if s.p.sel != "/b/red" || s.p.tree.names != 4 {
		t.Errorf("N went to %q of %d addresses", s.p.sel, s.p.tree.names)
	}
	s.keys("/")
	s.p.field.set("~(")
	s.keys("enter")
	if s.p.index.wrong == "" || s.p.tree.names != 4 {
		t.Errorf("a filter that is wrong: %q, %d addresses", s.p.index.wrong, s.p.tree.names)
	}
}

func TestStateDropsStaleAnswers(t *testing.T) {
	s := newStateRig(t, 80, 12, "/a", "/b")
	old := s.p.ask("a")
	s.do(s.p.ask("b"))
	s.do(old) // comes late
	if got := shownRows(s.p.tree); s.p.index.filter != "b" || !slices.Equal(got, []string{"/b"}) {
		t.Errorf("the late answer counts: filter %q, rows %q", s.p.index.filter, got)
	}
}

func TestStateAsksForTheListOnlyWhenItMust(t *testing.T) {
	s := newStateRig(t, 80, 12, "/a")
	id := s.p.index.id
	for range 20 {
		s.clock.advance(time.Second)
		s.look()
	}
	if s.p.index.id != id {
		t.Errorf("asked %d times though nothing has come or gone", s.p.index.id-id)
	}
	for range 20 { // addresses come at every frame, 20 a second
		s.source.frame.Overview.StructRev++
		s.source.rev++
		s.clock.advance(50 * time.Millisecond)
		s.look()
	}
	if n := s.p.index.id - id; n < 2 || n > 3 {
		t.Errorf("asked %d times within a second", n)
	}
	id = s.p.index.id
	s.source.frame.Overview.StructRev++
	s.clock.advance(time.Minute)
	if s.do(s.p.work()); s.p.index.id != id {
		t.Error("asked for a pane that is not on the screen")
	}
}

func TestStateAsksForTheWindowOnly(t *testing.T) {
	s := newStateRig(t, 80, 12, manyAddresses(3000)...)
	s.keys("+", "end")
	var q monitor.Query
	s.p.want(&q)
	if n := len(q.Values) + len(q.Branches); n > 12 || len(q.Values) == 0 {
		t.Errorf("%d rows are asked for in 12 lines", n)
	}
	s.look()
	if n := len(s.p.cells.values); n > 12 {
		t.Errorf("%d values are kept of 12 lines", n)
	}
}

func TestState100kAppearAndVanish(t *testing.T) {
	s := newStateRig(t, 80, 12, "/show/zone000/lamp-00000/level", "/z")
	all := append(manyAddresses(100_000), "/z")
	s.keys("end")
	for range 3 {
		s.rename(all...)
		if n := s.p.tree.names; n != len(all) || s.p.sel != "/z" || s.p.selected().path != "/z" {
			t.Fatalf("%d addresses, the cursor on %q", n, s.p.sel)
		}
		s.rename("/z")
		if got := shownRows(s.p.tree); !slices.Equal(got, []string{"/z"}) || s.p.selected() == nil {
			t.Fatalf("rows %q when all others have gone", got)
		}
	}
}

func TestStateFolds(t *testing.T) {
	s := newStateRig(t, 80, 20, "/a/b/c", "/a/b/d", "/e")
	s.keys("home", "left")
	if got := shownRows(s.p.tree); !slices.Equal(got, []string{"/a", "/e"}) {
		t.Fatalf("closed: %q", got)
	}
	s.rename("/a/b/c", "/a/b/d", "/a/b/x", "/e")
	if got := shownRows(s.p.tree); !slices.Equal(got, []string{"/a", "/e"}) {
		t.Errorf("what somebody has closed opens by itself: %q", got)
	}
	s.keys("+", "right", "down")
	if s.p.sel != "/a/b/c" {
		t.Errorf("opened, two down: %q", s.p.sel)
	}
	s.keys("left", "left", "enter")
	if got := shownRows(s.p.tree); s.p.sel != "/a/b" || !slices.Contains(got, "/a/b/x") {
		t.Errorf("to the branch, closed and opened: %q, %q", s.p.sel, got)
	}
}

// TestStateMashed presses keys at random while addresses come and go: it does not panic, its
// lines keep their size, and nothing is done to the router.
func TestStateMashed(t *testing.T) {
	s := newStateRig(t, 80, 12, manyAddresses(200)...)
	r := rand.New(rand.NewPCG(1, 2))
	keys := []string{"up", "down", "left", "right", "home", "end", "pgup", "pgdown", "+", "-", "n", "N", "/", "enter", "esc", "a", "*", "~", "p", "y", "C", "backspace"}
	for i := range 1500 {
		name := keys[r.IntN(len(keys))]
		if cmd, _ := s.p.key(press(name)); s.p.typing() || name == "esc" {
			if s.p.typing() && name != "enter" {
				cmd = s.p.ask(s.p.field.String()) // without the pause
			}
			s.do(cmd)
		}
		switch i % 50 {
		case 7:
			s.p.resize(1+r.IntN(200), 1+r.IntN(50))
		case 20:
			all := manyAddresses(300)
			s.rename(all[:r.IntN(300)]...)
		}
		s.p.wheel(r.IntN(7) - 3)
		s.p.click(r.IntN(80), r.IntN(12))
		s.look()
	}
	if done := s.source.actions(); len(done) > 0 {
		t.Errorf("the router was asked to do %v", done)
	}
}

func TestStateWithoutColoursOrUnicode(t *testing.T) {
	s := newStateRig(t, 60, 10, "/a/x", "/a/y")
	s.e.theme, s.e.glyphs = newTheme("mono", true, false), newGlyphs(true)
	s.set("/a/x", 5)
	s.look()
	text := s.text()
	for i := range len(text) {
		if text[i] >= 0x80 {
			t.Fatalf("not ASCII:\n%s", text)
		}
	}
	if !strings.Contains(text, "^") || !strings.HasPrefix(strings.Split(text, "\n")[1], ">") {
		t.Errorf("neither mark nor cursor:\n%s", text)
	}
}

func TestStateSaysWhatTheRouterSays(t *testing.T) {
	s := newStateRig(t, 80, 10, "/a")
	got := monitor.Index{}
	s.p.index.id++
	s.p.answered(&got, fmt.Errorf("the router %w", monitor.ErrUnreachable), nil, &folds{}, s.p.foldGen, false)
	if text := s.text(); !strings.Contains(text, "not reachable") || !strings.Contains(text, "· a") {
		t.Errorf("no word of it, or what was known has gone:\n%s", text)
	}
}

func TestStripKeepsPinnedAddresses(t *testing.T) {
	s := newStateRig(t, 80, 12, "/a/x", "/t")
	strip := newStrip(s.e)
	if strip.render(80) != nil {
		t.Error("nothing is pinned, and yet it takes room")
	}
	if !strip.toggle("/a/x") || strip.toggle("/nothing") != true {
		t.Error("not pinned")
	}
	for i := range 5 {
		s.set("/a/x", float64(i))
		var q monitor.Query
		strip.want(&q)
		strip.apply(&frame{Frame: s.source.answer(q)})
		s.clock.advance(time.Second)
	}
	lines := strip.render(80)
	checkLines(t, lines, 80, 3)
	if text := textOf(lines); !strings.Contains(text, "0 to 4") || !strings.Contains(text, "█") || !strings.Contains(text, "gone") {
		t.Errorf("the strip says\n%s", text)
	}
	if !strings.Contains(s.line("· x"), "★") {
		t.Errorf("no sign at the row: %q", s.line("· x"))
	}
	if strip.toggle("/a/x") || len(strip.past) != 1 {
		t.Error("not taken out")
	}
	for i := range 3 * maxPins {
		strip.toggle(fmt.Sprintf("/p%d", i))
	}
	for w := range 300 {
		checkLines(t, strip.render(w), w, maxPins+1)
	}
	if len(strip.past) != maxPins {
		t.Errorf("%d histories of %d pins", len(strip.past), maxPins)
	}
}

// top is the last dialog that the pane has sent.
func (s *stateRig) top() overlay {
	for i := len(s.other) - 1; i >= 0; i-- {
		if m, ok := s.other[i].(overlayMsg); ok {
			return m.overlay
		}
	}
	return nil
}

// typeInto presses keys in a dialog and carries out what it asks for, as root does.
func (s *stateRig) typeInto(o overlay, names ...string) (done bool) {
	for _, name := range names {
		cmd, over := o.key(press(name))
		done = over
		for _, msg := range run(cmd) {
			if m, ok := msg.(actionMsg); ok {
				result, err := s.source.Do(s.t.Context(), m.action)
				s.do(m.then(result, err))
				continue
			}
			s.other = append(s.other, msg)
		}
	}
	return done
}

func TestEditSetsAValue(t *testing.T) {
	s := newStateRig(t, 80, 12, "/a")
	s.keys("e")
	d := s.top()
	if !d.typing() || !strings.Contains(textOf(d.render(80, 20)), "f64") {
		t.Fatalf("no dialog that shows the type:\n%s", textOf(d.render(80, 20)))
	}
	s.typeInto(d, "ctrl+u", "x", "enter")
	if len(s.source.actions()) != 0 || !strings.Contains(textOf(d.render(80, 20)), "has to be a number") {
		t.Errorf("x for a number: %v\n%s", s.source.actions(), textOf(d.render(80, 20)))
	}
	s.source.do = func(monitor.Action) (monitor.Result, error) {
		return monitor.Result{}, fmt.Errorf("/a is locked by desk: %w", monitor.ErrRefused)
	}
	s.typeInto(d, "backspace", "4", "2", "enter")
	if want := []monitor.Action{{Kind: monitor.Set, Address: "/a", Value: "42", Type: "f64"}}; !slices.Equal(s.source.actions(), want) {
		t.Errorf("asked for %v, want %v", s.source.actions(), want)
	}
	if !strings.Contains(textOf(d.render(80, 20)), "locked by desk") {
		t.Errorf("not what the router said:\n%s", textOf(d.render(80, 20)))
	}
	s.source.do = nil
	s.typeInto(d, "enter")
	if m, ok := s.other[len(s.other)-1].(overlayMsg); !ok || m.overlay != nil {
		t.Errorf("the dialog is still there: %v", s.other[len(s.other)-1])
	}
}

// Enter in a dialog nobody has typed in sends nothing, whatever has become of the value.
func TestEditUntouchedSendsNothing(t *testing.T) {
	s := newStateRig(t, 80, 12, "/a")
	s.keys("e")
	d := s.top()
	s.typeInto(d, "enter", "9", "backspace", "enter")
	if text := textOf(d.render(80, 20)); len(s.source.actions()) != 0 || !strings.Contains(text, "nothing has been changed") {
		t.Errorf("asked for %v\n%s", s.source.actions(), text)
	}
	moved := *d.(*editor)
	f := testFrame(0, 0)
	f.Values = []monitor.Value{{Address: "/a", Type: "f64", Text: "0.9"}}
	moved.apply(f)
	s.typeInto(&moved, "enter")
	if text := textOf(moved.render(80, 20)); len(s.source.actions()) != 0 || !strings.Contains(text, "it is 0.9 by now") {
		t.Errorf("a fader that was moved is put back: %v\n%s", s.source.actions(), text)
	}
	s.typeInto(d, "9", "enter")
	if len(s.source.actions()) != 1 {
		t.Errorf("what was typed is not sent: %v", s.source.actions())
	}
}

// What was changed for the screen, or cut, is not where the operator starts from.
func TestEditDoesNotOfferCleanedText(t *testing.T) {
	e, _, _ := newTestEnv(t)
	for text, want := range map[string]string{`"a·b"`: "cannot be shown", `"aaa…`: "longer than", `"Bühne"`: ""} {
		d := newEditor(e, "/a", &monitor.Value{Address: "/a", Type: "string", Text: text})
		if got := d.value.String(); want != "" && got != "" || want == "" && got != text {
			t.Errorf("%s: the field says %q", text, got)
		}
		if want != "" && !strings.Contains(textOf(d.render(90, 20)), want) {
			t.Errorf("%s: no word of it", text)
		}
		if cmd := d.enter(); cmd != nil {
			t.Errorf("%s: Enter sends something", text)
		}
	}
}

func TestEditAsksBeforeAnEvent(t *testing.T) {
	s := newStateRig(t, 80, 12, "/a")
	s.keys("e")
	d := s.top()
	s.typeInto(d, "ctrl+e", "enter")
	question := s.top()
	if question == d || len(s.source.actions()) != 0 {
		t.Fatal("no question before an event")
	}
	if !s.typeInto(question, "enter") || len(s.source.actions()) != 0 {
		t.Error("Enter alone has sent it")
	}
	s.typeInto(question, "y")
	if done := s.source.actions(); len(done) != 1 || done[0].Kind != monitor.Emit || done[0].Type != "" {
		t.Errorf("asked for %v", done)
	}
}

func TestEditOfWhatIsNotThereYet(t *testing.T) {
	s := newStateRig(t, 80, 12, "/a/b")
	s.keys("home", "e")
	d := s.top()
	s.typeInto(d, "n", "enter", "t", "r", "u", "e", "enter")
	if want := []monitor.Action{{Kind: monitor.Set, Address: "/a/n", Value: "true"}}; !slices.Equal(s.source.actions(), want) {
		t.Errorf("asked for %v, want %v", s.source.actions(), want)
	}
}

func TestEditReadOnly(t *testing.T) {
	s := newStateRig(t, 80, 12, "/a")
	s.e.options.ReadOnly = true
	s.keys("e")
	if m, ok := s.other[len(s.other)-1].(flashMsg); !ok || !strings.Contains(m.text, "--tui-readonly") || s.top() != nil {
		t.Errorf("got %v", s.other)
	}
}

func TestReadTyped(t *testing.T) {
	for _, c := range []struct{ text, kind, want string }{
		{"1", "f64", "1"}, {"1e3", "f32", "1e3"}, {"-7", "i64", "-7"}, {"18446744073709551615", "u64", "18446744073709551615"},
		{"5", "string", `"5"`}, {`"a b"`, "string", `"a b"`}, {"a b", "", "a b"}, {"[1]", "array", "[1]"}, {`{"$float":"NaN"}`, "f64", `{"$float":"NaN"}`},
	} {
		if got, err := readTyped(c.text, c.kind); got != c.want || err != nil {
			t.Errorf("%q as %q: %q, %v", c.text, c.kind, got, err)
		}
	}
	for _, c := range [][2]string{{"", ""}, {"  ", "string"}, {"[1", ""}, {"1.5", "i64"}, {"yes", "bool"}, {"1", "map"}, {`"x`, "string"}, {"red", "f64"}} {
		if got, err := readTyped(c[0], c[1]); err == nil {
			t.Errorf("%q as %q is taken for %q", c[0], c[1], got)
		}
	}
}

func TestAddressDetail(t *testing.T) {
	s := newStateRig(t, 80, 12, "/a")
	lines := strings.Repeat("  \"line\",\n", 200)
	s.source.address = map[string]monitor.AddressDetail{"/a": {
		Value:  monitor.Value{Address: "/a", Type: "f64", Text: "1", Revision: 3, Writer: "c1", WriterName: "desk", Holder: "c2", HolderName: "lamp", Written: testStart},
		Pretty: lines, Strategy: "last writer wins", Stored: true, TTL: time.Minute, Announced: "f64, read and write", Subscribed: 120,
		Subscribers: []monitor.Subscription{{Session: "c3", Name: "wall", Pattern: "/**", Options: "at most 30/s"}},
	}}
	d := newAddressDetail(s.p, "/a")
	if text := textOf(d.render(100, 30)); !strings.Contains(text, "Asking the router") {
		t.Errorf("before the answer:\n%s", text)
	}
	answer, ok := d.ask()().(callMsg)
	if !ok || answer() == nil {
		t.Fatal("no answer, or no further look")
	}
	whole := textOf(d.render(100, 400))
	for _, want := range []string{"desk", "lamp", "last writer wins", "survives a restart", "1m0s", "f64, read and write", "wall", "at most 30/s", "120"} {
		if !strings.Contains(whole, want) {
			t.Errorf("without %q:\n%s", want, whole)
		}
	}
	d.key(press("end"))
	if text := textOf(d.render(100, 20)); !strings.Contains(text, "wall") {
		d.key(press("end"))
		if text = textOf(d.render(100, 20)); !strings.Contains(text, "wall") {
			t.Errorf("End does not show the last lines:\n%s", text)
		}
	}
	for _, size := range [][2]int{{100, 20}, {40, 7}, {20, 3}} {
		lines := d.render(size[0], size[1])
		checkLines(t, lines, min(size[0], detailWidth), size[1])
	}
	delete(s.source.address, "/a")
	answer, _ = d.ask()().(callMsg)
	answer()
	d.key(press("home"))
	if text := textOf(d.render(100, 20)); !strings.Contains(text, "no value now") {
		t.Errorf("it has gone:\n%s", text)
	}
	if cmd, over := d.key(press("Y")); over || cmd == nil {
		t.Error("the last value cannot be copied")
	}
	if _, over := d.key(press("esc")); !over {
		t.Error("Esc does not close it")
	}
}

// What the list of addresses takes is counted, with and without a filter.
func TestStateWeighs(t *testing.T) {
	names := manyAddresses(10_000)
	text := uint64(0)
	for _, name := range names {
		text += uint64(len(name))
	}
	s := newStateRig(t, 100, 48, names...)
	whole := s.p.weight()
	if whole < text+10_000*32 || whole > 20*text {
		t.Errorf("10,000 addresses of %d bytes weigh %d", text, whole)
	}
	few := newStateRig(t, 100, 48, names[:100]...)
	if w := few.p.weight(); w >= whole/50 {
		t.Errorf("100 of them weigh %d, all %d", w, whole)
	}
	none := &strip{past: map[string]*history{}}
	if none.weight() != 0 {
		t.Error("no pins weigh something")
	}
	none.toggle("/a")
	if none.weight() < historySize*8 {
		t.Errorf("a pin weighs %d", none.weight())
	}
}

func BenchmarkStateFrame100k(b *testing.B) {
	s := newStateRig(b, 100, 48, manyAddresses(100_000)...)
	s.keys("+")
	s.source.frame.Values = s.source.frame.Values[:100]
	f := testFrame(0, 0)
	var q monitor.Query
	s.p.want(&q)
	f.Frame = s.source.answer(q)
	b.ResetTimer()
	for b.Loop() {
		q = monitor.Query{}
		s.p.want(&q)
		s.p.apply(f)
		s.p.render(true)
	}
}
