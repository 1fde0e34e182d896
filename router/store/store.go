package store

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	bolt "go.etcd.io/bbolt"
)

// Options open a store.
type Options struct {
	Path     string
	Interval time.Duration // between checkpoints, 0 = 5 s
	Copies   time.Duration // between generations, 0 = 30 min
	Logger   *slog.Logger  // nil logs nothing
	// Wrote is told of every transaction that was to write, and must not block; may be nil.
	Wrote func(took time.Duration, err error)
}

// Commit is a write that waits for the disk.
type Commit interface {
	// Records returns what is to be stored, as Append made it. All of it is stored
	// or nothing. It is called more than once and must not change until Settle.
	Records() []byte
}

// Source is the engine, as the store sees it. The store calls it from one goroutine a
// method at a time; it may take the locks of params. No method may wait for a Commit.
type Source interface {
	// Settle tells the outcome of commits, in the order they were handed over. With an
	// error, none of them is stored. When it returns, what is stored counts: the params
	// are among the changed ones.
	Settle(commits []Commit, err error)
	// Checkpoint begins a round: Changed goes through what has changed until now. A
	// round is always gone through to its end before the next begins.
	Checkpoint()
	// Changed appends the records of changed params that it has not given yet in this
	// round, in address order, until about size bytes are added. It appends nothing at
	// the end. A record without an address says up to which revision others have gone
	// that are not recorded.
	Changed(dst []byte, size int) []byte
	// Everything makes all params changed ones.
	Everything()
}

// ErrClosed is the outcome of a commit that came after Close.
var ErrClosed = errors.New("the store is closed")

// Store is an open file. Its methods may be called from any goroutine.
type Store struct {
	o        Options
	log      *slog.Logger
	recovery Recovery
	release  func() // of the lock file
	epoch    uint32
	base     uint64

	queue     queue
	source    Source        // nil before Start
	settled   atomic.Uint64 // batches of the journal before this one are settled
	soon      atomic.Bool   // Soon was called
	busy      atomic.Bool   // there are commits
	stamped   atomic.Bool   // the file says the epoch
	folded    atomic.Uint64 // bytes of the journal that are in the database, nearly
	committed chan struct{} // there is something for journalCommits
	wake      chan struct{} // there is something for own
	journaled chan struct{} // closed when no commit will come any more
	done      chan struct{} // closed when everything of the store has ended
	copies    copies
	health    health
	late      sync.Mutex // held to settle commits that came after the end

	// These belong to journalCommits, before Start to the caller.
	journal journal
	batch   []byte // the present one

	// These belong to own, before Start to the caller.
	disk  disk
	round round

	// What Open has found.
	found     []foundBatch // in the journal; Load takes them
	forgotten uint64       // as the file says it

	closing  sync.Once
	closeCtx context.Context // set by the first Close, before the queue is closed
	closeErr error           // set before done is closed
}

