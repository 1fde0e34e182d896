package tui

// What an operator, a cat and a busy studio do to the dashboard: keys and sizes at random,
// more clients and log lines than anybody can read. Nothing of it may do anything that was
// not asked for, or grow without bound.

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"

	"github.com/clasp-studio/clasp/router/monitor"
)

// mashOracle knows what has been on the screen, and from it alone what a key may do.
type mashOracle struct {
	since map[string]time.Time // of requests, while they are in sight where keys answer them
	asked map[string]int       // what was done, by kind
}

// look notes what is on the screen before a key.
func (o *mashOracle) look(b *bench, text string) {
	now := b.clock.now()
	if b.focus != pairingPane || b.top() != nil {
		clear(o.since)
		return
	}
	for _, k := range b.source.frame.Pairing.Knocks {
		if _, known := o.since[k.ID]; !strings.Contains(text, k.Match) { // names may be masked
			delete(o.since, k.ID)
		} else if !known {
			o.since[k.ID] = now
		}
	}
}

// may says why an action is wrong after a key on a screen, "" if it is as it should be.
func (o *mashOracle) may(b *bench, a monitor.Action, key, text string, dialog overlay) string {
	o.asked[string(a.Kind)]++
	yes := key == "y" || key == "Y" || key == "enter" && strings.Contains(text, "[ Yes ]")
	question := func(words string) string {
		if _, is := dialog.(*confirm); !is || !yes || !strings.Contains(text, words) {
			return "without an answer to its question"
		}
		return ""
	}
	switch a.Kind {
	case monitor.Approve, monitor.Deny:
		since, seen := o.since[a.ID]
		if want := map[monitor.ActionKind]string{monitor.Approve: "y", monitor.Deny: "n"}[a.Kind]; key != want || dialog != nil || b.focus != pairingPane {
			return "with the wrong key, or from elsewhere"
		}
		if !seen || b.clock.now().Sub(since) < 500*time.Millisecond {
			return fmt.Sprintf("after it was on the screen for %v (%v), and not for half a second", b.clock.now().Sub(since), seen)
		}
		if a.Kind == monitor.Approve && a.Profile == "operate" && !strings.Contains(text, "y again to confirm") {
			return "with write access and without its question"
		}
		return ""
	case monitor.Unlock:
		return question("Unlock the PINs ")
	case monitor.Pick:
		if dialog != nil || b.focus != pairingPane || key != "p" {
			return "with the wrong key, or from elsewhere"
		}
		return ""
	case monitor.Disconnect:
		return question("Disconnect ")
	case monitor.Ban:
		return question("Ban ")
	case monitor.Revoke:
		return question("Revoke the device ")
	case monitor.CloseInvite:
		return question("Close the invite ")
	case monitor.SetProfile:
		return question("Make ")
	case monitor.Emit:
		return question("Send an event ")
	case monitor.Set:
		d, is := dialog.(*editor)
		if !is || key != "enter" || a.Value == "" {
			return "without Enter in its dialog"
		}
		if d.value.String() == d.filled {
			return "with what its field was filled with"
		}
		return ""
	case monitor.NewInvite, monitor.Rename:
		if f, is := dialog.(*form); !is || key != "enter" || f.at != len(f.fields) {
			return "without the button of its form"
		}
		return ""
	}
	return "which no key asks for"
}

