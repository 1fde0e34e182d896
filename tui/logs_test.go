package tui

// The Logs pane: filters, following, marks, the flood, and files that are not overwritten.

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/clasp-studio/clasp/router/monitor"
)

// logsTest is a pane on a screen that is fed lines.
type logsTest struct {
	*logsPanel
	t    testing.TB
	seq  uint64
	sent []tea.Msg
}

func newLogsTest(t testing.TB) *logsTest {
	t.Helper()
	e, _, _ := newTestEnv(t)
	p := &logsTest{logsPanel: newLogs(e).(*logsPanel), t: t}
	p.resize(100, 10)
	return p
}

// feed brings a frame with lines of a level.
func (p *logsTest) feed(level monitor.Level, session string, texts ...string) {
	f := testFrame(0, 0)
	f.Logs = monitor.LogPage{}
	for _, text := range texts {
		p.seq++
		f.Logs.Lines = append(f.Logs.Lines, monitor.Line{Seq: p.seq, At: testStart, Level: level, Text: text, Session: session, Attrs: "session=" + session})
	}
	f.Logs.Next = p.seq + 1
	p.apply(f)
}

func (p *logsTest) draw() string {
	p.t.Helper()
	lines := p.render(true)
	checkLines(p.t, lines, p.w, p.h)
	return textOf(lines)
}

func (p *logsTest) press(names ...string) {
	for _, name := range names {
		cmd, _ := p.key(press(name))
		p.sent = append(p.sent, run(cmd)...)
	}
}

// typed presses a key for each letter.
func (p *logsTest) typed(s string) {
	for _, c := range s {
		p.key(press(string(c)))
	}
}

func (p *logsTest) last() tea.Msg { return p.sent[len(p.sent)-1] }

func numbered(from, to int) (texts []string) {
	for i := from; i < to; i++ {
		texts = append(texts, fmt.Sprintf("line %05d", i))
	}
	return texts
}

func TestLogLevels(t *testing.T) {
	p := newLogsTest(t)
	for l := monitor.LevelTrace; l <= monitor.LevelError; l++ {
		p.feed(l, "", "about "+logsLevels[l])
	}
	for presses, want := range []int{3, 2, 1, 1} {
		for range 9 {
			p.press("<")
		}
		if n := len(p.hits.numbers); n != 5 || !strings.Contains(p.title(), "all levels") {
			t.Fatalf("all levels: %d, %q", n, p.title())
		}
		p.press(">", ">")
		for range presses {
			p.press(">")
		}
		if n := len(p.hits.numbers); n != want {
			t.Errorf("%d presses: %d lines, want %d", presses, n, want)
		}
	}
	if s := p.draw(); !strings.Contains(s, "ERROR about errors") || strings.Contains(s, "about warnings") {
		t.Errorf("errors only:\n%s", s)
	}
	if !strings.Contains(p.title(), "errors") {
		t.Errorf("title %q", p.title())
	}
}

func TestLogFilter(t *testing.T) {
	p := newLogsTest(t)
	p.feed(monitor.LevelInfo, "c1", "dog in", "cat in", "Dog out")
	p.press("/")
	if !p.typing() {
		t.Fatal("not typing")
	}
	p.typed("dog")
	if n := len(p.hits.numbers); n != 2 {
		t.Fatalf("%d lines while it is typed", n)
	}
	p.draw()
	p.press("enter")
	if p.typing() || !strings.Contains(p.title(), "/dog") || !strings.Contains(p.title(), "2 of 3") {
		t.Errorf("title %q", p.title())
	}
	p.feed(monitor.LevelInfo, "c1", "cat", "dog three")
	if n := len(p.hits.numbers); n != 3 {
		t.Errorf("%d lines with new ones", n)
	}
	p.press("/")
	p.typed("xx")
	p.press("esc")
	if n := len(p.hits.numbers); p.filter.text != "dog" || n != 3 {
		t.Errorf("esc: %q, %d lines", p.filter.text, n)
	}
	p.press("/", "ctrl+u")
	p.typed("~(")
	if s := p.draw(); p.filter.wrong == "" || !strings.Contains(s, "■") {
		t.Errorf("what is wrong is not said:\n%s", s)
	}
	p.press("enter")
	if p.filter.text != "dog" {
		t.Errorf("a wrong filter is kept: %q", p.filter.text)
	}
	p.press("esc")
	if n := len(p.hits.numbers); p.filter.text != "" || n != 5 {
		t.Errorf("esc outside: %q, %d lines", p.filter.text, n)
	}
	if _, handled := p.key(press("esc")); handled {
		t.Error("esc with nothing to undo is kept")
	}
}

