package tui

import (
	"math"
	"strings"
	"testing"
)

func TestSpark(t *testing.T) {
	e, _, _ := newTestEnv(t)
	for _, c := range []struct {
		samples []float64
		w       int
		want    string
	}{
		{nil, 3, "   "},
		{[]float64{1}, 3, "  ▁"},
		{[]float64{5, 5, 5}, 3, "▁▁▁"},
		{[]float64{0, 1, 2, 3, 4, 5, 6, 7}, 8, "▁▂▃▄▅▆▇█"},
		{[]float64{9, 9, 0, 7}, 2, "▁█"}, // the last ones alone set the scale
		{[]float64{0, math.NaN(), 7}, 3, "▁▁█"},
		{[]float64{1, 2}, 0, ""},
		{[]float64{1, 2}, -4, ""},
	} {
		if got := spark(e, c.samples, c.w); got != c.want {
			t.Errorf("spark(%v, %d) = %q, want %q", c.samples, c.w, got, c.want)
		}
	}
	plainTestEnv(e)
	if got := spark(e, []float64{0, 7}, 3); got != " _@" {
		t.Errorf("in ASCII %q", got)
	}
}

func TestChartHasAsManyStepsAsItsLines(t *testing.T) {
	e, _, _ := newTestEnv(t)
	got := strings.Join(chart(e, []float64{0, 4, 8, 12, 16, 99, -1}, 8, 2, 0, 16), "\n")
	if want := "   ▁▅██ \n ▁▅████▁"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
