package store

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

// openJournal opens the journal of a database with this salt and floor, as Open does.
func openJournal(t testing.TB, path string, salt, floor uint64) *journal {
	t.Helper()
	j := &journal{path: path, salt: salt}
	j.floor.Store(floor)
	if err := j.open(readJournal(path, salt)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.close(false) })
	return j
}

func block(records []byte) []byte { return append(make([]byte, batchHead), records...) }

func journal1(t testing.TB, j *journal, records ...[]byte) {
	t.Helper()
	for _, r := range records {
		if err := j.append(block(r)); err != nil {
			t.Fatal(err)
		}
	}
}

// journaled writes a journal with these batches.
func journaled(t testing.TB, path string, salt, floor uint64, records ...[]byte) {
	t.Helper()
	j := openJournal(t, path, salt, floor)
	journal1(t, j, records...)
	if err := j.close(false); err != nil {
		t.Fatal(err)
	}
}

// left reads what a database with this salt and floor does not have.
func left(t testing.TB, path string, salt, floor uint64) (all []string, whole bool) {
	t.Helper()
	batches, whole := readJournal(path, salt).since(salt, floor)
	for _, b := range batches {
		all = append(all, fmt.Sprintf("%d %s", b.number, b.records))
	}
	return all, whole
}

func wantLeft(t *testing.T, path string, salt, floor uint64, want ...string) {
	t.Helper()
	got, whole := left(t, path, salt, floor)
	if fmt.Sprint(got) != fmt.Sprint(want) || !whole {
		t.Errorf("left %q, whole %t; want %q", got, whole, want)
	}
}

func TestJournalKeepsOrder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	wantLeft(t, path, 7, 0)
	journaled(t, path, 7, 0, []byte("a"), []byte("b"))
	journaled(t, path, 7, 1, []byte("c")) // goes on behind it
	wantLeft(t, path, 7, 0, "0 a", "1 b", "2 c")
	wantLeft(t, path, 7, 2, "2 c")
	wantLeft(t, path, 7, 3)
	wantLeft(t, path, 8, 0) // of another database
	journaled(t, path, 8, 5, []byte("d"))
	wantLeft(t, path, 8, 5, "5 d")
	wantLeft(t, path, 7, 0)
}

// The two files are written in turn, over again, and never grow much above what is needed.
func TestJournalTurns(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	j := openJournal(t, path, 7, 0)
	big := bytes.Repeat([]byte("x"), 200<<10)
	turns := 0
	for n := range 100 {
		at := j.at
		journal1(t, j, fmt.Appendf(nil, "%d", n), big)
		if at != j.at {
			turns++
		}
		got, whole := left(t, path, 7, j.floor.Load())
		if !whole || uint64(len(got)) != j.next-j.floor.Load() {
			t.Fatalf("%d left from %d to %d", len(got), j.floor.Load(), j.next)
		}
		if n%5 == 4 {
			j.floor.Store(j.next - 3) // a checkpoint that began three batches ago
		}
	}
	if turns < 5 {
		t.Errorf("only %d turns", turns)
	}
	for i := range 2 {
		if info, err := os.Stat(segmentName(path, i)); err != nil || info.Size() > 6<<20 {
			t.Errorf("%v, %v", info.Size(), err)
		}
	}
	// A start in the midst of it goes on with the newer file.
	journal1(t, openJournal(t, path, 7, j.floor.Load()), []byte("after"))
	if got, whole := left(t, path, 7, j.floor.Load()); !whole || got[len(got)-1] != fmt.Sprintf("%d after", j.next) {
		t.Errorf("%.200q, %t", got, whole)
	}
}

// While the database needs the room that there is, the files do not get longer, and what they have
// is used, that of the other one too.
func TestJournalTight(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	j := openJournal(t, path, 7, 0)
	large := bytes.Repeat([]byte("x"), 1200<<10)
	journal1(t, j, large, []byte("turned"))
	if j.at != 1 || j.files[0].size < int64(len(large)) || j.files[1].size > int64(len(large)) {
		t.Fatalf("at file %d, %d and %d bytes long", j.at, j.files[0].size, j.files[1].size)
	}
	j.floor.Store(j.next)
	j.tight.Store(true)
	journal1(t, j, []byte("here"), large)
	if j.at != 0 {
		t.Error("it does not go to the file that is long enough")
	}
	sizes := [2]int64{j.files[0].size, j.files[1].size}
	for _, write := range []func() error{func() error { return j.append(block(large)) }, j.probe} {
		if err := write(); !errors.Is(err, errTight) || !full(err) {
			t.Errorf("%v, want %v", err, errTight)
		}
	}
	for i, size := range sizes {
		if info, err := os.Stat(segmentName(path, i)); err != nil || info.Size() != size {
			t.Errorf("file %d: %d bytes, %v; had %d", i, info.Size(), err, size)
		}
	}
	j.tight.Store(false)
	journal1(t, j, []byte("after"))
	wantLeft(t, path, 7, 2, "2 here", "3 "+string(large), "4 after")
}

