//go:build unix

// What differs between systems: here those with POSIX signals.

package main

import (
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

// ignoreBrokenPipe keeps the router alive when whoever read its stdout goes
// away; the default is to die of the next line logged.
func ignoreBrokenPipe() { signal.Ignore(syscall.SIGPIPE) }
