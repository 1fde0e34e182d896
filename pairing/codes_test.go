// Codes and what counts against them, when the settings or the clock have changed.

package pairing_test

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/pairing"
)

// TestNoCodesUnderOperator: codes that are open when the policy becomes the operator's word
// alone let nobody in, and links do.
func TestNoCodesUnderOperator(t *testing.T) {
	k := start(t)
	i := k.invite(pairing.Grant{})
	v, code := k.picked(from("b", "10.0.0.2"))
	k.configure(func(s *pairing.Settings) { s.Policy = pairing.PolicyOperator })
	if o := k.Overview(); o.Codes["request"]+o.Codes["invite"] > 0 {
		t.Errorf("open codes: %v", o.Codes)
	}
	if s := v.Status(); s.State != pairing.StateWaiting || s.PINRequired {
		t.Errorf("who has been picked is told %+v", s)
	}
	if row := k.Knocks()[0]; row.Code != "" {
		t.Errorf("the operator sees the code %q", row.Code)
	}
	k.refused(v.PIN(code), pairing.CodePINExpired)
	k.refused(v.PIN(i.PIN), pairing.CodePINExpired)
	k.refused(k.Hello(from("a", "10.0.0.1"), i.PIN, nil).Err, pairing.CodePINExpired)
	k.said("code_closed", 2)
	_, refusal := k.Redeem(from("c", "10.0.0.3"), i.Secret)
	k.ok(refusal)
	_, err := k.Approve(v.Status().ID, pairing.Grant{})
	k.must(err)
}

// TestMissesClockBack: misses that a clock which was ahead has left on the disk are forgotten
// within the hour like others, and not sooner.
func TestMissesClockBack(t *testing.T) {
	k := start(t)
	const years = 10 * 365 * 24 * time.Hour
	k.wait(years)
	for n := range 30 {
		k.Unlock("ann")
		for _, i := range k.Invites() {
			k.must(k.CloseInvite(i.ID, "ann"))
		}
		k.wait(6 * time.Second) // past the pause after a PIN that was burned
		i := k.invite(pairing.Grant{})
		k.refused(k.Hello(other(n), wrong(i.PIN, n), nil).Err, pairing.CodePINInvalid)
	}
	k.Unlock("ann")
	if !k.Overview().Locked {
		t.Fatal("30 misses in an hour lock nothing")
	}
	k.wait(-years)
	k = k.again()
	k.wait(59 * time.Minute)
	if !k.Overview().Locked {
		t.Error("the misses are forgotten before the hour is over")
	}
	k.wait(2 * time.Minute)
	if o := k.Overview(); o.Locked {
		t.Errorf("after the hour: %s", o.LockedWhy)
	}
}

// TestWindowClockBack: nor does the window of misses stay open for years.
func TestWindowClockBack(t *testing.T) {
	k := start(t)
	const years = 10 * 365 * 24 * time.Hour
	k.wait(years)
	i := k.invite(pairing.Grant{})
	k.refused(k.Hello(other(1), wrong(i.PIN, 1), nil).Err, pairing.CodePINInvalid)
	k.wait(-years)
	k = k.again()
	k.wait(61 * time.Minute)
	if n := k.Overview().Misses; n != 0 {
		t.Errorf("%d misses count after the hour", n)
	}
}

// TestPINNotTried: no PIN is made that somebody has just tried, and may be trying again.
func TestPINNotTried(t *testing.T) {
	same := func(o *pairing.Options) { o.Random = rand.NewChaCha8([32]byte{6}) }
	next := func(k *kit, tried string) string {
		i := k.invite(pairing.Grant{})
		if tried != "" {
			k.refused(k.Hello(other(1), tried, nil).Err, pairing.CodePINInvalid)
		}
		k.must(k.CloseInvite(i.ID, "ann"))
		return k.invite(pairing.Grant{}).PIN
	}
	pin := next(start(t, same), "")
	if again := next(start(t, same), ""); again != pin {
		t.Fatalf("PINs %s and %s of the same randomness: this test shows nothing", pin, again)
	}
	if again := next(start(t, same), pin); again == pin {
		t.Errorf("the PIN %s is what was just tried", pin)
	}
}

// TestBurnedIsNotLate: who comes with a code that others have burned is told so.
func TestBurnedIsNotLate(t *testing.T) {
	k := start(t)
	i := k.invite(pairing.Grant{})
	v, code := k.picked(from("b", "10.0.0.2"))
	for n := range 5 {
		k.refused(k.Hello(other(n), wrong(i.PIN, n), nil).Err, pairing.CodePINInvalid)
		k.refused(v.PIN(wrong(code, n)), pairing.CodePINInvalid)
	}
	for what, refusal := range map[string]*pairing.Error{"an invite": k.Hello(other(9), i.PIN, nil).Err, "a request": v.PIN(code)} {
		if err := k.refused(refusal, pairing.CodePINExpired); !strings.Contains(err.Message, "guessed") {
			t.Errorf("the code of %s: %q", what, err.Message)
		}
	}
}

// TestRenamedToNothing: a name of which nothing can be shown is none.
func TestRenamedToNothing(t *testing.T) {
	k := start(t)
	d, _ := k.paired("x", pairing.Grant{})
	for _, name := range []string{"", "   ", "\u202e\x1b"} {
		if _, err := k.Rename(d.ID, name, "ann"); !errors.Is(err, pairing.ErrInvalid) {
			t.Errorf("%q: %v", name, err)
		}
	}
	if now := k.device(d.ID); now.Name != "x" {
		t.Errorf("it is called %q", now.Name)
	}
}
