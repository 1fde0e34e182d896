package versus

import "testing"

func TestRoll(t *testing.T) {
	const count = 130 // more than two words
	l := newRoll(count)
	for i := range uint64(count) {
		if i != 64 {
			l.call(i, count)
		}
	}
	if l.missing != 1 || l.repeated != 0 || l.strange != 0 {
		t.Errorf("without one: %d missing, %d repeated, %d strange", l.missing, l.repeated, l.strange)
	}
	l.call(129, count)
	l.call(count, count)
	if l.missing != 1 || l.repeated != 1 || l.strange != 1 {
		t.Errorf("with one twice and one too many: %d missing, %d repeated, %d strange", l.missing, l.repeated, l.strange)
	}
	l.call(64, count)
	if l.missing != 0 {
		t.Errorf("with all: %d missing", l.missing)
	}
}
