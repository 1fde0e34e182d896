// Starts the programs of testdata/interop and tells them what to do. Each of them is a remote control for one public client:
// it connects back to a WebSocket of the test, performs one operation after another and reports what its client received.

package main_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// arguments of an operation, by name.
type arguments map[string]any

// agent drives one foreign program.
type agent struct {
	conn *websocket.Conn
	said *lockedBuffer // its output

	mu       sync.Mutex
	number   int
	replies  map[int]chan reply
	journals map[string]*journal // by client name
}

type reply struct {
	Result json.RawMessage
	Error  string
}

// report is what an agent sends: the reply to operation ID, or an event of one of its clients.
type report struct {
	ID int
	reply
	Event   string // value, frame, connect, disconnect, error
	Client  string
	Sub     string
	Address string
	Value   json.RawMessage
	QoS     int
	Message json.RawMessage
}

// startNode, startChromium, startPython and startRust each start an agent in one of the places the public clients run in.
// Scripts are copied and not run in place, so that go test sees this test read them and runs it again when they change.
func startNode(t *testing.T) *agent { return startNodeWith(t) }

// startNodeWith adds variables to its environment.
func startNodeWith(t *testing.T, environ ...string) *agent {
	node := program(t, "node")
	scripts := javaScript(t)
	return serveAgent(t, scripts, func(control string) *exec.Cmd {
		cmd := exec.Command(node, filepath.Join(scripts, "node.mjs"), control)
		cmd.Env = append(os.Environ(), environ...)
		return cmd
	})
}

func startChromium(t *testing.T) *agent {
	chromium := program(t, "chromium", "chromium-browser", "google-chrome")
	profile, err := os.MkdirTemp("", "clasp-chromium-")
	if err != nil {
		t.Fatal(err)
	}
	// Not t.TempDir: the browser's last children may still write to it when the test ends, which is no failure.
	t.Cleanup(func() { os.RemoveAll(profile) })
	return serveAgent(t, javaScript(t), func(control string) *exec.Cmd {
		page := strings.TrimSuffix(strings.Replace(control, "ws:", "http:", 1), "control") + "browser.html"
		cmd := exec.Command(chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
			"--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
			"--user-data-dir="+profile, page)
		cmd.Env = append(os.Environ(), "TMPDIR="+profile) // it leaves a folder there
		return cmd
	})
}

func startPython(t *testing.T) *agent { return startPythonWith(t) }

func startPythonWith(t *testing.T, environ ...string) *agent {
	python := pythonWithClient(t)
	script := filepath.Join(t.TempDir(), "agent.py")
	copyFile(t, filepath.Join("testdata", "interop", "py", "agent.py"), script)
	return serveAgent(t, "", func(control string) *exec.Cmd {
		cmd := exec.Command(python, script, control)
		cmd.Env = append(os.Environ(), environ...)
		return cmd
	})
}

// startRust starts an agent that can only do what the pairing tests ask for.
func startRust(t *testing.T) *agent {
	program := rustAgent(t)
	return serveAgent(t, "", func(control string) *exec.Cmd { return exec.Command(program, control) })
}

