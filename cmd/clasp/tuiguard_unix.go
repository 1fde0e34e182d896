//go:build linux || darwin

// A process that outlives the router by a moment. A panic in any goroutine ends a Go program
// at once, without anybody there who could give the terminal back; so somebody else has to
// wait for that. What the runtime says at the end goes to the guard first, through a pipe
// too small for all of it: the router cannot be gone, and the shell not be back, before the
// terminal is what it was.

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
)

// guard is the other process, seen from the router.
type guard struct {
	cmd   *exec.Cmd
	trace string // the file that the words of a crash go to
}

// guarded is what the guard is told.
type guarded struct {
	Before unix.Termios
	Job    int
	Trace  string
}

// startGuard starts one for a terminal. Words of a crash are for the file trace.
func startGuard(s *tuiScreen, trace string) (*guard, error) {
	told, err := json.Marshal(guarded{s.before, s.job, trace})
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	crash, words, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer func() { _, _ = crash.Close(), words.Close() }() // both have been given away by then
	smallPipe(words)
	g := &guard{exec.Command(self, guardName, string(told)), trace} //nolint:gosec // G204: this very program
	g.cmd.Stdin, g.cmd.Stdout = crash, s.out
	g.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // what ends the job does not end it
	if err := g.cmd.Start(); err != nil {
		return nil, err
	}
	debug.SetTraceback("all") // it is seldom the goroutine that has found it who has done it
	if err := debug.SetCrashOutput(words, debug.CrashOptions{}); err != nil {
		g.stop()
		return nil, err
	}
	return g, nil
}

// stop ends the guard: the terminal has been given back.
func (g *guard) stop() {
	_ = g.cmd.Process.Kill() // it has gone already, or does now
	_ = g.cmd.Wait()
	_ = debug.SetCrashOutput(nil, debug.CrashOptions{})
	debug.SetTraceback("single")
}

// guardName is the command that a guard runs as. Nobody types it.
const guardName = "guard-terminal"

func newGuardCommand() *cobra.Command {
	return &cobra.Command{
		Use: guardName, Hidden: true, Args: cobra.ExactArgs(1),
		Short: "Give the terminal of a dashboard back when its router has crashed",
		RunE: func(_ *cobra.Command, args []string) error {
			// It is there as long as the router, whatever becomes of the terminal.
			signal.Ignore(unix.SIGINT, unix.SIGTERM, unix.SIGHUP, unix.SIGQUIT, unix.SIGPIPE, unix.SIGTSTP, unix.SIGTTIN, unix.SIGTTOU)
			var g guarded
			if err := json.Unmarshal([]byte(args[0]), &g); err != nil {
				return fmt.Errorf("read what to guard: %w", err)
			}
			return g.watch(os.Stdin, os.Stdout)
		},
	}
}

// watch waits for the end of the router, which has the other end of words, and gives the
// terminal back.
func (g *guarded) watch(words io.Reader, terminal *os.File) error {
	first := make([]byte, 4096)
	n, _ := io.ReadAtLeast(words, first, 1) // the end is what it waits for
	s := &tuiScreen{in: terminal, out: terminal, before: g.Before, job: g.Job}
	s.restoreModes()
	if n == 0 { // it was killed, or had to end itself
		say(terminal, leaveScreen)
		return nil
	}
	// All that is for the terminal comes before the rest is read, which lets the router end.
	trace, err := g.open()
	if err != nil {
		say(terminal, leaveScreen+fmt.Sprintf("clasp has crashed, and why is lost: %v\n", err))
		_, err = io.Copy(io.Discard, words)
		return err
	}
	say(terminal, leaveScreen+fmt.Sprintf("clasp has crashed; the trace is in %s\n", g.Trace))
	_, err = io.Copy(trace, io.MultiReader(bytes.NewReader(first[:n]), words))
	return errors.Join(err, trace.Close())
}

// say writes to a terminal, which may have stopped reading. If nobody sees it, nobody does.
func say(terminal *os.File, text string) {
	written := make(chan struct{})
	go func() {
		_, _ = io.WriteString(terminal, text)
		close(written)
	}()
	select {
	case <-written:
	case <-time.After(leaveWithin):
	}
}

// open begins what is said of a crash behind what is in the file.
func (g *guarded) open() (*os.File, error) {
	f, err := os.OpenFile(g.Trace, os.O_WRONLY|os.O_CREATE|os.O_APPEND|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	if _, err := fmt.Fprintf(f, "clasp %s crashed at %s\n", buildVersion().Version, time.Now().UTC().Format(time.RFC3339)); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
