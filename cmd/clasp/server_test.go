//go:build unix

// Runs the real router for what a process owes its operator: banner, logs, signals, reloads, exit codes.

package main_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/router/wire"
	"github.com/gorilla/websocket"
)

// service is a router started with arguments of its own.
type service struct {
	cmd            *exec.Cmd
	stdout, stderr lockedBuffer
	ended          chan struct{}
}

// serve starts a router; it is killed when the test ends, unless it has ended by itself.
func serve(t *testing.T, environ []string, args ...string) *service {
	t.Helper()
	return serveStartedBy(t, (*exec.Cmd).Start, environ, args...)
}

// serveStartedBy is serve for a test that has its own way to start a program.
func serveStartedBy(t *testing.T, start func(*exec.Cmd) error, environ []string, args ...string) *service {
	t.Helper()
	s := &service{cmd: claspCommand(t, environ, append([]string{"server"}, args...)...), ended: make(chan struct{})}
	s.cmd.Stdout, s.cmd.Stderr = &s.stdout, &s.stderr
	if err := start(s.cmd); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = s.cmd.Wait() // the exit code is looked at by the test
		close(s.ended)
	}()
	t.Cleanup(func() {
		_ = s.cmd.Process.Kill()
		<-s.ended
		if t.Failed() {
			t.Logf("stdout:\n%s\nstderr:\n%s", &s.stdout, &s.stderr)
		}
	})
	return s
}

// until waits for text in what out returns, and returns the submatches.
func (s *service) until(t *testing.T, out func() string, pattern string) []string {
	t.Helper()
	expression := regexp.MustCompile(pattern)
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if m := expression.FindStringSubmatch(out()); m != nil {
			return m
		}
		select {
		case <-s.ended:
			if m := expression.FindStringSubmatch(out()); m != nil { // its last words
				return m
			}
			t.Fatalf("ended without saying %s", pattern)
		default:
		}
	}
	t.Fatalf("no %s in\n%s", pattern, out())
	return nil
}

// address returns host:port of a router bound to 127.0.0.1, once it is ready.
func (s *service) address(t *testing.T) string {
	t.Helper()
	return s.until(t, s.stdout.String, `ws://(127\.0\.0\.1:\d+)/clasp`)[1]
}

func (s *service) signal(t *testing.T, sig os.Signal) {
	t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		t.Fatalf("%v: %v", sig, err)
	}
}

// exit waits for the end and returns the exit code.
func (s *service) exit(t *testing.T) int {
	t.Helper()
	select {
	case <-s.ended:
		return s.cmd.ProcessState.ExitCode()
	case <-time.After(patience):
		t.Fatal("does not end")
		return 0
	}
}

// greeted opens a session and reads its WELCOME and the snapshot after it.
func greeted(t *testing.T, address string) *websocket.Conn {
	t.Helper()
	c, response, err := websocket.DefaultDialer.Dial("ws://"+address+"/clasp", nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close() // nothing in it after an upgrade
	t.Cleanup(func() { _ = c.Close() })
	send(t, c, wire.AppendHello(nil, wire.Hello{Version: wire.Version, Name: []byte("test")}))
	expectType(t, c, wire.TypeWelcome)
	expectType(t, c, wire.TypeSnapshot)
	return c
}

// ping checks that a session is alive.
func ping(t *testing.T, c *websocket.Conn) {
	t.Helper()
	send(t, c, wire.AppendPing(nil))
	expectType(t, c, wire.TypePong)
}

func send(t *testing.T, c *websocket.Conn, payload []byte) {
	t.Helper()
	frame, err := wire.AppendFrame(nil, wire.Fire, payload)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.WriteMessage(websocket.BinaryMessage, frame); err != nil {
		t.Fatal(err)
	}
}

func expectType(t *testing.T, c *websocket.Conn, want wire.Type) {
	t.Helper()
	if got := receive(t, c); got != want {
		t.Fatalf("got %v, want %v", got, want)
	}
}

// receive returns the type of the next message.
func receive(t *testing.T, c *websocket.Conn) wire.Type {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(patience)) // a closed connection fails to read too
	_, message, err := c.ReadMessage()
	if err != nil {
		t.Fatal(err)
	}
	frame, _, err := wire.ReadFrame(message)
	if err != nil {
		t.Fatal(err)
	}
	return wire.Type(frame.Payload[0])
}

// subscribes tries to and reports whether it was let. An accepted subscription without params has no answer, so a PING
// follows it.
func subscribes(t *testing.T, c *websocket.Conn, id uint32, pattern string) bool {
	t.Helper()
	send(t, c, wire.AppendSubscribe(nil, wire.Subscribe{ID: id, Pattern: []byte(pattern), Types: 0xFF}))
	send(t, c, wire.AppendPing(nil))
	answer := receive(t, c)
	if answer == wire.TypeError {
		expectType(t, c, wire.TypePong)
		return false
	}
	return answer == wire.TypePong
}

