package outbox_test

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/clasp-studio/clasp/router/outbox"
)

// frame makes a frame that says which one it is and whether it may be lost.
func frame(n uint32, lossy bool, size int) []byte {
	f := make([]byte, max(size, 9))
	binary.BigEndian.PutUint32(f, uint32(len(f)))
	binary.BigEndian.PutUint32(f[4:], n)
	if lossy {
		f[8] = 1
	}
	return f
}

// numbers reads the frames of a buffer back.
func numbers(t testing.TB, buf []byte) (all []uint32) {
	t.Helper()
	for len(buf) > 0 {
		size := int(binary.BigEndian.Uint32(buf))
		if size < 9 || size > len(buf) {
			t.Fatalf("a frame is broken: size %d in %d bytes", size, len(buf))
		}
		all = append(all, binary.BigEndian.Uint32(buf[4:]))
		buf = buf[size:]
	}
	return all
}

func TestOrder(t *testing.T) {
	var q outbox.Queue
	for n := range uint32(10) {
		if !q.Append(frame(n, false, 20)) {
			t.Fatal("refused with room left")
		}
	}
	if q.Len() != 200 {
		t.Fatalf("Len is %d, want 200", q.Len())
	}
	got := numbers(t, q.Take())
	if want := []uint32{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}; !slices.Equal(got, want) {
		t.Fatalf("got %v, want %v", got, want)
	}
	if q.Take() != nil || q.Len() != 0 {
		t.Fatal("not empty after Take")
	}
}

func TestHardLimit(t *testing.T) {
	var q outbox.Queue
	n := uint32(0)
	for q.Append(frame(n, false, 1000)) {
		n++
	}
	if want := uint32(outbox.Hard / 1000); n != want {
		t.Fatalf("took %d frames of 1000 bytes, want %d", n, want)
	}
	if dropped := q.AppendLossy(frame(n, true, 1000)); dropped != 1 {
		t.Fatalf("a full queue dropped %d, want the new one", dropped)
	}
	if got := numbers(t, q.Take()); uint32(len(got)) != n {
		t.Fatalf("%d frames left, want %d", len(got), n)
	}
}

