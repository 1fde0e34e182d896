package store

import (
	"os"
	"syscall"
)

// dataSync brings a file's content to the disk. Its times can wait: to write them as well
// costs another write of the file system's own journal.
func dataSync(f *os.File) error {
	for {
		err := syscall.Fdatasync(int(f.Fd()))
		if err != syscall.EINTR {
			return err
		}
	}
}
