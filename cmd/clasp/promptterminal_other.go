//go:build !linux && !darwin

// Where keys are not read, the log says who waits and how to answer.

package main

import (
	"io"
	"os"
)

// keyboard is one that nobody has.
type keyboard struct{}

func openKeyboard(io.Reader, io.Writer) *keyboard { return nil }

func (*keyboard) take() (bool, error) { return false, nil }
func (*keyboard) held() bool          { return false }
func (*keyboard) release()            {}
func (*keyboard) key() (byte, bool)   { return noKey, false }
func (*keyboard) asked() os.Signal    { return nil }
func (*keyboard) obey(os.Signal)      {}

func restoreTerminal() {}
