// What differs between systems: here Windows.

package main

import (
	"io/fs"
	"os"
	"syscall"
)

// reloadSignals is empty: Windows has no signal to ask for a reload.
var reloadSignals []os.Signal

// Winsock has its own numbers, which package syscall's EADDRINUSE and
// EADDRNOTAVAIL are not.
const (
	addressInUse   = syscall.Errno(10048) // WSAEADDRINUSE
	addressNotHere = syscall.Errno(10049) // WSAEADDRNOTAVAIL
)

// giveOwner has nothing to do: a new file has the rights of its folder.
func giveOwner(string, fs.FileInfo) error { return nil }

// ignoreBrokenPipe has nothing to do: a broken pipe is only an error here.
func ignoreBrokenPipe() {}
