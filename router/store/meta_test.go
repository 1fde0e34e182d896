package store

import (
	"bytes"
	"errors"
	"hash/fnv"
	"os"
	"path/filepath"
	"testing"

	bolt "go.etcd.io/bbolt"
)

// sumMeta gives a meta page the checksum it should have.
func sumMeta(page []byte) {
	h := fnv.New64a()
	h.Write(page[pageHead : pageHead+56])
	native.PutUint64(page[pageHead+56:], h.Sum64())
}

// smallFile is a database with two transactions: the value of key is "old", then "new".
func smallFile(t *testing.T, o *bolt.Options) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "db")
	db := openBolt(t, path, o)
	for _, value := range []string{"old", "new"} {
		update(t, db, func(tx *bolt.Tx) error {
			b, err := tx.CreateBucketIfNotExists([]byte("bucket"))
			if err != nil {
				return err
			}
			return b.Put([]byte("key"), []byte(value))
		})
	}
	db.Close()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// value reads what smallFile has stored.
func value(b []byte) (string, error) {
	p, err := openPages(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return "", err
	}
	var found string
	w := walker{
		pages:  p,
		bucket: func(string) error { return nil },
		entry:  func(_ string, _, value []byte) error { found = string(value); return nil },
	}
	err = w.walk()
	return found, err
}

func TestMetaPageInForce(t *testing.T) {
	for name, size := range map[string]int{"1 KiB": 1024, "4 KiB": 4096, "64 KiB": 65536} {
		t.Run(name, func(t *testing.T) {
			whole := smallFile(t, &bolt.Options{PageSize: size})
			newer := 0
			if native.Uint64(whole[size+pageHead+48:]) > native.Uint64(whole[pageHead+48:]) {
				newer = size
			}
			if got, err := value(whole); got != "new" || err != nil {
				t.Errorf("whole: %q, %v", got, err)
			}
			// A power cut while a meta page is written leaves the transaction before.
			b := bytes.Clone(whole)
			b[newer+pageHead+50] ^= 1
			if got, err := value(b); got != "old" || err != nil {
				t.Errorf("without the newer one: %q, %v", got, err)
			}
			b = bytes.Clone(whole)
			b[size-newer+pageHead+50] ^= 1
			if got, err := value(b); got != "new" || err != nil {
				t.Errorf("without the older one: %q, %v", got, err)
			}
			b[newer+pageHead+50] ^= 1
			var d *DamageError
			if got, err := value(b); !errors.As(err, &d) || d.Reason != reasonDamaged {
				t.Errorf("without both: %q, %v", got, err)
			}
		})
	}
}

func TestMetaPageReasons(t *testing.T) {
	for name, test := range map[string]struct {
		spoil  func(b []byte) []byte
		reason string
	}{
		"nothing": {func(b []byte) []byte { return nil }, reasonEmpty},
		"zeros":   {func(b []byte) []byte { return make([]byte, len(b)) }, reasonZeros},
		"a zero":  {func(b []byte) []byte { return []byte{0} }, reasonZeros},
		"text":    {func(b []byte) []byte { return []byte("hello") }, reasonForeign},
		"garbage": {func(b []byte) []byte { return bytes.Repeat([]byte("garbage "), len(b)/8) }, reasonForeign},
		"a newer bbolt": {func(b []byte) []byte {
			native.PutUint32(b[pageHead+4:], 3)
			native.PutUint32(b[4096+pageHead+4:], 3)
			return b
		}, reasonNewer},
		"root beyond the end": {func(b []byte) []byte {
			for at := 0; at <= 4096; at += 4096 {
				native.PutUint64(b[at+pageHead+16:], 1<<30)
				sumMeta(b[at:])
			}
			return b
		}, reasonDamaged},
		"page size zero": {func(b []byte) []byte {
			for at := 0; at <= 4096; at += 4096 {
				native.PutUint32(b[at+pageHead+8:], 0)
				sumMeta(b[at:])
			}
			return b
		}, reasonDamaged},
		"of more pages than there can be": {func(b []byte) []byte {
			for at := 0; at <= 4096; at += 4096 {
				native.PutUint64(b[at+pageHead+40:], 1<<60)
				sumMeta(b[at:])
			}
			return b
		}, reasonDamaged},
	} {
		t.Run(name, func(t *testing.T) {
			b := test.spoil(smallFile(t, &bolt.Options{PageSize: 4096}))
			var d *DamageError
			if got, err := value(b); !errors.As(err, &d) || d.Reason != test.reason {
				t.Errorf("%q, %v, want %s", got, err, test.reason)
			}
		})
	}
}
