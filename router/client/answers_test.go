package client

// The matching rule where no router of ours would bring it: requests that stay without an answer.

import (
	"errors"
	"slices"
	"testing"

	"github.com/clasp-studio/clasp/router/wire"
)

func TestAnswersOvertake(t *testing.T) {
	var a answers
	push := func(k kind, q wire.QoS, address string) *request {
		r := &request{kind: k, qos: q, address: address, done: make(chan struct{})}
		a.push(r)
		return r
	}
	settle := func() {
		for _, r := range a.takeOver() {
			r.finish(r.err)
		}
	}
	is := func(want *request) func(*request) bool { return func(r *request) bool { return r == want } }
	complete := func(r *request) bool {
		select {
		case <-r.done:
			return true
		default:
			return false
		}
	}
	refused := func(address string) *request {
		m := wire.ErrorMessage{Code: wire.CodeForbidden, Address: []byte(address), HasAddress: address != ""}
		defer settle()
		return a.take(func(r *request) bool { return r.refusedBy(&m) }, true)
	}

	commit := push(kindAcked, wire.Commit, "/c")
	subscribe := push(kindSubscribe, wire.Fire, "/s")
	first := push(kindAcked, wire.Confirm, "/1")
	second := push(kindAcked, wire.Confirm, "/2")
	third := push(kindAcked, wire.Confirm, "/3")

	// An ERROR is for the next in line; a commit and a subscription do not block.
	if got := refused("/2"); got != nil {
		t.Errorf("an ERROR passed %q and went to %q", first.address, got.address)
	}
	if got := refused("/1"); got != first || complete(subscribe) != true {
		t.Errorf("refusal of the next in line went to %+v; subscription complete: %v", got, complete(subscribe))
	}
	// A positive answer may pass a request; that one no longer blocks, and takes its answer late.
	if got := a.take(is(third), false); got != third {
		t.Errorf("took %+v", got)
	}
	if complete(second) || !second.passed {
		t.Error("a passed request is complete, or not marked")
	}
	fourth := push(kindGet, wire.Fire, "/4")
	if got := refused("/4"); got != fourth {
		t.Errorf("a passed request blocks: %+v", got)
	}
	if got := a.take(is(second), false); got != second {
		t.Errorf("took %+v", got)
	}
	if got := a.drain(); !slices.Equal(got, []*request{commit}) {
		t.Errorf("left: %+v", got)
	}
	if !a.empty() {
		t.Error("not empty")
	}
}

func TestAnswersForgetTheAbandoned(t *testing.T) {
	var a answers
	for range 10_000 {
		a.push(&request{kind: kindGet, abandoned: true})
		ping := &request{kind: kindSync, t1: 7}
		a.push(ping)
		if got := a.takeSync(7); got != ping {
			t.Fatalf("took %+v", got)
		}
	}
	if !a.empty() || cap(a.list) > 100 {
		t.Errorf("%d requests left in room for %d", len(a.list)-a.head, cap(a.list))
	}
}

// What an answered SYNC passes while a 429 is at large was refused, but for a commit; without one it only was not answered.
func TestAnswersAfterALostRefusal(t *testing.T) {
	var a answers
	limit := &Error{Code: wire.CodeLimit}
	for _, lost := range []error{limit, nil} {
		var want []*request
		for _, r := range []*request{
			{kind: kindFence, t1: 1}, {kind: kindAcked, qos: wire.Confirm}, {kind: kindSync, t1: 2}, {kind: kindSubscribe},
			{kind: kindAcked, qos: wire.Commit},
		} {
			a.push(r)
			if r.kind == kindSubscribe || lost != nil && r.kind != kindFence && r.qos != wire.Commit {
				want = append(want, r)
			}
		}
		fence := &request{kind: kindFence, t1: 3}
		a.push(fence)
		a.lost = lost
		if got := a.takeSync(3); got != fence || a.lost != nil {
			t.Errorf("took %+v, %v is left", got, a.lost)
		}
		over := a.takeOver()
		if !slices.Equal(over, want) {
			t.Errorf("with %v lost, %d requests are over, want %d", lost, len(over), len(want))
		}
		for _, r := range over {
			if !errors.Is(r.err, lost) {
				t.Errorf("%+v: want %v", r, lost)
			}
		}
		for _, r := range a.drain() {
			if r.kind == kindFence || !r.passed {
				t.Errorf("%+v is left", r)
			}
		}
	}
}

// A queue that is never empty moves on all the same.
func TestAnswersStaySmall(t *testing.T) {
	var a answers
	for range 10 {
		a.push(&request{})
	}
	for range 100_000 {
		a.push(&request{})
		if a.take(func(*request) bool { return true }, true) == nil {
			t.Fatal("nothing to take")
		}
	}
	if cap(a.list) > 10_000 {
		t.Errorf("room for %d requests, 10 are in the queue", cap(a.list))
	}
}

func TestSessionErrorsAreNoAnswers(t *testing.T) {
	r := &request{kind: kindBundle}
	for code, want := range map[wire.Code]bool{
		wire.CodeOverloaded: false, wire.CodeExpired: false, wire.CodeTokenRevoked: false, wire.CodePairingDenied: false, wire.CodePairingBusy: false, wire.CodePairingPending: true, wire.CodeLimit: true, wire.CodeBadMessage: true,
	} {
		if got := r.refusedBy(&wire.ErrorMessage{Code: code}); got != want {
			t.Errorf("ERROR %d without address is an answer: %v", code, got)
		}
	}
	if !r.refusedBy(&wire.ErrorMessage{Code: wire.CodeOverloaded, HasAddress: true, Address: []byte("/a")}) {
		t.Error("ERROR 503 about an address is no answer")
	}
}

func TestHopeless(t *testing.T) {
	final := []wire.Code{102, 300, 301, 302, 311, 313, 314, 316, 317, 319}
	for code := range wire.Code(600) {
		if want := slices.Contains(final, code); hopeless(&Error{Code: code}) != want {
			t.Errorf("ERROR %d is final: %v, want %v", code, !want, want)
		}
	}
	if hopeless(errors.New("x")) {
		t.Error("what no router has said is final")
	}
}
