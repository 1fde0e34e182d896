package versus

import "testing"

func TestKept(t *testing.T) {
	for want, got := range map[string]uint64{
		"it stayed connected and got all 10 messages later":        10,
		"it stayed connected, and 3 of 10 messages were dropped":   7,
		"it stayed connected, and all of 10 messages were dropped": 0,
		"it stayed connected, got 12 messages where 10 were sent":  12,
	} {
		if said := kept(got, 10); said != want {
			t.Errorf("%d of 10: %q, want %q", got, said, want)
		}
	}
}
