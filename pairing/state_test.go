// Every arrow of the diagram in section 2 of the pairing page.

package pairing_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/pairing"
)

func TestRefusedWhenOff(t *testing.T) {
	k := start(t, func(o *pairing.Options) { o.Enabled = false })
	for _, token := range []string{"", "847291", "pair:847291", "eyJhbGciOi"} {
		if a := k.Hello(from("x", "10.0.0.1"), token, nil); a != (pairing.Answer{}) {
			t.Errorf("token %q: %+v, want nothing: it is for others to judge", token, a)
		}
	}
	_, _, err := k.Knock(from("x", "10.0.0.1"), nil)
	k.refused(err, pairing.CodeClosed)
	_, err = k.Redeem(from("x", "10.0.0.1"), "secret")
	k.refused(err, pairing.CodeClosed)
	if _, err := k.Invite(pairing.Grant{}, true); !errors.Is(err, pairing.ErrConflict) {
		t.Errorf("invite: %v", err)
	}
}

func TestNoLobby(t *testing.T) {
	k := start(t, func(o *pairing.Options) { o.Lobby = false })
	k.refused(k.Hello(from("x", "10.0.0.1"), "", nil).Err, pairing.CodeUnauthorized)
	_, _, err := k.Knock(from("x", "10.0.0.1"), nil)
	k.refused(err, pairing.CodeClosed)
	i := k.invite(pairing.Grant{})
	if a := k.Hello(from("x", "10.0.0.1"), i.PIN, nil); a.Access == nil {
		t.Errorf("an invite is taken: %+v", a)
	}
}

func TestKnockApproved(t *testing.T) {
	k := start(t)
	var ear ear
	o := from("FOH iPad", "10.0.0.23")
	o.Kind = "ipad"
	v := k.Hello(o, "", ear.tell).Visit
	k.state(v, pairing.StateWaiting)
	if v.Access() != nil {
		t.Error("it has rights before it is approved")
	}
	_, err := v.Token()
	k.refused(err, pairing.CodePending)
	k.refused(v.Done(), pairing.CodePending)
	rows := k.Knocks()
	s := v.Status()
	if len(rows) != 1 || rows[0].ID != s.ID || rows[0].Match != s.Match || rows[0].Name != "FOH iPad" || rows[0].Kind != "ipad" || rows[0].Sessions != 1 {
		t.Fatalf("rows %+v, status %+v", rows, s)
	}
	if len(s.Match) != 5 || s.Match[2] != '-' || s.RouterID != "router-id" || s.RouterName != "Studio" || s.PINRequired {
		t.Errorf("status %+v", s)
	}
	before := ear.count()
	d, e := k.Approve(s.ID, pairing.Grant{Profile: "viewer", Lifetime: pairing.LifetimeShow, By: "ann"})
	k.must(e)
	eventually(t, "it is told", func() bool { return ear.count() > before })
	k.state(v, pairing.StateIssued)
	a := v.Access()
	if a == nil || a != v.Access() || a.Device != d.ID || a.Weak || len(a.Write) != 0 || a.Read[0] != "/**" {
		t.Fatalf("access %+v of %+v", a, d)
	}
	if d.Name != "FOH iPad" || d.CreatedBy != "ann" || d.Online != 1 || d.Confirmed || !d.Expires.Equal(k.clock.Now().Add(12*time.Hour)) {
		t.Errorf("device %+v", d)
	}
	token, err := v.Token()
	k.ok(err)
	if !strings.HasPrefix(token.Text, "clp_"+d.ID+"_") || len(token.Text) != 47 || token.Profile != "viewer" || token.Expires != d.Expires || token.RouterID != "router-id" {
		t.Errorf("token %+v", token)
	}
	if len(k.Knocks()) != 0 {
		t.Error("the row is still there")
	}
	_, e = k.Approve(s.ID, pairing.Grant{})
	if !errors.Is(e, pairing.ErrConflict) {
		t.Errorf("approved twice: %v", e)
	}
	k.ok(v.Done())
	k.ok(v.Done())
	k.state(v, pairing.StateActive)
	_, err = v.Token()
	k.refused(err, pairing.CodePINExpired)
	if !k.device(d.ID).Confirmed {
		t.Error("not confirmed")
	}
	v.Leave()
	v.Leave()
	k.Left(a)
	if n := k.device(d.ID).Online; n != 0 {
		t.Errorf("%d sessions online", n)
	}
}

