//go:build linux || darwin

// The keyboard of a server: keys one by one and unseen, while there is something to ask. All
// else stays as it was, so that Ctrl-C does what it always does, and the terminal may belong
// to another job.

package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// continuedWithin is how long a process that was stopped may take to notice that it goes on.
// Where nobody could let it go on, the system does not stop it.
const continuedWithin = time.Second

// keyboard is a terminal that keys are read from.
type keyboard struct {
	fd     int
	quit   chan os.Signal // SIGQUIT, which would leave the terminal as it is
	paused bool           // Ctrl-Z was pressed

	mu     sync.Mutex
	before *unix.Termios // how it was; nil while it is
	over   bool          // the process ends
}

// taken is the keyboard that has its terminal, for restoreTerminal.
var taken atomic.Pointer[keyboard]

// openKeyboard returns nil unless both are terminals on which something can be drawn.
func openKeyboard(in io.Reader, out io.Writer) *keyboard {
	file, ok := in.(*os.File)
	screen, alike := out.(*os.File)
	if !ok || !alike || !term.IsTerminal(int(file.Fd())) || !term.IsTerminal(int(screen.Fd())) {
		return nil
	}
	if kind := os.Getenv("TERM"); kind == "" || kind == "dumb" {
		return nil
	}
	// A router must not be stopped because it looks at a terminal that is another job's.
	signal.Ignore(unix.SIGTTIN, unix.SIGTTOU)
	return &keyboard{fd: int(file.Fd()), quit: make(chan os.Signal, 1)}
}

// take has the terminal give keys, and reports false while it is another job's. An error
// means that the terminal has gone.
func (k *keyboard) take() (bool, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now, err := unix.IoctlGetTermios(k.fd, getTermios)
	if err != nil {
		return false, fmt.Errorf("the terminal has gone: %w", err)
	}
	switch {
	case k.over:
		return false, nil
	case !k.foreground():
		k.forget() // whoever has taken it has set it up too
		return false, nil
	}
	if k.before == nil {
		before := *now
		k.before = &before
		signal.Notify(k.quit, unix.SIGQUIT)
		taken.Store(k)
	}
	keys := *now
	keys.Lflag &^= unix.ICANON | unix.ECHO
	keys.Cc[unix.VMIN], keys.Cc[unix.VTIME] = 0, 1 // a look takes 0.1 s
	// Ctrl-Z is a key like others. As a signal it would stop the process before the terminal
	// is what it was, and a Go program that has caught it once is not stopped by it any more.
	keys.Cc[unix.VSUSP] = 0
	if keys == *now {
		return true, nil
	}
	if err := unix.IoctlSetTermios(k.fd, setTermios, &keys); err != nil {
		return false, fmt.Errorf("the terminal gives no keys: %w", err)
	}
	return true, nil
}

// held reports whether the terminal is taken.
func (k *keyboard) held() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.before != nil
}

// release makes the terminal what it was. It never waits.
func (k *keyboard) release() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.restore()
}

func (k *keyboard) restore() {
	if k.before == nil {
		return
	}
	if k.foreground() {
		_ = unix.IoctlSetTermios(k.fd, setTermios, k.before) // if it has gone, so be it
	}
	k.forget()
}

func (k *keyboard) forget() {
	k.before = nil
	signal.Stop(k.quit)
	taken.CompareAndSwap(k, nil)
}

// foreground reports whether the terminal is this job's. One that controls no jobs is.
func (k *keyboard) foreground() bool {
	job, err := unix.IoctlGetInt(k.fd, unix.TIOCGPGRP)
	return err != nil || job == unix.Getpgrp()
}

// key returns the next key, if one comes within 0.1 s. Call it after take.
func (k *keyboard) key() (key byte, ok bool) {
	var typed [64]byte
	n, err := unix.Read(k.fd, typed[:])
	if err != nil {
		time.Sleep(100 * time.Millisecond) // it has not waited itself; take will tell if it has gone
		return noKey, false
	}
	if pause := k.pauseKey(); pause != 0 && bytes.IndexByte(typed[:n], pause) >= 0 {
		k.paused = true
		return noKey, true
	}
	if n == 1 {
		return typed[0], true
	}
	return noKey, n > 1
}

// pauseKey is what stops a job on this terminal: Ctrl-Z, or 0 for nothing.
func (k *keyboard) pauseKey() byte {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.before == nil || k.before.Lflag&unix.ISIG == 0 {
		return 0
	}
	return k.before.Cc[unix.VSUSP]
}

// asked returns what the person at the terminal wants of the process, nil for nothing.
func (k *keyboard) asked() os.Signal {
	if k.paused {
		k.paused = false
		return unix.SIGTSTP
	}
	select {
	case sig := <-k.quit:
		return sig
	default:
		return nil
	}
}

// obey gives the terminal back and does what the terminal, or the runtime of Go, does at a
// signal. It returns when the process goes on.
func (k *keyboard) obey(sig os.Signal) {
	k.release()
	goesOn := make(chan os.Signal, 1)
	signal.Notify(goesOn, unix.SIGCONT)
	defer signal.Stop(goesOn)
	var err error
	if sig == unix.SIGTSTP {
		err = unix.Kill(0, unix.SIGTSTP) // the whole job
	} else {
		err = unix.Kill(unix.Getpid(), unix.SIGQUIT)
	}
	if err != nil {
		return
	}
	timer := time.NewTimer(continuedWithin)
	defer timer.Stop()
	select {
	case <-goesOn:
	case <-timer.C:
	}
}

// restoreTerminal makes the terminal what it was, for who ends the process without more ado.
func restoreTerminal() {
	restoreScreen()
	if k := taken.Load(); k != nil {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.over = true
		k.restore()
	}
}
