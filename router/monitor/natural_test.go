package monitor

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestNatural(t *testing.T) {
	want := []string{"", "007", "8", "010", "Ableton 1", "ableton 2", "Ableton 10", "ableton 10b", "desk", "desk 0", "desk 00 x", "Zoom 9"}
	got := slices.Clone(want)
	rand.Shuffle(len(got), func(i, j int) { got[i], got[j] = got[j], got[i] })
	slices.SortFunc(got, natural)
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	for _, a := range want {
		for _, b := range want {
			if natural(a, b) != -natural(b, a) {
				t.Errorf("%q and %q have no order", a, b)
			}
		}
	}
	if n := testing.AllocsPerRun(10, func() { natural("Ableton link 10", "ableton link 9") }); n != 0 {
		t.Errorf("it allocates %v times", n)
	}
}
