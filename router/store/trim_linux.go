package store

import "syscall"

// dontNeed takes so many bytes at an address, which are a mapped file, out of what counts as
// the process's memory. They stay in the system's cache, and come back when they are read.
func dontNeed(at uintptr, bytes int64) error {
	if _, _, errno := syscall.Syscall(syscall.SYS_MADVISE, at, uintptr(bytes), syscall.MADV_DONTNEED); errno != 0 {
		return errno
	}
	return nil
}
