package store

import (
	"errors"
	"path/filepath"
	"testing"

	bolt "go.etcd.io/bbolt"
)

// A panic inside bbolt is an error of that transaction, and the next one works.
func TestPanicIsAnError(t *testing.T) {
	d := disk{path: filepath.Join(t.TempDir(), "state.db")}
	put := func(tx *bolt.Tx) error { return tx.Bucket(paramsBucket).Put([]byte("/a"), []byte("x")) }
	if err := d.transact(put); err != nil {
		t.Fatal(err)
	}
	if err := d.transact(func(tx *bolt.Tx) error {
		if err := tx.Bucket(paramsBucket).Put([]byte("/b"), []byte("x")); err != nil {
			return err
		}
		panic("as bbolt does")
	}); !errors.Is(err, errPanic) {
		t.Fatalf("got %v", err)
	}
	for range 3 {
		if err := d.transact(put); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.db.View(func(tx *bolt.Tx) error {
		if b := tx.Bucket(paramsBucket); b.Get([]byte("/a")) == nil || b.Get([]byte("/b")) != nil {
			t.Error("not what was stored")
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := d.close(); err != nil {
		t.Fatal(err)
	}
}

// After a failed sync of its meta page a transaction counts as failed although its pages are
// in the file. The next one removes the commits that were refused.
func TestRefusedBatchIsRemoved(t *testing.T) {
	d := disk{path: filepath.Join(t.TempDir(), "state.db"), next: 7}
	if err := d.transact(func(tx *bolt.Tx) error { return appendJournal(tx, 6, []byte("stored")) }); err != nil {
		t.Fatal(err)
	}
	if err := d.transact(func(tx *bolt.Tx) error { return appendJournal(tx, 7, []byte("refused")) }); err != nil {
		t.Fatal(err)
	}
	db := d.db
	d.sound, d.stale = false, true
	if err := d.transact(nil); err != nil {
		t.Fatal(err)
	}
	if d.db == db {
		t.Error("the database was not opened anew")
	}
	if err := d.db.View(func(tx *bolt.Tx) error {
		if b := tx.Bucket(journalBucket); b.Get(journalKey(6)) == nil || b.Get(journalKey(7)) != nil {
			t.Error("not what was stored")
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := d.close(); err != nil {
		t.Fatal(err)
	}
}
