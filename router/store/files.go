package store

// The files beside the database, all named after it:
//
//	P.lock                                 held while a router runs
//	P.journal0, P.journal1                 commits that are not in the database yet
//	P.gen-20261123T093000.123Z             a generation: a copy to go back to
//	P.bad-20261123T093000.123Z-truncated   set aside, with when and why
//	P.tmp-...                              being made; what a crash leaves of it is removed

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/gofrs/flock"
)

const (
	lockSuffix = ".lock"
	genInfix   = ".gen-"
	badInfix   = ".bad-"
	tempInfix  = ".tmp-"

	// stamp is how names say a time, in UTC: they sort as the times do.
	stamp = "20060102T150405.000Z"

	fileMode = 0o600
)

// ErrNotWritable is when the directory of the state, or the file, cannot be written to, or
// does not exist. The error it is wrapped in names it.
var ErrNotWritable = errors.New("the state cannot be written")

// writeError adds ErrNotWritable to errors that mean it.
func writeError(err error) error {
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrNotExist) ||
		errors.Is(err, syscall.EROFS) || errors.Is(err, syscall.ENOTDIR) {
		return fmt.Errorf("%w: %w", ErrNotWritable, err)
	}
	return err
}

// InUseError is when another process has the database.
type InUseError struct {
	Path string
	PID  int // 0 when it is not known
}

func (e *InUseError) Error() string {
	who := "another clasp"
	if e.PID != 0 {
		who = fmt.Sprintf("another clasp (process %d)", e.PID)
	}
	return fmt.Sprintf("%s is in use by %s: stop that one, or use another file", e.Path, who)
}

// lockFile takes the lock of the database at path, which need not exist, until release.
// Errors: *InUseError; ErrNotWritable.
func lockFile(path string) (release func(), err error) {
	name := path + lockSuffix
	lock := flock.New(name, flock.SetFlag(os.O_CREATE|os.O_RDWR), flock.SetPermissions(fileMode))
	ok, err := lock.TryLock()
	switch {
	case err != nil:
		return nil, fmt.Errorf("lock %s: %w", path, writeError(err))
	case !ok:
		return nil, &InUseError{Path: path, PID: readPID(name)}
	}
	writePID(name)
	return func() {
		// Never removed: another process may be about to lock this very file. Closing it
		// releases the lock even where unlocking has failed.
		_ = lock.Close()
	}, nil
}

// pidAt is where in the lock file the number is: Windows lets nobody else read the byte
// that is locked, the first one.
const pidAt = 1

// writePID notes who has the lock. That is for the message others print only, so a disk
// too full for it does not matter.
func writePID(name string) {
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return
	}
	defer func() { _ = f.Close() }()
	_, _ = f.WriteAt(fmt.Appendf(nil, "%-10d\n", os.Getpid()), pidAt)
}

func readPID(name string) int {
	f, err := os.Open(name)
	if err != nil {
		return 0
	}
	defer func() { _ = f.Close() }()
	b := make([]byte, 16)
	n, _ := f.ReadAt(b, pidAt)
	pid, err := strconv.Atoi(strings.TrimSpace(string(b[:n])))
	if err != nil {
		return 0
	}
	return pid
}

// lockToRead is lockFile for those who only read. Where no router has ever been there is
// no lock file, and none is made; where nobody can write, no router can be.
func lockToRead(path string) (release func(), err error) {
	_, err = os.Stat(path + lockSuffix)
	if err == nil {
		release, err = lockFile(path)
	}
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrNotWritable) {
		return func() {}, nil
	}
	return release, err
}

// replace gives a file another name, in place of what may be there, and makes sure that it
// keeps it.
func replace(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return syncDir(filepath.Dir(to))
}

// syncDir makes sure that the names in a directory survive a power cut. Windows does that
// by itself.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// copyFile makes a copy that is on the disk, or nothing.
func copyFile(from, to string) error {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = src.Close() }()
	return createFile(to, func(f *os.File) error {
		_, err := io.Copy(f, src)
		return err
	})
}

// createFile makes a file with the content that write gives it and brings it to the disk,
// or makes nothing.
func createFile(name string, write func(*os.File) error) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, fileMode)
	if err != nil {
		return err
	}
	err = write(f)
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		return errors.Join(err, os.Remove(name))
	}
	return nil
}

// named lists the files of the database at path whose name goes on with infix, in the
// order of their names.
func named(path, infix string) ([]string, error) {
	dir, base := filepath.Split(path)
	if dir == "" {
		dir = "."
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), base+infix) {
			names = append(names, filepath.Join(dir, e.Name()))
		}
	}
	return names, nil
}

// stamped returns path, infix, a time that is now or as little later as makes the name a
// new one, and suffix.
func stamped(path, infix string, now time.Time, suffix string) (string, error) {
	for {
		name := path + infix + now.UTC().Format(stamp) + suffix
		if _, err := os.Lstat(name); errors.Is(err, fs.ErrNotExist) {
			return name, nil
		} else if err != nil {
			return "", err
		}
		now = now.Add(time.Millisecond)
	}
}
