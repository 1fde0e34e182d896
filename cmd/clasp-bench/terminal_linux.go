// A terminal that a program is shown on: somebody who reads all of it, and can press keys.

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// seat is such a terminal.
type seat struct {
	person, program *os.File
	count           atomic.Uint64 // bytes
	told            time.Time     // when what until waits for had come

	mu    sync.Mutex
	wrote []byte // the first of it
}

// seatKeeps is how much of what was written is kept: a few screens.
const seatKeeps = 1 << 20

// openTerminal makes one of a size.
func openTerminal(columns, rows uint16) (*seat, error) {
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, fmt.Errorf("open a terminal: %w", err)
	}
	s := &seat{person: person}
	if err := s.open(columns, rows); err != nil {
		_ = person.Close()
		return nil, fmt.Errorf("open a terminal: %w", err)
	}
	go s.read()
	return s, nil
}

func (s *seat) open(columns, rows uint16) error {
	fd := int(s.person.Fd())
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		return err
	}
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		return err
	}
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Col: columns, Row: rows}); err != nil {
		return err
	}
	s.program, err = os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|unix.O_NOCTTY, 0)
	return err
}

// read takes everything, until the terminal is closed.
func (s *seat) read() {
	buf := make([]byte, 1<<16)
	for {
		n, err := s.person.Read(buf)
		s.count.Add(uint64(n))
		s.mu.Lock()
		if len(s.wrote) < seatKeeps {
			s.wrote = append(s.wrote, buf[:n]...)
		}
		s.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// until waits for something to be written, and notes when.
func (s *seat) until(ctx context.Context, what string) error {
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		s.mu.Lock()
		has := bytes.Contains(s.wrote, []byte(what))
		s.mu.Unlock()
		switch {
		case has:
			s.told = time.Now()
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case time.Now().After(deadline):
			return fmt.Errorf("the terminal has not shown %q", what)
		}
	}
}

func (s *seat) types(keys string) error {
	_, err := s.person.WriteString(keys)
	return err
}

// of has a command run on the terminal.
func (s *seat) of(cmd *exec.Cmd) {
	cmd.Stdin, cmd.Stdout = s.program, s.program
	cmd.Env = append(cmd.Env, "TERM=xterm-256color", "COLORTERM=truecolor", "LANG=C.UTF-8", "LC_ALL=C.UTF-8")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
}

func (s *seat) close() {
	_ = s.program.Close()
	_ = s.person.Close()
}