// A minute at twenty thousand keys, the answers to questions among them, while devices ask to
// be let in and go again: whatever reaches the router was confirmed by what was on the screen.
func TestMashWithAnswers(t *testing.T) {
	t.Chdir(t.TempDir()) // a dialog of Logs writes files
	t.Setenv("HOME", t.TempDir())
	rnd := rand.New(rand.NewPCG(20, 26))
	b := newGolden(t, 100, 30, false)
	o := &mashOracle{since: map[string]time.Time{}, asked: map[string]int{}}
	names := []string{"0", "9", "w", "backspace", "ctrl+u", "ctrl+z", "ctrl+e", "ctrl+t", "alt+x", "y", "y", "y", "enter", "enter", "4", "P"}
	for _, a := range actions {
		names = append(names, a.keys...)
	}
	keys := 20_000
	if testing.Short() {
		keys = 2000
	}
	ends := 0
	for i := range keys {
		if i%11 == 0 {
			knocks := b.source.frame.Pairing.Knocks[:0:0]
			for j := range 3 {
				if rnd.IntN(4) > 0 {
					k := waiting(fmt.Sprintf("k%d-%d", j, i/200), fmt.Sprintf("Phone-%d-%d", j, i/200), []string{"look", "operate", ""}[j])
					k.Match = fmt.Sprintf("%02d-%02d", i/200%100, j+1)
					knocks = append(knocks, k)
				}
			}
			b.source.frame.Pairing.Knocks = knocks
			b.source.frame.Pairing.Locked = []string{"", "10 wrong ones"}[rnd.IntN(2)]
			b.source.frame.Seq++
		}
		if i%4 == 0 {
			b.clock.advance(time.Duration(rnd.IntN(900)) * time.Millisecond)
			b.look()
		}
		if i%500 == 0 {
			b.Update(sizeMsg(30+rnd.IntN(130), 6+rnd.IntN(44))) // on some of them nothing is to be seen
		}
		name := names[rnd.IntN(len(names))]
		if name == "/" && b.typing() { // no file outside of the folder of the test
			continue
		}
		text := ansi.Strip(b.View().Content)
		o.look(b, text)
		before, dialog, quitAsked := len(b.source.done), b.top(), b.quitAsked
		b.tap(name)
		for _, a := range b.source.done[before:] {
			if why := o.may(b, a, name, text, dialog); why != "" {
				t.Fatalf("key %d, %s: %s of %+v %s; the screen was\n%s", i, name, a.Kind, a, why, text)
			}
		}
		if b.ending {
			ends++
			c, is := dialog.(*confirm)
			twice := name == "ctrl+c" && b.clock.now().Sub(quitAsked) <= 2*time.Second
			if !twice && (!is || !c.leaving || !slices.Contains([]string{"y", "Y", "D", "enter"}, name)) {
				t.Fatalf("key %d, %s, has ended it; the screen was\n%s", i, name, text)
			}
			b.ending, b.keep, b.outcome = false, false, 0
		}
		for id, f := range b.broken {
			if f != nil {
				t.Fatalf("key %d, %s: %s: %s", i, name, paneNames[id], f)
			}
		}
		if strings.Contains(text, "has failed while") {
			t.Fatalf("key %d, %s: the screen is\n%s", i, name, text)
		}
	}
	t.Logf("%d keys: left %d times, %v", keys, ends, o.asked)
	// An oracle that is never asked says nothing.
	for _, kind := range []monitor.ActionKind{monitor.Approve, monitor.Deny, monitor.Disconnect, monitor.Set, monitor.Revoke} {
		if o.asked[string(kind)] == 0 && keys > 10_000 {
			t.Errorf("in %d keys nobody has asked for %s: this test tries too little", keys, kind)
		}
	}
}