func TestServeAndStop(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(sig.String(), func(t *testing.T) {
			s := serve(t, nil, "--port", "0", "--bind", "127.0.0.1", "--name", "Studio")
			address := s.address(t)
			response, err := http.Get("http://" + address + "/")
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(response.Body)
			_ = response.Body.Close()
			if err != nil || response.StatusCode != http.StatusOK || len(body) == 0 {
				t.Errorf("a plain GET: %s, %q, %v", response.Status, body, err)
			}
			if banner := s.stdout.String(); !regexp.MustCompile(`^clasp \S+, router "Studio"\n  WebSocket  ws://` + address + "/clasp\n").MatchString(banner) {
				t.Errorf("banner:\n%s", banner)
			}

			c := greeted(t, address)
			s.signal(t, sig)
			_ = c.SetReadDeadline(time.Now().Add(patience))
			if _, _, err := c.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseGoingAway) {
				t.Errorf("the client was told %v, want close 1001", err)
			}
			_ = c.Close()
			if code := s.exit(t); code != 0 {
				t.Errorf("exit code %d", code)
			}
			if words := s.stderr.String(); words != "" {
				t.Errorf("stderr: %s", words)
			}
			if c, err := net.Dial("tcp", address); err == nil {
				_ = c.Close()
				t.Error("the port is still open")
			}
		})
	}
}

// TestBanner: bound to every card, the router names addresses another machine can use.
func TestBanner(t *testing.T) {
	s := serve(t, nil, "--port", "0")
	line := s.until(t, s.stdout.String, `(?m)^  WebSocket  (.*)$`)[1]
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	usable := func(n *net.IPNet) bool { return n.IP.To4() != nil && !n.IP.IsLoopback() }
	networked := slices.ContainsFunc(addresses, func(a net.Addr) bool { n, ok := a.(*net.IPNet); return ok && usable(n) })
	for _, text := range strings.Fields(line) {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		ip := net.ParseIP(u.Hostname())
		if u.Scheme != "ws" || u.Path != "/clasp" || u.Port() == "0" || ip == nil || ip.IsUnspecified() || ip.IsLoopback() == networked {
			t.Errorf("the banner offers %s", text)
			continue
		}
		c, err := net.Dial("tcp", u.Host)
		if err != nil {
			t.Errorf("the banner offers %s: %v", text, err)
			continue
		}
		_ = c.Close()
	}
}

// TestJSONLog: with JSON logs, stdout holds nothing but JSON, the listeners included.
func TestJSONLog(t *testing.T) {
	s := serve(t, []string{"CLASP_PROT=1"}, "--port", "0", "--bind", "127.0.0.1", "--log-format", "json")
	s.address(t)
	s.signal(t, syscall.SIGTERM)
	if code := s.exit(t); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	if words := s.stderr.String(); words != "" {
		t.Errorf("said on stderr what the log says: %s", words)
	}
	listening, warned := false, false
	for line := range strings.Lines(s.stdout.String()) {
		var record struct {
			Level, Msg, Transport string
			URLs                  []string
		}
		if err := json.Unmarshal([]byte(line), &record); err != nil {
			t.Errorf("not JSON: %s", line)
		}
		listening = listening || record.Msg == "listening" && record.Transport == "WebSocket" && len(record.URLs) == 1
		warned = warned || record.Level == "WARN" && strings.Contains(record.Msg, "CLASP_PROT")
	}
	if !listening || !warned {
		t.Errorf("listeners logged: %v, unknown variable logged: %v", listening, warned)
	}
}

// TestJSONLogFile: with the log in a file, stdout is for people whatever the format of the log is.
func TestJSONLogFile(t *testing.T) {
	s := serve(t, nil, "--port", "0", "--bind", "127.0.0.1", "--log-format", "json", "--log-file", filepath.Join(t.TempDir(), "log"))
	s.until(t, s.stdout.String, `(?s)^clasp \S+, router .*  WebSocket  ws://`)
}

