package router

import (
	"fmt"
	"testing"

	"github.com/clasp-studio/clasp/router/param"
)

// TestTidyKeepsWhatIsBeingSent: catchUp takes a param off the list before it locks the
// param and sends it; a list tidied in between must not forget that it is still owed.
func TestTidyKeepsWhatIsBeingSent(t *testing.T) {
	table := param.New(func(*paramEntry) {})
	entry := func(i int) *paramEntry {
		return table.FindOrCreate(fmt.Appendf(nil, "/p/%d", i), func(string) param.Strategy { return param.LastWriteWins })
	}
	var d owed
	sending, vanished := entry(0), entry(1)
	d.add(sending)
	d.add(vanished)
	d.next() // as catchUp does
	table.Discard(vanished)
	for i := 2; d.has(vanished); i++ {
		if i > 10_000 {
			t.Fatal("never tidied")
		}
		d.add(entry(i))
	}
	if !d.has(sending) {
		t.Error("the param being sent is forgotten: its newest value would not arrive")
	}
	if len(d.order) != len(d.set)-1 {
		t.Errorf("%d listed of %d", len(d.order), len(d.set))
	}
}
