// A router that hangs in the kernel, as on a network disk that has gone: strace holds up one system call.

package main_test

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestHang: a router that hangs where it cannot see a signal, here in a reload, is gone all the same.
func TestHang(t *testing.T) {
	t.Parallel() // takes as long as a stopping router has
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skipf("%s needs strace, which is not installed", t.Name())
	}
	dir := t.TempDir()
	path, log := filepath.Join(dir, "clasp.yaml"), filepath.Join(dir, "clasp.log")
	write(t, path, "server: {port: 0, bind: 127.0.0.1, logging: {file: "+log+"}}\n")
	s := serve(t, nil, "-c", path)
	s.address(t)

	hold := exec.Command(strace, "-f", "-q", "-p", strconv.Itoa(s.cmd.Process.Pid), "-P", path, "-e", "trace=openat", "-e", "inject=openat:delay_enter=60000000")
	said, err := hold.StderrPipe()
	if err == nil {
		err = hold.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = hold.Process.Kill()
		_ = hold.Wait()
	}()
	attached(t, s.cmd.Process.Pid, hold.Process.Pid, said)

	// A reload begins with the log that it has: when that is there again, the next is the configuration.
	if err := os.Rename(log, log+".1"); err != nil {
		t.Fatal(err)
	}
	s.signal(t, syscall.SIGHUP)
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		if _, err := os.Stat(log); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the router does not reload")
		}
	}
	s.signal(t, syscall.SIGTERM)
	// Who is traced stays a zombie until the tracer, which is asleep itself, has seen its end.
	for deadline := time.Now().Add(patience); !strings.Contains(status(t, s.cmd.Process.Pid), "State:\tZ"); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it goes on, or has ended in order:\n%s", status(t, s.cmd.Process.Pid))
		}
	}
	if err := hold.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if code := s.exit(t); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
}

// status is what the kernel says of a process, "" when it has gone.
func status(t *testing.T, pid int) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return string(text)
}

// traced reports whether every thread of a process is.
func traced(t *testing.T, pid, tracer int) bool {
	t.Helper()
	threads, err := filepath.Glob(filepath.Join("/proc", strconv.Itoa(pid), "task", "*", "status"))
	if err != nil || len(threads) == 0 {
		t.Fatalf("the threads of process %d: %q, %v", pid, threads, err)
	}
	for _, name := range threads {
		text, err := os.ReadFile(name)
		if err == nil && !strings.Contains(string(text), "TracerPid:\t"+strconv.Itoa(tracer)+"\n") {
			return false
		}
	}
	return true
}

// attached waits until a process is traced.
func attached(t *testing.T, pid, tracer int, said interface{ Read([]byte) (int, error) }) {
	t.Helper()
	lines := make(chan string, 16)
	go func() {
		defer close(lines)
		for in := bufio.NewScanner(said); in.Scan(); {
			select {
			case lines <- in.Text():
			default:
			}
		}
	}()
	for deadline := time.Now().Add(patience); ; {
		if traced(t, pid, tracer) {
			return
		}
		select {
		case line, ok := <-lines:
			if strings.Contains(line, "ptrace(") || !ok {
				t.Skipf("%s needs to trace a process, which is not permitted here: %s", t.Name(), line)
			}
		case <-time.After(5 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			t.Fatal("strace does not attach")
		}
	}
}
