package main_test

import (
	"syscall"
	"testing"
)

// mountSmall puts a file system of 4 MiB on a directory, which only root may do.
func mountSmall(dir string) error { return syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=4m") }

func unmount(t *testing.T, dir string) {
	if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
		t.Error(err)
	}
}
