// Looks at the dashboard through a terminal emulator: what somebody who sits there sees, with the real router behind it. The
// emulator is github.com/charmbracelet/x/vt: it is maintained beside the library that draws, and it knows wide characters, true
// colour and the alternate screen, where vt10x has stood still since 2022.

package main_test

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
	"unicode"

	"github.com/charmbracelet/x/vt"
	"golang.org/x/sys/unix"

	api "github.com/clasp-studio/clasp/router/client"
	"github.com/clasp-studio/clasp/router/wire"
)

// picture is what a terminal shows of all that it was told.
type picture struct {
	*vt.Emulator
	s    *seat
	read int // bytes of what was written
}

// watch puts an emulator of a size behind a seat. Only the test itself may use it.
func (s *seat) watch(t *testing.T, columns, rows int) *picture {
	t.Helper()
	p := &picture{Emulator: vt.NewEmulator(columns, rows), s: s}
	go func() { _, _ = io.Copy(io.Discard, p.Emulator) }()      // what it answers to questions, until it is closed
	t.Cleanup(func() { _ = p.InputPipe().(io.Closer).Close() }) // its own Close is not for while another reads
	return p
}

// lines is what is on the screen now.
func (p *picture) lines() []string {
	text := p.s.wrote.String()
	_, _ = p.WriteString(text[p.read:]) // an emulator takes everything
	p.read = len(text)
	return strings.Split(p.String(), "\n")
}

// until waits for a screen that passes, and returns it.
func (p *picture) until(t *testing.T, what string, pass func(lines []string) bool) []string {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		lines := p.lines()
		if pass(lines) {
			return lines
		}
		if time.Now().After(deadline) {
			t.Fatalf("never on the screen: %s. It is\n%s", what, strings.Join(lines, "\n"))
		}
	}
}

// taps presses a key as a person does: an escape that something follows at once is Alt.
func (s *seat) taps(t *testing.T, key string) {
	t.Helper()
	s.types(t, key)
	pace := 30 * time.Millisecond
	if key == "\x1b" {
		pace *= 5
	}
	time.Sleep(pace)
}

// shows waits for all of these on the screen.
func (p *picture) shows(t *testing.T, parts ...string) []string {
	t.Helper()
	return p.until(t, strings.Join(parts, ", "), func(lines []string) bool {
		text := strings.Join(lines, "\n")
		for _, part := range parts {
			if !strings.Contains(text, part) {
				return false
			}
		}
		return true
	})
}

// whole waits for a screen that is a dashboard from the first line to the last, and nothing else.
func (p *picture) whole(t *testing.T, name string) []string {
	t.Helper()
	return p.until(t, "a dashboard of "+strconv.Itoa(p.Height())+" lines", func(lines []string) bool {
		if len(lines) < p.Height() {
			return false
		}
		first, last := lines[0], lines[p.Height()-1]
		return strings.Contains(first, name) && strings.Contains(first, "client") && strings.Contains(last, "? help") &&
			strings.Count(strings.Join(lines, "\n"), "? help") == 1
	})
}

// TestTUIScreen: the first screen is whole, a window of another size has a whole one again, and the terminal is an ordinary
// one after it.
func TestTUIScreen(t *testing.T) {
	cmd, log := tuiRouter(t, "--name", "Hall 4")
	begin := time.Now()
	s := sit(t, cmd)
	s.size(t, 120, 30)
	s.told(t, onScreen)
	t.Logf("from the start of the process to the first screen: %v", time.Since(begin).Round(time.Millisecond)) // clasp-bench --only tui measures it
	p := s.watch(t, 120, 30)
	p.whole(t, "Hall 4")
	if !p.IsAltScreen() {
		t.Error("what was on the screen before is drawn over")
	}
	for _, size := range [][2]int{{80, 24}, {200, 50}, {60, 20}, {40, 10}, {120, 30}} {
		p.lines()
		p.Resize(size[0], size[1])
		s.size(t, uint16(size[0]), uint16(size[1]))
		p.whole(t, "Hall 4")
	}
	p.Resize(39, 9)
	s.size(t, 39, 9)
	p.shows(t, "terminal too small (39x9")
	p.Resize(120, 30)
	s.size(t, 120, 30)
	p.whole(t, "Hall 4")
	s.types(t, "?")
	p.shows(t, "Everywhere", "zoom the pane")
	s.types(t, "\x1b")
	p.whole(t, "Hall 4")
	s.types(t, "D")
	p.shows(t, "Leave the dashboard?", "[ Cancel ]")
	s.types(t, "y")
	p.shows(t, "router still running")
	if p.IsAltScreen() || p.CursorHidden() {
		t.Error("the terminal is left as the dashboard needs it")
	}
	s.quiet(t)
	alive(t, log)
}

var margins = regexp.MustCompile(`\x1b\[\d+;\d+r`)