// Tab makes a filter a search: nothing is hidden, n and N go to the hits.
func TestLogSearch(t *testing.T) {
	p := newLogsTest(t)
	p.feed(monitor.LevelInfo, "", numbered(0, 100)...)
	p.press("/")
	p.typed("5")
	p.press("tab", "enter", "home")
	if n := len(p.hits.numbers); n != 100 {
		t.Fatalf("%d lines: some are hidden", n)
	}
	var at []int
	for range 4 {
		p.press("n")
		at = append(at, p.list.at)
	}
	p.press("N")
	if got := fmt.Sprint(at, p.list.at); got != "[5 15 25 35] 25" {
		t.Errorf("hits at %s", got)
	}
	p.press("end", "n")
	if f := p.last().(flashMsg); !strings.Contains(f.text, "no further hit") {
		t.Errorf("flash %q", f.text)
	}
	p.press("esc", "home") // without a search: warnings
	p.feed(monitor.LevelWarn, "", "beware")
	p.press("n")
	if p.list.at != 100 {
		t.Errorf("warning at %d", p.list.at)
	}
}

func TestLogFollow(t *testing.T) {
	p := newLogsTest(t)
	p.feed(monitor.LevelInfo, "", numbered(0, 50)...)
	if s := p.draw(); !strings.Contains(s, "line 00049") {
		t.Fatalf("not at the end:\n%s", s)
	}
	p.press("up")
	p.feed(monitor.LevelInfo, "", numbered(50, 60)...)
	if s := p.draw(); strings.Contains(s, "line 00059") || !strings.Contains(p.title(), "10 new") {
		t.Errorf("follows after a step up: %s\n%s", p.title(), s)
	}
	number, _ := p.selected()
	p.feed(monitor.LevelInfo, "", numbered(60, 4000)...)
	if now, _ := p.selected(); now != number {
		t.Errorf("the cursor went from line %d to %d", number, now)
	}
	before := p.draw()
	p.feed(monitor.LevelInfo, "", numbered(4000, 5020)...) // 20 lines of the front go
	if p.draw() != before {
		t.Errorf("what is read has moved:\n%s\n%s", before, p.draw())
	}
	p.press("end")
	if s := p.draw(); !strings.Contains(s, "line 05019") || strings.Contains(p.title(), "new") {
		t.Errorf("end does not follow: %s\n%s", p.title(), s)
	}
	p.feed(monitor.LevelInfo, "", "the last")
	if s := p.draw(); !strings.Contains(s, "the last") {
		t.Errorf("does not follow:\n%s", s)
	}
	p.wheel(-1)
	if p.follow {
		t.Error("follows after the wheel")
	}
}

func TestLogsOfAClient(t *testing.T) {
	p := newLogsTest(t)
	p.feed(monitor.LevelInfo, "c1", "one")
	p.feed(monitor.LevelInfo, "c2", "two")
	p.show(gotoMsg{pane: logsPane, session: "c2"})
	if s := p.draw(); strings.Contains(s, "one") || !strings.Contains(s, "two") || !strings.Contains(p.title(), "client c2") {
		t.Errorf("%s\n%s", p.title(), s)
	}
	p.press("esc")
	if n := len(p.hits.numbers); n != 2 {
		t.Errorf("%d lines after esc", n)
	}
}

func TestLogWrapAndTimes(t *testing.T) {
	p := newLogsTest(t)
	p.resize(60, 8)
	p.feed(monitor.LevelInfo, "", numbered(0, 20)...)
	long := strings.Repeat("long words ", 20) + "theend"
	p.feed(monitor.LevelInfo, "", long)
	if s := p.draw(); strings.Contains(s, "theend") || !strings.Contains(s, "…") {
		t.Errorf("not cut:\n%s", s)
	}
	p.press("w")
	if s := p.draw(); !strings.Contains(s, "theend") {
		t.Errorf("not wrapped:\n%s", s)
	}
	// However one walks, the cursor's line is on the screen.
	for _, name := range append([]string{"home", "pgdown", "pgdown", "end", "pgup", "t", "t"}, strings.Split(strings.Repeat("up ", 30)+strings.Repeat("down ", 40), " ")...) {
		if name == "" {
			continue
		}
		p.press(name)
		p.draw()
		if _, _, ok := p.cursor(); !ok {
			t.Fatalf("after %s the cursor's line is not on the screen:\n%s", name, p.draw())
		}
	}
	if p.times != logsNoTime || strings.Contains(p.draw(), ":15:00") {
		t.Errorf("times:\n%s", p.draw())
	}
}