func TestTokenIsShownForAMinute(t *testing.T) {
	k := start(t)
	v := k.lobby(from("x", "10.0.0.1"))
	_, e := k.Approve(v.Status().ID, pairing.Grant{})
	k.must(e)
	k.wait(59 * time.Second)
	_, err := v.Token()
	k.ok(err)
	if in := v.Status().ExpiresIn; in != time.Second {
		t.Errorf("expires in %v", in)
	}
	k.wait(time.Second)
	k.state(v, pairing.StateActive)
	_, err = v.Token()
	k.refused(err, pairing.CodePINExpired)
	if v.Access() == nil {
		t.Error("its rights went with the token")
	}
}

func TestCode(t *testing.T) {
	k := start(t)
	v, code := k.picked(from("x", "10.0.0.1"))
	s := v.Status()
	if s.State != pairing.StateCode || !s.PINRequired || s.AttemptsLeft != 5 || s.ExpiresIn != 5*time.Minute {
		t.Errorf("status %+v", s)
	}
	if rows := k.Knocks(); rows[0].Code != code || !rows[0].Expires.Equal(k.clock.Now().Add(5*time.Minute)) {
		t.Errorf("row %+v", rows[0])
	}
	k.ok(v.PIN(code[:3] + "-" + code[3:]))
	k.state(v, pairing.StateIssued)
	k.ok(v.PIN("nonsense")) // it is in
	d := k.device(v.Access().Device)
	if d.Profile != "default" || d.Lifetime != pairing.LifetimeSliding || d.CreatedBy != "ann" {
		t.Errorf("device %+v", d)
	}
}

func TestCodeExpires(t *testing.T) {
	k := start(t)
	v, code := k.picked(from("x", "10.0.0.1"))
	k.wait(5*time.Minute - time.Second)
	k.state(v, pairing.StateCode)
	k.wait(time.Second)
	k.state(v, pairing.StateExpired)
	k.refused(v.PIN(code), pairing.CodePINExpired)
	k.refused(v.PIN(wrong(code, 1)), pairing.CodePINExpired)
	row, err := k.Pick(v.Status().ID, "ann")
	k.must(err)
	k.refused(v.PIN(code), pairing.CodePINExpired) // the one before
	k.ok(v.PIN(row.Code))
	k.state(v, pairing.StateIssued)
}

func TestCodeBurns(t *testing.T) {
	k := start(t)
	v, code := k.picked(from("x", "10.0.0.1"))
	for left := 4; left >= 0; left-- {
		err := k.refused(v.PIN(wrong(code, left)), pairing.CodePINInvalid)
		if err.AttemptsLeft != left || err.Hold < time.Second {
			t.Errorf("with %d left: %+v", left, err)
		}
	}
	k.state(v, pairing.StateBurned)
	k.refused(v.PIN(code), pairing.CodePINExpired)
	k.said("burned", 1)
	if n := k.Overview().Failures["request"]; n != 5 {
		t.Errorf("%d failures", n)
	}
	row, err := k.Pick(v.Status().ID, "ann")
	k.must(err)
	k.ok(v.PIN(row.Code))
}

func TestApproveFromEachPendingState(t *testing.T) {
	k := start(t)
	for n, prepare := range []func(*pairing.Visit, string){
		func(*pairing.Visit, string) {},
		func(*pairing.Visit, string) { k.wait(5 * time.Minute) },
		func(v *pairing.Visit, code string) {
			for i := range 5 {
				k.refused(v.PIN(wrong(code, i)), pairing.CodePINInvalid)
			}
		},
	} {
		v, code := k.picked(other(n))
		prepare(v, code)
		_, err := k.Approve(v.Status().ID, pairing.Grant{})
		k.must(err)
		k.state(v, pairing.StateIssued)
	}
}

