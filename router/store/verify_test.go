package store

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	bolt "go.etcd.io/bbolt"
)

// stateFile makes a database as a router leaves it, in epoch 3, of n params, some of them
// expired. Some of its pages are free. The last two
// transactions change nothing, so that both meta pages lead to the same records.
func stateFile(t testing.TB, path string, n int, o *bolt.Options) {
	t.Helper()
	db := openBolt(t, path, o)
	defer db.Close()
	db.NoSync = true // for speed: nothing is cut off here
	address := func(i int) []byte { return fmt.Appendf(nil, "/scene/%d/fader/%d", i%17, i) }
	record := func(i int, revision uint64, value []byte) []byte {
		return appendRecord(nil, &Record{
			Address: address(i), Value: value, Revision: revision, Writer: []byte("session"), Written: 1_700_000_000_000_000,
		}, uint32(i%4))
	}
	value := func(i int) []byte {
		size := 9
		if i%500 == 499 {
			size = 9000 // on pages of its own
		}
		return append([]byte{5}, bytes.Repeat([]byte{byte(i)}, size)...)
	}
	put := func(bucket []byte, from, to, step int, revision uint64) {
		for from < to {
			update(t, db, func(tx *bolt.Tx) error {
				b, err := tx.CreateBucketIfNotExists(bucket)
				for stop := min(from+700, to); err == nil && from < stop; from += step {
					err = b.Put(address(from), record(from, revision, value(from)))
				}
				return err
			})
		}
	}
	update(t, db, about{Format: fileFormat, Epoch: 3}.write)
	put(paramsBucket, 0, n, 1, 1)
	put(paramsBucket, 1, n, 9, 2)
	update(t, db, func(tx *bolt.Tx) error {
		params := tx.Bucket(paramsBucket)
		for i, bucket := range [][]byte{gone0Bucket, gone1Bucket} {
			b, err := tx.CreateBucket(bucket)
			if err != nil {
				return err
			}
			for j := i; j < n; j += n/50 + 1 {
				if err := params.Delete(address(j)); err != nil {
					return err
				}
				if err := b.Put(address(j), record(j, 40, nil)); err != nil {
					return err
				}
			}
		}
		return nil
	})
	for range 2 {
		update(t, db, about{Format: fileFormat, Epoch: 3, Clean: true}.write)
	}
}

