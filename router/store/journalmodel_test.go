package store

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

// TestJournalModel holds the journal against a map, with files so small that it turns all the
// time: batches, refusals, floors, starts, and at each step what a power cut leaves, which is
// any mixture of the sectors before and after. Nothing acknowledged is missing, nothing
// refused is there.
func TestJournalModel(t *testing.T) {
	defer func(a, b, c int64) { turnAfter, growStep, keepLong = a, b, c }(turnAfter, growStep, keepLong)
	turnAfter, growStep, keepLong = 12<<10, 8<<10, 64<<10
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	m := &model{T: t, random: rand.New(rand.NewPCG(seed, 0)), path: filepath.Join(t.TempDir(), "state.db"), acked: map[uint64]string{}}
	m.reopen()
	steps := 1500
	if testing.Short() {
		steps = 300
	}
	turns := 0
	for range steps {
		if m.random.IntN(4) == 0 {
			m.raise()
		}
		at := m.j.at
		if m.random.IntN(5) == 0 {
			m.refuse(m.value())
		} else {
			m.accept(m.value())
		}
		if m.j.at != at {
			turns++
		}
	}
	if turns < steps/50 {
		t.Errorf("%d turns in %d steps prove little", turns, steps)
	}
}

type model struct {
	*testing.T
	random *rand.Rand
	path   string
	j      *journal
	floor  uint64
	acked  map[uint64]string // batches from the floor on
}

type image [2][]byte

func (m *model) image() (all image) {
	for i := range all {
		b, err := os.ReadFile(segmentName(m.path, i))
		if err != nil && !os.IsNotExist(err) {
			m.Fatal(err)
		}
		all[i] = b
	}
	return all
}

func (m *model) reopen() {
	if m.j != nil {
		_ = m.j.close(false)
	}
	m.j = openJournal(m.T, m.path, 7, m.floor)
}

func (m *model) value() string {
	n := m.random.IntN(3000)
	if m.random.IntN(30) == 0 {
		n += 40_000
	}
	b := make([]byte, n+8)
	for i := range b {
		b[i] = byte(m.random.Uint32())
	}
	return string(b)
}

func (m *model) raise() {
	m.floor += m.random.Uint64N(m.j.next - m.floor + 1)
	m.j.floor.Store(m.floor)
	maps.DeleteFunc(m.acked, func(n uint64, _ string) bool { return n < m.floor })
}

// check reads an image. The batch that is being written may be there or not.
func (m *model) check(what string, all image, maybe string) {
	m.Helper()
	c := new(journalContent)
	for i := range all {
		c.segments[i].salt = 7
		c.segments[i].read(all[i])
	}
	batches, whole := c.since(7, m.floor)
	if !whole {
		m.Fatalf("%s: a batch is missing", what)
	}
	got := map[uint64]string{}
	for _, b := range batches {
		if got[b.number] = string(b.records); m.acked[b.number] == "" && got[b.number] != maybe {
			m.Fatalf("%s: batch %d does not count and is there", what, b.number)
		}
	}
	for n, value := range m.acked {
		if got[n] != value {
			m.Fatalf("%s: batch %d is lost", what, n)
		}
	}
}

// mixed is what the disk may hold between two images.
func (m *model) mixed(a, b image) (all image) {
	for i := range all {
		x := append(bytes.Clone(a[i]), make([]byte, max(0, len(b[i])-len(a[i])))...)
		if m.random.IntN(2) == 0 {
			x = x[:len(b[i])] // its new length, longer or shorter, is there
		}
		for at := 0; at < min(len(x), len(b[i])); at += 512 {
			if m.random.IntN(2) == 0 {
				copy(x[at:min(at+512, len(x))], b[i][at:])
			}
		}
		all[i] = x
	}
	return all
}

func (m *model) accept(value string) {
	m.void()
	before := m.image()
	if err := m.j.append(block([]byte(value))); err != nil {
		m.Fatal(err)
	}
	after := m.image()
	for range 3 {
		m.check("power cut", m.mixed(before, after), value)
	}
	if m.random.IntN(6) > 0 {
		m.acked[m.j.next-1] = value
		m.check("stored", after, "")
		return
	}
	// The power goes before it is acknowledged.
	n := m.j.next - 1
	_ = m.j.close(false)
	for i, b := range m.mixed(before, after) {
		if b != nil {
			writeFile(m.T, segmentName(m.path, i), b)
		}
	}
	m.reopen()
	if m.j.next == n+1 {
		m.acked[n] = value
	}
	m.check("started again", m.image(), "")
}

// void does what append does first: what it writes is on the disk before the batch is.
func (m *model) void() {
	if err := m.j.void(); err != nil {
		m.Fatal(err)
	}
}

// refuse does what append does when its write or its sync fails half-way.
func (m *model) refuse(value string) {
	m.void()
	before := m.image()
	b := block([]byte(value))
	s, err := m.j.room(len(b))
	if err != nil {
		m.Fatal(err)
	}
	sealBatch(b, 7, m.j.next)
	if _, err := s.file.WriteAt(b[:m.random.IntN(len(b)+1)], s.end); err != nil {
		m.Fatal(err)
	}
	m.j.refused = true
	m.check("power cut while it fails", m.mixed(before, m.image()), value)
	m.void()
	m.check(fmt.Sprint("refused ", m.j.next), m.image(), "")
}
