package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	bolt "go.etcd.io/bbolt"
)

// exported lists the records of a file, in the order of Export.
func exported(t *testing.T, path string) []Record {
	t.Helper()
	var all []Record
	_, err := Export(path, func(r Record) error {
		r.Address, r.Value, r.Writer = bytes.Clone(r.Address), bytes.Clone(r.Value), bytes.Clone(r.Writer)
		all = append(all, r)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestExportMerges(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	db := openBolt(t, path, nil)
	const epoch = 2
	rec := func(address string, revision uint64, value string, epoch uint32) []byte {
		r := Record{Address: []byte(address), Revision: revision}
		if value != "" {
			r.Value = []byte(value)
		}
		return appendRecord(nil, &r, epoch)
	}
	update(t, db, func(tx *bolt.Tx) error {
		if err := (about{Format: fileFormat, Epoch: epoch, Salt: 7, Floor: 1}).write(tx); err != nil {
			return err
		}
		for _, e := range []struct {
			bucket []byte
			key    string
			value  []byte
		}{
			{paramsBucket, "/b", rec("/b", 5, "params", epoch)},
			{paramsBucket, "/c", rec("/c", 5, "params", epoch)},
			{paramsBucket, "/d", rec("/d", 5, "params", epoch)},
			{paramsBucket, "/e", rec("/e", 5, "params", epoch-1)},
			{paramsBucket, "/gone", rec("/gone", 5, "params", epoch)},
			{paramsBucket, "/back", rec("/back", 5, "params", epoch)},
			{gone0Bucket, "/gone", rec("/gone", 5, "", epoch)},
			{gone1Bucket, "/back", rec("/back", 4, "", epoch)},
			{gone1Bucket, "/last", rec("/last", 9, "", epoch)},
		} {
			b, err := tx.CreateBucketIfNotExists(e.bucket)
			if err != nil {
				return err
			}
			if err := b.Put([]byte(e.key), e.value); err != nil {
				return err
			}
		}
		return nil
	})
	db.Close()
	journaled(t, path, 7, 0, rec("/in", 1, "the database", epoch), bytes.Join([][]byte{
		rec("/a", 1, "journal", epoch), rec("/z", 2, "journal 2", epoch), rec("/z", 1, "journal 1", epoch),
		rec("/b", 6, "journal", epoch), rec("/c", 4, "journal", epoch), rec("/d", 5, "journal 1", epoch),
		rec("/e", 6, "journal", epoch), rec("/last", 8, "journal", epoch), rec("/c1", 3, "journal", epoch),
	}, nil), rec("/d", 5, "journal 2", epoch))
	var got []string
	for _, r := range exported(t, path) {
		got = append(got, fmt.Sprintf("%s %d %s", r.Address, r.Revision, r.Value))
	}
	const next = 1 << epochShift // it was not closed in order
	want := []string{
		fmt.Sprintf("/a %d journal", 1+next), fmt.Sprintf("/b %d journal", 6+next), fmt.Sprintf("/back %d params", 5+next),
		fmt.Sprintf("/c %d params", 5+next), fmt.Sprintf("/c1 %d journal", 3+next), fmt.Sprintf("/d %d params", 5+next),
		fmt.Sprintf("/e %d params", 5+2*next), fmt.Sprintf("/z %d journal 2", 2+next),
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got %q,\nwant %q", got, want)
	}
	stop := errors.New("stop")
	if _, err := Export(path, func(Record) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("the error of the function is lost: %v", err)
	}
}

func TestExportOfABadFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	stateFile(t, path, 500, nil)
	writeFile(t, path, flipRecord(readFile(t, path)))
	var d *DamageError
	if _, err := Export(path, func(Record) error { return nil }); !errors.As(err, &d) || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v", err)
	}
}

func TestImport(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "state.db")
	im, err := NewImport(path)
	if err != nil {
		t.Fatal(err)
	}
	const n = 35_000 // several transactions
	for i := range n {
		r := Record{
			Address: fmt.Appendf(nil, "/p/%d", n-i), Revision: uint64(i), Timeline: i%2 == 0, TTL: uint32(i), Strategy: 2,
			Value: binary.BigEndian.AppendUint64([]byte{5}, uint64(i)), Writer: bytes.Repeat([]byte("w"), 70), Written: 9, Expires: 8,
		}
		if err := im.Add(&r); err != nil {
			t.Fatal(err)
		}
		if r.Revision = r.Revision / 2; i%100 == 0 && i > 0 { // an older one of it comes later
			if err := im.Add(&r); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("there before it is whole: %v", err)
	}
	if err := im.Finish(); err != nil {
		t.Fatal(err)
	}
	report, err := Check(path)
	if err != nil || report.Params != n || !report.Clean || report.Format != fileFormat {
		t.Errorf("%+v, %v", report, err)
	}
	all := exported(t, path)
	if len(all) != n {
		t.Fatalf("%d records", len(all))
	}
	for _, r := range all {
		i := int(r.Revision)
		want := Record{
			Address: fmt.Appendf(nil, "/p/%d", n-i), Revision: uint64(i), Timeline: i%2 == 0, TTL: uint32(i), Strategy: 2,
			Value: binary.BigEndian.AppendUint64([]byte{5}, uint64(i)), Writer: bytes.Repeat([]byte("w"), 70), Written: 9, Expires: 8,
		}
		if !same(r, want) {
			t.Fatalf("got %+v, want %+v", r, want)
		}
	}
	if got := names(t, dir); len(got) != 2 { // and the lock
		t.Errorf("left: %q", got)
	}
	// What is there is never overwritten.
	if _, err := NewImport(path); !errors.Is(err, fs.ErrExist) {
		t.Errorf("import in its place: %v", err)
	}
	if r := recovered(t, path); r.String() != "" {
		t.Errorf("a router finds %s", r)
	}
}

func TestImportThatIsGivenUp(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "state.db")
	im, err := NewImport(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := NewImport(path); !errors.As(err, new(*InUseError)) {
		t.Errorf("two imports at once: %v", err)
	}
	if err := im.Add(&Record{Address: []byte("/a"), Value: []byte{0}}); err != nil {
		t.Fatal(err)
	}
	if err := im.Abort(); err != nil {
		t.Fatal(err)
	}
	if got := names(t, dir); len(got) != 1 {
		t.Errorf("left: %q", got)
	}
	if im, err = NewImport(path); err != nil {
		t.Fatal(err)
	}
	writeFile(t, path, []byte("mine"))
	if err := im.Finish(); !errors.Is(err, fs.ErrExist) {
		t.Errorf("finished over what has come meanwhile: %v", err)
	}
	if string(readFile(t, path)) != "mine" || len(names(t, dir)) != 2 {
		t.Errorf("left: %q", names(t, dir))
	}
}

func TestImportRefuses(t *testing.T) {
	im, err := NewImport(filepath.Join(t.TempDir(), "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := im.Abort(); err != nil {
			t.Error(err)
		}
	}()
	a, v := []byte("/a"), []byte{0}
	for name, r := range map[string]Record{
		"no address":    {Value: v},
		"long address":  {Address: make([]byte, 40_000), Value: v},
		"no value":      {Address: a},
		"long writer":   {Address: a, Value: v, Writer: make([]byte, math.MaxUint16+1)},
		"high revision": {Address: a, Value: v, Revision: 1 << 53},
	} {
		if err := im.Add(&r); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}
