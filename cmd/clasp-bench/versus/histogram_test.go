// The histogram against the exact order of the same times.

package versus

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestHistogramQuantiles(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{1, 2, 100, 50_000} {
		var h, half histogram
		var exact []time.Duration
		for i := range n {
			d := time.Duration(1) << random.IntN(40) // of all sizes, up to 18 minutes
			d += time.Duration(random.Int64N(int64(d)))
			exact = append(exact, d.Truncate(time.Microsecond))
			if i%2 == 0 {
				h.add(d)
			} else {
				half.add(d)
			}
		}
		h.merge(&half)
		slices.Sort(exact)
		for _, share := range []float64{0, 0.5, 0.9, 0.99, 0.999, 1} {
			want := exact[min(n-1, int(share*float64(n)))]
			if got := h.quantile(share); got < want || got > want+want/64 {
				t.Errorf("%d times: quantile %g is %v, want %v and at most 1/64 more", n, share, got, want)
			}
		}
		if got, want := h.quantile(1), exact[n-1]; got != want {
			t.Errorf("%d times: the maximum is %v, want %v", n, got, want)
		}
	}
}

func TestHistogramBuckets(t *testing.T) {
	before := uint64(0)
	for i := 1; i < histogramBuckets; i++ {
		top := bucketTop(i)
		if top <= before && before != 1<<64-1 {
			t.Fatalf("bucket %d ends at %d, the one before at %d", i, top, before)
		}
		if bucketOf(before+1) != i || bucketOf(top) != i {
			t.Fatalf("bucket %d has %d to %d, but these are counted in %d and %d", i, before+1, top, bucketOf(before+1), bucketOf(top))
		}
		if before = top; top == 1<<64-1 {
			break
		}
	}
	if before != 1<<64-1 {
		t.Errorf("the last bucket ends at %d", before)
	}
}

func TestHistogramEmptyAndNegative(t *testing.T) {
	var h histogram
	if h.quantile(0.5) != 0 || h.quantile(1) != 0 {
		t.Error("an empty histogram has times")
	}
	h.add(-time.Second)
	if h.total != 1 || h.quantile(1) != 0 {
		t.Errorf("a time below 0: %d counted, maximum %v", h.total, h.quantile(1))
	}
}

func TestHistogramJSON(t *testing.T) {
	var h histogram
	for _, us := range []int{3, 3, 4, 500, 503, 504, 1000} { // from 256 µs on a bucket has 4 µs, and two have 8
		h.add(time.Duration(us) * time.Microsecond)
	}
	got, err := json.Marshal(&h)
	if want := `{"max_us":1000,"up_to_us_count":[[3,2],[4,1],[503,2],[511,1],[1000,1]]}`; err != nil || string(got) != want {
		t.Errorf("%s, %v; want %s", got, err, want)
	}
}

func BenchmarkHistogram(b *testing.B) {
	var h histogram
	for i := range b.N {
		h.add(time.Duration(i&0xfffff) * time.Nanosecond)
	}
}
