// Runs clasp state import on a terminal of its own.

package main_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// openTerminal opens a pseudo-terminal: the end of the person at it, and the end for a program.
func openTerminal(t *testing.T) (person, program *os.File) {
	t.Helper()
	// Without blocking, so that closing it ends a read.
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Skipf("%s needs a pseudo-terminal, and this system has none: %v", t.Name(), err)
	}
	person = os.NewFile(uintptr(fd), "/dev/ptmx")
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	program, err = os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	return person, program
}

// terminal opens a pseudo-terminal at which nobody types: what is shown on it, and the end for a program.
func terminal(t *testing.T) (screen *lockedBuffer, program *os.File) {
	t.Helper()
	master, program := openTerminal(t)
	screen = &lockedBuffer{}
	go func() {
		buffer := make([]byte, 4096)
		for {
			n, err := master.Read(buffer)
			if err != nil { // the program has ended
				_ = master.Close()
				return
			}
			_, _ = screen.Write(buffer[:n]) // a buffer takes everything
		}
	}()
	return screen, program
}

// TestStateProgress: on a terminal an import says how far it is, on one line, and takes it away at the end.
func TestStateProgress(t *testing.T) {
	screen, program := terminal(t)
	path := filepath.Join(t.TempDir(), "state.db")
	cmd := claspCommand(t, nil, "state", "import", path)
	cmd.Stderr = program
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = program.Close() // the command has its own
	n, deadline := 0, time.Now().Add(patience)
	for shown := regexp.MustCompile(`\r\d+ params imported, \d+ a second`); !shown.MatchString(screen.String()); {
		if time.Now().After(deadline) {
			t.Fatalf("shown: %q", screen)
		}
		for range 256 {
			if _, err := fmt.Fprintf(in, "{\"address\":\"/%d\",\"value\":1}\n", n); err != nil {
				t.Fatal(err)
			}
			n++
		}
	}
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v, shown: %q", err, screen)
	}
	last := fmt.Sprintf("clasp: %s is made of %d lines\r\n", path, n)
	shows(t, screen, last)
	if before, _, _ := strings.Cut(screen.String(), last); !strings.HasSuffix(before, " \r") || strings.Contains(before, "\n") {
		t.Errorf("the progress stays: %q", before)
	}
}
