package store

// Runs bbolt's write transactions, and gets the database right again after one has failed.

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"sync"
	"syscall"
	"time"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// disk is the database, owned by the one goroutine that writes.
type disk struct {
	path  string
	about about // what the file is to say of itself

	mu   sync.RWMutex // held to read while db is used elsewhere, to write while it is replaced
	db   *bolt.DB     // nil while it cannot be opened
	file *os.File     // what db writes to
	page int          // bytes

	// sound says that the last transaction went well. If not, the next one begins by
	// mending what it may have left.
	sound bool
	pages int // written by the last transaction
	// suspect says that a sync has failed: what is believed to be on the disk may not be.
	suspect bool
	// stale says that db must be opened anew: what it holds in memory may not be what is
	// in the file.
	stale bool
	// stuck is set when bbolt's locks are held for ever, after a panic inside it.
	stuck error
}

// addresses is how much of the address space the file gets on 64-bit Unix: as long as it fits,
// growing does not wait for a generation that is being copied. On Windows bbolt makes the
// file as big as the mapping.
const addresses int64 = 8 << 30

// reopen opens the database, closing it first if it is open. It does not wait for
// other processes: the lock file has sorted that out.
func (d *disk) reopen() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.db != nil {
		db := d.db
		d.db, d.file = nil, nil
		if err := db.Close(); err != nil {
			return d.named("close", err)
		}
	}
	_, err := os.Stat(d.path)
	fresh := errors.Is(err, os.ErrNotExist)
	o := &bolt.Options{
		Timeout:      time.Second,
		FreelistType: bolt.FreelistMapType,
		NoStatistics: true,
		OpenFile: func(name string, flag int, mode os.FileMode) (f *os.File, err error) {
			f, err = os.OpenFile(name, flag, mode)
			d.file = f
			return f, err
		},
	}
	if size := addresses; runtime.GOOS != "windows" && strconv.IntSize == 64 {
		o.InitialMmapSize = int(size)
	}
	db, err := d.openWith(o)
	if errors.Is(err, syscall.ENOMEM) && o.InitialMmapSize > 0 {
		o.InitialMmapSize = 0 // there is a limit on the address space
		db, err = d.openWith(o)
	}
	if err == nil && fresh {
		if err = syncDir(filepath.Dir(d.path)); err != nil {
			err = errors.Join(err, db.Close())
		}
	}
	if err != nil {
		if fresh {
			_ = os.Remove(d.path) // it may be half a database; the next start says so if it stays
		}
		d.file = nil
		return d.named("open", err)
	}
	d.db, d.page, d.stale = db, db.Info().PageSize, false
	return nil
}

// named adds what was done and to which file, where the error does not say so itself.
func (d *disk) named(doing string, err error) error {
	var known *os.PathError
	if errors.As(err, &known) {
		return err
	}
	return fmt.Errorf("%s %s: %w", doing, d.path, err)
}

func (d *disk) openWith(o *bolt.Options) (db *bolt.DB, err error) {
	err = guarded(func() error {
		db, err = bolt.Open(d.path, fileMode, o)
		return err
	})
	return db, err
}

// close closes the database. What cannot be closed any more stays open.
func (d *disk) close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.db == nil || d.stuck != nil {
		return d.stuck
	}
	db := d.db
	d.db, d.file = nil, nil
	if err := db.Close(); err != nil {
		return d.named("close", err)
	}
	return nil
}

// transact runs do in a transaction of its own; nil is for one that only mends. With an
// error, nothing of it counts, though after a failed sync it may be in the file until the
// next transaction.
func (d *disk) transact(do func(*bolt.Tx) error) (err error) {
	defer func() {
		if err != nil {
			d.sound = false
			err = d.named("write", err)
		}
	}()
	if d.stuck != nil {
		return d.stuck
	}
	if !d.sound {
		if err := d.mend(); err != nil {
			return err
		}
	}
	tx, err := d.begin()
	if err != nil {
		return err
	}
	if err = d.commit(tx, do); err != nil {
		if syncFailed(err) {
			d.stale, d.suspect = true, true
		}
		if err := abandon(tx); err != nil {
			d.stuck = err
		}
		return err
	}
	stats := tx.Stats()
	d.sound, d.pages = true, int(stats.GetPageCount())
	return nil
}

func (d *disk) begin() (tx *bolt.Tx, err error) {
	err = guarded(func() error {
		tx, err = d.db.Begin(true)
		return err
	})
	if errors.Is(err, errPanic) {
		d.stuck = err
	}
	if errors.Is(err, berrors.ErrInvalidMapping) {
		d.stale = true
	}
	return tx, err
}

func (d *disk) commit(tx *bolt.Tx, do func(*bolt.Tx) error) error {
	return guarded(func() error {
		if !d.sound {
			if err := d.head(tx); err != nil {
				return err
			}
		}
		if do != nil {
			if err := do(tx); err != nil {
				return err
			}
		}
		return tx.Commit()
	})
}

// abandon gives the locks of a failed transaction back.
func abandon(tx *bolt.Tx) error {
	return guarded(func() error {
		if err := tx.Rollback(); !errors.Is(err, berrors.ErrTxClosed) {
			return err
		}
		return nil
	})
}

// view calls f with the database while it is not replaced by another. Any goroutine may
// call it.
func (d *disk) view(f func(*bolt.DB) error) error {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if d.db == nil {
		return nil
	}
	return guarded(func() error { return f(d.db) })
}

// trim gives back the memory that the pages take which transactions have touched. A reader
// holds the mapping where it is, and what is in use is all inside of it.
func (d *disk) trim() error {
	return d.view(func(db *bolt.DB) error {
		return db.View(func(tx *bolt.Tx) error { return dontNeed(db.Info().Data, tx.Size()) })
	})
}

// mend makes the file and what bbolt knows of it agree. After a failed sync of a meta page
// the page may be in memory only, while bbolt goes on from it and overwrites pages that
// the one on the disk still uses: a power cut then leaves nothing that is whole. So the
// meta pages are written once more as they are seen now, and nothing else happens until
// that has reached the disk.
func (d *disk) mend() error {
	if d.file != nil {
		b := make([]byte, 2*d.page)
		if _, err := d.file.ReadAt(b, 0); err != nil {
			return err
		}
		if _, err := d.file.WriteAt(b, 0); err != nil {
			return err
		}
		if err := d.file.Sync(); err != nil {
			return err
		}
	}
	if d.db == nil || d.stale {
		return d.reopen()
	}
	return nil
}

// head writes what every file has: the buckets, and that a router is running.
func (d *disk) head(tx *bolt.Tx) error {
	for _, name := range [][]byte{gone0Bucket, gone1Bucket, paramsBucket} {
		if _, err := tx.CreateBucketIfNotExists(name); err != nil {
			return err
		}
	}
	return d.about.write(tx)
}

// syncFailed reports whether err came from a sync: what was written may not be on the disk
// although it can be read.
func syncFailed(err error) bool {
	switch err := err.(type) { //nolint:errorlint // a write's errno is wrapped, a sync's is not
	case syscall.Errno: // fdatasync, as bbolt returns it on Linux
		return true
	case *os.PathError:
		return err.Op == "sync"
	}
	return false
}

// errPanic is what guarded makes of a panic.
var errPanic = errors.New("bbolt panicked")

// guarded calls f and turns a panic into an error. bbolt panics where the file is not what it
// expects, and a page of the file that cannot be read would end the process.
func guarded(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", errPanic, p)
		}
	}()
	return f()
}
