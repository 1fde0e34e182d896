// What a device has and may do after its rights or its token have changed.

package pairing_test

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/pairing"
)

// TestRightsNow: what is changed between approval and the session's look at it holds.
func TestRightsNow(t *testing.T) {
	k := start(t)
	v := k.lobby(from("x", "10.0.0.2"))
	d, err := k.Approve(v.Status().ID, pairing.Grant{Profile: "operator"})
	k.must(err)
	before := v.Access()
	_, err = k.SetProfile(d.ID, "viewer", "ann")
	k.must(err)
	if s := v.Status(); s.Profile != "viewer" {
		t.Errorf("its status says %q", s.Profile)
	}
	if a := v.Access(); a.Profile != "viewer" || len(a.Write) > 0 {
		t.Errorf("a viewer's session is told %+v", a)
	}
	if token, refusal := v.Token(); refusal != nil || token.Profile != "viewer" || len(token.Write) > 0 {
		t.Errorf("a viewer's token says %s, %v (%v)", token.Profile, token.Write, refusal)
	}
	k.configure(func(s *pairing.Settings) {
		s.Profiles = map[string]pairing.Profile{"viewer": {Read: []string{"/only/**"}}}
	})
	a := v.Access()
	if len(a.Read) != 1 || a.Read[0] != "/only/**" {
		t.Errorf("a viewer reads %v after the reload", a.Read)
	}
	k.Left(before)
	if n := k.device(d.ID).Online; n != 1 {
		t.Errorf("%d sessions count, want 1", n)
	}
	k.Left(a)
	v.Leave()
	if n := k.device(d.ID).Online; n != 0 {
		t.Errorf("%d sessions count when it has left, want none", n)
	}
}

// good fails the test unless a token is, or is not.
func (k *kit) good(what, token string, want bool) {
	k.t.Helper()
	if _, refusal := k.Token(token); (refusal == nil) != want {
		k.t.Errorf("%s: good %v (%v), want %v", what, refusal == nil, refusal, want)
	}
}

// TestRenewTwice: the token that a device has said it stored is the one that outlives the next
// renewal, and a dead one stays dead.
func TestRenewTwice(t *testing.T) {
	k := start(t)
	d, first := k.paired("x", pairing.Grant{})
	k.ok(k.Hello(from("x", "10.0.0.9"), first, nil).Err)
	second, refusal := k.Renew(d.ID)
	k.ok(refusal)
	k.good("the first, before the second is stored", first, true)
	k.must(k.Confirm(d.ID))
	k.good("the first, when the second is stored", first, false)
	k.wait(time.Hour)
	third, refusal := k.Renew(d.ID)
	k.ok(refusal)
	k.good("the first, after the second renewal", first, false)
	k.good("the second, before the third is stored", second.Text, true)
	k.good("the third", third.Text, true)
	k.wait(11 * time.Minute)
	k.good("the second, 11 min later", second.Text, false)

	// Without a word that the third was stored, it is the one that is good, not the second.
	fourth, refusal := k.Renew(d.ID)
	k.ok(refusal)
	k.good("the second, after the third renewal", second.Text, false)
	k.good("the third, after the third renewal", third.Text, true)
	_, err := k.Reissue(d.ID, "ann")
	k.must(err)
	k.wait(24 * time.Hour)
	k.good("the first, after a reissue", first, false)
	k.good("the second, after a reissue", second.Text, false)
	k.good("the third, the last that was known to be there", third.Text, true)
	k.good("the fourth, which nobody used", fourth.Text, false)
}

// TestDoneIsNotForReissued: what a device says it has stored is not what only the operator saw.
func TestDoneIsNotForReissued(t *testing.T) {
	k := start(t)
	d, old := k.paired("x", pairing.Grant{})
	k.ok(k.Hello(from("x", "10.0.0.9"), old, nil).Err)
	shown, err := k.Reissue(d.ID, "ann")
	k.must(err)
	k.must(k.Confirm(d.ID))
	k.good("the old one", old, true)
	k.good("the one shown to the operator", shown.Text, true)
}

// TestWeakNoMore: a weak device that uses a token needs it from then on, and can renew it.
func TestWeakNoMore(t *testing.T) {
	k := start(t)
	d, err := k.Allow(pairing.Grant{Name: "mat"}, netip.MustParsePrefix("10.0.0.40/32"))
	k.must(err)
	token, err := k.Reissue(d.ID, "ann")
	k.must(err)
	if a := k.Hello(from("mat", "10.0.0.40"), "", nil); a.Access == nil || !a.Access.Weak {
		t.Fatalf("before it has used the token it comes by its name: %+v", a)
	}
	if a := k.Hello(from("mat", "10.0.0.40"), token.Text, nil); a.Access == nil || a.Access.Weak {
		t.Errorf("with its token: %+v", a.Access)
	}
	if !slices.Equal(k.weak, []string{d.ID}) || len(k.endings()) > 0 { // on this goroutine, so no lock
		t.Errorf("weak sessions ended: %q, others: %q", k.weak, k.endings())
	}
	k = k.again()
	if a := k.Hello(from("mat", "10.0.0.40"), "", nil); a.Access != nil {
		t.Errorf("by its name alone: %+v", a.Access)
	}
	if shown := k.device(d.ID); shown.Weak || shown.From != "" {
		t.Errorf("it is listed as %+v", shown)
	}
	_, refusal := k.Renew(d.ID)
	k.ok(refusal)
}

// TestRenewClockBack: a renewal in the future keeps nobody from renewing.
func TestRenewClockBack(t *testing.T) {
	k := start(t)
	d, token := k.paired("x", pairing.Grant{Lifetime: pairing.LifetimeForever})
	k.ok(k.Hello(from("x", "10.0.0.9"), token, nil).Err)
	k.wait(365 * 24 * time.Hour)
	_, refusal := k.Renew(d.ID)
	k.ok(refusal)
	k.wait(-365 * 24 * time.Hour)
	_, refusal = k.Renew(d.ID)
	k.ok(refusal)
	_, refusal = k.Renew(d.ID)
	k.refused(refusal, pairing.CodeRate)
}
