package versus

import "testing"

// What a subscriber of params may see, and what makes a run void.
func TestArrivals(t *testing.T) {
	for name, tt := range map[string]struct {
		numbers []uint64
		want    void
	}{
		"each one":                      {[]uint64{0, 1, 2, 100, 101, 102}, void{}},
		"older ones passed over":        {[]uint64{0, 1, 200, 201, 102}, void{}},
		"of another param in between":   {[]uint64{100, 1, 200, 2}, void{}},
		"the same once more":            {[]uint64{0, 100, 100}, void{repeated: 1}},
		"an older one of the same":      {[]uint64{100, 0}, void{disordered: 1}},
		"an older one, and the new one": {[]uint64{200, 100, 200, 300}, void{disordered: 1, repeated: 1}},
	} {
		var a arrivals
		for _, n := range tt.numbers {
			a.take(n, true)
		}
		if got := a.check(); got != tt.want {
			t.Errorf("%s: %+v, want %+v", name, got, tt.want)
		}
	}
	var a arrivals
	if a.take(0, false); a.check() != (void{disordered: 1}) {
		t.Errorf("an unreadable value counts as %+v", a.check())
	}
}

func TestArrivalsComplete(t *testing.T) {
	var a arrivals
	for n := range uint64(150) {
		a.take(n, true)
	}
	done := a.complete(252)
	has := func() bool {
		if wrong := a.check(); wrong != (void{}) {
			t.Error(wrong)
		}
		select {
		case <-done:
			return true
		default:
			return false
		}
	}
	for n := uint64(152); n < 251; n++ {
		a.take(n, true)
	}
	if has() {
		t.Error("complete without the last SET")
	}
	if a.take(251, true); !has() {
		t.Error("not complete, and everything is there: 150 and 151 have newer ones, 250 and 251")
	}
	select {
	case <-a.complete(252):
	default:
		t.Error("what is there already is not complete")
	}
}
