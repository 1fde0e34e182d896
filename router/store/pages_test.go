package store

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	bolt "go.etcd.io/bbolt"
)

// openBolt opens a database with bbolt itself.
func openBolt(t testing.TB, path string, o *bolt.Options) *bolt.DB {
	t.Helper()
	db, err := bolt.Open(path, 0o600, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func update(t testing.TB, db *bolt.DB, f func(*bolt.Tx) error) {
	t.Helper()
	if err := db.Update(f); err != nil {
		t.Fatal(err)
	}
}

// boltEntries lists what bbolt finds, as line makes it.
func boltEntries(t testing.TB, db *bolt.DB) []string {
	t.Helper()
	var lines []string
	var walk func(name string, b *bolt.Bucket) error
	walk = func(name string, b *bolt.Bucket) error {
		return b.ForEach(func(key, value []byte) error {
			if value != nil {
				lines = append(lines, line(name, key, value))
				return nil
			}
			return walk(name+"/"+string(key), b.Bucket(key))
		})
	}
	err := db.View(func(tx *bolt.Tx) error {
		return tx.ForEach(func(name []byte, b *bolt.Bucket) error { return walk(string(name), b) })
	})
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

func line(bucket string, key, value []byte) string {
	return fmt.Sprintf("%s %x %x", bucket, key, value)
}

// walkEntries lists what walkFile finds.
func walkEntries(t testing.TB, path string) []string {
	t.Helper()
	var lines []string
	err := walkFile(path, func(bucket string, key, value []byte) error {
		lines = append(lines, line(bucket, key, value))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

func TestWalkFindsWhatBoltFinds(t *testing.T) {
	random := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(rand.Uint32())
		}
		return b
	}
	key := func(i int) []byte { return fmt.Appendf(nil, "/key/%d", i) }
	tests := map[string]func(t *testing.T, db *bolt.DB){
		"new":           func(*testing.T, *bolt.DB) {},
		"inline bucket": func(t *testing.T, db *bolt.DB) { fill(t, db, "small", 3, key, random) },
		"empty bucket":  func(t *testing.T, db *bolt.DB) { fill(t, db, "none", 0, key, random) },
		"many pages":    func(t *testing.T, db *bolt.DB) { fill(t, db, "many", 20000, key, random) },
		"overflow pages": func(t *testing.T, db *bolt.DB) {
			for i, size := range []int{0, 1, 4000, 4096, 5000, 70_000, 3 << 20} {
				update(t, db, func(tx *bolt.Tx) error {
					b, err := tx.CreateBucketIfNotExists([]byte("large"))
					if err != nil {
						return err
					}
					return b.Put(key(i), random(size))
				})
			}
		},
		"deletes": func(t *testing.T, db *bolt.DB) {
			fill(t, db, "a", 5000, key, random)
			fill(t, db, "b", 5000, key, random)
			update(t, db, func(tx *bolt.Tx) error {
				for i := range 5000 {
					if i%7 != 0 || i > 2000 && i < 4000 {
						if err := tx.Bucket([]byte("a")).Delete(key(i)); err != nil {
							return err
						}
					}
				}
				return tx.DeleteBucket([]byte("b"))
			})
			fill(t, db, "c", 300, key, random)
		},
		"all deleted": func(t *testing.T, db *bolt.DB) {
			fill(t, db, "a", 5000, key, random)
			update(t, db, func(tx *bolt.Tx) error { return tx.DeleteBucket([]byte("a")) })
		},
		"nested": func(t *testing.T, db *bolt.DB) {
			update(t, db, func(tx *bolt.Tx) error {
				b, err := tx.CreateBucket([]byte("top"))
				for depth := 0; err == nil && depth < 10; depth++ {
					for i := range 100 {
						if err := b.Put(key(i), random(100)); err != nil {
							return err
						}
					}
					b, err = b.CreateBucket(fmt.Appendf(nil, "/key/5%d", depth%10+1000))
				}
				return err
			})
		},
	}
	for name, build := range tests {
		for option, o := range map[string]*bolt.Options{
			"":                     nil,
			", small pages":        {PageSize: 1024},
			", large pages":        {PageSize: 64 << 10},
			", freelist not there": {NoFreelistSync: true},
		} {
			t.Run(name+option, func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "db")
				db := openBolt(t, path, o)
				db.NoSync = true // for speed
				build(t, db)
				want := boltEntries(t, db)
				if got := walkEntries(t, path); !slices.Equal(got, want) {
					t.Errorf("%d entries, bbolt finds %d: %.200q, %.200q", len(got), len(want), got, want)
				}
			})
		}
	}
}

// fill puts n entries into a bucket, in an order of its own, some hundred in a transaction.
func fill(t testing.TB, db *bolt.DB, bucket string, n int, key func(int) []byte, value func(int) []byte) {
	t.Helper()
	order := rand.Perm(n)
	for first := true; first || len(order) > 0; first = false {
		now := order[:min(len(order), 2500)]
		order = order[len(now):]
		update(t, db, func(tx *bolt.Tx) error {
			b, err := tx.CreateBucketIfNotExists([]byte(bucket))
			if err != nil {
				return err
			}
			for _, i := range now {
				if err := b.Put(key(i), value(50+i%40)); err != nil {
					return err
				}
			}
			return nil
		})
	}
}

func TestWalkStopsWithTheErrorOfItsCallback(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	fill(t, openBolt(t, path, nil), "b", 10, func(i int) []byte { return []byte{'k', byte(i)} }, func(int) []byte { return nil })
	calls, stop := 0, errors.New("stop")
	err := walkFile(path, func(string, []byte, []byte) error { calls++; return stop })
	if !errors.Is(err, stop) || calls != 1 {
		t.Errorf("%d calls, %v", calls, err)
	}
}

// FuzzPages walks bytes that may be anything. Meta pages get the checksum they should have,
// or nothing else would ever be reached.
func FuzzPages(f *testing.F) {
	f.Fuzz(func(t *testing.T, b []byte) {
		b = bytes.Clone(b)
		for at := 0; at == 0 || at <= 2048; at = max(1024, 2*at) {
			if len(b) >= at+pageHead+metaSize && native.Uint32(b[at+pageHead:]) == boltMagic {
				sumMeta(b[at:])
			}
		}
		p, err := openPages(bytes.NewReader(b), int64(len(b)))
		if err == nil {
			err = p.verify(&Report{}, func(string, Record) error { return nil })
		}
		var d *DamageError
		if err != nil && !errors.As(err, &d) {
			t.Errorf("%T: %v", err, err)
		}
		if err != nil {
			return
		}
		// What is found good, bbolt can read, to the same end.
		path := filepath.Join(t.TempDir(), "db")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		db := openBolt(t, path, &bolt.Options{ReadOnly: true})
		if got, want := walkEntries(t, path), boltEntries(t, db); !slices.Equal(got, want) {
			t.Errorf("%q, bbolt finds %q", got, want)
		}
	})
}
