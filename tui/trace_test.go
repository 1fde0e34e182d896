package tui

import (
	"math"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
)

func TestTrace(t *testing.T) {
	e, _, _ := newTestEnv(t)
	draw := func(w, h int, samples ...float64) string {
		return ansi.Strip(strings.Join(trace(e, samples, w, h, accent), "\n"))
	}
	for _, c := range []struct {
		w, h    int
		samples []float64
		want    string
	}{
		{4, 1, nil, "⣀⣀⣀⣀"},
		{4, 1, []float64{5, 5, 5, 5}, "⣀⣀⠒⠒"}, // steady: a line
		{2, 1, []float64{9, 9, 0, 0}, "⠒⣄"},   // what falls is joined
		{2, 1, []float64{9, 9, 9, 9, 9, 9}, "⠒⠒"},
		{2, 1, []float64{1, math.NaN()}, "⣀⣀"},
		{2, 1, []float64{0, 0, 0}, "⢀⣀"},
		{2, 2, []float64{4, 4, 4, 4}, "⠤⠤\n  "},
		{0, 1, []float64{1}, ""},
		{-1, 0, []float64{1}, ""},
	} {
		if got := draw(c.w, c.h, c.samples...); got != c.want {
			t.Errorf("%v in %dx%d is\n%s\nwant\n%s", c.samples, c.w, c.h, got, c.want)
		}
	}
	plainTestEnv(e)
	if got := draw(8, 1, 0, 1, 2, 3, 4, 8); got != "_____..-" {
		t.Errorf("in ASCII %q", got)
	}
	if got := draw(4, 2, 0, 8, 8); got != "  ..\n__  " {
		t.Errorf("in ASCII %q", got)
	}
}
