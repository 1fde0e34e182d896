package store

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// asNobody runs f without the right of root to write anywhere.
func asNobody(t *testing.T, f func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		f()
		return
	}
	// The file system user is one of the thread; the thread ends with its goroutine, which
	// does not unlock it.
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		if _, err := unix.SetfsuidRetUid(65534); err != nil {
			done <- err
			return
		}
		f()
		done <- nil
	}()
	if err := <-done; err != nil {
		t.Skipf("%s needs to give up the rights of root, which cannot be done here: %v", t.Name(), err)
	}
}

func TestReadOnlyDirectory(t *testing.T) {
	dir := t.TempDir()
	open(t, dir)
	path := filepath.Join(dir, "state.db")
	chmod(t, dir, 0o555)
	t.Cleanup(func() { chmod(t, dir, 0o700) })
	asNobody(t, func() {
		if _, err := lockFile(path); !errors.Is(err, ErrNotWritable) || !strings.Contains(err.Error(), path) {
			t.Errorf("lock: %v", err)
		}
	})
}

func TestReadOnlyFile(t *testing.T) {
	dir := t.TempDir()
	open(t, dir)
	path := filepath.Join(dir, "state.db")
	stateFile(t, path, 10, nil)
	before := readFile(t, path)
	chmod(t, path, 0o444)
	chmod(t, dir, 0o777)
	asNobody(t, func() {
		if r, err := recoverFile(path, time.Now()); !errors.Is(err, ErrNotWritable) || len(r.SetAside) > 0 {
			t.Errorf("recover: %v, %v", r, err)
		}
		if _, err := Check(path); err != nil {
			t.Errorf("check: %v", err)
		}
	})
	chmod(t, dir, 0o555)
	t.Cleanup(func() { chmod(t, dir, 0o700) })
	writeFile(t, path, before[:len(before)/2])
	asNobody(t, func() {
		if _, err := recoverFile(path, time.Now()); !errors.Is(err, ErrNotWritable) {
			t.Errorf("recover a bad one that cannot be set aside: %v", err)
		}
	})
	if got := readFile(t, path); len(got) != len(before)/2 {
		t.Errorf("the file has %d bytes", len(got))
	}
}

// open lets others reach a directory of testing, whose parents are for the user only.
func open(t *testing.T, dir string) {
	t.Helper()
	for d := dir; d != filepath.Clean(os.TempDir()) && d != "/"; d = filepath.Dir(d) {
		chmod(t, d, 0o755)
	}
}

func chmod(t *testing.T, name string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(name, mode); err != nil {
		t.Fatal(err)
	}
}
