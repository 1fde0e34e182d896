package tui

// What the tests of all panes share: an environment with a clock that stands still, a
// source that answers from memory and notes what it was asked to do, frames of any size.

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/clasp-studio/clasp/pairing"
	"github.com/clasp-studio/clasp/router/monitor"
)

// testStart is the time at which the clock of a test stands.
var testStart = time.Date(2026, 11, 23, 20, 15, 0, 0, time.UTC)

// TestMain has the screens say the same times wherever they are tested.
func TestMain(m *testing.M) {
	time.Local = time.UTC
	m.Run()
}

// testClock is a clock that only a test moves.
type testClock struct {
	mu sync.Mutex
	at time.Time
}

func (c *testClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *testClock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// fakeSource answers from what a test has put into it.
type fakeSource struct {
	mu      sync.Mutex
	frame   monitor.Frame
	index   []string
	rev     uint64
	client  map[string]monitor.ClientDetail
	address map[string]monitor.AddressDetail
	err     error                                        // of Frame
	do      func(monitor.Action) (monitor.Result, error) // nil: everything works
	done    []monitor.Action
	asked   []monitor.Query
	changed chan struct{}
}

func (s *fakeSource) Wait(ctx context.Context, _ uint64) {
	select {
	case <-s.changed:
	case <-ctx.Done():
	case <-time.After(time.Second):
	}
}

// tell ends a Wait.
func (s *fakeSource) tell() {
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

func (s *fakeSource) Frame(_ context.Context, q monitor.Query) (monitor.Frame, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, q)
	if len(s.asked) > 1000 {
		s.asked = s.asked[1:]
	}
	if s.err != nil {
		return monitor.Frame{}, s.err
	}
	return s.answer(q), nil
}

// answer cuts out of the frame what was asked for, as a router does. The caller locks.
func (s *fakeSource) answer(q monitor.Query) monitor.Frame {
	f := s.frame
	f.Values = make([]monitor.Value, 0, len(q.Values))
	for _, a := range q.Values {
		i := slices.IndexFunc(s.frame.Values, func(v monitor.Value) bool { return v.Address == a })
		if i < 0 {
			f.Values = append(f.Values, monitor.Value{Address: a, Missing: true})
			continue
		}
		f.Values = append(f.Values, s.frame.Values[i])
	}
	f.Branches = make([]monitor.Branch, 0, len(q.Branches))
	for _, a := range q.Branches {
		b := monitor.Branch{Address: a, Rate: -1}
		for _, v := range s.frame.Values {
			if strings.HasPrefix(v.Address, a+"/") {
				b.Count++
				b.Writes += v.Revision
			}
		}
		f.Branches = append(f.Branches, b)
	}
	all := s.frame.Clients.Rows
	f.Clients = monitor.ClientPage{Index: -1, Shown: len(all), Total: len(all)}
	if q.Clients != nil {
		from := min(max(q.Clients.Offset, 0), len(all))
		f.Clients.Rows = slices.Clone(all[from:min(from+q.Clients.Limit, len(all))])
		f.Clients.Offset = from
	}
	var lines []monitor.Line
	for _, line := range s.frame.Logs.Lines {
		if line.Seq >= q.LogsSince {
			lines = append(lines, line)
		}
	}
	f.Logs.Lines = lines[max(0, len(lines)-q.LogsMax):]
	return f
}

func (s *fakeSource) Index(_ context.Context, since uint64, filter string) (monitor.Index, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if since == s.rev && since != 0 {
		return monitor.Index{Rev: s.rev, Same: true, Total: len(s.index)}, nil
	}
	x := monitor.Index{Rev: s.rev, Total: len(s.index)}
	for _, name := range s.index {
		if strings.Contains(name, filter) {
			x.Names = append(x.Names, name)
		}
	}
	return x, nil
}

func (s *fakeSource) Client(_ context.Context, id string) (monitor.ClientDetail, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, ok := s.client[id]
	if !ok {
		return d, fmt.Errorf("client %s has left: %w", id, monitor.ErrGone)
	}
	return d, nil
}

func (s *fakeSource) Address(_ context.Context, address string) (monitor.AddressDetail, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, ok := s.address[address]
	if !ok {
		return d, fmt.Errorf("%s has no value: %w", address, monitor.ErrGone)
	}
	return d, nil
}

func (s *fakeSource) Do(_ context.Context, a monitor.Action) (monitor.Result, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done = append(s.done, a)
	if s.do != nil {
		return s.do(a)
	}
	return monitor.Result{Text: "done"}, nil
}

// actions is what the source was asked to do.
func (s *fakeSource) actions() []monitor.Action {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.done)
}

