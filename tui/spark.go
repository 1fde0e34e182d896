package tui

// Sparklines: the last samples of a number, one a cell, on one line or on several.

import (
	"math"
	"strings"
)

// spark draws the last samples in w cells between the least and the greatest of them; what
// has no sample yet is blank, on the left.
func spark(e *env, samples []float64, w int) string {
	shown := samples[len(samples)-max(0, min(len(samples), w)):]
	low, high := math.Inf(1), math.Inf(-1)
	for _, v := range shown {
		if v < low { // never so for what is not a number
			low = v
		}
		if v > high {
			high = v
		}
	}
	return chart(e, shown, w, 1, low, high)[0]
}

// chart draws the last samples in w cells and h lines, the lowest character for low or
// less, the top of the first line for high or more.
func chart(e *env, samples []float64, w, h int, low, high float64) []string {
	w, h = max(w, 0), max(h, 1)
	samples = samples[len(samples)-min(len(samples), w):]
	steps := e.glyphs.spark
	lines := make([]string, h)
	var b strings.Builder
	for y := range lines {
		b.Reset()
		for range w - len(samples) {
			b.WriteByte(' ')
		}
		floor := (h - 1 - y) * len(steps) // steps that the lines below have
		for _, v := range samples {
			step := sparkStep(v, low, high, h*len(steps))
			switch {
			case step < floor:
				b.WriteByte(' ')
			case step >= floor+len(steps):
				b.WriteString(steps[len(steps)-1])
			default:
				b.WriteString(steps[step-floor])
			}
		}
		lines[y] = b.String()
	}
	return lines
}

// sparkStep places a value among n steps. A number that is none, or one that has no range to
// be placed in, is at the bottom.
func sparkStep(v, low, high float64, n int) int {
	share := (v - low) / (high - low)
	switch {
	case math.IsNaN(share) || share <= 0:
		return 0
	case share >= 1:
		return n - 1
	}
	return int(share * float64(n))
}
