// Sits at the dashboard of a real router: that it never hurts the router, and what it leaves of the terminal.

package main_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// onScreen is what every screen of a dashboard has on it.
const onScreen = `Connections`

// tuiRouter prepares a router with a dashboard that logs to a file in a folder of its own.
func tuiRouter(t *testing.T, args ...string) (cmd *exec.Cmd, log string) {
	t.Helper()
	log = filepath.Join(t.TempDir(), "clasp.log")
	args = append([]string{"server", "--tui", "--port", "0", "--bind", "127.0.0.1", "--log-file", log}, args...)
	return claspCommand(t, []string{devicesFile(t)}, args...), log
}

// sitAtTUI starts one on a terminal of a size.
func sitAtTUI(t *testing.T, cmd *exec.Cmd) *seat {
	t.Helper()
	s := sit(t, cmd)
	s.size(t, 120, 30)
	s.told(t, onScreen)
	return s
}

func (s *seat) size(t *testing.T, columns, rows uint16) {
	t.Helper()
	if err := unix.IoctlSetWinsize(int(s.person.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Col: columns, Row: rows}); err != nil {
		t.Fatal(err)
	}
}

// told waits until the terminal has been told something, wherever it is on the screen, and returns the submatches.
func (s *seat) told(t *testing.T, pattern string) []string {
	t.Helper()
	return toldSince(t, &s.wrote, 0, pattern)
}

// toldSince is told for what has come behind some bytes.
func toldSince(t *testing.T, wrote *lockedBuffer, from int, pattern string) []string {
	t.Helper()
	expression := regexp.MustCompile(pattern)
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if m := expression.FindStringSubmatch(wrote.String()[from:]); m != nil {
			return m
		}
	}
	t.Fatalf("the terminal was never told %s", pattern)
	return nil
}

// logged waits for a line of a log file and returns the submatches.
func logged(t *testing.T, path, pattern string) []string {
	t.Helper()
	expression, text := regexp.MustCompile(pattern), []byte(nil)
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		var err error
		if text, err = os.ReadFile(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		if m := expression.FindStringSubmatch(string(text)); m != nil {
			return m
		}
	}
	t.Fatalf("no %s in the log:\n%s", pattern, text)
	return nil
}

// alive checks that the router behind a log serves.
func alive(t *testing.T, log string) {
	t.Helper()
	serves(t, logged(t, log, `ws://(127\.0\.0\.1:\d+)/clasp`)[1])
}

// serves checks that a router lets a client in.
func serves(t *testing.T, address string) {
	t.Helper()
	if _, err := dials(t, address, "looks in", ""); err != nil {
		t.Error(err)
	}
}

// TestTUIRefused: without a terminal there is one sentence, or a router without a dashboard.
func TestTUIRefused(t *testing.T) {
	_, stderr, code := clasp(t, nil, "server", "--tui", "--port", "0")
	if code != 2 || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, "--tui needs a terminal") {
		t.Errorf("exit code %d, %q", code, stderr)
	}
	_, stderr, code = clasp(t, nil, "tui", "--port", "1")
	if code != 2 || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, "clasp status") {
		t.Errorf("clasp tui: exit code %d, %q", code, stderr)
	}
	t.Run("dumb", func(t *testing.T) {
		cmd := exec.Command("/bin/sh", "-c", "TERM=dumb; export TERM; exec "+claspBinary(t)+" server --tui --port 0")
		cmd.Dir = t.TempDir()
		s := sit(t, cmd)
		s.until(t, `clasp: --tui needs a terminal to draw on, and TERM is "dumb"`)
		if code := s.exit(t); code != 2 {
			t.Errorf("exit code %d", code)
		}
	})
	t.Run("auto", func(t *testing.T) {
		serve(t, nil, "--tui=auto", "--port", "0", "--bind", "127.0.0.1").address(t) // is in the banner
	})
	t.Run("background", func(t *testing.T) {
		shell := exec.Command("/bin/bash", "-c", "set -m; "+claspBinary(t)+" server --tui --port 0 & wait $!; echo code $?")
		shell.Dir = t.TempDir()
		s := sit(t, shell)
		s.until(t, `it is another job's`)
		s.until(t, `code 2`)
		s.quiet(t)
	})
}

