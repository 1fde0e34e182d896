package tui

// Pictures of every pane at every size, as text: what changes in them is seen in the diff of
// testdata. `go test ./tui -run TestGolden -update` draws them anew.

import (
	"context"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/clasp-studio/clasp/pairing"
	"github.com/clasp-studio/clasp/router/monitor"
)

var update = flag.Bool("update", false, "write the files that the tests of pictures compare with")

// goldenFor is how long the router of a picture has been looked at: charts need a past.
const goldenFor = 40

// newGolden is a bench on which nothing depends on how long anything takes: commands that wait
// return at once, because their context has ended.
func newGolden(t testing.TB, w, h int, plain bool) *bench {
	t.Helper()
	e, clock, source := newTestEnv(t)
	if plain {
		plainTestEnv(e)
		e.options.Theme = "mono"
	}
	source.frame = goldenFrame()
	for i := range source.frame.Values {
		source.index = append(source.index, source.frame.Values[i].Address)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	b := &bench{newRoot(ctx, e, []string{"TERM=xterm-256color", "LANG=C.UTF-8"}), t, clock, source}
	b.Update(sizeMsg(w, h))
	return b
}

// goldenFrame is a studio with something of everything.
func goldenFrame() monitor.Frame {
	f := testFrame(24, 240).Frame
	f.Pairing.Knocks[1].Known, f.Pairing.Knocks[1].KnownFrom = "lighting", "192.168.1.12"
	f.Pairing.Devices = []monitor.Device{
		{ID: "d1", Name: "Front of house", Profile: "operate", Online: 1, LastSeen: testStart, Confirmed: true},
		{ID: "d2", Name: "Stage left", Profile: "look", LastSeen: testStart.Add(-49 * time.Hour), Lifetime: pairing.LifetimeShow, Confirmed: true},
	}
	f.Pairing.Invites = []monitor.Invite{{ID: "i1", Name: "Guest", Profile: "look", PIN: "730194", Expires: testStart.Add(4 * time.Minute)}}
	f.Values[3].Type, f.Values[3].Text, f.Values[3].Numeric = "string", `"warm white"`, false
	f.Values[4].Holder, f.Values[4].HolderName = "c000002", "desk 002"
	return f
}

// live lets seconds pass in which the router works.
func (b *bench) live() {
	b.t.Helper()
	for i := range goldenFor {
		f := &b.source.frame
		f.Seq++
		b.clock.advance(time.Second)
		f.At = b.clock.now()
		n := uint64(9000 + 4000*math.Sin(float64(i)/5))
		f.Overview.Totals.MessagesIn += n
		f.Overview.Totals.MessagesOut += 3 * n
		f.Overview.Totals.BytesIn += 40 * n
		f.Overview.Totals.BytesOut += 120 * n
		f.Overview.Totals.Writes += n / 2
		v := &f.Values[i%5]
		v.Revision++
		v.Written = f.At
		b.look()
	}
	f := &b.source.frame
	f.Pairing.Knocks[1].Expires = b.clock.now().Add(90 * time.Second)
	f.Pairing.Invites[0].Expires = b.clock.now().Add(4 * time.Minute)
	b.look()
}

// look gets a frame, draws it, and carries out all that has been asked for.
func (b *bench) look() {
	b.t.Helper()
	for _, msg := range atOnce(b.feed.fetch(b.query())) {
		b.deliver(msg)
	}
	b.View()
}

// atOnce is run without the commands that wait for a while.
func atOnce(cmd tea.Cmd) []tea.Msg {
	return runBut(cmd, func(c tea.Cmd) bool {
		return strings.Contains(runtime.FuncForPC(reflect.ValueOf(c).Pointer()).Name(), "bubbletea/v2.Tick")
	})
}

// deliver gives the model a message, and all that its commands answer.
func (b *bench) deliver(msg any) {
	b.t.Helper()
	if _, again := msg.(dueMsg); again {
		return // the next frame is asked for by the test
	}
	_, cmd := b.Update(msg)
	for _, more := range atOnce(cmd) {
		b.deliver(more)
	}
}

// tap presses keys that no waiting follows.
func (b *bench) tap(names ...string) {
	b.t.Helper()
	for _, name := range names {
		b.deliver(press(name))
	}
}

// golden compares a picture with its file.
func golden(t *testing.T, name, got string) {
	t.Helper()
	lines := strings.Split(got, "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	// An escape code that can be read, and no line that git takes for something else.
	got = strings.ReplaceAll(strings.Join(lines, "\n"), "\x1b", "␛") + "\n"
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got == string(want) {
		return
	}
	was := strings.Split(string(want), "\n")
	for i, line := range strings.Split(got, "\n") {
		if i >= len(was) || line != was[i] {
			before := ""
			if i < len(was) {
				before = was[i]
			}
			t.Fatalf("%s is not what it was from line %d on:\n%s\nwas\n%s\nall of it:\n%s\nif it is meant: go test ./tui -run TestGolden -update", path, i+1, line, before, got)
		}
	}
	t.Fatalf("%s is shorter than it was:\n%s", path, got)
}

var goldenSizes = [][2]int{{200, 50}, {120, 30}, {80, 24}, {60, 20}, {40, 10}, {39, 9}}

// Every pane at every size, in colour (without its codes) and without colour and Unicode.
func TestGoldenPanes(t *testing.T) {
	for id := range panes {
		for _, size := range goldenSizes {
			for _, plain := range []bool{false, true} {
				name := fmt.Sprintf("%s-%dx%d-%s", strings.ToLower(paneNames[id]), size[0], size[1], map[bool]string{false: "dark", true: "mono-ascii"}[plain])
				if size[0] < minWidth && id > 0 {
					continue // all panes look the same there
				}
				t.Run(name, func(t *testing.T) {
					b := newGolden(t, size[0], size[1], plain)
					b.tap(fmt.Sprint(int(id) + 1))
					b.live()
					if id == statePane {
						b.tap("down", "right", "down", "p") // values, one of them watched
						b.deliver(flashEndMsg{b.flashGen})
						b.look()
					}
					golden(t, name, b.text())
				})
			}
		}
	}
}

// What is bold, what is dim and which row is selected, of some.
func TestGoldenStyles(t *testing.T) {
	for _, c := range []struct {
		pane, theme string
		plain       bool
	}{
		{"1", "dark", false}, {"3", "light", false}, {"2", "mono", true}, {"3", "mono", true}, {"4", "mono", true},
	} {
		name := fmt.Sprintf("styled-%s-%s", c.pane, c.theme)
		t.Run(name, func(t *testing.T) {
			b := newGolden(t, 80, 24, c.plain)
			b.e.theme = newTheme(c.theme, true, false)
			b.epoch++
			b.tap(c.pane)
			b.live()
			b.tap("down", "right", "down")
			b.look()
			golden(t, name, b.View().Content)
		})
	}
}

// Dialogs, over the pane that they belong to.
func TestGoldenDialogs(t *testing.T) {
	for name, keys := range map[string][]string{
		"help": {"?"}, "palette": {":", "f"}, "quit": {"q"}, "detach": {"D"}, "disconnect": {"2", "x"}, "ban": {"2", "b"}, "columns": {"2", "c"},
		"edit": {"3", "end", "e"}, "filter": {"3", "/", "p", "0", "1"}, "grant": {"4", "e"}, "invite": {"4", "i"}, "revoke": {"4", "end", "x"}, "frozen": {"3", "space"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newGolden(t, 80, 24, false)
			b.live()
			b.tap(keys...)
			b.look()
			golden(t, "dialog-"+name, b.text())
		})
	}
}

// Without colours the row under the cursor, who is slow and who wants in are said in words
// and with what a terminal without colours has.
func TestGoldenWithoutColours(t *testing.T) {
	b := newGolden(t, 80, 24, true)
	b.colours("Ascii") // NO_COLOR
	b.live()
	for _, c := range []struct {
		key  string
		want []string
	}{
		{"2", []string{"SLOW", "PAIR 2", "desk"}}, {"3", []string{"PAIR 2", "show"}}, {"4", []string{"Ana's phone", "waits", "PIN shown", "PAIR 2"}},
	} {
		b.tap(c.key)
		b.look()
		b.see(c.want...)
		reverse := 0
		for _, line := range strings.Split(b.View().Content, "\n") {
			if colours := foreign(line, ""); colours != "" {
				t.Errorf("pane %s has the code %q without colours", c.key, colours)
			}
			if body, found := strings.CutPrefix(line, "\x1b[7m"); found || strings.Contains(line, "\x1b[7m") {
				if strings.TrimSpace(ansi.Strip(body)) != "" {
					reverse++
				}
			}
		}
		if reverse == 0 {
			t.Errorf("pane %s has no row under a cursor:\n%q", c.key, b.View().Content)
		}
	}
}
