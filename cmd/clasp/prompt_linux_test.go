// Sits at the terminal of a real router: what it asks there about devices that wait, and what it leaves of the terminal.

package main_test

import (
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/router/wire"
	"github.com/gorilla/websocket"
	"golang.org/x/sys/unix"
)

// seat is a place at a terminal that a program runs on.
type seat struct {
	person, program *os.File     // the ends of the terminal
	wrote           lockedBuffer // all that was written to it
	before          unix.Termios
	cmd             *exec.Cmd
	ended           chan struct{}
}

// sit starts a program on a terminal of its own. It is killed with all that it has started when the test ends.
func sit(t *testing.T, cmd *exec.Cmd) *seat {
	t.Helper()
	person, program := openTerminal(t)
	s := &seat{person: person, program: program, cmd: cmd, ended: make(chan struct{})}
	s.before = s.modes(t)
	cmd.Env = append(cmd.Env, "TERM=xterm")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = program, program, program
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = io.Copy(&s.wrote, person) }() // until it is closed
	go func() {
		_ = cmd.Wait() // the exit code is looked at by the test
		close(s.ended)
	}()
	t.Cleanup(func() {
		if job, err := unix.IoctlGetInt(int(program.Fd()), unix.TIOCGPGRP); err == nil && job > 1 {
			_ = unix.Kill(-job, unix.SIGKILL) // what a shell has started
		}
		_ = cmd.Process.Kill()
		<-s.ended
		_ = program.Close()
		if t.Failed() {
			t.Logf("the terminal:\n%s", strings.Join(s.screen(), "\n"))
		}
		_ = person.Close()
	})
	return s
}

// modes are those of the terminal now.
func (s *seat) modes(t *testing.T) unix.Termios {
	t.Helper()
	modes, err := unix.IoctlGetTermios(int(s.program.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return *modes
}

// left checks that the terminal is what it was.
func (s *seat) left(t *testing.T) {
	t.Helper()
	if now := s.modes(t); now != s.before {
		t.Errorf("the terminal was %+v and is %+v", s.before, now)
	}
}

// screen returns the lines that are on it, of all that it was ever told. It knows as much of terminals as the router uses.
func (s *seat) screen() []string {
	lines, row, column := [][]rune{nil}, 0, 0
	text := []rune(s.wrote.String())
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case '\r':
			column = 0
		case '\n':
			if row++; row == len(lines) {
				lines = append(lines, nil)
			}
		case '\x1b':
			end := i + 2
			for end < len(text) && !strings.ContainsRune("AJhlm", text[end]) {
				end++
			}
			if end >= len(text) {
				break
			}
			switch text[end] {
			case 'A':
				up, _ := strconv.Atoi(string(text[i+2 : end]))
				row = max(row-up, 0)
			case 'J':
				lines[row] = lines[row][:min(column, len(lines[row]))]
				lines = lines[:row+1]
			}
			i = end
		default:
			for len(lines[row]) <= column {
				lines[row] = append(lines[row], ' ')
			}
			lines[row][column] = c
			column++
		}
	}
	shown := make([]string, len(lines))
	for i := range lines {
		shown[i] = string(lines[i])
	}
	return shown
}

// until waits for something to be on the screen, and returns the submatches.
func (s *seat) until(t *testing.T, pattern string) []string {
	t.Helper()
	return s.press(t, "", pattern)
}

// press presses a key until something is on the screen: keys in a hurry do nothing.
func (s *seat) press(t *testing.T, key, pattern string) []string {
	t.Helper()
	expression, next := regexp.MustCompile(pattern), time.Time{}
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if m := expression.FindStringSubmatch(strings.Join(s.screen(), "\n")); m != nil {
			return m
		}
		if key != "" && time.Now().After(next) {
			s.types(t, key)
			next = time.Now().Add(time.Second)
		}
	}
	t.Fatalf("no %s on the screen", pattern)
	return nil
}

func (s *seat) types(t *testing.T, keys string) {
	t.Helper()
	if _, err := s.person.WriteString(keys); err != nil {
		t.Fatal(err)
	}
}

// gone waits until something is not on the screen any more.
func (s *seat) gone(t *testing.T, part string) {
	t.Helper()
	for deadline := time.Now().Add(patience); strings.Contains(strings.Join(s.screen(), "\n"), part); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%q stays on the screen", part)
		}
	}
}