func readFile(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func writeFile(t testing.TB, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestVerifyCounts(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	stateFile(t, path, 2000, nil)
	report, err := Check(path)
	if err != nil {
		t.Fatal(err)
	}
	want := Report{Format: 1, Epoch: 3, Clean: true, Bytes: int64(len(readFile(t, path)))}
	db := openBolt(t, path, &bolt.Options{ReadOnly: true})
	err = db.View(func(tx *bolt.Tx) error {
		want.Params = tx.Bucket(paramsBucket).Stats().KeyN
		want.Gone = tx.Bucket(gone0Bucket).Stats().KeyN + tx.Bucket(gone1Bucket).Stats().KeyN
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if report != want || report.Params < 1900 || report.Gone < 50 {
		t.Errorf("got %+v, want %+v", report, want)
	}
	if _, err := os.Stat(path + lockSuffix); !os.IsNotExist(err) {
		t.Errorf("a check has left a lock file: %v", err)
	}
}

// content reads all that counts.
func content(t testing.TB, b []byte) []byte {
	t.Helper()
	p, err := openPages(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	var all []byte
	w := walker{pages: p, bucket: func(string) error { return nil }, entry: func(bucket string, key, value []byte) error {
		all = append(append(append(all, key...), value...), bucket...)
		return nil
	}}
	if err := w.walk(); err != nil {
		t.Fatal(err)
	}
	return all
}

// damages tries what can be wrong with a file: each is either found or of no account.
type damages struct {
	t               *testing.T
	random          *rand.Rand
	whole, want     []byte
	found, harmless int
}

func newDamages(t *testing.T, path string) *damages {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	whole := readFile(t, path)
	return &damages{t: t, random: rand.New(rand.NewPCG(seed, 0)), whole: whole, want: content(t, whole)}
}

// try reports whether damage is not found, so that nothing may be different.
func (d *damages) try(what string, b []byte) bool {
	p, err := openPages(bytes.NewReader(b), int64(len(b)))
	if err == nil {
		err = p.verify(&Report{}, func(string, Record) error { return nil })
	}
	var damage *DamageError
	switch {
	case errors.As(err, &damage):
		d.found++
		return false
	case err != nil:
		d.t.Fatalf("%s: %T: %v", what, err, err)
	}
	d.harmless++
	if !bytes.Equal(content(d.t, b), d.want) {
		d.t.Errorf("%s is not found", what)
	}
	return true
}

func (d *damages) flip(bits int) (what string, b []byte) {
	b, what = bytes.Clone(d.whole), "flipped"
	for range bits {
		i, bit := d.random.IntN(len(b)), d.random.IntN(8)
		b[i] ^= 1 << bit
		what += fmt.Sprintf(" %d/%d", i, bit)
	}
	return what, b
}

func TestDamageIsFound(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	stateFile(t, path, 1500, nil)
	entries := walkEntries(t, path)
	d := newDamages(t, path)
	pages := len(d.whole) / 4096
	for i := range 300 {
		what, b := d.flip(1 + d.random.IntN(2))
		if !d.try(what, b) || i%10 != 0 {
			continue
		}
		writeFile(t, path, b) // bbolt must be able to live with it too
		db := openBolt(t, path, &bolt.Options{ReadOnly: true})
		if got := boltEntries(t, db); len(got) != len(entries) {
			t.Errorf("%s is not found, and bbolt reads %d entries of %d", what, len(got), len(entries))
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for range 80 { // what bbolt finds its way by is at the beginning of pages
		b := bytes.Clone(d.whole)
		i, c := d.random.IntN(pages)*4096+d.random.IntN(80), byte(d.random.Uint32())
		b[i] = c
		d.try(fmt.Sprintf("byte %d set to %d", i, c), b)
	}
	for range 60 {
		n := d.random.IntN(len(d.whole))
		d.try(fmt.Sprintf("cut to %d", n), d.whole[:n:n])
	}
	for range 60 {
		b := bytes.Clone(d.whole)
		i, j := d.random.IntN(pages), d.random.IntN(pages)
		copy(b[i*4096:][:4096], d.whole[j*4096:])
		d.try(fmt.Sprintf("page %d in place of %d", j, i), b)
	}
	if d.found < 100 || d.harmless < 20 {
		t.Errorf("%d found and %d harmless ones prove little", d.found, d.harmless)
	}
}

// TestDamageInSmallPages: much structure in few bytes.
func TestDamageInSmallPages(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	stateFile(t, path, 200, &bolt.Options{PageSize: 1024})
	d := newDamages(t, path)
	for range 1500 {
		d.try(d.flip(1))
	}
	if d.found < 100 || d.harmless < 20 {
		t.Errorf("%d found and %d harmless ones prove little", d.found, d.harmless)
	}
}

func TestVerifyContent(t *testing.T) {
	rec := func(address string, value []byte, epoch uint32) []byte {
		return appendRecord(nil, &Record{Address: []byte(address), Value: value, Revision: 1}, epoch)
	}
	put := func(bucket []byte, key string, value []byte) func(*bolt.Tx) error {
		return func(tx *bolt.Tx) error {
			b, err := tx.CreateBucketIfNotExists(bucket)
			if err != nil {
				return err
			}
			return b.Put([]byte(key), value)
		}
	}
	v := []byte{0}
	header := about{Format: fileFormat, Epoch: 2}.write
	for name, test := range map[string]struct {
		build  []func(*bolt.Tx) error
		reason string // "" = good
	}{
		"nothing":             {nil, reasonEmpty},
		"of another program":  {[]func(*bolt.Tx) error{put([]byte("users"), "1", v)}, reasonForeign},
		"no about":            {[]func(*bolt.Tx) error{put(paramsBucket, "/a", rec("/a", v, 0))}, reasonDamaged},
		"no params":           {[]func(*bolt.Tx) error{header}, ""},
		"more about":          {[]func(*bolt.Tx) error{header, put(aboutBucket, "more", v)}, ""},
		"another bucket":      {[]func(*bolt.Tx) error{header, put([]byte("more"), "1", v)}, reasonDamaged},
		"newer":               {[]func(*bolt.Tx) error{about{Format: fileFormat + 1}.write, put([]byte("more"), "1", v)}, reasonNewer},
		"wrong epoch":         {[]func(*bolt.Tx) error{header, put(aboutBucket, "epoch", []byte{0, 0, 0, 1})}, reasonDamaged},
		"good param":          {[]func(*bolt.Tx) error{header, put(paramsBucket, "/a", rec("/a", v, 2))}, ""},
		"of a later epoch":    {[]func(*bolt.Tx) error{header, put(paramsBucket, "/a", rec("/a", v, 3))}, reasonDamaged},
		"of another address":  {[]func(*bolt.Tx) error{header, put(paramsBucket, "/a", rec("/b", v, 2))}, reasonDamaged},
		"two records":         {[]func(*bolt.Tx) error{header, put(paramsBucket, "/a", append(rec("/a", v, 2), rec("/a", v, 2)...))}, reasonDamaged},
		"param without value": {[]func(*bolt.Tx) error{header, put(paramsBucket, "/a", rec("/a", nil, 2))}, reasonDamaged},
		"gone":                {[]func(*bolt.Tx) error{header, put(gone1Bucket, "/a", rec("/a", nil, 2))}, ""},
		"gone with value":     {[]func(*bolt.Tx) error{header, put(gone0Bucket, "/a", rec("/a", v, 2))}, reasonDamaged},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "db")
			db := openBolt(t, path, nil)
			for _, f := range test.build {
				update(t, db, f)
			}
			db.Close()
			_, err := verifyFile(path)
			var d *DamageError
			if test.reason == "" && err != nil || test.reason != "" && (!errors.As(err, &d) || d.Reason != test.reason) {
				t.Errorf("got %v, want %q", err, test.reason)
			}
		})
	}
}

func TestCheckOfWhatIsNoFile(t *testing.T) {
	if _, err := Check(filepath.Join(t.TempDir(), "missing")); !os.IsNotExist(errors.Unwrap(err)) {
		t.Errorf("missing: %v", err)
	}
	if _, err := Check(os.DevNull); err == nil || errors.As(err, new(*DamageError)) {
		t.Errorf("device: %v", err)
	}
	var d *DamageError
	if _, err := Check(t.TempDir()); !errors.As(err, &d) || d.Reason != reasonDirectory {
		t.Errorf("directory: %v", err)
	}
}

// Where unknown addresses begin is checked like all else: a router that cannot read it would not start.
func TestForgottenDamaged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	stateFile(t, path, 10, nil)
	db, err := bolt.Open(path, fileMode, nil)
	if err != nil {
		t.Fatal(err)
	}
	update(t, db, func(tx *bolt.Tx) error { return forgetUpTo(tx, 7, 3) })
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Check(path); err != nil {
		t.Fatal(err)
	}
	if db, err = bolt.Open(path, fileMode, nil); err != nil {
		t.Fatal(err)
	}
	update(t, db, func(tx *bolt.Tx) error {
		b := tx.Bucket(aboutBucket)
		value := bytes.Clone(b.Get(forgottenKey))
		value[len(value)-1] ^= 1
		return b.Put(forgottenKey, value)
	})
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	var d *DamageError
	if _, err := Check(path); !errors.As(err, &d) || d.Reason != reasonDamaged {
		t.Errorf("%v", err)
	}
}