// TestTUILateSize: a terminal that says its size only after it has been drawn on, as in a container, has a whole screen then: of
// what was set to the lines it was thought to have, nothing is left.
func TestTUILateSize(t *testing.T) {
	cmd, log := tuiRouter(t, "--pairing")
	s := sit(t, cmd)
	s.told(t, onScreen)
	s.types(t, "4")
	s.told(t, "Nobody waits")
	if !margins.MatchString(s.wrote.String()) {
		t.Error("nothing of the screen was scrolled: this test sees nothing")
	}
	p := s.watch(t, 160, 45)
	s.size(t, 160, 45)
	p.whole(t, "client")
	for range 3 {
		s.taps(t, "z")
		p.whole(t, "client")
	}
	alive(t, log)
}

var colours = regexp.MustCompile(`\x1b\[[0-9;:]*m`)

// TestTUINoColour: with NO_COLOR no colour is sent, and a row under the cursor can still be told from the others.
func TestTUINoColour(t *testing.T) {
	cmd, log := tuiRouter(t)
	cmd.Env = append(cmd.Env, "NO_COLOR=1", "COLORTERM=truecolor")
	s := sit(t, cmd)
	s.size(t, 120, 30)
	p := s.watch(t, 120, 30)
	called(t, logged(t, log, onAddress)[1], "desk one")
	s.types(t, "2")
	p.shows(t, "desk one")
	turned := false
	for _, code := range colours.FindAllString(s.wrote.String(), -1) {
		for _, n := range strings.FieldsFunc(code[2:len(code)-1], func(c rune) bool { return c == ';' || c == ':' }) {
			if k, _ := strconv.Atoi(n); k >= 30 && k < 50 && k != 39 && k != 49 || k >= 90 && k <= 107 {
				t.Fatalf("the colour %q is sent", code)
			}
			turned = turned || n == "7"
		}
	}
	if !turned {
		t.Error("nothing is reversed: which row is under the cursor cannot be seen")
	}
}

