// Every way in which deliveries can be wrong, told apart and counted.

package versus

import "testing"

func TestLedger(t *testing.T) {
	type delivery struct {
		publisher uint32
		number    uint64
	}
	for _, c := range []struct {
		name string
		got  []delivery
		sent map[uint32]uint64
		want void
	}{
		{"everything", []delivery{{7, 0}, {7, 1}, {9, 0}, {7, 2}}, map[uint32]uint64{7: 3, 9: 1}, void{}},
		{"nothing", nil, map[uint32]uint64{7: 3}, void{lost: 3}},
		{"a gap", []delivery{{7, 0}, {7, 3}}, map[uint32]uint64{7: 4}, void{lost: 2}},
		{"the end", []delivery{{7, 0}}, map[uint32]uint64{7: 4}, void{lost: 3}},
		{"twice", []delivery{{7, 0}, {7, 0}, {7, 1}}, map[uint32]uint64{7: 2}, void{repeated: 1}},
		{"the wrong way round", []delivery{{7, 1}, {7, 0}, {7, 2}}, map[uint32]uint64{7: 3}, void{disordered: 1}},
		{"late, and then once more", []delivery{{7, 1}, {7, 0}, {7, 0}}, map[uint32]uint64{7: 2}, void{disordered: 1, repeated: 1}},
		{"of a stranger", []delivery{{7, 0}, {8, 0}, {8, 1}}, map[uint32]uint64{7: 1}, void{repeated: 2}},
		{"more than was sent", []delivery{{7, 0}, {7, 1}}, map[uint32]uint64{7: 1}, void{repeated: 1}},
		{"more missing than is remembered", []delivery{{7, 1 << 20}}, map[uint32]uint64{7: 1<<20 + 1}, void{lost: 1 << 20}},
	} {
		l := newLedger()
		for _, d := range c.got {
			l.enter(d.publisher, d.number)
		}
		if got := l.close(c.sent); got != c.want {
			t.Errorf("%s: %v; want %v", c.name, got, c.want)
		}
	}
}

func TestLedgerKnowsRepetitions(t *testing.T) {
	l := newLedger()
	for i, number := range []uint64{0, 1, 3, 4, 2, 2, 0, 4} {
		if got, want := l.enter(1, number), i < 5; got != want {
			t.Errorf("delivery %d, of message %d: the first %t, want %t", i, number, got, want)
		}
	}
}

func BenchmarkLedger(b *testing.B) {
	l := newLedger()
	for i := range b.N {
		l.enter(1, uint64(i))
	}
}