func TestOldestStreamsGoFirst(t *testing.T) {
	var q outbox.Queue
	n := uint32(0)
	for ; !q.Slow(); n++ {
		q.Append(frame(n, false, 1000))
	}
	first, dropped := n, 0
	for range 500 {
		dropped += q.AppendLossy(frame(n, true, 1000))
		n++
	}
	got := numbers(t, q.Take())
	kept := outbox.Lossy / 1000
	if dropped != 500-kept {
		t.Errorf("dropped %d, want %d", dropped, 500-kept)
	}
	var want []uint32
	for i := range first {
		want = append(want, i)
	}
	for i := n - uint32(kept); i < n; i++ {
		want = append(want, i)
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
}

func TestMemoryOfAStoppedReaderIsBounded(t *testing.T) {
	var q outbox.Queue
	for n := range uint32(200_000) {
		q.AppendLossy(frame(n, true, 100))
	}
	if buf := q.Take(); cap(buf) > 4*(outbox.Soft+outbox.Lossy) {
		t.Fatalf("%d bytes held for a reader that never read", cap(buf))
	}
}

// model is the obvious queue: a list of frames.
type model []modelFrame

type modelFrame struct {
	n      uint32
	size   int
	marked bool // may be dropped
}

func (m model) size() (all, marked int) {
	for _, f := range m {
		all += f.size
		if f.marked {
			marked += f.size
		}
	}
	return all, marked
}

func (m *model) appendLossy(f modelFrame) (dropped int) {
	size, _ := m.size()
	if size+f.size > outbox.Hard {
		return 1
	}
	f.marked = size >= outbox.Soft
	*m = append(*m, f)
	for {
		_, marked := m.size()
		oldest := slices.IndexFunc(*m, func(f modelFrame) bool { return f.marked })
		if marked <= outbox.Lossy || oldest == len(*m)-1 {
			return dropped
		}
		*m = slices.Delete(*m, oldest, oldest+1)
		dropped++
	}
}

// FuzzQueue plays random operations against the obvious queue.
func FuzzQueue(f *testing.F) {
	f.Add(uint64(1), uint16(300))
	f.Add(uint64(2), uint16(3000))
	f.Add(uint64(77), uint16(9000))
	f.Fuzz(func(t *testing.T, seed uint64, steps uint16) {
		rng := rand.New(rand.NewPCG(seed, 0))
		var q outbox.Queue
		var m model
		next := uint32(0)
		for range min(int(steps), 10_000) {
			size := 9 + rng.IntN(4000)
			switch op := rng.IntN(100); {
			case op < 30:
				total, _ := m.size()
				fits := total+size <= outbox.Hard
				if got := q.Append(frame(next, false, size)); got != fits {
					t.Fatalf("Append of %d to %d bytes is %v", size, total, got)
				}
				if fits {
					m = append(m, modelFrame{next, size, false})
				}
				next++
			case op < 90:
				got, want := q.AppendLossy(frame(next, true, size)), m.appendLossy(modelFrame{n: next, size: size})
				if got != want {
					t.Fatalf("AppendLossy dropped %d, want %d", got, want)
				}
				next++
			case op >= 99:
				buf := q.Take()
				var want []uint32
				for _, f := range m {
					want = append(want, f.n)
				}
				m = nil
				if got := numbers(t, buf); !slices.Equal(got, want) {
					t.Fatalf("took %v\nwant %v", got, want)
				}
				outbox.PutBuffer(buf)
			}
			if total, _ := m.size(); q.Len() != total {
				t.Fatalf("Len is %d, want %d", q.Len(), total)
			}
		}
	})
}

func TestClear(t *testing.T) {
	var q outbox.Queue
	q.Append(bytes.Repeat([]byte{1}, 100))
	q.Clear()
	if q.Len() != 0 || q.Take() != nil {
		t.Fatal("something is left")
	}
}

// A buffer that has carried a snapshot must not go to a session with one small message: all of
// them together would hold as much as thousands of snapshots.
func TestSmallMessagesTakeSmallBuffers(t *testing.T) {
	small, large := frame(1, false, 40), frame(2, false, 60<<10)
	for range 1000 {
		var q outbox.Queue
		q.Append(large)
		q.Append(large)
		outbox.PutBuffer(q.Take())
		q.Append(small)
		buf := q.Take()
		if cap(buf) > 4<<10 {
			t.Fatalf("%d bytes held for a message of %d", cap(buf), len(small))
		}
		outbox.PutBuffer(buf)
	}
}

// A buffer is of one of the sizes that are pooled, or it would be made anew each time.
func TestBuffersArePooled(t *testing.T) {
	const kib = 1 << 10
	for n, want := range map[int]int{9: 4 * kib, 4 * kib: 4 * kib, 4*kib + 1: 32 * kib, 32 * kib: 32 * kib, 32*kib + 1: 128 * kib, 128 * kib: 128 * kib} {
		var q outbox.Queue
		for rest := n; rest > 0; rest -= 3000 {
			q.Append(make([]byte, min(rest, 3000)))
		}
		if got := cap(q.Take()); got != want {
			t.Errorf("%d bytes are in a buffer of %d, want %d", n, got, want)
		}
	}
	var q outbox.Queue
	for !q.Slow() {
		q.Append(make([]byte, 1000))
	}
	for range 40 { // drops none
		q.AppendLossy(make([]byte, 1000))
	}
	if got := cap(q.Take()); got != 128*kib {
		t.Errorf("with droppable frames it is %d, want %d", got, 128*kib)
	}
}

// Whatever waits, and whatever of it is dropped, the buffer is hardly larger than what may wait.
func TestMemoryIsBoundedWithBoth(t *testing.T) {
	var q outbox.Queue
	for n := uint32(0); q.Append(frame(n, false, 1000)); n++ {
		q.AppendLossy(frame(n, true, 1000))
		q.AppendLossy(frame(n, true, 1000))
	}
	if got := cap(q.Take()); got > outbox.Hard+outbox.Lossy {
		t.Errorf("a full queue holds %d bytes, want at most %d", got, outbox.Hard+outbox.Lossy)
	}
}