// called opens a session of a client with a name.
func called(t *testing.T, address, name string) *api.Client {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c, err := api.Dial(ctx, "ws://"+address, api.Options{Name: name})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// hostileTexts are what clients call themselves and send; each says "owned", so that it is known to have come through.
var hostileTexts = []string{
	"\x1b]0;owned\a", "\x1b[2J\x1b[Howned", "\x1b]52;c;owned\a", "owned\u009b31m", "\u202eowned\u202c", "ow\u200bned owned", "owned\r\nowned\x08\x7f",
	"\x1bPowned\x1b\\owned", "owned\x1b[?1049l", "owned" + strings.Repeat("長い", 40), "owned\u2028\u0085\x0e",
}

// escapes are what terminals take for more than text.
var escapes = regexp.MustCompile(`\x1b(?:\[[0-9;:?<=>$ ]*[@-~]|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)|.)`)

// TestTUIHostile: what clients call themselves, send and ask for comes to the screen as text alone, from the router of the same
// process and from one that is looked at over its socket.
func TestTUIHostile(t *testing.T) {
	for _, attached := range []bool{false, true} {
		t.Run(fmt.Sprintf("attached %v", attached), func(t *testing.T) {
			var s *seat
			var at string
			if attached {
				router := serve(t, []string{devicesFile(t)}, "--pairing", "--port", "0", "--bind", "127.0.0.1")
				at = router.address(t)
				_, port, _ := strings.Cut(at, ":")
				s = sit(t, claspCommand(t, nil, "tui", "--port", port))
			} else {
				cmd, log := tuiRouter(t, "--pairing", "--log-level", "debug")
				s = sit(t, cmd)
				at = logged(t, log, onAddress)[1]
			}
			s.size(t, 160, 45)
			p := s.watch(t, 160, 45)
			p.shows(t, onScreen)
			for _, text := range hostileTexts {
				knocks(t, at, text) // nobody has a token: all of them wait
			}
			s.types(t, "4")
			lines := p.shows(t, "owned", "WHO WANTS IN")
			for _, key := range []string{"j", "j", "j", "G", "e", "\x1b", "5", "\r", "\x1b", "2", "\r", "\x1b", "3", "1", "?", "\x1b", "4"} {
				s.taps(t, key)
			}
			p.whole(t, "client")
			if !strings.Contains(lines[0], "client") {
				t.Errorf("the first line is %q", lines[0])
			}
			onlyText(t, s.wrote.String())
		})
	}
}

// onlyText checks that nothing of clients is in what steers the terminal, and that nothing else does.
func onlyText(t *testing.T, wrote string) {
	t.Helper()
	for _, code := range escapes.FindAllString(wrote, -1) {
		if strings.Contains(code, "owned") {
			t.Errorf("the terminal is told %q", code)
		}
	}
	text := escapes.ReplaceAllString(wrote, "")
	if !strings.Contains(text, "owned") {
		t.Error("nothing of the clients has come to the screen: this test sees nothing")
	}
	for _, c := range text {
		if c == unicode.ReplacementChar || unicode.In(c, unicode.Cf, unicode.Zl, unicode.Zp) || unicode.IsControl(c) && !strings.ContainsRune("\r\n\b\t", c) {
			t.Errorf("the terminal gets %q", c)
			return
		}
	}
}

// TestTUIHostileValues: values and names of those who are in.
func TestTUIHostileValues(t *testing.T) {
	cmd, log := tuiRouter(t)
	s := sit(t, cmd)
	s.size(t, 160, 45)
	p := s.watch(t, 160, 45)
	p.shows(t, onScreen)
	at := logged(t, log, onAddress)[1]
	for i, text := range hostileTexts {
		c := called(t, at, text)
		setTo(t, c, fmt.Sprintf("/hostile/%d", i), text)
		_ = c.Emit(context.Background(), "/hostile/"+text, text) // most of these addresses are refused, which is logged
	}
	s.types(t, "3")
	p.shows(t, "owned")
	for _, key := range []string{"+", "j", "j", "\r", "\x1b", "G", "p", "\r", "\x1b", "e", "\x1b", "2", "\r", "\x1b", "x", "\x1b", "5", "1", "3"} {
		s.taps(t, key)
	}
	p.whole(t, "client")
	onlyText(t, s.wrote.String())
}

// TestTUIStalledRoutes: while a terminal takes nothing, everything that clients send arrives, in order; and SIGTERM ends the
// router in order then. The exit code of a router that had to be ended is another one.
func TestTUIStalledRoutes(t *testing.T) {
	const events = 20_000
	cmd, log := tuiRouter(t)
	person, program := openTerminal(t)
	defer func() { _ = person.Close() }()
	cmd.Env = append(cmd.Env, "TERM=xterm")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = program, program, program
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	resize := func(columns uint16) {
		if err := unix.IoctlSetWinsize(int(person.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Col: columns, Row: 100}); err != nil {
			t.Fatal(err)
		}
	}
	resize(300)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	at := logged(t, log, onAddress)[1]
	writer, reader := called(t, at, "writer"), called(t, at, "reader")
	// The whole screen again and again, until the terminal holds as much as it can.
	queued, same := -1, 0
	for deadline := time.Now().Add(patience); same < 20; time.Sleep(5 * time.Millisecond) {
		resize(uint16(299 + same%2))
		n, err := unix.IoctlGetInt(int(program.Fd()), unix.TIOCOUTQ)
		if err != nil {
			t.Fatal(err)
		}
		if same++; n != queued {
			queued, same = n, 0
		}
		if time.Now().After(deadline) {
			t.Fatal("the terminal takes ever more")
		}
	}
	var got, outOfOrder atomic.Int64
	ctx, cancel := context.WithTimeout(context.Background(), 3*patience)
	defer cancel()
	if _, err := reader.Subscribe(ctx, "/stalled/**", api.SubscribeOptions{}, func(m *api.Message) {
		if n, _ := m.Value.Any().(int64); n != got.Add(1) {
			outOfOrder.Add(1)
		}
	}); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	for i := range events {
		if _, err := writer.Publish(ctx, api.Publication{Signal: wire.Event, Address: "/stalled/e", Value: int64(i + 1), QoS: wire.Confirm}); err != nil {
			t.Fatal(err)
		}
	}
	for deadline := time.Now().Add(patience); got.Load() < events && time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
	}
	t.Logf("%d events in %v before a terminal that takes nothing", got.Load(), time.Since(begin).Round(time.Millisecond))
	if got.Load() != events || outOfOrder.Load() != 0 {
		t.Errorf("%d of %d have arrived, %d of them out of order", got.Load(), events, outOfOrder.Load())
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Fatal("does not end")
	}
	logged(t, log, `router stopped`)
	_ = program.Close()
}

// TestTUIManyAddresses: a hundred thousand addresses come and go under the State pane of the real router.
func TestTUIManyAddresses(t *testing.T) {
	const many = 100_000
	cmd, log := tuiRouter(t)
	s := sit(t, cmd)
	s.size(t, 120, 40)
	p := s.watch(t, 120, 40)
	p.shows(t, onScreen)
	c := called(t, logged(t, log, onAddress)[1], "desk")
	s.types(t, "3")
	for round := range 2 {
		ctx, cancel := context.WithTimeout(context.Background(), 6*patience)
		for i := range many {
			var opts []api.SetOption
			if opts = append(opts, api.AbsoluteTTL(5*time.Second)); i%1000 == 0 {
				s.types(t, []string{"j", "G", "g", "+", "-", "l"}[i/1000%6])
			}
			if err := c.SetAsync(ctx, fmt.Sprintf("/many/%d/%d", i%100, i), i, func(api.Ack, error) {}, opts...); err != nil {
				t.Fatal(err)
			}
		}
		cancel()
		if round == 0 {
			continue // while they still go, they come again
		}
		p.shows(t, "State")
	}
	setTo(t, c, "/last", 1.5)
	p.until(t, "only the last address", func(lines []string) bool {
		text := strings.Join(lines, "\n")
		return strings.Contains(text, "State · 1 address") && strings.Contains(text, "last")
	})
	s.types(t, "q")
	p.shows(t, "Stop the router?")
	s.taps(t, "\x1b")
	s.detach(t)
	alive(t, log)
}
