package store

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"
)

func TestGenerationIsACopy(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	stateFile(t, path, 3000, nil)
	want := walkEntries(t, path)
	db := openBolt(t, path, nil)
	name, err := makeGeneration(db, path, noon, time.Hour)
	if err != nil || name != genName(path, 0) {
		t.Fatalf("%s, %v", name, err)
	}
	if got := walkEntries(t, name); !slices.Equal(got, want) {
		t.Error("it is not the same")
	}
	if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if got := names(t, filepath.Dir(path)); len(got) != 2 {
		t.Errorf("left: %q", got)
	}
}

// TestGenerationOfABusyDatabase: the copy is of one moment, and commits go on meanwhile.
func TestGenerationOfABusyDatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	stateFile(t, path, 3000, nil)
	db := openBolt(t, path, nil)
	stop, begun := make(chan struct{}), make(chan struct{})
	var writer sync.WaitGroup
	var once sync.Once
	writer.Go(func() {
		for i := uint64(100); ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			err := db.Update(func(tx *bolt.Tx) error {
				// The same number in two buckets: a copy of one moment has it in both.
				address := fmt.Appendf(nil, "/count/%d", i%300)
				r := appendRecord(nil, &Record{Address: address, Value: binary.BigEndian.AppendUint64(nil, i), Revision: i}, 3)
				if err := tx.Bucket(paramsBucket).Put(address, r); err != nil {
					return err
				}
				r = appendRecord(nil, &Record{Address: address, Revision: i}, 3)
				return tx.Bucket(gone0Bucket).Put(address, r)
			})
			once.Do(func() { close(begun) })
			if err != nil {
				t.Error(err)
				return
			}
		}
	})
	<-begun
	for i := range 4 {
		name, err := makeGeneration(db, path, noon.Add(time.Duration(i)*time.Hour), time.Hour)
		if err != nil {
			t.Error(err)
			break
		}
		var params, other uint64
		err = walkFile(name, func(bucket string, _, value []byte) error {
			for len(value) > 0 {
				if bucket != string(paramsBucket) && bucket != string(gone0Bucket) {
					break
				}
				r, rest, err := readRecord(value, 3)
				if err != nil {
					return err
				}
				value = rest
				if !bytes.HasPrefix(r.Address, []byte("/count/")) {
					continue
				}
				if bucket == string(paramsBucket) {
					params = max(params, r.Revision)
				} else {
					other = max(other, r.Revision)
				}
			}
			return nil
		})
		if err != nil || params != other || params == 0 {
			t.Errorf("%d and %d, %v", params, other, err)
		}
	}
	close(stop)
	writer.Wait()
}

func TestGenerationOfABadDatabaseIsNotKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	stateFile(t, genName(path, 1), 100, nil)
	db := openBolt(t, path, nil)
	update(t, db, about{Format: fileFormat}.write)
	update(t, db, func(tx *bolt.Tx) error {
		b, err := tx.CreateBucket(paramsBucket)
		if err != nil {
			return err
		}
		return b.Put([]byte("/a"), []byte("no record"))
	})
	if name, err := makeGeneration(db, path, noon, time.Hour); err == nil || name != "" {
		t.Errorf("%s, %v", name, err)
	}
	if got := names(t, filepath.Dir(path)); len(got) != 2 {
		t.Errorf("left: %q", got)
	}
}

func TestGenerationsThinOut(t *testing.T) {
	const every = 30 * time.Minute
	for name, test := range map[string]struct {
		gaps []time.Duration // between generations, the first one after the start
		want []int           // which are left
	}{
		"five":        {[]time.Duration{0, every, every, every, every}, []int{0, 1, 2, 3, 4}},
		"on schedule": {[]time.Duration{0, every, every, every, every, every, every}, []int{2, 3, 4, 5, 6}},
		"restarts":    {[]time.Duration{0, every, every, every, every, 1, 1, 1, 1}, []int{0, 1, 2, 3, 8}},
		"then on":     {[]time.Duration{0, every, every, every, every, 1, 1, every, every}, []int{2, 3, 6, 7, 8}},
		"at once":     {[]time.Duration{0, 0, 0, 0, 0, 0, 0}, []int{0, 1, 2, 3, 6}},
		"clock back":  {[]time.Duration{0, every, every, -1000 * every, every, every, every}, []int{0, 1, 2, 3, 6}},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "state.db")
			stateFile(t, path, 5, nil)
			db := openBolt(t, path, nil)
			now := noon
			var made []string
			for _, gap := range test.gaps {
				now = now.Add(gap)
				name, err := makeGeneration(db, path, now, every)
				if err != nil {
					t.Fatal(err)
				}
				made = append(made, name)
			}
			left, err := generations(path)
			if err != nil {
				t.Fatal(err)
			}
			var got []int
			for _, g := range left {
				got = append(got, slices.Index(made, g.name))
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("%v are left, want %v", got, test.want)
			}
		})
	}
}
