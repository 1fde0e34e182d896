package tui

// What can be done about a terminal that has stopped reading, on Linux.

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// flushOutput throws away what waits to be read by the terminal.
func flushOutput(w io.Writer) {
	if f, ok := w.(*os.File); ok {
		_ = unix.IoctlSetInt(int(f.Fd()), unix.TCFLSH, unix.TCOFLUSH)
	}
}