// Sizes at random while all panes get frames, with dialogs open: every line fits, always.
func TestRandomSizes(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 14))
	b := newGolden(t, 120, 30, false)
	b.look()
	sizes := 2000
	if testing.Short() {
		sizes = 200
	}
	for i := range sizes {
		w, h := 1+rnd.IntN(300), 1+rnd.IntN(100)
		if rnd.IntN(3) > 0 { // most terminals are not that large
			w, h = 1+rnd.IntN(100), 1+rnd.IntN(30)
		}
		b.Update(sizeMsg(w, h))
		b.source.frame.Seq++
		b.source.frame.Overview.Totals.Writes += uint64(rnd.IntN(100_000))
		v := &b.source.frame.Values[rnd.IntN(100)]
		v.Text, v.Revision = strings.Repeat("x", rnd.IntN(300)), v.Revision+1
		b.source.frame.Clients.Rows[rnd.IntN(20)].Name = strings.Repeat("長い", rnd.IntN(40))
		b.clock.advance(time.Duration(rnd.IntN(1000)) * time.Millisecond)
		after := []string{"1", "2", "3", "4", "5", "z", "?", "esc", "enter", "esc", ":", "esc", "down", "end", "p", "right", "i", "esc", "e", "esc"}[i%20]
		b.tap(after)
		b.look()
		checkScreen(t, b, [2]int{w, h}, after, false)
		if x, y, ok := b.cursorAt(); ok && (x < 0 || x >= w || y < 0 || y >= h) {
			t.Errorf("%dx%d after %q: the cursor is at %d,%d", w, h, after, x, y)
		}
		if t.Failed() {
			t.FailNow()
		}
	}
}

// crowdSource has its clients in the table that the router's have.
type crowdSource struct {
	fakeSource
	all   []monitor.Client
	table monitor.Table
	now   func() time.Time
	most  int // rows in one answer
}

func (s *crowdSource) Frame(ctx context.Context, q monitor.Query) (monitor.Frame, error) {
	f, err := s.fakeSource.Frame(ctx, q)
	if q.Clients != nil {
		f.Clients = s.table.Page(func() []monitor.Client { return s.all }, *q.Clients, s.now())
	}
	s.most = max(s.most, len(f.Clients.Rows))
	return f, err
}

// Ten thousand clients: every one can be reached, by walking and by name, and no frame has
// more of them than the screen.
func TestTenThousandClients(t *testing.T) {
	const n = 10_000
	e, clock, fake := newTestEnv(t)
	s := &crowdSource{all: testFrame(n, 0).Clients.Rows, now: clock.now}
	s.frame, s.changed, s.rev = testFrame(20, 20).Frame, fake.changed, 1
	s.frame.Overview.Sessions = n
	for i := range s.all {
		s.all[i].Name, s.all[i].Slow = fmt.Sprintf("d%04d", i), false // short: the column may be narrow
	}
	e.source = s
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	b := &bench{newRoot(ctx, e, nil), t, clock, &s.fakeSource}
	b.Update(sizeMsg(160, 50))
	look := func() {
		t.Helper()
		clock.advance(time.Second) // the table is sorted anew a few times a second
		b.look()
		b.look()
		checkScreen(t, b, [2]int{160, 50}, "", false)
	}
	b.tap("2")
	look()
	b.see("10,000", "d0000")
	b.tap("end")
	look()
	b.see("d9999")
	b.tap("/", "d", "7", "7", "7", "7", "enter")
	look()
	b.see("d7777")
	b.miss("d9999")
	b.tap("esc")
	look()
	for range 12 { // every order
		b.tap("s")
		look()
	}
	if s.most > 100 {
		t.Errorf("a frame of a screen of 50 lines has %d clients", s.most)
	}
}

// floodSource has the log that the router's has.
type floodSource struct {
	fakeSource
	ring *monitor.Ring
	most int
}

func (s *floodSource) Frame(ctx context.Context, q monitor.Query) (monitor.Frame, error) {
	f, err := s.fakeSource.Frame(ctx, q)
	f.Logs = s.ring.Since(q.LogsSince, q.LogsMax)
	s.most = max(s.most, len(f.Logs.Lines))
	return f, err
}

