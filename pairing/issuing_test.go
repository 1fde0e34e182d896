// What happens to a row while its device is being written.

package pairing_test

import (
	"testing"

	"github.com/clasp-studio/clasp/pairing"
)

// TestLeavesWhileIssuing: the operator's word was for the one whose match code was compared. Another that comes by its name and
// address, when it has gone and the disk still writes, waits like any.
func TestLeavesWhileIssuing(t *testing.T) {
	k := start(t)
	o := from("pad", "10.0.0.1")
	first := k.lobby(o)
	id := first.Status().ID
	free, err := pairing.HoldDisk(k.Registry)
	k.must(err)
	done := make(chan error, 1)
	go func() { _, err := k.Approve(id, pairing.Grant{}); done <- err }()
	waits(t, ").Approve(")
	first.Leave()
	second := k.Hello(o, "", nil)
	free()
	k.must(<-done)
	if second.Err != nil || second.Visit == nil {
		t.Fatalf("the second one is answered %+v", second)
	}
	if second.Visit.Status().ID == id {
		t.Error("it has the row that was approved")
	}
	k.state(second.Visit, pairing.StateWaiting)
	if second.Visit.Access() != nil {
		t.Error("it is in")
	}
}
