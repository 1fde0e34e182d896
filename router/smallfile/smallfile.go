// Package smallfile reads the files that a router is told of by name: its configuration,
// certificates, keys and secrets. It reads them again while it runs, from the goroutine
// that answers signals, so that no name may make it wait or cost it its memory.
package smallfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// Limit is the most that a file may hold, in bytes. It bounds what a wrong path costs.
const Limit = 16 << 20

// Read returns the content and the mode of the regular file that path leads to, through
// symbolic links. Anything else, and what has more than Limit bytes, is an error. Errors
// do not name the file, which the place of an option does; a file that is not there is
// fs.ErrNotExist.
func Read(path string) ([]byte, fs.FileMode, error) {
	// Looked at before it is opened: opening a pipe waits for a writer.
	info, err := os.Stat(path)
	if err != nil {
		return nil, 0, cause(err)
	}
	if !info.Mode().IsRegular() {
		return nil, 0, errors.New("not a regular file: it is read again while the router runs, so name the file itself, not a directory, a pipe or <(...)")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, cause(err)
	}
	defer func() { _ = f.Close() }() // nothing was written
	text, err := io.ReadAll(io.LimitReader(f, Limit+1))
	switch {
	case err != nil:
		return nil, 0, cause(err)
	case len(text) > Limit:
		return nil, 0, fmt.Errorf("it has more than %d bytes: is it the right file?", Limit)
	}
	return text, info.Mode(), nil
}

// cause is an error of package os without the path in it.
func cause(err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err
	}
	return err
}
