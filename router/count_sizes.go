// Two kinds of histograms, both in powers so that a bucket is found without searching.

package router

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// Histogram is how often something was so large. Count and Buckets are of the same moment, Sum
// may be of a later one.
type Histogram struct {
	Count   uint64
	Sum     float64
	Buckets map[float64]uint64 // up to and with the key, those of smaller keys included
}

// sizeBuckets are those of how many: 0, 1, 2, 4 and so on up to 16,384, and more.
const sizeBuckets = 17

// sizeBucket returns the bucket of n, which is not below 0.
func sizeBucket(n int) uint8 {
	if n == 0 {
		return 0
	}
	return uint8(min(bits.Len(uint(n-1))+1, sizeBuckets-1))
}

// sizeBound is the most that is in a bucket.
func sizeBound(i int) float64 {
	if i == 0 {
		return 0
	}
	return float64(uint(1) << (i - 1))
}

// sizes is a histogram of how many, for any goroutine.
type sizes struct {
	n   [sizeBuckets]atomic.Uint64
	sum atomic.Uint64 // of those of which the bucket does not tell it
}

// add counts one. The most frequent, 1 and 2, cost one atomic addition.
func (h *sizes) add(n int) {
	h.n[sizeBucket(n)].Add(1)
	if n > 2 {
		h.sum.Add(uint64(n))
	}
}

// handleBuckets are those of how long: 1 µs, 4, 16 and so on up to a second, and longer.
const handleBuckets = 12

// latency is a histogram of how long, for any goroutine.
type latency struct {
	n   [handleBuckets]atomic.Uint64
	sum atomic.Uint64 // ns
}

func (h *latency) add(d time.Duration) {
	ns := uint64(max(d, 0))
	µs := (ns + 999) / 1000
	i := 0
	if µs > 1 {
		i = min((bits.Len64(µs-1)+1)/2, handleBuckets-1)
	}
	h.n[i].Add(1)
	h.sum.Add(ns)
}

// handleBound is the longest that is in a bucket, in seconds.
func handleBound(i int) float64 { return float64(uint64(1)<<(2*i)) / 1e6 }

// makeHistogram puts one together of counts by bucket, the last of which has no bound.
func makeHistogram(n []uint64, bound func(int) float64, sum float64) Histogram {
	h := Histogram{Sum: sum, Buckets: make(map[float64]uint64, len(n)-1)}
	for i := range n {
		h.Count += n[i]
		if i < len(n)-1 {
			h.Buckets[bound(i)] = h.Count
		}
	}
	return h
}
