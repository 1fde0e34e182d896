// What clasp is compared with has to do its work.

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"
)

// fillYardstick puts records into one from many goroutines and closes it.
func fillYardstick(t *testing.T, open func(string) (yardstick, error)) (path string, records int) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "records")
	y, err := open(path)
	if err != nil {
		t.Fatal(err)
	}
	var loop tally
	var n atomic.Int64
	err = loop.closedLoop(20, 50*time.Millisecond, func(int) error {
		key := fmt.Appendf(nil, "%08d", n.Add(1))
		return y.put(key, storedRecord(nil, key, 7))
	})
	if err == nil {
		err = y.close()
	}
	if err != nil {
		t.Fatal(err)
	}
	if len(loop.waits) != int(n.Load()) || len(loop.waits) < 20 {
		t.Fatalf("%d waits of %d puts", len(loop.waits), n.Load())
	}
	return path, len(loop.waits)
}

func TestLogStickWritesEverything(t *testing.T) {
	path, records := fillYardstick(t, openLogStick)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if want := records * len(storedRecord(nil, []byte("12345678"), 0)); info.Size() != int64(want) {
		t.Errorf("%d bytes of %d records, want %d", info.Size(), records, want)
	}
}

func TestBatchStickWritesEverything(t *testing.T) {
	path, records := fillYardstick(t, openBatchStick)
	db, err := bolt.Open(path, 0o600, &bolt.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.View(func(tx *bolt.Tx) error {
		if n := tx.Bucket(stickBucket).Stats().KeyN; n != records {
			t.Errorf("%d of %d records", n, records)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}