func TestDenied(t *testing.T) {
	for _, picked := range []bool{false, true} {
		k := start(t)
		o := from("x", "10.0.0.1")
		v := k.lobby(o)
		id := v.Status().ID
		if picked {
			_, err := k.Pick(id, "ann")
			k.must(err)
		}
		k.must(k.Deny(id, "ann"))
		k.state(v, pairing.StateDenied)
		k.refused(v.PIN("123123"), pairing.CodeDenied)
		_, refusal := v.Token()
		k.refused(refusal, pairing.CodeDenied)
		if _, err := k.Approve(id, pairing.Grant{}); !errors.Is(err, pairing.ErrConflict) {
			t.Errorf("approved after it was denied: %v", err)
		}
		v.Leave()
		k.refused(k.Hello(o, "", nil).Err, pairing.CodeDenied)
		_, _, refusal = k.Knock(o, nil)
		k.refused(refusal, pairing.CodeDenied)
		k.lobby(from("y", "10.0.0.1")).Leave() // another device of that address
		k.wait(10 * time.Minute)
		k.lobby(o)
		if n := k.Overview().Requests["denied"]; n != 1 {
			t.Errorf("%d denied", n)
		}
	}
}

func TestIdle(t *testing.T) {
	k := start(t)
	v, code := k.picked(from("x", "10.0.0.1"))
	id := v.Status().ID
	k.wait(9 * time.Minute)
	v.Heard()
	k.wait(10*time.Minute - time.Second)
	k.state(v, pairing.StateExpired)
	k.wait(time.Second)
	k.state(v, pairing.StateTimeout)
	k.refused(v.PIN(code), pairing.CodePINExpired)
	if _, err := k.Approve(id, pairing.Grant{}); err == nil {
		t.Error("approved after it timed out")
	}
	if len(k.Knocks()) != 0 {
		t.Error("the row is still there")
	}
}

func TestBoth(t *testing.T) {
	k := start(t, func(o *pairing.Options) { o.Policy = pairing.PolicyBoth })
	v := k.lobby(from("x", "10.0.0.1"))
	id := v.Status().ID
	if _, err := k.Approve(id, pairing.Grant{}); !errors.Is(err, pairing.ErrConflict) {
		t.Fatalf("approved without a code: %v", err)
	}
	row, err := k.Pick(id, "ann")
	k.must(err)
	k.ok(v.PIN(row.Code))
	k.state(v, pairing.StateAwait)
	k.ok(v.PIN(row.Code)) // once more: it waits already
	if _, err := k.Pick(id, "ann"); !errors.Is(err, pairing.ErrConflict) {
		t.Errorf("picked after the code was right: %v", err)
	}
	if n := len(k.Devices()); n != 0 {
		t.Fatalf("%d devices before the operator has agreed", n)
	}
	_, err = k.Approve(id, pairing.Grant{Profile: "viewer"})
	k.must(err)
	k.state(v, pairing.StateIssued)

	v, code := k.picked(from("y", "10.0.0.2"))
	k.ok(v.PIN(code))
	k.must(k.Deny(v.Status().ID, "ann"))
	k.state(v, pairing.StateDenied)

	v, code = k.picked(from("z", "10.0.0.3"))
	k.ok(v.PIN(code))
	k.wait(10 * time.Minute)
	k.state(v, pairing.StateTimeout)

	// The right code was good for that session alone.
	v, code = k.picked(from("w", "10.0.0.4"))
	k.ok(v.PIN(code))
	v.Leave()
	v = k.lobby(from("w", "10.0.0.4"))
	k.state(v, pairing.StateWaiting)
}

func TestOperatorOnly(t *testing.T) {
	k := start(t, func(o *pairing.Options) { o.Policy = pairing.PolicyOperator })
	v := k.lobby(from("x", "10.0.0.1"))
	if _, err := k.Pick(v.Status().ID, "ann"); !errors.Is(err, pairing.ErrConflict) {
		t.Errorf("pick: %v", err)
	}
	if _, err := k.Invite(pairing.Grant{}, true); !errors.Is(err, pairing.ErrConflict) {
		t.Errorf("invite with a PIN: %v", err)
	}
	_, err := k.Approve(v.Status().ID, pairing.Grant{})
	k.must(err)
	k.state(v, pairing.StateIssued)
}

