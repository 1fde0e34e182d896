//go:build !linux && !darwin

// Where terminals are set up in other ways, the dashboard gives its own back, and a crash
// leaves it as it is.

package main

import (
	"errors"
	"log/slog"
	"os"
	"runtime/debug"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

type tuiScreen struct{}

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
	return new(tuiScreen), nil
}

func (*tuiScreen) take()      {}
func (*tuiScreen) leave()     {}
func (*tuiScreen) gone() bool { return false }

// restoreModes has nothing to do: the dashboard does it itself.
func (*tuiScreen) restoreModes() {}

// guard has the runtime write the words of a crash to a file.
type guard struct{}

func startGuard(_ *tuiScreen, trace string) (*guard, error) {
	f, err := os.OpenFile(trace, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // the runtime has its own
	return new(guard), debug.SetCrashOutput(f, debug.CrashOptions{})
}

func (*guard) stop() { _ = debug.SetCrashOutput(nil, debug.CrashOptions{}) }

// newGuardCommand is the command of a process that there is not here.
func newGuardCommand() *cobra.Command { return &cobra.Command{Use: "guard-terminal", Hidden: true} }

// strayed is a stderr that stays where it is.
type strayed struct{}

func turnStderr(*slog.Logger) (*strayed, error) { return new(strayed), nil }
func (*strayed) back()                          {}