// newTestEnv returns an environment with the dark theme, Unicode, a *testClock's time (that
// stands at testStart) and a *fakeSource.
func newTestEnv(t testing.TB) (*env, *testClock, *fakeSource) {
	t.Helper()
	k, err := newKeyMap(nil, false)
	if err != nil {
		t.Fatal(err)
	}
	clock := &testClock{at: testStart}
	source := &fakeSource{changed: make(chan struct{}, 1), rev: 1}
	return &env{
		source: source, theme: newTheme("dark", true, false), glyphs: newGlyphs(false),
		keys: k, now: clock.now, options: Options{FPS: 20},
	}, clock, source
}

// plainTestEnv makes an environment one of a terminal without colours and Unicode.
func plainTestEnv(e *env) {
	e.theme, e.glyphs = newTheme("mono", true, false), newGlyphs(true)
	e.options.ASCII = true
	e.keys, _ = newKeyMap(nil, true)
}

// testFrame is a frame of a router with so many clients and addresses: /show/a000/p00000 …
// The frame has all of them in Clients and Values, more than a real one would.
func testFrame(clients, addresses int) *frame {
	f := &frame{rates: rates{known: true, in: 12345, out: 45678, bytesIn: 1.2e6, bytesOut: 4.5e6, writes: 20000}}
	f.At, f.Seq = testStart, 1
	f.Overview = monitor.Overview{
		Name: "FOH router", ID: "7d0c", Version: "1.0.0", PID: 4711, Host: "foh-1", Started: testStart.Add(-4*time.Hour - 10*time.Minute),
		Listeners: []monitor.Listener{
			{Transport: "WebSocket", URLs: []string{"ws://192.168.1.20:7330/clasp", "ws://10.0.0.5:7330/clasp"}, Up: true},
			{Transport: "QUIC", URLs: []string{"quic://192.168.1.20:7331"}, Up: true},
			{Transport: "UDP", Error: "port 7332 is taken by another program"},
		},
		Sessions: clients, Transports: map[string]int{"ws": clients - clients/4, "quic": clients / 4},
		Slow: clients / 10, Subscriptions: clients * 3, Params: addresses,
		Totals:    monitor.Totals{MessagesIn: 1234567, MessagesOut: 4567890, BytesIn: 1 << 28, BytesOut: 1 << 30, Dropped: 12, Writes: 998877, Joined: uint64(clients)},
		StructRev: 1, Goroutines: 40, Heap: 48 << 20, CPU: 0.42, Persistence: "/var/lib/clasp/state.db", Access: "tokens and pairing",
		Problems: []monitor.Problem{{Level: monitor.LevelWarn, Text: "UDP is not listening: port 7332 is taken", Do: "stop the other program, or give --udp-port another"}},
	}
	for i := range clients {
		f.Clients.Rows = append(f.Clients.Rows, monitor.Client{
			ID: fmt.Sprintf("c%06d", i), Name: fmt.Sprintf("desk %03d", i), Transport: []string{"ws", "ws", "quic", "ws"}[i%4],
			Remote: fmt.Sprintf("192.168.1.%d:%d", i%250+2, 40000+i%20000), Slow: i%10 == 9, Subs: 3, Queue: i % 10 * 1000, RTT: time.Duration(i%50) * time.Millisecond / 10,
			Since: testStart.Add(-time.Duration(i) * time.Minute), Idle: time.Duration(i%7) * time.Second,
			MessagesIn: uint64(i * 1000), MessagesOut: uint64(i * 3000), Rates: monitor.ClientRates{Known: true, In: float64(i % 100), Out: float64(i % 300), Bytes: float64(i * 100)},
		})
	}
	f.Clients.Total, f.Clients.Shown, f.Clients.Index = clients, clients, -1
	for i := range addresses {
		f.Values = append(f.Values, monitor.Value{
			Address: testAddress(i), Type: "f64", Text: fmt.Sprintf("%.3f", float64(i%1000)/1000), Number: float64(i%1000) / 1000, Numeric: true,
			Revision: uint64(i), Writer: "c000001", WriterName: "desk 001", Written: testStart.Add(-time.Duration(i%600) * time.Second),
		})
	}
	f.Pairing = monitor.Pairing{
		Enabled: true,
		Knocks: []monitor.Knock{
			{ID: "k1", Name: "Ana's phone", Kind: "browser", Remote: "192.168.1.77", Transport: "ws", Match: "41 07", State: pairing.StateWaiting, Since: testStart.Add(-20 * time.Second), Waiting: 1},
			{ID: "k2", Name: "lighting", Kind: "arduino", Remote: "192.168.1.78", Transport: "ws", Match: "99 12", State: pairing.StateCode, Code: "847291", Expires: testStart.Add(90 * time.Second), Since: testStart.Add(-5 * time.Second), Waiting: 1},
		},
		Profiles: []monitor.Profile{{Name: "look", Read: []string{"/**"}}, {Name: "operate", Read: []string{"/**"}, Write: []string{"/lumen/**"}}},
	}
	for i := range 50 {
		f.Logs.Lines = append(f.Logs.Lines, monitor.Line{
			Seq: uint64(i + 1), At: testStart.Add(time.Duration(i-50) * time.Second), Level: []monitor.Level{monitor.LevelInfo, monitor.LevelDebug, monitor.LevelInfo, monitor.LevelWarn, monitor.LevelError}[i%5],
			Text: fmt.Sprintf("something happened %d", i), Attrs: "session=c000001 remote=192.168.1.7:40001", Session: "c000001",
		})
	}
	f.Logs.Next = 51
	return f
}

