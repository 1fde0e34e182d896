//go:build linux || darwin

// What the system says of this process and of its disk.

package main

import (
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// cpuUsed is the time that all threads have run, in both worlds.
func cpuUsed() (time.Duration, bool) {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &u) != nil {
		return 0, false
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), true
}

// diskFree is how many bytes can be written where a file is.
func diskFree(path string) (uint64, bool) {
	var fs unix.Statfs_t
	if unix.Statfs(filepath.Dir(path), &fs) != nil {
		return 0, false
	}
	return fs.Bavail * uint64(fs.Bsize), true // its type differs by system
}