// quiet waits until nobody asks for keys, and checks that the terminal is what it was.
func (s *seat) quiet(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(patience); s.modes(t) != s.before; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.left(t)
			t.FailNow()
		}
	}
}

// exit waits for the end of the program and returns its exit code, -1 for a signal.
func (s *seat) exit(t *testing.T) int {
	t.Helper()
	select {
	case <-s.ended:
		return s.cmd.ProcessState.ExitCode()
	case <-time.After(patience):
		t.Fatal("does not end")
		return 0
	}
}

// pairingRouter prepares a router with pairing that keeps everything in a folder of its own.
func pairingRouter(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	return claspCommand(t, []string{devicesFile(t)}, append([]string{"server", "--pairing", "--port", "0", "--bind", "127.0.0.1"}, args...)...)
}

const onAddress = `ws://(127\.0\.0\.1:\d+)/clasp`

// knocked counts the devices that have.
var knocked atomic.Uint32

// knocks comes without a token and waits to be let in. Each has an address of its own: the operator is shown one more of an
// address every ten seconds.
func knocks(t *testing.T, address, name string) *websocket.Conn {
	t.Helper()
	from := net.Dialer{LocalAddr: &net.TCPAddr{IP: elsewhere()}}
	dialer := websocket.Dialer{NetDialContext: from.DialContext}
	c, response, err := dialer.Dial("ws://"+address+"/clasp", nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close() // nothing in it after an upgrade
	t.Cleanup(func() { _ = c.Close() })
	send(t, c, wire.AppendHello(nil, wire.Hello{Version: wire.Version, Name: []byte(name)}))
	expectType(t, c, wire.TypeWelcome)
	expectType(t, c, wire.TypeSnapshot)
	return c
}

// TestPromptTerminal: whoever sits at the terminal lets devices in, by a PIN and by a key, while the log goes on above.
func TestPromptTerminal(t *testing.T) {
	t.Parallel() // it mostly waits
	s := sit(t, pairingRouter(t))
	address := s.until(t, onAddress)[1]
	s.left(t)

	c := knocks(t, address, "FOH iPad")
	s.until(t, `FOH iPad asks to be let in\n  match \d\d-\d\d, from 127\.1\.\S+ over ws, not encrypted\n  \[y\] let it in  \[p\] show a PIN  \[n\] turn it away\n$`)
	if modes := s.modes(t); modes.Lflag&(unix.ECHO|unix.ICANON) != 0 || modes.Lflag&unix.ISIG == 0 || modes.Oflag != s.before.Oflag {
		t.Errorf("while it asks the terminal is %+v", modes)
	}
	pin := s.press(t, "p", `PIN (\d{3} \d{3}), good for [45]:\d\d\n  \[y\] let it in  \[n\] turn it away\n$`)[1]
	// Another comes and the log speaks: both find their place.
	c2 := knocks(t, address, "stage")
	s.until(t, `FOH iPad asks to be let in\n(.*\n){2}.*\[tab\] next of 2\n$`)

	setText(t, c, "/_clasp/pair/pin", strings.ReplaceAll(pin, " ", ""))
	s.until(t, `msg="session let in".*\n(.*\n)*stage asks to be let in\n`)
	s.gone(t, pin)
	s.press(t, "y", `stage asks to be let in\n.*\n  Give it read /\*\* and write /\*\*\?\n  \[y\] yes  any other key: no\n$`)
	s.press(t, "y", `stage is let in, with the profile default`)
	expectType(t, c2, wire.TypeSnapshot)
	s.gone(t, "stage is let in, with")
	s.quiet(t)
	if screen := strings.Join(s.screen(), "\n"); strings.Contains(screen, "asks to be let in") || !strings.HasSuffix(screen, "\n") {
		t.Errorf("what it has asked stays:\n%s", screen)
	}

	s.types(t, "\x03")
	if code := s.exit(t); code != 0 {
		t.Errorf("Ctrl-C: exit code %d", code)
	}
	s.until(t, `router stopped`)
}

// setText sends a SET.
func setText(t *testing.T, c *websocket.Conn, address, text string) {
	t.Helper()
	value, err := wire.AppendAny(nil, text)
	if err != nil {
		t.Fatal(err)
	}
	send(t, c, wire.AppendSet(nil, wire.Set{Address: []byte(address), Value: wire.Value{Code: value[0], Data: value[1:]}}))
}

// TestPromptSecret: a PIN is on the terminal and nowhere else, however much is logged.
func TestPromptSecret(t *testing.T) {
	t.Parallel() // it mostly waits
	dir := t.TempDir()
	log := filepath.Join(dir, "clasp.log")
	cmd := pairingRouter(t, "--log-level", "trace", "--log-format", "json", "--log-file", log)
	s := sit(t, cmd)
	address := s.until(t, onAddress)[1]
	c := knocks(t, address, "phone")
	pin := strings.ReplaceAll(s.press(t, "p", `PIN (\d{3} \d{3})`)[1], " ", "")
	setText(t, c, "/_clasp/pair/pin", pin)
	s.gone(t, "asks to be let in")
	s.types(t, "\x03")
	if code := s.exit(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), `"session let in"`) || strings.Contains(string(text), pin) {
		t.Errorf("the log:\n%s", text)
	}
	for _, folder := range []string{dir, cmd.Dir} {
		if found := holds(t, folder, pin); found != "" {
			t.Errorf("the PIN is in %s", found)
		}
	}
}