func TestRevokedWhileItRuns(t *testing.T) {
	k := start(t)
	v := k.lobby(from("x", "10.0.0.1"))
	d, err := k.Approve(v.Status().ID, pairing.Grant{})
	k.must(err)
	token, _ := v.Token()
	_, err = k.Revoke(d.Name, "ann")
	k.must(err)
	k.sessionsEnded(d.ID + " 317")
	k.state(v, pairing.StateRevoked)
	if v.Access() != nil {
		t.Error("it still has rights")
	}
	_, refusal := v.Token()
	k.refused(refusal, pairing.CodeRevoked)
	k.refused(k.Hello(from("x", "10.0.0.1"), token.Text, nil).Err, pairing.CodeRevoked)
	v.Leave()
	// Without a token it knocks again: there is no grace for who was thrown out.
	k.lobby(from("x", "10.0.0.1"))
}

func TestDeviceLeaves(t *testing.T) {
	k := start(t)
	o := from("x", "10.0.0.1")
	v, code := k.picked(o)
	id, match := v.Status().ID, v.Status().Match
	v.Leave()
	if len(k.Knocks()) != 0 {
		t.Error("the row is still there")
	}
	for what, do := range map[string]func() error{
		"approve": func() error { _, err := k.Approve(id, pairing.Grant{}); return err },
		"pick":    func() error { _, err := k.Pick(id, "ann"); return err },
		"deny":    func() error { return k.Deny(id, "ann") },
	} {
		if err := do(); !errors.Is(err, pairing.ErrConflict) {
			t.Errorf("%s after it left: %v", what, err)
		}
	}
	v = k.lobby(o) // the same row again, without the code
	if s := v.Status(); s.ID != id || s.Match != match || s.State != pairing.StateWaiting {
		t.Errorf("%+v", s)
	}
	k.refused(v.PIN(code), pairing.CodePINExpired)
	v.Leave()
	k.wait(time.Minute)
	if _, err := k.Approve(id, pairing.Grant{}); !errors.Is(err, pairing.ErrUnknown) {
		t.Errorf("approve long after it left: %v", err)
	}
	if n := len(k.Devices()); n != 0 {
		t.Errorf("%d devices", n)
	}
}

func TestTurnedOff(t *testing.T) {
	k := start(t)
	d, token := k.paired("known", pairing.Grant{})
	i := k.invite(pairing.Grant{})
	v, code := k.picked(from("x", "10.0.0.1"))
	k.configure(func(s *pairing.Settings) { s.Enabled = false })
	k.state(v, pairing.StateTimeout)
	k.refused(v.PIN(code), pairing.CodePINExpired)
	if len(k.Invites()) != 0 {
		t.Error("an invite is open")
	}
	_, refusal := k.Redeem(from("y", "10.0.0.2"), i.Secret)
	k.refused(refusal, pairing.CodeClosed)
	if a := k.Hello(from("known", "10.0.0.9"), token, nil); a.Access == nil || a.Access.Device != d.ID {
		t.Errorf("a known device: %+v", a)
	}
}

func TestRequestFromTheDevice(t *testing.T) {
	k := start(t)
	v := k.lobby(from("client", "10.0.0.1"))
	before := v.Status()
	k.ok(v.Request("client", "tablet", []string{"write:/lights/**", "\x1b[2J"}))
	if s := v.Status(); s.ID != before.ID || s.Match != before.Match {
		t.Error("the same name made another row")
	}
	if row := k.Knocks()[0]; row.Kind != "tablet" || len(row.Want) != 2 || row.Want[1] != "[2J" {
		t.Errorf("%+v", row)
	}
	k.ok(v.Request("FOH iPad", "tablet", nil))
	s := v.Status()
	if s.ID == before.ID || s.Match == before.Match {
		t.Error("a row has changed its name under the operator's finger")
	}
	if _, err := k.Approve(before.ID, pairing.Grant{}); !errors.Is(err, pairing.ErrUnknown) {
		t.Errorf("the row before: %v", err)
	}
	if len(k.Knocks()) != 0 {
		t.Error("it is on the screen at once: that is one row in 10 s too many")
	}
	k.wait(10 * time.Second)
	_, err := k.Pick(s.ID, "ann")
	k.must(err)
	k.refused(v.Request("other", "", nil), pairing.CodeClosed)
	k.must(k.Deny(s.ID, "ann"))
	w := k.lobby(from("client", "10.0.0.1"))
	k.refused(w.Request("FOH iPad", "", nil), pairing.CodeDenied)
}