// A flood of 100,000 log lines a second for ten seconds, at twenty frames of each: the last
// line is seen, what was missed is said, and what is kept stays bounded.
func TestLogFloodThroughTheRing(t *testing.T) {
	const frames, each = 200, 5000
	e, clock, fake := newTestEnv(t)
	s := &floodSource{ring: monitor.NewRing(5000)}
	s.frame, s.changed, s.rev = testFrame(20, 20).Frame, fake.changed, 1
	e.source = s
	log := slog.New(s.ring.Handler(nil))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	b := &bench{newRoot(ctx, e, nil), t, clock, &s.fakeSource}
	b.Update(sizeMsg(120, 40))
	b.tap("5")
	b.look()
	line := 0
	for i := range frames {
		for range each {
			line++
			log.Warn("flood", "line", line, "session", "c000001")
		}
		if i%10 == 9 { // a stall: half a second's lines at once, of which the ring has the last ones
			for range 10 * each {
				line++
				log.Warn("flood", "line", line)
			}
		}
		clock.advance(50 * time.Millisecond)
		b.look()
		checkScreen(t, b, [2]int{120, 40}, "a frame of the flood", false)
	}
	for range 5000/logsPerFrame + 1 { // an answer has a part of what the ring has
		b.look()
	}
	b.see(fmt.Sprintf("line=%d", line))
	if p := b.panes[logsPane].(weigher); p.weight() > 4<<20 {
		t.Errorf("the log pane holds %d bytes", p.weight())
	}
	if s.most > monitor.MaxLogs {
		t.Errorf("%d lines in one frame", s.most)
	}
	b.tap("z") // the title says what was missed
	b.look()
	b.see(" lost")
}

// What the dashboard of a busy studio holds stays below what the help says it may.
func TestMemoryBudget(t *testing.T) {
	const clients, addresses = 1000, 100_000
	e, clock, source := newTestEnv(t)
	source.frame = testFrame(clients, 2000).Frame
	for i := range addresses {
		source.index = append(source.index, testAddress(i))
	}
	source.frame.Overview.Params = addresses
	source.frame.Logs.Lines = nil
	for i := range 5000 {
		source.frame.Logs.Lines = append(source.frame.Logs.Lines, monitor.Line{Seq: uint64(i + 1), At: testStart, Level: monitor.LevelWarn, Text: strings.Clone("a line like others"), Attrs: strings.Clone("session=c000001 remote=192.168.1.7:40001")})
	}
	source.frame.Logs.Next = 5001
	before := heapInUse()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	b := &bench{newRoot(ctx, e, nil), t, clock, source}
	b.Update(sizeMsg(200, 50))
	for _, k := range []string{"2", "3", "4", "5", "1", "3"} {
		b.tap(k)
		for range 3 {
			source.frame.Seq++
			clock.advance(time.Second)
			b.look()
		}
	}
	b.tap("+") // all 100,000 open
	for range 10 {
		clock.advance(time.Second)
		b.look()
	}
	b.see("100,000 addresses")
	held := int64(heapInUse()) - int64(before)
	t.Logf("the dashboard holds %d KiB, and counts %d KiB", held>>10, b.weight()>>10)
	if held > memoryBudget {
		t.Errorf("the dashboard holds %d bytes, and may %d", held, memoryBudget)
	}
	runtime.KeepAlive(b)
}

func heapInUse() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// Ceilings of what a frame and a screen allocate, at 200x50 with all panes changed. Times are
// the benchmarks': BenchmarkView200x50.
func TestAllocationsOfAFrame(t *testing.T) {
	b := newGolden(t, 200, 50, false)
	b.tap("3")
	b.live()
	taken := func(what string, most float64, do func()) {
		t.Helper()
		got := testing.AllocsPerRun(50, do)
		t.Logf("%s: %v allocations", what, got)
		if got > most {
			t.Errorf("%s takes %v allocations, and may %v", what, got, most)
		}
	}
	msg := b.feed.fetch(b.query())().(frameMsg)
	taken("a frame", 1500, func() {
		msg.gen = b.feed.gen
		msg.frame.Seq++
		for i := range msg.frame.Values {
			msg.frame.Values[i].Revision++
		}
		b.Update(msg)
	})
	taken("a screen of which everything is new", 6000, func() {
		b.epoch++
		b.dirty = true
		b.View()
	})
	taken("a screen on which nothing is new", 1, func() { b.View() })
}
