package tui

import (
	"math/rand/v2"
	"testing"
)

func TestListMoves(t *testing.T) {
	var v vlist
	v.resize(10)
	v.length(100)
	for i, step := range []struct {
		do      func()
		top, at int
	}{
		{func() { v.move(-1) }, 0, 0},
		{func() { v.move(9) }, 0, 9},
		{func() { v.move(1) }, 1, 10},
		{func() { v.page(1) }, 10, 19},
		{func() { v.scroll(-3) }, 7, 16},
		{func() { v.scroll(100) }, 90, 90},
		{func() { v.to(1000) }, 90, 99},
		{func() { v.resize(20) }, 80, 99},
		{func() { v.length(50) }, 30, 49},
		{func() { v.to(30) }, 30, 30},
		{func() { v.page(-1) }, 11, 11},
		{func() { v.length(0) }, 0, 0},
	} {
		step.do()
		if v.top != step.top || v.at != step.at {
			t.Fatalf("step %d: top %d, selected %d, want %d, %d", i, v.top, v.at, step.top, step.at)
		}
	}
	if _, ok := v.line(); ok {
		t.Error("an empty list has a selected row")
	}
}

// TestListStaysSound does whatever can be done in any order: the selection is always in the
// list and on the screen, and the window is as full as it can be.
func TestListStaysSound(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var v vlist
	for i := range 20000 {
		n := rng.IntN(200) - 60
		switch rng.IntN(6) {
		case 0:
			v.resize(n)
		case 1:
			v.length(n * 3)
		case 2:
			v.move(n)
		case 3:
			v.page(n)
		case 4:
			v.scroll(n)
		case 5:
			v.to(n)
		}
		from, until := v.window()
		y, ok := v.line()
		thumb, size := v.thumb()
		switch {
		case v.total == 0:
			if ok || v.at != 0 || until > from {
				t.Fatalf("step %d: %+v has something selected or on the screen", i, v)
			}
		case v.at < 0 || v.at >= v.total:
			t.Fatalf("step %d: %+v has a selection that is not in the list", i, v)
		case v.height > 0 && (!ok || y < 0 || y >= v.height):
			t.Fatalf("step %d: %+v has its selection off the screen", i, v)
		case v.height > 0 && until-from != min(v.height, v.total):
			t.Fatalf("step %d: %+v shows %d rows", i, v, until-from)
		case thumb < 0 || thumb+size > max(v.height, 0) || (size > 0) != (v.total > v.height && v.height > 0):
			t.Fatalf("step %d: %+v has a scroll bar from %d with %d", i, v, thumb, size)
		}
	}
}