// testAddress is the i-th address of testFrame.
func testAddress(i int) string { return fmt.Sprintf("/show/a%03d/p%05d", i/100, i) }

// press makes the key of a name as key bindings have it: "q", "ctrl+c", "enter", "space".
func press(name string) tea.KeyPressMsg {
	var mod tea.KeyMod
	for {
		switch {
		case strings.HasPrefix(name, "ctrl+") && len(name) > 5:
			mod, name = mod|tea.ModCtrl, name[5:]
			continue
		case strings.HasPrefix(name, "shift+") && len(name) > 6:
			mod, name = mod|tea.ModShift, name[6:]
			continue
		case strings.HasPrefix(name, "alt+") && len(name) > 4:
			mod, name = mod|tea.ModAlt, name[4:]
			continue
		}
		break
	}
	special := map[string]rune{
		"up": tea.KeyUp, "down": tea.KeyDown, "left": tea.KeyLeft, "right": tea.KeyRight, "home": tea.KeyHome, "end": tea.KeyEnd,
		"pgup": tea.KeyPgUp, "pgdown": tea.KeyPgDown, "enter": tea.KeyEnter, "esc": tea.KeyEscape, "tab": tea.KeyTab,
		"backspace": tea.KeyBackspace, "delete": tea.KeyDelete,
	}
	if name == "space" {
		return tea.KeyPressMsg{Code: tea.KeySpace, Text: " ", Mod: mod}
	}
	if code, ok := special[name]; ok {
		return tea.KeyPressMsg{Code: code, Mod: mod}
	}
	k := tea.KeyPressMsg{Code: []rune(name)[0], Mod: mod}
	if mod&^tea.ModShift == 0 {
		k.Text = name
	}
	return k
}

// run carries out a command and, if it is a batch or sequence of some, all of them, and
// returns the messages.
func run(cmd tea.Cmd) []tea.Msg { return runBut(cmd, func(tea.Cmd) bool { return false }) }

// runBut is run without the commands that are left out.
func runBut(cmd tea.Cmd, out func(tea.Cmd) bool) []tea.Msg {
	if cmd == nil || out(cmd) {
		return nil
	}
	switch msg := cmd().(type) {
	case nil:
		return nil
	case tea.BatchMsg:
		var all []tea.Msg
		for _, c := range msg {
			all = append(all, runBut(c, out)...)
		}
		return all
	default:
		return []tea.Msg{msg}
	}
}

// until polls.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); {
		if time.Now().After(end) {
			t.Fatalf("%s: waited in vain for %s", t.Name(), what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// textOf is what lines say, without colours.
func textOf(lines []string) string { return ansi.Strip(strings.Join(lines, "\n")) }

// checkLines fails a test if there are not exactly h lines of exactly w cells.
func checkLines(t testing.TB, lines []string, w, h int) {
	t.Helper()
	if len(lines) != h {
		t.Errorf("%s: %d lines, want %d", t.Name(), len(lines), h)
	}
	for i, line := range lines {
		if n := ansi.StringWidth(line); n != w {
			t.Errorf("%s: line %d has %d cells, want %d: %q", t.Name(), i, n, w, line)
		}
	}
}
