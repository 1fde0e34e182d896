package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"
)

// Start begins to write, asking src for what has changed. Call it once.
func (s *Store) Start(src Source) {
	s.source = src
	s.round.due = time.Now().Add(s.o.Interval)
	go s.settle()
	go s.copies.run(s.copyNow, s.o.Copies)
	go s.own()
}

// Commit stores a write; Settle tells the outcome. It waits while 16 MiB of records are
// waiting already, so the caller holds no lock. After Close the outcome is ErrClosed. Call
// it after Start.
//
// Commits form groups by themselves: those that come while a transaction is on its way to
// the disk make up the next one.
func (s *Store) Commit(c Commit) {
	first, ok := s.queue.put(c)
	if ok {
		if first {
			s.signal()
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
	s.signal()
}

// signal wakes the owner, or keeps it from falling asleep.
func (s *Store) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// settle tells outcomes. It has its own goroutine so that the next transaction is on its
// way to the disk meanwhile.
func (s *Store) settle() {
	s.queue.settle(func(o outcome) {
		s.source.Settle(o.commits, o.err)
		if o.next > 0 {
			s.settled.Store(o.next)
		}
	})
}

// own is the only goroutine that writes, until the store is closed.
func (s *Store) own() {
	idle := time.NewTimer(0)
	defer idle.Stop()
	for {
		closed := s.queue.isClosed() // asked first: what is taken after it is the last
		var batch []Commit
		batch, s.records = s.queue.take(s.records[:0])
		if closed && len(batch) == 0 {
			s.finish()
			return
		}
		part := s.advance()
		if part || len(batch) > 0 {
			_ = s.step(batch, part) // Settle and Health tell
			continue
		}
		idle.Reset(time.Until(s.round.due))
		select {
		case <-s.wake:
		case <-idle.C:
		}
	}
}

// step runs one transaction: for a batch, whose records are in s.records, and for the next
// part of the checkpoint. They share it because most of its time goes into waiting for the
// disk.
func (s *Store) step(batch []Commit, part bool) error {
	next, data := s.disk.next, len(batch) > 0 || part && len(s.round.slice) > 0
	err := s.write(part, func(tx *bolt.Tx) error {
		if len(batch) > 0 {
			if err := appendJournal(tx, next, s.records); err != nil {
				return err
			}
		}
		if part {
			return s.round.write(tx, s.epoch)
		}
		return nil
	})
	if data && err == nil {
		s.copies.dirty.Store(true)
	}
	if part {
		s.round.wrote(err, s.disk.pages, len(batch))
		if err != nil && len(batch) > 0 {
			return s.step(batch, false) // it may be the checkpoint that fails
		}
	}
	if len(batch) == 0 {
		return err
	}
	o := outcome{commits: batch, bytes: len(s.records), err: err}
	if err == nil {
		s.disk.next++
		s.round.journal += len(s.records)
		o.next = s.disk.next
	}
	s.queue.tell(o)
	return err
}

// write runs a transaction, of which a part of the checkpoint may be a part, and tells
// everyone who wants to know how it went.
func (s *Store) write(part bool, do func(*bolt.Tx) error) error {
	began := time.Now()
	err := s.disk.transact(do)
	now := time.Now()
	if s.o.Wrote != nil {
		s.o.Wrote(now.Sub(began), err)
	}
	if err != nil {
		s.round.due = earlier(s.round.due, now.Add(retry))
	}
	s.health.note(err, now, s.round.broken && !part, s.log)
	return err
}

// retry is how long after a failure the store sees whether the disk has recovered.
const retry = time.Second

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// journalKey is the key of the n-th batch of a file.
func journalKey(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

func appendJournal(tx *bolt.Tx, n uint64, records []byte) error {
	journal := tx.Bucket(journalBucket)
	journal.FillPercent = 1 // keys only ever come at the end
	return journal.Put(journalKey(n), records)
}

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
		s.signal()
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

// finish is the end of the goroutine that owns the disk.
func (s *Store) finish() {
	defer close(s.done)
	err := s.flush()
	if err == nil {
		err = s.write(false, func(tx *bolt.Tx) error {
			return about{Format: fileFormat, Epoch: s.epoch, Clean: true}.write(tx)
		})
	}
	if s.source != nil {
		s.copies.stop()
		if err == nil && s.closeCtx.Err() == nil {
			s.copyNow()
		}
		s.queue.end()
	}
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
			if err := s.step(nil, true); err != nil {
				return err
			}
		}
	}
	return nil
}
