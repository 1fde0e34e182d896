// The yardsticks of workload durable: what this disk gives without a router, to
// goroutines that each wait for one record after another.

package main

import (
	"fmt"

	bolt "go.etcd.io/bbolt"

	"github.com/clasp-studio/clasp/cmd/clasp-bench/internal/barelog"
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

// logStick is a bare log with fdatasync.
type logStick struct{ *barelog.Log }

func openLogStick(path string) (yardstick, error) {
	log, err := barelog.Open(path)
	return logStick{log}, err
}

func (s logStick) put(_, record []byte) error { return s.Put(record) }
func (s logStick) close() error               { return s.Close() }