// Open locks and checks the file, or puts the newest good generation in its place, and
// notes in it that a router is running. What it had to do is logged and told by Recovery.
//
// Errors: *InUseError when another router has the file; ErrNotWritable. A disk that is full
// is no error: the store is open, and Health says that it fails until there is room.
func Open(o Options) (*Store, error) {
	if o.Interval <= 0 {
		o.Interval = 5 * time.Second
	}
	if o.Copies <= 0 {
		o.Copies = 30 * time.Minute
	}
	release, err := lockFile(o.Path)
	if err != nil {
		return nil, err
	}
	s := &Store{
		o:       o,
		log:     o.Logger,
		release: release,

		committed: make(chan struct{}, 1),
		wake:      make(chan struct{}, 1),
		journaled: make(chan struct{}),
		done:      make(chan struct{}),
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.queue.init()
	s.copies.init()
	s.disk.path, s.journal.path = o.Path, o.Path
	s.round.size = maxSlice
	if err := s.open(); err != nil {
		err = errors.Join(err, s.disk.close(), s.journal.close(false))
		release()
		return nil, err
	}
	return s, nil
}

func (s *Store) open() (err error) {
	if s.recovery, err = recoverFile(s.o.Path, time.Now()); err != nil {
		return err
	}
	if s.recovery.Number != 0 || len(s.recovery.SetAside) > 0 {
		s.log.Warn(s.recovery.String())
	}
	s.disk.about = about{Format: fileFormat, Clean: true, Salt: newSalt()}
	err = s.disk.reopen()
	if err == nil {
		if err := s.disk.view(func(db *bolt.DB) error { return db.View(s.read) }); err != nil {
			return err
		}
	}
	if err != nil && !(full(err) && s.recovery.Fresh) {
		return writeError(err)
	}
	if err := s.openJournal(); err != nil {
		return writeError(err)
	}
	before := s.disk.about
	s.epoch = s.nextEpoch(before.Clean && len(s.found) == 0)
	if e := epochOf(s.found); e > before.Epoch {
		s.epoch = max(s.epoch, e+lostEpochs) // it is the file of an earlier run
	}
	s.disk.about.Epoch, s.disk.about.Clean = s.epoch, false
	s.base = uint64(s.epoch) << epochShift
	if s.forgotten > 0 {
		s.base = max(s.base, s.forgotten+uint64(s.epoch-before.Epoch)<<epochShift)
	}
	// The epoch must be on the disk before a client hears of its revisions. When the disk
	// is full this is done with the first transaction that succeeds.
	_ = s.write(nil) // Health tells
	return nil
}

// newSalt returns a number that nobody can guess.
func newSalt() uint64 {
	var b [8]byte
	rand.Read(b[:]) // never fails (crypto/rand)
	return binary.BigEndian.Uint64(b[:])
}

// openJournal finds the commits that the database does not have. A file that is none of its
// journal is set aside.
func (s *Store) openJournal() error {
	about := s.disk.about
	content := readJournal(s.o.Path, about.Salt)
	for i := range content.segments {
		if !content.segments[i].foreign(about.Salt) {
			continue
		}
		name := segmentName(s.o.Path, i)
		to, err := stamped(s.o.Path, badInfix, time.Now(), fmt.Sprint("-journal", i))
		if err == nil {
			err = replace(name, to)
		}
		if err != nil {
			return fmt.Errorf("set aside %s, which is no journal of %s: %w", name, s.o.Path, err)
		}
		if err := content.segments[i].err; err != nil || s.recovery.Number == 0 { // else what is in it has been taken over
			s.log.Warn("a journal that does not belong to the state is set aside", "path", name, "now", to, "error", err)
		}
		content.segments[i] = segmentContent{}
	}
	found, whole := content.since(about.Salt, about.Floor)
	if !whole {
		s.log.Warn("commits are missing: the journal is damaged",
			"path", segmentName(s.o.Path, 0), "from", about.Floor, "left", len(found))
	}
	s.found = found
	s.journal.salt = about.Salt
	s.journal.floor.Store(about.Floor)
	return s.journal.open(content)
}

// nextEpoch is the one that begins with a file that was closed in order, or not.
func (s *Store) nextEpoch(clean bool) uint32 {
	switch {
	case s.recovery.Number != 0: // how far the lost file had got, nobody knows
		return s.recovery.Epoch + lostEpochs
	case clean:
		return s.recovery.Epoch
	}
	return s.recovery.Epoch + 1
}

// lostEpochs is how many epochs a lost file may have been ahead of what was found.
const lostEpochs = 4096

// read takes from the file what it says of itself, and where unknown addresses begin.
func (s *Store) read(tx *bolt.Tx) error {
	bucket := tx.Bucket(aboutBucket)
	if bucket == nil {
		return nil // a new file
	}
	about, err := readAbout(bucket.Get)
	if err != nil {
		return fmt.Errorf("read %s: %w", s.o.Path, err)
	}
	s.disk.about = about
	if s.forgotten, err = readForgotten(bucket, about.Epoch); err != nil {
		return fmt.Errorf("read %s: %w", s.o.Path, err)
	}
	return nil
}

// full reports whether err means that there is no room on the disk: a state that passes.
func full(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG) ||
		runtime.GOOS == "windows" && errors.Is(err, windowsFull)
}

// windowsFull is ERROR_DISK_FULL, which package syscall does not make an ENOSPC of.
const windowsFull = syscall.Errno(112)

// Load calls restore with every record, each a view valid during the call only. An address
// may come more than once: the higher revision counts, and at the same one what is in params.
// journaled says that the record is from the journal, so that it must be among the changed
// ones of the first checkpoint. Call it once, before Start. The file is read without mapping
// it, so that it does not count towards the process's memory.
func (s *Store) Load(restore func(r Record, journaled bool)) error {
	var err error
	if s.disk.db != nil { // else there is none yet, for lack of room
		err = walkFile(s.o.Path, s.loadRecord(restore))
	}
	if err == nil {
		err = eachRecord(s.found, s.epoch, func(r Record) error {
			restore(r, true)
			return nil
		})
	}
	if err != nil {
		return fmt.Errorf("load %s: %w", s.o.Path, err)
	}
	s.found = nil
	s.settled.Store(s.journal.next)
	return nil
}

// loadRecord hands the records of an entry of the database to restore.
func (s *Store) loadRecord(restore func(Record, bool)) func(bucket string, key, value []byte) error {
	return func(bucket string, _, value []byte) error {
		switch bucket {
		case string(paramsBucket), string(gone0Bucket), string(gone1Bucket):
			r, _, err := readRecord(value, s.epoch)
			if err == nil {
				restore(r, false)
			}
			return err
		}
		return nil
	}
}

// Base is the revision that addresses begin after which the file does not know.
func (s *Store) Base() uint64 { return s.base }

// Append appends a record for Commit or Changed.
func (s *Store) Append(dst []byte, r *Record) []byte { return appendRecord(dst, r, s.epoch) }

// Path is where the file is.
func (s *Store) Path() string { return s.o.Path }

// Recovery says what Open had to do to get a file that is in order.
func (s *Store) Recovery() Recovery { return s.recovery }
