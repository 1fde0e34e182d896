package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	bolt "go.etcd.io/bbolt"
)

// keepGenerations is how many copies are kept.
const keepGenerations = 5

// generation is a copy of the database as it was at a time.
type generation struct {
	name string
	made time.Time
}

// generations lists those of the database at path, the oldest first.
func generations(path string) ([]generation, error) {
	names, err := named(path, genInfix)
	if err != nil {
		return nil, err
	}
	var all []generation
	prefix := len(filepath.Base(path) + genInfix)
	for _, name := range names {
		if made, err := time.Parse(stamp, filepath.Base(name)[prefix:]); err == nil {
			all = append(all, generation{name, made})
		}
	}
	return all, nil
}

// makeGeneration copies the database, which may be in use, and returns the name of the
// copy, even with an error when the copy is good and only an old one could not be removed.
// The copy has its name only once it is on the disk and verified. Then, of more than five, one is removed: the one before it when it was made less than half of every
// before it, so that a router that is restarted again and again keeps old ones too, else
// the oldest.
func makeGeneration(db *bolt.DB, path string, now time.Time, every time.Duration) (string, error) {
	temp := path + tempInfix + "generation"
	err := createFile(temp, func(f *os.File) error {
		return db.View(func(tx *bolt.Tx) error {
			_, err := tx.WriteTo(&pacedWriter{f: f})
			return err
		})
	})
	if err != nil {
		return "", fmt.Errorf("copy %s: %w", path, err)
	}
	name, err := keep(temp, path, now, every)
	if err != nil {
		err = fmt.Errorf("keep a copy of %s: %w", path, err)
	}
	if name == "" {
		err = errors.Join(err, os.Remove(temp))
	}
	return name, err
}

// keep makes temp the newest generation, if it is good.
func keep(temp, path string, now time.Time, every time.Duration) (string, error) {
	if _, err := verifyFile(temp); err != nil {
		return "", err
	}
	all, err := generations(path)
	if err != nil {
		return "", err
	}
	// Newest is what sorts last, even where the clock has been set back.
	if n := len(all); n > 0 && !all[n-1].made.Before(now) {
		now = all[n-1].made.Add(time.Millisecond)
	}
	name, err := stamped(path, genInfix, now, "")
	if err != nil {
		return "", err
	}
	if err := replace(temp, name); err != nil {
		return "", err
	}
	return name, thin(append(all, generation{name, now}), every)
}

// thin removes generations until five are left. The last one is new.
func thin(all []generation, every time.Duration) error {
	for len(all) > keepGenerations {
		i, last := 0, len(all)-1
		if all[last].made.Sub(all[last-1].made) < every/2 {
			i = last - 1
		}
		if err := os.Remove(all[i].name); err != nil {
			return fmt.Errorf("remove an old generation: %w", err)
		}
		all = append(all[:i], all[i+1:]...)
	}
	return nil
}

// pacedWriter brings a large file to the disk in steps. Left to the end, the file system
// would write all of it at once, and make commits wait behind it.
type pacedWriter struct {
	f       *os.File
	pending int // bytes since the last step
}

const pace = 4 << 20

func (w *pacedWriter) Write(b []byte) (int, error) {
	n, err := w.f.Write(b)
	if w.pending += n; err == nil && w.pending >= pace {
		w.pending = 0
		err = w.f.Sync()
	}
	return n, err
}