// A batch that was refused is not there for the next start, nor does it leave a gap.
func TestRefusedBatchIsVoid(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	j := openJournal(t, path, 7, 0)
	journal1(t, j, []byte("stored"))
	// As when its sync has failed: it is in the file.
	s := &j.files[j.at]
	refused := block([]byte("refused"))
	sealBatch(refused, j.salt, j.next)
	if _, err := s.file.WriteAt(refused, s.end); err != nil {
		t.Fatal(err)
	}
	wantLeft(t, path, 7, 0, "0 stored", "1 refused")
	j.refused = true
	if err := j.probe(); err != nil || j.refused {
		t.Fatal(err)
	}
	wantLeft(t, path, 7, 0, "0 stored")
	j.refused = true
	journal1(t, j, []byte("x"), []byte("y"))
	wantLeft(t, path, 7, 0, "0 stored", "1 x", "2 y")
	// While the file cannot be written nothing is stored behind what was refused.
	s.file.Close()
	if err := j.append(block([]byte("z"))); err == nil || !j.refused {
		t.Errorf("%v, refused %t", err, j.refused)
	}
	if err := j.append(block([]byte("z"))); err == nil {
		t.Error("a batch was stored behind one that may be there")
	}
}

// Values that look like batches are none: who sends them does not know the salt.
func TestForgedBatch(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	forged := block([]byte("forged"))
	sealBatch(forged, 1, 1)
	journaled(t, path, 7, 0, bytes.Repeat(forged, 3))
	// Even when the head of the batch around them is lost.
	f, err := os.OpenFile(segmentName(path, 0), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte{0}, segmentHead); err != nil {
		t.Fatal(err)
	}
	wantLeft(t, path, 7, 0)
}

// Damage costs the batches it is in, those behind it are read, and a gap is told.
func TestJournalDamage(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	path := filepath.Join(t.TempDir(), "state.db")
	var records [][]byte
	const n = 30
	for i := range n {
		records = append(records, bytes.Repeat([]byte{byte(i)}, 1+random.IntN(3000)))
	}
	journaled(t, path, 7, 0, records...)
	name := segmentName(path, 0)
	whole := readFile(t, name)
	used := segmentHead
	for _, r := range records {
		used += batchHead + len(r)
	}
	gaps := 0
	for range 300 {
		b := bytes.Clone(whole)
		at := segmentHead + random.IntN(used-segmentHead)
		for i := range min(1+random.IntN(2000), used-at) {
			b[at+i] ^= byte(1 + random.IntN(255))
		}
		writeFile(t, name, b)
		batches, all := readJournal(path, 7).since(7, 0)
		for _, f := range batches {
			if !bytes.Equal(f.records, records[f.number]) {
				t.Fatalf("batch %d is not what it was", f.number)
			}
		}
		lost, last := n-len(batches), batches[len(batches)-1].number
		if lost == 0 || lost > 3+2000/batchHead {
			t.Fatalf("%d lost", lost)
		}
		if all != (int(last) == len(batches)-1) {
			t.Fatalf("%d of %d, the last %d: whole %t", len(batches), n, last, all)
		}
		if !all {
			gaps++
		}
		if at < used-4000 && len(batches) < 2 {
			t.Fatalf("damage at %d of %d leaves %d", at, used, len(batches))
		}
	}
	if gaps < 100 {
		t.Errorf("%d gaps prove little", gaps)
	}
	for name, b := range map[string][]byte{"empty": nil, "short": whole[:100], "zeros": make([]byte, 9000), "text": bytes.Repeat([]byte("text"), 5000)} {
		writeFile(t, segmentName(path, 0), b)
		if got, _ := left(t, path, 7, 0); len(got) != 0 {
			t.Errorf("%s: %q", name, got)
		}
		journaled(t, path, 7, 0, []byte("x")) // it is made anew
		wantLeft(t, path, 7, 0, "0 x")
	}
}

// FuzzJournal reads anything.
func FuzzJournal(f *testing.F) {
	path := filepath.Join(f.TempDir(), "state.db")
	journaled(f, path, 7, 0, []byte("one"), []byte("two"))
	b := readFile(f, segmentName(path, 0))
	f.Add(b[:segmentHead+100])
	f.Add(b[:segmentHead])
	f.Fuzz(func(t *testing.T, b []byte) {
		var s segmentContent
		s.read(b)
		last := int64(0)
		for i, batch := range s.batches {
			if batch.end <= last || batch.end > int64(len(b)) || i > 0 && batch.number <= s.batches[i-1].number {
				t.Fatalf("%+v", s.batches)
			}
			last = batch.end
		}
	})
}
