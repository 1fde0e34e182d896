//go:build !linux

package store

import "os"

// dataSync brings a file's content to the disk.
func dataSync(f *os.File) error { return f.Sync() }
