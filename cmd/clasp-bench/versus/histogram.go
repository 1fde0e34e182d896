// Latencies as counts in buckets: small enough to keep all raw samples of a run in a
// report, cheap enough to note ten million a second.

package versus

import (
	"encoding/json"
	"fmt"
	"math/bits"
	"time"
)

// A bucket is 1/64 wide of what is in it, or 1 µs: below 2^histogramBits µs each value
// has its own, above every doubling has 2^(histogramBits-1).
const (
	histogramBits    = 7
	histogramHalf    = 1 << (histogramBits - 1)
	histogramBuckets = (64 - histogramBits + 2) * histogramHalf
)

// histogram counts times in µs. The zero value is empty. Not for several goroutines.
type histogram struct {
	counts [histogramBuckets]uint32
	total  uint64
	most   uint64 // exactly, in µs
}

// add notes one time. One below 0 counts as 0: two cores may see the clock differ.
func (h *histogram) add(d time.Duration) {
	us := uint64(max(0, d.Microseconds()))
	h.counts[bucketOf(us)]++
	h.total++
	h.most = max(h.most, us)
}

func bucketOf(us uint64) int {
	shift := max(0, bits.Len64(us)-histogramBits)
	return shift*histogramHalf + int(us>>shift)
}

// bucketTop is the largest time that a bucket counts, in µs.
func bucketTop(bucket int) uint64 {
	shift := max(0, bucket/histogramHalf-1)
	return (uint64(bucket-shift*histogramHalf)+1)<<shift - 1
}

// merge adds what another has counted.
func (h *histogram) merge(other *histogram) {
	for i, n := range other.counts {
		h.counts[i] += n
	}
	h.total += other.total
	h.most = max(h.most, other.most)
}

// quantile returns the time that a share of all, from 0 to 1, was not above; 1 is the
// maximum. It is exact to 1/64, and 0 when nothing was counted.
func (h *histogram) quantile(share float64) time.Duration {
	rank := uint64(share*float64(h.total)) + 1 // of the one asked for, from 1
	var below uint64
	for i, n := range h.counts {
		if below += uint64(n); n > 0 && below >= rank {
			return time.Duration(min(bucketTop(i), h.most)) * time.Microsecond
		}
	}
	return time.Duration(h.most) * time.Microsecond
}

// MarshalJSON writes the buckets that have something: pairs of the largest time of a
// bucket in µs and its count, and the maximum. Two by two, above the first: half as exact
// is enough to draw them, and they are kept.
func (h *histogram) MarshalJSON() ([]byte, error) {
	buckets := [][2]uint64{}
	for i, width := 0, 1; i < histogramBuckets; i += width {
		if i >= 1<<histogramBits {
			width = 2
		}
		n := uint64(0)
		for _, in := range h.counts[i : i+width] {
			n += uint64(in)
		}
		if n > 0 {
			buckets = append(buckets, [2]uint64{min(bucketTop(i+width-1), h.most), n})
		}
	}
	out, err := json.Marshal(struct {
		MaxMicros uint64      `json:"max_us"`
		Buckets   [][2]uint64 `json:"up_to_us_count"`
	}{h.most, buckets})
	if err != nil {
		return nil, fmt.Errorf("write a histogram: %w", err)
	}
	return out, nil
}
