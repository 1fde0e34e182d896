// Files that a command or the router makes, whole or not at all.

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// writeNew writes a file that must not exist yet.
func writeNew(path string, text []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s already exists and is left as it is: choose another name or remove it first", path)
	}
	if err != nil {
		return fmt.Errorf("make a new file: %w", err)
	}
	return fill(f, text)
}

// writeOver writes a file that only its owner may read, in place of what may be there. Even
// a power cut leaves what was there or all of it.
func writeOver(path string, text []byte) error {
	beside, err := writeBeside(path, text)
	if err != nil {
		return err
	}
	if err := os.Rename(beside, path); err != nil {
		return errors.Join(err, os.Remove(beside))
	}
	return nil
}

// writeBeside writes a file that only its owner may read, with a name that nothing has, in
// the directory of path.
func writeBeside(path string, text []byte) (beside string, err error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.new")
	if err != nil {
		return "", fmt.Errorf("make a new file: %w", err)
	}
	return f.Name(), fill(f, text)
}

// fill brings the content of a new file to the disk and closes it, or removes it.
func fill(f *os.File, text []byte) error {
	_, err := f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(fmt.Errorf("make a new file: %w", err), os.Remove(f.Name()))
	}
	return nil
}