// holds returns a file below dir that has text in it.
func holds(t *testing.T, dir, text string) (found string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		all, err := os.ReadFile(path)
		if errors.Is(err, os.ErrNotExist) {
			return nil // gone meanwhile
		}
		if strings.Contains(string(all), text) {
			found = path
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestPromptEnds: however a router ends while it asks, its terminal is left as it was.
func TestPromptEnds(t *testing.T) {
	for name, end := range map[string]func(*testing.T, *seat){
		"SIGTERM": func(t *testing.T, s *seat) { signals(t, s, unix.SIGTERM) },
		"SIGINT":  func(t *testing.T, s *seat) { signals(t, s, unix.SIGINT) },
		"twice":   func(t *testing.T, s *seat) { signals(t, s, unix.SIGINT); signals(t, s, unix.SIGTERM) },
		"quit":    func(t *testing.T, s *seat) { s.types(t, "\x1c") },
		"SIGTERM, stopped by Ctrl-S": func(t *testing.T, s *seat) {
			s.types(t, "\x13")
			signals(t, s, unix.SIGTERM)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := sit(t, pairingRouter(t))
			knocks(t, s.until(t, onAddress)[1], "phone")
			s.until(t, `asks to be let in`)
			end(t, s)
			code := s.exit(t)
			s.left(t)
			if name == "quit" && code != 2 || strings.HasPrefix(name, "SIG") && code != 0 {
				t.Errorf("exit code %d", code)
			}
		})
	}
}

func signals(t *testing.T, s *seat, sig syscall.Signal) {
	t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Fatal(err)
	}
}