func TestLogMarksAndCopies(t *testing.T) {
	p := newLogsTest(t)
	p.feed(monitor.LevelInfo, "", numbered(0, 20)...)
	p.press("home", "y")
	if m := p.last().(copyMsg); !strings.Contains(m.text, "line 00000") || strings.Contains(m.text, "\n") {
		t.Errorf("y: %+v", m)
	}
	p.press("v", "down", "v", "y") // 0 and 2
	if m := p.last().(copyMsg); strings.Count(m.text, "\n") != 1 || !strings.Contains(m.text, "line 00002") || m.what != "2 lines" {
		t.Errorf("marked: %+v", m)
	}
	if s := p.draw(); !strings.Contains(s, "★") || !strings.Contains(p.title(), "2 marked") {
		t.Errorf("marks are not shown: %s\n%s", p.title(), s)
	}
	p.press("Y")
	if m := p.last().(copyMsg); strings.Count(m.text, "\n") != 19 {
		t.Errorf("Y: %d lines", strings.Count(m.text, "\n"))
	}
}

// saved opens the dialog, types a path and presses the button.
func (p *logsTest) saved(path string) tea.Msg {
	p.t.Helper()
	p.press("s")
	f := p.last().(overlayMsg).overlay.(*form)
	f.key(press("ctrl+e"))
	f.key(press("ctrl+u"))
	for _, c := range path {
		f.key(press(string(c)))
	}
	f.key(press("enter"))
	cmd, done := f.key(press("enter"))
	if !done {
		p.t.Fatalf("the dialog stays: %s", f.wrong)
	}
	return run(cmd)[0]
}

func TestLogSave(t *testing.T) {
	p := newLogsTest(t)
	p.feed(monitor.LevelInfo, "", numbered(0, 20)...)
	path := filepath.Join(t.TempDir(), "a.txt")
	if m := p.saved(path).(flashMsg); m.bad || !strings.Contains(m.text, "20 lines saved") {
		t.Fatalf("%+v", m)
	}
	first, err := os.ReadFile(path)
	if err != nil || strings.Count(string(first), "\n") != 20 {
		t.Fatalf("%d lines, %v", strings.Count(string(first), "\n"), err)
	}
	p.feed(monitor.LevelInfo, "", "one more")
	ask := p.saved(path).(overlayMsg).overlay // it is there already
	if now, _ := os.ReadFile(path); string(now) != string(first) {
		t.Fatal("overwritten without asking")
	}
	if cmd, _ := ask.key(press("enter")); cmd != nil {
		t.Error("enter overwrites")
	}
	cmd, _ := ask.key(press("y"))
	if m := run(cmd)[0].(flashMsg); m.bad {
		t.Errorf("%+v", m)
	}
	if now, _ := os.ReadFile(path); !strings.Contains(string(now), "one more") {
		t.Error("not overwritten after yes")
	}
	for _, wrong := range []string{filepath.Dir(path), filepath.Join(path, "x"), "/dev/null"} {
		if m, ok := p.saved(wrong).(flashMsg); !ok || !m.bad || !strings.Contains(m.text, "not saved") {
			t.Errorf("%s: %+v", wrong, m)
		}
	}
	if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
}

func TestLogPrivacy(t *testing.T) {
	p := newLogsTest(t)
	p.e.private = true
	p.feed(monitor.LevelInfo, "c1", "client from 192.168.1.7:4000 name=Ana came")
	if s := p.draw(); strings.Contains(s, "192.168") || strings.Contains(s, "Ana") {
		t.Errorf("can be seen:\n%s", s)
	}
	p.press("y")
	if m := p.last().(copyMsg); strings.Contains(m.text, "192.168") {
		t.Errorf("can be copied: %s", m.text)
	}
}

// Lines that come twice, because a frame was asked for before the last one came, are there
// once; a router that starts anew counts anew.
func TestLogSequence(t *testing.T) {
	p := newLogsTest(t)
	f := testFrame(0, 0)
	p.apply(f)
	p.apply(f)
	if n := len(p.ring.lines); n != 50 {
		t.Errorf("%d lines", n)
	}
	g := testFrame(0, 0)
	g.Overview.Started = testStart
	g.Logs.Lines = g.Logs.Lines[:10]
	g.Logs.Next = 11
	p.apply(g)
	if n := len(p.ring.lines); n != 60 || p.since != 11 {
		t.Errorf("after a restart: %d lines, asks from %d", n, p.since)
	}
	h := testFrame(0, 0)
	h.Overview.Started = testStart.Add(time.Hour)
	h.Logs = monitor.LogPage{Lines: []monitor.Line{{Seq: 5, Text: "the last of many"}}, Next: 6}
	p.apply(h)
	if n := len(p.ring.lines); n != 61 || p.since != 6 {
		t.Errorf("after a restart that was long ago: %d lines, the next one is %d", n, p.since)
	}
	p.apply(g)
	g.Logs = monitor.LogPage{Lines: []monitor.Line{{Seq: 900, Text: "x"}}, Next: 901, Dropped: 889}
	p.apply(g)
	if !strings.Contains(p.title(), "889 lost") {
		t.Errorf("title %q", p.title())
	}
}

