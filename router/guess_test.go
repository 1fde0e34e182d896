package router

import (
	"net/netip"
	"testing"
	"time"
)

// TestGuessersAreForgotten holds the bound of what is remembered: sources that fail in
// turns, and then none.
func TestGuessersAreForgotten(t *testing.T) {
	var g guesses
	g.init(waitingAll, waitingSource)
	now := int64(1)
	for i := range 3 * sourcesKept {
		now += int64(time.Millisecond / time.Microsecond)
		g.failed(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), now)
		if len(g.failing) > sourcesKept {
			t.Fatalf("%d sources remembered", len(g.failing))
		}
	}
	now += int64((quietFor + 2*time.Minute) / time.Microsecond)
	g.sweep(now)
	if len(g.failing) > 0 {
		t.Errorf("%d sources remembered after %v of quiet", len(g.failing), quietFor)
	}
}
