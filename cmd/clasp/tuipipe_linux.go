// A pipe that holds as little as one can.

package main

import (
	"os"

	"golang.org/x/sys/unix"
)

// smallPipe makes a pipe hold a page.
func smallPipe(w *os.File) {
	_, _ = unix.FcntlInt(w.Fd(), unix.F_SETPIPE_SZ, os.Getpagesize()) // a larger one does too, nearly always
}