func TestLogsFitEverySize(t *testing.T) {
	p := newLogsTest(t)
	p.draw()
	p.apply(testFrame(0, 0))
	p.feed(monitor.LevelError, "", strings.Repeat("日本", 100), "e\u0301", "")
	for _, keys := range [][]string{{}, {"w"}, {"/", "x"}} {
		p.press(keys...)
		for w := 1; w < 130; w += 8 {
			for _, h := range []int{1, 2, 3, 10, 40} {
				p.resize(w, h)
				checkLines(t, p.render(true), w, h)
			}
		}
	}
	if s := p.draw(); !strings.Contains(s, "None of") {
		t.Errorf("an empty list is not explained:\n%s", s)
	}
}

// One line in full, with its attributes apart.
func TestLogDetail(t *testing.T) {
	p := newLogsTest(t)
	p.feed(monitor.LevelWarn, "c7", "slow")
	p.press("enter")
	d := p.last().(overlayMsg).overlay.(*logsDetail)
	d.line.Attrs = `a=1 b="two words" c=3`
	if s := textOf(d.render(80, 20)); !strings.Contains(s, `b="two words" `) || !strings.Contains(s, "WARN") || strings.Contains(s, "a=1 b") {
		t.Errorf("detail:\n%s", s)
	}
	cmd, _ := d.key(press("L"))
	if g := run(cmd)[0].(gotoMsg); g.session != "c7" || g.pane != logsPane {
		t.Errorf("%+v", g)
	}
	for w := 1; w < 120; w += 7 {
		for h := 1; h < 30; h += 3 {
			if n := len(d.render(w, h)); n > h {
				t.Errorf("%dx%d: %d lines", w, h, n)
			}
		}
	}
}

// What a flood costs: the ring stays as long as it is, and a frame without new lines costs
// what is on the screen.
func TestLogFlood(t *testing.T) {
	p := newLogsTest(t)
	f := testFrame(0, 0)
	f.Logs.Lines = nil
	for i := range 100_000 {
		f.Logs.Lines = append(f.Logs.Lines, monitor.Line{Seq: uint64(i + 1), At: testStart, Text: "flood", Level: monitor.LevelInfo})
	}
	f.Logs.Next = 100_001
	p.apply(f)
	if len(p.ring.lines) != logsKept || len(p.hits.numbers) != logsKept || cap(p.hits.numbers) > 8*logsKept {
		t.Errorf("%d lines, %d hits in %d", len(p.ring.lines), len(p.hits.numbers), cap(p.hits.numbers))
	}
	if w := p.weight(); w < logsKept*100 || w > 32<<20 {
		t.Errorf("weighs %d bytes", w)
	}
	all := testing.AllocsPerRun(5, func() { p.render(true) })
	one := newLogsTest(t)
	one.feed(monitor.LevelInfo, "", "flood", "flood", "flood", "flood", "flood", "flood", "flood", "flood", "flood", "flood")
	few := testing.AllocsPerRun(5, func() { one.render(true) })
	if all > 2*few+50 {
		t.Errorf("drawing takes %v allocations with a full ring, %v with ten lines", all, few)
	}
}

func BenchmarkLogsFrame(b *testing.B) {
	p := newLogsTest(b)
	p.resize(200, 50)
	f := testFrame(0, 0)
	f.Logs.Lines = make([]monitor.Line, logsKept) // 20 times a second: 100,000 lines a second
	var seq uint64
	for b.Loop() {
		for i := range f.Logs.Lines {
			seq++
			f.Logs.Lines[i] = monitor.Line{Seq: seq, At: testStart, Text: "a client has come", Attrs: "session=c1 remote=10.0.0.7:4000", Level: monitor.LevelInfo}
		}
		f.Logs.Next = seq + 1
		p.apply(f)
		p.render(true)
	}
	b.ReportMetric(float64(b.Elapsed())/float64(time.Millisecond)/float64(b.N), "ms/frame")
}
