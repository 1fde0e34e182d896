package store

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// genName is the name of a generation made some hours before noon.
func genName(path string, hours int) string {
	return path + genInfix + noon.Add(-time.Duration(hours)*time.Hour).Format(stamp)
}

func filledDirectory(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(path, "sub"), 0o700); err != nil {
		t.Fatal(err)
	}
}

// newerFile makes a database of a format that is yet to come.
func newerFile(t *testing.T, path string) {
	t.Helper()
	db := openBolt(t, path, nil)
	update(t, db, about{Format: fileFormat + 1, Epoch: 9}.write)
	db.Close()
}

func recovered(t *testing.T, path string) Recovery {
	t.Helper()
	r, err := recoverFile(path, noon)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

func TestRecoverNothingToDo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	r := recovered(t, path)
	if !r.Fresh || r.Number != 0 || r.String() != "" || len(names(t, filepath.Dir(path))) != 0 {
		t.Errorf("first start: %+v %q", r, r)
	}
	stateFile(t, path, 100, nil)
	before := readFile(t, path)
	writeFile(t, path+tempInfix+"generation", []byte("left by a crash"))
	r = recovered(t, path)
	if r.Fresh || r.Number != 0 || r.Epoch != 3 || r.String() != "" {
		t.Errorf("good file: %+v %q", r, r)
	}
	if got := names(t, filepath.Dir(path)); !slices.Equal(got, []string{"state.db"}) || !bytes.Equal(readFile(t, path), before) {
		t.Errorf("left: %q", got)
	}
}

func TestRecoverEachKindOfDamage(t *testing.T) {
	good := func(t *testing.T) []byte {
		path := filepath.Join(t.TempDir(), "db")
		stateFile(t, path, 2000, nil)
		return readFile(t, path)
	}
	write := func(spoil func([]byte) []byte) func(*testing.T, string) {
		return func(t *testing.T, path string) { writeFile(t, path, spoil(good(t))) }
	}
	for name, test := range map[string]struct {
		make   func(t *testing.T, path string)
		reason string
		epoch  uint32 // that can still be read
	}{
		"empty":     {write(func(b []byte) []byte { return nil }), reasonEmpty, 0},
		"zeros":     {write(func(b []byte) []byte { return make([]byte, len(b)) }), reasonZeros, 0},
		"half":      {write(func(b []byte) []byte { return b[:len(b)/2] }), reasonTruncated, 0},
		"short":     {write(func(b []byte) []byte { return b[:len(b)-len(b)/4096*1024] }), reasonTruncated, 0},
		"garbage":   {write(func(b []byte) []byte { return bytes.Repeat([]byte("garbage "), 9000) }), reasonForeign, 0},
		"flipped":   {write(flipRecord), reasonDamaged, 3},
		"directory": {filledDirectory, reasonDirectory, 0},
		"newer":     {newerFile, reasonNewer, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Run("no generation", func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "state.db")
				test.make(t, path)
				info, _ := os.Stat(path)
				r := recovered(t, path)
				if !r.Fresh || r.Number != -1 || r.Generation != "" || len(r.SetAside) != 1 || r.Epoch < test.epoch {
					t.Fatalf("%+v", r)
				}
				s := r.SetAside[0]
				if s.From != path || s.To != path+".bad-20261123T120000.000Z-"+test.reason || s.Reason != test.reason {
					t.Errorf("%+v", s)
				}
				if after, err := os.Stat(s.To); err != nil || after.Size() != info.Size() && !info.IsDir() {
					t.Errorf("what was set aside: %v, %v", after, err)
				}
				if got := names(t, filepath.Dir(path)); len(got) != 1 {
					t.Errorf("left: %q", got)
				}
				for _, say := range []string{path, s.To, test.reason, "state is empty"} {
					if !strings.Contains(r.String(), say) {
						t.Errorf("%q does not say %q", r, say)
					}
				}
				// As if the first start had got no further: it must not begin at the same epoch.
				if r := recovered(t, path); !r.Fresh || r.Number != -1 || len(r.SetAside) != 0 {
					t.Errorf("the next start: %+v", r)
				}
			})
			t.Run("generations", func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "state.db")
				for i := range 3 {
					stateFile(t, genName(path, i), 100+i, nil)
				}
				want, records := readFile(t, genName(path, 0)), exported(t, genName(path, 0))
				test.make(t, path)
				r := recovered(t, path)
				if r.Fresh || r.Number != 1 || r.Generation != genName(path, 0) || len(r.SetAside) != 1 || r.Epoch != 3 {
					t.Fatalf("%+v", r)
				}
				if !restored(t, path, records) || !bytes.Equal(readFile(t, r.Generation), want) {
					t.Error("it is not the newest generation, or that has changed")
				}
				if len(names(t, filepath.Dir(path))) != 5 {
					t.Errorf("left: %q", names(t, filepath.Dir(path)))
				}
				if !strings.Contains(r.String(), r.Generation) || !strings.Contains(r.String(), "2026-11-23T12:00:00Z") ||
					strings.Contains(r.String(), "missing") {
					t.Error(r)
				}
				if test.reason == reasonNewer && !strings.Contains(r.String(), "start the newer one") {
					t.Error(r)
				}
			})
		})
	}
}