// javaScript returns a folder with the JavaScript agent and the node_modules it imports from.
func javaScript(t *testing.T) string {
	t.Helper()
	modules := nodeModules(t)
	dir := t.TempDir()
	for _, name := range []string{"agent.mjs", "node.mjs", "browser.html"} {
		copyFile(t, filepath.Join("testdata", "interop", "js", name), filepath.Join(dir, name))
	}
	if err := os.Symlink(filepath.Join(modules, "node_modules"), filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// serveAgent starts the program that command makes for a control address, and waits until it has called back. files is what
// the control server offers beside it.
func serveAgent(t *testing.T, files string, command func(control string) *exec.Cmd) *agent {
	t.Helper()
	called := make(chan *websocket.Conn, 1)
	mux := http.NewServeMux()
	mux.HandleFunc("/control", func(w http.ResponseWriter, r *http.Request) {
		if conn, err := (&websocket.Upgrader{}).Upgrade(w, r, nil); err == nil {
			called <- conn
		}
	})
	mux.Handle("/", http.FileServer(http.Dir(files)))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)

	cmd := command("ws" + strings.TrimPrefix(server.URL, "http") + "/control")
	output := runBeside(t, cmd)
	select {
	case conn := <-called:
		a := &agent{conn: conn, said: output, replies: map[int]chan reply{}, journals: map[string]*journal{}}
		t.Cleanup(func() { conn.Close() })
		go a.receive()
		return a
	case <-time.After(patience):
		t.Fatalf("%s has not called back within %v:\n%s", cmd.Path, patience, output)
		return nil
	}
}

// runBeside starts a program that is ended with the test, and shows what it said if the test failed. Its standard output may
// already be taken.
func runBeside(t *testing.T, cmd *exec.Cmd) *lockedBuffer {
	t.Helper()
	output := &lockedBuffer{}
	cmd.Stderr = output
	if cmd.Stdout == nil {
		cmd.Stdout = output
	}
	cmd.WaitDelay = time.Second // for grandchildren that keep the output open
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		force := time.AfterFunc(10*time.Second, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait() // ended by a signal is how it should end
		force.Stop()
		if t.Failed() {
			t.Logf("what %s said last:\n%s", filepath.Base(cmd.Path), output.tail())
		}
	})
	return output
}

// lockedBuffer takes the output of a program while a test may read it.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// tail returns the last lines: what a failed test needs.
func (b *lockedBuffer) tail() string {
	lines := slices.Collect(strings.Lines(b.String()))
	return strings.Join(lines[max(0, len(lines)-20):], "")
}

func (a *agent) receive() {
	for {
		var r report
		if err := a.conn.ReadJSON(&r); err != nil {
			return
		}
		switch r.Event {
		case "":
			a.mu.Lock()
			waiting := a.replies[r.ID]
			delete(a.replies, r.ID)
			a.mu.Unlock()
			waiting <- r.reply
		case "value":
			a.journal(r.Client).add(fmt.Sprintf("%s %s %s", r.Sub, r.Address, r.Value))
		case "frame":
			a.journal(r.Client).add(fmt.Sprintf("qos %d %s", r.QoS, r.Message))
		default:
			a.journal(r.Client).add(strings.TrimSpace(r.Event + " " + r.Error))
		}
	}
}

// journal of what one client of the agent received: "SUB ADDRESS JSON" for every call of a subscription's callback, "connect"
// and "disconnect", and for a bare connection "qos N JSON".
func (a *agent) journal(client string) *journal {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.journals[client] == nil {
		a.journals[client] = newJournal()
	}
	return a.journals[client]
}

// try performs one operation on one client and returns its result as JSON.
func (a *agent) try(t *testing.T, client, op string, args arguments) (string, error) {
	t.Helper()
	request := map[string]any{"op": op, "client": client}
	for name, value := range args {
		request[name] = value
	}
	answer := make(chan reply, 1)
	a.mu.Lock()
	a.number++
	request["id"] = a.number
	a.replies[a.number] = answer
	a.mu.Unlock()
	if err := a.conn.WriteJSON(request); err != nil {
		t.Fatalf("telling the agent to %s: %v", op, err)
	}
	select {
	case r := <-answer:
		if r.Error != "" {
			return "", fmt.Errorf("%s of %s: %s", op, client, r.Error)
		}
		return string(r.Result), nil
	case <-time.After(patience):
		t.Fatalf("the agent has not answered %s of %s within %v", op, client, patience)
		return "", nil
	}
}

// do is try for what must succeed.
func (a *agent) do(t *testing.T, client, op string, args arguments) string {
	t.Helper()
	result, err := a.try(t, client, op, args)
	if err != nil {
		t.Fatal(err)
	}
	return result
}
