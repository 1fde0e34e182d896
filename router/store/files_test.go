package store

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	release, err := lockFile(path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = lockFile(path)
	var used *InUseError
	if !errors.As(err, &used) || used.Path != path || used.PID != os.Getpid() || !strings.Contains(err.Error(), path) {
		t.Errorf("the second one gets %v", err)
	}
	for name, read := range map[string]func() error{
		"check":  func() error { _, err := Check(path); return err },
		"export": func() error { _, err := Export(path, nil); return err },
		"import": func() error { _, err := NewImport(path); return err },
	} {
		if err := read(); !errors.As(err, &used) {
			t.Errorf("%s: %v", name, err)
		}
	}
	release()
	release, err = lockFile(path)
	if err != nil {
		t.Fatalf("after it was released: %v", err)
	}
	release()
	if info, err := os.Stat(path + lockSuffix); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("lock file: %v, %v", info.Mode(), err)
	}
}

func TestLockNowhere(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "file"), nil)
	for _, path := range []string{filepath.Join(dir, "missing", "state.db"), filepath.Join(dir, "file", "state.db")} {
		if _, err := lockFile(path); !errors.Is(err, ErrNotWritable) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", path, err)
		}
		if _, err := NewImport(path); !errors.Is(err, ErrNotWritable) {
			t.Errorf("import to %s: %v", path, err)
		}
	}
}

func TestStampedNamesAreNew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	now := time.Date(2026, 11, 23, 9, 30, 0, 999e6, time.FixedZone("", 7200))
	want := []string{".bad-20261123T073000.999Z-zeros", ".bad-20261123T073001.000Z-zeros", ".bad-20261123T073001.001Z-zeros"}
	for _, suffix := range want {
		name, err := stamped(path, badInfix, now, "-zeros")
		if err != nil || name != path+suffix {
			t.Fatalf("%s, %v, want %s", name, err, suffix)
		}
		writeFile(t, name, nil)
	}
}

func TestCreateFileLeavesNothingBehind(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	full := errors.New("disk full")
	err := createFile(name, func(f *os.File) error {
		if _, err := f.WriteString("half"); err != nil {
			return err
		}
		return full
	})
	if !errors.Is(err, full) {
		t.Errorf("got %v", err)
	}
	if _, err := os.Lstat(name); !os.IsNotExist(err) {
		t.Errorf("it is there: %v", err)
	}
}