// TestFullDisk: that lines are lost is said once, and the router goes on.
func TestFullDisk(t *testing.T) {
	const full = "/dev/full"
	if _, err := os.Stat(full); err != nil {
		t.Skipf("%s: this system has no %s", t.Name(), full)
	}
	s := serve(t, nil, "--port", "0", "--bind", "127.0.0.1", "--log-file", full)
	address := s.address(t)
	for range 3 {
		c := greeted(t, address)
		ping(t, c)
		_ = c.Close()
	}
	s.signal(t, syscall.SIGTERM)
	if code := s.exit(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if words := s.stderr.String(); !regexp.MustCompile(`^clasp: log lines are lost: .*no space left on device\n$`).MatchString(words) {
		t.Errorf("stderr: %q", words)
	}
}

// TestLogFileKind: a FIFO would stop whoever writes to it, and a directory is no file.
func TestLogFileKind(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{fifo, dir} {
		s := serve(t, nil, "--port", "0", "--bind", "127.0.0.1", "--log-file", path)
		if code := s.exit(t); code != 78 {
			t.Errorf("%s: exit code %d, want 78", path, code)
		}
		if words := s.stderr.String(); !strings.HasPrefix(words, "--log-file: "+path+": ") {
			t.Errorf("stderr: %s", words)
		}
	}
}

// TestBrokenRotation: a rotated log is let go even if the rest of the reload is refused.
func TestBrokenRotation(t *testing.T) {
	dir := t.TempDir()
	path, log := filepath.Join(dir, "clasp.yaml"), filepath.Join(dir, "log")
	write(t, path, "server: {port: 0, bind: 127.0.0.1, logging: {file: "+log+"}}\n")
	s := serve(t, nil, "-c", path)
	s.address(t)
	if err := os.Rename(log, log+".1"); err != nil {
		t.Fatal(err)
	}
	write(t, path, "server: {port: none}\n")
	s.signal(t, syscall.SIGHUP)
	s.until(t, func() string { text, _ := os.ReadFile(log); return string(text) }, "(?s)configuration problem.*old one stays in force")
}

// TestLogFile: the log goes to the file, stdout keeps the banner, and a rotated file is let go on SIGHUP.
func TestLogFile(t *testing.T) {
	dir := t.TempDir()
	path, rotated := filepath.Join(dir, "clasp.log"), filepath.Join(dir, "clasp.log.1")
	read := func(path string) string {
		text, err := os.ReadFile(path)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		return string(text)
	}
	s := serve(t, nil, "--port", "0", "--bind", "127.0.0.1", "--log-file", path)
	address := s.address(t)
	s.until(t, func() string { return read(path) }, `(?s)listening.*ws://`+regexp.QuoteMeta(address)+`/clasp.*router started`)
	if err := os.Rename(path, rotated); err != nil {
		t.Fatal(err)
	}
	s.signal(t, syscall.SIGHUP)
	s.until(t, func() string { return read(path) }, "configuration reloaded")
	before := read(rotated)
	s.signal(t, syscall.SIGTERM)
	if code := s.exit(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if !strings.Contains(read(path), "router stopped") || read(rotated) != before {
		t.Errorf("after the rotation:\n%s\nthe old file:\n%s", read(path), read(rotated))
	}
	if strings.Contains(s.stdout.String(), "level=") {
		t.Errorf("stdout has log lines:\n%s", &s.stdout)
	}
}

// TestReload changes a limit under a session, then breaks the file, then asks for what this build does not have; the session
// stays through all of it and the last good configuration counts.
func TestReload(t *testing.T) {
	path := filepath.Join(t.TempDir(), "clasp.yaml")
	file := func(text string) { t.Helper(); write(t, path, "server:\n"+text) }
	file("  port: 0\n  bind: 127.0.0.1\n  limits: {max_subscriptions: 1}\n")
	s := serve(t, nil, "-c", path)
	c := greeted(t, s.address(t))
	if !subscribes(t, c, 1, "/one") || subscribes(t, c, 2, "/two") {
		t.Error("the limit in the file is not in force")
	}

	file("  port: 0\n  bind: 127.0.0.1\n  name: New\n  limits: {max_subscriptions: 2}\n  logging: {level: debug}\n")
	s.signal(t, syscall.SIGHUP)
	s.until(t, s.stdout.String, `level=INFO msg="configuration reloaded" .*changed="\[limits.max_subscriptions logging.level\]"`)
	s.until(t, s.stdout.String, `level=WARN msg="changed options wait for a restart" options=\[name\]`)
	if !subscribes(t, c, 2, "/two") {
		t.Error("the new limit is not in force")
	}
	s.signal(t, syscall.SIGHUP) // what waits for a restart is named until there was one
	s.until(t, s.stdout.String, `(?s)changed=\[\].*options=\[name\]`)

	file("  port: 0\n  limits:\n    max_subscriptions: none\n  owner: x\n")
	s.signal(t, syscall.SIGHUP)
	s.until(t, s.stdout.String, `level=ERROR msg="configuration problem" at=`+regexp.QuoteMeta(path)+`:4:24 problem="server.limits.max_subscriptions: \\"none\\" is not a whole number"`)
	s.until(t, s.stdout.String, `level=ERROR msg="configuration problem" at=`+regexp.QuoteMeta(path)+`:5:3 `)
	s.until(t, s.stdout.String, `msg="configuration not reloaded, the old one stays in force" problems=2`)

	file("  port: 0\n  limits: {max_subscriptions: 5}\n  logging: {file: /nowhere/at/all}\n")
	s.signal(t, syscall.SIGHUP)
	s.until(t, s.stdout.String, `msg="configuration problem" at=`+regexp.QuoteMeta(path)+`:4:19 `)

	if subscribes(t, c, 3, "/three") {
		t.Error("a refused configuration has taken effect")
	}
	s.signal(t, syscall.SIGTERM)
	_ = c.SetReadDeadline(time.Now().Add(patience))
	if _, _, err := c.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseGoingAway) {
		t.Errorf("the client was told %v, want close 1001", err)
	}
}

// TestSecondSignal: a client that will not go delays the end, and a second signal does not wait for it.
func TestSecondSignal(t *testing.T) {
	s := serve(t, nil, "--port", "0", "--bind", "127.0.0.1")
	address := s.address(t)
	stubborn(t, address)
	s.signal(t, syscall.SIGTERM)
	s.until(t, s.stdout.String, "router stopping")
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		c, err := net.Dial("tcp", address)
		if err != nil {
			break
		}
		_ = c.Close()
		if time.Now().After(deadline) {
			t.Fatal("a stopping router goes on accepting")
		}
	}
	if strings.Contains(s.stdout.String(), "router stopped") {
		t.Fatal("a stopping router went on accepting to its end")
	}
	s.signal(t, syscall.SIGTERM)
	if code := s.exit(t); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	if strings.Contains(s.stdout.String(), "router stopped") {
		t.Error("it waited all the same")
	}
}

