// The yardsticks of workload durable: what this disk gives without a router, to
// goroutines that each wait for one record after another.

package main

import (
	"fmt"
	"os"
	"sync"

	bolt "go.etcd.io/bbolt"
)

// yardstick keeps records on disk in some way.
type yardstick interface {
	// put returns when the record is on disk. It is safe for concurrent use.
	put(key, record []byte) error
	close() error
}

// batchStick is bbolt as its users know it: default options, a Put in DB.Batch. Batch
// waits up to 10 ms for others to share a transaction with.
type batchStick struct{ db *bolt.DB }

var stickBucket = []byte("params")

func openBatchStick(path string) (yardstick, error) {
	db, err := bolt.Open(path, 0o600, nil)
	if err != nil {
		return nil, fmt.Errorf("open the database to compare with: %w", err)
	}
	err = db.Update(func(tx *bolt.Tx) error {
		_, err := tx.CreateBucket(stickBucket)
		return err
	})
	if err != nil {
		_ = db.Close() // the first error says more
		return nil, fmt.Errorf("make a bucket to compare with: %w", err)
	}
	return batchStick{db}, nil
}

func (s batchStick) put(key, record []byte) error {
	return s.db.Batch(func(tx *bolt.Tx) error { return tx.Bucket(stickBucket).Put(key, record) })
}

func (s batchStick) close() error { return s.db.Close() }

// logStick is the least that can be done: records are appended to a file, which grows
// by them, and fdatasync follows. All that wait while a sync is under way go with the
// next one, in one write; from a single goroutine that is a write and a sync for each
// record. There is no index, no checksum, and nothing is ever read or cleared.
type logStick struct {
	disk sync.Mutex // held by who writes and syncs
	file *os.File

	mu   sync.Mutex
	next *logBatch // who waits for the next sync
}

// logBatch is what one sync covers.
type logBatch struct {
	records []byte
	synced  chan struct{} // closed when err says how it went
	err     error
}

func openLogStick(path string) (yardstick, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("make a log to compare with: %w", err)
	}
	return &logStick{file: file, next: newLogBatch()}, nil
}

func newLogBatch() *logBatch { return &logBatch{synced: make(chan struct{})} }

// put lets the first of each batch do the work for the others.
func (s *logStick) put(_, record []byte) error {
	s.mu.Lock()
	b := s.next
	first := len(b.records) == 0
	b.records = append(b.records, record...)
	s.mu.Unlock()
	if !first {
		<-b.synced
		return b.err
	}
	s.disk.Lock() // until the batch before is through, others join this one
	defer s.disk.Unlock()
	s.mu.Lock()
	s.next = newLogBatch()
	s.mu.Unlock()
	if _, b.err = s.file.Write(b.records); b.err == nil {
		b.err = syncData(s.file)
	}
	close(b.synced)
	return b.err
}

func (s *logStick) close() error { return s.file.Close() }
