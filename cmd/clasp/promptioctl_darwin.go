// What macOS calls reading and setting up a terminal, at once and without a wait.

package main

import "golang.org/x/sys/unix"

const (
	getTermios = unix.TIOCGETA
	setTermios = unix.TIOCSETA
)