// TestPromptJob: a shell stops a router and lets it go on, in the background and in front: what it asks is only there in
// front, and neither the shell nor the router is disturbed.
func TestPromptJob(t *testing.T) {
	t.Parallel() // it mostly waits
	shell, err := exec.LookPath("bash")
	if err != nil {
		t.Skipf("%s needs bash, which is not installed", t.Name())
	}
	const script = `set -m
stty tostop # stops a job in the background that writes, unless it will not be
"$@"
echo "it stopped: $?"; read -r line; echo "typed: $line"
bg; read -r line; echo "typed: $line"
fg; echo "it ended: $?"`
	router := pairingRouter(t)
	cmd := exec.Command(shell, append([]string{"-c", script, "bash"}, router.Args...)...)
	cmd.Dir, cmd.Env = router.Dir, router.Env
	s := sit(t, cmd)
	address := s.until(t, onAddress)[1]
	pid, _ := strconv.Atoi(s.until(t, ` pid=(\d+)\n`)[1])
	t.Cleanup(func() {
		if t.Failed() { // it may be a job that nobody ends
			_ = unix.Kill(pid, unix.SIGKILL)
		}
	})
	s.before = s.modes(t)
	knocks(t, address, "first")
	s.until(t, `first asks to be let in`)

	s.types(t, "\x1a") // Ctrl-Z
	s.until(t, `it stopped: 148\n$`)
	s.gone(t, "first asks to be let in")
	s.left(t)
	s.types(t, "nothing\n")
	s.until(t, `typed: nothing\n`)

	s.until(t, `msg="a device waits to be let in" name=first .*answer="clasp paired approve \S+ --port \d+"`)
	c := knocks(t, address, "second")
	s.until(t, `msg="a device waits to be let in" name=second`)
	s.left(t)
	s.types(t, "y\n")
	s.until(t, `typed: y\n`)

	s.until(t, `first asks to be let in`)
	ping(t, c)
	s.press(t, "n", `first is turned away`)
	s.types(t, "\x03")
	s.until(t, `it ended: 0\n`)
	if code := s.exit(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
	s.left(t)
}

// TestPromptStopped: while Ctrl-S holds the terminal up nobody sees what is asked: keys do nothing, and the router goes on.
func TestPromptStopped(t *testing.T) {
	t.Parallel() // it mostly waits
	s := sit(t, pairingRouter(t))
	address := s.until(t, onAddress)[1]
	s.until(t, `pairing is on`)
	s.types(t, "\x13")
	c := knocks(t, address, "phone")
	for deadline := time.Now().Add(patience); s.modes(t) == s.before; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it reads no keys")
		}
	}
	for range 3 {
		s.types(t, "n")
		time.Sleep(700 * time.Millisecond) // more than a key has to wait: nothing else shows that it does nothing
		ping(t, c)
	}
	s.types(t, "\x11")
	s.until(t, `phone asks to be let in`)
	ping(t, c)
	s.press(t, "n", `phone is turned away`)
}

// TestPromptHangup: when the terminal goes, the router stays, and its log says from then on who waits.
func TestPromptHangup(t *testing.T) {
	t.Parallel() // it mostly waits
	log := filepath.Join(t.TempDir(), "clasp.log")
	s := sit(t, pairingRouter(t, "--log-file", log))
	address := s.until(t, onAddress)[1]
	c := knocks(t, address, "first")
	s.until(t, `first asks to be let in`)
	if err := s.person.Close(); err != nil {
		t.Fatal(err)
	}
	logged := func(pattern string) {
		t.Helper()
		for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
			text, err := os.ReadFile(log)
			if err != nil {
				t.Fatal(err)
			}
			if regexp.MustCompile(pattern).Match(text) {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("no %s in the log:\n%s", pattern, text)
			}
		}
	}
	logged(`no keys are read any more`)
	logged(`a device waits to be let in" name=first`)
	knocks(t, address, "second")
	logged(`a device waits to be let in" name=second`)
	ping(t, c)
	signals(t, s, unix.SIGTERM)
	if code := s.exit(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// TestPromptNoTerminal: a router whose output is a pipe or JSON asks for no keys; the log says how to answer, once.
func TestPromptNoTerminal(t *testing.T) {
	t.Run("pipe", func(t *testing.T) {
		s := serve(t, []string{devicesFile(t)}, "--pairing", "--port", "0", "--bind", "127.0.0.1")
		knocks(t, s.address(t), "phone")
		s.until(t, s.stdout.String, `msg="a device waits to be let in" name=phone remote=127\S+ transport=ws answer="clasp paired approve \S+ --port \d+"\n`)
		if all := s.stdout.String(); strings.ContainsAny(all, "\x1b") {
			t.Errorf("written to a pipe: %q", all)
		}
	})
	t.Run("JSON", func(t *testing.T) {
		s := sit(t, pairingRouter(t, "--log-format", "json"))
		knocks(t, s.until(t, onAddress)[1], "phone")
		s.until(t, `"a device waits to be let in"`)
		s.left(t)
	})
	t.Run("dumb terminal", func(t *testing.T) {
		router := pairingRouter(t)
		dumb := exec.Command("env", append([]string{"TERM=dumb"}, router.Args...)...)
		dumb.Dir, dumb.Env = router.Dir, router.Env
		s := sit(t, dumb)
		knocks(t, s.until(t, onAddress)[1], "phone")
		s.until(t, `msg="a device waits to be let in"`)
		s.left(t)
	})
}
