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
