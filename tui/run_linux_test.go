package tui

// The real program on a real pseudo terminal: what it was set to comes back, whatever ends it.

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/clasp-studio/clasp/router/monitor"
)

// pty is a pseudo terminal: what the program writes is collected unless nobody reads.
type pty struct {
	t      *testing.T
	master *os.File
	tty    *os.File
	mu     sync.Mutex
	got    bytes.Buffer
}

func openPTY(t *testing.T, w, h uint16) *pty {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("%s: no pseudo terminal: %v", t.Name(), err)
	}
	t.Cleanup(func() { _ = master.Close() })
	fd := int(master.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	tty, err := os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tty.Close() })
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: h, Col: w}); err != nil {
		t.Fatal(err)
	}
	return &pty{t: t, master: master, tty: tty}
}

// read collects what is written, until the terminal is closed.
func (p *pty) read() {
	go func() {
		buf := make([]byte, 1<<16)
		for {
			n, err := p.master.Read(buf)
			p.mu.Lock()
			p.got.Write(buf[:n])
			p.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
}

func (p *pty) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.got.String()
}

// wait waits until something has been written.
func (p *pty) wait(what string) {
	p.t.Helper()
	until(p.t, "the terminal to get "+strconv.Quote(what), func() bool { return strings.Contains(p.text(), what) })
}

func (p *pty) termios() unix.Termios {
	p.t.Helper()
	state, err := unix.IoctlGetTermios(int(p.tty.Fd()), unix.TCGETS)
	if err != nil {
		p.t.Fatal(err)
	}
	return *state
}

func (p *pty) write(s string) {
	p.t.Helper()
	if _, err := p.master.WriteString(s); err != nil {
		p.t.Fatal(err)
	}
}

type ran struct {
	outcome Outcome
	err     error
}

// start runs the dashboard on the terminal.
func (p *pty) start(ctx context.Context, source monitor.Source, o Options) <-chan ran {
	o.Input, o.Output = p.tty, p.tty
	o.Environ = append([]string{"TERM=xterm-256color", "LANG=C.UTF-8"}, o.Environ...)
	done := make(chan ran, 1)
	go func() {
		outcome, err := Run(ctx, source, o)
		done <- ran{outcome, err}
	}()
	return done
}

func ends(t *testing.T, done <-chan ran) ran {
	t.Helper()
	select {
	case r := <-done:
		return r
	case <-time.After(20 * time.Second):
		t.Fatalf("%s: the dashboard does not end", t.Name())
		return ran{}
	}
}

func newSource(clients, addresses int) *fakeSource {
	f := testFrame(clients, addresses)
	s := &fakeSource{changed: make(chan struct{}, 1), rev: 1, frame: f.Frame}
	for i := range addresses {
		s.index = append(s.index, testAddress(i))
	}
	return s
}

func TestRunAndLeave(t *testing.T) {
	for name, c := range map[string]struct {
		keys string
		want Outcome
	}{
		"quit":   {"qy", Quit},
		"detach": {"Dy", Detach},
		"keep":   {"Qy", Quit},
	} {
		t.Run(name, func(t *testing.T) {
			p := openPTY(t, 100, 30)
			p.read()
			before := p.termios()
			done := p.start(t.Context(), newSource(12, 50), Options{Notify: true})
			p.wait("FOH router")
			if p.termios() == before {
				t.Error("the terminal is not in raw mode: keys would not come one by one")
			}
			p.write(c.keys)
			if r := ends(t, done); r.err != nil || r.outcome != c.want {
				t.Errorf("%+v", r)
			}
			if p.termios() != before {
				t.Error("the terminal is not set as before")
			}
			checkSane(t, p)
			if kept := strings.Contains(p.text()[strings.LastIndex(p.text(), "\x1b[?1049l"):], "FOH router"); kept != (name == "keep") {
				t.Errorf("the last screen stays: %v", kept)
			}
		})
	}
}

// checkSane checks that every mode that was set has been taken back.
func checkSane(t *testing.T, p *pty) {
	t.Helper()
	for on, off := range map[string]string{
		"\x1b[?1049h": "\x1b[?1049l", "\x1b[?25l": "\x1b[?25h", "\x1b[?1002h": "\x1b[?1002l", "\x1b[?1004h": "\x1b[?1004l", "\x1b[?2004h": "\x1b[?2004l",
	} {
		var text string
		ok := func() bool {
			text = p.text()
			return strings.LastIndex(text, on) <= strings.LastIndex(text, off)
		}
		until(t, "the end of "+strconv.Quote(on), ok)
	}
}

func TestRunKilled(t *testing.T) {
	p := openPTY(t, 100, 30)
	p.read()
	before := p.termios()
	ctx, cancel := context.WithCancelCause(t.Context())
	done := p.start(ctx, newSource(12, 50), Options{})
	p.wait("FOH router")
	p.write("m")
	p.wait("\x1b[?1002h")
	why := errors.New("the window was closed")
	cancel(why)
	if r := ends(t, done); r.outcome != Died || !errors.Is(r.err, why) {
		t.Errorf("%+v", r)
	}
	if p.termios() != before {
		t.Error("the terminal is not set as before")
	}
	checkSane(t, p)
}

// A terminal that has stopped reading holds nobody up, and finds itself sane when it reads again.
func TestRunStalled(t *testing.T) {
	p := openPTY(t, 250, 80)
	before := p.termios()
	source := newSource(200, 500)
	ctx, cancel := context.WithCancel(t.Context())
	done := p.start(ctx, source, Options{FPS: 30})
	// nobody reads: the screens fill the terminal's buffer until a write does not return
	queued, same := 0, 0
	until(t, "the terminal to be full", func() bool {
		source.mu.Lock()
		source.frame.Seq++
		source.frame.Overview.Sessions++
		for i := range source.frame.Clients.Rows {
			source.frame.Clients.Rows[i].Name = strings.Repeat(strconv.Itoa(int(source.frame.Seq)), 9)
		}
		source.mu.Unlock()
		source.tell()
		_, _ = p.master.WriteString("z")
		n, err := unix.IoctlGetInt(int(p.master.Fd()), unix.TIOCINQ)
		if err != nil {
			t.Fatal(err)
		}
		if n > 0 && n == queued {
			same++
		} else {
			queued, same = n, 0
		}
		return same > 40
	})
	start := time.Now()
	cancel()
	if r := ends(t, done); r.outcome != Died {
		t.Errorf("%+v", r)
	}
	t.Logf("ended after %v", time.Since(start))
	if got := p.termios(); got != before {
		t.Error("the terminal is not set as before")
	}
	p.read()
	p.wait("\x1b[?1049l")
	checkSane(t, p)
}

// The terminal is gone: the dashboard ends by itself, or at the latest with the hang-up.
func TestRunTerminalGone(t *testing.T) {
	p := openPTY(t, 100, 30)
	p.read()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	source := newSource(12, 50)
	done := p.start(ctx, source, Options{})
	p.wait("FOH router")
	_ = p.master.Close()
	cancel()
	if r := ends(t, done); r.outcome != Died || r.err == nil {
		t.Errorf("%+v", r)
	}
}

// Hostile frames, resizes and keys at once on the real loop: for the race detector.
func TestRunBusy(t *testing.T) {
	p := openPTY(t, 120, 35)
	p.read()
	source := newSource(50, 300)
	done := p.start(t.Context(), source, Options{FPS: 30})
	p.wait("FOH router")
	for i := range 60 {
		source.mu.Lock()
		source.frame.Seq++
		source.frame.Overview.Totals.Writes += 1000
		source.mu.Unlock()
		source.tell()
		_ = unix.IoctlSetWinsize(int(p.master.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: uint16(1 + i*7%100), Col: uint16(1 + i*31%300)})
		_ = unix.Kill(os.Getpid(), unix.SIGWINCH)
		p.write([]string{"1", "2", "3", "4", "5", "z", " ", "?", "\x1b", ":", "\x1b", "j", "k", "\t"}[i%14])
		time.Sleep(3 * time.Millisecond) // the pace of it; nothing is asserted on it
	}
	_ = unix.IoctlSetWinsize(int(p.master.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 30, Col: 100})
	p.write("\x03\x03")
	if r := ends(t, done); r.outcome != Quit || r.err != nil {
		t.Errorf("%+v", r)
	}
	checkSane(t, p)
}

func TestRunRefusesKeys(t *testing.T) {
	p := openPTY(t, 80, 24)
	r := ends(t, p.start(t.Context(), newSource(0, 0), Options{Keys: map[string][]string{"zoom": {"q"}}}))
	if r.outcome != Died || r.err == nil || !strings.Contains(r.err.Error(), `key "q" is both`) {
		t.Errorf("%+v", r)
	}
}
