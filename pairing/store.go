// The devices' file: a bbolt file of mode 0600 with a row a device, and how far invite PINs
// are locked. No secret is in it but as SHA-256, and no code at all.

package pairing

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/clasp-studio/clasp/router/store"
)

// A value is a CRC32C of its key and its text, big endian, and then the text, JSON: a
// flipped bit must not make a viewer an admin.
const (
	aboutBucket   = "about"
	devicesBucket = "devices"
	guessesBucket = "guesses"

	aboutKey = "file"
	levelKey = "level"

	fileKind   = "paired devices of clasp"
	fileFormat = 1
	fileMode   = 0o600
	sumBytes   = 4
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

type about struct {
	Kind   string `json:"kind"`
	Format int    `json:"format"`
}

// kept is all that a file says.
type kept struct {
	rows  []row
	level level
}

// batch is what is to be written in one transaction.
type batch struct {
	put   map[string]row
	drop  []string // IDs
	level *level
}

// file is the open file. It is owned by who has Registry.io.
type file struct {
	path    string
	release func()
	db      *bolt.DB // nil: what is in the file is not to be relied on, and it is written anew
}

// openFile reads a file, or makes it. When it cannot be used it is left as it is.
func openFile(path string) (*file, kept, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, kept{}, fmt.Errorf("keep paired devices: %w", err)
	}
	release, err := store.Lock(path)
	if err != nil {
		return nil, kept{}, err
	}
	f := &file{path: path, release: release}
	all, err := f.open()
	if err != nil {
		release()
		return nil, kept{}, err
	}
	return f, all, nil
}

func (f *file) open() (all kept, err error) {
	_, err = os.Lstat(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return all, f.make(kept{})
	}
	if err == nil {
		all, err = readFile(f.path)
	}
	if err == nil {
		err = os.Chmod(f.path, fileMode) // it may have come from a backup
	}
	if err != nil {
		return all, fmt.Errorf("read the paired devices in %s: %w: nothing was changed; put a good copy there, or move it away to begin without devices", f.path, err)
	}
	return all, f.attach()
}

// readFile reads a whole file without bbolt, which trusts what it maps.
func readFile(path string) (all kept, err error) {
	var head about
	err = store.Walk(path, func(bucket string, key, value []byte) error {
		if bucket != aboutBucket && bucket != devicesBucket && bucket != guessesBucket {
			return fmt.Errorf("it is a database of something else, with %q in it", clean(bucket))
		}
		text, err := unseal(key, value)
		if err != nil {
			return fmt.Errorf("damaged: %s %q: %w", bucket, clean(string(key)), err)
		}
		switch {
		case bucket == aboutBucket && string(key) == aboutKey: // comes first: buckets are in order
			if err = json.Unmarshal(text, &head); err == nil && head.Format > fileFormat {
				err = fmt.Errorf("it has format %d, and this clasp knows up to %d: use a newer one", head.Format, fileFormat)
			}
		case bucket == guessesBucket && string(key) == levelKey:
			err = json.Unmarshal(text, &all.level)
		case bucket == devicesBucket:
			var w row
			if err = json.Unmarshal(text, &w); err == nil {
				err = w.check(string(key))
			}
			all.rows = append(all.rows, w)
		default:
			err = fmt.Errorf("%s %q does not belong in it", bucket, clean(string(key)))
		}
		return err
	})
	if err == nil && (head.Kind != fileKind || head.Format < 1) {
		err = errors.New("it is not a file of paired devices")
	}
	return all, err
}

// attach opens a good file to be written.
func (f *file) attach() error {
	return store.Guard(func() error {
		db, err := bolt.Open(f.path, fileMode, &bolt.Options{Timeout: time.Second})
		if err != nil {
			return fmt.Errorf("open %s: %w", f.path, err)
		}
		f.db = db
		return nil
	})
}

// make puts a new file in place of what may be there, whole or not at all, and opens it.
func (f *file) make(all kept) error {
	temp := f.path + ".tmp"
	_ = os.Remove(temp) // of an attempt that was cut short
	b := batch{put: make(map[string]row), level: &all.level}
	for _, w := range all.rows {
		b.put[w.ID] = w
	}
	err := store.Guard(func() (err error) {
		db, err := bolt.Open(temp, fileMode, &bolt.Options{Timeout: time.Second})
		if err != nil {
			return err
		}
		err = db.Update(func(tx *bolt.Tx) error {
			if err := put(tx, aboutBucket, aboutKey, about{fileKind, fileFormat}); err != nil {
				return err
			}
			return b.write(tx)
		})
		return errors.Join(err, db.Close())
	})
	if err == nil {
		err = store.Replace(temp, f.path)
	}
	if err != nil {
		_ = os.Remove(temp)
		return fmt.Errorf("write the paired devices to %s: %w", f.path, err)
	}
	return f.attach()
}

// write brings a batch to the disk. After an error nobody knows what of it is there, so the
// next write makes the file anew, of what all returns.
func (f *file) write(b batch, all kept) error {
	if f.db == nil {
		return f.make(all)
	}
	err := store.Guard(func() error { return f.db.Update(b.write) })
	if err != nil {
		db := f.db
		f.db = nil
		return errors.Join(fmt.Errorf("write the paired devices to %s: %w", f.path, err), store.Guard(db.Close))
	}
	return nil
}

func (f *file) close() error {
	defer f.release()
	if f.db == nil {
		return nil
	}
	db := f.db
	f.db = nil
	return store.Guard(db.Close)
}

func (b batch) write(tx *bolt.Tx) error {
	for id, w := range b.put {
		if err := put(tx, devicesBucket, id, w); err != nil {
			return err
		}
	}
	if bucket := tx.Bucket([]byte(devicesBucket)); bucket != nil {
		for _, id := range b.drop {
			if err := bucket.Delete([]byte(id)); err != nil {
				return err
			}
		}
	}
	if b.level == nil {
		return nil
	}
	return put(tx, guessesBucket, levelKey, b.level)
}

func put(tx *bolt.Tx, bucket, key string, v any) error {
	in, err := tx.CreateBucketIfNotExists([]byte(bucket))
	if err != nil {
		return err
	}
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return in.Put([]byte(key), seal([]byte(key), text))
}

func seal(key, text []byte) []byte {
	sum := crc32.Update(crc32.Checksum(key, castagnoli), castagnoli, text)
	return append(binary.BigEndian.AppendUint32(nil, sum), text...)
}

func unseal(key, value []byte) ([]byte, error) {
	if len(value) < sumBytes || !bytes.Equal(seal(key, value[sumBytes:]), value) {
		return nil, errors.New("its checksum is wrong")
	}
	return value[sumBytes:], nil
}
