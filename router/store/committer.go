package store

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	bolt "go.etcd.io/bbolt"
)

// Start begins to write, asking src for what has changed. Call it once.
func (s *Store) Start(src Source) {
	s.source = src
	s.round.due = time.Now().Add(s.o.Interval)
	if !s.disk.sound {
		s.round.due = time.Now().Add(retry)
	}
	go s.settle()
	go s.copies.run(s.copyNow, s.o.Copies)
	go s.journalCommits()
	go s.own()
}

// Commit stores a write; Settle tells the outcome. It waits while 16 MiB of records are
// waiting already, so the caller holds no lock. After Close the outcome is ErrClosed. Call
// it after Start.
//
// Commits form groups by themselves: those that come while a batch is on its way to the disk
// make up the next one.
func (s *Store) Commit(c Commit) {
	first, ok := s.queue.put(c)
	if ok {
		if first {
			signal(s.committed)
		}
		return
	}
	if !s.queue.refuse(c) {
		s.late.Lock()
		defer s.late.Unlock()
		s.source.Settle([]Commit{c}, ErrClosed)
	}
}

// Soon begins a checkpoint before its time.
func (s *Store) Soon() {
	s.soon.Store(true)
	signal(s.wake)
}

// signal wakes who waits at c, or keeps it from falling asleep.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// settle tells outcomes. It has its own goroutine so that the next batch is on its way to
// the disk meanwhile.
func (s *Store) settle() {
	s.queue.settle(func(o outcome) {
		s.source.Settle(o.commits, o.err)
		if o.next > 0 {
			s.settled.Store(o.next)
		}
	})
}

// journalCommits is the only goroutine that writes the journal, until the store is closed.
func (s *Store) journalCommits() {
	defer close(s.journaled)
	again := time.NewTimer(0)
	defer again.Stop()
	for failed := false; ; {
		closed := s.queue.isClosed() // asked first: what is taken after it is the last
		var batch []Commit
		batch, s.batch = s.queue.take(append(s.batch[:0], make([]byte, batchHead)...))
		switch {
		case len(batch) > 0:
			failed = s.commitBatch(batch) != nil
			continue
		case closed:
			return
		case !failed:
			<-s.committed
			continue
		}
		again.Reset(retry)
		select {
		case <-s.committed:
		case <-again.C:
			failed = s.wrote(thatJournal, s.journal.probe) != nil
		}
	}
}

// commitBatch journals a batch, whose records are in s.batch.
func (s *Store) commitBatch(batch []Commit) error {
	s.busy.Store(true)
	err := s.wrote(thatJournal, func() error {
		if !s.stamped.Load() {
			return errUnstamped
		}
		return s.journal.append(s.batch)
	})
	o := outcome{commits: batch, bytes: len(s.batch) - batchHead, err: err}
	if err == nil {
		s.copies.dirty.Store(true)
		o.next = s.journal.next
	}
	s.queue.tell(o)
	if err == nil && s.crowded() {
		signal(s.wake)
	}
	return err
}

// crowded reports whether so much is journaled that a checkpoint should not wait.
func (s *Store) crowded() bool { return s.journal.written.Load()-s.folded.Load() > maxJournal }

// errUnstamped is why there are no commits before the epoch is on the disk: the next start
// would give the same revisions once more.
var errUnstamped = errors.New("the state could not be written since the start")

// own is the only goroutine that writes the database, until the store is closed.
func (s *Store) own() {
	idle := time.NewTimer(0)
	defer idle.Stop()
	for !s.queue.isClosed() {
		if s.advance() {
			_ = s.step() // Health tells
			continue
		}
		idle.Reset(time.Until(s.round.due))
		select {
		case <-s.wake:
		case <-idle.C:
		}
	}
	<-s.journaled
	s.finish()
}

// step runs the transaction of the next part of the checkpoint.
func (s *Store) step() error {
	data := len(s.round.slice) > 0
	next := s.disk.about
	err := s.write(func(tx *bolt.Tx) error {
		switch {
		case data:
			return fold(tx, s.round.slice, s.epoch)
		case next.Floor < s.round.until:
			next.Floor = s.round.until
			return next.write(tx)
		}
		return nil // only to see whether it can be written
	})
	if err == nil {
		s.disk.about = next
		s.journal.floor.Store(next.Floor)
		if data {
			s.copies.dirty.Store(true)
		}
	}
	if full(err) && !errors.Is(err, syscall.EFBIG) { // which takes nothing from other files
		s.journal.tight.Store(true)
	}
	s.round.wrote(err, s.disk.pages, s.busy.Swap(false))
	return err
}

// write runs a transaction.
func (s *Store) write(do func(*bolt.Tx) error) error {
	return s.wrote(thatDatabase, func() error {
		err := s.disk.transact(do)
		if err == nil {
			s.stamped.Store(true)
		}
		return err
	})
}

// wrote writes, and tells everyone who wants to know how it went.
func (s *Store) wrote(of part, write func() error) error {
	began := time.Now()
	err := write()
	now := time.Now()
	if s.o.Wrote != nil {
		s.o.Wrote(now.Sub(began), err)
	}
	s.health.note(of, err, now, s.log)
	return err
}

// retry is how long after a failure the store sees whether the disk has recovered.
const retry = time.Second

// Close writes what has changed, notes that all is in order and makes a generation if
// ctx leaves the time. Commits that wait are stored first. When ctx ends before that,
// Close returns its error; the store then stops after the transaction it is in, and
// the file is that of a router that was not stopped in order.
func (s *Store) Close(ctx context.Context) error {
	s.closing.Do(func() {
		s.closeCtx = ctx
		s.queue.close()
		if s.source == nil {
			go s.finish()
		}
		signal(s.committed)
		signal(s.wake)
	})
	select {
	case <-s.done:
		return s.closeErr
	default:
	}
	select {
	case <-s.done:
		return s.closeErr
	case <-ctx.Done():
		return fmt.Errorf("close %s: %w: what has changed last may not be in it", s.o.Path, ctx.Err())
	}
}

// finish is the end of the goroutine that owns the database.
func (s *Store) finish() {
	defer close(s.done)
	err := s.flush()
	if err == nil {
		err = s.write(func(tx *bolt.Tx) error {
			clean := s.disk.about
			clean.Clean = true
			return clean.write(tx)
		})
	}
	if s.source != nil {
		s.copies.stop()
		if err == nil && s.closeCtx.Err() == nil {
			s.copyNow()
		}
		s.queue.end()
	}
	folded := err == nil && s.disk.about.Floor == s.journal.next
	err = errors.Join(err, s.journal.close(folded))
	err = errors.Join(err, s.disk.close())
	s.release()
	s.closeErr = err
}

// flush writes all that has changed.
func (s *Store) flush() error {
	if s.source == nil {
		return nil
	}
	if err := s.queue.drain(s.closeCtx); err != nil {
		return fmt.Errorf("wait for commits to be settled: %w", err)
	}
	// The round that may be running has begun too early to know of everything.
	for s.round.want = true; s.round.running || s.round.want; {
		if err := s.closeCtx.Err(); err != nil {
			return fmt.Errorf("write what has changed to %s: %w", s.o.Path, err)
		}
		s.round.due = time.Time{}
		if s.advance() {
			if err := s.step(); err != nil {
				return err
			}
		}
	}
	return nil
}
