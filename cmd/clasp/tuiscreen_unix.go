//go:build linux || darwin

// The terminal that the dashboard is on, seen from outside of it: how it was, whether it is
// still there, and how to make it what it was when nobody else can.

package main

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// leaveScreen ends all that a dashboard may have had a terminal do: the alternate screen, a
// hidden cursor, reports of the mouse, of focus and of pastes, keys in other codes, a frame
// that is not finished, colours.
const leaveScreen = "\x1b[?2026l\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?1004l\x1b[?2004l\x1b[?2027l" +
	"\x1b[>4m\x1b[<u\x1b[?1049l\x1b[?25h\x1b[m\r"

// leaveWithin is how long a terminal that has stopped reading is waited for.
const leaveWithin = 2 * time.Second

// tuiScreen is a terminal and how it was before the dashboard.
type tuiScreen struct {
	in, out *os.File
	before  unix.Termios
	job     int // whose it was, as a process group; 0 where there are no jobs
}

// onScreen is the terminal that the dashboard is on, for restoreScreen.
var onScreen atomic.Pointer[tuiScreen]

// openScreen looks whether a dashboard can be drawn here. The error says why not.
func openScreen(stdin, stdout any) (*tuiScreen, error) {
	in, ok := stdin.(*os.File)
	out, alike := stdout.(*os.File)
	switch {
	case !ok || !term.IsTerminal(int(in.Fd())):
		return nil, errors.New("stdin is none")
	case !alike || !term.IsTerminal(int(out.Fd())):
		return nil, errors.New("stdout is none")
	}
	if kind := os.Getenv("TERM"); kind == "" || kind == "dumb" {
		return nil, fmt.Errorf("TERM is %q", kind)
	}
	s := &tuiScreen{in: in, out: out}
	before, err := unix.IoctlGetTermios(int(in.Fd()), getTermios)
	if err != nil {
		return nil, fmt.Errorf("it does not say how it is set up: %w", err)
	}
	s.before = *before
	if job, err := unix.IoctlGetInt(int(in.Fd()), unix.TIOCGPGRP); err == nil {
		if s.job = job; job != unix.Getpgrp() {
			return nil, errors.New("it is another job's: the router was started in the background")
		}
	}
	return s, nil
}

// take has restoreScreen know of it; leave ends that.
func (s *tuiScreen) take()  { onScreen.Store(s) }
func (s *tuiScreen) leave() { onScreen.CompareAndSwap(s, nil) }

// gone reports whether the terminal has been closed.
func (s *tuiScreen) gone() bool {
	_, err := unix.IoctlGetTermios(int(s.in.Fd()), getTermios)
	return err != nil
}

// restoreModes makes keys and lines work as before, unless the terminal is somebody else's by
// now, who has set it up for himself. It never waits.
func (s *tuiScreen) restoreModes() {
	if job, err := unix.IoctlGetInt(int(s.in.Fd()), unix.TIOCGPGRP); err == nil && s.job != 0 && job != s.job {
		return
	}
	_ = unix.IoctlSetTermios(int(s.in.Fd()), setTermios, &s.before) // if it has gone, so be it
}

// restoreScreen makes the terminal of a dashboard what it was, for who ends the process
// without more ado. What has to be written to it is left to the guard: it may have stopped
// reading.
func restoreScreen() {
	if s := onScreen.Load(); s != nil {
		s.restoreModes()
	}
}
