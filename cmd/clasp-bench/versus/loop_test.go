package versus

import "testing"

// A volley makes room for another one when every subscriber has all of its messages.
func TestLoop(t *testing.T) {
	const volley, volleys, subscribers = 4, 2, 3
	l := newLoop(volley, volleys, subscribers)
	for range volleys {
		<-l.room
	}
	come := func(first, last int, from, to uint64) {
		for i := first; i <= last; i++ {
			for n := to; n > from; n-- { // in which order does not matter
				l.note(i, n-1)
			}
		}
	}
	rooms := func(want int, when string) {
		t.Helper()
		if len(l.room) != want {
			t.Fatalf("room for %d volleys, want %d: %s", len(l.room), want, when)
		}
	}
	come(0, 1, 0, 8)
	rooms(0, "the third subscriber has nothing")
	come(2, 2, 0, 7)
	rooms(1, "it has the first volley and all but one of the second")
	come(2, 2, 7, 8)
	rooms(2, "everybody has both")
	for range volleys {
		<-l.room
	}
	l.subscribers.Add(-1)
	come(0, 1, 8, 12)
	rooms(1, "one has left")
}
