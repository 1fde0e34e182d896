// Files that a command makes and that must not exist yet.

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// writeNew writes a file that must not exist yet, whole or not at all.
func writeNew(path string, text []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s already exists and is left as it is: choose another name or remove it first", path)
	}
	if err != nil {
		return fmt.Errorf("make a new file: %w", err)
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(fmt.Errorf("make a new file: %w", err), os.Remove(path))
	}
	return nil
}
