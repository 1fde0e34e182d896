// Builds the real program once for the tests of this package, and runs it as a router.

package main_test

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if built.path != "" {
		os.RemoveAll(filepath.Dir(built.path))
	}
	os.Exit(code)
}

// built is the program, once claspBinary has been called.
var built struct {
	once sync.Once
	path string
	err  error
}

// claspBinary returns the path of the program, with the race detector in it if the tests have it.
func claspBinary(t *testing.T) string {
	t.Helper()
	built.once.Do(func() {
		var dir string
		if dir, built.err = os.MkdirTemp("", "clasp-test-"); built.err != nil {
			return
		}
		built.path = filepath.Join(dir, "clasp.exe") // the suffix only matters to Windows
		args := []string{"build", "-o", built.path}
		if raceEnabled() {
			args = append(args, "-race")
		}
		if out, err := exec.Command("go", append(args, ".")...).CombinedOutput(); err != nil {
			built.err = fmt.Errorf("go build: %w\n%s", err, out)
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return built.path
}

func raceEnabled() bool {
	info, _ := debug.ReadBuildInfo()
	for _, setting := range info.Settings {
		if setting.Key == "-race" {
			return setting.Value == "true"
		}
	}
	return false
}

// routerProcess is a running clasp server on a port of its own.
type routerProcess struct {
	url  string // ws://...
	port string
	cmd  *exec.Cmd
	said *lockedBuffer

	environ []string // besides the test's own
}

// startRouter runs clasp server until the test ends.
func startRouter(t *testing.T, environ ...string) *routerProcess {
	t.Helper()
	port := steadyPort(t)
	r := &routerProcess{url: "ws://localhost:" + port, port: port, said: &lockedBuffer{}, environ: environ}
	t.Cleanup(func() {
		r.stop(t)
		if t.Failed() {
			t.Logf("what the router said last:\n%s", r.said.tail())
		}
	})
	r.start(t)
	return r
}

// start returns once the router answers.
func (r *routerProcess) start(t *testing.T) {
	t.Helper()
	r.cmd = claspCommand(t, r.environ, "server", "--port", r.port, "--log-level", "debug")
	r.cmd.Stdout, r.cmd.Stderr = r.said, r.said
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		response, err := http.Get("http" + strings.TrimPrefix(r.url, "ws"))
		if err == nil {
			response.Body.Close()
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the router does not answer: %v\n%s", err, r.said)
		}
	}
}

// stop asks the router to end and waits until it has; it must end cleanly.
func (r *routerProcess) stop(t *testing.T) {
	t.Helper()
	if r.cmd == nil || r.cmd.Process == nil {
		return
	}
	if err := r.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Errorf("stopping the router: %v", err)
	}
	if err := r.cmd.Wait(); err != nil {
		t.Errorf("the router did not end cleanly: %v", err)
	}
	r.cmd = nil
}

// restart ends the router and starts it again on the same port.
func (r *routerProcess) restart(t *testing.T) {
	t.Helper()
	r.stop(t)
	r.start(t)
}

// devicesFile keeps the devices of a router that has no port of its own.
func devicesFile(t *testing.T) (variable string) {
	return "CLASP_SECURITY_PAIRING_FILE=" + filepath.Join(t.TempDir(), "devices")
}