// flipRecord changes a bit in the last copy of a record, which is one that counts.
func flipRecord(b []byte) []byte {
	p, err := openPages(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		panic(err)
	}
	var last []byte
	w := walker{pages: p, bucket: func(string) error { return nil }, entry: func(_ string, _, value []byte) error {
		last = bytes.Clone(value)
		return nil
	}}
	if err := w.walk(); err != nil {
		panic(err)
	}
	for at := 0; ; {
		i := bytes.Index(b[at:], last)
		if i < 0 {
			return b
		}
		b[at+i+len(last)-1] ^= 0x10
		at += i + 1
	}
}

func TestRecoverGoesBackToTheNewestGoodOne(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	writeFile(t, path, nil)
	writeFile(t, genName(path, 1), []byte("bad"))
	newerFile(t, genName(path, 2))
	stateFile(t, genName(path, 3), 100, nil)
	stateFile(t, genName(path, 4), 100, nil)
	records := exported(t, genName(path, 3))
	r := recovered(t, path)
	if r.Number != 3 || r.Generation != genName(path, 3) || !restored(t, path, records) {
		t.Errorf("%+v", r)
	}
	var reasons []string
	for _, s := range r.SetAside {
		reasons = append(reasons, s.Reason)
	}
	if want := []string{reasonForeign, reasonNewer, reasonEmpty}; !slices.Equal(reasons, want) {
		t.Errorf("set aside %q, want %q", reasons, want)
	}
	left, err := generations(path)
	if err != nil || len(left) != 2 {
		t.Errorf("%v left, %v", left, err)
	}
}

func TestRecoverWithNoGoodGeneration(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	for i := range 5 {
		writeFile(t, genName(path, i), make([]byte, 8192))
	}
	r := recovered(t, path)
	if !r.Fresh || r.Number != -1 || len(r.SetAside) != 5 || !strings.Contains(r.String(), "missing") {
		t.Errorf("%+v %s", r, r)
	}
	if got := names(t, filepath.Dir(path)); len(got) != 5 {
		t.Errorf("left: %q", got)
	}
}

func TestRecoverAMissingFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	stateFile(t, genName(path, 1), 100, nil)
	stateFile(t, genName(path, 2), 100, nil)
	// These are no generations of it.
	for _, name := range []string{path + ".gen-", path + ".gen-x", genName(genName(path, 1), 0), genName(path+"2", 0)} {
		writeFile(t, name, []byte("something"))
	}
	r := recovered(t, path)
	if r.Fresh || r.Number != 1 || len(r.SetAside) != 0 || r.Generation != genName(path, 1) {
		t.Errorf("%+v", r)
	}
	for _, say := range []string{path + " is missing", r.Generation, "To start with an empty state"} {
		if !strings.Contains(r.String(), say) {
			t.Errorf("%q does not say %q", r, say)
		}
	}
}

// restored reports whether a file has the same records as the generation it was made of, and says that it is epochs later, so that
// a start that ends here changes nothing for the next one.
func restored(t *testing.T, path string, want []Record) bool {
	t.Helper()
	report, err := Check(path)
	if err != nil || report.Clean || report.Epoch < lostEpochs {
		t.Errorf("restored as %+v, %v", report, err)
	}
	got := exported(t, path)
	if len(got) != len(want) {
		return false
	}
	for i, r := range got {
		if string(r.Address) != string(want[i].Address) || string(r.Value) != string(want[i].Value) || r.Revision < want[i].Revision+lostEpochs<<epochShift {
			t.Errorf("%s at %d, was %d", r.Address, r.Revision, want[i].Revision)
		}
	}
	return len(got) > 0
}

// TestRecoverAfterACrashOfItself: wherever it ended, the next start gets the generation.
func TestRecoverAfterACrashOfItself(t *testing.T) {
	for step := range 3 {
		t.Run(fmt.Sprint(step), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "state.db")
			stateFile(t, genName(path, 1), 100, nil)
			want, records := readFile(t, genName(path, 1)), exported(t, genName(path, 1))
			bad := path
			if step == 2 { // set aside, but not replaced
				bad = path + ".bad-20261123T110000.000Z-zeros"
			}
			writeFile(t, bad, make([]byte, 4096))
			if step > 0 { // copied, in part
				writeFile(t, path+tempInfix+"restore", want[:len(want)/2])
			}
			r := recovered(t, path)
			if r.Number != 1 || !restored(t, path, records) || len(names(t, filepath.Dir(path))) != 3 {
				t.Errorf("%+v, %q", r, names(t, filepath.Dir(path)))
			}
		})
	}
}

func TestRecoverLeavesDevicesAlone(t *testing.T) {
	link := filepath.Join(t.TempDir(), "null")
	if err := os.Symlink(os.DevNull, link); err != nil {
		t.Skipf("%s needs a symbolic link: %v", t.Name(), err)
	}
	if r, err := recoverFile(link, noon); err == nil || len(r.SetAside) > 0 {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestRecoverANewFileThatWasCutShort(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	openBolt(t, path, &bolt.Options{}).Close()
	if r := recovered(t, path); r.SetAside[0].Reason != reasonEmpty || !r.Fresh {
		t.Errorf("%+v", r)
	}
}
