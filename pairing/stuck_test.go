// A disk or an audit log that is stuck: what must go on all the same.

package pairing_test

import (
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/pairing"
)

// TestRevokeWhileDiskIsStuck: a session ends although nothing can be written, and although
// somebody else is waiting for the disk already.
func TestRevokeWhileDiskIsStuck(t *testing.T) {
	k := start(t)
	i := k.invite(pairing.Grant{})
	var ids []string
	for _, name := range []string{"one", "two"} {
		v := k.lobby(from(name, "10.0.0.2"))
		d, err := k.Approve(v.Status().ID, pairing.Grant{})
		k.must(err)
		ids = append(ids, d.ID)
	}
	free, err := pairing.HoldDisk(k.Registry)
	k.must(err)
	done := make(chan error, 3)
	go func() { // a miss, which is to be on the disk before it is answered
		k.Hello(from("guesser", "10.0.0.3"), wrong(i.PIN, 1), nil)
		done <- nil
	}()
	k.said("miss", 1)
	go func() { _, err := k.Revoke(ids[0], "ann"); done <- err }()
	k.sessionsEnded(fmt.Sprintf("%s %d", ids[0], pairing.CodeRevoked))
	go func() { _, err := k.RevokeAll("ann", nil); done <- err }()
	k.sessionsEnded(fmt.Sprintf("%s %d", ids[1], pairing.CodeRevoked))
	if len(done) > 0 {
		t.Error("something was answered while the disk was stuck")
	}
	free()
	for range 3 {
		k.must(<-done)
	}
	if list := k.again().Devices(); len(list) > 0 {
		t.Errorf("%v is back after a restart", list)
	}
}

// TestAuditStuck: while the audit log is stuck, sessions end and devices are let in; no more
// than so many lines wait, and how many were lost is said.
func TestAuditStuck(t *testing.T) {
	stuck := make(chan struct{})
	k := start(t, func(o *pairing.Options) {
		o.Audit = func(e pairing.Event) {
			if e.Name == "noise" {
				<-stuck
			}
		}
	})
	v := k.lobby(from("x", "10.0.0.2"))
	k.lobby(from("noise", "10.0.0.3"))
	eventually(t, "the log to be stuck", func() bool { return k.AuditBusy() })
	d, err := k.Approve(v.Status().ID, pairing.Grant{})
	k.must(err)
	k.state(v, pairing.StateIssued)
	_, err = k.Revoke(d.ID, "ann")
	k.must(err)
	k.sessionsEnded(fmt.Sprintf("%s %d", d.ID, pairing.CodeRevoked))

	const many = 2 * pairing.AuditMost
	for range many / 2 {
		i, err := k.Invite(pairing.Grant{}, false) // two lines each
		k.must(err)
		k.must(k.CloseInvite(i.ID, "ann"))
	}
	if n := k.AuditWaiting(); n != pairing.AuditMost {
		t.Errorf("%d lines wait, want %d", n, pairing.AuditMost)
	}
	close(stuck)
	eventually(t, "the log to go on", func() bool { return !k.AuditBusy() })
	_, err = k.Invite(pairing.Grant{Name: "the next one"}, false)
	k.must(err)
	k.said("lost", 1)
	k.said("invite_closed", k.heard("invite_closed"))
	var lines, lost int
	for _, e := range k.all() {
		if e.What == "lost" {
			if _, err := fmt.Sscanf(e.Detail, "%d lines", &lost); err != nil || !strings.Contains(e.Detail, "audit") {
				t.Errorf("%q: %v", e.Detail, err)
			}
			continue
		}
		if e.What == "invite_closed" || e.What == "invite" && e.Name == "" {
			lines++
		}
	}
	if lost == 0 || lines+lost != many {
		t.Errorf("%d lines and %d lost, of %d", lines, lost, many)
	}
}

// TestAuditAtTheEnd: Close waits for the lines that are there.
func TestAuditAtTheEnd(t *testing.T) {
	stuck := make(chan struct{})
	var lines atomic.Int32
	k := start(t, func(o *pairing.Options) {
		o.Audit = func(pairing.Event) {
			<-stuck
			lines.Add(1)
		}
	})
	const many = 100
	for range many {
		_, err := k.Invite(pairing.Grant{}, false)
		k.must(err)
	}
	eventually(t, "the log to be stuck", func() bool { return k.AuditBusy() })
	before := k.AuditWaiting()
	closed := make(chan struct{})
	go func() {
		defer close(stuck)
		for k.AuditWaiting() == before { // Close adds one when it begins to wait
			select {
			case <-closed:
				return
			case <-time.After(time.Millisecond):
			}
		}
	}()
	k.close()
	if n := lines.Load(); n < many {
		t.Errorf("%d lines, want %d", n, many)
	}
	close(closed)
}

// TestNoTokenIsKept: a row that is forgotten has no token in it any more, though its session
// may hold on to it.
func TestNoTokenIsKept(t *testing.T) {
	k := start(t)
	v := k.lobby(from("x", "10.0.0.2"))
	_, err := k.Approve(v.Status().ID, pairing.Grant{})
	k.must(err)
	if !v.KeepsToken() {
		t.Fatal("there is no token to be forgotten")
	}
	v.Leave()
	k.Tick()
	if v.KeepsToken() {
		t.Error("the token is there after its session has left")
	}
}

// TestRevokeAllWhileIssuing revokes everybody while the row of one more is on its way to the disk: nobody is left.
func TestRevokeAllWhileIssuing(t *testing.T) {
	k := start(t)
	v := k.lobby(from("late", "10.0.0.2"))
	free, err := pairing.HoldDisk(k.Registry)
	k.must(err)
	done := make(chan error, 2)
	go func() { _, err := k.Approve(v.Status().ID, pairing.Grant{}); done <- err }()
	waits(t, ").Approve(")
	go func() { _, err := k.RevokeAll("ann", nil); done <- err }()
	waits(t, ").RevokeAll(")
	free()
	for range 2 {
		k.must(<-done)
	}
	if list := k.Devices(); len(list) > 0 {
		t.Errorf("%v is in after all were revoked", list)
	}
	if list := k.again().Devices(); len(list) > 0 {
		t.Errorf("%v is back after a restart", list)
	}
}

// waits waits until a goroutine that is in a function waits for something.
func waits(t *testing.T, function string) {
	t.Helper()
	stacks := make([]byte, 1<<20)
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		for stack := range strings.SplitSeq(string(stacks[:runtime.Stack(stacks, true)]), "\n\n") {
			first, _, _ := strings.Cut(stack, "\n")
			if strings.Contains(stack, function) && (strings.Contains(first, "sync.") || strings.Contains(first, "semacquire") || strings.Contains(first, "chan ")) {
				return
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("nobody waits in %s", function)
		}
	}
}