// TestTUIDetach: D leaves a router without a dashboard, in the same process, on a terminal that is what it was.
func TestTUIDetach(t *testing.T) {
	cmd, log := tuiRouter(t)
	s := sitAtTUI(t, cmd)
	if s.modes(t) == s.before {
		t.Error("the dashboard takes no keys")
	}
	pid := s.detach(t)
	if pid != cmd.Process.Pid {
		t.Errorf("process %d says that it is %d", cmd.Process.Pid, pid)
	}
	s.quiet(t)
	alive(t, log)
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := s.exit(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
	s.left(t)
}

// detach leaves the dashboard, and returns the process that goes on.
func (s *seat) detach(t *testing.T) (pid int) {
	t.Helper()
	s.types(t, "D")
	s.told(t, `Leave the dashboard\?`)
	s.types(t, "y")
	m := s.told(t, `router still running: pid (\d+)`)
	pid, err := strconv.Atoi(m[1])
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

func kernelSays(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return string(text)
}

// TestTUIHeadlessLog: without a log file, lines of the log are not on the screen of the dashboard, and are after it.
func TestTUIHeadlessLog(t *testing.T) {
	s := sitAtTUI(t, claspCommand(t, []string{devicesFile(t)}, "server", "--tui", "--port", "0", "--bind", "127.0.0.1"))
	if strings.Contains(s.wrote.String(), "router started") && strings.Contains(s.wrote.String(), "level=INFO") {
		t.Error("lines of the log are onScreen over the dashboard")
	}
	s.detach(t)
	s.told(t, `its log follows here`)
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	s.told(t, `level=INFO msg="router stopped"`)
	if code := s.exit(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// TestTUIHangUp: closing the window leaves a router without a dashboard.
func TestTUIHangUp(t *testing.T) {
	cmd, log := tuiRouter(t)
	s := sitAtTUI(t, cmd)
	if err := s.person.Close(); err != nil {
		t.Fatal(err)
	}
	logged(t, log, `the terminal of the dashboard has gone`)
	alive(t, log)
	if text := kernelSays(t, log); strings.Contains(text, "reloaded") {
		t.Errorf("the end of the terminal was taken for a wish to reload:\n%s", text)
	}
	// From here on the signal means what it means without a dashboard.
	if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	logged(t, log, `configuration reloaded`)
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := s.exit(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// TestTUIReload: SIGHUP with the terminal still there is a reload, and the dashboard stays.
func TestTUIReload(t *testing.T) {
	cmd, log := tuiRouter(t)
	s := sitAtTUI(t, cmd)
	if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	logged(t, log, `configuration reloaded`)
	if s.modes(t) == s.before {
		t.Error("the dashboard has gone")
	}
	s.detach(t)
}

// TestTUIStops: SIGTERM stops the router in order and gives the terminal back.
func TestTUIStops(t *testing.T) {
	cmd, log := tuiRouter(t)
	s := sitAtTUI(t, cmd)
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := s.exit(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
	logged(t, log, `router stopped`)
	s.left(t)
	s.told(t, `\x1b\[\?1049l`)
}

// TestTUIStalled: a terminal that has stopped reading keeps nobody from stopping the router in order. The code of a process
// that had to be ended is another one.
func TestTUIStalled(t *testing.T) {
	cmd, log := tuiRouter(t)
	person, program := openTerminal(t)
	defer func() { _ = person.Close() }()
	cmd.Env = append(cmd.Env, "TERM=xterm")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = program, program, program
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := unix.IoctlSetWinsize(int(person.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Col: 300, Row: 100}); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	alive(t, log)
	// Each size has the whole screen onScreen again, until the terminal takes no more.
	for i := range 60 {
		if err := unix.IoctlSetWinsize(int(person.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Col: uint16(300 - i%2), Row: 100}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Millisecond) // the terminal has nothing to say about when it is full
	}
	alive(t, log)
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(patience):
		_ = cmd.Process.Kill()
		t.Fatal("does not end")
	}
	logged(t, log, `router stopped`)
	_ = program.Close()
}

// TestTUICrash: when the runtime ends the router, in whatever goroutine, the trace is in the log, and the terminal is what it
// was before the shell has it back. SIGQUIT ends a Go program the way a panic does that nobody catches.
func TestTUICrash(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGQUIT, syscall.SIGABRT, syscall.SIGKILL} {
		t.Run(signal.String(), func(t *testing.T) {
			cmd, log := tuiRouter(t)
			script := "stty -g; " + strings.Join(cmd.Args, " ") + "; stty -g; read line; echo line $line"
			shell := exec.Command("/bin/sh", "-c", script)
			shell.Dir, shell.Env = cmd.Dir, cmd.Env
			s := sitAtTUI(t, shell)
			before := regexp.MustCompile(`^[0-9a-f:]+`).FindString(s.wrote.String())
			pid, err := strconv.Atoi(logged(t, log, `pid=(\d+)`)[1])
			if err != nil {
				t.Fatal(err)
			}
			from := len(s.wrote.String())
			if err := syscall.Kill(pid, signal); err != nil {
				t.Fatal(err)
			}
			if signal != syscall.SIGKILL { // which nobody can get ahead of
				toldSince(t, &s.wrote, from, `\x1b\[\?1049l(?s:.*)clasp has crashed; the trace is in `+regexp.QuoteMeta(log)+`\r\n`+regexp.QuoteMeta(before))
				logged(t, log, `crashed at (?s:.*)goroutine \d+ .*\[(?s:.*)main\.\(\*server\)\.run`)
			} else {
				toldSince(t, &s.wrote, from, `\x1b\[\?1049l`)
			}
			s.types(t, "abc\n")
			toldSince(t, &s.wrote, from, `line abc`)
			s.quiet(t)
		})
	}
}

// TestTUIAttachCrash: the words of a crash of clasp tui are in a file of this user, and not on the terminal; a link there is
// not followed.
func TestTUIAttachCrash(t *testing.T) {
	router := serve(t, nil, "--port", "0", "--bind", "127.0.0.1")
	_, port, _ := strings.Cut(router.address(t), ":")
	for _, linked := range []bool{false, true} {
		t.Run(fmt.Sprint(linked), func(t *testing.T) {
			cache := t.TempDir()
			path, elsewhere := filepath.Join(cache, "clasp", "dashboard.crash"), filepath.Join(cache, "elsewhere")
			want := `clasp has crashed; the trace is in ` + regexp.QuoteMeta(path) + `\r\n$`
			if linked {
				want = `clasp has crashed, and why is lost: .*\r\n$`
				if err := errors.Join(os.Mkdir(filepath.Dir(path), 0o700), os.Symlink(elsewhere, path)); err != nil {
					t.Fatal(err)
				}
			}
			cmd := claspCommand(t, []string{"XDG_CACHE_HOME=" + cache}, "tui", "--port", port)
			s := sitAtTUI(t, cmd)
			from := len(s.wrote.String())
			if err := cmd.Process.Signal(syscall.SIGQUIT); err != nil {
				t.Fatal(err)
			}
			if code := s.exit(t); code != 2 {
				t.Errorf("exit code %d", code)
			}
			toldSince(t, &s.wrote, from, want)
			if words := s.wrote.String()[from:]; strings.Contains(words, "goroutine ") {
				t.Errorf("the trace is on the terminal, too: %d bytes", len(words))
			}
			if linked {
				if _, err := os.Lstat(elsewhere); !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("the link was followed: %v", err)
				}
				return
			}
			logged(t, path, `crashed at (?s:.*)goroutine \d+ `)
			if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%v, %v", info, err)
			}
		})
	}
	serves(t, router.address(t))
}

// TestTUIGuard: the process that waits for a crash is there while the dashboard is, and not after it.
func TestTUIGuard(t *testing.T) {
	cmd, _ := tuiRouter(t)
	s := sitAtTUI(t, cmd)
	children := func() string {
		return kernelSays(t, fmt.Sprintf("/proc/%d/task/%[1]d/children", cmd.Process.Pid))
	}
	guards := func() (n int) {
		tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", cmd.Process.Pid))
		if err != nil {
			t.Fatal(err)
		}
		for _, task := range tasks {
			n += len(strings.Fields(kernelSays(t, task)))
		}
		return n
	}
	if guards() != 1 {
		t.Errorf("processes beside the dashboard: %d, %s", guards(), children())
	}
	s.detach(t)
	for deadline := time.Now().Add(patience); guards() != 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("processes after the dashboard: %d", guards())
		}
	}
}

// TestTUISizes: a storm of sizes, small ones too, and the dashboard still hears its keys.
func TestTUISizes(t *testing.T) {
	cmd, log := tuiRouter(t)
	s := sitAtTUI(t, cmd)
	for i := range 300 {
		s.size(t, uint16(1+i*7%300), uint16(1+i*3%100))
	}
	s.size(t, 120, 30)
	s.detach(t)
	s.quiet(t)
	alive(t, log)
}

// TestTUIPause: Ctrl-Z does not stop the router with the screen.
func TestTUIPause(t *testing.T) {
	cmd, log := tuiRouter(t)
	s := sitAtTUI(t, cmd)
	s.types(t, "\x1a")
	s.detach(t) // the dashboard has heard it, and goes on
	if state := status(t, cmd.Process.Pid); strings.Contains(state, "State:\tT") {
		t.Error("the router is stopped")
	}
	alive(t, log)
}

// TestTUIQuit: q stops a router that has no clients.
func TestTUIQuit(t *testing.T) {
	cmd, log := tuiRouter(t)
	s := sitAtTUI(t, cmd)
	s.types(t, "q") // nobody is connected: there is nothing to ask
	if code := s.exit(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
	logged(t, log, `router stopping.*asked="at the dashboard"(?s:.*)router stopped`)
	s.left(t)
}

// TestTUIAttach: clasp tui shows a router that runs elsewhere, and leaves it as it is.
func TestTUIAttach(t *testing.T) {
	router := serve(t, nil, "--port", "0", "--bind", "127.0.0.1", "--name", "Stage left")
	_, port, _ := strings.Cut(router.address(t), ":")
	for _, key := range []string{"q", "D"} {
		s := sitAtTUI(t, claspCommand(t, nil, "tui", "--port", port))
		s.told(t, "Stage left")
		s.types(t, key)
		if code := s.exit(t); code != 0 {
			t.Errorf("%s: exit code %d", key, code)
		}
		s.left(t)
		serves(t, router.address(t))
	}
}

// TestTUIAttachUnclear: where the configuration may say more of the dashboard than can be understood, none is shown.
func TestTUIAttachUnclear(t *testing.T) {
	router := serve(t, nil, "--port", "0", "--bind", "127.0.0.1")
	_, port, _ := strings.Cut(router.address(t), ":")
	for text, want := range map[string]string{
		"server:\n  tui: {readonly: true}\n  x: [\n":      `is not YAML`,
		"server:\n  tui: {readonly: si, privacy: true}\n": `server\.tui\.readonly: "si"`,
		"server:\n  tui: {read_only: true}\n":             `unknown key "read_only"`,
		"tui: {readonly: true}\n":                         `unknown key "tui"`,
		"server:\n  tui: {keys: {fly: [f]}}\n":            `server\.tui\.keys: `,
	} {
		path := filepath.Join(t.TempDir(), "clasp.yaml")
		write(t, path, text)
		s := sit(t, claspCommand(t, []string{"CLASP_CONFIG=" + path}, "tui", "--port", port))
		s.until(t, want)
		if code := s.exit(t); code != 78 {
			t.Errorf("%s: exit code %d, want 78", text, code)
		}
	}
	// What is wrong elsewhere is the router's business: the secret is in its environment alone.
	path := filepath.Join(t.TempDir(), "clasp.yaml")
	write(t, path, "server:\n  security: {token_secret: \"${TOKEN_SECRET}\"}\n  tui: {readonly: true}\n")
	s := sitAtTUI(t, claspCommand(t, []string{"CLASP_CONFIG=" + path}, "tui", "--port", port))
	s.told(t, "(?i)read.only")
	s.types(t, "D")
	if code := s.exit(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// TestTUITyping: what is typed into a filter while two devices ask to be let in answers neither.
func TestTUITyping(t *testing.T) {
	cmd, log := tuiRouter(t, "--pairing", "--log-level", "debug") // which says who is turned away
	s := sitAtTUI(t, cmd)
	p := s.watch(t, 120, 30)
	address := logged(t, log, `ws://(127\.0\.0\.1:\d+)/clasp`)[1]
	s.types(t, "3/")
	knocks(t, address, "phone one")
	p.shows(t, "PAIR 1")
	s.types(t, "yyP")
	knocks(t, address, "phone two")
	p.shows(t, "PAIR 2", "/yyP")
	s.types(t, "ynnpyyn\r") // Enter keeps the filter
	s.detach(t)
	s.until(t, `phone (one|two)(?s:.*)asks to be let in`) // both still do, at the terminal of a router without a dashboard
	if text := kernelSays(t, log); strings.Contains(text, "device paired") || strings.Contains(text, "pairing=denied") {
		t.Errorf("a request was answered:\n%s", text)
	}
}
