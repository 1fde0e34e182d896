package tui

import (
	"slices"
	"testing"
	"time"
)

func TestHistoryIsARingOfSteps(t *testing.T) {
	var h history
	at := testStart
	h.look(at, 1, 5, true)
	h.look(at.Add(historyStep/2), 2, 9, true) // within the step: the last one counts
	h.look(at.Add(3*historyStep), 3, 1, true) // two steps without a frame: 9 stood there
	if got, want := h.samples(10), []float64{9, 9, 9, 1}; !slices.Equal(got, want) {
		t.Errorf("samples %v, want %v", got, want)
	}
	if h.least != 1 || h.greatest != 9 || h.last != 1 || h.changes != 2 {
		t.Errorf("least %v, greatest %v, last %v, %d changes", h.least, h.greatest, h.last, h.changes)
	}
	h.look(at.Add(24*time.Hour), 4, 7, true) // bounded, however long nobody looked
	got := h.samples(2 * historySize)
	if len(got) != historySize || got[0] != 1 || got[historySize-1] != 7 {
		t.Errorf("%d samples from %v to %v, want %d from 1 to 7", len(got), got[0], got[len(got)-1], historySize)
	}
	h = history{}
	h.look(at, 8, 0, false)
	h.look(at, 11, 0, false)
	h.look(at, 2, 0, false) // the router has started anew
	if h.n != 0 || h.changes != 4 {
		t.Errorf("of a text: %d samples, %d changes, want 0 and 4", h.n, h.changes)
	}
}
