//go:build unix

// What differs between systems: here those with POSIX signals.

package main

import (
	"io/fs"
	"os"
	"os/signal"
	"syscall"
)

// reloadSignals ask for a reload of the configuration.
var reloadSignals = []os.Signal{syscall.SIGHUP}

const (
	addressInUse   = syscall.EADDRINUSE
	addressNotHere = syscall.EADDRNOTAVAIL
)

// giveOwner gives path the owner and the group of another file.
func giveOwner(path string, like fs.FileInfo) error {
	if stat, ok := like.Sys().(*syscall.Stat_t); ok {
		return os.Lchown(path, int(stat.Uid), int(stat.Gid))
	}
	return nil
}

// ignoreBrokenPipe keeps the router alive when whoever read its stdout goes
// away; the default is to die of the next line logged.
func ignoreBrokenPipe() { signal.Ignore(syscall.SIGPIPE) }