// TestStubbornClient: the same client alone cannot keep the process from ending in order.
func TestStubbornClient(t *testing.T) {
	s := serve(t, nil, "--port", "0", "--bind", "127.0.0.1")
	stubborn(t, s.address(t))
	s.signal(t, syscall.SIGTERM)
	if code := s.exit(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// stubborn opens a session that neither answers a close nor closes its connection.
func stubborn(t *testing.T, address string) {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_, err = fmt.Fprintf(c, "GET /clasp HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n", address)
	if err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(c)
	response, err := http.ReadResponse(in, nil)
	if err != nil || response.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("upgrade: %v, %v", response, err)
	}
	hello, err := wire.AppendFrame(nil, wire.Fire, wire.AppendHello(nil, wire.Hello{Version: wire.Version}))
	if err != nil {
		t.Fatal(err)
	}
	// A whole binary message, masked with zeroes (RFC 6455 section 5.2).
	if _, err := c.Write(append([]byte{0x82, 0x80 | byte(len(hello)), 0, 0, 0, 0}, hello...)); err != nil {
		t.Fatal(err)
	}
	if _, err := in.Peek(20); err != nil { // WELCOME has come
		t.Fatal(err)
	}
}

// TestClosedStdout: losing whoever read the log does not stop the router.
func TestClosedStdout(t *testing.T) {
	cmd := claspCommand(t, nil, "server", "--port", "0", "--bind", "127.0.0.1")
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout = writer
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	_ = writer.Close() // the router has its own
	lines := bufio.NewScanner(reader)
	var address string
	for address == "" && lines.Scan() {
		if m := regexp.MustCompile(`ws://(.*)/clasp`).FindStringSubmatch(lines.Text()); m != nil {
			address = m[1]
		}
	}
	_ = reader.Close()
	c := greeted(t, address) // logs that a session started, into the closed pipe
	ping(t, c)
	_ = c.Close()
	endsCleanly(t, cmd)
}

// TestUnreadStdout: a stdout that takes nothing any more costs log lines and nothing else.
func TestUnreadStdout(t *testing.T) {
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	defer writer.Close()
	if err := writer.SetWriteDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if n, err := writer.Write(make([]byte, 1<<24)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("the pipe took %d bytes, then: %v", n, err)
	}
	port := steadyPort(t)
	address := net.JoinHostPort("127.0.0.1", port)

	cmd := claspCommand(t, nil, "server", "--port", port, "--bind", "127.0.0.1", "--log-level", "trace")
	cmd.Stdout = writer
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		c, err := net.Dial("tcp", address)
		if err == nil {
			_ = c.Close()
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	for range 3 {
		c := greeted(t, address)
		ping(t, c)
		_ = c.Close()
	}
	endsCleanly(t, cmd)
}

// endsCleanly asks a router to stop and waits until it has.
func endsCleanly(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("it did not end cleanly: %v", err)
	}
}
